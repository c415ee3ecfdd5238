"""Plain float64 NumPy against enclosures, side by side in one run: values at points, jets over cells, both engines.

The figure to watch is the ratio to plain NumPy on the same number of points, in the same chunks.
Contenders take turns, and each chunk counts with its best time, so that other load on the machine shows least.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import OptionError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.jet import JetAlgebra
from mgdl_theory.rigor.rounding import quiet

FloatArray = NDArray[np.float64]
Run = Callable[[list[FloatArray]], Any]


@dataclass(frozen=True)
class Function:
    """One target, in plain NumPy and in any algebra."""

    name: str
    dim: int
    plain: Callable[..., FloatArray]
    program: Callable[..., Any]


def first(a: Any, x: Any) -> Any:
    return a.mul(a.sin(a.mul(a.const(10), x)), a.exp(a.neg(x)))


def second(a: Any, x: Any, y: Any) -> Any:
    wave = a.mul(a.sin(a.mul(a.const(6), x)), a.cos(a.mul(a.const(5), y)))
    return a.add(wave, a.exp(a.neg(a.mul(x, y))))


FUNCTIONS = [
    Function("sin(10x)exp(-x)", 1, lambda x: np.sin(10 * x) * np.exp(-x), first),
    Function("sin(6x)cos(5y)+exp(-xy)", 2, lambda x, y: np.sin(6 * x) * np.cos(5 * y) + np.exp(-x * y), second),
]


def cells(dim: int, n: int) -> tuple[list[FloatArray], float]:
    """Lower corners of about n equal cells of [0, 1]^dim, and the length of their sides."""
    per_side = round(n ** (1 / dim))
    axes = np.meshgrid(*[np.arange(per_side) / per_side] * dim, indexing="ij")
    return [np.ascontiguousarray(axis.ravel()) for axis in axes], 1 / per_side


def chunks(columns: list[FloatArray], size: int) -> Iterator[list[FloatArray]]:
    for start in range(0, len(columns[0]), size):
        yield [column[start : start + size] for column in columns]


def seconds(runs: dict[str, Run], columns: list[FloatArray], size: int, passes: int) -> dict[str, float]:
    """Time over all points: the sum over chunks of the best of several passes, contenders taking turns."""
    pieces = list(chunks(columns, size))
    times = {name: np.full((passes, len(pieces)), np.inf) for name in runs}
    for turn in range(passes):
        for name, run in runs.items():
            for k, piece in enumerate(pieces):
                start = time.perf_counter()
                run(piece)
                times[name][turn, k] = time.perf_counter() - start
    return {name: float(table.min(axis=0).sum()) for name, table in times.items()}


def contenders(function: Function, h: float) -> Iterator[tuple[str, Run]]:
    """What is timed: plain NumPy, then values at points and jets over cells on each engine."""
    yield "plain NumPy, values", lambda points: function.plain(*points)
    for name in ("numpy", "crival"):
        try:
            engine = get_engine(name)
        except OptionError as reason:
            print(f"  ({reason})")
            continue
        algebra = JetAlgebra(engine)
        one = engine.const(1)

        def values(points: list[FloatArray], engine: Any = engine) -> Any:
            return function.program(engine, *(Interval(x, x) for x in points))

        def ranges(points: list[FloatArray], engine: Any = engine) -> Any:
            return function.program(engine, *(Interval(x, x + h) for x in points))

        def jets(points: list[FloatArray], algebra: Any = algebra, one: Interval = one) -> Any:
            cell = (algebra.variable(axis, Interval(x, x + h), one) for axis, x in enumerate(points))
            return function.program(algebra, *cell)

        yield f"{name} engine, values at points", values
        yield f"{name} engine, values over cells", ranges
        yield f"{name} engine, jets over cells", jets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--chunk", type=int, default=4096)
    parser.add_argument("--passes", type=int, default=7)
    options = parser.parse_args()
    for function in FUNCTIONS:
        columns, h = cells(function.dim, options.points)
        n = len(columns[0])
        for size, label in ((options.chunk, f"chunks of {options.chunk}"), (n, "whole")):
            print(f"\n{function.name}, n = {n}, {label}")
            print(f"  {'':34s} {'ns per point':>12s} {'ratio':>8s}")
            with quiet():
                taken = seconds(dict(contenders(function, h)), columns, size, options.passes)
            base = next(iter(taken.values()))
            for name, time_taken in taken.items():
                print(f"  {name:34s} {time_taken / n * 1e9:12.1f} {time_taken / base:8.1f}")


if __name__ == "__main__":
    main()
