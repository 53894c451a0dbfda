"""Minimizes fitd's objectives to the last digit, independently of fitd: what make_sets.py holds its peers against.

The minimum is found in coordinates of standardized columns by damped Newton steps whose gradient and coefficients are
in extended precision (numpy's longdouble), so that what is left of the gradient is rounding. An absolute loss is a
linear program instead: its vertex is the solution of as many equations as there are coefficients. Every solution is
checked here for being the minimum: the gradient, the conditions on coefficients that a penalty keeps at 0, the
multipliers of a vertex, the curvature.
"""

import numpy as np
from scipy.optimize import linprog

LONG = np.longdouble
EPSILON = float(np.finfo(LONG).eps)


class Design:
    """Columns standardized with their population standard deviation, and the intercept last; constant columns are left
    out, and have the coefficient 0."""

    def __init__(self, columns, features, weights=None):
        self.features = list(features)
        raw = np.array([columns[name] for name in features], dtype=LONG).T
        self.rows = len(raw)
        self.weights = np.ones(self.rows, LONG) if weights is None else np.array(weights, LONG)
        self.total = self.weights.sum()
        self.mean = raw.mean(axis=0)
        self.mean += (raw - self.mean).mean(axis=0)
        self.deviation = np.sqrt(((raw - self.mean) ** 2).mean(axis=0))
        self.varies = np.ptp(raw, axis=0) > 0
        self.raw = raw.astype(float)
        scaled = (raw - self.mean)[:, self.varies] / self.deviation[self.varies]
        self.long = np.hstack([scaled, np.ones((self.rows, 1), LONG)])
        self.z = self.long.astype(float)

    @property
    def size(self):
        return self.z.shape[1]

    def map(self):
        """The matrix that takes coefficients of the standardized columns to those of the data, the intercept last."""
        result = np.zeros((len(self.features) + 1, self.size), LONG)
        kept = np.flatnonzero(self.varies)
        result[kept, np.arange(len(kept))] = 1 / self.deviation[kept]
        result[-1, :-1] = -self.mean[kept] / self.deviation[kept]
        result[-1, -1] = 1
        return result

    def penalty_weights(self, on):
        """What a penalty's factor is multiplied with in these coordinates, for a square."""
        weights = np.zeros(self.size, LONG)
        weights[:-1] = 1 if on == "standardized" else 1 / self.deviation[self.varies] ** 2
        return weights

    def columns_for(self, on):
        """The columns whose coefficients a penalty is on, centred, in double precision; without the intercept."""
        centred = self.raw - self.mean.astype(float)
        if on == "data":
            return centred
        return np.divide(centred, self.deviation.astype(float), where=self.varies, out=0 * centred)

    def predict(self, theta):
        return self.long @ theta

    def to_data(self, theta):
        return self.map() @ theta

    def named(self, values, labels=None):
        names = [*self.features, "intercept"]
        if labels is None:
            return {name: float(value) for name, value in zip(names, values.reshape(-1))}
        sets = zip(labels, values.T)
        return {f"{label}:{name}": float(value) for label, one in sets for name, value in zip(names, one)}


# Losses: value, gradient and curvature of every row by its linear predictor. Residuals are prediction minus target.


def squared(eta, y):
    r = eta - y
    return r**2, 2 * r, np.full_like(r, 2)


def huber(delta):
    def loss(eta, y):
        r = eta - y
        inside = abs(r) <= delta
        return np.where(inside, r**2, 2 * delta * abs(r) - delta**2), 2 * np.clip(r, -delta, delta), 2.0 * inside

    return loss


def pseudo_huber(delta):
    def loss(eta, y):
        r = eta - y
        root = np.sqrt(1 + (r / delta) ** 2)
        return 2 * r**2 / (root + 1), 2 * r / root, 2 / root**3

    return loss


def log_cosh(eta, y):
    r = eta - y
    size = abs(r)
    return size + np.log1p(np.exp(-2 * size)) - np.log(LONG(2)), np.tanh(r), 1 - np.tanh(r) ** 2


def cauchy(delta):
    def loss(eta, y):
        r = eta - y
        u = (r / delta) ** 2
        return delta**2 * np.log1p(u), 2 * r / (1 + u), 2 * (1 - u) / (1 + u) ** 2

    return loss


