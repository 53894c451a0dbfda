#!/usr/bin/env bash
# Tries orders of wake-ups, cancellation and shutdown under a scheduler of its own; FITD_SCHEDULES says how many.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p .work/figures
# A share of it takes seconds, and compiling for the scheduler the rest: what it links against is the tests' own.
cargo test --locked --features shuttle --lib jobs::interleavings -- --nocapture --test-threads 1 2>&1 |
    tee .work/figures/interleavings.log | grep -E "^(test|figure|error|thread)|panicked" | sed 's/^test .*figure/figure/'
scripts/figures.py "${1:-test}" .work/figures/interleavings.log
