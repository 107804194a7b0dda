#!/usr/bin/env bash
# Prints a directory with what the programs under examples/ need, after fetching it by pip, npm and Maven:
# venv/ (Python), node_modules/, java/*.jar.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/tsuikyaku/examples-1" # count up with each change of versions
if [ -e "$cache/ready" ]; then
    echo "$cache"
    exit 0
fi

fail() { echo "example-libraries: $1" >&2; exit 1; }
command -v python3 >/dev/null || fail "no python3 found: apt-get install python3-venv"
command -v npm >/dev/null || fail "no npm found: apt-get install nodejs npm"
command -v mvn >/dev/null || fail "no mvn found: apt-get install maven"
java --list-modules 2>/dev/null | grep -q '^jdk.compiler' || fail "no JDK 17 found: apt-get install openjdk-17-jdk-headless"

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$cache/ready" ]; then
    echo "example-libraries: fetching clients of Python, Node and Java into $cache" >&2
    rm -rf "$cache/venv" "$cache/node_modules" "$cache/java"
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check confluent-kafka==2.16.1 fastavro==1.13.1 >&2
    echo '{"private": true}' >"$cache/package.json"
    npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$cache" kafkajs@2.2.4 avsc@5.7.9 >&2
    cat >"$cache/pom.xml" <<'POM'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>examples</groupId><artifactId>java</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>4.1.0</version></dependency>
    <dependency><groupId>org.apache.avro</groupId><artifactId>avro</artifactId><version>1.12.0</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
    mvn -q -B -f "$cache/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/java" >&2
    touch "$cache/ready"
fi
echo "$cache"
