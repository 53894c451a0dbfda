#!/usr/bin/env bash
# Tries the page in a real browser. The screenshots stay in .work/pictures.
set -euo pipefail
cd "$(dirname "$0")/.."

# The build of the tests, as scripts/served.sh takes it.
cargo test --locked --no-run --quiet
rm -rf .work/pictures
FITD="$PWD/${CARGO_TARGET_DIR:-target}/debug/fitd" CHROMIUM="$(command -v chromium)" PAGE_TOOLS="$PWD/.work/page" \
    PAGE_PICTURES="$PWD/.work/pictures" node --test tests/page/
