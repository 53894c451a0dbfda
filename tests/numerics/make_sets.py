#!/usr/bin/env python3
"""Exports reference problems for the numeric tests to `tests/numerics/sets/`; they are made at test time, not kept.

`make sets` runs this with the Python of `.work/venv`. The data are those that come with scikit-learn, and counts and
durations simulated with a fixed seed. Each problem NAME.json has a fit as a client would post it (`request`; its
`data` names a file of columns beside it), what is `expected` of the answer, and `digits`, how many to hold it to.

How: every problem is solved twice, by a peer (sets_peers.py: statsmodels, scikit-learn or scipy) and by the Newton
steps in extended precision of sets_exact.py, which checks that it has a minimum. Both must agree to six digits or more
in every single number, each by its own size, or the script fails; the polished numbers are written. What only a peer
defines (log-likelihoods, AIC, BIC) is the peer's. `summary.txt`, written last, says how far each pair agrees.

Curves are in folders of their own: `nonlinear/` has the NIST StRD problems with what is certified (sets_nist.py), and
`nonlinear_peers.json` how many digits of it the peers have (curve_peers.py); `profile/` has curves with profile
intervals (sets_profile.py).

Objectives are fitd's: the mean of the loss, plus l2 times the sum of squares and l1 times the sum of sizes of the
coefficients but the intercept.
"""

import os

for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
    os.environ.setdefault(threads, "1")

import json
import pathlib
import re
import shutil
import warnings

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from statsmodels.tools import sm_exceptions

import curve_peers
import sets_nist
import sets_peers as peers
import sets_profile
from sets_exact import LONG, digits

SETS = pathlib.Path(__file__).parent / "sets"
DIGITS = 6
SUMMARY = []


