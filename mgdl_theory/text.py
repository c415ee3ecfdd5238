"""Words: every decimal that a user reads, on the safe side where it is a bound; texts of others made harmless.

One style: plain from 0.0001 to below 1000000, else a mantissa from 1 to below 10 and an exponent, as in ``9.3773e-5``
and ``1.2e6``; no zero at the end of a fraction, no padded exponent, no plus sign.  The printed number decides between
the two, and reads back exactly as what it stands for: a bound on its safe side, or the nearest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import SupportsFloat

MOST = 800
"""Definition: digits that are enough for every float; those of some take 767."""


def count(number: int, what: str) -> str:
    """A number of things.

    >>> count(1, "atom"), count(2, "atom")
    ('1 atom', '2 atoms')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def up_text(value: SupportsFloat, digits: int = 6, keep: Callable[[Fraction], bool] | None = None) -> str:
    """Decimal text that is not below the value.

    Parameters
    ----------
    value : float or Fraction
    digits : int
        Significant digits.
    keep : callable
        A relation that is said of the number.  Where it holds for the value, the text has as many more digits as it
        takes to hold for the printed number too.

    >>> up_text(1 / 3, 2), up_text(-1 / 3, 2), up_text(2.0**-10, 4), up_text(1e6)
    ('0.34', '-0.33', '0.0009766', '1e6')
    >>> up_text(2.0**-10, 3), up_text(2.0**-10, 3, lambda printed: printed <= Fraction("0.00097657"))
    ('0.000977', '0.00097657')
    """
    return _decimal(value, digits, ROUND_CEILING, keep)


def down_text(value: SupportsFloat, digits: int = 6, keep: Callable[[Fraction], bool] | None = None) -> str:
    """Decimal text that is not above the value; ``keep`` as in :func:`up_text`.

    >>> down_text(2 / 3, 2), down_text(1200.0), down_text(0.0000123, 1)
    ('0.66', '1200', '1e-5')
    """
    return _decimal(value, digits, ROUND_FLOOR, keep)


def near_text(value: SupportsFloat, digits: int = 3, keep: Callable[[Fraction], bool] | None = None) -> str:
    """Decimal text nearest to an approximate value; ``keep`` as in :func:`up_text`.

    >>> near_text(2 / 3), near_text(100.0), near_text(Fraction(1, 3 * 10**6))
    ('0.667', '100', '3.33e-7')
    """
    return _decimal(value, digits, ROUND_HALF_EVEN, keep)


def float_text(value: float) -> str:
    """The shortest decimal that binary64 reads as this float.

    >>> float_text(0.1), float_text(-1.0), float_text(1e-05)
    ('0.1', '-1', '1e-5')
    """
    return _style(Decimal(repr(float(value)))) if math.isfinite(value) else str(float(value))


def percent_text(share: float) -> str:
    """A share in percent, to the nearest.

    >>> percent_text(0.125), percent_text(1.0)
    ('12.5%', '100%')
    """
    return f"{near_text(100 * share)}%"


def range_text(lo: SupportsFloat, hi: SupportsFloat, digits: int = 6) -> str:
    """A closed interval that contains [lo, hi].

    >>> range_text(1 / 3, 2 / 3, 2)
    '[0.33, 0.67]'
    """
    return f"[{down_text(lo, digits)}, {up_text(hi, digits)}]"


def point_text(point: Iterable[SupportsFloat]) -> str:
    """Coordinates of about this point.

    >>> point_text([0.5, Fraction(1, 3)])
    '0.5, 0.333333333'
    """
    return ", ".join(near_text(x, 9) for x in point)


def exact_text(value: Fraction) -> str:
    """The number exactly, and about where it is long.

    >>> exact_text(Fraction(1, 3)), exact_text(Fraction(1, 10**7))
    ('1/3', '1/10000000 (about 1e-7)')
    """
    return str(value) if value.denominator < 10**6 else f"{value} (about {near_text(value, 9)})"


