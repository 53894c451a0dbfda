#!/usr/bin/env python3
"""Makes the example fits beside it: whole bodies for POST /fits, the same bytes on every run.

Needs Python 3 and nothing else. `python3 examples/make_examples.py` writes the files.
"""

import json
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


def descent(learning_rate):
    return {"kind": "gradient_descent", "learning_rate": learning_rate}


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
}


def main():
    for name, body in EXAMPLES.items():
        # One key a line on top, so that what is around the data can be read.
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in body.items()]
        (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