class Set:
    """A file of columns, and the problems on it."""

    def __init__(self, name, columns):
        self.name = name
        self.columns = {key: np.asarray(column).tolist() for key, column in columns.items()}
        text = ",\n".join(f" {json.dumps(key)}: {json.dumps(column)}" for key, column in self.columns.items())
        (SETS / f"{name}.columns.json").write_text(f"{{\n{text}\n}}\n")

    def features(self, *without):
        return [name for name in self.columns if name not in ("y", *without)]

    def y(self):
        return np.array(self.columns["y"], dtype=LONG)

    def labels(self):
        """The labels in order, and the number of every row's."""
        labels, codes = np.unique(np.array(self.columns["y"]), return_inverse=True)
        return labels.tolist(), codes

    def problem(self, name, how, request, expected, agreed):
        """Writes a problem. `agreed` has pairs of what was polished and what the peer says."""
        agreement = min(digits(ours, theirs) for ours, theirs in agreed)
        assert agreement >= DIGITS, f"{self.name}_{name}: the two agree to {agreement:.1f} digits only"
        name = f"{self.name}_{name}"
        request = {"data": {"file": f"{self.name}.columns.json"}, **request}
        document = {"name": name, "how": how, "request": request, "expected": expected, "digits": DIGITS}
        lines = [f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in document.items()]
        (SETS / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
        rows, count = len(next(iter(self.columns.values()))), len(expected["coefficients"])
        SUMMARY.append(f"{name:46} {rows:5} {count:4} {agreement:5.1f}  {how.split(',')[0]}")


def cleaned(name):
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def shipped(loaded, rows=slice(None)):
    return {cleaned(name): column[rows] for name, column in zip(loaded.feature_names, loaded.data.T)}


def diabetes():
    random = np.random.default_rng(7)
    frequencies, precisions = random.integers(1, 6, 442), np.round(random.lognormal(0, 1, 442), 4)
    for name, scaled in [("diabetes", True), ("diabetes_raw", False)]:
        loaded = datasets.load_diabetes(scaled=scaled)
        columns = shipped(loaded) | {"y": loaded.target.astype(int)}
        data = Set(name, columns)
        for covariance in ["classical", "hc1", "hc3"]:
            peers.least_squares_fit(data, "ols" if covariance == "classical" else f"ols_{covariance}", covariance)
        peers.penalized_squares(data, "ridge_data", *((0.001, 0.0) if scaled else (0.5, 0.0)), "data")
        peers.penalized_squares(data, "ridge_standardized", 0.1, 0.0, "standardized")
        peers.penalized_squares(data, "lasso_data", 0.0, 0.4 if scaled else 20.0, "data")
        peers.penalized_squares(data, "lasso_standardized", 0.0, 4.0, "standardized")
        peers.penalized_squares(data, "elastic_net_data", *((0.0005, 0.3) if scaled else (1.0, 10.0)), "data")
        peers.penalized_squares(data, "elastic_net_standardized", 0.05, 3.0, "standardized")
        for kind in ["huber", "pseudo_huber", "cauchy"]:
            peers.robust(data, kind, 60.0)
        peers.robust(data, "log_cosh")
        peers.quantiles(data)
        weighted = Set(f"{name}_precision", columns | {"w": precisions})
        for covariance in ["classical", "hc1", "hc3"]:
            suffix = "" if covariance == "classical" else f"_{covariance}"
            peers.least_squares_fit(weighted, f"wls{suffix}", covariance, "w", "inverse_variance")
        repeated = Set(f"{name}_frequency", columns | {"w": frequencies})
        peers.least_squares_fit(repeated, "ols", "classical", "w", "frequency")


def breast_cancer():
    loaded = datasets.load_breast_cancer()
    data = Set("breast_cancer", shipped(loaded) | {"y": loaded.target})
    peers.penalized_logistic(data, "l2_standardized", 0.01, 0.0, "standardized")
    peers.penalized_logistic(data, "l2_data", 0.001, 0.0, "data")
    peers.penalized_logistic(data, "l1_standardized", 0.0, 0.01, "standardized")
    peers.penalized_logistic(data, "balanced", 0.01, 0.0, "standardized", "balanced")
    few = ["mean_radius", "mean_texture", "mean_smoothness", "mean_symmetry"]
    peers.logit(data, "logit", few)
    peers.weighted_classes(data, "class_weights", few, (2.5, 0.5))


def flowers_and_wines():
    iris = datasets.load_iris()
    species = iris.target_names[iris.target]
    flowers = Set("iris", shipped(iris) | {"y": species})
    peers.penalized_softmax(flowers, "softmax_l2", 0.01, "standardized")
    two = iris.target > 0
    pair = Set("iris_pair", shipped(iris, two) | {"y": species[two]})
    peers.logit(pair, "logit", pair.features())
    peers.multinomial(pair, "softmax", ["petal_length_cm", "sepal_width_cm"])
    wine = datasets.load_wine()
    wines = Set("wine", shipped(wine) | {"y": wine.target})
    peers.penalized_softmax(wines, "softmax_l2", 0.01, "standardized")
    peers.multinomial(wines, "softmax", ["alcohol", "color_intensity"])  # any two columns separate a kind of iris
    peers.least_squares_fit(wines, "alcohol_hc3", "hc3", target="alcohol", features=wines.features("alcohol"))
    digit = datasets.load_digits()
    pixels = Set("digits", {name: column.astype(int) for name, column in shipped(digit).items()} | {"y": digit.target})
    peers.penalized_softmax(pixels, "softmax_l2", 0.01, "standardized")


def simulated():
    """Columns whose sizes are far apart, counts and durations that depend on them, and frequencies of rows."""
    random = np.random.default_rng(20240229)
    n = 400
    columns = {
        "income": np.round(random.lognormal(11, 0.6, n), 2),
        "share": np.round(random.uniform(0, 1e-3, n), 8),
        "year": random.integers(1950, 2020, n),
        "urban": random.integers(0, 2, n),
        "height": np.round(1e6 + random.normal(0, 30, n), 3),
    }
    eta = 0.9 + 3e-6 * columns["income"] + 600 * columns["share"] + 0.01 * (columns["year"] - 1985)
    eta += 0.4 * columns["urban"] - 0.006 * (columns["height"] - 1e6)
    frequencies = {"w": random.integers(1, 5, n)}
    counts = columns | {"y": random.poisson(np.exp(eta))}
    durations = columns | {"y": np.round(random.gamma(2.5, np.exp(eta) / 2.5), 6)}
    return {
        "poisson": (Set("poisson", counts), Set("poisson_frequency", counts | frequencies)),
        "gamma": (Set("gamma", durations), Set("gamma_frequency", durations | frequencies)),
    }


def counts_and_durations():
    for kind, (data, frequency) in simulated().items():
        peers.glm(data, "glm", kind)
        peers.glm(frequency, "glm", kind, "w")
        peers.penalized_glm(data, "l2_standardized", kind, 0.02, "standardized")
        peers.penalized_glm(data, "l2_data", kind, 0.02, "data")


def main():
    SETS.mkdir(exist_ok=True)
    for old in [*SETS.glob("*.json"), *SETS.glob("summary.txt")]:
        old.unlink()
    for folder in ["nonlinear", "profile"]:
        shutil.rmtree(SETS / folder, ignore_errors=True)
    for category in [RuntimeWarning, ConvergenceWarning, sm_exceptions.ModelWarning]:
        warnings.simplefilter("error", category)
    for family in [diabetes, breast_cancer, flowers_and_wines, counts_and_durations]:
        family()
    SUMMARY.extend(sets_nist.export(SETS / "nonlinear"))
    SUMMARY.extend(sets_profile.export(SETS / "profile"))
    SUMMARY.extend(curve_peers.export())
    summary = "\n".join([f"{'problem':46} {'rows':>5} {'coef':>4} agree  peer", *SUMMARY, ""])
    (SETS / "summary.txt").write_text(summary)
    print(summary, end="")


if __name__ == "__main__":
    main()
