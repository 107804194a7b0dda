#!/usr/bin/env bash
# Prints a directory that holds librocksdb.so in the very version that Cargo.lock names, after fetching it by Maven:
# seconds instead of twenty minutes of compiling. Prints nothing where RocksDB is to be compiled (ROCKSDB=compile, no
# Maven, no prebuilt library for this machine).
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "rocksdb: $1" >&2; }

[ "${ROCKSDB:-prebuilt}" != compile ] || { say "compiling from source, as ROCKSDB=compile says: about 20 minutes, once"; exit 0; }

version=$(grep -A1 '^name = "librocksdb-sys"$' Cargo.lock | sed -nE 's/^version = ".*\+([0-9.]+)"$/\1/p')
[ -n "$version" ] || { say "Cargo.lock names no version of librocksdb-sys"; exit 1; }

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) library=librocksdbjni-linux64.so ;;
    Linux-aarch64) library=librocksdbjni-linux-aarch64.so ;;
    *) say "no prebuilt library for $(uname -s) on $(uname -m): compiling from source, about 20 minutes, once"; exit 0 ;;
esac

cache="${XDG_CACHE_HOME:-$HOME/.cache}/tsuikyaku/rocksdb-$version"
if [ -e "$cache/librocksdb.so" ]; then
    echo "$cache"
    exit 0
fi
if ! command -v mvn >/dev/null || ! command -v unzip >/dev/null; then
    say "Maven or unzip is missing: compiling from source, about 20 minutes, once (apt-get install maven unzip avoids it)"
    exit 0
fi

say "fetching the prebuilt library of RocksDB $version by Maven (org.rocksdb:rocksdbjni, 75 MB) into $cache"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$cache/librocksdb.so" ]; then
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    if ! mvn -q -B -Dstyle.color=never dependency:copy -Dartifact="org.rocksdb:rocksdbjni:$version" -DoutputDirectory="$work" >&2; then
        say "Maven could not fetch it (its messages stand above): compiling from source, about 20 minutes, once"
        exit 0
    fi
    unzip -q -o "$work/rocksdbjni-$version.jar" "$library" -d "$work"
    mv "$work/$library" "$cache/librocksdb.so"
fi
echo "$cache"
