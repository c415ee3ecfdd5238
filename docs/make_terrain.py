"""Certify a measured terrain; print the tables of data.md, or write them and the pictures into the documentation.

    python docs/make_terrain.py [--write]

The terrain is matplotlib's sample elevation model of the Jacksboro fault in Tennessee, 344 x 403 heights in whole
metres, one every 3 seconds of arc.  Seconds are processor time, one run in this process.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import mgdl_theory as mg
from mgdl_theory.archive import write_atomic
from mgdl_theory.pictures.style import COLOURS, SEQUENTIAL, own_settings
from mgdl_theory.text import down_text, near_text, up_text

HERE = Path(__file__).resolve().parent
PAGE, FIGURES = HERE / "data.md", HERE / "figures"
LARGEST = 300_000
"""Definition: bytes that a picture may have."""

TOLERANCES = ("100", "50", "25")
"""Metres; the pictures show the last one."""

Field = np.ndarray[Any, Any]


def heights() -> tuple[Field, list[str]]:
    """Heights with x to the east and y to the north, and the domain in kilometres."""
    from matplotlib.cbook import get_sample_data

    model = get_sample_data("jacksboro_fault_dem.npz")
    z = model["elevation"]
    latitude = math.radians(float(model["ymin"] + model["ymax"]) / 2)
    degree = 111.2  # kilometres, near enough: the sides of the domain only label the axes
    width = degree * float(model["dx"]) * math.cos(latitude) * (z.shape[1] - 1)
    height = degree * float(model["dy"]) * (z.shape[0] - 1)
    return np.ascontiguousarray(z[::-1].T), ["0", f"{width:.3f}", "0", f"{height:.3f}"]


def measured(f: mg.Target, tol: str) -> tuple[mg.Report, float]:
    """A verified run and its processor seconds."""
    start = time.process_time()
    report = mg.verify(mg.construct(f, tol))
    print(report.last_line(), file=sys.stderr, flush=True)
    return report, time.process_time() - start


def runs(found: dict[str, tuple[mg.Report, float]]) -> list[str]:
    """One line per tolerance."""
    lines = ["| tolerance, m | verdict | sup-norm, m | grades | atoms | finest level | leaves | s |", "|---" * 8 + "|"]
    for tol, (report, seconds) in found.items():
        scheme = report.scheme
        between = f"{down_text(report.residual_sup_lower, 4)} to {up_text(report.residual_sup_upper, 4)}"
        lines.append(
            f"| {tol} | {report.verdict} | {between} | {len(scheme.grades)} | {scheme.atoms:,} | "
            f"{scheme.grades[-1].level} | {report.leaf_count:,} | {seconds:.0f} |"
        )
    return lines


def grades(report: mg.Report) -> list[str]:
    """One line per grade."""
    lines = ["| grade | level | atoms | sup-norm of the residual, m | Theorem A, m |", "|---" * 5 + "|"]
    for row in report.rows:
        between = f"{down_text(row.residual_sup_lower, 4)} to {up_text(row.residual_sup_upper, 4)}"
        theorem = up_text(row.theorem_a, 4) if math.isfinite(row.theorem_a) else ""
        lines.append(f"| {row.grade} | {row.level if row.grade else ''} | {row.atoms:,} | {between} | {theorem} |")
    return lines


# -- pictures --------------------------------------------------------------------------------------


def shaded(field: Field, least: float, most: float) -> Field:
    """Colours (rows, columns, 3) of heights in the light of a low sun in the north-west, rows from the north."""
    from matplotlib.colors import LightSource, Normalize
    from matplotlib.pyplot import get_cmap

    light = LightSource(azdeg=315, altdeg=35)
    picture = light.shade(
        field.T[::-1],
        get_cmap(SEQUENTIAL),
        norm=Normalize(least, most),
        blend_mode="soft",
        vert_exag=1 / 90,
        dx=1,
        dy=1,
    )
    return np.asarray(picture[..., :3])


def panel(ax: Any, image: Field, f: mg.Target, title: str, **options: Any) -> Any:
    sides = [float(end) for pair in zip(f.box.lower, f.box.upper, strict=True) for end in pair]
    drawn = ax.imshow(image, extent=sides, interpolation="nearest", **options)
    ax.set_title(title, loc="left")
    ax.set(xticks=[0, 10, 20], yticks=[0, 10, 20, 30])
    return drawn


def approximants(report: mg.Report) -> list[Field]:
    """The approximants after every grade at the samples, in floating point."""
    scheme, shape = report.scheme, report.scheme.target.describe()["shape"]
    t = np.stack(np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij"), axis=-1).reshape(-1, 2)
    total, found = np.full(len(t), scheme.lift), []
    for grade in scheme.grades:
        total = total + grade.atoms(t)
        found.append(total.reshape(shape))
    return found


def terrain(z: Field, steps: list[Field], report: mg.Report) -> Any:
    """The samples, the last approximant, and their difference."""
    from matplotlib.figure import Figure

    f, bound = report.scheme.target, up_text(report.residual_sup_upper, 4)
    page = Figure(figsize=(10.2, 3.7), layout="constrained")
    left, middle, right = page.subplots(1, 3)
    least, most = min(z.min(), steps[-1].min()), max(z.max(), steps[-1].max())
    panel(left, shaded(z.astype(float), least, most), f, f"samples, {z.min()} to {z.max()} m")
    panel(middle, shaded(steps[-1], least, most), f, f"after grade {len(steps)}: $|e| \\leq {bound}$ m everywhere")
    rest = panel(
        right, (z - steps[-1]).T[::-1], f, f"residual $e$ at the samples: {(z - steps[-1]).min():.2f} m at least",
        cmap=SEQUENTIAL, vmin=0.0, vmax=report.residual_sup_upper,
    )  # fmt: skip
    page.colorbar(rest, ax=right, label="m")
    left.set(xlabel="km to the east", ylabel="km to the north")
    return page


def sequence(z: Field, steps: list[Field], report: mg.Report) -> Any:
    """The approximants grade by grade."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(10.2, 5.6), layout="constrained")
    shown = np.array([z, *steps[-8:]])
    for ax, field, row in zip(page.subplots(2, 4).flat, steps[-8:], report.rows[1:][-8:], strict=True):
        title = f"grade {row.grade}: {row.atoms:,} atoms\n$|e| \\leq {up_text(row.residual_sup_upper, 4)}$ m"
        panel(ax, shaded(field, shown.min(), shown.max()), report.scheme.target, title)
    page.supxlabel(f"one scale for all, {near_text(shown.min(), 4)} to {near_text(shown.max(), 4)} m", fontsize=8)
    return page


