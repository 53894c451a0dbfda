"""Formulas of fitd's in numpy, and their least squares in extended precision: what the peers of curve fitting are held
against, independently of fitd.

Estimates come from Gauss-Newton steps whose residuals and Jacobians are in extended precision, so that what is left is
rounding. A profile interval ends where the sum of squares, the other parameters fitted anew, is that of the F test.
"""

import numpy as np
from scipy import stats

from sets_exact import EPSILON, LONG


class Formula:
    """A formula of fitd's in numpy; `^` binds as Python's `**` does, and `-x^2` is −(x²) in both."""

    def __init__(self, text, parameters):
        self.text, self.parameters = text, list(parameters)
        self.code = compile(text.replace("^", "**"), text, "eval")

    def __call__(self, theta, columns):
        """The predictions, in the precision of what is given, complex too."""
        kind = LONG if theta.dtype in (LONG, np.clongdouble) else float
        functions = {name: getattr(np, name) for name in ("exp", "log", "sin", "cos", "sqrt")}
        functions |= {"atan": np.arctan, "pi": 4 * np.arctan(kind(1))}
        names = functions | columns | dict(zip(self.parameters, theta))
        return eval(self.code, {"__builtins__": {}}, names)

    def jacobian(self, theta, columns):
        """By steps along the imaginary axis, which lose no digits (Squire & Trapp 1998)."""
        derivatives = []
        for index in range(len(theta)):
            step = np.zeros(len(theta), np.clongdouble)
            size = LONG("1e-40") * max(abs(theta[index]), LONG("1e-20"))
            step[index] = 1j * size
            derivatives.append(self(theta + step, columns).imag / size)
        return np.array(derivatives).T


class Fit:
    """The least squares of a formula, `y` its target; some parameters may be held. `weights` are inverse variances."""

    def __init__(self, formula, columns, weights=None):
        self.formula = formula
        self.columns = {name: np.array(values, LONG) for name, values in columns.items()}
        self.y = self.columns.pop("y")
        self.roots = np.sqrt(np.ones(len(self.y), LONG) if weights is None else np.array(weights, LONG))
        self.freedom = len(self.y) - len(formula.parameters)

    def residuals(self, theta):
        return self.roots * (self.y - self.formula(theta, self.columns))

    def jacobian(self, theta):
        """Of the predictions, in units of the residuals."""
        return self.roots[:, None] * self.formula.jacobian(theta, self.columns)

    def solve(self, start, held=()):
        """The estimates nearest to `start`."""
        theta, left = np.array(start, LONG), np.inf
        free = [index for index in range(len(theta)) if index not in held]
        for _ in range(200):
            residuals, jacobian = self.residuals(theta), self.jacobian(theta)[:, free]
            norms = np.sqrt((jacobian**2).sum(axis=0))
            q, r = np.linalg.qr((jacobian / norms).astype(float))
            step = np.zeros(len(free), LONG)
            for _ in range(3):  # the equations are solved in double precision, and refined in extended
                rest = residuals - jacobian @ step
                size = abs(rest).max()
                step += size * np.linalg.solve(r, q.T @ (rest / size).astype(float)) / norms
            theta[free] += step
            before, left = left, float(abs(step / theta[free]).max())
            if left < 1e3 * EPSILON or (left < 1e-13 and left > before / 2):
                return theta
        raise AssertionError(f"{self.formula.text}: steps of {left} are left")

    def squares(self, theta):
        return (self.residuals(theta) ** 2).sum()

    def errors(self, theta):
        """Standard errors, their scale from the residuals."""
        jacobian = self.jacobian(theta)
        norms = np.sqrt((jacobian**2).sum(axis=0))
        r = np.linalg.qr((jacobian / norms).astype(float), mode="r")
        deviation = np.sqrt(self.squares(theta) / self.freedom)
        return deviation * np.sqrt((np.linalg.inv(r) ** 2).sum(axis=1)) / norms

    def profile(self, theta, index, level):
        """Both ends of a parameter's profile interval (Bates & Watts 1988, §6.1)."""
        quantile = np.sqrt(LONG(stats.f.ppf(level, 1, self.freedom)))
        least = self.squares(theta)
        wanted = quantile * np.sqrt(least / self.freedom)
        return [self.end(theta, index, sign * quantile * self.errors(theta)[index], wanted, least) for sign in (-1, 1)]

    def end(self, theta, index, offset, wanted, least):
        """Where the root of what the sum of squares has grown by is the one wanted, which Newton's method finds: it is
        almost linear in the parameter."""
        at = theta.copy()
        for _ in range(100):
            at[index] = theta[index] + offset
            at = self.solve(at, (index,))
            grown = np.sqrt(self.squares(at) - least)
            slope = -(self.residuals(at) @ self.jacobian(at)[:, index]) / grown
            step = (wanted - grown) / slope
            offset += step
            if abs(step) < 1e-14 * abs(offset):
                return at[index] + step
        raise AssertionError(f"{self.formula.text}: no end of parameter {index}")
