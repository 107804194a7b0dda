# Everything that is done to this repository by hand has its command here; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo build test laws fuzz mutants lint fmt bench guard bench-peer chaos simulate check-deploy packages

export PATH := $(PATH):$(HOME)/.cargo/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tsuikyaku
# Outside of the clone: a fresh clone builds in seconds.
export CARGO_TARGET_DIR ?= $(CACHE)/target
# prebuilt: RocksDB's library from Maven, in seconds. compile: from source, about 20 minutes, some 9 % faster.
export ROCKSDB ?= prebuilt
# Further arguments of `make demo`, as DEMO="--seed 7 --rate 500".
DEMO ?=
# `make laws`: for how long, and the first seed; a failing one replays with `make laws SEED=n MINUTES=0`.
MINUTES ?= 10
SEED ?= $(shell date +%s)

# Finds RocksDB before a recipe calls cargo.
ROCKSDB_ENV = dir=$$(deploy/rocksdb.sh); \
	if [ -n "$$dir" ]; then export ROCKSDB_LIB_DIR="$$dir" LD_LIBRARY_PATH="$$dir$${LD_LIBRARY_PATH:+:$$LD_LIBRARY_PATH}"; fi;

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

demo: build ## the whole pipeline in one process, with simulated leads; Ctrl-C ends it
	@bin/tsuikyaku demo $(DEMO)

build: ## the program, as bin/tsuikyaku
	@deploy/system-packages.sh build
	@$(ROCKSDB_ENV) cargo build --bin tsuikyaku
	@mkdir -p bin && ln -sfn "$(CARGO_TARGET_DIR)/debug/tsuikyaku" bin/tsuikyaku

test: check-deploy ## everything, with a real Kafka broker that is fetched by itself
	@$(ROCKSDB_ENV) cargo test
	@$(MAKE) fuzz

laws: ## the model's laws over random events for MINUTES=10, from SEED=n on; a failing seed is printed
	@$(ROCKSDB_ENV) cargo test --no-run --test laws --test scripts
	@$(ROCKSDB_ENV) export PROPTEST_CASES=2560; end=$$(( $$(date +%s) + $(MINUTES) * 60 )); seed=$(SEED); \
	while echo "laws: seed $$seed"; do \
	  PROPTEST_RNG_SEED=$$seed cargo test -q --test laws --test scripts \
	    || { echo "laws: replay with make laws SEED=$$seed MINUTES=0"; exit 1; }; \
	  seed=$$((seed + 1)); [ $$(date +%s) -lt $$end ] || break; \
	done; echo "laws: all hold, seeds $(SEED) to $$((seed - 1))"

lint: ## formatting, clippy with warnings as errors, and whether the patches of mutants/ still apply
	@deploy/system-packages.sh build
	@cargo fmt --all --check
	@for patch in mutants/*.patch; do git apply --check "$$patch" || { echo "$$patch does not apply: mend it"; exit 1; }; done
	@$(ROCKSDB_ENV) cargo clippy --all-targets -- -D warnings
	@$(ROCKSDB_ENV) cargo clippy -p fuzz -- -D warnings

fmt: ## format the code
	@cargo fmt --all

# `make fuzz`: without MINUTES, a fixed count of inputs for each target, about a minute's; INPUT=file replays one.
TARGET ?=
INPUT ?=
given = $(filter command line environment,$(origin $(1)))
FUZZ_OPTIONS = $(if $(TARGET),--target $(TARGET)) $(if $(call given,SEED),--seed $(SEED)) \
	$(if $(call given,MINUTES),--minutes $(MINUTES))
fuzz: ## hostile bytes for all that reads bytes, guided by coverage; MINUTES=n for longer, TARGET=x for one, SEED=s
	@$(ROCKSDB_ENV) export RUSTC_WORKSPACE_WRAPPER="$(CURDIR)/tests/fuzz/instrument.sh"; cargo build -p fuzz; \
	fuzz="$(CARGO_TARGET_DIR)/debug/fuzz"; \
	if [ -n "$(INPUT)" ]; then "$$fuzz" replay $(TARGET) "$(INPUT)"; else "$$fuzz" run $(FUZZ_OPTIONS); fi

# MUTANT=part of a name: only those, and the table is not written.
MUTANT ?=
mutants: ## break the product on purpose, patch by patch (mutants/), and see that the tests notice each of them
	@deploy/system-packages.sh test
	@$(ROCKSDB_ENV) mutants/run.sh "$(MUTANT)"

# HOURS=0: every fault TIMES=3. FAULT=restore: only those with that in their name. ZOMBIES=500: so many stopped workers.
HOURS ?= 0
SEED ?= 1
FAULT ?=
TIMES ?=
ZOMBIES ?=
chaos: ## break the running program on purpose for HOURS=n, in the order of SEED=s, and judge what came out
	@deploy/system-packages.sh test
	@$(ROCKSDB_ENV) CHAOS_HOURS=$(HOURS) CHAOS_SEED=$(SEED) CHAOS_FAULT="$(FAULT)" CHAOS_TIMES=$(TIMES) \
	  CHAOS_ZOMBIES=$(ZOMBIES) cargo test --test chaos -- --nocapture

# EVENTS=n: until so many have happened. KEEP=n,n: only these items of the seed.
EVENTS ?= 0
KEEP ?=
# As optimized as a release, with the places at which processes die.
simulate: ## simulated faults for HOURS=n or EVENTS=n, from SEED=n on; a failing seed is shrunk and printed
	@deploy/system-packages.sh build
	@$(ROCKSDB_ENV) CARGO_PROFILE_DEV_OPT_LEVEL=3 SIM_HOURS=$(HOURS) SIM_EVENTS=$(EVENTS) SIM_SEED=$(SEED) SIM_KEEP="$(KEEP)" \
	  cargo test --test simulation every_fault -- --nocapture

bench: ## benches of the core, and one end to end on a real broker; compiles RocksDB (slow, once)
	@deploy/system-packages.sh test
	@CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)-compiled" cargo bench

# ACCEPT=1 makes what is counted now the baseline.
ACCEPT ?=
guard: ## instructions of the core against benches/core.baseline; more than 5 % more fails
	@deploy/system-packages.sh test
	@$(ROCKSDB_ENV) cargo bench --bench core -- $(if $(ACCEPT),--accept,--guard)

# Arguments of the comparison, as PEER="--only zipf"; `benches/peer/compare --help` lists them.
PEER ?=
bench-peer: ## against the same scoring on Kafka Streams, by turns; an hour on a machine that does nothing else
	@deploy/system-packages.sh test
	@$(ROCKSDB_ENV) cargo build --release --bin tsuikyaku && benches/peer/compare $(PEER)

check-deploy: packages ## what stands in deploy/: Compose schema, Prometheus configuration
	@deploy/check.sh

packages:
	@deploy/system-packages.sh test
