#!/usr/bin/env python3
"""Makes the example fits beside it: whole bodies for POST /fits, the same bytes on every run.

Needs Python 3 and nothing else. `python3 examples/make_examples.py` writes the files.
"""

import json
import math
import pathlib
import random

HERE = pathlib.Path(__file__).parent


def line_data():
    """y = 5x + 3 with normal noise of standard deviation 1, 100 points of x in [-10, 10]."""
    generator = random.Random(5)
    x = [round(generator.uniform(-10, 10), 3) for _ in range(100)]
    y = [round(5 * value + 3 + generator.gauss(0, 1), 3) for value in x]
    return {"x": x, "y": y}


def cubic_data():
    """y = -4 + 3x + 4x^2 + 4x^3 with uniform jitter of up to 5 either way, 100 points of x spread evenly over [-2, 2]."""
    generator = random.Random(3)
    x = [round(-2 + 4 * row / 99, 6) for row in range(100)]
    y = [round(-4 + 3 * v + 4 * v**2 + 4 * v**3 + generator.uniform(-5, 5), 4) for v in x]
    return {"x": x, "y": y}


def long_data():
    """200 rows of 150 columns of uniform noise, and y from some of them: enough work an iteration to watch it."""
    generator = random.Random(150)
    columns = {f"x{k:03}": [round(generator.uniform(-1, 1), 2) for _ in range(200)] for k in range(150)}
    y = [
        round(3 + 5 * columns["x000"][row] - 2 * columns["x001"][row] + generator.gauss(0, 1), 3)
        for row in range(200)
    ]
    return columns | {"y": y}


def wave_data():
    """One wave of a sine over [-1, 1] with normal noise of deviation 0.3, 40 points: few for a degree of 15."""
    generator = random.Random(15)
    x = sorted(round(generator.uniform(-1, 1), 3) for _ in range(40))
    y = [round(math.sin(math.pi * value) + generator.gauss(0, 0.3), 3) for value in x]
    return {"x": x, "y": y}


def mixture_data():
    """Two lines in one cloud: 36 points of y = 2x + 1 and 24 of y = -2x + 9, with noise of standard deviation 0.3."""
    generator = random.Random(2)
    x = [round(generator.uniform(-3, 3), 3) for _ in range(60)]
    lines = [(2, 1) if row % 5 < 3 else (-2, 9) for row in range(60)]
    y = [round(slope * v + height + generator.gauss(0, 0.3), 3) for v, (slope, height) in zip(x, lines)]
    return {"x": x, "y": y}


def exam_data():
    """Whether an exam was passed after so many hours of work: even odds at 5 hours, e times that with each more."""
    generator = random.Random(8)
    hours = [round(generator.uniform(0, 10), 1) for _ in range(80)]
    outcome = ["pass" if generator.random() < 1 / (1 + math.exp(5 - value)) else "fail" for value in hours]
    return {"hours": hours, "outcome": outcome}


def visits_data():
    """Counts around exp(0.5 + 0.4x), 60 of them."""
    generator = random.Random(13)
    x = [round(generator.uniform(0, 5), 2) for _ in range(60)]
    return {"x": x, "y": [count(generator, math.exp(0.5 + 0.4 * value)) for value in x]}


def decay_data():
    """y = 5 exp(-0.7x) + 1 with normal noise of deviation 0.15, 40 points of x spread evenly over [0, 8]."""
    generator = random.Random(7)
    x = [round(8 * row / 39, 4) for row in range(40)]
    y = [round(5 * math.exp(-0.7 * v) + 1 + generator.gauss(0, 0.15), 3) for v in x]
    return {"x": x, "y": y}


def peaks_data():
    """Two bells of width 0.5, of height 3 at 4 and of height 2 at 5.3, on a level of 1; noise of deviation 0.1."""
    generator = random.Random(9)
    x = [round(row / 10, 1) for row in range(101)]
    bells = [(3, 4.0), (2, 5.3)]
    y = [
        round(1 + sum(height * math.exp(-2 * (v - center) ** 2) for height, center in bells) + generator.gauss(0, 0.1), 3)
        for v in x
    ]
    return {"x": x, "y": y}


def tone_data():
    """y = 2 sin(3x + 0.5) with normal noise of deviation 0.3, 60 points of x in [0, 10]."""
    generator = random.Random(4)
    x = sorted(round(generator.uniform(0, 10), 3) for _ in range(60))
    y = [round(2 * math.sin(3 * v + 0.5) + generator.gauss(0, 0.3), 3) for v in x]
    return {"x": x, "y": y}


def enzyme_data():
    """Rates of y = 10x/(4 + x) at x up to 2, each twice, with noise of deviation 0.3: far from saturation."""
    generator = random.Random(5)
    x = [step / 4 for step in range(1, 9) for _ in range(2)]
    return {"x": x, "y": [round(10 * v / (4 + v) + generator.gauss(0, 0.3), 3) for v in x]}


def count(generator, mean):
    """A Poisson count: how many uniform draws can be multiplied before the product is below exp(-mean)."""
    product, drawn = generator.random(), 0
    while product >= math.exp(-mean):
        product, drawn = product * generator.random(), drawn + 1
    return drawn


def descent(learning_rate, **more):
    return {"kind": "gradient_descent", "learning_rate": learning_rate} | more


def steps(count):
    """Exactly `count` iterations: a tolerance of 0 is off."""
    return {"max_iterations": count, "gradient_tolerance": 0}


LINE = {"kind": "linear", "features": ["x"], "target": "y"}
CUBIC = {"kind": "polynomial", "feature": "x", "degree": 3, "target": "y"}


