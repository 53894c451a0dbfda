#!/usr/bin/env bash
# Throws a bounded number of generated requests at every operation of openapi.yaml, and holds every answer against it. The
# seed is fixed, so a failure can be seen again.
# FITD_SCHEMATHESIS_EXAMPLES sets how many cases an operation and phase gets (default 25).
set -euo pipefail
cd "$(dirname "$0")/.."

examples="${FITD_SCHEMATHESIS_EXAMPLES:-25}"

# Every exception, with its reason:
exceptions=(
    # A schema cannot say that columns have one length, that a target is one of them, or that their values have a
    # meaning together: such a request fits the schema and is refused with a 422.
    --exclude-checks positive_data_acceptance
)

scripts/served.sh .work/venv/bin/st run ADDRESS/openapi.yaml \
    --checks all \
    "${exceptions[@]}" \
    --phases examples,coverage,fuzzing,stateful \
    --max-examples "$examples" \
    --seed 1 \
    --generation-database none \
    --request-timeout 30 \
    --workers 1 \
    --no-color
