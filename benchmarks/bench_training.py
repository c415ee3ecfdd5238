"""Construction, multigrade training and single-grade training side by side, under the same verifier.

    python benchmarks/bench_training.py [--only TEXT] [--write docs/training.md] [--data docs/training.csv]
    python benchmarks/bench_training.py --draw [--data docs/training.csv] [--figure docs/figures/training.svg]

Every trained network has four hidden layers of one width: in four grades, in two, or in one (the single grade), so all
have as many parameters, up to readouts.  Those by Adam do as many multiplications as four grades of 4,000 epochs each.
Schemes may have as many atoms as fit into the same number of stored numbers, d + 2 for an atom (its coefficient, its
level, its node): all other weights follow from these.  Two targets are measured at a time, each on one core.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import page

import mgdl_theory as mg
from mgdl_theory.targets.base import Target
from mgdl_theory.text import near_text, up_text
from mgdl_theory.training import Adam, Convex, Data, sample, train, train_balanced
from mgdl_theory.training.single_grade import multiplications, single_grade_spec

DOCS = Path(__file__).resolve().parents[1] / "docs"
GRADES, WORKERS = 4, 2
SHALLOW = Adam(width=64, epochs=4000, batch=128, rate=3e-3)
CONVEX = Convex(width=64, epochs=300)
POINTS, CELLS = 1024, {1: 100_000, 2: 100_000}


def sines(*turns: float) -> str:
    return " + ".join(f"sin({2 * k}*pi*x)" for k in turns)


def image() -> np.ndarray:
    """A disc, a bar and a ramp on 24 x 24 pixels."""
    i, j = np.meshgrid(np.arange(24), np.arange(24), indexing="ij")
    disc = ((i - 8) ** 2 + (j - 8) ** 2 < 30).astype(float)
    return 0.2 + 0.6 * disc + 0.3 * ((i > 17) & (j > 4)) + j / 60


TARGETS: dict[str, str | Callable[[], np.ndarray]] = {
    "sin(100x)": "sin(100*x)",
    "x sin(100x)": "x*sin(100*x)",
    **{f"@twenty-sines-{k}": f"@twenty-sines-{k}" for k in range(1, 5)},
    "sines 1, 5.5, 10": sines(1, 5.5, 10),
    "sines 1, 8.25, ..., 30": sines(1, 8.25, 15.5, 22.75, 30),
    "@nested-abs": "@nested-abs",
    "sin(6x)cos(5y)+exp(-xy)": "sin(6*x)*cos(5*y)+exp(-x*y)",
    "abs(x-y)+abs(x+y-1)": "abs(x - y) + abs(x + y - 1)",
    "image 24 x 24": image,
}


@dataclass(frozen=True)
class Row:
    """One grade of one method; of what has no grades, the whole.  Numbers and seconds are those up to this grade."""

    target: str
    method: str
    grade: int
    numbers: int
    squares: float
    sup_lower: float
    sup_upper: float
    grown: float
    verdict: str
    gap: float
    seconds: float


def trained(target: str, method: str, f: Target, data: Data, fit: Callable[[], Any]) -> list[Row]:
    model = fit()
    report = mg.verify(model.on(f), data=data, cells=CELLS[f.dim])
    seconds = np.cumsum([row.seconds for row in report.rows]).tolist()
    gaps = [0.0, *(float(grade.note.get("relative_gap", np.nan)) for grade in model.grades)]
    return [
        Row(target, method, r.grade, r.parameters, r.relative_error, r.residual_sup_lower, r.residual_sup_upper,
            r.grown, str(r.nonincreasing), gaps[r.grade], seconds[r.grade])
        for r in report.rows[1:]
    ]  # fmt: skip


def scheme_rows(
    target: str, method: str, f: Target, data: Data, scheme: mg.Scheme, seconds: Sequence[float]
) -> list[Row]:
    """``seconds`` of each grade, or of the whole."""
    report, x, total = mg.verify(scheme), f.box.from_unit(data.t), float(np.sum(data.y**2))
    clock = np.cumsum(seconds).tolist()
    clock = [*clock[: len(scheme.grades) - 1], *[clock[-1]] * len(scheme.grades)]  # a grade that is 0 is none
    atoms = np.cumsum([row.atoms for row in report.rows]).tolist()
    return [
        Row(target, method, r.grade, (f.dim + 2) * atoms[r.grade],
            float(np.sum((data.y - scheme(x, r.grade)) ** 2)) / total, r.residual_sup_lower, r.residual_sup_upper,
            0.0, str(r.nonincreasing), np.nan, clock[r.grade - 1])
        for r in report.rows[1:]
    ]  # fmt: skip


def interpolated(target: str, f: Target, data: Data, numbers: int) -> list[Row]:
    """The interpolant of so many values on a grid: no grades, no proof; its error at 20,000 random points."""
    per_axis = int(numbers ** (1 / f.dim))
    axes = np.meshgrid(*[np.linspace(0.0, 1.0, per_axis)] * f.dim, indexing="ij")
    begun = time.perf_counter()
    g = mg.target(f(f.box.from_unit(np.stack([a.ravel() for a in axes], axis=1))).reshape(axes[0].shape))
    seconds = time.perf_counter() - begun
    t = np.random.default_rng(1).random((20_000, f.dim))
    sup = float(np.abs(f(f.box.from_unit(t)) - g(t)).max())
    squares = float(np.sum((data.y - g(data.t)) ** 2) / np.sum(data.y**2))
    return [Row(target, "interpolation", 0, per_axis**f.dim, squares, sup, np.nan, np.nan, "sampled", np.nan, seconds)]


def clipping_cells(atoms: int, dim: int) -> int:
    """Cells of the finest level of which every grade can use all nodes."""
    side = 1
    while (2 * side + 1) ** dim * GRADES <= atoms:
        side *= 2
    return side**dim


def as_much(spec: Adam, grades: int, dim: int) -> Adam:
    """The spec with epochs for as many multiplications as the shallow grades do."""

    def of(one: Adam, count: int) -> int:
        return sum(multiplications(one, below) for below in [dim, *[one.width] * (count - 1)])

    return replace(spec, epochs=SHALLOW.epochs * of(SHALLOW, GRADES) // of(spec, grades))


def measure(name: str) -> list[Row]:
    """All methods on one target."""
    made = TARGETS[name]
    f = mg.target(made) if isinstance(made, str) else mg.target(made(), name=name)
    data = sample(f, POINTS)
    shallow, convex = [SHALLOW] * GRADES, [CONVEX] * GRADES
    deep = [as_much(replace(SHALLOW, depth=2), GRADES // 2, f.dim)] * (GRADES // 2)
    single = [single_grade_spec(shallow, f.dim)]
    rows = trained(name, "Adam, four grades", f, data, lambda: train(data, shallow, box=f.box))
    numbers = rows[-1].numbers
    atoms = numbers // (f.dim + 2)
    rows += trained(name, "Adam, two grades", f, data, lambda: train(data, deep, box=f.box))
    rows += trained(name, "Adam, single grade", f, data, lambda: train(data, single, box=f.box))
    rows += trained(name, "convex, four grades", f, data, lambda: train(data, convex, box=f.box))
    for method, specs in (("balanced, Adam", shallow), ("balanced, convex", convex)):
        run = train_balanced(f, data, specs, cells=clipping_cells(atoms, f.dim))
        rows += scheme_rows(name, method, f, data, run.scheme, run.seconds)
    begun = time.perf_counter()
    scheme = mg.construct(f, "1e-6", budget=mg.Budget(atoms=atoms))
    rows += scheme_rows(name, "constructed", f, data, scheme, [time.perf_counter() - begun])
    if isinstance(made, str):  # an image is its own interpolant
        rows += interpolated(name, f, data, numbers)
    return rows


def by_method(rows: list[Row]) -> list[list[Row]]:
    return [list(group) for _, group in groupby(rows, key=lambda row: row.method)]


def table(name: str, rows: list[Row]) -> list[str]:
    head = ["method", "numbers", "rel. squared error by grade", "sup-norm by grade, certified", "grown",
            "no point worse", "gap", "s"]  # fmt: skip
    lines = []
    for group in by_method(rows):
        shown = group if len(group) <= GRADES else group[-1:]
        last, gaps = group[-1], [row.gap for row in group]
        verdicts = {row.verdict for row in group}
        bounds = [row.sup_upper if row.sup_upper == row.sup_upper else row.sup_lower for row in shown]
        lines.append([
            last.method if shown is group else f"{last.method}, {len(group)} grades", f"{last.numbers:,}",
            path([row.squares for row in shown], lambda v: near_text(v, 2)), path(bounds, lambda v: up_text(v, 3)),
            path([row.grown for row in shown], lambda v: f"{v:.0%}") if last.grown == last.grown else "-",
            next(v for v in ("REFUTED", "UNDECIDED", "EVIDENCE", "PROVED", "sampled") if v in verdicts),
            near_text(max(gaps), 1) if max(gaps) == max(gaps) and any(gaps) else "-", f"{last.seconds:.1f}",
        ])  # fmt: skip
    return [f"### {name}", "", *page.table(head, lines), ""]


def path(values: list[float], form: Callable[[float], str]) -> str:
    return " → ".join(map(form, values))


def summary(rows: list[Row]) -> str:
    """Counts over all trained networks and all schemes."""
    lines = []
    for kind, of_kind in (("trained networks", True), ("schemes", False)):
        groups = [
            group for name, rest in groupby(rows, key=lambda row: row.target) for group in by_method(list(rest))
            if (group[0].method.startswith(("Adam", "convex"))) is of_kind and group[0].method != "interpolation"
        ]  # fmt: skip
        grades = [row for group in groups for row in group]
        risen = sum(b.sup_lower > a.sup_upper for group in groups for a, b in pairwise(group))
        later = sum(len(group) - 1 for group in groups)
        fell = sum(b.squares < a.squares for group in groups for a, b in pairwise(group))
        worse = sum(row.verdict == "REFUTED" for row in grades)
        lines.append(
            f"{len(groups)} {kind}, {len(grades)} grades: no point worse REFUTED at {worse}, "
            f"PROVED at {sum(row.verdict == 'PROVED' for row in grades)}; of the {later} grades after a first one the "
            f"sup-norm rose, for certain, at {risen} and the squares fell at {fell}"
        )
    return "\n".join(lines)


def figure(rows: list[Row], out: Path) -> None:
    """Certified bounds against stored numbers, a point for each grade."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "training"  # the same file from the same rows
    import matplotlib.pyplot as plt

    shown = ["sin(100x)", "@twenty-sines-2", "sines 1, 5.5, 10", "@nested-abs", "sin(6x)cos(5y)+exp(-xy)",
             "image 24 x 24"]  # fmt: skip
    styles = {
        "Adam, four grades": ("C0", "o-"), "Adam, two grades": ("C0", "o--"), "Adam, single grade": ("C3", "D"),
        "convex, four grades": ("C1", "s-"), "balanced, Adam": ("C2", "^-"), "balanced, convex": ("C2", "v--"),
        "constructed": ("black", ".-"), "interpolation": ("C4", "x"),
    }  # fmt: skip
    fig, axes = plt.subplots(2, 3, figsize=(10, 6.4), sharex=True, layout="constrained")
    for ax, name in zip(axes.flat, shown, strict=True):
        for group in by_method([row for row in rows if row.target == name]):
            colour, style = styles[group[0].method]
            bounds = [row.sup_upper if row.sup_upper == row.sup_upper else row.sup_lower for row in group]
            label = group[0].method + (" (sampled)" if group[0].method == "interpolation" else "")
            ax.loglog([row.numbers for row in group], bounds, style, color=colour, ms=4, lw=1, label=label)
        ax.set_title(name, fontsize=9)
        ax.set_xlim(30, 3e4)
        ax.grid(alpha=0.3, lw=0.5)
    for ax in axes[-1]:
        ax.set_xlabel("stored numbers")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"certified bound of $\sup|e_k|$")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    fig.savefig(out, metadata={"Date": None})