def logistic(factors=(1, 1)):
    """`y` is 0 or 1."""

    def loss(eta, y):
        factor = np.where(y == 1, LONG(factors[1]), LONG(factors[0]))
        sign = np.where(y == 1, LONG(1), LONG(-1))
        p = 1 / (1 + np.exp(-eta))
        value = np.logaddexp(LONG(0), -sign * eta)
        return factor * value, -factor * sign / (1 + np.exp(sign * eta)), factor * p * (1 - p)

    return loss


def poisson(eta, y):
    mu = np.exp(eta)
    ratio = np.log(np.where(y > 0, y, 1)) - np.where(y > 0, eta, 0)
    return y * ratio - (y - mu), mu - y, mu


def gamma(eta, y):
    ratio = y * np.exp(-eta)
    return eta - np.log(y) + ratio - 1, 1 - ratio, ratio


def softmax(eta, y):
    """`y` is the number of the class; the predictor has one column a class."""
    shifted = eta - eta.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(logs)
    hot = np.arange(eta.shape[1]) == y[:, None]
    curvature = p[:, :, None] * (np.eye(eta.shape[1]) - p[:, None, :])
    return -logs[hot], p - hot, curvature


class Solution:
    """A minimum: `theta` of the standardized columns, `data` in data units, loss, objective and the mean Hessian."""

    def __init__(self, design, theta, loss, objective, hessian):
        self.design, self.theta, self.hessian = design, theta, hessian
        self.data = design.to_data(theta)
        self.loss, self.objective = float(loss), float(objective)

    def named(self, labels=None):
        return self.design.named(self.data, labels)

    def covariance(self):
        """The inverse of the information, for one set of coefficients or, in the symmetric form, for several."""
        classes = self.theta.shape[1] if self.theta.ndim == 2 else 1
        inverse = np.linalg.inv(self.hessian) / float(self.design.total)
        if classes > 1:
            centring = np.kron(np.eye(classes) - 1 / classes, np.eye(self.design.size))
            inverse = centring @ inverse @ centring
        return inverse

    def errors(self, covariance):
        """Standard errors in data units, from a covariance in these coordinates."""
        return errors(self.design, covariance, self.theta.shape[1] if self.theta.ndim == 2 else 1)


def errors(design, covariance, classes=1):
    change = np.kron(np.eye(classes), design.map().astype(float))
    variances = np.einsum("ij,jk,ik->i", change, covariance, change)
    return np.sqrt(np.maximum(variances, 0)).reshape(classes, -1).T.squeeze()


def minimize(design, y, loss, l2=0.0, l1=0.0, on="data", start=None, classes=None):
    """The minimum of the objective, by Newton steps; with an l1 part, `start` says which coefficients are 0."""
    shape = (design.size, classes) if classes else (design.size,)
    theta = np.zeros(shape, LONG) if start is None else np.array(start, LONG).reshape(shape)
    square = (LONG(l2) * design.penalty_weights(on)).reshape(-1, *[1] * (len(shape) - 1))
    lasso = LONG(l1) * np.sqrt(design.penalty_weights(on))
    free = (theta != 0) | (lasso == 0) if l1 else np.ones(shape, bool)
    signs = np.sign(theta) * lasso if l1 else 0 * theta
    weights = design.weights / design.total

    def at(theta):
        value, gradient, curvature = loss(design.predict(theta), y)
        value = weights @ value
        rows = weights.reshape(-1, *[1] * (len(shape) - 1)) * gradient
        slope = design.long.T @ rows + 2 * square * theta
        size = abs(design.long).T @ abs(rows) + 2 * square * abs(theta) + abs(signs)
        objective = value + (square * theta**2).sum() + (signs * theta).sum()
        return value, objective, slope, size, curvature

    value, objective, slope, size, curvature = at(theta)
    left = np.inf
    for _ in range(200):
        hessian = mean_hessian(design, weights, curvature, square)
        residue = slope + signs
        before, left = left, float((abs(residue) / size)[free].max())
        if left < 1e4 * EPSILON and left > before / 4:
            break  # only rounding is left
        step = newton_step(hessian, residue, free)
        for halvings in range(60):
            tried = theta - step * LONG(0.5) ** halvings
            state = at(tried)
            if state[1] <= objective + 4 * EPSILON * abs(objective):
                break
        else:
            raise AssertionError("no step descends")
        theta, (value, objective, slope, size, curvature) = tried, state
    assert left < 1e4 * EPSILON, f"the gradient is not 0: {left}"
    if l1:
        assert (abs(slope[~free]) < lasso[~free]).all(), "a coefficient that is 0 should not be"
        assert (np.sign(theta)[free & (lasso > 0)] == np.sign(signs)[free & (lasso > 0)]).all(), "a sign changed"
    if not l1:
        assert np.linalg.eigvalsh(hessian).min() > 0, "the curvature is not positive"
    return Solution(design, theta, value, objective, hessian)


