#!/usr/bin/env python3
"""How many certified digits the peers of curve fitting have of the NIST StRD nonlinear problems, from both starts.

scipy's `curve_fit` and lmfit's `minimize` are given the data, the formula and the start, and are left at their
defaults. The digits are those of the worst parameter: −log₁₀ of the relative error, at least 0 and at most 16; where a
peer raises, or gives no finite number, they are 0. `make sets` writes them to `sets/nonlinear_peers.json`; run alone,
this prints them.
"""

import json
import pathlib
import warnings

import lmfit
import numpy as np
import scipy
from scipy.optimize import curve_fit

from sets_curves import Formula

SETS = pathlib.Path(__file__).parent / "sets"
RESULTS = SETS / "nonlinear_peers.json"
REACHED = (8, 6, 4)


def by_curve_fit(formula, columns, start):
    names = [name for name in columns if name != "y"]
    x = np.array([columns[name] for name in names])

    def model(x, *theta):
        return formula(np.array(theta), dict(zip(names, x)))

    found, covariance = curve_fit(model, x, columns["y"], p0=start)
    return found, np.sqrt(np.diag(covariance))


def by_lmfit(formula, columns, start):
    parameters = lmfit.create_params(**dict(zip(formula.parameters, start)))

    def residuals(parameters):
        return formula(np.array([one.value for one in parameters.values()]), columns) - columns["y"]

    found = lmfit.minimize(residuals, parameters).params.values()
    return [one.value for one in found], [np.nan if one.stderr is None else one.stderr for one in found]


PEERS = {
    "curve_fit": (by_curve_fit, f"scipy {scipy.__version__} curve_fit"),
    "lmfit": (by_lmfit, f"lmfit {lmfit.__version__} minimize"),
}


def least(found, certified):
    """The digits of the worst number."""
    with np.errstate(all="ignore"):
        error = abs(np.array(found, float) - certified) / abs(np.array(certified))
        shown = -np.log10(np.maximum(error, 1e-16))
    return float(np.nan_to_num(np.clip(shown, 0, 16)).min())


def measured(problem, start):
    """What each peer has of the certified values."""
    formula = Formula(problem["formula"], problem["parameters"])
    columns = {name: np.array(values) for name, values in problem["data"].items()}
    result = {}
    for peer, (fit, _) in PEERS.items():
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                estimates, errors = fit(formula, columns, list(start))
        except (RuntimeError, ValueError, ArithmeticError, np.linalg.LinAlgError):
            estimates = errors = np.full(len(start), np.nan)
        certified = problem["certified"]
        digits = {"estimates": least(estimates, certified["estimates"])}
        digits["standard_errors"] = least(errors, certified["standard_errors"])
        result[peer] = digits
    return result


def measure():
    """Every problem and start, and how many of the starts reach how many digits."""
    problems = [json.loads(path.read_text()) for path in sorted((SETS / "nonlinear").glob("*.json"))]
    fits = [
        {"problem": problem["name"], "start": index + 1} | measured(problem, start)
        for problem in problems
        for index, start in enumerate(problem["starts"])
    ]
    reached = {
        peer: {
            what: {str(digits): sum(fit[peer][what] >= digits for fit in fits) for digits in REACHED}
            for what in ("estimates", "standard_errors")
        }
        for peer in PEERS
    }
    return {"peers": {peer: name for peer, (_, name) in PEERS.items()}, "fits": fits, "reached": reached}


def export():
    """Measures and writes it; how many starts reach how many digits, by lines."""
    found = measure()
    RESULTS.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
    lines = []
    for peer, name in found["peers"].items():
        for what, counts in found["reached"][peer].items():
            shown = ", ".join(f"{digits} digits {count}" for digits, count in counts.items())
            lines.append(f"{name}, {what.replace('_', ' ')}: of {len(found['fits'])} starts reach {shown}")
    return lines


def lines(fits):
    """A line for every problem and start."""
    for fit in fits:
        shown = [
            f"{peer} estimates {fit[peer]['estimates']:.1f}, standard errors {fit[peer]['standard_errors']:.1f}"
            for peer in PEERS
        ]
        yield f"{fit['problem']} start {fit['start']}: {'; '.join(shown)}"


if __name__ == "__main__":
    reached = export()
    print("\n".join([*lines(json.loads(RESULTS.read_text())["fits"]), *reached]))
