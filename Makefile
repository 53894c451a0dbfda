# The two commands of this repository are `make run` and `make test`; the rest are their parts.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A million random fits: FITD_RANDOM_FITS says how many.
FITD_RANDOM_FITS ?= 1000000
# Ten thousand fits whose memory is measured.
FITD_MEMORY_FITS ?= 10000
# Two million texts for the formulas' parser.
FITD_FUZZ_FORMULAS ?= 2000000

.PHONY: accuracy soak help run test tools format lint container schemathesis sets nextest examples

help: ## Lists what there is.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /: /'

run: ## Builds the service and serves it on 127.0.0.1:8080, with its store in ./fitd-data.
	cargo build --release --locked
	@scripts/hint.sh
	exec cargo run --release --locked --quiet

# The runner comes last, so that its count closes the output.
test: tools format lint container schemathesis sets nextest ## Passes every check and every test, and installs what they need.

tools: ## Installs what the tests need and this machine lacks.
	scripts/tools.sh

format: ## Checks the formatting.
	cargo fmt --check

lint: ## Takes every lint of Cargo.toml as an error.
	cargo clippy --locked --all-targets -- -D warnings

container: ## Runs the Dockerfile's build command, and its binary as the image would.
	scripts/container.sh

schemathesis: ## Throws generated requests at the started service and holds its answers against openapi.yaml.
	scripts/schemathesis.sh

sets: tests/numerics/sets/summary.txt ## Solves the reference problems of the numeric tests, where they are older than how.

# The summary is written last.
tests/numerics/sets/summary.txt: $(wildcard tests/numerics/*.py) scripts/tools.sh | tools
	.work/venv/bin/python tests/numerics/make_sets.py

nextest: ## Runs every test of the crate.
	scripts/nextest.sh

examples: ## Writes examples/ and the reference values again; both come out the same.
	python3 examples/make_examples.py
	python3 tests/numerics/reference/make_reference.py

accuracy: sets ## Writes docs/ACCURACY.md from what the accuracy tests print.
	scripts/accuracy.sh

soak: ## Runs the long repetitions: a million random fits, ten thousand measured ones, two million formulas.
	FITD_RANDOM_FITS=$(FITD_RANDOM_FITS) cargo test --locked --lib -- --nocapture random_fits
	FITD_MEMORY_FITS=$(FITD_MEMORY_FITS) cargo test --locked --test memory -- --nocapture
	FITD_FUZZ_FORMULAS=$(FITD_FUZZ_FORMULAS) cargo test --locked --lib -- --nocapture no_text_overflows
