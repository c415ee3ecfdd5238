"""A report on a terminal: no cell is cut, no number broken, and columns without room follow below."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mgdl_theory.reports.content import COLUMNS, WITNESS, Content
from mgdl_theory.reports.texts import ascii_signs
from mgdl_theory.reports.trained import content_of
from mgdl_theory.text import count, plain

if TYPE_CHECKING:
    from rich.console import Console

GAP = 2
"""Definition: blanks between two columns."""

WIDE = 100
"""Experience: columns from which on a terminal has room for what each claim says, beside what it rests on."""

PAPER = 132
"""Experience: columns of a text that no terminal shows."""

VERDICTS = {COLUMNS[name][0] for name in ("balanced", "falls")}
"""Definition: the headings below which verdicts stand."""

COLOURS = {"PROVED": "green", "REFUTED": "bold red", "UNDECIDED": "yellow", "EVIDENCE": "cyan"}
"""Definition: how verdicts look where there are colours."""


def show(record: Any, console: Console) -> None:
    """Print a record but for its last line: the grades, the norms and the verdicts, of every component."""
    parts = record.components
    for j, part in enumerate(parts, 1):
        if part is not record:
            _line(console, f"component {j} of {len(parts)}")
        _show(content_of(part, page=False), console)
        if part is not record:
            _line(console, "")
    if parts[0] is not record:
        scheme = record.scheme
        size = f"{count(scheme.atoms, 'atom')} in {count(len(scheme.grades), 'grade')}, depth {scheme.depth}"
        _line(console, f"all components: {size}; an atom that several have in common counts once")


def text(record: Any) -> str:
    """What :func:`show` prints, without colours, and the last line.

    >>> import mgdl_theory as mg
    >>> print(text(mg.verify(mg.construct(mg.target("x"), 0.75))).splitlines()[0])
    f = x on [0, 1], tol 0.75
    """
    from rich.console import Console

    page = io.StringIO()
    show(record, Console(file=page, width=PAPER, color_system=None, highlight=False))
    return "\n".join([*(line.rstrip() for line in page.getvalue().splitlines()), record.last_line()])


def _show(said: Content, console: Console) -> None:
    _line(console, f"f = {said.formula} on {said.domain}, {said.asked}")
    for line in said.given:
        _line(console, line)
    headings = [heading for heading, _ in said.columns.values()]
    _print_columns(console, headings, [[row.cells[name] for name in said.columns] for row in said.rows])
    if said.norms:
        _print_columns(console, said.norms[0], said.norms[1:])
    narrow = console.width < WIDE
    lines = []
    for claim in said.claims:
        evidence = "; ".join([*([claim.evidence] if claim.evidence != WITNESS else []), *claim.witness])
        lines.append((claim.verdict, claim.id, *(() if narrow else (claim.statement,)), evidence))
    titles = ("verdict", "claim", *(() if narrow else ("what is claimed",)), "on what it rests")
    print_table(console, titles, lines, whole=("verdict", "claim"))


def print_list(console: Console, told: Mapping[str, str]) -> None:
    """Names and texts, one a line; empty ones are left out."""
    for name, told_text in told.items():
        if told_text:
            _line(console, f"{name + ':':<17}{told_text}")


def print_table(
    console: Console, headings: Sequence[str], lines: Sequence[Sequence[str]], whole: Collection[str]
) -> None:
    """A table whose texts are folded to the width, but for the columns that must stay whole."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in whole)
    for line in lines:
        table.add_row(*map(_cell, line))
    console.print(table)


def _print_columns(console: Console, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """A table of numbers; columns that it has no room for follow below, beside the first one again."""
    from rich.table import Table

    widths = [max(len(ascii_signs(line[k])) for line in [headings, *lines]) for k in range(len(headings))]
    first = 1
    while first < len(headings):
        used, end = widths[0] + GAP + widths[first], first + 1
        while end < len(headings) and used + GAP + widths[end] <= console.width:
            used, end = used + GAP + widths[end], end + 1
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        for k in (0, *range(first, end)):
            justify: Any = "left" if headings[k] in VERDICTS else "right"
            table.add_column(ascii_signs(headings[k]), justify=justify, no_wrap=True, min_width=widths[k])
        for line in lines:
            table.add_row(*(_cell(line[k]) for k in (0, *range(first, end))))
        console.print(table, width=max(used, console.width), crop=False)
        first = end


def _line(console: Console, told: str) -> None:
    console.print(_cell(told))


def _cell(told: str) -> Any:
    """A text that commands nothing; verdicts have their colours."""
    from rich.text import Text

    return Text(ascii_signs(plain(told)), style=COLOURS.get(told, ""))
