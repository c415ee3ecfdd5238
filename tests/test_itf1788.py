"""The conformance vectors of IEEE 1788 (ITF1788 collection), where a checkout has them beside the repository."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from vectors import ENGINES, OPERATIONS, Line, Set, assert_close, assert_contained

from mgdl_theory.errors import OptionError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Engine

RELATIVE = Path("..") / "shared" / "itf1788" / "libieeep1788_elem.itl"
VECTORS = Path(__file__).resolve().parents[1] / RELATIVE

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


# -- what they say of our operations ---------------------------------------------------------------


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


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    try:
        return get_engine(request.param)
    except OptionError as reason:
        pytest.skip(str(reason).split("(")[0])


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"cbrt", "hull"}))
def test_contains_the_tight_interval(lines: dict[str, list[Line]], engine: Engine, name: str) -> None:
    assert len(lines[name]) >= 9
    assert_contained(engine, name, lines[name])


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"cbrt", "hull"}))
def test_is_close_to_the_tight_interval(lines: dict[str, list[Line]], engine: Engine, name: str) -> None:
    assert assert_close(engine, name, lines[name]) >= 4
