"""One scheme for several components against a scheme for each: hats, parameters, time.

    python benchmarks/bench_vector.py [--write docs/vector.md]

Also the road not taken: one mesh on which a cell is finished when all components are, so that a component gets
atoms where it needs none any more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import mgdl_theory as mg
from mgdl_theory.construction import FINISH, choose_lift, read_tol
from mgdl_theory.contraction import Margins, quantum_floor
from mgdl_theory.grade import Front, block_grade, cell_bounds
from mgdl_theory.targets.base import Target

CASES = (
    (["cos(6*x)", "sin(6*x)"], "1e-4"),
    (["cos(6*x)", "sin(6*x)", "exp(-x)"], "1e-5"),
    (["sin(10*x)*exp(-x)", "1-sin(10*x)*exp(-x)"], "1e-4"),
    (["sqrt(x)", "x**2", "abs(x-1/3)"], "1e-4"),
    (["3*cos(3*x)*cos(2*y)", "-2*sin(3*x)*sin(2*y)"], "1e-2"),
    (["sin(6*x)*cos(5*y)", "exp(-x*y)", "x*y"], "1e-2"),
)
REPEATS = 7

MARK = "<!-- table: begin -->", "<!-- table: end -->"


def ratio_of_times(first: Callable[[], object], second: Callable[[], object]) -> float:
    """Seconds of the quickest run of each, taken in turns."""
    seconds: list[list[float]] = [[], []]
    for _ in range(REPEATS):
        for run, found in zip((first, second), seconds, strict=True):
            start = time.perf_counter()
            run()
            found.append(time.perf_counter() - start)
    return min(seconds[0]) / min(seconds[1])


def parameters(schemes: Sequence[mg.Scheme | mg.VectorScheme], granularity: str) -> int:
    """Weights, biases, readouts and lifts of the networks, zeros included."""
    return sum(scheme.network(granularity).summary().parameters for scheme in schemes)


def on_one_mesh(targets: Sequence[Target], tol: float) -> int:
    """Hats where all components are built on the same cells, each of them split until all are finished on it."""
    floor, finished, hats = quantum_floor(tol), 0.0, 0
    fronts = [Front.root(f.dim, choose_lift(f, "auto")[0]) for f in targets]
    while True:
        mesh, bounds = fronts[0].mesh, np.zeros(len(fronts[0].mesh.cells))
        active = np.zeros(len(mesh.nodes), dtype=np.bool_)
        for j, (f, front) in enumerate(zip(targets, fronts, strict=True)):
            values, defects = f.values(mesh.level, mesh.nodes), f.defects(mesh.level, mesh.cells)
            margins = Margins.of(defects, mesh.level, floor)
            c, fronts[j] = block_grade(front, front.residual(values), margins, floor, FINISH * tol)
            active |= c != 0
            bounds = np.maximum(bounds, cell_bounds(mesh, fronts[j].residual(values), defects))
        hats += int(active.sum())
        is_open = ~(bounds <= FINISH * tol)
        finished = max(finished, float(bounds[~is_open].max(initial=0.0)))
        if max(finished, float(bounds.max())) <= tol:
            return hats
        fronts = [front.split(is_open) for front in fronts]


def row(texts: list[str], tol: str) -> str:
    """One line of the table."""
    f = mg.target(texts)
    scheme = mg.construct(f, tol)
    report = mg.verify(scheme)
    single = [mg.construct(part, tol) for part in f.components]
    hats = sum(part.atoms for part in single)
    sizes = [parameters([scheme], how) / parameters(single, how) for how in ("block", "unit")]
    seconds = ratio_of_times(lambda: mg.construct(f, tol), lambda: [mg.construct(part, tol) for part in f.components])
    cells = (
        ", ".join(f"`{text}`" for text in texts),
        tol,
        str(report.verdict),
        f"{hats:,} ({' + '.join(f'{part.atoms:,}' for part in single)})",
        f"{scheme.atoms:,}",
        f"{scheme.atoms / hats:.2f}",
        f"{on_one_mesh(f.components, read_tol(tol)):,}",
        f"{sum(part.depth for part in single):,} / {scheme.depth:,}",
        f"{sizes[0]:.2f} / {sizes[1]:.2f}",
        f"{seconds:.2f}",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    heads = (
        "components", "tol", "verdict", "atoms alone", "atoms together", "ratio", "on one common mesh",
        "depth alone / together", "parameters, block / unit", "time to construct",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for texts, tol in CASES:
        lines.append(row(texts, tol))
        print(lines[-1])
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        before, after = text.split(MARK[0])[0], text.split(MARK[1])[1]
        options.write.write_text("\n".join([before + MARK[0], *lines, MARK[1] + after]), encoding="utf-8")


if __name__ == "__main__":
    main()
