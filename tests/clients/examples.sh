#!/usr/bin/env bash
# Each client of examples/clients fits examples/line.json; all of them have to print what the textbook's descent comes to.
set -euo pipefail
address=$1
clients=examples/clients
expected="$(python3 - examples/line.json <<'PY'
import json, sys
fit = json.load(open(sys.argv[1]))
xs, ys = fit["data"]["x"], fit["data"]["y"]
slope, intercept = fit["start"]["x"], fit["start"]["intercept"]
for _ in range(fit["stop"]["max_iterations"]):
    errors = [slope * x + intercept - y for x, y in zip(xs, ys)]
    step = 2 * fit["optimizer"]["learning_rate"] / len(xs)
    slope, intercept = slope - step * sum(e * x for e, x in zip(errors, xs)), intercept - step * sum(errors)
print(f"succeeded\nx = {slope:.6f}\nintercept = {intercept:.6f}")
PY
)"

run() {
    local found
    found="$("$@" "$address" examples/line.json)"
    [ "$found" = "$expected" ] || { echo "$1 printed: $found"; exit 1; }
    # A body that is at fault is told, and is no success.
    if "$@" "$address" tests/clients/faulty.json >/dev/null 2>&1; then echo "$1 takes a fault for a success"; exit 1; fi
    echo "client: $* agrees"
}

run $clients/client.sh
run python3 $clients/client.py
run node $clients/client.mjs
run "${CARGO_TARGET_DIR:-target}/debug/examples/client"