def levels(report: mg.Report) -> Any:
    """The levels of the leaves, and how the bounds of leaves are distributed."""
    from matplotlib.figure import Figure

    deepest = max(block.level for block in report.leaves())
    image = np.zeros((1 << deepest, 1 << deepest), dtype=np.int8)
    for block in report.leaves():
        scale = 1 << (deepest - block.level)
        offsets = np.arange(scale)
        x = (block.cells[:, 0] * scale)[:, None, None] + offsets[:, None]
        y = (block.cells[:, 1] * scale)[:, None, None] + offsets
        image[x, y] = block.level
    page = Figure(figsize=(8.6, 3.9), layout="constrained")
    left, right = page.subplots(1, 2, width_ratios=(1.25, 1))
    drawn = panel(left, image.T[::-1], report.scheme.target, f"{report.leaf_count:,} leaves by level", cmap=SEQUENTIAL)
    page.colorbar(drawn, ax=left, label="level of the leaf", ticks=range(deepest + 1))
    left.set(xlabel="km to the east", ylabel="km to the north")
    bounds = np.concatenate([block.bounds for block in report.leaves()])
    share = np.concatenate([np.full(len(b.bounds), 4.0**-b.level) for b in report.leaves()])
    right.hist(bounds, bins=50, weights=100 * share, color=COLOURS["blue"])
    right.axvline(report.tol, color=COLOURS["vermillion"])
    right.set(xlabel="certified bound of $|e|$ on the leaf, m", ylabel="% of the area per bin")
    right.set_title("where the tolerance is used up", loc="left")
    return page


def save(page: Any, name: str) -> None:
    """A picture of few colours, which makes a small file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(page)
    page.set_dpi(110)
    canvas.draw()
    path = FIGURES / name
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    picture.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{name}: {size} bytes", file=sys.stderr)
    if size > LARGEST:
        raise SystemExit(f"{name} has {size} bytes, more than {LARGEST}")


def filled(page: str, part: str, lines: list[str]) -> str:
    """The page with these lines between its two marks."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    head, mark, rest = page.partition(begin)
    if not mark:
        raise SystemExit(f"{PAGE.name} has no mark {begin}")
    return "\n".join([head + begin, *lines, end + rest.partition(end)[2]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} and its pictures")
    options = parser.parse_args()
    z, domain = heights()
    start = time.process_time()
    f = mg.target(z, domain=domain, name="elevation")
    print(f"table of defects: {time.process_time() - start:.1f} s", file=sys.stderr)
    found = {tol: measured(f, tol) for tol in TOLERANCES}
    last = found[TOLERANCES[-1]][0]
    parts = {"runs": runs(found), "grades": grades(last)}
    if not options.write:
        print("\n\n".join("\n".join(lines) for lines in parts.values()))
        return
    page = PAGE.read_text(encoding="utf-8")
    for part, lines in parts.items():
        page = filled(page, part, lines)
    write_atomic(str(PAGE), page)
    with own_settings():
        steps = approximants(last)
        save(terrain(z, steps, last), "terrain.png")
        save(sequence(z, steps, last), "terrain-grades.png")
        save(levels(last), "terrain-leaves.png")


if __name__ == "__main__":
    main()
