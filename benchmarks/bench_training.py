"""Construction, multigrade training and single-grade training side by side, under the same verifier.

    python benchmarks/bench_training.py [--write docs/training.md] [--figure docs/figures/training.svg] [--only TEXT]

Every trained network has three grades of one hidden layer (the single grade has the three layers at once), the same
width, the same data and the same number of epochs in all.  The constructed scheme may use as many atoms as fit into
the same number of stored numbers, d + 2 for an atom (its coefficient, its level, its node): all its other weights
follow from these.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mgdl_theory as mg
from mgdl_theory.targets.base import Target
from mgdl_theory.training import Data, GradeSpec, sample, train, train_balanced, train_single_grade

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
GRADES, WIDTH, EPOCHS = 3, 24, 200
POINTS, CELLS = {1: 256, 2: 256}, {1: 4_000, 2: 3_000}


def sines(*turns: float) -> str:
    return " + ".join(f"sin({2 * k}*pi*x)" for k in turns)


def image() -> np.ndarray:
    """A disc, a bar and a ramp on 24 x 24 pixels."""
    i, j = np.meshgrid(np.arange(24), np.arange(24), indexing="ij")
    disc = ((i - 8) ** 2 + (j - 8) ** 2 < 30).astype(float)
    return 0.2 + 0.6 * disc + 0.3 * ((i > 17) & (j > 4)) + j / 60


TARGETS: dict[str, Callable[[], Target]] = {
    "sin(100x)": lambda: mg.target("sin(100*x)"),
    "x sin(100x)": lambda: mg.target("x*sin(100*x)"),
    **{f"@twenty-sines-{k}": (lambda k=k: mg.target(f"@twenty-sines-{k}")) for k in range(1, 5)},
    "sines 1, 5.5, 10": lambda: mg.target(sines(1, 5.5, 10)),
    "sines 1, 8.25, ..., 30": lambda: mg.target(sines(1, 8.25, 15.5, 22.75, 30)),
    "@nested-abs": lambda: mg.target("@nested-abs"),
    "sin(6x)cos(5y)+exp(-xy)": lambda: mg.target("sin(6*x)*cos(5*y)+exp(-x*y)"),
    "abs(x-y)+abs(x+y-1)": lambda: mg.target("abs(x - y) + abs(x + y - 1)"),
    "image 24 x 24": lambda: mg.target(image(), name="image"),
}


@dataclass(frozen=True)
class Row:
    method: str
    parameters: int
    squares: tuple[float, ...]
    sups: tuple[float, ...]
    grown: tuple[float, ...]
    seconds: float
    verdict: str
    gap: float | None = None


def trained(method: str, f: Target, data: Data, fit: Callable[[], Any]) -> Row:
    begun = time.perf_counter()
    model = fit()
    seconds = time.perf_counter() - begun
    report = mg.verify(model, f, data=data, cells=CELLS[f.dim])
    rows = report.rows[1:]
    gaps = [grade.note["relative_gap"] for grade in model.grades if "relative_gap" in grade.note]
    return Row(
        method, model.parameters, tuple(r.relative_error for r in rows), tuple(r.residual_sup_upper for r in rows),
        tuple(r.grown for r in rows), seconds, str(report.result("nonincreasing").verdict), max(gaps, default=None),
    )  # fmt: skip


def scheme_row(method: str, f: Target, data: Data, scheme: mg.Scheme, seconds: float, numbers: int) -> Row:
    report = mg.verify(scheme)
    total = float(np.sum(data.y**2))
    x = f.box.from_unit(data.t)
    grades = range(1, len(scheme.grades) + 1)
    squares = tuple(float(np.sum((data.y - scheme(x, k)) ** 2)) / total for k in grades)
    sups = tuple(r.residual_sup_upper for r in report.rows[1:])
    verdict = str(report.result("nonincreasing").verdict)
    return Row(method, numbers, squares, sups, (0.0,) * len(scheme.grades), seconds, verdict)


def measure(f: Target) -> list[Row]:
    data = sample(f, POINTS[f.dim])
    adam = [GradeSpec(width=WIDTH, epochs=EPOCHS)] * GRADES
    convex = [GradeSpec(width=WIDTH, epochs=EPOCHS, solver="convex")] * GRADES
    rows = [
        trained("Adam", f, data, lambda: train(data, adam, box=f.box)),
        trained("convex", f, data, lambda: train(data, convex, box=f.box)),
        trained("single grade", f, data, lambda: train_single_grade(data, adam, box=f.box)),
    ]
    atoms = rows[0].parameters // (f.dim + 2)
    for name, specs in (("balanced, Adam", adam), ("balanced, convex", convex)):
        begun = time.perf_counter()
        scheme = train_balanced(f, data, specs).scheme
        rows.append(scheme_row(name, f, data, scheme, time.perf_counter() - begun, (f.dim + 2) * scheme.atoms))
    begun = time.perf_counter()
    scheme = mg.construct(f, "1e-6", budget=mg.Budget(atoms=atoms))
    rows.append(scheme_row("constructed", f, data, scheme, time.perf_counter() - begun, (f.dim + 2) * scheme.atoms))
    if f.dim == 1:
        rows.append(interpolated(f, data, rows[0].parameters // 2))
    return rows


def interpolated(f: Target, data: Data, knots: int) -> Row:
    """The broken line through so many values: no grades, no proof; its error at 20,001 points."""
    begun = time.perf_counter()
    t = np.linspace(0, 1, knots)
    values = f(f.box.from_unit(t[:, None]))
    seconds = time.perf_counter() - begun
    fine = np.linspace(0, 1, 20_001)
    sup = float(np.abs(f(f.box.from_unit(fine[:, None])) - np.interp(fine, t, values)).max())
    squares = float(np.sum((data.y - np.interp(data.t[:, 0], t, values)) ** 2) / np.sum(data.y**2))
    return Row("interpolation", 2 * knots, (squares,), (sup,), (), seconds, "sampled")


def path(values: tuple[float, ...], form: str) -> str:
    """All values of up to three grades, the last of more."""
    shown = values if len(values) <= GRADES else values[-1:]
    return " → ".join(format(v, form) for v in shown) or "-"


def table(name: str, rows: list[Row]) -> list[str]:
    lines = [
        f"### {name}", "",
        ("| method | numbers | rel. squared error by grade | certified sup-norm by grade | grown | no point worse "
        "| gap | s |"),
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for r in rows:
        gap = "-" if r.gap is None else f"{r.gap:.0e}"
        lines.append(
            f"| {r.method} | {r.parameters:,} | {path(r.squares, '.1e')} | {path(r.sups, '.3g')} "
            f"| {path(r.grown, '.0%')} | {r.verdict} | {gap} | {r.seconds:.1f} |"
        )
    return [*lines, ""]


def figure(results: dict[str, list[Row]], out: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = list(results)[:4]
    fig, axes = plt.subplots(1, len(shown), figsize=(3 * len(shown), 3), sharey=True, constrained_layout=True)
    styles = {"Adam": "o-", "convex": "s-", "single grade": "D", "balanced, Adam": "^--", "balanced, convex": "v--"}
    for ax, name in zip(np.atleast_1d(axes), shown, strict=True):
        for row in results[name]:
            if row.method in styles:
                ax.semilogy(range(1, len(row.sups) + 1), row.sups, styles[row.method], label=row.method)
            elif row.method == "constructed":
                ax.axhline(row.sups[-1], color="black", lw=1, label="constructed, last grade")
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("grade k")
        ax.set_xticks([1, 2, 3])
    np.atleast_1d(axes)[0].set_ylabel(r"certified bound of $\sup|e_k|$")
    np.atleast_1d(axes)[-1].legend(fontsize=6)
    fig.savefig(out, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    results = {}
    for name, make in TARGETS.items():
        if options.only in name:
            results[name] = measure(make())
            print("\n".join(table(name, results[name])), flush=True)
    if options.figure:
        figure(results, options.figure)
    if options.write:
        text = "\n".join("\n".join(table(name, rows)) for name, rows in results.items())
        page = options.write.read_text(encoding="utf-8")
        head, _, rest = page.partition(BEGIN)
        options.write.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(f"{len(results)} targets", file=sys.stderr)


if __name__ == "__main__":
    main()
