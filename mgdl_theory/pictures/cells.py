"""Cells, nodes and atoms: the adaptive mesh with its certified bounds, atoms by level, and what each level touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mgdl_theory.atom import Atoms
from mgdl_theory.errors import OptionError
from mgdl_theory.levels import Level, replay
from mgdl_theory.mesh import corners
from mgdl_theory.pictures.style import (
    COLOURS,
    SEQUENTIAL,
    SIGNS,
    Place,
    Source,
    bound_name,
    bound_text,
    caption,
    chosen,
    drawing,
    heading,
    name_of,
    outer,
    panels,
    place,
    report_of,
    scheme_of,
    variables,
    with_margin,
)
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import Box, FloatArray, IntArray
from mgdl_theory.text import count, percent_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection

VECTORS = 500
"""Experience: shapes that are stored one by one in a vector file; of more, the picture is stored as an image."""

STARS = 300
"""Experience: atoms of a grade whose stars are drawn; of more, dots at their nodes."""

PANELS, ACROSS = 8, 4
"""Experience: levels that get a panel each, and panels in a row; of more, so many evenly spread."""

LEAST = 0.03
"""Experience: area of the smallest mark of an atom, as a part of the largest, so that all of them are seen."""

STATES = (
    ("untouched", "untouched", "#FFFFFF"),
    ("plus", "touched by atoms $c_v > 0$", "#F7D9A8"),
    ("minus", "touched by atoms $c_v < 0$", "#CE8CB2"),
    ("both", "touched by both", "#E0B9B4"),
    ("finished", "finished at this level", "#8A8A8A"),
    ("gone", "finished before", "#4A4A4A"),
)
"""Definition: states of a cell after the grade of its level, with texts and colours that differ in lightness."""


ROWS = "heights: $c_v$, each row on a scale of its own"
AREAS = f"areas: $|c_v|$, each panel on a scale of its own; at least {percent_text(LEAST)} of the largest"
"""What the sizes of atoms mean in the pictures of them."""

DONE = "cells after the grade of each level, and the nodes that carry its atoms"
"""What a picture of the levels shows."""

# -- shapes as arrays ------------------------------------------------------------------------------


def boxes(box: Box, level: int, cells: IntArray, height: tuple[float, float] | None = None) -> FloatArray:
    """Corners (n, 4, 2) of cells as rectangles: of two variables, or of one with this range of the other axis.

    >>> boxes(Box.of([0, 1]), 1, np.array([[1]]), (0.0, 2.0)).tolist()
    [[[0.5, 0.0], [1.0, 0.0], [1.0, 2.0], [0.5, 2.0]]]
    """
    low, high = (box.from_unit((cells + step) / 2.0**level) for step in (0, 1))
    if height is not None:
        low, high = (
            np.column_stack([side, np.full(len(side), v)]) for side, v in zip((low, high), height, strict=True)
        )
    x0, y0, x1, y1 = low[:, 0], low[:, 1], high[:, 0], high[:, 1]
    return np.stack([np.column_stack(p) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], axis=1)


def stars(box: Box, level: int, nodes: IntArray) -> FloatArray:
    """Corners (6 n, 3, 2) of the triangles around nodes of two variables, those that lie in the domain.

    >>> len(stars(Box.of([0, 1], 2), 1, np.array([[1, 1]]))), len(stars(Box.of([0, 1], 2), 1, np.array([[0, 0]])))
    (6, 2)
    """
    chains = np.array([[0, 1, 3], [0, 2, 3]])  # masks of the two triangles of a cell
    shape = corners(2)[chains]  # (2, 3, 2)
    around = np.concatenate([shape - shape[:, [k]] for k in range(3)])  # (6, 3, 2), each with a vertex at 0
    vertices = nodes[:, None, None, :] + around[None]
    inside = np.all((vertices >= 0) & (vertices <= 1 << level), axis=(2, 3))
    flat = vertices[inside]
    return box.from_unit(flat.reshape(-1, 2) / 2.0**level).reshape(-1, 3, 2)


def hats(box: Box, g: Atoms, height: float, base: float) -> FloatArray:
    """Corners (n, 5, 2) of the hats of atoms of one variable, drawn about ``base`` with this height for max |c|.

    A hat at an end of the domain is cut off there, upright.

    >>> hats(Box.of([0, 1]), Atoms(1, [[2]], [3.0]), 1.0, 0.0).tolist()
    [[[0.5, 0.0], [0.5, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 0.0]]]
    """
    t = np.clip((g.nodes + np.array([[-1, -1, 0, 1, 1]])) / 2.0**g.level, 0.0, 1.0)
    x = box.from_unit(t.reshape(-1, 1)).reshape(-1, 5)
    tip = height * g.coefficients / np.abs(g.coefficients).max()
    first, last = g.nodes[:, 0] == 0, g.nodes[:, 0] == 1 << g.level
    zero = np.zeros(len(tip))
    return np.stack([x, base + np.column_stack([zero, first * tip, tip, last * tip, zero])], axis=2)


# -- pictures --------------------------------------------------------------------------------------


@drawing
def mesh(source: Source, ax: Place = None) -> Axes:
    """The leaves of the proof, coloured by the bound of |e_K| that is certified on each: all of them tile the domain.

    In one variable the other axis is the level; in two the leaves are squares.
    """
    from matplotlib import colormaps

    report = report_of(source)
    scheme = report.scheme
    if not report.leaves():
        raise OptionError("mesh: the verification stopped early, so there are no leaves to draw")
    one = scheme.dim == 1
    ax = place(ax, 6.4 if one else 5.2, 3.4 if one else 4.6)
    box = scheme.target.box
    parts = [
        boxes(box, block.level, block.cells, (block.level - 0.42, block.level + 0.42) if one else None)
        for block in report.leaves()
    ]
    bounds = np.concatenate([block.bounds for block in report.leaves()])
    known = np.isfinite(bounds)
    drawn = _fill(
        ax, np.concatenate(parts), array=np.where(known, bounds, np.nan),
        cmap=colormaps[SEQUENTIAL].with_extremes(bad=COLOURS["pale"]),
        edgecolor="face" if one else "white", linewidth=0.7 if one else _thin(len(bounds)),
    )  # fmt: skip
    drawn.set_clim(0.0, max(report.tol or 0.0, float(bounds[known].max(initial=0.0))))
    page, name = ax.figure, "certified bound" if scheme.target.certified else bound_name(scheme)
    bar = page.colorbar(drawn, ax=ax, label=f"{name} of $|e_K|$ on the leaf", pad=0.02)
    if report.tol is not None:
        bar.ax.axhline(report.tol, color=COLOURS["vermillion"], linewidth=3.0)
        bar.ax.annotate(
            "tol",
            (0.5, report.tol),
            xycoords=bar.ax.get_yaxis_transform(),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    if one:
        levels = [block.level for block in report.leaves()]
        ax.set(ylim=(min(levels) - 0.7, max(levels) + 0.7), ylabel="level $l$ of the leaf")
        ax.locator_params(axis="y", integer=True)
        ax.set_xlim(*with_margin(*_side(box, 0)))
        ax.set_xlabel(f"${variables(scheme)[0]}$")
    else:
        _plane(ax, scheme)
    bound = bound_text(report.residual_sup_upper)
    said = caption(report, "sup-norm", f"$|e_K| \\leq {bound}$ on {report.leaf_count} leaves")
    said += "" if known.all() else "; pale: no bound"
    ax.set_title(f"{name_of(scheme)}\n{said}", loc="left")
    return ax


@drawing
def atoms(source: Source, ax: Place = None, *, grade: int | None = None) -> Any:
    """The atoms of every grade: hats in one variable, a row for each grade; in two, stars or dots, a panel each.

    Hats are scaled row by row, to the largest coefficient of the grade, and so is the area of a mark in two variables.
    Positive atoms point up and are orange, negative ones point down and are purple.
    """
    scheme = scheme_of(source)
    numbers = [g.number for g in scheme.grades if len(g) and grade in (None, g.number)]
    if not numbers:
        raise OptionError("atoms: " + ("the scheme has no atoms" if grade is None else f"grade {grade} has no atoms"))
    if scheme.dim == 1:
        return _hats(source, place(ax, 6.4, 0.9 + 0.42 * min(len(numbers), 24)), numbers)
    from matplotlib.axes import Axes

    if isinstance(ax, Axes):
        _dots(scheme, ax, numbers[-1])
        return ax
    shown = chosen(numbers, PANELS)
    found = panels(ax, len(shown), ACROSS, 2.1, 2.25)
    for k, one in zip(shown, found, strict=True):
        _dots(scheme, one, k)
    outer(found, ACROSS)
    found[0].figure.legend(handles=_signs(), loc="outside lower center", ncols=2, title=AREAS, title_fontsize=8)
    some = f"; {len(shown)} of {len(numbers)} grades shown" if len(shown) < len(numbers) else ""
    heading(found[0].figure, source, caption(source, "balanced", "every grade is balanced") + some)
    return found[0].figure


@drawing
def activity(source: Source, ax: Place = None, *, level: int | None = None) -> Any:
    """What every level did: cells untouched, touched or finished after its grade, and the nodes that carry an atom.

    A cell is *untouched* while no atom has acted on it, *finished* once its bound is below the tolerance, so that it
    takes no further part.  In one variable each level is a row; in two it is a panel.
    """
    scheme = scheme_of(source)
    found = list(replay(scheme))
    if level is not None and level not in [one.mesh.level for one in found]:
        raise OptionError(f"activity: level must be from 0 to {found[-1].mesh.level}, got {level}")
    if scheme.dim == 1:
        kept = [one for one in found if level in (None, one.mesh.level)]
        return _rows(scheme, place(ax, 6.4, 1.3 + 0.3 * min(len(kept), 20)), kept)
    from matplotlib.axes import Axes

    if isinstance(ax, Axes):
        wanted = found[-1] if level is None else next(one for one in found if one.mesh.level == level)
        _state(scheme, ax, wanted)
        return ax
    shown = chosen(range(len(found)), PANELS) if level is None else [level]
    axes = panels(ax, len(shown), ACROSS, 2.1, 2.3)
    for k, one in zip(shown, axes, strict=True):
        _state(scheme, one, found[k])
    outer(axes, ACROSS)
    some = f"; {len(shown)} of {len(found)} levels shown" if len(shown) < len(found) else ""
    heading(axes[0].figure, source, DONE + some)
    axes[0].figure.legend(handles=_key(), loc="outside lower center", ncols=4)
    return axes[0].figure


# -- parts -----------------------------------------------------------------------------------------


def _fill(ax: Axes, shapes: FloatArray, **options: Any) -> PolyCollection:
    """Polygons as one collection, stored as an image in vector files where there are many."""
    from matplotlib.collections import PolyCollection

    drawn = PolyCollection(shapes, rasterized=len(shapes) > VECTORS, **options)  # type: ignore[arg-type]
    ax.add_collection(drawn, autolim=False)
    return drawn


def _thin(count: int) -> float:
    """Width of the lines between cells: none where there are many."""
    return 0.4 if count < 600 else 0.15 if count < 6000 else 0.0


def _mark(level: int, points: float) -> float:
    """Area of a mark at a node of this level, on an axis of so many points."""
    return float(np.clip((0.5 * points / 2.0**level) ** 2, 1.2, 24.0))


def _side(box: Box, axis: int) -> tuple[float, float]:
    return float(box.lower[axis]), float(box.upper[axis])


def _plane(ax: Axes, scheme: Scheme) -> None:
    """Axes of two variables."""
    box, names = scheme.target.box, variables(scheme)
    ax.set(xlim=_side(box, 0), ylim=_side(box, 1), xlabel=f"${names[0]}$", ylabel=f"${names[1]}$")
    ax.set_box_aspect(1)
    ax.spines[:].set_visible(True)


def _hats(source: Source, ax: Axes, numbers: Sequence[int]) -> Axes:
    scheme = scheme_of(source)
    shown = chosen(numbers, 24)
    for row, k in enumerate(shown):
        g = scheme.grades[k - 1].atoms
        shapes = hats(scheme.target.box, g, 0.46, float(row))
        for sign, colour in SIGNS.items():
            _fill(
                ax,
                shapes[np.sign(g.coefficients) == sign],
                facecolor=colour,
                edgecolor=colour,
                alpha=0.6,
                linewidth=0.9,
            )
        ax.axhline(row, color=COLOURS["grey"], linewidth=0.4, zorder=0)
    ax.set(xlim=with_margin(*_side(scheme.target.box, 0)), ylim=(-0.7, len(shown) - 0.3))
    ax.set_xlabel(f"${variables(scheme)[0]}$")
    ax.spines["left"].set_visible(False)
    texts = [f"grade {k}, $l$={scheme.grades[k - 1].level}" for k in shown]
    ax.set_yticks(range(len(shown)), texts)
    ax.tick_params(axis="y", length=0)
    for row, k in enumerate(shown):
        largest = np.abs(scheme.grades[k - 1].atoms.coefficients).max()
        ax.annotate(
            f"{count(len(scheme.grades[k - 1]), 'atom')}, $|c_v| \\leq {bound_text(float(largest))}$", (1.01, row),
            xycoords=ax.get_yaxis_transform(), va="center", fontsize=7, annotation_clip=False,
        )  # fmt: skip
    ax.legend(
        handles=_patches(), loc="upper center", bbox_to_anchor=(0.5, 0.0), borderaxespad=4.5, ncols=2, title=ROWS,
        title_fontsize=8,
    )  # fmt: skip
    some = f"; {len(shown)} of {len(numbers)} grades shown" if len(shown) < len(numbers) else ""
    said = caption(source, "balanced", "every grade $g_k = \\sum_v c_v\\,\\varphi_{l,v}$ is balanced") + some
    ax.set_title(f"{name_of(scheme)}\n{said}", loc="left")
    return ax


def _dots(scheme: Scheme, ax: Axes, k: int) -> None:
    g = scheme.grades[k - 1].atoms
    box = scheme.target.box
    if len(g) <= STARS:
        _fill(ax, stars(box, g.level, g.nodes), facecolor="none", edgecolor="#BBBBBB", linewidth=0.4)
    at = box.from_unit(g.nodes / 2.0**g.level)
    part = np.abs(g.coefficients) / np.abs(g.coefficients).max() if len(g) else np.zeros(0)
    largest = 2.5 * _mark(g.level, 110.0)
    for (sign, colour), mark in zip(SIGNS.items(), "^v", strict=True):
        kept = np.sign(g.coefficients) == sign
        ax.scatter(
            at[kept, 0], at[kept, 1], s=largest * np.maximum(part[kept], LEAST), c=colour, marker=mark, linewidths=0,
            zorder=3, rasterized=len(g) > VECTORS, clip_on=False,
        )  # fmt: skip
    _plane(ax, scheme)
    ax.set_title(f"grade {k}, level {g.level}: {count(len(g), 'atom')}", fontsize=8)


def _states(level: Level) -> dict[str, Any]:
    """Which cells are in each of the states; every cell is in one."""
    plus, minus, done = level.touched_plus, level.touched_minus, level.finished
    return {
        "untouched": level.untouched & ~done,
        "plus": plus & ~minus & ~done,
        "minus": minus & ~plus & ~done,
        "both": plus & minus & ~done,
        "finished": done,
    }


def _rows(scheme: Scheme, ax: Axes, found: Sequence[Level]) -> Axes:
    box = scheme.target.box
    for one in found:
        level = one.mesh.level
        shapes, states = boxes(box, level, one.mesh.cells, (level - 0.36, level + 0.36)), _states(one)
        whole = boxes(box, 0, np.zeros((1, 1), dtype=np.int64), (level - 0.36, level + 0.36))
        _fill(ax, whole, facecolor=STATES[-1][2], linewidth=0)
        for name, _, colour in STATES[:-1]:
            _fill(ax, shapes[states[name]], facecolor=colour, edgecolor="#555555", linewidth=0.25)
        at = box.from_unit(one.mesh.nodes / 2.0**level)[:, 0]
        for sign, mark in ((1, "^"), (-1, "v")):
            kept = np.sign(one.coefficients) == sign
            size = _mark(level, 300.0)
            ax.scatter(
                at[kept], np.full(int(kept.sum()), float(level)), s=size, c="black", marker=mark, linewidths=0, zorder=3
            )
    levels = [one.mesh.level for one in found]
    ax.set(xlim=with_margin(*_side(box, 0)), ylim=(min(levels) - 0.7, max(levels) + 0.7))
    ax.set(xlabel=f"${variables(scheme)[0]}$", ylabel="level $l$")
    ax.locator_params(axis="y", integer=True)
    ax.legend(handles=_key(), loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.set_title(f"{name_of(scheme)}\n{DONE}", loc="left")
    return ax


def _state(scheme: Scheme, ax: Axes, one: Level) -> None:
    box, level = scheme.target.box, one.mesh.level
    shapes, states = boxes(box, level, one.mesh.cells), _states(one)
    ax.set_facecolor(STATES[-1][2])
    for name, _, colour in STATES[:-1]:
        _fill(ax, shapes[states[name]], facecolor=colour, edgecolor="#555555", linewidth=_thin(len(shapes)))
    at = box.from_unit(one.mesh.nodes / 2.0**level)
    for sign, mark in ((1, "^"), (-1, "v")):
        kept = np.sign(one.coefficients) == sign
        ax.scatter(
            at[kept, 0], at[kept, 1], s=_mark(level, 110.0), c="black", marker=mark, linewidths=0, zorder=3,
            clip_on=False, rasterized=len(at) > VECTORS,
        )  # fmt: skip
    _plane(ax, scheme)
    atoms = int(np.count_nonzero(one.coefficients))
    ax.set_title(f"level {level}: {count(len(shapes), 'live cell')}, {count(atoms, 'atom')}", fontsize=8)


def _patches() -> list[Any]:
    """The legend of hats by sign."""
    from matplotlib.patches import Patch

    return [
        Patch(color=colour, alpha=0.6, label=f"atom, $c_v {'>' if sign > 0 else '<'} 0$")
        for sign, colour in SIGNS.items()
    ]


def _signs(colours: Iterable[str] = SIGNS.values()) -> list[Any]:
    """The legend of atoms by sign."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=colour, marker=mark, linestyle="", markersize=4.5, label=f"atom, $c_v {sign} 0$")
        for mark, sign, colour in zip("^v", "><", colours, strict=True)
    ]


def _key() -> list[Any]:
    """The legend of states."""
    from matplotlib.patches import Patch

    marks = _signs(("black", "black"))
    return [*(Patch(facecolor=c, edgecolor="#555555", linewidth=0.5, label=text) for _, text, c in STATES), *marks]
