#!/usr/bin/env bash
# Checks what stands in deploy/ without starting it: compose.yaml against the Compose schema, prometheus.yml by promtool.
# And what docs/ promises to other programs: the JSON Schemas, real records against them, the AsyncAPI document.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.39.0
venv="${XDG_CACHE_HOME:-$HOME/.cache}/tsuikyaku/check-jsonschema-$version"
if [ ! -e "$venv/ready" ]; then
    echo "check-deploy: fetching check-jsonschema $version into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "check-jsonschema==$version"
    touch "$venv/ready"
fi
"$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose.yaml
promtool check config deploy/prometheus.yml

"$venv/bin/check-jsonschema" --check-metaschema docs/schemas/*.json
for name in ready escalated withdrawn; do
    "$venv/bin/check-jsonschema" --schemafile docs/schemas/ready.json "docs/examples/$name.json"
done
for name in score outcome; do
    "$venv/bin/check-jsonschema" --schemafile "docs/schemas/$name.json" "docs/examples/$name.json"
done

version=3.6.3
parser="${XDG_CACHE_HOME:-$HOME/.cache}/tsuikyaku/asyncapi-parser-$version"
if [ ! -e "$parser/ready" ]; then
    echo "check-deploy: fetching the AsyncAPI parser $version into $parser" >&2
    rm -rf "$parser"
    mkdir -p "$parser"
    echo '{"private": true}' >"$parser/package.json"
    npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$parser" "@asyncapi/parser@$version" >&2
    touch "$parser/ready"
fi
NODE_PATH="$parser/node_modules" node -e '
const { Parser, fromFile } = require("@asyncapi/parser");
fromFile(new Parser(), process.argv[1]).parse().then(({ document, diagnostics }) => {
  diagnostics.filter(({ severity }) => severity < 2).forEach(({ path, message }) => console.error(path.join("."), message));
  if (!document) process.exit(1);
  console.log("ok -- AsyncAPI document is valid");
});' docs/asyncapi.yaml
