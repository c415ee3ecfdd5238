"""Directed rounding against exact rational arithmetic, and assumptions that are seen to fail when broken."""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mgdl_theory.errors import AssumptionError
from mgdl_theory.rigor.rounding import (
    ASSUMPTIONS,
    ETA,
    FUNCTION_ULPS,
    LARGEST,
    UNIT,
    add_down,
    add_up,
    check_arithmetic,
    check_functions,
    down,
    exact_sum,
    mul_up,
    quiet,
    reference_values,
    self_check,
    sub_down,
    sub_up,
    two_product,
    two_sum,
    up,
)

ROOT = Path(__file__).resolve().parents[1]

EDGES = [0.0, -0.0, ETA, -ETA, 3 * ETA, 2.0**-1022, -(2.0**-1022), 2.0**-969, 1.0, -1.0, 1 - UNIT, 1 + 2 * UNIT]
EDGES += [2.0**53, 2.0**1023, LARGEST, -LARGEST, LARGEST / 2, 2.0**996, 1e-300, 1e300]

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(EDGES),
    st.builds(math.ldexp, st.integers(-(2**53), 2**53), st.integers(-1074, 970)),
    st.builds(math.ldexp, st.integers(-20, 20), st.integers(-60, 60)),
)
anything = st.one_of(numbers, st.sampled_from([math.inf, -math.inf, math.nan]))


def at_most(x: Any, exact: Fraction) -> bool:
    """Whether a computed lower bound is one."""
    return x == -math.inf or (math.isfinite(x) and Fraction(float(x)) <= exact)


def at_least(x: Any, exact: Fraction) -> bool:
    return at_most(-x, -exact)


# -- one step --------------------------------------------------------------------------------------


@given(numbers)
def test_down_and_up_reach_the_neighbours_and_at_most_one_more(x: float) -> None:
    lower, upper = float(down(x)), float(up(x))
    assert lower <= math.nextafter(x, -math.inf)
    assert upper >= math.nextafter(x, math.inf)
    assert lower >= math.nextafter(math.nextafter(x, -math.inf), -math.inf)
    assert upper <= math.nextafter(math.nextafter(x, math.inf), math.inf)


@given(st.floats(min_value=2.0**-900, max_value=2.0**1000))
def test_down_and_up_are_the_neighbours_of_ordinary_numbers(x: float) -> None:
    assert [float(down(x)), float(up(x))] == [math.nextafter(x, -math.inf), math.nextafter(x, math.inf)]
    assert [float(down(-x)), float(up(-x))] == [math.nextafter(-x, -math.inf), math.nextafter(-x, math.inf)]


def test_steps_from_infinity_and_nan_are_safe() -> None:
    assert float(down(np.inf)) <= LARGEST
    assert float(down(np.inf)) > LARGEST / 2
    assert float(down(-np.inf)) == -np.inf
    assert float(down(np.nan)) == -np.inf
    assert float(up(-np.inf)) >= -LARGEST
    assert float(up(np.inf)) == float(up(np.nan)) == np.inf
    assert float(up(LARGEST)) == np.inf


def test_steps_of_arrays_do_not_write_to_them() -> None:
    x = np.array([1.0, -2.0, 0.0])
    x.flags.writeable = False
    assert (down(x) < x).all()
    assert (up(x) > x).all()


# -- error-free transformations --------------------------------------------------------------------


@given(numbers, numbers)
@example(1.0, 2.0**-1074)
@example(LARGEST, LARGEST)
@example(LARGEST, -LARGEST)
def test_two_sum_is_exact_or_says_nan(a: float, b: float) -> None:
    s, err = (float(part) for part in two_sum(a, b))
    if math.isfinite(err):
        assert Fraction(s) + Fraction(err) == Fraction(a) + Fraction(b)
        assert abs(err) <= math.ulp(s) / 2
    else:
        assert math.isnan(err)
        assert abs(Fraction(a) + Fraction(b)) > Fraction(LARGEST) / 2


@given(numbers, numbers)
@example(LARGEST, 1 + 2.0**-52)
@example(2.0**996, 0.1)
@example(3 * ETA, 0.3)
@example(0.0, LARGEST)
def test_two_product_is_exact_or_says_nan(a: float, b: float) -> None:
    p, err = (float(part) for part in two_product(a, b))
    if math.isfinite(err):
        assert Fraction(p) + Fraction(err) == Fraction(a) * Fraction(b)
    else:
        assert math.isnan(err)


