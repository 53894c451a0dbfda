#!/usr/bin/env bash
# The long repetitions. Each part writes what it measured into docs/TESTING.md when it has passed. With arguments: only the
# parts of these names. The variables say how long each part is.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .work/figures

part() {
    local name=$1
    shift
    if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then return; fi
    echo "soak: $name"
    local log=.work/figures/soak-$name.log
    env "$@" >"$log" 2>&1 || { tail -40 "$log"; echo "soak: $name failed"; exit 1; }
    # A name that selects no test must not look like a part that has passed.
    if [ "$name" != planted ]; then
        grep -qE "test result: ok\. [1-9]" "$log" || { echo "soak: $name ran no test"; exit 1; }
    fi
    grep -hoE "figure: .*" "$log" || true
    scripts/figures.py soak "$log"
}

wanted=("$@")
tests=(cargo test --locked)
alone=(-- --nocapture --test-threads 1)

part fits FITD_RANDOM_FITS="${FITD_RANDOM_FITS:-1000000}" "${tests[@]}" --lib random_fits "${alone[@]}"
part formulas FITD_FUZZ_FORMULAS="${FITD_FUZZ_FORMULAS:-2000000}" "${tests[@]}" --lib no_text_overflows "${alone[@]}"
part memory FITD_MEMORY_FITS="${FITD_MEMORY_FITS:-10000}" "${tests[@]}" --test memory "${alone[@]}"
part cancels FITD_CANCELS="${FITD_CANCELS:-5}" "${tests[@]}" --lib cancelling "${alone[@]}"
part power FITD_POWER_IMAGES="${FITD_POWER_IMAGES:-120000}" FITD_WRITE_FAULTS="${FITD_WRITE_FAULTS:-2000}" \
    "${tests[@]}" --test power "${alone[@]}"
part kills FITD_KILLS="${FITD_KILLS:-600}" FITD_RACES="${FITD_RACES:-10000}" FITD_STOPS="${FITD_STOPS:-20}" \
    "${tests[@]}" --test kills "${alone[@]}"
part flat FITD_FLAT_FITS="${FITD_FLAT_FITS:-1000000}" "${tests[@]}" --test faults flat "${alone[@]}"
part sharing "${tests[@]}" --lib jobs::sharing "${alone[@]}"
if [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" interleavings "* ]]; then
    FITD_SCHEDULES="${FITD_SCHEDULES:-100000}" scripts/interleavings.sh soak
fi
part planted scripts/planted.sh
