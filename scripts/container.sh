#!/usr/bin/env bash
# What can be said of the image without a container engine: the Dockerfile's build command builds, and the binary starts
# as a user without rights, with the image's environment, and does its work.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "container: $*"; }

build="$(sed -n 's/^RUN \(cargo build .*\)$/\1/p' Dockerfile)"
[ -n "$build" ] || { say "the Dockerfile has no build command"; exit 1; }
say "$build"
eval "$build"

# The image's environment: every ENV line with its continuations.
mapfile -t environment < <(sed -n '/^ENV /,/[^\\]$/p' Dockerfile | sed 's/^ENV //; s/\\$//' | tr -s ' \n' '\n' | grep =)
say "with ${environment[*]}"

stage="$(mktemp -d)"
made_data=
cleanup() {
    [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
    rm -rf "$stage"
    [ -z "$made_data" ] || rm -rf /data
}
trap cleanup EXIT
chmod 755 "$stage"
install -m 755 "${CARGO_TARGET_DIR:-target}/release/fitd" "$stage/fitd"

# As root we can have /data and another user, like the image; else the same binary runs on a folder of our own.
as=()
if [ "$(id -u)" -eq 0 ] && [ ! -e /data ]; then
    mkdir /data
    made_data=yes
    chown nobody /data
    as=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups)
else
    environment+=("FITD_STORE=sqlite:$stage/fitd.db")
    [ "$(id -u)" -ne 0 ] || { as=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups); chown nobody "$stage"; }
fi
# The image's port may be taken here; everything else is as in the image.
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
environment+=("FITD_LISTEN=0.0.0.0:$port")

(cd / && exec "${as[@]}" env -i "${environment[@]}" "$stage/fitd" serve) >"$stage/log" 2>&1 &
server=$!
curl --silent --fail --output /dev/null --retry 60 --retry-delay 1 --retry-max-time 30 --retry-connrefused \
    "http://127.0.0.1:$port/readyz" || { cat "$stage/log"; exit 1; }
[ "$(ps -o user= -p "$server")" != root ] || [ "$(id -u)" -ne 0 ] || { say "it runs as root"; exit 1; }
env -i "${environment[@]}" "$stage/fitd" healthcheck
curl --silent --fail -H 'Content-Type: application/json' -H 'Prefer: wait=10' -d @examples/line_auto.json \
    "http://127.0.0.1:$port/fits" | grep -q '"status":"succeeded"'
kill -TERM "$server"
wait "$server"
server=
say "built, started without rights, healthy, fitted, stopped"