@given(st.floats(2.0**-400, 2.0**400), st.floats(2.0**-400, 2.0**400))
def test_two_product_is_certain_of_ordinary_numbers(a: float, b: float) -> None:
    assert math.isfinite(float(two_product(a, b)[1]))


@given(anything, anything)
@example(LARGEST, LARGEST)
@example(math.inf, 1.0)
@example(math.inf, -math.inf)
@example(math.nan, 0.0)
def test_exact_sum_is_ok_only_if_exact_and_finite(a: float, b: float) -> None:
    s, ok = exact_sum([a], [b])
    assert ok.dtype == np.bool_
    if ok[0]:
        assert Fraction(a) + Fraction(b) == Fraction(float(s[0]))
    elif math.isfinite(a) and math.isfinite(b) and abs(a) < LARGEST / 4 and abs(b) < LARGEST / 4:
        assert Fraction(a) + Fraction(b) != Fraction(float(s[0]))


def test_exact_sum_sees_what_subtracting_back_does_not() -> None:
    g, c = 1.0, 3 * UNIT
    assert (g + c) - g != c or not exact_sum(g, c)[1]
    large, small = 1.0, 2.0**-53 * (1 + 2.0**-52)
    assert not exact_sum(large, small)[1]
    assert exact_sum(1.0, 2.0**-52)[1]


# -- directed sums and products --------------------------------------------------------------------


@given(numbers, numbers)
@example(LARGEST, LARGEST)
@example(-LARGEST, -LARGEST)
@example(LARGEST, 2.0**969)
@example(1.0, ETA)
@example(-1.0, 1.0)
def test_directed_sums_enclose_and_are_exact_where_the_sum_is(a: float, b: float) -> None:
    for exact, lower, upper in (
        (Fraction(a) + Fraction(b), add_down(a, b), add_up(a, b)),
        (Fraction(a) - Fraction(b), sub_down(a, b), sub_up(a, b)),
    ):
        assert at_most(lower, exact)
        assert at_least(upper, exact)
        if abs(exact) < LARGEST / 4 and float(exact) == exact and max(abs(a), abs(b)) < LARGEST / 4:
            assert lower == upper == float(exact)
        elif abs(exact) < LARGEST / 4 and abs(exact) > 2.0**-900:
            assert math.nextafter(math.nextafter(float(lower), np.inf), np.inf) >= upper


@given(numbers, numbers)
@example(ETA, 0.5)
@example(-ETA, 0.5)
@example(LARGEST, 2.0)
@example(-LARGEST, 2.0)
@example(1.0, 1.0)
def test_mul_up_is_an_upper_bound(a: float, b: float) -> None:
    upper, exact = mul_up(a, b), Fraction(a) * Fraction(b)
    assert at_least(upper, exact)
    if exact == 0 or (2.0**-900 < abs(exact) < 2.0**900 and Fraction(float(exact)) == exact and abs(a * b) > 0):
        assert upper == float(exact) or max(abs(a), abs(b)) > 2.0**900


@pytest.mark.parametrize(("lower", "upper"), [(add_down, add_up), (sub_down, sub_up)])
def test_sums_with_infinities_never_give_nan(lower: Callable[..., Any], upper: Callable[..., Any]) -> None:
    values = np.array([np.inf, -np.inf, 1.0, LARGEST, np.nan])
    a, b = (grid.ravel() for grid in np.meshgrid(values, values))
    assert (lower(a, b) < np.inf).all()
    assert (upper(a, b) > -np.inf).all()
    with quiet():
        unknown = np.isnan(a + b) if lower is add_down else np.isnan(a - b)
    assert (lower(a, b)[unknown] == -np.inf).all()
    assert (upper(a, b)[unknown] == np.inf).all()


def test_bounds_absorb_infinite_margins() -> None:
    assert float(sub_down(1.0, np.inf)) == -np.inf
    assert float(add_up(1.0, np.inf)) == np.inf
    assert float(mul_up(4.0, np.inf)) == np.inf
    assert float(mul_up(0.0, np.inf)) == 0.0


# -- assumptions -----------------------------------------------------------------------------------


def test_every_assumption_says_how_it_is_checked() -> None:
    assert len({entry.id for entry in ASSUMPTIONS}) == len(ASSUMPTIONS) >= 4
    assert all(entry.statement and entry.check for entry in ASSUMPTIONS)


def test_self_check_passes_here() -> None:
    self_check.__wrapped__()