def read(path: Path) -> list[Row]:
    kinds = {field.name: {"int": int, "float": float, "str": str}[str(field.type)] for field in fields(Row)}
    with path.open(encoding="utf-8", newline="") as file:
        return [Row(**{name: kinds[name](value) for name, value in row.items()}) for row in csv.DictReader(file)]


def save(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6g}" if type(v) is float else v for k, v in asdict(row).items()} for row in rows)


def measured(names: list[str]) -> list[Row]:
    """All rows of these targets; the table of each is printed as soon as it is there."""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are started here
    rows: list[Row] = []
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        for name, found in zip(names, pool.map(measure, names), strict=True):
            rows += found
            print("\n".join(table(name, found)), flush=True)
    print(summary(rows))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="measure nothing: read the file of --data")
    parser.add_argument("--only", default="", help="targets whose name contains this")
    parser.add_argument("--write", type=Path, help="page whose tables are written")
    parser.add_argument("--data", type=Path, default=DOCS / "training.csv", help="file of all rows")
    parser.add_argument("--figure", type=Path, default=DOCS / "figures" / "training.svg")
    options = parser.parse_args()
    names = [name for name in TARGETS if options.only in name]
    rows = read(options.data) if options.draw else measured(names)
    if options.write:
        text = [line for name, found in groupby(rows, key=lambda row: row.target) for line in table(name, list(found))]
        page.write(options.write, "\n".join([*text, summary(rows)]))
        save(options.data, rows)
    if options.write or options.draw:
        figure(rows, options.figure)


if __name__ == "__main__":
    main()
