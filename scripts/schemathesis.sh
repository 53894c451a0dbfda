#!/usr/bin/env bash
# Starts the service with a store in memory, throws a bounded number of generated requests at every operation of
# openapi.yaml, and holds every answer against it. The seed is fixed, so a failure can be seen again.
# FITD_SCHEMATHESIS_EXAMPLES sets how many cases an operation and phase gets (default 25).
set -euo pipefail
cd "$(dirname "$0")/.."

examples="${FITD_SCHEMATHESIS_EXAMPLES:-25}"
binary="${CARGO_TARGET_DIR:-target}/debug/fitd"
log=.work/schemathesis.log
mkdir -p .work

# The build of the tests, which they need anyway; one for the service alone would compile most of it twice.
cargo test --locked --no-run
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
FITD_LISTEN="127.0.0.1:$port" FITD_STORE=memory: FITD_LOG=warn "$binary" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT

if ! curl --silent --show-error --fail --output /dev/null --retry 100 --retry-delay 1 --retry-max-time 30 \
    --retry-connrefused "http://127.0.0.1:$port/readyz"; then
    cat "$log"
    exit 1
fi

# Every exception, with its reason:
exceptions=(
    # A schema cannot say that columns have one length, that a target is one of them, or that their values have a
    # meaning together: such a request fits the schema and is refused with a 422.
    --exclude-checks positive_data_acceptance
)

.work/venv/bin/st run "http://127.0.0.1:$port/openapi.yaml" \
    --checks all \
    "${exceptions[@]}" \
    --phases examples,coverage,fuzzing,stateful \
    --max-examples "$examples" \
    --seed 1 \
    --generation-database none \
    --request-timeout 30 \
    --workers 1 \
    --no-color

# The service must have lived through it.
kill -0 "$server"
