"""Solves problems with statsmodels, scikit-learn and scipy, one function a family, holds them against sets_exact.py,
and writes them. Every function takes a set (make_sets.py), the problem's name, and what the fit is asked for.
"""

import numpy as np
import scipy
import sklearn
import statsmodels
import statsmodels.api as sm
from scipy.optimize import least_squares
from scipy.optimize import minimize as scipy_minimize
from sklearn import linear_model

import sets_exact as exact
from sets_exact import Design, digits, minimize

STATSMODELS = f"statsmodels {statsmodels.__version__}"
SKLEARN = f"scikit-learn {sklearn.__version__}"
SCIPY = f"scipy {scipy.__version__}"


def listed(values):
    return np.asarray(values, float).reshape(-1)


def penalty_of(l2=0.0, l1=0.0, on="data"):
    return {key: value for key, value in (("l2", l2), ("l1", l1)) if value} | {"on": on}


def peer_columns(design):
    """The columns of the data with a constant last, in double precision, as a peer of unpenalized fits has them."""
    return np.column_stack([design.raw, np.ones(design.rows)])


# Least squares


def least_squares_fit(data, name, covariance="classical", weights=None, kind=None, target="y", features=None):
    """OLS or WLS with everything that statsmodels says of it. For frequency weights, statsmodels has repeated rows."""
    features = features or data.features("w")
    design = Design(data.columns, features, weights and data.columns[weights])
    y = np.array(data.columns[target], exact.LONG)
    ours = minimize(design, y, exact.squared)
    x, answer = peer_columns(design), y.astype(float)
    how = "OLS"
    if kind == "frequency":
        repeats = design.weights.astype(int)
        peer = sm.OLS(np.repeat(answer, repeats), np.repeat(x, repeats, axis=0)).fit()
        how = "OLS of repeated rows"
    elif kind:
        peer = sm.WLS(answer, x, weights=design.weights.astype(float)).fit()
        how = "WLS"
    else:
        peer = sm.OLS(answer, x).fit()
    how = f"{STATSMODELS} {how}" + (f", {covariance.upper()} standard errors" if covariance != "classical" else "")
    theirs = peer.bse if covariance == "classical" else getattr(peer, f"{covariance.upper()}_se")
    observations = float(design.total) if kind == "frequency" else design.rows
    errors = ours.errors(squares_covariance(design, ours, y, covariance, observations))
    mean = design.weights @ y / design.total
    r_squared = 1 - ours.loss / float(design.weights @ (y - mean) ** 2 / design.total)
    request = {"model": {"kind": "linear"}, "covariance": covariance}
    if target != "y":
        request["model"] |= {"target": target, "features": features}
    if weights:
        request["weights"] = {"column": weights, "kind": kind}
    expected = {
        "coefficients": ours.named(),
        "standard_errors": design.named(errors),
        "loss": ours.loss,
        "objective": ours.objective,
        "r_squared": r_squared,
        "log_likelihood": float(peer.llf),
        "aic": float(peer.aic),
        "bic": float(peer.bic),
    }
    loss = float(peer.ssr) / float(design.total)
    agreed = [(ours.data, peer.params), (errors, theirs), ([ours.loss, r_squared], [loss, peer.rsquared])]
    data.problem(name, how, request, expected, agreed)


def squares_covariance(design, solution, y, covariance, observations):
    bread = solution.covariance() * 2  # the information of a squared residual is half its curvature
    weights = design.weights.astype(float)
    residuals = (y - design.predict(solution.theta)).astype(float)
    freedom = observations - design.size
    if covariance == "classical":
        return bread * (weights @ residuals**2) / freedom
    scores = weights * residuals
    if covariance == "hc1":
        scores = scores * np.sqrt(observations / freedom)
    else:
        scores = scores / (1 - weights * np.einsum("ij,jk,ik->i", design.z, bread, design.z))
    return bread @ ((design.z * scores[:, None] ** 2).T @ design.z) @ bread


def penalized_squares(data, name, l2, l1, on):
    """Ridge, lasso and elastic net. scikit-learn halves the mean square for the latter two, and sums for the first."""
    design, y = Design(data.columns, data.features()), data.y()
    x, n = design.columns_for(on), design.rows
    answer = y.astype(float)
    if l1 == 0:
        how, peer = "Ridge", linear_model.Ridge(alpha=l2 * n, solver="cholesky").fit(x, answer)
    elif l2 == 0:
        how, peer = "Lasso", linear_model.Lasso(alpha=l1 / 2, tol=1e-14, max_iter=10**6).fit(x, answer)
    else:
        alpha = l1 / 2 + l2
        peer = linear_model.ElasticNet(alpha=alpha, l1_ratio=l1 / 2 / alpha, tol=1e-14, max_iter=10**6).fit(x, answer)
        how = "ElasticNet"
    penalized(data, name, f"{SKLEARN} {how}", "linear", exact.squared, design, y, peer, l2, l1, on)


