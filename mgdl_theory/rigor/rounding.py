"""Directed rounding in binary64, and the assumptions it rests on.

NumPy rounds to nearest and offers no other direction.  Everything here follows from four facts of
IEEE 754: rounding to nearest is monotone, leaves representable numbers alone, errs by at most half a
unit in the last place, and the error of a sum is itself representable.  ``docs/floating-point.md`` has
the short proofs; ``ASSUMPTIONS`` lists what is taken for granted and ``self_check`` looks whether it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mgdl_theory.errors import AssumptionError
from mgdl_theory.rigor import kernels
from mgdl_theory.rigor.kernels import ETA, LARGEST, UNIT
from mgdl_theory.text import float_text

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FUNCTION_ULPS: dict[str, int] = {
    "arccos": 4,
    "arcsin": 4,
    "arctan": 4,
    "cbrt": 8,
    "cos": 4,
    "cosh": 4,
    "exp": 4,
    "expm1": 4,
    "log": 4,
    "log1p": 4,
    "power": 4,
    "sin": 4,
    "sinh": 4,
    "tan": 4,
    "tanh": 4,
}
"""Experience, declared: |computed - true| <= k 2**-52 |true| + 2**-1022 for NumPy's float64 functions.

NumPy's own tests allow 1 to 2 units and its issue tracker speaks of 4 for the vectorised versions; it
promises nothing.  Cube roots of a widespread C library were seen to err by nearly 4, everything else by at most 3.
``self_check`` looks at a sample.  The engine "crival" does not use this assumption.
"""

TRIG_REACH = 2.0**26
"""Experience: FUNCTION_ULPS is declared for sin, cos and tan up to this |x| only.

Beyond about 1.05e8 a widespread C library reduces arguments less carefully: at 6381956970095103 * 2**797 its
cosine is off by 8 units.  Enclosures of larger arguments are [-1, 1], and [-inf, inf] for the tangent.
"""


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing the proofs take for granted about this process, and how it is looked at."""

    id: str
    statement: str
    check: str


ASSUMPTIONS = (
    Assumption(
        "binary64",
        "float64 is IEEE 754 binary64 and + - * / sqrt of arrays are correctly rounded to it, without double rounding",
        "self_check: the format's parameters, and sums, products, quotients and roots next to a rounding boundary",
    ),
    Assumption(
        "to-nearest",
        "the rounding mode is to nearest, ties to even, in the thread that computes",
        "check_arithmetic: sums that every other mode rounds differently; "
        "repeated at the start and at the end of whatever encloses or proves",
    ),
    Assumption(
        "subnormals",
        "subnormal operands and results are kept, not flushed to zero",
        "check_arithmetic: the bits of a product and a sum of subnormal numbers; repeated like to-nearest",
    ),
    Assumption(
        "numpy-functions",
        "NumPy's float64 functions err by at most FUNCTION_ULPS units in the last place, "
        "plus 2**-1022 where results underflow; sin, cos and tan for |x| <= TRIG_REACH",
        "self_check: a fixed sample against correctly rounded values; a sample supports this and cannot prove it",
    ),
    Assumption(
        "crival-functions",
        "the functions of the package crival enclose correctly (only where the engine 'crival' is chosen)",
        "get_engine('crival'): the same fixed sample must be enclosed within one unit in the last place",
    ),
    Assumption(
        "special-tables",
        "the numbers in tables.npz are Taylor coefficients of special functions, with the errors of Lemma 28, and the "
        "places where derivatives turn (only where a formula has such a function)",
        "at first use: their SHA-256; they were made by Arb, and the tests make them again and compare with mpmath",
    ),
)
"""What the enclosures rest on besides the mathematics and Python itself."""


def quiet() -> np.errstate:
    """Context in which NumPy does not warn of overflow, underflow and invalid operations.

    Enclosures handle those themselves.  Enter it once around a computation with an engine, not per operation.
    """
    return np.errstate(all="ignore")


# -- one step outward ------------------------------------------------------------------------------


def down(x: ArrayLike) -> FloatArray:
    """Lower neighbour or less: float64 with ``down(x) <= nextafter(x, -inf)``; -inf for NaN.

    >>> float(down(1.0)) < 1.0, float(down(float("inf"))) < float("inf")
    (True, True)
    """
    with quiet():
        return np.fmax(kernels.step_down(np.minimum(x, LARGEST)), -np.inf)