def test_self_check_imports_nothing_heavy() -> None:
    code = (
        "import sys, time\n"
        "from mgdl_theory.rigor.engines import get_engine\n"
        "get_engine('numpy')\n"
        "print([name for name in ('mpmath', 'sympy', 'flint', 'ival') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_reference_values_are_what_mpmath_says() -> None:
    from make_reference import text

    assert (ROOT / "mgdl_theory" / "rigor" / "reference.txt").read_text(encoding="utf-8") == text()
    assert set(reference_values()) == set(FUNCTION_ULPS)


def off_by(ulps: int, name: str) -> Callable[..., Any]:
    """The function of NumPy, moved by this many units away from zero."""
    function = getattr(np, name)

    def wrong(*args: Any) -> Any:
        y = np.asarray(function(*args), dtype=np.float64)
        return (y.view(np.int64) + ulps).view(np.float64)

    return wrong


@pytest.mark.parametrize("name", FUNCTION_ULPS)
def test_a_function_off_by_ten_units_is_caught(name: str) -> None:
    with pytest.raises(AssumptionError, match=rf"numpy\.{name}\("):
        check_functions({name: off_by(10, name)})
    check_functions({name: off_by(1, name)})


def test_a_function_off_at_one_argument_is_caught() -> None:
    def wrong(x: Any) -> Any:
        y = np.sin(x)
        y[7] *= 1 + 2.0**-40
        return y

    with pytest.raises(AssumptionError, match=r"numpy\.sin"):
        check_functions({"sin": wrong})


def test_a_function_that_returns_nan_is_caught() -> None:
    with pytest.raises(AssumptionError, match=r"numpy\.exp"):
        check_functions({"exp": lambda x: np.full_like(x, np.nan)})


def test_self_check_looks_at_numpy_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "cos", off_by(10, "cos"))
    with pytest.raises(AssumptionError, match=r"numpy\.cos"):
        self_check.__wrapped__()


X86 = platform.machine().lower() in ("x86_64", "amd64")
MODES = {"down": 0x400, "up": 0x800, "toward zero": 0xC00} if X86 else {}


@contextmanager
def rounding_mode(mode: int) -> Iterator[None]:
    """Another rounding mode of this thread, by the C library; to nearest again afterwards."""
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    if library.fesetround(mode) != 0:
        pytest.skip("the C library refuses to change the rounding mode")
    try:
        yield
    finally:
        library.fesetround(0)


@pytest.mark.skipif(not X86 or not sys.platform.startswith("linux"), reason="the modes' numbers are those of x86 Linux")
@pytest.mark.parametrize("name", ["down", "up", "toward zero"])
def test_another_rounding_mode_is_caught(name: str) -> None:
    with rounding_mode(MODES[name]), pytest.raises(AssumptionError, match="round-to-nearest"):
        check_arithmetic()
    check_arithmetic()


FLUSH = """
import ctypes, ctypes.util, sys
fegetenv, fesetenv = (getattr(ctypes.CDLL(ctypes.util.find_library("m")), n) for n in ("fegetenv", "fesetenv"))
import numpy as np
from mgdl_theory.errors import AssumptionError
from mgdl_theory.rigor.rounding import check_arithmetic
check_arithmetic()
environment = (ctypes.c_uint32 * 8)()
assert fegetenv(environment) == 0
environment[7] |= int(sys.argv[1], 16)
assert fesetenv(environment) == 0
try:
    check_arithmetic()
    print("passed")
except AssumptionError as error:
    print(error)
"""


@pytest.mark.skipif(not X86 or not sys.platform.startswith("linux"), reason="the control word is that of x86 Linux")
@pytest.mark.parametrize("bits", ["8000", "0040", "8040"], ids=["flush-to-zero", "denormals-are-zero", "both"])
def test_flushing_of_subnormals_is_caught(bits: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FLUSH, bits],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == "subnormal numbers are flushed to zero in this thread", done.stderr


def test_nothing_warns() -> None:
    """Warnings are errors in this suite: overflow, 0 * inf and inf - inf pass in silence."""
    wild = np.array([np.inf, -np.inf, np.nan, LARGEST, -LARGEST, ETA, 0.0])
    a, b = (grid.ravel() for grid in np.meshgrid(wild, wild))
    for function in (add_down, add_up, sub_down, sub_up, mul_up, two_sum, two_product, exact_sum):
        function(a, b)
    down(wild), up(wild)
