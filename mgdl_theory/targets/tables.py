"""Tables of numbers as samples, read line by line; what may be something else is named, or refused with its place."""

from __future__ import annotations

import gzip
import re
import zlib
from array import array
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import MEMORY, room
from mgdl_theory.errors import OptionError, shown
from mgdl_theory.targets.formula.parser import MAX_CHARS
from mgdl_theory.text import count, float_text

PLAIN = (".csv", ".tsv", ".txt", ".dat", ".asc")
TABLES = (*PLAIN, *(f"{ending}.gz" for ending in PLAIN))
"""Definition: endings of tables of numbers, plain or compressed; .asc may be a grid with a heading of its own."""

COMMENTS = ("#", "%")
"""Definition: what a line of comment begins with."""

MAX_PAIRS = 400
"""Definition: pairs that are not evenly spaced, of which a formula is made, at most."""

MAX_LINE = 1 << 22
"""Definition: characters of a line."""

MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "missing")
"""Definition: what stands where a value is missing."""

MAX_FIELD = 400
"""Definition: characters of a number."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+(?:[eE][+-]?[0-9]+)?)")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LIKE_NUMBER = re.compile(r"[\"']?[+-]?\.?[0-9]")
_ZEROS = re.compile(r"[+-]?0[0-9]")


class Table(NamedTuple):
    """What a table holds.

    Attributes
    ----------
    numbers : float64 array
        Samples: one column is a row of samples on a uniform grid; rows and columns of a larger table are two axes.
    notes : tuple of str
        What was read, and what was made of lines that may mean something else.
    ends : tuple of str
        Lower and upper end of every side, where the table says so.
    formula : str
        The piecewise linear function through pairs that are not evenly spaced; no ``numbers`` then.
    """

    numbers: NDArray[np.float64]
    notes: tuple[str, ...]
    ends: tuple[str, ...] = ()
    formula: str = ""


def read_table(path: Path, limit: int = MEMORY, fill: float | None = None) -> Table:
    """The samples in a table; ``fill`` stands for the cells that a grid says are without data.

    The memory taken is that of the numbers, 8 bytes each, and of one line.

    Raises
    ------
    OptionError
        Where the table is not plain, is too large for ``limit`` bytes, or may be coordinates; names the line.
    """
    try:
        zipped = path.suffix.lower() == ".gz"
        with gzip.open(path, "rt", encoding="utf-8-sig") if zipped else open(path, encoding="utf-8-sig") as file:
            found = _read(_Lines(file, room(path.stat().st_size) if zipped else None), limit, fill)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OptionError(f"{str(path)!r} is not a gzip file that can be read: {error}") from None
    except UnicodeDecodeError as error:
        raise OptionError(f"{str(path)!r} is not a text file in UTF-8: {error}") from None
    except OptionError as error:
        raise OptionError(f"{str(path)!r}{error}") from None
    return found


def _read(lines: _Lines, limit: int, fill: float | None) -> Table:
    head = [found for _, found in zip(range(2), lines, strict=False)]
    if not head:
        raise OptionError(" is empty")
    if head[0][1].split()[0].lower() in GRID:
        return _grid(head, lines, limit, fill)
    if fill is not None:
        raise OptionError(": --fill is for grids and images that say which cells are without data")
    separator = next((mark for mark in ("\t", ";", ",") if mark in head[-1][1]), None)
    names = _header(*head[0], separator, _quoted(head[0][1], separator) and not _quoted(head[-1][1], separator))
    index = bool(names) and not names[0] and len(names) > 1
    rows = _Rows(separator, limit, index)
    for part in (head[1:] if names else head, lines):
        for number, line in part:
            rows.add(number, line)
    if names and separator:
        _require_names(head[0][1], len(names), rows.width + index)
    return _made(rows, head[0], names, lines.comments)


def _made(rows: _Rows, first: tuple[int, str], names: list[str], comments: int) -> Table:
    """The table that the rows are: samples, or coordinates with values."""
    said = ["column 1 taken as an index"] if rows.index else []
    said += [f"{count(comments, 'line')} of comment passed over"] if comments else []
    said += ["decimal commas"] if rows.commas else []
    table = rows.table()
    header = f"line {first[0]} taken as header: {shown(first[1].strip())}" if names else ""
    if not names and rows.whole == [True, False] and table.shape[1] > 1 and _even(table[0]) and len(table) > 2:
        table, header = (
            table[1:],
            f"line {first[0]} taken as header, as it counts the columns: {shown(first[1].strip())}",
        )
    said = [header, *said] if header else said
    if table.shape[1] in (2, 3) and (found := _coordinates(table, said)) is not None:
        return found
    _require_samples(table)
    shape = f"{len(table)} samples" if table.shape[1] == 1 else f"{len(table)} x {table.shape[1]} samples"
    doubts = [] if names or header else list(_doubts(table, first, rows.whole == [True, False]))
    notes = ["; ".join([f"read as {shape}, {said[0]}", *said[1:]])] if said else []
    notes += [f"read as {shape}; {text}" for text in doubts]
    return Table(_plain(table), tuple(notes))


class _Rows:
    """The numbers of the lines, all of one length."""

    def __init__(self, separator: str | None, limit: int, index: bool) -> None:
        self.separator, self.limit, self.index = separator, limit, index
        self.numbers, self.width, self.count = array("d"), 0, 0
        self.whole = [True, False]  # whether the first line, and some later line, holds whole numbers only
        self.commas = False

    def add(self, number: int, line: str) -> None:
        """Read one line."""
        fields = [_bare(field) for field in _fields(line, self.separator)]
        if self.index:
            if fields[0] != str(self.count):
                raise OptionError(
                    f", line {number}: the first column has no name and is no index 0, 1, 2, ...; name it or drop it"
                )
            del fields[0]
        self.width = self.width or len(fields)
        if len(fields) != self.width:
            raise OptionError(f", line {number}: {len(fields)} columns, but {self.width} in the first line of numbers")
        if self.separator != ",":
            decimal = [_COMMA.sub(r"\1.\2", field) if _COMMA.fullmatch(field) else field for field in fields]
            self.commas |= decimal != fields
            fields = decimal
        self.numbers.extend(_value(number, k, field) for k, field in enumerate(fields, 1 + self.index))
        self.count += 1
        if self.count == 1 or not self.whole[1]:
            self.whole[self.count > 1] = all(map(_WHOLE.fullmatch, fields))
        if 8 * len(self.numbers) > self.limit:
            raise OptionError(f": its numbers need more than the {self.limit:,} bytes allowed; raise the memory limit")

    def table(self) -> NDArray[np.float64]:
        """(lines, columns)."""
        return np.array(self.numbers).reshape(self.count, self.width)


def _require_samples(table: NDArray[np.float64]) -> None:
    """Refuse too few lines, and as many columns as coordinates with values would have."""
    if len(table) < 2:
        raise OptionError(": expected at least two lines of numbers; write samples as one column")
    if table.shape[1] in (2, 3):
        raise OptionError(
            f": {table.shape[1]} columns may be coordinates with values, or a grid; write x and y with every x once, "
            "x, y and the value on a full even grid, or save the grid as .npy"
        )


# -- coordinates with values -----------------------------------------------------------------------


def _coordinates(table: NDArray[np.float64], said: list[str]) -> Table | None:
    """Two columns as pairs x, y, three as x, y and the value on a grid; None where they are neither."""
    more = "".join(f"; {text}" for text in said)
    if not np.isfinite(table).all():
        return None
    if table.shape[1] == 2:
        order = np.argsort(table[:, 0], kind="stable")
        x, y = table[order].T
        twice = x[1:][np.diff(x) == 0]
        if len(x) > 2 and 0 < len(twice) <= len(x) // 3:
            raise OptionError(f": pairs x, y, but x = {float_text(twice[0])} stands there twice; keep one value for it")
        if len(x) < 3 or len(twice):
            return None
        turned = "" if np.array_equal(order, np.arange(len(x))) else ", sorted"
        ends, told = ends_of(x), f"read as {len(x)} pairs x, y{turned}, "
        if steps_of(x) is not None:
            return Table(y.copy(), (f"{told}evenly spaced from {ends[0]} to {ends[1]}{more}",), ends)
        formula = _polyline(x.tolist(), y.tolist()) if len(x) <= MAX_PAIRS else ""
        if not 0 < len(formula) <= MAX_CHARS:
            raise OptionError(
                f": {len(x)} pairs are not evenly spaced, too many for a formula (some {MAX_PAIRS} are the most); "
                "take them at even distances"
            )
        told += f"from {ends[0]} to {ends[1]}, and linear between them"
        return Table(np.zeros(0), (told + more,), ends, formula)
    axes = [np.unique(table[:, k]) for k in range(2)]
    sizes = [len(axis) for axis in axes]
    if min(sizes) < 2 or sizes[0] * sizes[1] != len(table) or any(steps_of(axis) is None for axis in axes):
        return None
    place = [np.searchsorted(axis, table[:, k]) for k, axis in enumerate(axes)]
    grid = np.full(sizes, np.nan)
    grid[place[0], place[1]] = table[:, 2]
    if np.isnan(grid).any():
        return None
    sides = (*ends_of(axes[0]), *ends_of(axes[1]))
    told = f"read as {sizes[0]} x {sizes[1]} values at x from {sides[0]} to {sides[1]}, y from {sides[2]} to {sides[3]}"
    return Table(grid, (told + more,), sides)


def steps_of(x: NDArray[np.float64]) -> Fraction | None:
    """The distance of numbers that are evenly spaced as they are written, or None.

    >>> steps_of(np.array([0.1, 0.2, 0.3])), steps_of(np.array([0.0, 1.0, 4.0]))
    (Fraction(1, 10), None)
    """
    exact = [Fraction(repr(v)) for v in x.tolist()]
    step = (exact[-1] - exact[0]) / (len(exact) - 1)
    return step if all(v == exact[0] + k * step for k, v in enumerate(exact)) else None


def ends_of(x: NDArray[np.float64]) -> tuple[str, str]:
    """The first and the last of them as texts.

    >>> ends_of(np.array([0.0, 0.5]))
    ('0', '0.5')
    """
    return tuple(repr(float(v)).removesuffix(".0") for v in (x[0], x[-1]))  # type: ignore[return-value]


def _polyline(x: list[float], y: list[float]) -> str:
    """The formula of the function that is linear between these points, exactly.

    >>> _polyline([0.0, 1.0, 3.0], [0.0, 2.0, 2.0])
    '0 + (2)*(x - (0)) + (-2)*max(x - (1), 0)'
    """
    points = [(Fraction(repr(a)), Fraction(repr(b))) for a, b in zip(x, y, strict=True)]
    pairs = list(pairwise(points))
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs]
    terms = [f"{points[0][1]}", f"({slopes[0]})*(x - ({points[0][0]}))"]
    for (at, _), before, after in zip(points[1:], slopes, slopes[1:], strict=False):
        if after != before:
            terms.append(f"({after - before})*max(x - ({at}), 0)")
    return " + ".join(terms)


# -- grids with a heading --------------------------------------------------------------------------

GRID = ("ncols", "nrows", "xllcorner", "xllcenter", "yllcorner", "yllcenter", "cellsize", "dx", "dy", "nodata_value")
"""Definition: the keys of the heading of an ASCII grid."""


def _grid(head: list[tuple[int, str]], lines: _Lines, limit: int, fill: float | None) -> Table:
    """An ASCII grid: its rows run from the north to the south, and from the west to the east."""
    keys: dict[str, float] = {}
    numbers = array("d")
    for part in (head, lines):
        for number, line in part:
            words = line.split()
            if not numbers and words[0].lower() in GRID:
                if len(words) != 2:
                    raise OptionError(f", line {number}: expected a key of the heading and one number")
                keys[words[0].lower()] = _value(number, 2, words[1])
                continue
            numbers.extend(_value(number, k, word) for k, word in enumerate(words, 1))
            if 8 * len(numbers) > limit:
                raise OptionError(f": its numbers need more than the {limit:,} bytes allowed; raise the memory limit")
    columns, rows = (keys.get(key, 0.0) for key in ("ncols", "nrows"))
    if not (columns >= 2 <= rows and columns * rows == len(numbers)):
        raise OptionError(
            f": its heading says {float_text(columns)} x {float_text(rows)} numbers, and there are {len(numbers)}"
        )
    grid = np.array(numbers).reshape(int(rows), int(columns))[::-1].T.copy()
    holes = grid == keys.get("nodata_value", np.nan)
    notes = [f"read as {int(columns)} x {int(rows)} samples of an ASCII grid, to the east and to the north"]
    if "cellsize" in keys:
        notes[0] += f", {float_text(keys['cellsize'])} apart; give --domain to have its coordinates"
    return Table(*filled(grid, holes, fill, notes, f"NODATA_value {float_text(keys.get('nodata_value', 0.0))}"))


def filled(
    grid: NDArray[np.float64], holes: NDArray[np.bool_], fill: float | None, notes: list[str], mark: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The grid with its holes filled on request, and the notes with what was done; holes are refused otherwise."""
    many = int(holes.sum())
    if many and fill is None:
        at = tuple(int(k) for k in np.unravel_index(int(np.argmax(holes)), holes.shape))
        raise OptionError(
            f": {count(many, 'cell')} marked as holes ({mark}), first at index {at}; "
            "fill them first, cut them off, or say --fill VALUE"
        )
    if many and fill is not None:
        grid = np.where(holes, fill, grid)
        notes = [*notes, f"{count(many, 'cell')} without data filled with {float_text(fill)}"]
    return grid, tuple(notes)


