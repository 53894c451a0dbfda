#!/usr/bin/env python3
"""Makes the reference values beside it, without any rounding on the way.

Needs Python 3 and nothing else. `python3 tests/numerics/reference/make_reference.py` reads `examples/*.json` and writes
`line.json` and `cubic.json`.

How: every double of an example (data, start, learning rate) is taken as the rational number that it is. Gradient descent
on the mean squared error, loss = |X t - y|^2 / N, runs in exact rational arithmetic (`fractions`), and so do the normal
equations of the optimum (Gaussian elimination). Only the values written are rounded, once, to the nearest double, and
printed so that reading them gives that double back. Square roots and the largest eigenvalue of the Hessian 2 X'X / N are
computed with 80 decimal digits: cyclic Jacobi rotations, checked by the residual of the eigenvector to 1e-60.

The variants are the same fits with the data in other units. Their columns are computed in double precision, as a client
would, and stand in the file; their optimum is exact for those doubles.
"""

import json
import pathlib
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 80
HERE = pathlib.Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"


class LeastSquares:
    """X'X, X'y and y'y of a polynomial in x, exactly. Coefficients: powers ascending, the intercept last."""

    def __init__(self, x, y, degree):
        self.names = ["x" if power == 1 else f"x^{power}" for power in range(1, degree + 1)] + ["intercept"]
        powers = [*range(1, degree + 1), 0]
        x, y = [Fraction(v) for v in x], [Fraction(v) for v in y]
        moments = [sum(v**power for v in x) for power in range(2 * degree + 1)]
        mixed = [sum(v**power * w for v, w in zip(x, y)) for power in range(degree + 1)]
        self.rows = len(x)
        self.gram = [[moments[a + b] for b in powers] for a in powers]
        self.right = [mixed[a] for a in powers]
        self.square = sum(w * w for w in y)

    def loss(self, theta):
        quadratic = sum(t * dot(row, theta) for t, row in zip(theta, self.gram))
        return (quadratic - 2 * dot(self.right, theta) + self.square) / self.rows

    def gradient(self, theta):
        return [2 * (dot(row, theta) - right) / self.rows for row, right in zip(self.gram, self.right)]

    def optimum(self):
        """Solves X'X t = X'y by elimination; the matrix is positive definite, so no pivot is 0."""
        size = len(self.right)
        table = [[*row, right] for row, right in zip(self.gram, self.right)]
        for pivot in range(size):
            for row in range(pivot + 1, size):
                factor = table[row][pivot] / table[pivot][pivot]
                table[row] = [a - factor * b for a, b in zip(table[row], table[pivot])]
        theta = [Fraction(0)] * size
        for row in reversed(range(size)):
            known = sum(table[row][k] * theta[k] for k in range(row + 1, size))
            theta[row] = (table[row][size] - known) / table[row][row]
        return {"loss": float(self.loss(theta)), "coefficients": self.named(theta)}

    def named(self, theta):
        return dict(zip(self.names, map(float, theta)))

    def eigenvalue_max(self):
        """The largest eigenvalue of the Hessian 2 X'X / N."""
        hessian = [[decimal(2 * entry / self.rows) for entry in row] for row in self.gram]
        size = len(hessian)
        matrix = [row[:] for row in hessian]
        vectors = [[Decimal(int(a == b)) for b in range(size)] for a in range(size)]
        for _ in range(20):
            for p in range(size):
                for q in range(p + 1, size):
                    rotate(matrix, vectors, p, q)
        best = max(range(size), key=lambda k: matrix[k][k])
        value, vector = matrix[best][best], [row[best] for row in vectors]
        residual = max(abs(dot(row, vector) - value * v) for row, v in zip(hessian, vector))
        assert residual < Decimal("1e-60") * value, residual
        return value


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def decimal(fraction):
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


def rotate(matrix, vectors, p, q):
    """One Jacobi rotation: makes matrix[p][q] zero."""
    if matrix[p][q] == 0:
        return
    ratio = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q])
    tangent = (1 if ratio >= 0 else -1) / (abs(ratio) + (ratio * ratio + 1).sqrt())
    cosine = 1 / (tangent * tangent + 1).sqrt()
    sine = tangent * cosine
    for row in matrix + vectors:
        row[p], row[q] = cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]
    for k in range(len(matrix)):
        a, b = matrix[p][k], matrix[q][k]
        matrix[p][k], matrix[q][k] = cosine * a - sine * b, sine * a + cosine * b


def descend(problem, start, learning_rate, iterations, until=lambda loss: False):
    """Textbook gradient descent: the history by column, the start being iteration 0."""
    theta, rate = [Fraction(t) for t in start], Fraction(learning_rate)
    history = {"iteration": [], "loss": [], "gradient_norm": [], "coefficients": {name: [] for name in problem.names}}
    for iteration in range(iterations + 1):
        loss, gradient = problem.loss(theta), problem.gradient(theta)
        history["iteration"].append(iteration)
        history["loss"].append(float(loss))
        history["gradient_norm"].append(float(decimal(dot(gradient, gradient)).sqrt()))
        for name, value in zip(problem.names, theta):
            history["coefficients"][name].append(float(value))
        if until(loss):
            break
        theta = [t - rate * g for t, g in zip(theta, gradient)]
    return history


def variants(x, y, degree):
    units = {
        "x_times_million": ([v * 1e6 for v in x], y),
        "x_plus_million": ([v + 1e6 for v in x], y),
        "y_billionths": (x, [v * 1e-9 for v in y]),
    }
    return {
        name: {"data": {"x": xs, "y": ys}, "optimum": LeastSquares(xs, ys, degree).optimum()}
        for name, (xs, ys) in units.items()
    }


def reference(name, degree):
    body = json.loads((EXAMPLES / f"{name}.json").read_text())
    x, y = body["data"]["x"], body["data"]["y"]
    problem = LeastSquares(x, y, degree)
    start = body["start"] if isinstance(body["start"], dict) else {}
    at = [start.get(key, 0) for key in problem.names]
    eigenvalue = problem.eigenvalue_max()
    document = {
        "made_by": "tests/numerics/reference/make_reference.py",
        "example": f"examples/{name}.json",
        "names": problem.names,
        "history": descend(problem, at, body["optimizer"]["learning_rate"], body["stop"]["max_iterations"]),
        "optimum": problem.optimum(),
        "hessian_eigenvalue_max": float(eigenvalue),
        "max_stable_learning_rate": float(2 / eigenvalue),
    }
    diverging = EXAMPLES / f"{name}_diverging.json"
    if diverging.exists():
        other = json.loads(diverging.read_text())
        assert other["data"] == body["data"]
        # The service's rule: the loss above a million times the larger of the first loss and the mean of y squared.
        bound = 10**6 * max(problem.loss([Fraction(t) for t in at]), problem.square / problem.rows)
        document["diverging"] = {
            "example": f"examples/{name}_diverging.json",
            "history": descend(problem, at, other["optimizer"]["learning_rate"], 10_000, lambda loss: loss > bound),
        }
    document["variants"] = variants(x, y, degree)
    return document


def main():
    for name, degree in [("line", 1), ("cubic", 3)]:
        document = reference(name, degree)
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in document.items()]
        (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