def constant_text(value: Fraction) -> str:
    """A constant of an upper bound: exactly where it is short, else rounded up.

    >>> constant_text(Fraction(1, 3)), constant_text(Fraction(1, 1 << 50))
    ('1/3', '2^-50')
    """
    power = value.denominator.bit_length() - 1
    if value.numerator == 1 and value.denominator == 1 << power and power > 9:
        return f"2^-{power}"
    return str(value) if value.denominator < 1000 else up_text(value)


def tol_text(tol: float) -> str:
    """The shortest decimal with the same claim: not below the tolerance, and with no float in between.

    It is what was asked for: a tolerance that is read becomes the largest float that is at most it.

    >>> tol_text(0.25), tol_text(9.999999999999999e-05)
    ('0.25', '0.0001')
    """
    return up_text(tol, 1, lambda printed: printed < math.nextafter(tol, math.inf))


def bounds_texts(
    pairs: Sequence[tuple[float, float]], tol: float | None = None, digits: int = 5
) -> list[tuple[str, str]]:
    """Lower and upper bounds, row by row, with as many more digits as the comparisons need that are made of them.

    An upper bound below the lower bound of the row before is printed below it, and every bound stands to the printed
    tolerance as it stands to the tolerance.

    >>> bounds_texts([(0.0, 2.0**-10)]), bounds_texts([(0.0, 2.0**-10)], 2.0**-10)
    ([('0', '0.00097657')], [('0', '0.0009765625')])
    >>> bounds_texts([(0.2500001, 1.0), (0.0, 0.25)])
    [('0.2500001', '1'), ('0', '0.25')]
    """
    limit = math.inf if tol is None else Fraction(tol_text(tol))

    def high(upper: float, before: float) -> str:
        return up_text(upper, digits, lambda v: ((v < before), (v <= limit)) == ((upper < before), (upper <= limit)))

    def low(lower: float, after: Fraction | float) -> str:
        return down_text(lower, digits, lambda v: ((v > after), (v > limit)) == ((lower > after), (lower > limit)))

    lowers, uppers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    highs = [high(*given) for given in zip(uppers, [math.inf, *lowers], strict=False)]
    printed = [Fraction(text) if math.isfinite(float(text)) else math.inf for text in [*highs[1:], "inf"]]
    return [(low(lower, after), text) for lower, after, text in zip(lowers, printed, highs, strict=True)]


NAME = 100
"""Definition: characters of a name that comes from elsewhere, at most."""


def plain(text: str, most: int | None = None) -> str:
    r"""The text on one line, with control characters and marks of direction made visible; cut to so many characters.

    Whatever a file, a name or a formula says, it begins no new line and moves no cursor.

    >>> plain("x +\n 1 \u202e")
    'x + 1 [U+202E]'
    >>> plain("a long name", 6)
    'a l...'
    """
    if most is not None and len(text) > most:
        text = text[: most - 3] + "..."
    text = re.sub(r"[ \t\r\n\v\f]+", " ", text)
    return "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in text)


def ranges_text(numbers: Sequence[int]) -> str:
    """Compact text of rising integers.

    >>> ranges_text([1, 2, 3, 5])
    '1-3, 5'
    """
    runs: list[list[int]] = []
    for k in numbers:
        if runs and k == runs[-1][-1] + 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)


def _decimal(value: SupportsFloat, digits: int, rounding: str, keep: Callable[[Fraction], bool] | None) -> str:
    if not isinstance(value, Fraction):
        if not math.isfinite(value := float(value)):
            return str(value)
        value = Fraction(value)
    top, bottom = Decimal(value.numerator), Decimal(value.denominator)
    rounded = Context(prec=digits, rounding=rounding).divide(top, bottom)
    while keep is not None and digits < MOST and not keep(Fraction(rounded)) and keep(value):
        digits += 1
        rounded = Context(prec=digits, rounding=rounding).divide(top, bottom)
    return _style(rounded)


def _style(value: Decimal) -> str:
    """The text of a finite decimal, exactly."""
    exact = Context(prec=MOST)
    value = exact.normalize(value) if value else Decimal(0)
    power = value.adjusted()
    return f"{value:f}" if -4 <= power < 6 else f"{exact.scaleb(value, -power):f}e{power}"
