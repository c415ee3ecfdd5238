"""Words: decimal texts on the safe side, counts of things, and texts of others made harmless."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

__all__ = ["NAME", "count", "down_text", "plain", "ranges_text", "up_text"]


def count(number: int, what: str) -> str:
    """A number of things.

    >>> count(1, "atom"), count(2, "atom")
    ('1 atom', '2 atoms')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def up_text(value: float, digits: int = 6) -> str:
    """Decimal text that is not below the value.

    >>> up_text(1 / 3, 2), up_text(-1 / 3, 2)
    ('0.34', '-0.33')
    """
    return _decimal(value, digits, ROUND_CEILING)


def down_text(value: float, digits: int = 6) -> str:
    """Decimal text that is not above the value.

    >>> down_text(2 / 3, 2)
    '0.66'
    """
    return _decimal(value, digits, ROUND_FLOOR)


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


def _decimal(value: float, digits: int, rounding: str) -> str:
    if not math.isfinite(value):
        return str(value)
    return f"{Context(prec=digits, rounding=rounding).create_decimal(Decimal(value)):.{digits}g}"
