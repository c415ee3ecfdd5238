"""The part of a page that a script writes: what stands between two comments."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def write(page: Path, text: str) -> None:
    """Put the text between the two comments of the page."""
    head, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page}: the lines {BEGIN} and {END} are missing")
    page.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows]]
