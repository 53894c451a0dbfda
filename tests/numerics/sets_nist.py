"""The 27 nonlinear problems of the NIST StRD, as the source distribution of lmfit carries them, for fitd's formulas.

Read are the data, both starts and everything certified; the models are prose there and formulas here. The problems that
are kept beside this file must come out of it the same, bit by bit. Every problem is then solved again from its
certified estimates, in extended precision and on the decimal numbers of its file (sets_curves.py), and what is
certified must come out: that holds the formulas, and whatever was read, to it. The residual standard deviation is left
out: the one given for Rat43 is not that of its sum of squares and degrees of freedom.
"""

import json
import pathlib
import re
import tarfile
from importlib.metadata import version

import numpy as np

from sets_curves import Fit, Formula
from sets_exact import LONG, digits

HERE = pathlib.Path(__file__).parent
ARCHIVE = HERE.parents[1] / ".work" / "sources" / f"lmfit-{version('lmfit')}.tar.gz"
COLLECTION = "NIST StRD nonlinear regression"

GAUSS = "b1*exp(-b2*x)+b3*exp(-(x-b4)^2/b5^2)+b6*exp(-(x-b7)^2/b8^2)"
CUBICS = "(b1+b2*x+b3*x^2+b4*x^3)/(1+b5*x+b6*x^2+b7*x^3)"
LANCZOS = "b1*exp(-b2*x)+b3*exp(-b4*x)+b5*exp(-b6*x)"
FORMULAS = {
    "Bennett5": "b1*(b2+x)^(-1/b3)",
    "BoxBOD": "b1*(1-exp(-b2*x))",
    "Chwirut1": "exp(-b1*x)/(b2+b3*x)",
    "Chwirut2": "exp(-b1*x)/(b2+b3*x)",
    "DanWood": "b1*x^b2",
    "ENSO": "b1+b2*cos(2*pi*x/12)+b3*sin(2*pi*x/12)"
    "+b5*cos(2*pi*x/b4)+b6*sin(2*pi*x/b4)+b8*cos(2*pi*x/b7)+b9*sin(2*pi*x/b7)",
    "Eckerle4": "(b1/b2)*exp(-0.5*((x-b3)/b2)^2)",
    "Gauss1": GAUSS,
    "Gauss2": GAUSS,
    "Gauss3": GAUSS,
    "Hahn1": CUBICS,
    "Kirby2": "(b1+b2*x+b3*x^2)/(1+b4*x+b5*x^2)",
    "Lanczos1": LANCZOS,
    "Lanczos2": LANCZOS,
    "Lanczos3": LANCZOS,
    "MGH09": "b1*(x^2+x*b2)/(x^2+x*b3+b4)",
    "MGH10": "b1*exp(b2/(x+b3))",
    "MGH17": "b1+b2*exp(-x*b4)+b3*exp(-x*b5)",
    "Misra1a": "b1*(1-exp(-b2*x))",
    "Misra1b": "b1*(1-(1+b2*x/2)^(-2))",
    "Misra1c": "b1*(1-(1+2*b2*x)^(-0.5))",
    "Misra1d": "b1*b2*x*(1+b2*x)^(-1)",
    "Nelson": "b1-b2*x1*exp(-b3*x2)",
    "Rat42": "b1/(1+exp(b2-b3*x))",
    "Rat43": "b1/(1+exp(b2-b3*x))^(1/b4)",
    "Roszman1": "b1-b2*x-atan(b3/(x-b4))/pi",
    "Thurber": CUBICS,
}
# The target is a logarithm: the column y has it already.
LOGARITHMS = {"Nelson"}
# What solving again must have of the certified values: digits of estimates, standard errors and sum of squares. The
# residuals of Lanczos1 are the rounding of its 13 decimals: even extended precision sees them to seven digits only.
CERTIFIED = (9, 9, 9)
BARELY = {"Lanczos1": (9, 6, 6)}


def read(name, text):
    """The problem as a client would post it, and its columns in extended precision."""
    rows = re.findall(r"^\s*b\d+ =" + r"\s+(\S+)" * 4 + r"\s*$", text, re.MULTILINE)
    parameters = [f"b{index + 1}" for index in range(len(rows))]
    values = [[float(value) for value in column] for column in zip(*rows)]

    def stated(what):
        return re.search(rf"^{what}:\s+(\S+)\s*$", text, re.MULTILINE)[1]

    heading, *lines = text[text.rindex("Data:") :].splitlines()
    names = heading.split()[1:]
    table = [line.split() for line in lines if line.strip()]
    assert len(table) == int(stated("Number of Observations")), name
    columns = {key: np.array(column, LONG) for key, column in zip(names, zip(*table))}
    if name in LOGARITHMS:
        columns["y"] = np.log(columns["y"])
    columns = {key: columns[key] for key in sorted(columns)}
    problem = {
        "name": name,
        "collection": COLLECTION,
        "difficulty": re.search(r"(\w+) Level of Difficulty", text)[1].lower(),
        "formula": FORMULAS[name],
        "parameters": parameters,
        "starts": values[:2],
        "certified": {
            "estimates": values[2],
            "standard_errors": values[3],
            "residual_sum_of_squares": float(stated("Residual Sum of Squares")),
            "residual_standard_deviation": float(stated("Residual Standard Deviation")),
            "degrees_of_freedom": int(stated("Degrees of Freedom")),
        },
        "data": {key: column.astype(float).tolist() for key, column in columns.items()},
    }
    return problem, columns


def problems():
    """Every problem, read and checked, and how far what is certified comes out again."""
    with tarfile.open(ARCHIVE) as archive:
        root = ARCHIVE.name.removesuffix(".tar.gz")
        files = {name: archive.extractfile(f"{root}/NIST_STRD/{name}.dat").read().decode() for name in FORMULAS}
    kept = [json.loads(path.read_text()) for path in sorted((HERE / "nist").glob("*.json"))]
    kept = {problem["name"]: problem for problem in kept if problem["collection"] == COLLECTION}
    assert len(FORMULAS) == 27 and len(kept) == 14 and kept.keys() < FORMULAS.keys()
    for name, text in files.items():
        problem, columns = read(name, text)
        assert name not in kept or kept[name] == problem, f"{name} is not the one that is kept"
        certified = problem["certified"]
        fit = Fit(Formula(problem["formula"], problem["parameters"]), columns)
        theta = fit.solve(certified["estimates"])
        agreed = (
            digits(theta, certified["estimates"]),
            digits(fit.errors(theta), certified["standard_errors"]),
            digits(fit.squares(theta), certified["residual_sum_of_squares"]),
        )
        enough = all(found >= wanted for found, wanted in zip(agreed, BARELY.get(name, CERTIFIED)))
        assert enough, f"{name}: {agreed} digits of what is certified"
        yield problem, agreed


def export(folder):
    """Writes the problems as they are kept beside this file; how far each is right, by lines."""
    folder.mkdir()
    lines = []
    for problem, agreed in problems():
        (folder / f"{problem['name']}.json").write_text(json.dumps(problem, indent=1, allow_nan=False))
        rows, count = len(problem["data"]["y"]), len(problem["parameters"])
        shown = ", ".join(f"{found:.1f}" for found in agreed)
        lines.append(f"nonlinear/{problem['name']:36} {rows:5} {count:4} {min(agreed):5.1f}  certified: {shown}")
    return lines
