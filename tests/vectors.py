"""What vectors of interval operations say, be they of this project or of others, beside what both engines compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mgdl_theory.rigor.interval import Engine, Interval
from mgdl_theory.rigor.rounding import TRIG_REACH, quiet

ENGINES = ("numpy", "crival")

Set = tuple[float, float] | None
"""The two ends, or None for the empty set."""


@dataclass(frozen=True)
class Line:
    """One undecorated statement ``op args = result``; an int argument is an exponent."""

    op: str
    args: tuple[Set | int, ...]
    result: Set
    text: str


# -- what our operations claim ---------------------------------------------------------------------

Box = tuple[tuple[float, float], ...]


def everywhere(_: Box) -> bool:
    return True


def within_reach(args: Box) -> bool:
    return all(abs(end) <= TRIG_REACH for arg in args for end in arg)


@dataclass(frozen=True)
class Operation:
    """Our counterpart of an operation of the vectors.

    ``inside`` tells where arguments lie wholly inside the domain; elsewhere we say [-inf, inf].
    ``ulps`` bounds the distance of the NumPy engine's ends from the tight ones.
    """

    run: Callable[[Engine], Callable[..., Interval]]
    ulps: int
    inside: Callable[[Box], bool] = everywhere


FUNCTION = 15
"""Definition: an error of 4 units, widened by 5, each up to two units just below a power of two, and a rounding."""

CUBE_ROOT = 27
"""Definition: likewise, an error of 4 units, widened by 9."""

OPERATIONS = {
    "neg": Operation(lambda e: e.neg, 0),
    "abs": Operation(lambda e: e.abs, 0),
    "min": Operation(lambda e: e.min, 0),
    "max": Operation(lambda e: e.max, 0),
    "hull": Operation(lambda e: e.hull, 0),
    "add": Operation(lambda e: e.add, 0),
    "sub": Operation(lambda e: e.sub, 0),
    "mul": Operation(lambda e: e.mul, 0),
    "div": Operation(lambda e: e.div, 1, lambda args: not args[1][0] <= 0 <= args[1][1]),
    "recip": Operation(lambda e: lambda a: e.div(e.const(1), a), 1, lambda args: not args[0][0] <= 0 <= args[0][1]),
    "sqr": Operation(lambda e: e.sqr, 0),
    "sqrt": Operation(lambda e: e.sqrt, 1, lambda args: args[0][0] >= 0),
    "cbrt": Operation(lambda e: e.cbrt, CUBE_ROOT),
    "pown": Operation(lambda e: e.powi, FUNCTION),
    "pow": Operation(lambda e: e.pow, FUNCTION, lambda args: args[0][0] > 0),
    "exp": Operation(lambda e: e.exp, FUNCTION),
    "log": Operation(lambda e: e.log, FUNCTION, lambda args: args[0][0] > 0),
    "sin": Operation(lambda e: e.sin, FUNCTION, within_reach),
    "cos": Operation(lambda e: e.cos, FUNCTION, within_reach),
    "tan": Operation(lambda e: e.tan, FUNCTION, within_reach),
    "asin": Operation(lambda e: e.asin, FUNCTION, lambda args: args[0][0] >= -1 and args[0][1] <= 1),
    "acos": Operation(lambda e: e.acos, FUNCTION, lambda args: args[0][0] >= -1 and args[0][1] <= 1),
    "atan": Operation(lambda e: e.atan, FUNCTION),
    "sinh": Operation(lambda e: e.sinh, FUNCTION),
    "cosh": Operation(lambda e: e.cosh, FUNCTION),
    "tanh": Operation(lambda e: e.tanh, FUNCTION),
}
IMPROPER = 2.0**-1020
"""Definition: ends below the normal range may be this far off (the absolute part of the declared errors)."""


# -- both checks -----------------------------------------------------------------------------------


def computed(engine: Engine, operation: Operation, batch: list[Line]) -> Interval:
    """Our results for many statements at once; exponents one by one."""
    run = operation.run(engine)
    with quiet():
        if isinstance(batch[0].args[-1], int):
            parts = [run(_array([line.args[0]]), line.args[1]) for line in batch]
            return Interval(np.concatenate([p.lo for p in parts]), np.concatenate([p.hi for p in parts]))
        return run(*(_array(column) for column in zip(*(line.args for line in batch), strict=True)))


def _array(sets: list[Set]) -> Interval:
    ends = np.array(sets, dtype=np.float64)
    return Interval(np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1]))


def assert_contained(engine: Engine, name: str, batch: list[Line]) -> None:
    """Our results hold the tight intervals."""
    result = computed(engine, OPERATIONS[name], batch)
    assert (result.lo <= result.hi).all()
    for line, lo, hi in zip(batch, result.lo, result.hi, strict=True):
        if line.result is not None:
            assert lo <= line.result[0], line.text
            assert line.result[1] <= hi, line.text


def assert_close(engine: Engine, name: str, batch: list[Line], ulps: int | None = None) -> int:
    """Our ends are so near to the tight ones, by default as the operation claims; returns how many lines were asked."""
    operation = OPERATIONS[name]
    ulps = (operation.ulps if ulps is None else ulps) if engine.name == "numpy" else 0
    batch = [line for line in batch if operation.inside(_box(line)) and line.result is not None]
    if name == "pown":
        batch = [line for line in batch if line.args[1] >= 0 or not line.args[0][0] <= 0 <= line.args[0][1]]
    result = computed(engine, operation, batch)
    for line, *ends in zip(batch, result.lo, result.hi, strict=True):
        for ours, tight in zip(ends, line.result, strict=True):
            assert _ulps(ours, tight, IMPROPER if ulps > 1 else 0.0) <= ulps, (line.text, ours, tight)
    return len(batch)


def _box(line: Line) -> Box:
    return tuple(arg for arg in line.args if isinstance(arg, tuple))


def _ulps(ours: float, tight: float, ignored: float) -> float:
    """Distance in units in the last place of the tight number; infinity counts as the number after the largest."""
    if ours == tight or abs(ours - tight) <= ignored:
        return 0.0
    if np.isinf(tight) or np.isinf(ours):
        largest = np.finfo(np.float64).max
        clipped = [float(np.clip(x, -largest, largest)) for x in (ours, tight)]
        return 1.0 + _ulps(*clipped, ignored)
    return abs(ours - tight) / math.ulp(tight)