# -- lines and fields ------------------------------------------------------------------------------


def _require_names(line: str, names: int, width: int) -> None:
    """Refuse a header that has not one name for each column."""
    if names != width:
        raise OptionError(f", line 1: {names} names for {width} columns; row names are no samples: take them off")


def _plain(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return table[:, 0] if table.shape[1] == 1 else table


class _Lines:
    """(number, text) of the lines that are neither blank nor comments, which are counted."""

    def __init__(self, file: IO[str], most: int | None) -> None:
        self.file, self.number, self.comments, self.left = file, 0, 0, most

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while line := self.file.readline(MAX_LINE + 1):
            self.number += 1
            if self.left is not None:
                self.left -= len(line)
                if self.left < 0:
                    raise OptionError(
                        f", line {self.number}: the file unpacks to too much for its size; unpack it first"
                    )
            if len(line) > MAX_LINE:
                raise OptionError(f", line {self.number}: more than {MAX_LINE:,} characters; save the grid as .npy")
            if line.lstrip().startswith(COMMENTS):
                self.comments += 1
            elif line.strip():
                yield self.number, line


def _fields(line: str, separator: str | None) -> list[str]:
    return [field.strip() for field in line.split(separator)]


def _bare(field: str) -> str:
    """The field without the quotes around it."""
    return field[1:-1].strip() if len(field) > 1 and field[0] == field[-1] and field[0] in "\"'" else field


def _quoted(line: str, separator: str | None) -> bool:
    return all(len(field) > 1 and _bare(field) != field for field in _fields(line, separator))


def _header(number: int, line: str, separator: str | None, quoted: bool) -> list[str]:
    """The names in the first line; [] where it holds a number, which in quotes it does not if no other line has any."""
    fields = [_bare(field) for field in _fields(line, separator)]
    counted = quoted or (not fields[0] and all(_WHOLE.fullmatch(field) for field in fields[1:]))  # of a frame
    if not counted and any(len(f) <= MAX_FIELD and (_NUMBER.fullmatch(f) or _COMMA.fullmatch(f)) for f in fields):
        return []
    like = None if counted else next((field for field in fields if _LIKE_NUMBER.match(field)), None)
    if like is not None and len(like) > MAX_FIELD:
        return []  # no number either; said of the line like of any other
    if like is not None:
        raise OptionError(f", line {number}: {shown(like, 40)} is not a number; if the line is a header, remove it")
    return fields


def _value(number: int, column: int, field: str) -> float:
    """The number of a field, which is one in the plain way and is not changed by more than rounding."""
    if len(field) > MAX_FIELD:
        raise OptionError(f", line {number}: {shown(field, 40)} has more than {MAX_FIELD} characters")
    if field.lower() in MISSING:
        raise OptionError(f", line {number}, column {column}: a value is missing ({shown(field)}); fill it in first")
    if not _NUMBER.fullmatch(field):
        hint = " (decimals need a point)" if "," in field else ""
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
