#!/usr/bin/env bash
# Says which system packages are missing and installs them, as root or by sudo; else prints the one command and fails.
# Usage: system-packages.sh build|test
set -euo pipefail

purpose="${1:?build or test}"

# command or file that shows that a package is there, and the package
have() { command -v "$1" >/dev/null 2>&1; }
exists() { # any of these files
    local file
    for file in "$@"; do [ ! -e "$file" ] || return 0; done
    return 1
}
missing=()
need() { # package, test
    if ! eval "$2" >/dev/null 2>&1; then missing+=("$1"); fi
}

need build-essential 'have cc && have c++ && have make'
need cmake 'have cmake'
need pkg-config 'have pkg-config'
need libssl-dev 'exists /usr/include/openssl/ssl.h'
need libcurl4-openssl-dev 'exists /usr/include/curl/curl.h /usr/include/*/curl/curl.h'
need zlib1g-dev 'exists /usr/include/zlib.h'
need libclang-dev 'exists /usr/lib/llvm-*/lib/libclang.so* /usr/lib/*/libclang.so* /usr/lib/*/libclang-[0-9]*.so*' # not libclang-cpp
# Maven brings RocksDB's library (and, for tests, Kafka); without it RocksDB is compiled, which takes long.
if [ "${ROCKSDB:-prebuilt}" != compile ] || [ "$purpose" = test ]; then
    need maven 'have mvn'
    need unzip 'have unzip'
fi
if [ "$purpose" = test ]; then
    need curl 'have curl'
    need prometheus 'have promtool'
    need valgrind 'have valgrind'
    need nodejs 'have node'
    need npm 'have npm'
    need python3-venv 'python3 -c "import ensurepip, venv"'
    # with its compiler: examples/java runs from source
    java_is_new() { java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])' && java --list-modules | grep -q '^jdk.compiler'; }
    if ! have java || ! java_is_new; then
        java_package=openjdk-17-jdk-headless
        have apt-cache && ! apt-cache show "$java_package" >/dev/null 2>&1 && java_package=openjdk-21-jdk-headless
        missing+=("$java_package")
    fi
fi

if ! have cargo && [ ! -x "$HOME/.cargo/bin/cargo" ]; then
    echo "Rust is missing: install it by rustup, see https://rustup.rs" >&2
    exit 1
fi
[ ${#missing[@]} -gt 0 ] || exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
echo "These system packages are missing: ${missing[*]}" >&2
if ! have apt-get; then
    echo "This is no Debian or Ubuntu: install what corresponds to them, then try again." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=()
elif have sudo && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "Installing them needs root. Run this, then try again:" >&2
    echo "  sudo $install" >&2
    exit 1
fi
echo "Installing them: $install" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
# shellcheck disable=SC2086 # a list of words
"${as_root[@]}" $install >&2
