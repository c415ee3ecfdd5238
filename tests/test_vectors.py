"""Tight results of interval operations, written by a script from rational arithmetic and Arb, beside both engines."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from vectors import ENGINES, OPERATIONS, Line, assert_close, assert_contained

from mgdl_theory.errors import OptionError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Engine

HERE = Path(__file__).parent
VECTORS = HERE / "data" / "vectors.txt"


def ends(text: str) -> tuple[float, float] | int:
    numbers = text.split()
    return int(numbers[0]) if len(numbers) == 1 else (float.fromhex(numbers[0]), float.fromhex(numbers[1]))


def read() -> dict[str, list[Line]]:
    """The vectors by operation."""
    found = defaultdict(list)
    for text in VECTORS.read_text(encoding="ascii").splitlines():
        left, right = text.split(" = ")
        name, arguments = left.split(" ", 1)
        result = ends(right)
        assert isinstance(result, tuple)
        found[name].append(Line(name, tuple(map(ends, arguments.split(", "))), result, text))
    return found


LINES = read()


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    try:
        return get_engine(request.param)
    except OptionError as reason:
        pytest.skip(str(reason).split("(")[0])


def test_there_are_vectors_of_every_operation_and_of_every_kind_of_number() -> None:
    assert LINES.keys() == OPERATIONS.keys()
    assert all(len(lines) >= 60 for lines in LINES.values())
    assert VECTORS.stat().st_size < 400_000
    words = set(VECTORS.read_text(encoding="ascii").replace(",", "").split())
    assert {"0", "-0x0.0", "inf", "-inf", (5e-324).hex(), sys.float_info.min.hex().replace("p+0", ""),
            sys.float_info.max.hex()} <= words  # fmt: skip


def test_the_page_says_how_many_there_are() -> None:
    page = (HERE.parent / "docs" / "floating-point.md").read_text(encoding="utf-8")
    assert f"{sum(map(len, LINES.values())):,} tight results in `tests/data/vectors.txt`" in page


def test_the_script_writes_the_file() -> None:
    pytest.importorskip("flint")
    command = [sys.executable, str(HERE / "make_vectors.py")]
    assert subprocess.run(command, capture_output=True, check=True, timeout=300).stdout == VECTORS.read_bytes()


@pytest.mark.parametrize("name", OPERATIONS)
def test_contains_the_tight_interval(engine: Engine, name: str) -> None:
    assert_contained(engine, name, LINES[name])


ONCE = {"mul": 1, "sqr": 1, "div": 2}
"""Definition: long numbers in many elements are rounded outward once, and where results are subnormal by two units."""


@pytest.mark.parametrize("name", OPERATIONS)
def test_is_close_to_the_tight_interval(engine: Engine, name: str) -> None:
    batch = LINES[name]
    if (engine.name, name) == ("numpy", "pown"):  # x^-3 is 1 / x^3, of which nothing is known if that underflows
        batch = [line for line in batch if line.args[1] > 0 or math.inf not in map(abs, line.result)]
    assert assert_close(engine, name, batch, ONCE.get(name)) >= 20
