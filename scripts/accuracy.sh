#!/usr/bin/env bash
# Writes docs/ACCURACY.md from what the accuracy tests print: the NIST StRD problems, linear and nonlinear, the peers' data
# sets, and how often restarts find the best of several minima.
set -euo pipefail
cd "$(dirname "$0")/.."

nist="$(cargo test --locked --test numerics nist -- --nocapture 2>/dev/null | grep -E '^[A-Za-z0-9]+: estimates' || true)"
sets="$(cargo test --locked --test api sets::every_problem -- --nocapture 2>/dev/null | grep -E 'digits of' || true)"
curves="$(cargo test --locked --test numerics nonlinear -- --nocapture 2>/dev/null | grep -oE '[A-Za-z0-9]+ start [0-9]+: estimates.*' || true)"
seeds="$(cargo test --locked --test numerics -- --nocapture robust:: global:: 2>/dev/null | grep -oE '[A-Za-z_]+: [0-9]+ of 100 seeds.*' || true)"
test -n "$nist" && test -n "$sets" && test -n "$curves" && test -n "$seeds"

NIST="$nist" SETS="$sets" CURVES="$curves" SEEDS="$seeds" python3 - tests/numerics/sets > docs/ACCURACY.md <<'PY'
import json, math, os, pathlib, re, sys

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
ours = {}
for line in os.environ["CURVES"].splitlines():
    name, start, estimates, errors, warnings = re.match(
        r"(\w+) start (\d+): estimates ([\d.]+), standard errors ([\d.]+), converged \w+, warnings \[(.*)\]", line
    ).groups()
    ours[name, int(start)] = (float(estimates), float(errors), warnings)
peers = json.loads((pathlib.Path(sys.argv[1]) / "nonlinear_peers.json").read_text())
fits = peers["fits"]
assert len(fits) == len(ours), f"{len(ours)} fits, and {len(fits)} of the peers"
columns = {
    "fitd, estimates": [ours[fit["problem"], fit["start"]][0] for fit in fits],
    "fitd, standard errors": [ours[fit["problem"], fit["start"]][1] for fit in fits],
    "curve_fit, estimates": [math.floor(10 * fit["curve_fit"]["estimates"]) / 10 for fit in fits],
    "lmfit, estimates": [math.floor(10 * fit["lmfit"]["estimates"]) / 10 for fit in fits],
}
limited = [fit for fit in fits if "at_float_limit" in ours[fit["problem"], fit["start"]][2]]
print(f"""
## NIST StRD, nonlinear

All 27 problems from both starts of the collection, posted as formulas with nothing but the start values; {peers["peers"]["curve_fit"]}
and {peers["peers"]["lmfit"]} at their defaults, measured by `make sets`. Digits are rounded down here. What is certified
has 11, so that more than 11 are chance; 0 is a fit that failed or went elsewhere. A star marks the warning `at_float_limit`:
the residuals are the rounding of the data.

| problem | start | {" | ".join(columns)} |
|---|---{"|---" * len(columns)}|""")
for row, fit in enumerate(fits):
    star = "*" if fit in limited else ""
    shown = " | ".join(f"{column[row]:.1f}" for column in columns.values())
    print(f"| {fit['problem']}{star} | {fit['start']} | {shown} |")
print(f"""
How many of the {len(fits)} starts reach so many digits:

| digits | {" | ".join(columns)} |
|---{"|---" * len(columns)}|""")
for digits in (8, 6, 4):
    counts = " | ".join(str(sum(value >= digits for value in column)) for column in columns.values())
    print(f"| {digits} | {counts} |")
print("""
## The peers' data sets

scikit-learn's bundled sets and simulated counts and amounts, exported by `make sets` with the values that the peers find. The
coefficients, standard errors, loss, objective, log-likelihood, AIC, BIC, deviance and R² that the peer gives are compared;
the table names the worst.

| problem | peer | optimizer | digits | of |
|---|---|---|---|---|""")
how = {}
for path in pathlib.Path(sys.argv[1]).glob("*.json"):
    if not path.name.endswith(".columns.json") and path.name != "nonlinear_peers.json":
        problem = json.loads(path.read_text())
        how[problem["name"]] = problem["how"]
for line in os.environ["SETS"].splitlines():
    name, digits, what, by = re.match(r"(\S+): ([\d.]+) digits of (.+) by \"(\w+)\"", line).groups()
    print(f"| {name} | {how[name]} | {by} | {digits} | {what} |")
print("""
## Several minima

How many of 100 seeds find the best of several minima with `restarts: 16`, and how many without. The Cauchy loss is on a
mixture of two lines, each of which is a minimum; the curves are simulated anew for every seed, their parameters have ranges,
and the start is poor: there, the best is what the fit from the true parameters ends at, or lower.

| problem | starts | seeds that find it | without restarts |
|---|---|---|---|""")
problems = {
    "Rows": ("Cauchy loss, two lines", "exact fits through rows"),
    "LatinHypercube": ("Cauchy loss, two lines", "Latin hypercube"),
    "sines": ("two sines", "Latin hypercube"),
    "wide_sines": ("two sines, frequencies over two decades", "Latin hypercube"),
    "exponentials": ("two exponentials", "Latin hypercube"),
    "peaks": ("two overlapping peaks", "Latin hypercube"),
}
seeds = dict(re.match(r"(\w+): (\d+ of 100 seeds.*)", line).groups() for line in os.environ["SEEDS"].splitlines())
for name, (problem, starts) in problems.items():
    hits, alone = re.match(r"(\d+) of 100 seeds(?:, (\d+) without restarts)?", seeds[name]).groups()
    print(f"| {problem} | {starts} | {hits} of 100 | {'–' if alone is None else f'{alone} of 100'} |")
PY
