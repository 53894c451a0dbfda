#!/usr/bin/env bash
# Writes docs/ACCURACY.md from what the accuracy tests print: the NIST StRD linear problems, and the peers' data sets.
set -euo pipefail
cd "$(dirname "$0")/.."

nist="$(cargo test --locked --test numerics nist -- --nocapture 2>/dev/null | grep -E '^[A-Za-z0-9]+: estimates' || true)"
sets="$(cargo test --locked --test api sets::every_problem -- --nocapture 2>/dev/null | grep -E 'digits of' || true)"
seeds="$(cargo test --locked --test numerics robust -- --nocapture 2>/dev/null | grep -E 'of 100 seeds' || true)"
test -n "$nist" && test -n "$sets" && test -n "$seeds"

NIST="$nist" SETS="$sets" SEEDS="$seeds" python3 - tests/numerics/sets > docs/ACCURACY.md <<'PY'
import json, os, pathlib, re, sys

print("""# How many digits are right

`make accuracy` writes this page. Digits are −log₁₀ of the relative error, the fewest over everything that is compared, of
16 at most. Every fit is posted as a client would post it, with `auto` and without a hyperparameter.

## NIST StRD, linear

Certified values of the Statistical Reference Datasets. A dash means that the certified errors are 0.

| problem | estimates | standard errors | R² |
|---|---|---|---|""")
for line in os.environ["NIST"].splitlines():
    name, estimates, errors, r = re.match(r"(\w+): estimates ([\d.]+), standard errors Some\(([\d.]+)\), R² ([\d.]+)", line).groups()
    shown = "–" if float(errors) >= 16 else f"{float(errors):.1f}"
    print(f"| {name} | {estimates} | {shown} | {r} |")
print("""
## The peers' data sets

scikit-learn's bundled sets and simulated counts and amounts, exported by `make sets` with the values that the peers find. The
coefficients, standard errors, loss, objective, log-likelihood, AIC, BIC, deviance and R² that the peer gives are compared;
the table names the worst.

| problem | peer | optimizer | digits | of |
|---|---|---|---|---|""")
how = {}
for path in pathlib.Path(sys.argv[1]).glob("*.json"):
    if not path.name.endswith(".columns.json"):
        problem = json.loads(path.read_text())
        how[problem["name"]] = problem["how"]
for line in os.environ["SETS"].splitlines():
    name, digits, what, by = re.match(r"(\S+): ([\d.]+) digits of (.+) by \"(\w+)\"", line).groups()
    print(f"| {name} | {how[name]} | {by} | {digits} | {what} |")
print("""
## Several minima

Cauchy loss on a mixture of two lines, each of which is a minimum: how many of 100 seeds find the global one with
`restarts: 16`, by where the starts are.

| starts | seeds that find it |
|---|---|""")
for line in os.environ["SEEDS"].splitlines():
    spread, hits = re.match(r"(\w+): (\d+) of 100", line).groups()
    print(f"| {'exact fits through rows' if spread == 'Rows' else 'Latin hypercube'} | {hits} of 100 |")
PY
