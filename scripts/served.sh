#!/usr/bin/env bash
# Starts the service, as the tests have built it, with a store in memory on a free port, and runs a command against it, in
# whose words ADDRESS stands for where it is. The service has to live through it.
set -euo pipefail
cd "$(dirname "$0")/.."

binary="${CARGO_TARGET_DIR:-target}/debug/fitd"
log=.work/served.log
mkdir -p .work

# The build of the tests, which they need anyway; one for the service alone would compile most of it twice.
cargo test --locked --no-run
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
address="http://127.0.0.1:$port"
FITD_LISTEN="127.0.0.1:$port" FITD_STORE=memory: FITD_LOG=warn "$binary" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT

if ! curl --silent --show-error --fail --output /dev/null --retry 100 --retry-delay 1 --retry-max-time 30 \
    --retry-connrefused "$address/readyz"; then
    cat "$log"
    exit 1
fi
"${@//ADDRESS/$address}"
kill -0 "$server"
