"""Writes mgdl_theory/rigor/reference.txt: arguments and correctly rounded values, from mpmath at 1300 bits.

Run it as ``python tests/make_reference.py > mgdl_theory/rigor/reference.txt``; a test compares the two.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import Any

import mpmath

TINY = [5e-324, 3e-310, 2.2250738585072014e-308, 1e-300, 1e-160, 3e-20, 1e-9]
UNIT = [0.1, 0.3, 0.5, 0.7071067811865476, 0.99, 0.9999999999999999]
MIDDLE = [1.0000000000000002, 1.2, 1.5707963267948966, 2.0, 2.5, 3.141592653589793, 4.7, 6.283185307179586, 9.9]
LARGE = [17.3, 22.0, 100.1, 355.0, 1e4 / 3, 99999.9, 1e7 / 7, 5419351.0, 67108863.7]
HUGE = [*LARGE, 3e9, 1e16, 1e300]

NEAR = TINY[2:] + UNIT + MIDDLE
ARGUMENTS = {
    "arccos": [s * x for x in [*TINY[4:], *UNIT, 1.0] for s in (1, -1)],
    "arcsin": [s * x for x in [*TINY, *UNIT, 1.0] for s in (1, -1)],
    "arctan": [s * x for x in [*TINY, *UNIT, *MIDDLE, *HUGE] for s in (1, -1)],
    "cbrt": [s * x for x in [*TINY, *UNIT, *MIDDLE, *HUGE] for s in (1, -1)],
    "cos": [*TINY[4:], *UNIT, *MIDDLE, *LARGE, -0.7, -22.0],
    "cosh": [*TINY[4:], *UNIT, *MIDDLE, *LARGE[:4], 710.4, -3.3],
    "exp": [s * x for x in [*TINY[4:], *UNIT, *MIDDLE, *LARGE[:4]] for s in (1, -1)]
    + [709.7, -708.3, -709.9, -740.3, -745.1],
    "expm1": [s * x for x in [*TINY, *UNIT, *MIDDLE, *LARGE[:4]] for s in (1, -1)] + [709.7, -36.7, -745.1],
    "log": [*TINY, *UNIT, *MIDDLE, *HUGE],
    "log1p": [*TINY, *UNIT, *MIDDLE, *HUGE, *(-x for x in [*TINY, *UNIT])],
    "power": [
        (x, y)
        for x in [5e-324, 1e-300, 1e-9, 0.3, 0.9999999999999999, 1.0000000000000002, 1.7, 10.3, 1e10]
        for y in [1.5, -0.75, 0.1, 1 / 3, 7.3, 31.0, -2.5, 1e-3, 0.9999999999999999]
    ],
    "sin": [*TINY, *UNIT, *MIDDLE, *LARGE, -0.7, -22.0],
    "sinh": [s * x for x in [*TINY, *UNIT, *MIDDLE, *LARGE[:4], 710.4] for s in (1, -1)],
    "tan": [*TINY, *UNIT, *MIDDLE, *LARGE, -0.7, -22.0],
    "tanh": [s * x for x in [*TINY, *UNIT, *MIDDLE, *LARGE[:2]] for s in (1, -1)],
}
MPMATH = {"arccos": "acos", "arcsin": "asin", "arctan": "atan"}


def rounded(name: str, arguments: tuple[float, ...]) -> float:
    """The function's value rounded to nearest once."""
    with mpmath.workprec(1300):
        x = [mpmath.mpf(v) for v in arguments]
        if name == "cbrt":
            value = mpmath.sign(x[0]) * mpmath.cbrt(abs(x[0]))
        elif name in ("sinh", "tanh") and abs(x[0]) < 1e-100:
            value = x[0] + (1 if name == "sinh" else -2) * x[0] ** 3 / 6
        else:
            value = getattr(mpmath, MPMATH.get(name, name))(*x)
        try:
            return float(exact(value))
        except OverflowError:
            return float("inf")


def exact(value: Any) -> Fraction:
    """An mpmath number as a fraction."""
    sign, mantissa, exponent, _ = value._mpf_
    power = Fraction(2) ** int(exponent)
    return (-1) ** sign * int(mantissa) * power


def text() -> str:
    """The file: a function's name, its arguments and the rounded value on every line."""
    lines = []
    for name, arguments in ARGUMENTS.items():
        for given in arguments:
            x = given if isinstance(given, tuple) else (given,)
            value = rounded(name, x)
            if 0 < abs(value) < float("inf"):
                lines.append(" ".join([name, *(float(v).hex() for v in (*x, value))]))
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(text())
