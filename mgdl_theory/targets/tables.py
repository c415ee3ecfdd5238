"""Tables of plain numbers as samples, read line by line; a line that may be something else is named."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import MEMORY
from mgdl_theory.errors import OptionError, shown

TABLES = (".csv", ".tsv")
"""Definition: endings of tables of plain numbers."""

MAX_LINE = 1 << 22
"""Definition: characters of a line."""

MAX_FIELD = 400
"""Definition: characters of a number."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LIKE_NUMBER = re.compile(r"[\"']?[+-]?\.?[0-9]")
_ZEROS = re.compile(r"[+-]?0[0-9]")


def read_table(path: Path, limit: int = MEMORY) -> tuple[NDArray[np.float64], list[str]]:
    """(the numbers, what was made of lines that may mean something else); one column is a row of samples.

    The memory taken is that of the numbers, 8 bytes each, and of one line.

    Raises
    ------
    OptionError
        Where the table is not plain, is too large for ``limit`` bytes, or may be coordinates; names the line.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return _read(file, limit)
    except UnicodeDecodeError as error:
        raise OptionError(f"{str(path)!r} is not a text file in UTF-8: {error}") from None
    except OptionError as error:
        raise OptionError(f"{str(path)!r}{error}") from None


def _read(file: IO[str], limit: int) -> tuple[NDArray[np.float64], list[str]]:
    lines = _lines(file)
    head = [found for _, found in zip(range(2), lines, strict=False)]
    if not head:
        raise OptionError(" is empty")
    separator = next((mark for mark in ("\t", ";", ",") if mark in head[-1][1]), None)
    number, line = head[0]
    header = _is_header(number, _fields(line, separator))
    rows = head[1:] if header else head
    numbers, width, count, whole = array("d"), 0, 0, [True, False]
    for part in (rows, lines):
        for number, line in part:
            fields = _fields(line, separator)
            width = width or len(fields)
            if len(fields) != width:
                raise OptionError(f", line {number}: {len(fields)} columns, but {width} in the first line of numbers")
            numbers.extend(_value(number, field) for field in fields)
            count += 1
            if count == 1 or not whole[1]:
                whole[count > 1] = all(map(_WHOLE.fullmatch, fields))
            if 8 * len(numbers) > limit:
                raise OptionError(f": its numbers need more than the {limit:,} bytes allowed; raise the memory limit")
    _require_samples(count, width)
    if header and separator:
        _require_names(head[0][1], separator, width)
    table = np.array(numbers).reshape(count, width)
    shape = f"{count} samples" if width == 1 else f"{count} x {width} samples"
    if header:
        return _plain(table), [f"read as {shape}, line {head[0][0]} taken as header: {shown(head[0][1].strip())}"]
    return _plain(table), [f"read as {shape}; {text}" for text in _doubts(table, head[0], whole[0] and not whole[1])]


def _require_samples(count: int, width: int) -> None:
    """Refuse too few lines, and as many columns as coordinates with values would have."""
    if count < 2:
        raise OptionError(": expected at least two lines of numbers; write samples as one column")
    if width in (2, 3):
        raise OptionError(
            f": {width} columns may be coordinates with values, or a grid; "
            "keep one column of values on a uniform grid, or save the grid as .npy"
        )


def _require_names(line: str, separator: str, width: int) -> None:
    """Refuse a header, unless it is a comment, that has not one name for each column."""
    names = len(_fields(line, separator))
    if names != width and not line.lstrip().startswith("#"):
        raise OptionError(f", line 1: {names} names for {width} columns; row names are no samples: take them off")


def _plain(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return table[:, 0] if table.shape[1] == 1 else table


def _lines(file: IO[str]) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines that are not blank."""
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise OptionError(f", line {number}: more than {MAX_LINE:,} characters; save the grid as .npy")
        if line.strip():
            yield number, line


def _fields(line: str, separator: str | None) -> list[str]:
    return [field.strip() for field in line.split(separator)]


def _is_header(number: int, fields: list[str]) -> bool:
    """Whether the first line holds no number, nor anything that begins like one."""
    if any(len(field) <= MAX_FIELD and _NUMBER.fullmatch(field) for field in fields):
        return False
    if not fields[0] and len(fields) > 1:
        raise OptionError(
            f", line {number}: the first name is empty: the first column is an index, no samples; drop it"
        )
    like = next((field for field in fields if _LIKE_NUMBER.match(field)), None)
    if like is not None and len(like) > MAX_FIELD:
        return False  # no number either; said of the line like of any other
    if like is not None:
        raise OptionError(f", line {number}: {shown(like, 40)} is not a number; if the line is a header, remove it")
    return True


def _value(number: int, field: str) -> float:
    """The number of a field, which is one in the plain way and is not changed by more than rounding."""
    if len(field) > MAX_FIELD:
        raise OptionError(f", line {number}: {shown(field, 40)} has more than {MAX_FIELD} characters")
    if not _NUMBER.fullmatch(field):
        hint = " (decimals need a point)" if "," in field else " (numbers are written without quotes)" * ('"' in field)
        raise OptionError(f", line {number}: {shown(field, 40)} is not a number{hint}")
    if _ZEROS.match(field):
        raise OptionError(
            f", line {number}: {shown(field, 40)} begins with zeros, as a code does or digits after a separator of "
            "thousands; write plain numbers"
        )
    value = float(field)
    digits = re.split("[eE]", field)[0]
    lost = value in (float("inf"), float("-inf")) and "i" not in field.lower()
    lost |= value == 0 and bool(re.search("[1-9]", digits))
    lost |= abs(value) >= 2.0**53 and bool(_WHOLE.fullmatch(field)) and int(value) != int(field)
    if lost:
        raise OptionError(f", line {number}: binary64 does not hold {shown(field, 40)}; scale or round the data")
    return value


def _doubts(table: NDArray[np.float64], first: tuple[int, str], odd: bool) -> Iterator[str]:
    """Lines and columns that look like names or coordinates, and were taken as samples."""
    number, line = first
    if odd:
        yield f"line {number} holds whole numbers, as no other line does: taken as samples: {shown(line.strip())}"
    elif table.shape[1] > 1 and (_even(table[0]) or _even(table[0, 1:])):
        yield f"line {number} is evenly spaced, as coordinates are: taken as samples: {shown(line.strip())}"
    if table.shape[1] > 1 and (_even(table[:, 0]) or _even(table[1:, 0])):
        yield "column 1 is evenly spaced, as coordinates are: taken as samples"


def _even(row: NDArray[np.float64]) -> bool:
    """Whether this is an arithmetic progression, up to rounding, of three numbers at least."""
    with np.errstate(all="ignore"):
        steps = np.diff(row)
        return bool(len(row) > 2 and steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0.0))
