#!/usr/bin/env bash
# Fits and follows with curl: client.sh http://127.0.0.1:8080 examples/line.json
set -euo pipefail
address=$1 body=$2

# A field of an answer; of a fault, what the service says of it.
field() {
    python3 -c 'import json, sys; answer = json.load(sys.stdin); print(answer.get(sys.argv[1]) or sys.exit(answer["detail"]))' "$1"
}

# The same key makes the same fit, however often this is sent.
key=$(cat /proc/sys/kernel/random/uuid)
id=$(curl -sS --retry 5 -H 'Content-Type: application/json' -H "Idempotency-Key: $key" -d @"$body" \
    "$address/fits" | field id)

# The stream ends with the fit; after a break it goes on behind the last event that was seen.
last=0
while :; do
    while IFS= read -r line; do
        case $line in
            "id: "*) last=${line#id: } ;;
            "data: "*) echo "${line#data: }" | cut -c -200 >&2 ;;
        esac
    done < <(curl -sSN -H "Last-Event-ID: $last" "$address/fits/$id/events")
    status=$(curl -sS --retry 5 --retry-connrefused "$address/fits/$id" | field status)
    case $status in queued | running) ;; *) break ;; esac
done

curl -sS "$address/fits/$id" | python3 -c '
import json, sys
fit = json.load(sys.stdin)
print(fit["status"])
for name, value in fit.get("result", {}).get("coefficients", {}).items():
    print(f"{name} = {value:.6f}")'
