"""The conformance vectors of IEEE 1788 (ITF1788 collection), where a checkout has them beside the repository."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mgdl_theory.errors import OptionError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Engine, Interval
from mgdl_theory.rigor.rounding import TRIG_REACH, quiet

RELATIVE = Path("..") / "shared" / "itf1788" / "libieeep1788_elem.itl"
VECTORS = Path(__file__).resolve().parents[1] / RELATIVE

Set = tuple[float, float] | None
"""The two ends, or None for the empty set."""


@dataclass(frozen=True)
class Line:
    """One undecorated statement ``op args = result``; an int argument is an exponent."""

    op: str
    args: tuple[Set | int, ...]
    result: Set
    text: str


# -- reading the file ------------------------------------------------------------------------------


def statements(source: str) -> Iterator[str]:
    """The statements without comments, test case braces and line breaks."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    source = re.sub(r"(//|#)[^\n]*", "", source)
    source = re.sub(r"testcase\s+\S+\s*\{|\}", "", source)
    yield from (" ".join(piece.split()) for piece in source.split(";") if piece.strip())


def number(text: str) -> float:
    """A decimal, a C99 hexadecimal number or an infinity."""
    text = text.strip().lower()
    if text.lstrip("+-") in ("inf", "infinity"):
        return float(text)
    return float.fromhex(text) if "0x" in text else float(text)


def interval(text: str) -> Set:
    """The set that ``[lo, hi]``, ``[x]``, ``[empty]`` or ``[entire]`` denotes."""
    body = text.strip("[] ").lower()
    if body in ("empty", "entire"):
        return None if body == "empty" else (-np.inf, np.inf)
    ends = [number(end) for end in body.split(",")]
    return ends[0], ends[-1]


def parse(source: str) -> Iterator[Line]:
    """Every undecorated statement with interval results."""
    for text in statements(source):
        if "_" in text or "nai" in text or "=" not in text:
            continue
        left, right = text.split("=", 1)
        op, *tokens = re.findall(r"\[[^\]]*\]|[^\s\[\]]+", left)
        results = re.findall(r"\[[^\]]*\]", right)
        if not results or not all(token.startswith("[") or re.fullmatch(r"[+-]?\d+", token) for token in tokens):
            continue
        args = tuple(interval(token) if token.startswith("[") else int(token) for token in tokens)
        yield Line(op, args, interval(results[0]), text)


def test_the_parser_reads_every_form() -> None:
    source = """/* sin [1] = [1]; */ testcase a { // b
      mul [entire] [-0.0, 0x1.8P+1] = [0X1P-1022, infinity] <= [entire]; # c
      pown [1.0] -3 = [empty];  add [1,2]_com [1,2]_com = [2,4]_com; sub [nai] [1] = [nai]; }"""
    assert [(line.op, line.args, line.result) for line in parse(source)] == [
        ("mul", ((-np.inf, np.inf), (0.0, 3.0)), (2.0**-1022, np.inf)),
        ("pown", ((1.0, 1.0), -3), None),
    ]


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

OPERATIONS = {
    "neg": Operation(lambda e: e.neg, 0),
    "abs": Operation(lambda e: e.abs, 0),
    "min": Operation(lambda e: e.min, 0),
    "max": Operation(lambda e: e.max, 0),
    "add": Operation(lambda e: e.add, 0),
    "sub": Operation(lambda e: e.sub, 0),
    "mul": Operation(lambda e: e.mul, 0),
    "div": Operation(lambda e: e.div, 1, lambda args: not args[1][0] <= 0 <= args[1][1]),
    "recip": Operation(lambda e: lambda a: e.div(e.const(1), a), 1, lambda args: not args[0][0] <= 0 <= args[0][1]),
    "sqr": Operation(lambda e: e.sqr, 0),
    "sqrt": Operation(lambda e: e.sqrt, 1, lambda args: args[0][0] >= 0),
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


@pytest.fixture(scope="module")
def lines() -> dict[str, list[Line]]:
    """The statements by operation, without those that have an empty argument."""
    if not VECTORS.exists():
        pytest.skip(f"the conformance vectors are not there ({RELATIVE})")
    by_operation = defaultdict(list)
    for line in parse(VECTORS.read_text(encoding="utf-8")):
        if None not in line.args:
            by_operation[line.op].append(line)
    return by_operation


@pytest.fixture(scope="module", params=["numpy", "crival"])
def engine(request: pytest.FixtureRequest) -> Engine:
    try:
        return get_engine(request.param)
    except OptionError as reason:
        pytest.skip(str(reason).split("(")[0])


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


@pytest.mark.parametrize("name", OPERATIONS)
def test_contains_the_tight_interval(lines: dict[str, list[Line]], engine: Engine, name: str) -> None:
    batch = lines[name]
    assert len(batch) >= 9
    result = computed(engine, OPERATIONS[name], batch)
    assert (result.lo <= result.hi).all()
    for line, lo, hi in zip(batch, result.lo, result.hi, strict=True):
        if line.result is not None:
            assert lo <= line.result[0], line.text
            assert line.result[1] <= hi, line.text


@pytest.mark.parametrize("name", OPERATIONS)
def test_is_close_to_the_tight_interval(lines: dict[str, list[Line]], engine: Engine, name: str) -> None:
    operation = OPERATIONS[name]
    ulps = operation.ulps if engine.name == "numpy" else 0
    batch = [line for line in lines[name] if operation.inside(_box(line)) and line.result is not None]
    if name == "pown":
        batch = [line for line in batch if line.args[1] >= 0 or not line.args[0][0] <= 0 <= line.args[0][1]]
    assert len(batch) >= 4
    result = computed(engine, operation, batch)
    worst = 0.0
    for line, *ends in zip(batch, result.lo, result.hi, strict=True):
        for ours, tight in zip(ends, line.result, strict=True):
            distance = _ulps(ours, tight, IMPROPER if ulps > 1 else 0.0)
            worst = max(worst, distance)
            assert distance <= ulps, (line.text, ours, tight)
    assert worst <= ulps


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
