#!/usr/bin/env bash
# Installs what the tests need and this machine lacks. Does nothing where everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# The one version that the exceptions in scripts/schemathesis.sh were judged with.
SCHEMATHESIS=4.32.5
# What makes a client of openapi.yaml, which scripts/clients.sh then calls.
GENERATOR=0.29.1
# What tests/numerics/make_sets.py solves its problems with.
LMFIT=1.3.2
PEERS=(numpy==2.3.5 scipy==1.16.3 scikit-learn==1.7.2 statsmodels==0.15.0 "lmfit==$LMFIT")

say() { echo "tools: $*"; }

apt() {
    say "installing $*"
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

command -v cargo >/dev/null || { say "Rust is missing: install it with rustup, then run this again"; exit 1; }
missing=()
command -v cc >/dev/null || missing+=(build-essential) # the embedded SQLite is compiled
command -v curl >/dev/null || missing+=(curl)          # the README's lines are run as printed
command -v python3 >/dev/null || missing+=(python3)
command -v chromium >/dev/null || missing+=(chromium)  # the page is tried in it
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -eq 0 ] || apt "${missing[@]}"

for component in rustfmt clippy; do
    command -v "cargo-${component/rustfmt/fmt}" >/dev/null || rustup component add "$component"
done

# The page is tried with the browser and the checker of accessibility that scripts/page.sh names.
PLAYWRIGHT=1.65.1
AXE=4.14.1
modules=.work/page/node_modules
version() { node -p "require('./$modules/$1/package.json').version" 2>/dev/null || true; }
if [ "$(version playwright-core) $(version axe-core)" != "$PLAYWRIGHT $AXE" ]; then
    say "installing playwright-core $PLAYWRIGHT and axe-core $AXE into .work/page"
    mkdir -p .work/page
    npm install --silent --no-audit --no-fund --no-package-lock --prefix .work/page \
        "playwright-core@$PLAYWRIGHT" "axe-core@$AXE" </dev/null
fi

venv=.work/venv
pins=("schemathesis==$SCHEMATHESIS" "openapi-python-client==$GENERATOR" "${PEERS[@]}")
installed='import importlib.metadata as m, sys; [m.version(n) == v or sys.exit(1) for n, v in (p.split("==") for p in sys.argv[1:])]'
if ! "$venv/bin/python" -c "$installed" "${pins[@]}" 2>/dev/null; then
    say "installing ${pins[*]} into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input "${pins[@]}" </dev/null
fi

# The NIST StRD nonlinear problems are in lmfit's source distribution alone.
sources=.work/sources
if [ ! -f "$sources/lmfit-$LMFIT.tar.gz" ]; then
    say "fetching the source of lmfit $LMFIT into $sources"
    "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-input --no-deps --no-binary lmfit \
        --dest "$sources" "lmfit==$LMFIT" </dev/null
fi