def cubic(learning_rate):
    return {
        "data": cubic_data(),
        "model": CUBIC,
        "optimizer": descent(learning_rate),
        "start": "zeros",
        "stop": steps(100),
        "history": {"coefficients": True},
    }


def rolling(**momentum):
    """The cubic until it is flat: what momentum is worth shows in the number of iterations."""
    return {
        "data": cubic_data(),
        "model": CUBIC,
        "optimizer": descent(0.03, **momentum),
        "start": "zeros",
        "stop": {"max_iterations": 5000, "gradient_tolerance": 1e-6},
    }


def paced(learning_rate):
    return {
        "data": line_data(),
        "model": LINE,
        "optimizer": descent(learning_rate),
        "start": "zeros",
        "stop": steps(200),
    }


def started(x, intercept):
    return {
        "data": line_data(),
        "model": LINE,
        "optimizer": descent(0.02),
        "start": {"x": x, "intercept": intercept},
        "stop": {"max_iterations": 5000, "gradient_tolerance": 1e-6},
    }


def judged(**patience):
    return {
        "data": wave_data(),
        "model": {"kind": "polynomial", "feature": "x", "degree": 15, "target": "y"},
        "optimizer": descent(0.1, momentum=0.9),
        "start": "zeros",
        "stop": steps(20_000),
        "validation": {"fraction": 0.4, "seed": 1} | patience,
    }


def mixed(**restarts):
    """Downhill from a start near the line that fewer points are on."""
    return {
        "data": mixture_data(),
        "model": LINE,
        "loss": {"kind": "cauchy", "delta": 0.5},
        "optimizer": descent(0.02),
        "start": {"x": -1, "intercept": 8},
        "stop": {"max_iterations": 50_000, "gradient_tolerance": 1e-9},
    } | restarts


DECAY = {"kind": "formula", "formula": "a*exp(-b*x)+c", "parameters": {"a": 3, "b": 1, "c": 0}}
PEAKS = {"kind": "gaussian", "peaks": 2}


def decaying(**parameters):
    """The decay with something else said of these parameters."""
    return {"data": decay_data(), "model": DECAY | {"parameters": DECAY["parameters"] | parameters}}


def descending(learning_rate):
    """The decay by the textbook's gradient descent."""
    return {
        "data": decay_data(),
        "model": DECAY,
        "optimizer": descent(learning_rate),
        "stop": {"max_iterations": 1000, "gradient_tolerance": 1e-6},
        "history": {"coefficients": True},
    }


def tuned(**restarts):
    """A sine from a frequency that is a third of the right one."""
    ranges = {
        "a": {"start": 1, "min": 0, "max": 5},
        "w": {"start": 1, "min": 0.1, "max": 10},
        "p": {"start": 0, "min": -3.2, "max": 3.2},
    }
    return {
        "data": tone_data(),
        "model": {"kind": "formula", "formula": "a*sin(w*x+p)", "parameters": ranges},
    } | restarts


EXAMPLES = {
    "line": {
        "data": line_data(),
        "model": LINE,
        "optimizer": descent(0.01),
        "start": {"x": -8, "intercept": -8},
        "stop": steps(20),
        "history": {"coefficients": True},
    },
    "line_auto": {"data": line_data(), "model": LINE},
    "cubic": cubic(0.03),
    "cubic_diverging": cubic(0.3),
    "cubic_auto": {"data": cubic_data(), "model": CUBIC},
    "long": {
        "data": long_data(),
        "model": {"kind": "linear", "target": "y"},
        "optimizer": descent(1e-6),
        "stop": steps(10_000_000) | {"loss_tolerance": 0, "max_seconds": 600},
    },
    "rate_small": paced(0.0001),
    "rate_good": paced(0.02),
    "rate_large": paced(0.03),
    "start_far": started(-500, 900),
    "start_near": started(5, 2.5),
    "momentum_off": rolling(),
    "momentum_on": rolling(momentum=0.9),
    "momentum_nesterov": rolling(momentum=0.9, nesterov=True),
    "stopping_late": judged(),
    "stopping_early": judged(patience=200),
    "minimum_local": mixed(),
    "minimum_restarts": mixed(restarts=16, seed=1),
    "classes": {
        "data": exam_data(),
        "model": {"kind": "logistic", "features": ["hours"], "target": "outcome"},
    },
    "counts": {"data": visits_data(), "model": {"kind": "poisson", "features": ["x"], "target": "y"}},
    "decay": decaying(),
    "peaks": {"data": peaks_data(), "model": PEAKS},
    "peaks_tied": {
        "data": peaks_data(),
        "model": PEAKS
        | {
            "parameters": {
                "sigma1": {"min": 0.2, "max": 1},
                "sigma2": {"expr": "sigma1"},
                "offset": {"start": 1, "fixed": True},
            }
        },
    },
    "tone_local": tuned(),
    "tone_restarts": tuned(restarts=16, seed=1),
    "decay_descent": descending(0.3),
    "decay_bouncing": descending(0.5),
    "enzyme": {"data": enzyme_data(), "model": "michaelis_menten", "intervals": "profile"},
    "decay_bound": decaying(c={"start": 0, "max": 0.9}),
    "decay_twins": {
        "data": decay_data(),
        "model": DECAY | {"formula": "a*k*exp(-b*x)+c", "parameters": {"a": 3, "k": 1, "b": 1, "c": 0}},
    },
    "decay_exact": {
        "data": {"x": list(range(8)), "y": [2.0 ** (3 - step) for step in range(8)]},
        "model": {"kind": "formula", "formula": "a*exp(-b*x)", "parameters": {"a": 3, "b": 1}},
    },
    "decay_plateau": decaying(b=1000),
}


def main():
    for name, body in EXAMPLES.items():
        # One key a line on top, so that what is around the data can be read.
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in body.items()]
        (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
