#!/usr/bin/env bash
# Runs every test of the crate with cargo-nextest where it is installed, else with cargo's own runner.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v cargo-nextest >/dev/null; then
    exec cargo nextest run --locked --no-fail-fast
fi
exec cargo test --locked --no-fail-fast
