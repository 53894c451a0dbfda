#!/usr/bin/env bash
# Runs every test of the crate with cargo-nextest where it is installed, else with cargo's own runner, and takes what the
# tests measured into docs/TESTING.md.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p .work/figures
log=.work/figures/test.log
runner=(cargo test --locked --no-fail-fast -- --show-output)
if command -v cargo-nextest >/dev/null; then
    runner=(cargo nextest run --locked --no-fail-fast)
fi
"${runner[@]}" 2>&1 | tee "$log"
scripts/figures.py test "$log"
