#!/bin/sh
# Cargo's RUSTC_WORKSPACE_WRAPPER: compiles our own crates with the counters that libFuzzer is guided by, optimized, and
# with every assertion. On stable Rust; dependencies stay as they are, so that they are built once for all tests.
case " $* " in *" --crate-name build_script_"*) exec "$@" ;; esac
exec "$@" -Copt-level=2 -Cdebug-assertions=on -Coverflow-checks=on -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