def penalized(data, name, how, kind, function, design, y, peer, l2, l1, on, **request):
    """A fit with a penalty, against a peer of scikit-learn that was given the centred columns."""
    slopes = peer.coef_.reshape(-1)
    start = None
    if l1:
        scale = design.deviation if on == "data" else 1
        start = np.append((slopes * scale)[design.varies], np.ravel(peer.intercept_)[0])
    ours = minimize(design, y, function, l2, l1, on, start)
    per = 1 if on == "data" else design.deviation
    theirs = np.where(design.varies, slopes / per, 0)
    intercept = np.ravel(peer.intercept_)[0] - theirs @ design.mean
    request = {"model": {"kind": kind}} | request | {"penalty": penalty_of(l2, l1, on)}
    expected = {"coefficients": ours.named(), "loss": ours.loss, "objective": ours.objective}
    data.problem(name, f"{how}, polished", request, expected, [(ours.data, [*theirs, intercept])])


# Robust losses and quantiles


def robust(data, kind, delta=None):
    """A robust loss of fixed scale. Every start ends in the same minimum, Cauchy's too, which may have several."""
    design, y = Design(data.columns, data.features()), data.y()
    answer, rows = y.astype(float), design.rows
    ols = minimize(design, y, exact.squared).theta
    loss = getattr(exact, kind)(delta) if delta else getattr(exact, kind)
    ours = minimize(design, y, loss, start=ols)
    if kind in ("pseudo_huber", "cauchy"):  # others are convex, and from afar without a curvature
        for start in (0 * ols, np.append(0 * ols[1:], y.mean())):
            assert digits(minimize(design, y, loss, start=start).data, ours.data) > 9, "another minimum"
    if kind == "log_cosh":
        peer = scipy_minimize(
            lambda theta: float(loss(design.z @ theta, answer)[0].mean()), ols.astype(float), method="trust-exact",
            jac=lambda theta: (design.z.T @ loss(design.z @ theta, answer)[1] / rows).astype(float),
            hess=lambda theta: (design.z.T * loss(design.z @ theta, answer)[2].astype(float) @ design.z / rows),
            options={"gtol": 1e-11},
        )  # fmt: skip
        how = f"{SCIPY} minimize by trust-exact"
        agreed = [(ours.data, design.to_data(peer.x)), (ours.loss, peer.fun)]
    else:
        named = {"huber": "huber", "pseudo_huber": "soft_l1", "cauchy": "cauchy"}[kind]
        peer = least_squares(
            lambda theta: design.z @ theta - answer, ols.astype(float), jac=lambda theta: design.z,
            loss=named, f_scale=delta, xtol=1e-15, ftol=1e-15, gtol=1e-15,
        )  # fmt: skip
        how = f"{SCIPY} least_squares with loss {named}"
        agreed = [(ours.loss, 2 * peer.cost / rows)]
        if kind == "pseudo_huber":
            agreed.append((ours.data, design.to_data(peer.x)))
        else:  # there least_squares ends at the square root of a double's precision
            norm = {"huber": sm.robust.norms.HuberT, "cauchy": lambda c: sm.robust.norms.StudentT(c=c, df=1)}[kind]
            scale = sm.RLM(answer, design.z, M=norm(1.0)).fit(maxiter=1, update_scale=False).scale
            model = sm.RLM(answer, design.z, M=norm(delta / scale))
            peer = model.fit(maxiter=5000, tol=1e-12, conv="coefs", update_scale=False)
            how = f"{STATSMODELS} RLM of fixed scale, and the loss by {how}"
            agreed.append((ours.data, design.to_data(peer.params)))
    request = {"model": {"kind": "linear"}, "loss": {"kind": kind} | ({"delta": delta} if delta else {})}
    expected = {"coefficients": ours.named(), "loss": ours.loss, "objective": ours.objective}
    data.problem(kind, f"{how}, polished, from the least squares solution", request, expected, agreed)


def quantiles(data):
    design, y = Design(data.columns, data.features()), data.y()
    answer = y.astype(float)
    for name, quantile in [("absolute", 0.5), ("quantile_25", 0.25), ("quantile_90", 0.9)]:
        ours = exact.vertex(design, answer, quantile)
        # Its weights stop at residuals of 1e-6, and with them its digits.
        first = sm.QuantReg(answer, design.z).fit(q=quantile, p_tol=1e-9, max_iter=3000)
        second = linear_model.QuantileRegressor(quantile=quantile, alpha=0, solver="highs")
        second.fit(design.z[:, :-1], answer)
        theirs = [design.to_data(first.params), design.to_data(np.append(second.coef_, second.intercept_))]
        scale = 2 if name == "absolute" else 1
        loss = {"kind": "absolute"} if name == "absolute" else {"kind": "quantile", "quantile": quantile}
        expected = {"coefficients": ours.named(), "loss": scale * ours.loss, "objective": scale * ours.objective}
        how = f"{STATSMODELS} QuantReg and {SKLEARN} QuantileRegressor, polished to the vertex of {SCIPY} linprog"
        request = {"model": {"kind": "linear"}, "loss": loss}
        data.problem(name, how, request, expected, [(ours.data, one) for one in theirs])


