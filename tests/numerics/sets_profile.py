"""Simulated curves with profile intervals, which are lopsided where the model is far from linear in its parameters.

lmfit's `conf_interval` finds the intervals by the F test; its standard errors and scipy's have their scale from the
residuals. Both are held against the extended precision of sets_curves.py, and the polished numbers are written.
"""

import json
import warnings

import lmfit
import numpy as np
import scipy
from scipy.optimize import curve_fit

from sets_curves import Fit, Formula
from sets_exact import digits

LEVEL = 0.95
# How many digits the peers' estimates, standard errors and ends of intervals must agree to with the polished ones:
# their derivatives are differences, and they stop where the sum of squares changes by 1.5e-8 of itself.
AGREED = (5, 4, 5)


def curves():
    """Name, formula, each parameter's true value and start, places, the noise's deviation, and whether it varies."""
    decay = {"a": (5.0, 1.0), "k": (0.8, 1.0), "c": (1.2, 0.0)}
    yield "decay", "a*exp(-k*x)+c", decay, np.linspace(0, 6, 25), 0.08, True
    hill = {"low": (0.2, 0.0), "high": (2.1, 1.5), "half": (0.9, 0.5), "n": (1.4, 1.0)}
    doses = np.round(np.repeat(10.0 ** np.linspace(-2, 2, 9), 2), 6)
    yield "hill", "low+(high-low)*x^n/(half^n+x^n)", hill, doses, 0.06, False
    peak = {"height": (3.0, 1.0), "centre": (4.2, 4.0), "width": (0.7, 1.0), "base": (0.5, 0.0)}
    yield "peak", "height*exp(-(x-centre)^2/(2*width^2))+base", peak, np.linspace(0, 8, 33), 0.15, False
    saturation = {"top": (210.0, 100.0), "half": (0.06, 0.1)}
    yield "saturation", "top*x/(half+x)", saturation, np.repeat([0.02, 0.06, 0.11, 0.22], 2), 12.0, False


def simulated(formula, values, x, noise, varies, random):
    """The columns of a curve with normal errors; where their deviation varies, with the weights of that."""
    deviations = noise * (10 ** random.uniform(-0.5, 0.5, len(x)) if varies else np.ones(len(x)))
    y = np.round(formula(np.array(values), {"x": x}) + deviations * random.normal(size=len(x)), 6)
    columns = {"x": x, "y": y}
    return columns | ({"w": np.round(deviations**-2, 4)} if varies else {})


def by_lmfit(formula, columns, start, roots):
    """Estimates, standard errors and profile intervals."""
    parameters = lmfit.create_params(**dict(zip(formula.parameters, start)))

    def residuals(parameters):
        theta = np.array([one.value for one in parameters.values()])
        return roots * (formula(theta, columns) - columns["y"])

    minimizer = lmfit.Minimizer(residuals, parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where a parameter is held, its error is 0
        result = minimizer.minimize()
        ends = lmfit.conf_interval(minimizer, result, sigmas=[LEVEL])
    found = result.params.values()
    profile = [[ends[name][0][1], ends[name][-1][1]] for name in formula.parameters]
    return [one.value for one in found], [one.stderr for one in found], profile


def by_curve_fit(formula, columns, start, roots):
    """Estimates and standard errors."""
    found, covariance = curve_fit(
        lambda x, *theta: formula(np.array(theta), {"x": x}),
        columns["x"],
        columns["y"],
        p0=start,
        sigma=1 / roots,
        absolute_sigma=False,
    )
    return found, np.sqrt(np.diag(covariance))


def export(folder):
    """Writes the curves; how far each agrees with the peers, by lines."""
    folder.mkdir()
    lines = []
    for seed, (name, text, parameters, x, noise, varies) in enumerate(curves()):
        formula, (values, start) = Formula(text, parameters), zip(*parameters.values())
        columns = simulated(formula, values, x, noise, varies, np.random.default_rng(seed))
        weights = columns.get("w")
        fit = Fit(formula, {"x": x, "y": columns["y"]}, weights)
        roots = fit.roots.astype(float)
        by_peer, errors_by_peer, profile_by_peer = by_lmfit(formula, columns, start, roots)
        theta = fit.solve(by_peer)
        errors, profile = fit.errors(theta), [fit.profile(theta, index, LEVEL) for index in range(len(theta))]
        by_scipy, errors_by_scipy = by_curve_fit(formula, columns, start, roots)
        agreed = (
            min(digits(theta, by_peer), digits(theta, by_scipy)),
            min(digits(errors, errors_by_peer), digits(errors, errors_by_scipy)),
            digits(profile, profile_by_peer),
        )
        assert all(found >= wanted for found, wanted in zip(agreed, AGREED)), f"{name}: {agreed} digits agree"
        problem = {
            "name": name,
            "how": f"lmfit {lmfit.__version__} conf_interval, scipy {scipy.__version__} curve_fit, polished",
            "formula": text,
            "parameters": [{"name": key, "start": one[1]} for key, one in parameters.items()],
            "data": {key: column.tolist() for key, column in columns.items()},
            **({"weights": {"column": "w", "kind": "inverse_variance"}} if varies else {}),
            "confidence": LEVEL,
            "expected": {
                "estimates": theta.astype(float).tolist(),
                "standard_errors": errors.astype(float).tolist(),
                "profile": np.array(profile, float).tolist(),
            },
        }
        (folder / f"{name}.json").write_text(json.dumps(problem, indent=1, allow_nan=False))
        shown = ", ".join(f"{found:.1f}" for found in agreed)
        sizes = f"{len(x):5} {len(theta):4} {min(agreed):5.1f}"
        lines.append(f"profile/{name:38} {sizes}  estimates, errors, ends: {shown}")
    return lines