def mean_hessian(design, weights, curvature, square):
    """The Hessian, by classes and then columns. Sums over classes, which nothing depends on, get a curvature too."""
    if curvature.ndim == 1:
        scale = (weights * curvature).astype(float)[:, None]
        return design.z.T @ (scale * design.z) + np.diag(2 * square.astype(float))
    classes, size = curvature.shape[1], design.size
    scale = (weights[:, None, None] * curvature).astype(float)
    hessian = np.zeros((classes, size, classes, size))
    for k in range(classes):
        for m in range(k + 1):
            hessian[k, :, m, :] = design.z.T @ (scale[:, k, m, None] * design.z) + np.eye(size) / classes
            hessian[m, :, k, :] = hessian[k, :, m, :]
        hessian[k, :, k, :] += np.diag(2 * square[:, 0].astype(float))
    return hessian.reshape(classes * size, -1)


def newton_step(hessian, slope, free):
    """A descending step: Newton's where the curvature is positive, else one of a lifted curvature."""
    flat = slope.T.reshape(-1).astype(float)
    kept = free.T.reshape(-1)
    block = hessian[np.ix_(kept, kept)]
    least = np.linalg.eigvalsh(block)[0]
    if least <= 0:
        block = block + (1e-3 * np.trace(block) / len(block) - least) * np.eye(len(block))
    step = np.zeros_like(flat)
    step[kept] = np.linalg.solve(block, flat[kept])
    return step.reshape(slope.T.shape).T.astype(LONG)


def vertex(design, y, quantile):
    """The one minimum of the pinball loss, as the vertex that the simplex method ends in."""
    n, size = design.z.shape
    costs = np.concatenate([np.zeros(size), np.full(n, quantile), np.full(n, 1 - quantile)])
    equations = np.hstack([design.z, np.eye(n), -np.eye(n)])
    bounds = [(None, None)] * size + [(0, None)] * (2 * n)
    found = linprog(costs, A_eq=equations, b_eq=y, bounds=bounds, method="highs-ds")
    assert found.status == 0, found.message
    residuals = y - design.z @ found.x[:size]
    on = np.sort(np.argsort(abs(residuals))[:size])
    theta = np.array(found.x[:size], LONG)
    for _ in range(5):
        left = np.array(y, LONG)[on] - design.long[on] @ theta
        theta += np.linalg.solve(design.z[on], left.astype(float))
    residuals = np.array(y, LONG) - design.predict(theta)
    off = np.setdiff1d(np.arange(n), on)
    assert abs(residuals[on]).max() < 1e3 * EPSILON * abs(y).max() < 1e-6 * abs(residuals[off]).min(), "degenerate"
    pulls = np.where(residuals[off] > 0, quantile, quantile - 1)
    multipliers = np.linalg.solve(design.z[on].T, -design.z[off].T @ pulls)
    assert (multipliers > quantile - 1 + 1e-9).all() and (multipliers < quantile - 1e-9).all(), "not the one minimum"
    loss = np.where(residuals > 0, quantile * residuals, (quantile - 1) * residuals).mean()
    return Solution(design, theta, loss, loss, None)


def separates(design, codes, classes=2):
    """Whether some direction never lowers the probability of a row's own class, and sometimes raises it: then there is
    no finite maximum of the likelihood."""
    n, size = design.z.shape
    blocks = []
    for other in range(classes):
        rows = np.flatnonzero(codes != other)
        block = np.zeros((len(rows), classes, size))
        block[np.arange(len(rows)), codes[rows]] += design.z[rows]
        block[:, other] -= design.z[rows]
        blocks.append(block.reshape(len(rows), -1))
    margins = np.vstack(blocks)
    found = linprog(-margins.sum(axis=0), A_ub=-margins, b_ub=np.zeros(len(margins)), bounds=(-1, 1), method="highs")
    assert found.status == 0, found.message
    return -found.fun > 1e-6


def digits(ours, theirs):
    """The fewest decimal digits in which two lists agree, each number by its own size; two zeros agree."""
    ours, theirs = np.asarray(ours, float).reshape(-1), np.asarray(theirs, float).reshape(-1)
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    size = np.maximum(abs(ours), abs(theirs))
    error = np.divide(abs(ours - theirs), size, where=size > 0, out=np.zeros_like(size))
    return float(-np.log10(max(error.max(), 1e-16)))
