#!/usr/bin/env bash
# Makes a client of openapi.yaml and calls every operation of the started service with it. Then lets the clients of
# examples/clients fit the same, whose answers have to be the same.
set -euo pipefail
cd "$(dirname "$0")/.."

# A warning is something of the document that the generator did not understand.
rm -rf .work/client
mkdir -p .work/client
.work/venv/bin/openapi-python-client generate --path openapi.yaml --config tests/clients/generator.yaml \
    --meta none --output-path .work/client/fitd_client --overwrite --fail-on-warning
PYTHONPATH=.work/client scripts/served.sh .work/venv/bin/python tests/clients/generated.py ADDRESS examples/line.json
scripts/served.sh tests/clients/examples.sh ADDRESS
