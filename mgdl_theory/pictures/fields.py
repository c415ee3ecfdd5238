"""Two and three variables: heat maps and surfaces of target, approximant and residual, and sections of a cube."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.pictures.curves import PANELS, bounded, last_grade, sup_upper
from mgdl_theory.pictures.style import (
    COLOURS,
    SEQUENTIAL,
    Place,
    Source,
    bound_name,
    bound_text,
    caption,
    chosen,
    drawing,
    figure,
    fold_of,
    grade_text,
    grew,
    heading,
    math_text,
    outer,
    panels,
    record_of,
    span,
    variables,
    witnesses,
)
from mgdl_theory.scheme import Approximation
from mgdl_theory.targets.base import FloatArray
from mgdl_theory.text import near_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

PIXELS = 192
"""Experience: points of a heat map along each axis; each is the centre of a pixel."""

ACROSS = 4
"""Experience: panels in a row."""

FACETS = 65
"""Experience: points of a surface along each axis."""

SECTIONS = (Fraction(1, 10), Fraction(3, 10), Fraction(1, 2), Fraction(7, 10), Fraction(9, 10))
"""Experience: where the third axis is cut, in unit coordinates."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Points of a section of the box of a scheme along its first two axes.

    Attributes
    ----------
    x : float64 (n * n, d), row by row from the lower end of the second axis.
    extent : (left, right, bottom, top) of the section.
    size : int
        Points along each axis.

    >>> import mgdl_theory as mg
    >>> Plane.of(mg.Scheme.of(mg.target("x*y"), 0.0, [], 1.0), size=2).x.tolist()
    [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    """

    x: FloatArray
    extent: tuple[float, float, float, float]
    size: int

    @classmethod
    def of(cls, scheme: Approximation, rest: Sequence[Fraction] = (), size: int = PIXELS, ends: bool = False) -> Plane:
        """Section with the other unit coordinates at ``rest``: centres of pixels, or points with both ends."""
        box = scheme.target.box
        t = np.linspace(0.0, 1.0, size) if ends else (np.arange(size) + 0.5) / size
        first, second = np.meshgrid(t, t)
        flat = [first.ravel(), second.ravel(), *(np.full(size * size, float(v)) for v in rest)]
        left, right = float(box.lower[0]), float(box.upper[0])
        return cls(box.from_unit(np.column_stack(flat)), (left, right, float(box.lower[1]), float(box.upper[1])), size)

    def square(self, values: FloatArray) -> FloatArray:
        """(n, n): values at the points, row by row."""
        return values.reshape(self.size, self.size)


@drawing
def heat(source: Source, ax: Place = None, *, grade: int | None = None, size: int = PIXELS) -> Any:
    """Target, approximant and magnitude of the residual of a scheme of two variables, as heat maps.

    The first two share their colours.  The scale of |e_k| ends at the certified bound of ||e_k||.  Of Axes only the
    map of |e_k| is drawn.
    """
    from matplotlib.axes import Axes

    scheme = fold_of(source)
    k = last_grade(scheme, grade)
    plane = Plane.of(scheme, size=size)
    f, g = scheme.target(plane.x), scheme(plane.x, k)
    if isinstance(ax, Axes):
        _bar(_magnitude(ax, plane, np.abs(f - g), sup_upper(source, k)), ax, source, k)
        _name(ax, scheme, f"$|e_{{{k}}}|$")
        return ax
    one, two, three = panels(ax, 3, 3, 3.0, 2.5)
    low, high = span(f, g)
    for where, values, text in ((one, f, "$f$"), (two, g, f"$f_{{{k}}}$")):
        drawn = _image(where, plane, values, "viridis", low, high)
        _name(where, scheme, text)
    one.figure.colorbar(drawn, ax=[one, two], label="value", pad=0.02)
    _bar(_magnitude(three, plane, np.abs(f - g), sup_upper(source, k)), three, source, k)
    _name(three, scheme, f"$|e_{{{k}}}| = |f - f_{{{k}}}|$")
    heading(one.figure, source, bounded(source, k))
    return one.figure


@drawing
def surface(source: Source, ax: Place = None, *, grade: int | None = None, size: int = FACETS) -> Any:
    """Target, approximant and residual of a scheme of two variables, as surfaces.

    The residual has its own vertical scale, which ends at the certified bound of ||e_k||.  Of Axes (with
    ``projection="3d"``) only the approximant is drawn.
    """
    from matplotlib.axes import Axes

    scheme = fold_of(source)
    k = last_grade(scheme, grade)
    plane = Plane.of(scheme, size=size, ends=True)
    f, g = scheme.target(plane.x), scheme(plane.x, k)
    if isinstance(ax, Axes):
        if not hasattr(ax, "plot_surface"):
            raise OptionError('surface: the Axes must be made with projection="3d"')
        _surface(ax, scheme, plane, g, f"$f_{{{k}}}$", "viridis")
        return ax
    found = panels(ax, 3, 3, 3.0, 2.9, projection="3d")
    low, high = span(f, g)
    for where, values, text in ((found[0], f, "$f$"), (found[1], g, f"$f_{{{k}}}$")):
        _surface(where, scheme, plane, values, text, "viridis", low, high)
    fine = Plane.of(scheme, size=2 * size - 1, ends=True)
    e = scheme.residual(fine.x, k)
    reach, end = top_of(sup_upper(source, k), np.abs(e)), _end(source, k)
    bottom = -reach if e.min() < 0 else 0.0
    _surface(found[2], scheme, fine, e, f"$e_{{{k}}}$, up to its {end}", SEQUENTIAL, bottom, reach)
    heading(found[0].figure, source, bounded(source, k))
    return found[0].figure


@drawing
def slices(source: Source, ax: Place = None, *, grade: int | None = None, size: int = PIXELS // 2) -> Any:
    """Sections of a scheme of three variables across its third axis: target, approximant, magnitude of the residual.

    One column for each section, the same colours along a row.
    """
    scheme = fold_of(source)
    k = last_grade(scheme, grade)
    page = figure(ax, 1.75 * len(SECTIONS) + 1.0, 5.9)
    axes = page.subplots(3, len(SECTIONS), sharex=True, sharey=True)
    cuts = [Plane.of(scheme, [cut], size) for cut in SECTIONS]
    f, g = [scheme.target(plane.x) for plane in cuts], [scheme(plane.x, k) for plane in cuts]
    (low, high), top = span(*f, *g), top_of(sup_upper(source, k), *(np.abs(v - w) for v, w in zip(f, g, strict=True)))
    names, (lower, upper) = (
        variables(scheme),
        (float(end[2]) for end in (scheme.target.box.lower, scheme.target.box.upper)),
    )
    for n, plane in enumerate(cuts):
        for row, values in enumerate((f[n], g[n])):
            drawn = _image(axes[row, n], plane, values, "viridis", low, high)
        last = _image(axes[2, n], plane, np.abs(f[n] - g[n]), SEQUENTIAL, 0.0, top)
        cut = math_text(near_text(lower + (upper - lower) * float(SECTIONS[n]), 4))
        axes[0, n].set_title(f"${names[2]} = {cut}$", fontsize=8)
        axes[2, n].set_xlabel(f"${names[0]}$")
    for row, text in enumerate(("$f$", f"$f_{{{k}}}$", f"$|e_{{{k}}}|$")):
        axes[row, 0].set_ylabel(f"{text}\n\n${names[1]}$")
    page.colorbar(drawn, ax=axes[:2], label="value", pad=0.01)
    _bar(last, axes[2], source, k)
    heading(page, source, bounded(source, k))
    return page


@drawing
def approximant_maps(source: Source, ax: Place = None, *, grade: int | None = None, size: int = PIXELS // 2) -> Any:
    """The target of two variables and its approximants by grade, as heat maps on one scale that holds all of them."""
    from matplotlib.axes import Axes

    scheme = fold_of(source)
    last = last_grade(scheme, grade)
    plane = Plane.of(scheme, size=size)
    f, found = scheme.target(plane.x), scheme.steps(plane.x)
    if isinstance(ax, Axes):
        ax.figure.colorbar(_image(ax, plane, found[last], "viridis", *span(f, found[last])), ax=ax, label="value")
        _name(ax, scheme, f"$f_{{{last}}}$")
        return ax
    shown = chosen(range(last + 1), 2 * ACROSS - 1)
    axes = panels(ax, len(shown) + 1, ACROSS, 2.1, 2.2)
    low, high = span(f, *(found[k] for k in shown))
    for where, values, text in zip(
        axes, [f, *(found[k] for k in shown)], ["$f$", *(_grade(scheme, k) for k in shown)], strict=True
    ):
        drawn = _image(where, plane, values, "viridis", low, high)
        _name(where, scheme, text)
    outer(axes, ACROSS)
    axes[0].figure.colorbar(drawn, ax=axes, label="value", pad=0.02, aspect=30)
    some = f"; {len(shown)} of {last + 1} shown" if len(shown) <= last else ""
    heading(axes[0].figure, source, (bounded(source, last) or "approximants by grade") + some)
    return axes[0].figure


@drawing
def residual_maps(source: Source, ax: Place = None, *, grade: int | None = None, size: int = PIXELS // 2) -> Any:
    """|e_k| of every grade of a scheme of two variables, as heat maps; each scale ends at the certified bound."""
    from matplotlib.axes import Axes

    report = record_of(source)
    scheme = fold_of(report)
    last = last_grade(scheme, grade)
    plane = Plane.of(scheme, size=size)
    f, found = scheme.target(plane.x), scheme.steps(plane.x)
    if isinstance(ax, Axes):
        return heat(report, ax, grade=last, size=size)
    shown = chosen(range(last + 1), PANELS) if grade is None else [last]
    axes, marked = panels(ax, len(shown), 3, 2.9, 2.5), False
    for k, where in zip(shown, axes, strict=True):
        upper = sup_upper(report, k)
        drawn = _magnitude(where, plane, np.abs(f - found[k]), upper)
        grown = grew(report, k, f - found[max(k - 1, 0)], f - found[k])
        marked |= bool(grown.any())
        if grown.any() and not grown.all():
            where.contour(
                plane.square(grown.astype(np.float64)), levels=[0.5], extent=plane.extent, colors=COLOURS["orange"],
                linewidths=0.9,
            )  # fmt: skip
        for witness in witnesses(report, k):
            where.plot(*map(float, witness.x), color=COLOURS["vermillion"], marker="D", markeredgecolor="white")
        bar = where.figure.colorbar(drawn, ax=where, pad=0.03)
        bar.ax.tick_params(labelsize=7)
        _name(where, scheme, f"{_grade(scheme, k, 'e')}: $\\Vert e_{{{k}}}\\Vert \\leq {bound_text(upper)}$")
    outer(axes, 3)
    some = f"; {len(shown)} of {last + 1} shown" if len(shown) <= last else ""
    said = caption(report, "nonincreasing", "no grade increases $|e|$ at any point")
    marks = "orange: $|e|$ grew inside (samples); diamond: witness" if marked else ""
    heading(axes[0].figure, report, f"$|e_k|$, each scale up to its {bound_name(scheme)}; {said}{some}", marks)
    return axes[0].figure


# -- parts -----------------------------------------------------------------------------------------


def _image(ax: Axes, plane: Plane, values: FloatArray, colours: str, low: float, high: float) -> AxesImage:
    """One heat map; aspect 1 for the panel, whatever the sides of the box."""
    drawn = ax.imshow(
        plane.square(values), origin="lower", extent=plane.extent, cmap=colours, vmin=low, vmax=high, aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    ax.set_box_aspect(1)
    return drawn


def top_of(upper: float, *values: FloatArray) -> float:
    """Top of a scale for |e|: its bound, or the largest value shown where that is larger, or there is no bound.

    A bound that is certified is never smaller; an estimate may be.

    >>> top_of(2.0, np.array([1.0])), top_of(2.0, np.array([3.0])), top_of(math.inf, np.array([0.0]))
    (2.0, 3.0, 1.0)
    """
    seen = max(float(v.max()) for v in values)
    return max(upper, seen) if 0 < upper < math.inf else seen or 1.0


def _magnitude(ax: Axes, plane: Plane, values: FloatArray, upper: float) -> AxesImage:
    return _image(ax, plane, values, SEQUENTIAL, 0.0, top_of(upper, values))


def _end(source: Source, k: int) -> str:
    """What a scale of |e_k| ends at."""
    return bound_name(fold_of(source)) if math.isfinite(sup_upper(source, k)) else "largest value shown"


def _bar(drawn: AxesImage, ax: Any, source: Source, k: int) -> None:
    """The scale of |e_k|, with its end named."""
    page = drawn.axes.figure
    bar = page.colorbar(drawn, ax=ax, pad=0.02)
    upper = sup_upper(source, k)
    bar.set_label(f"$|e_{{{k}}}|$, up to its {_end(source, k)}")
    if math.isfinite(upper):
        bar.ax.axhline(upper, color=COLOURS["vermillion"], linewidth=3.0)


def _name(ax: Axes, scheme: Approximation, text: str) -> None:
    names = variables(scheme)
    ax.set(xlabel=f"${names[0]}$", ylabel=f"${names[1]}$")
    ax.set_title(text, fontsize=8)


def _surface(
    ax: Any, scheme: Approximation, plane: Plane, values: FloatArray, text: str, colours: str, low: float | None = None,
    high: float | None = None,
) -> None:  # fmt: skip
    x, y = plane.square(plane.x[:, 0]), plane.square(plane.x[:, 1])
    ax.plot_surface(
        x, y, plane.square(values), cmap=colours, rcount=plane.size, ccount=plane.size, linewidth=0,
        antialiased=False, rasterized=True, vmin=low, vmax=high,
    )  # fmt: skip
    if low is not None:
        ax.set_zlim(low, high)
    _name(ax, scheme, text)
    ax.tick_params(labelsize=6.5, pad=-2)
    ax.xaxis.labelpad = ax.yaxis.labelpad = -6
    ax.view_init(elev=28, azim=-55)
    ax.set_box_aspect(None, zoom=1.0)


def _grade(scheme: Approximation, k: int, letter: str = "f") -> str:
    return f"${letter}_{{{k}}}$" + (f", {grade_text(scheme.grades[k - 1])}" if k else "")
