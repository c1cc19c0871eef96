# Weft: two commands to know, `make demo` and `make test`. Everything else is a part of these.

SHELL := /bin/sh
CARGO ?= cargo
NPM ?= npm --no-fund --no-audit --loglevel=error

.DEFAULT_GOAL := help
.PHONY: help demo test tools browser playground lint licences rust-tests page-tests docs load oracle

help: ## Says what can be made
	@echo "make demo   builds everything, starts the three demo services and the gateway"
	@echo "make test   builds everything and runs every test and check; this is what CI runs"
	@echo
	@echo "Parts of these: make playground | lint | licences | rust-tests | page-tests | docs | load | oracle"

demo: tools playground ## Starts the demo; Ctrl-C stops it
	@echo "== Building weft (release; the first time takes a few minutes)"
	@$(CARGO) build --release --locked
	@exec ./target/release/weft demo

test: tools browser playground lint licences rust-tests page-tests docs ## All tests and checks
	@echo "== All tests and checks passed"

tools:
	@playground/require cargo node npm cc

browser:
	@playground/require chromium

# The lock file is the stamp: an install is needed when it changed, and only then.
playground/node_modules/.package-lock.json: playground/package-lock.json
	@echo "== Installing the playground's packages"
	@cd playground && $(NPM) ci

playground/dist/index.html: playground/node_modules/.package-lock.json playground/index.html playground/vite.config.js $(wildcard playground/src/*)
	@echo "== Building the playground"
	@cd playground && $(NPM) run --silent build -- --logLevel warn

playground: tools playground/dist/index.html ## Builds the page that the binary embeds

lint: playground
	@echo "== Checking format and lints"
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# Kept below target/, so that it is built once and goes with the rest.
target/tools/bin/cargo-deny:
	@echo "== Installing cargo-deny (once, some minutes)"
	@$(CARGO) install --quiet --locked --root target/tools cargo-deny@0.20.2

licences: target/tools/bin/cargo-deny
	@echo "== Checking the licences and sources of what is built in"
	@./target/tools/bin/cargo-deny --log-level error check bans licenses sources

rust-tests: playground
	@echo "== Running the Rust tests"
	@$(CARGO) test --workspace --locked

page-tests: playground browser
	@echo "== Running the HTTP audits and the playground in a browser, against the real binary"
	@$(CARGO) build --locked
	@cd playground && WEFT="$(CURDIR)/target/debug/weft" $(NPM) test --silent

docs:
	@echo "== Building the documentation"
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

load: ## Load on the demo page; needs wrk
	@$(CARGO) build --release --locked
	@benches/demo-load

CASES ?= 100000
SEED ?= 1

oracle: ## Random cases, compared with an unsplit service: CASES=1000000 SEED=1
	@echo "== Comparing $(CASES) random cases, from seed $(SEED)"
	@ORACLE_CASES=$(CASES) ORACLE_SEED=$(SEED) $(CARGO) test --release --locked --test federation -- --exact oracle --nocapture