# Classes


def penalized_logistic(data, name, l2, l1, on, class_weights=None):
    design, (labels, codes) = Design(data.columns, data.features()), data.labels()
    x, n = design.columns_for(on), design.rows
    assert labels == [0, 1]
    settings = {"penalty": "l1", "solver": "saga", "C": 1 / (n * l1)} if l1 else {"C": 0.5 / (n * l2)}
    settings = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 10**5, "random_state": 0} | settings
    peer = linear_model.LogisticRegression(class_weight=class_weights, **settings).fit(x, codes)
    factors = n / (2 * np.bincount(codes)) if class_weights else (1, 1)
    loss = {"kind": "log_loss"} | ({"class_weights": class_weights} if class_weights else {})
    how = f"{SKLEARN} LogisticRegression by {settings['solver']}"
    penalized(data, name, how, "logistic", exact.logistic(factors), design, codes, peer, l2, l1, on, loss=loss)


def logit(data, name, features):
    """A logistic regression without a penalty, of classes that no plane separates."""
    design, (_, codes) = Design(data.columns, features), data.labels()
    assert not exact.separates(design, codes), f"{data.name}: the classes are separable"
    ours = minimize(design, codes, exact.logistic())
    peer = sm.Logit(codes, peer_columns(design)).fit(method="newton", tol=1e-9, maxiter=200, disp=False)
    expected = likelihood(ours, peer, ours.errors(ours.covariance()))
    expected["deviance"] = 2 * ours.loss * design.rows
    agreed = [
        (ours.data, peer.params),
        (listed(list(expected["standard_errors"].values())), peer.bse),
        (ours.loss * design.rows, -peer.llf),
    ]
    request = {"model": {"kind": "logistic", "features": features}, "loss": {"kind": "log_loss"}}
    request["covariance"] = "classical"
    data.problem(name, f"{STATSMODELS} Logit, polished", request, expected, agreed)


def weighted_classes(data, name, features, factors):
    """Factors of classes without a penalty are frequencies of rows."""
    design, (labels, codes) = Design(data.columns, features), data.labels()
    ours = minimize(design, codes, exact.logistic(factors))
    frequencies = np.where(codes == 1, factors[1], factors[0])
    model = sm.GLM(codes, peer_columns(design), family=sm.families.Binomial(), freq_weights=frequencies)
    peer = model.fit(tol=1e-14, tol_criterion="params", maxiter=200)
    loss = {"kind": "log_loss", "class_weights": dict(zip(map(str, labels), factors))}
    request = {"model": {"kind": "logistic", "features": features}, "loss": loss}
    how = f"{STATSMODELS} GLM with Binomial, the factors as freq_weights"
    data.problem(name, how, request, {"coefficients": ours.named()}, [(ours.data, peer.params)])


def likelihood(ours, peer, errors, labels=None):
    expected = {
        "coefficients": ours.named(labels),
        "standard_errors": ours.design.named(errors, labels),
        "loss": ours.loss,
        "objective": ours.objective,
        "log_likelihood": float(peer.llf),
        "aic": float(peer.aic),
        "bic": float(peer.bic_llf if hasattr(peer, "bic_llf") else peer.bic),
    }
    parameters = peer.df_model + (len(labels) - 1 if labels else 1)
    assert abs(expected["aic"] + 2 * peer.llf - 2 * parameters) < 1e-9 * abs(peer.llf)
    return expected


def penalized_softmax(data, name, l2, on):
    design, (labels, codes) = Design(data.columns, data.features()), data.labels()
    ours = minimize(design, codes, exact.softmax, l2, on=on, classes=len(labels))
    assert abs(ours.data.sum(axis=1)).max() < 1e-12 * abs(ours.data).max(), "the sums over classes are not 0"
    settings = {"C": 0.5 / (design.rows * l2), "solver": "newton-cholesky", "tol": 1e-13, "max_iter": 10**4}
    peer = linear_model.LogisticRegression(**settings).fit(design.columns_for(on), codes)
    per = design.deviation[:, None] if on == "standardized" else 1
    theirs = np.divide(peer.coef_.T, per, where=design.varies[:, None], out=0 * peer.coef_.T)
    intercepts = peer.intercept_ - design.mean.astype(float) @ theirs
    theirs = np.vstack([theirs, intercepts])
    theirs -= theirs.mean(axis=1, keepdims=True)
    request = {"model": {"kind": "softmax"}, "loss": {"kind": "log_loss"}, "penalty": penalty_of(l2, on=on)}
    expected = {"coefficients": ours.named(labels), "loss": ours.loss, "objective": ours.objective}
    how = f"{SKLEARN} LogisticRegression by newton-cholesky, polished"
    data.problem(name, how, request, expected, [(ours.data, theirs)])


