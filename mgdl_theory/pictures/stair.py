"""The stair-shaped drawing of a network on Axes and in files; its geometry is that of relu/diagram.py."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgdl_theory.archive import write_atomic
from mgdl_theory.errors import OptionError
from mgdl_theory.pictures.style import Place, drawing, off_screen, rendered, whole
from mgdl_theory.relu.diagram import COLOURS, SIZES, Diagram, Label, Line, Shape, diagram, tikz

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mgdl_theory.relu.network import Network

DRAWING_FORMATS = (".svg", ".pdf", ".png", ".tex")
"""Definition: what :func:`save_drawing` writes."""

LINE_WIDTH = 0.8
"""Experience: points, at the natural size of a drawing."""

DPI = 300
"""Experience: dots per inch of a drawing as PNG, enough for print."""


@drawing
def draw_network(network: Network, ax: Place = None) -> Axes:
    """The stair shape of a network: blocks, carried coordinates, running sums and readouts, large ones folded.

    Parameters
    ----------
    network : Network
    ax : Axes, Figure or None
        Where to draw; texts shrink with it.  By default new Axes in a figure of the drawing's own size.

    Returns
    -------
    Axes
    """
    drawing = diagram(network)
    found = whole(ax, *_inches(drawing))
    _paint(drawing, found)
    return found


def save_drawing(network: Network, path: str | os.PathLike[str]) -> None:
    """Write the drawing of a network as SVG, PDF, PNG or TikZ, by the ending of the name."""
    ending = Path(path).suffix.lower()
    if ending not in DRAWING_FORMATS:
        raise OptionError(f"draw: expected a name ending in {', '.join(DRAWING_FORMATS)}, got {os.fspath(path)!r}")
    if ending == ".tex":
        write_atomic(path, tikz(diagram(network), document=True))
        return
    page = off_screen()
    draw_network(network, page)
    write_atomic(path, rendered(page, ending[1:], DPI))


def _inches(drawing: Diagram) -> tuple[float, float]:
    """Width and height at natural size."""
    (left, bottom), (right, top) = drawing.low, drawing.high
    return (right - left) / 2.54, (top - bottom) / 2.54


def _paint(drawing: Diagram, ax: Axes) -> None:
    from matplotlib.patches import FancyBboxPatch

    (left, bottom), (right, top) = drawing.low, drawing.high
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.set_axis_off()
    scale = _scale(drawing, ax)
    for frame in drawing.frames:
        (x, y), (x1, y1) = frame.low, frame.high
        ax.add_patch(
            FancyBboxPatch(
                (x + 0.1, y + 0.1), x1 - x - 0.2, y1 - y - 0.2, boxstyle="round,pad=0.1", zorder=1,
                facecolor=_colour("frame"), edgecolor=_colour("quiet"), linewidth=0.6 * scale,
            )
        )  # fmt: skip
    _lines(drawing.lines, ax, scale)
    for shape in drawing.shapes:
        ax.add_patch(_patch(shape, scale))
        if shape.kind == "adder":
            (x, y), q = shape.at, 0.6 * shape.radius
            style: dict[str, Any] = {"color": _colour(shape.colour), "linewidth": LINE_WIDTH * scale, "zorder": 4}
            ax.plot((x - q, x + q), (y, y), **style)
            ax.plot((x, x), (y - q, y + q), **style)
    for label in drawing.labels:
        _write(label, ax, scale)


def _scale(drawing: Diagram, ax: Axes) -> float:
    """Size of the drawing in these Axes over its natural size."""
    place, (width, height) = ax.get_position(), _inches(drawing)
    figure = ax.figure.get_figure(root=True)
    assert figure is not None
    inches = figure.get_size_inches()
    return float(min(place.width * inches[0] / width, place.height * inches[1] / height))


def _lines(lines: tuple[Line, ...], ax: Axes, scale: float) -> None:
    from matplotlib.patches import FancyArrowPatch

    for line in lines:
        xs, ys = zip(*line.points, strict=True)
        colour, width = _colour(line.colour), LINE_WIDTH * scale
        ax.plot(
            xs, ys, color=colour, linewidth=width, linestyle=(0, (1.0, 1.8)) if line.dotted else "-", zorder=2,
            solid_capstyle="butt",
        )  # fmt: skip
        if line.arrow:
            ax.add_patch(
                FancyArrowPatch(
                    line.points[-2], line.points[-1], arrowstyle="-|>", mutation_scale=7 * scale, color=colour,
                    linewidth=width, shrinkA=0, shrinkB=0, zorder=2,
                )
            )  # fmt: skip


def _patch(shape: Shape, scale: float) -> Any:
    from matplotlib.patches import Circle, Polygon

    (x, y), r = shape.at, shape.radius
    colour = _colour(shape.colour)
    style: dict[str, Any] = {
        "edgecolor": colour,
        "facecolor": colour if shape.filled else "white",
        "linewidth": LINE_WIDTH * scale,
        "zorder": 3,
    }
    if shape.kind == "square":
        return Polygon([(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)], **style)
    if shape.kind == "diamond":
        q = 1.3 * r
        return Polygon([(x - q, y), (x, y + q), (x + q, y), (x, y - q)], **style)
    return Circle((x, y), r, **style)


def _write(label: Label, ax: Axes, scale: float) -> None:
    horizontal = {"w": "left", "e": "right"}.get(label.anchor, "center")
    vertical = {"n": "top", "s": "bottom"}.get(label.anchor, "center_baseline")
    ax.text(
        *label.at, label.text, ha=horizontal, va=vertical, color=_colour(label.colour),
        fontsize=SIZES[label.size] * scale, zorder=4,
    )  # fmt: skip


def _colour(name: str) -> str:
    return f"#{COLOURS[name]}"
