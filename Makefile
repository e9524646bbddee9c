# Everything that a task needs is installed by it, once, and again only when lib/package-lock.json changes.
SHELL := /bin/bash

LIB := lib/node_modules/.package-lock.json
AUDIT := .audit
PROFILE ?= ci

# The native program that npm installed for this platform, else the one on the PATH. npm's launchers are not installed:
# they exit 0 when the program fails.
native = "$$(ls lib/node_modules/@foundry-rs/$(1)-*/bin/$(1) 2>/dev/null | head -n 1 | grep . || echo $(1))"
FORGE := $(call native,forge)

# What forge compiles for $(1) alone is kept apart. Lints note in the cache what they compiled without writing it, and a
# test that is noted but not written would not run; Slither deletes what it finds.
apart = FOUNDRY_CACHE_PATH=cache/$(1) FOUNDRY_OUT=cache/$(1)/out

# What has no place in a Cartesi machine: async runtimes, TLS, other architectures' assembly, alloy beyond alloy-core.
TOO_FAT = async-executor|async-io|async-std|futures-executor|hyper|mio|polling|reqwest|smol|tokio|tower|native-tls|openssl|$\
	rustls|schannel|webpki|aws-lc|blst|c-kzg|keccak-asm|ring|secp256k1|sha3-asm
CORE = core|dyn-abi|json-abi|primitives|sol-macro|sol-macro-expander|sol-macro-input|sol-type-parser|sol-types

.DEFAULT_GOAL := lib
# cargo has its own idea of how many jobs are right, and would warn of the one that make has.
export CARGO_MAKEFLAGS =
.PHONY: lib test contracts crates audit audit-contracts audit-rollup audit-index audit-sim demo bench bindings snapshots

lib: $(LIB) ## installs the toolchain and the Solidity libraries

$(LIB): lib/package.json lib/package-lock.json
	npm ci --prefix lib --no-audit --no-fund
	@touch $@

test: lib ## formatting and lints, contracts, bindings, Rust, documentation
	$(MAKE) --jobs=2 contracts crates

# The compiler of Solidity takes one core for minutes; Rust's takes the other.
contracts: lib
	$(FORGE) fmt --check
	$(call apart,lint) $(FORGE) lint --deny warnings
	FOUNDRY_PROFILE=$(PROFILE) $(FORGE) test
	node test/vectors/generate.mjs --check
	FORGE=$(FORGE) node bindings/generate.mjs --check

crates: lib
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	index/tests/postgres/install.sh
	cargo test --workspace --locked
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	@t=$$(cargo tree -p stream -e normal --prefix none --locked) && ! grep -qE '^(tokio|alloy-provider) ' <<<"$$t" \
		|| { echo "stream must depend on neither tokio nor alloy-provider" >&2; exit 1; }
	@t=$$(cargo tree -p dapp -e normal --prefix none --target riscv64gc-unknown-linux-gnu --locked) \
		&& ! grep -E '^($(TOO_FAT))(-[a-z0-9-]+)? ' <<<"$$t" && ! grep -E '^alloy' <<<"$$t" | grep -vE '^alloy-($(CORE)) ' \
		|| { echo "dapp must be lean enough for a Cartesi machine, see above" >&2; exit 1; }

audit: lib ## branching trees, coverage, static analysis, long runs
	$(MAKE) --jobs=2 audit-contracts audit-rollup audit-index audit-sim

# Rollup and index spend much of it waiting: for the disk, for blocks, for processes that were killed.
audit-contracts: lib $(AUDIT)/bulloak/bin/bulloak $(AUDIT)/python/bin/slither
	$(AUDIT)/bulloak/bin/bulloak check --skip-modifiers $$(find test -name '*.tree')
	$(call apart,coverage) FORGE=$(FORGE) test/coverage.sh
	$(call apart,slither) PATH="$$(dirname $(FORGE)):$$PATH" $(AUDIT)/python/bin/slither . --config-file slither.config.json

audit-rollup: lib
	DAPP_INPUTS=10000000 DAPP_KILLS=200 ROLLUP_KILLS=100 \
		cargo test --profile campaign --locked -p dapp -p rollup --test decoders --test kill

audit-index: lib
	index/tests/postgres/install.sh
	REORG_SEEDS=210 cargo test --locked -p index --test node -- live:: --nocapture
	REORG_SEEDS=40 cargo test --locked -p index --test node -- lies:: matrix::

audit-sim: lib
	SIM_FLASH_STEPS=100000 cargo test --locked -p sim --test flash_v3
	cargo build --locked -p cli && sim/deploy/try.sh "$${CARGO_TARGET_DIR:-target}/debug/streamctl"

$(AUDIT)/bulloak/bin/bulloak:
	cargo install bulloak --version 0.9.2 --locked --root $(AUDIT)/bulloak

$(AUDIT)/python/bin/slither:
	python3 -m venv $(AUDIT)/python
	$(AUDIT)/python/bin/pip install --quiet slither-analyzer==0.11.6

demo: lib ## plays the circle through a rollup on a local chain, then the life of a stream and its index
	cargo build --locked -p cli -p dapp
	cargo run --locked -p cli -- rollup demo
	cargo run --locked -p cli -- demo

bench: lib ## gas beside the peers', requests and start-up of streamctl, accrual per call, rollup, simulation, index
	$(FORGE) test --match-path 'test/gas/*'
	cargo bench --locked -p cli --bench streamctl
	cargo bench --locked -p stream --bench accrual
	cargo bench --locked -p dapp --bench streams
	cargo bench --locked -p rollup --bench node
	cargo bench --locked -p sim --bench sim
	cargo bench --locked -p index --bench index

bindings: lib ## regenerates bindings/abi from the contracts
	FORGE=$(FORGE) node bindings/generate.mjs

snapshots: lib ## measures gas anew and writes test/snapshots
	$(FORGE) test --match-path 'test/gas/*' --gas-snapshot-emit true --gas-snapshot-check false
