# The two commands of this repository are `make run` and `make test`; the rest are their parts.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

.PHONY: accuracy interleavings planted soak help run test tools format lint clients container page schemathesis sets nextest examples

help: ## Lists what there is.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /: /'

run: ## Builds the service and serves it on 127.0.0.1:8080, with its store in ./fitd-data.
	cargo build --release --locked
	@scripts/hint.sh
	exec cargo run --release --locked --quiet

# The runner comes last, so that its count closes the output.
test: tools format lint container schemathesis clients page sets interleavings nextest ## Passes every check and every test, and installs what they need.

tools: ## Installs what the tests need and this machine lacks.
	scripts/tools.sh

format: ## Checks the formatting.
	cargo fmt --check

lint: ## Takes every lint of Cargo.toml as an error.
	cargo clippy --locked --all-targets --features shuttle -- -D warnings

container: ## Runs the Dockerfile's build command, and its binary as the image would.
	scripts/container.sh

schemathesis: ## Throws generated requests at the started service and holds its answers against openapi.yaml.
	scripts/schemathesis.sh

clients: ## Makes a client of openapi.yaml and calls every operation of the started service with it.
	scripts/clients.sh

page: ## Tries the page in a real browser; the screenshots stay in .work/pictures.
	scripts/page.sh

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

planted: ## Plants faults on purpose, one after another, and shows that a test finds each.
	scripts/planted.sh

interleavings: ## Tries thousands of orders of wake-ups, cancellation and shutdown.
	scripts/interleavings.sh

soak: ## Runs the long repetitions, for some hours, and writes what they measured into docs/TESTING.md.
	scripts/soak.sh