def up(x: ArrayLike) -> FloatArray:
    """Upper neighbour or more: float64 with ``up(x) >= nextafter(x, inf)``; inf for NaN.

    >>> float(up(1.0)) - 1.0 <= 2 * 2.0**-52
    True
    """
    with quiet():
        return np.fmin(kernels.step_up(np.maximum(x, -LARGEST)), np.inf)


# -- error-free transformations --------------------------------------------------------------------


def two_sum(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """(s, err) with s = fl(a + b) and a + b = s + err exactly (Knuth); err is NaN after an overflow.

    >>> s, err = two_sum(1.0, 2.0**-60)
    >>> float(s) == 1.0, float(err) == 2.0**-60
    (True, True)
    """
    with quiet():
        return kernels.two_sum(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))


def two_product(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """(p, err) with p = fl(a * b) and a * b = p + err exactly (Dekker); err is NaN where that is not certain.

    Certain are a zero factor and products that neither over- nor underflow on the way.

    >>> p, err = two_product(2.0**30 + 1, 2.0**30 + 1)
    >>> int(p) + int(err) == (2**30 + 1) ** 2
    True
    """
    with quiet():
        return kernels.two_product(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))


def exact_sum(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, BoolArray]:
    """(s, ok): ok_i implies a_i + b_i = s_i exactly, all three finite.

    >>> exact_sum([1.0, 1.0], [0.5, 2.0**-60])[1].tolist()
    [True, False]
    """
    s, err = two_sum(a, b)
    return s, np.asarray((err == 0) & np.isfinite(s))


# -- directed sums and products --------------------------------------------------------------------


