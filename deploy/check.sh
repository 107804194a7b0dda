#!/usr/bin/env bash
# Checks what stands in deploy/ without starting it: compose.yaml against the Compose schema, prometheus.yml by promtool.
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