def multinomial(data, name, features):
    """A softmax regression without a penalty; statsmodels has the first class as 0, here the sums over classes are."""
    design, (labels, codes) = Design(data.columns, features), data.labels()
    classes = len(labels)
    assert not exact.separates(design, codes, classes), f"{data.name}: the classes are separable"
    ours = minimize(design, codes, exact.softmax, classes=classes)
    errors = ours.errors(ours.covariance())
    peer = sm.MNLogit(codes, peer_columns(design)).fit(method="newton", tol=1e-9, maxiter=200, disp=False)
    size = design.size
    centring = np.kron(np.eye(classes) - 1 / classes, np.eye(size))[:, size:]
    theirs = centring @ np.asarray(peer.params).T.reshape(-1)
    their_errors = np.sqrt(np.diag(centring @ np.asarray(peer.cov_params()) @ centring.T))
    expected = likelihood(ours, peer, errors, labels)
    expected["deviance"] = 2 * ours.loss * design.rows
    agreed = [(ours.data.T, theirs), (errors.T, their_errors), (ours.loss * design.rows, -peer.llf)]
    request = {"model": {"kind": "softmax", "features": features}, "loss": {"kind": "log_loss"}}
    request["covariance"] = "classical"
    data.problem(name, f"{STATSMODELS} MNLogit, mapped to the symmetric form, polished", request, expected, agreed)


# Counts and durations


def glm(data, name, kind, weights=None):
    """A Poisson or gamma regression with log link. The peer has standardized columns, as data of such sizes are beyond
    its pseudo-inverse, and rows repeated in place of frequencies."""
    design = Design(data.columns, data.features("w"), weights and data.columns[weights])
    y = data.y()
    ours = minimize(design, y, getattr(exact, kind))
    family = {"poisson": sm.families.Poisson, "gamma": sm.families.Gamma}[kind](sm.families.links.Log())
    repeats = design.weights.astype(int)
    model = sm.GLM(np.repeat(y.astype(float), repeats), np.repeat(design.z, repeats, axis=0), family=family)
    peer = model.fit(tol=1e-15, tol_criterion="params", maxiter=200)
    if weights:
        same = sm.GLM(y.astype(float), design.z, family=family, freq_weights=repeats)
        same = same.fit(tol=1e-15, tol_criterion="params", maxiter=200)
        assert digits([*same.bse, same.llf, same.aic, same.bic_llf], [*peer.bse, peer.llf, peer.aic, peer.bic_llf]) > 9
    mu = np.exp(design.predict(ours.theta))
    if kind == "poisson":
        covariance = ours.covariance()
    else:
        freedom = design.total - design.size
        pearson = float((design.weights * ((y - mu) / mu) ** 2).sum() / freedom)
        covariance = pearson * np.linalg.inv(design.z.T @ (design.weights.astype(float)[:, None] * design.z))
    expected = likelihood(ours, peer, ours.errors(covariance))
    expected["deviance"] = 2 * ours.loss * float(design.total)
    agreed = [
        (ours.data, design.to_data(peer.params)),
        (ours.errors(covariance), exact.errors(design, np.asarray(peer.cov_params()))),
        (expected["deviance"], peer.deviance),
    ]
    request = {"model": {"kind": kind}, "loss": {"kind": kind}, "covariance": "classical"}
    if weights:
        request["weights"] = {"column": weights, "kind": "frequency"}
    how = f"{STATSMODELS} GLM with {family.__class__.__name__} and log link" + (", of repeated rows" if weights else "")
    data.problem(name, how, request, expected, agreed)


def penalized_glm(data, name, kind, l2, on):
    design, y = Design(data.columns, data.features()), data.y()
    regressor = {"poisson": linear_model.PoissonRegressor, "gamma": linear_model.GammaRegressor}[kind]
    tolerance = 1e-8 if on == "data" else 1e-13  # of a gradient, whose rounding is that of the columns
    peer = regressor(alpha=2 * l2, solver="newton-cholesky", tol=tolerance, max_iter=1000)
    peer.fit(design.columns_for(on), y.astype(float))
    how = f"{SKLEARN} {regressor.__name__} by newton-cholesky"
    penalized(data, name, how, kind, getattr(exact, kind), design, y, peer, l2, 0.0, on, loss={"kind": kind})
