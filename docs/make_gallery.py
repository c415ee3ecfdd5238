"""Run the whole gallery; print its tables, or write them and the thumbnails into the documentation.

    python docs/make_gallery.py [--write] [NAME ...]

Seconds are processor time of construct + verify, one run in this process.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import mgdl_theory as mg
from mgdl_theory.archive import write_atomic
from mgdl_theory.targets.ball import UniformBall
from mgdl_theory.targets.gallery import GALLERY, Entry
from mgdl_theory.text import up_text

HERE = Path(__file__).resolve().parent
PAGE, FIGURE = HERE / "gallery.md", HERE / "figures" / "gallery.png"
LARGEST = 300_000
"""Definition: bytes that the picture may have."""

HARDER = (
    *(("damped-sine", "1e-9"), ("runge", "1e-9"), ("franke", "1e-4"), ("polygon", "0.01"), ("brownian", "1e-6")),
    *(("twenty-sines-1", "1e-3"), ("chirp", "1e-5"), ("sqrt", "1e-6"), ("cube-root", "1e-3"), ("x-log-x", "1e-8")),
    *(("x-sin-1-x", "0.05"), ("x-sin-1-x", "1e-3"), ("cantor", "5e-3"), ("takagi", "1e-4"), ("weierstrass", "5e-3")),
)
"""Entries at tolerances other than their own."""

TERMS = (6, 7, 8, 9, 10, 12, 14, 16)
"""Numbers of terms of the Weierstrass sum."""


def measured(f: mg.Target, tol: str) -> tuple[mg.Report, float]:
    """A verified run and its processor seconds."""
    start = time.process_time()
    report = mg.verify(mg.construct(f, tol))
    return report, time.process_time() - start


def rates(report: mg.Report) -> str:
    """Factor per level of the certified bound, and of what Theorem B (or else A) predicts, where both are finite."""
    for theorem in ("theorem_b", "theorem_a"):
        rows = [row for row in report.rows[1:] if math.isfinite(getattr(row, theorem)) and row.residual_sup_upper > 0]
        if len(rows) > 1 and rows[-1].level > rows[0].level:
            first, last, levels = rows[0], rows[-1], rows[-1].level - rows[0].level
            seen = (last.residual_sup_upper / first.residual_sup_upper) ** (1 / levels)
            said = (getattr(last, theorem) / getattr(first, theorem)) ** (1 / levels)
            return f"{seen:.2f} | {said:.2f} ({theorem[-1].upper()})"
    return "- | -"


def numbers(report: mg.Report, seconds: float) -> str:
    """The columns from the verdict on."""
    scheme = report.scheme
    level = max((grade.level for grade in scheme.grades), default=0)
    return (
        f"{report.verdict} | {scheme.atoms:,} | {level} | {up_text(report.residual_sup_upper, 3)} | {seconds:.2f} | "
        f"{rates(report)}"
    )


COLUMNS = "verdict | atoms | finest level | certified bound | s | factor per level | predicted |"


def table(title: str, rows: Iterable[tuple[str, mg.Target, str]], width: int) -> list[str]:
    lines = [f"| {title} | tol | {COLUMNS}", "|---" * (width + 8) + "|"]
    for start, f, tol in rows:
        lines.append(f"| {start} | {tol} | {numbers(*measured(f, tol))} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def entry_row(entry: Entry) -> tuple[str, mg.Target, str]:
    where = str(entry.box).replace("^", "<sup>", 1) + ("</sup>" if "^" in str(entry.box) else "")
    return f"`@{entry.name}` | {entry.title} | {entry.regularity} | {where}", entry.target(), entry.tol


def harder_row(name: str, tol: str) -> tuple[str, mg.Target, str]:
    return f"`@{name}`", GALLERY[name].target(tol), tol


def terms_row(terms: int) -> tuple[str, mg.Target, str]:
    series = GALLERY["weierstrass"].series
    assert series is not None
    text, tail = series(terms)
    return f"{terms} | {up_text(tail, 2)}", UniformBall(mg.target(text), tail), "0.05"


def details(entry: Entry) -> str:
    """What there is to say about one entry, in one line."""
    in_words = entry.series is not None or entry.make is not None
    formula = entry.formula if in_words else f"`{entry.formula}`" if len(entry.formula) <= 120 else entry.title
    tail = f"tail of N terms: {entry.tail}" if entry.tail else ""
    said = [text[0].upper() + text[1:] for text in (entry.expect, tail, entry.source) if text]
    return f"- **@{entry.name}**: {formula}. {'. '.join(said)}."


def thumbnails(path: Path) -> None:
    """One small panel per entry: the curve, or a field over the first two variables, the others at 3/4."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from mgdl_theory.pictures.style import COLOURS, SEQUENTIAL

    columns = 6
    lines = -(-len(GALLERY) // columns)
    with rc_context({"font.size": 7}):
        figure = Figure(figsize=(1.75 * columns, 1.35 * lines), layout="constrained")
        FigureCanvasAgg(figure)
        places = figure.subplots(lines, columns)
        for place, entry in zip(places.flat, GALLERY.values(), strict=False):
            f = entry.target()
            if entry.dim == 1:
                x = f.box.from_unit(np.linspace(0, 1, 1201)[:, None])[:, 0]
                place.plot(x, f(x), lw=0.6, color=COLOURS["blue"])
                place.margins(x=0)
            else:
                side = np.linspace(0, 1, 97)
                t = np.full((97 * 97, entry.dim), 0.75)
                t[:, :2] = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
                place.imshow(f(f.box.from_unit(t)).reshape(97, 97), origin="lower", cmap=SEQUENTIAL, aspect="auto")
            place.set(title=f"@{entry.name}", xticks=[], yticks=[])
        for place in places.flat[len(GALLERY) :]:
            place.axis("off")
        figure.savefig(path, dpi=110)
    shrink(path)


def shrink(path: Path) -> None:
    """Fewer colours: nobody sees it, and the file is a third."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.convert("RGB").quantize(96).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.name}: {size} bytes", file=sys.stderr)
    if size > LARGEST:
        raise SystemExit(f"{path.name} has {size} bytes, more than {LARGEST}")


def filled(page: str, part: str, lines: list[str]) -> str:
    """The page with these lines between its two marks."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    head, mark, rest = page.partition(begin)
    if not mark:
        raise SystemExit(f"{PAGE.name} has no mark {begin}")
    return "\n".join([head + begin, *lines, end + rest.partition(end)[2]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these entries; nothing is written")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} and {FIGURE.name}")
    options = parser.parse_args()
    chosen = [GALLERY[name.removeprefix("@")] for name in options.names] or list(GALLERY.values())
    parts: dict[str, Any] = {"table": table("name | what | regularity | domain", map(entry_row, chosen), 4)}
    if not options.names:
        parts["harder"] = table("name", (harder_row(*pair) for pair in HARDER), 1)
        parts["terms"] = table("terms | tail", map(terms_row, TERMS), 2)
        parts["details"] = [details(entry) for entry in chosen]
    if options.write and not options.names:
        page = PAGE.read_text(encoding="utf-8")
        for part, lines in parts.items():
            page = filled(page, part, lines)
        write_atomic(str(PAGE), page)
        thumbnails(FIGURE)
    else:
        print("\n\n".join("\n".join(lines) for lines in parts.values()))


if __name__ == "__main__":
    main()
