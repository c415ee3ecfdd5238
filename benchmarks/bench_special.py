"""Time per cell of the special functions beside those that were there before, and of formulas with and without them.

    python benchmarks/bench_special.py [--cells N]

Nanoseconds per cell (two ends, neighbours share one) of the values and of value, slope and bend; the best of several
runs.  The last table is for formulas without a special function: it does not change with this module.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.jet import Jet, JetAlgebra
from mgdl_theory.rigor.rounding import quiet
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.formula.target import ExpressionTarget

NAMES = (
    *("exp", "tanh", "sin", "log1p", "expm1", "sigmoid", "softplus", "asinh"),
    *("erf", "erfc", "ncdf", "gamma", "lgamma", "j0", "j1", "sinc", "lambertw"),
)
FORMULAS = (
    ("gelu(x)", [-5, 5]),
    ("x*sigmoid(x)", [-8, 8]),
    ("x/(1 + exp(-x))", [-8, 8]),
    ("hypot(x, 1/10)", [-1, 1]),
    ("sqrt(x**2 + 1/100)", [-1, 1]),
    ("sin(10*x)*exp(-x)", [0, 1]),
    ("tanh(5*x)/(1 + x**2)", [-1, 1]),
)


def best(act: Callable[[], object], repeats: int = 7) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return min(times)


def per_cell(name: str, engine_name: str, n: int) -> tuple[float, float]:
    """Nanoseconds per cell on [1, 12]: of the value, and of the jet."""
    engine = get_engine(engine_name)
    nodes = 1 + 11 * np.arange(n + 1) / n
    a = Interval(nodes[:-1], nodes[1:])
    jet, algebra = Jet(a, {0: Interval.exact(1)}), JetAlgebra(engine)
    with quiet():
        value = best(lambda: getattr(engine, name)(a))
        derivatives = best(lambda: getattr(algebra, name)(jet))
    return value / n * 1e9, derivatives / n * 1e9


def of_formula(text: str, domain: list[int], n: int) -> float:
    """Nanoseconds per cell of the defects of a formula."""
    target, cells = ExpressionTarget(text, Box.of(domain)), np.arange(n)[:, None]
    return best(lambda: target.defects(20, cells)) / n * 1e9


def report(n: int) -> list[str]:
    """The lines of both tables, in Markdown."""
    lines = ["| function | numpy: value | jet | value / exp | crival: value | jet |", "|---|---|---|---|---|---|"]
    unit = per_cell("exp", "numpy", n)[0]
    for name in NAMES:
        (value, jet), (other, other_jet) = per_cell(name, "numpy", n), per_cell(name, "crival", n)
        lines.append(f"| {name} | {value:.0f} | {jet:.0f} | {value / unit:.1f} | {other:.0f} | {other_jet:.0f} |")
    lines += ["", "| formula | defects, ns per cell |", "|---|---|"]
    lines += [f"| `{text}` | {of_formula(text, domain, n):.0f} |" for text, domain in FORMULAS]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=8192)
    print("\n".join(report(parser.parse_args().cells)))


if __name__ == "__main__":
    main()