def add_down(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Float64 <= a + b, equal to it where the sum is representable; -inf where the sum is undefined.

    >>> float(add_down(0.25, 0.5))
    0.75
    """
    with quiet():
        s, err = two_sum(a, b)
        bound = kernels.lower(s, err)
        return bound if np.isfinite(bound).all() else np.where(err >= 0, s, down(s))


def add_up(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Float64 >= a + b, equal to it where the sum is representable; inf where the sum is undefined.

    >>> float(add_up(1.0, 2.0**-60)) > 1.0
    True
    """
    with quiet():
        s, err = two_sum(a, b)
        bound = kernels.upper(s, err)
        return bound if np.isfinite(bound).all() else np.where(err <= 0, s, up(s))


def sub_down(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Float64 <= a - b, equal to it where the difference is representable.

    >>> float(sub_down(1.0, 0.25))
    0.75
    """
    return add_down(a, np.negative(b))


def sub_up(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Float64 >= a - b, equal to it where the difference is representable.

    >>> float(sub_up(1.0, 0.25))
    0.75
    """
    return add_up(a, np.negative(b))


def mul_up(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Float64 >= a * b, equal to it where the product is representable and of moderate size; 0 * inf is 0.

    >>> float(mul_up(3.0, 0.5)), float(mul_up(0.0, float("inf")))
    (1.5, 0.0)
    """
    p, err = two_product(a, b)
    return np.where(err <= 0, p, up(p))


# -- looking at the assumptions --------------------------------------------------------------------


def check_arithmetic() -> None:
    """Raise AssumptionError unless this thread rounds to nearest and keeps subnormals (a few microseconds)."""
    with quiet():
        found = np.concatenate([_SUMS[0] + _SUMS[1], _PRODUCTS[0] * _PRODUCTS[1]])
    wrong = found.view(np.int64) != _RESULTS  # bits, because a flushed number may compare equal to a subnormal one
    if np.count_nonzero(wrong):
        case = int(np.argmax(wrong)) // _LOOP
        if case < 3:
            raise AssumptionError("the rounding mode of this thread is not round-to-nearest")
        if case == 3:
            raise AssumptionError("sums are rounded twice (extended precision): not IEEE 754 binary64")
        raise AssumptionError("subnormal numbers are flushed to zero in this thread")


@contextmanager
def checked_arithmetic() -> Iterator[None]:
    """Context, or decorator of a function, that looks at the arithmetic of this thread on entry and before it returns.

    Whatever encloses or proves enters it, because the mode may be wrong from the start, and foreign code (a callable,
    a modulus, a callback) may change it on the way.  An exception on the way is passed on as it is.

    >>> with checked_arithmetic():
    ...     float(add_up(1.0, 0.5))
    1.5
    """
    check_arithmetic()
    yield
    check_arithmetic()


_LOOP = 11  # a vector loop and its remainder
_SUMS = np.repeat([[1.0, 1.0, -1.0, 1.0, ETA], [UNIT, 3 * UNIT, -UNIT, UNIT + UNIT / 2048, ETA]], _LOOP, axis=1)
_PRODUCTS = np.repeat([[ETA, 2.0**-1022], [1.0, 0.5]], _LOOP, axis=1)
_RESULTS = np.repeat([1.0, 1 + 4 * UNIT, -1.0, 1 + 2 * UNIT, 2 * ETA, ETA, 2.0**-1023], _LOOP).view(np.int64)
for _array in (_SUMS, _PRODUCTS, _RESULTS):
    _array.flags.writeable = False


@cache
def reference_values() -> dict[str, FloatArray]:
    """Function -> rows (arguments, value), each value rounded correctly; written by tests/make_reference.py."""
    rows: dict[str, list[list[float]]] = {}
    with open(Path(__file__).with_name("reference.txt"), encoding="ascii") as file:
        for name, *words in map(str.split, file):
            rows.setdefault(name, []).append([float.fromhex(word) for word in words])
    return {name: np.array(values) for name, values in rows.items()}


def check_functions(functions: Mapping[str, Callable[..., Any]] | None = None) -> None:
    """Raise AssumptionError unless the functions meet FUNCTION_ULPS on the stored sample.

    ``functions`` replaces some of NumPy's, by name; for tests.
    """
    given, sample = functions or {}, reference_values()
    for name in FUNCTION_ULPS:
        rows = sample[name]
        function = given.get(name, getattr(np, name))
        for layout in (rows.T, np.ascontiguousarray(rows.T)):  # NumPy has different loops for the two
            _check_function(name, function, list(layout[:-1]), layout[-1])


def _check_function(name: str, function: Callable[..., Any], arguments: list[FloatArray], rounded: FloatArray) -> None:
    """Raise AssumptionError unless the function is within its declared error of these correctly rounded values."""
    ulps = FUNCTION_ULPS[name]
    with quiet():
        computed = np.asarray(function(*arguments), dtype=np.float64)
    steps = np.abs(_position(computed) - _position(rounded))
    # theorem: k - 1 steps from the rounded value are fewer than k units from the truth
    near = (steps <= ulps - 1) | (np.abs(computed - rounded) <= 2.0**-1023)
    good = near & np.isfinite(computed)
    if not good.all():
        worst = int(np.flatnonzero(~good)[0])
        given = ", ".join(float_text(x[worst]) for x in arguments)
        raise AssumptionError(
            f"numpy.{name}({given}) is {float_text(computed[worst])}, more than {ulps} units in the last place "
            f"from {float_text(rounded[worst])}; choose the engine 'crival', which does not use it"
        )


def _position(x: FloatArray) -> NDArray[np.int64]:
    """Rank of a number among the binary64 numbers, 0 for zero."""
    bits = np.ascontiguousarray(x).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


@cache
def self_check() -> None:
    """Look at every assumption that this process can look at, once; raise AssumptionError if one fails.

    >>> self_check()
    """
    _check_format()
    check_arithmetic()
    check_functions()


def _check_format() -> None:
    info = np.finfo(np.float64)
    if (info.nmant, info.maxexp, info.minexp) != (52, 1024, -1022):
        raise AssumptionError("float64 is not IEEE 754 binary64")
    x = np.array([1 + 2.0**-52, 1 - 2.0**-53, 3.0, 1 / 3, 1e-160, 1e160, 7.0, 0.1])
    y = np.array([1 - 2.0**-53, 1 - 2.0**-53, 1 / 3, 1 / 3, 1e-163, 1e148, 1 / 7, 10.0])
    if not all(_faithful(a, b) for a, b in zip(x, y, strict=True)):
        raise AssumptionError("products, quotients or roots of float64 arrays are not correctly rounded")


def _faithful(a: float, b: float) -> bool:
    """Whether array product, quotient and root of these two numbers are the nearest, by exact arithmetic."""
    from fractions import Fraction

    left, right = np.full(9, a), np.full(9, b)
    p, q, r = left * right, left / right, np.sqrt(left)
    exact = Fraction(float(a)) * Fraction(float(b)), Fraction(float(a)) / Fraction(float(b))
    if not ((p == float(exact[0])).all() and (q == float(exact[1])).all()):
        return False
    root = Fraction(float(r[0]))
    below, above = (Fraction(float(np.nextafter(r[0], side))) for side in (0.0, np.inf))
    nearest = ((root + below) / 2) ** 2 <= Fraction(float(a)) <= ((root + above) / 2) ** 2
    return bool((r == r[0]).all() and nearest)
