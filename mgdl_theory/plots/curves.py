"""One variable as curves: the target with its approximants, and the residual of every grade in its proved envelope."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mgdl_theory.plots.style import (
    COLOURS,
    LINES,
    Place,
    Source,
    bound_text,
    caption,
    chosen,
    colours,
    figure,
    heading,
    name_of,
    place,
    report_of,
    scheme_of,
    steps,
    variables,
    with_margin,
)  # fmt: skip
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import FloatArray
from mgdl_theory.verify.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["approximants", "last_grade", "leaf_envelope", "residual", "residuals", "sample_points", "sup_upper"]

POINTS = 2001
"""Experience: points of a curve, beside the nodes of the atoms."""

NODES = 3000
"""Experience: of the nodes of the atoms, the coarsest so many are points of a curve, so that its corners are sharp."""

CURVES = 6
"""Experience: approximants that one picture shows."""

PANELS = 9
"""Experience: grades that get a panel each; of more, so many evenly spread."""


def sample_points(scheme: Scheme, points: int = POINTS) -> FloatArray:
    """Points (n,) of the domain of a scheme of one variable, rising: evenly spread ones, and nodes of its atoms."""
    corners = [(g.atoms.nodes + np.array([-1, 0, 1])).ravel() / 2.0**g.level for g in scheme.grades]
    coarse = np.clip(np.concatenate([np.zeros(0), *corners])[:NODES], 0.0, 1.0)
    t = np.unique(np.concatenate([np.linspace(0.0, 1.0, points), coarse]))
    return np.asarray(scheme.target.box.from_unit(t[:, None])[:, 0])


def approximants(source: Source, ax: Place = None, *, grade: int | None = None, points: int = POINTS) -> Axes:
    """The target and its approximants after some grades, in one variable.

    Parameters
    ----------
    source : Report or Scheme
        Of one variable; the caption of a report says what is certified.
    ax : Axes, Figure or None
    grade : int
        The last grade to show; by default the last of the scheme.
    points : int
        Evenly spread points of the curves, to which nodes of the atoms are added.
    """
    scheme = scheme_of(source)
    last = last_grade(scheme, grade)
    ax = place(ax, 6.4, 3.6)
    x = sample_points(scheme, points)
    ax.plot(x, scheme.target(x), color=COLOURS["pale"], linewidth=5.0, label="$f$", solid_capstyle="round")
    shown, found = [*range(min(last, CURVES - 1)), last], steps(scheme, x)
    for k, colour, line in zip(shown, colours(len(shown)), LINES * 2, strict=False):
        level = f" (level {scheme.grades[k - 1].level})" if k else " (lift)" if scheme.lift else ""
        ax.plot(x, found[k], color=colour, linestyle="-" if k == shown[-1] else line, label=f"$f_{{{k}}}${level}")
    ax.set(xlabel=f"${variables(scheme)[0]}$", ylabel="$f,\\ f_k$", xlim=with_margin(x[0], x[-1]))
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.3 * (high - low))
    ax.legend(loc="upper center", ncols=4, handlelength=2.6, columnspacing=1.2)
    what = f"$\\Vert f - f_{{{last}}}\\Vert \\leq {bound_text(sup_upper(source, last))}$"
    said = caption(source, "sup-norm" if last == len(scheme.grades) else "nonincreasing", what)
    ax.set_title(f"{name_of(scheme)}\n{said if isinstance(source, Report) else 'approximants by grade'}", loc="left")
    return ax


def residual(source: Source, ax: Place = None, *, grade: int | None = None, points: int = POINTS) -> Axes:
    """The residual e_k after one grade (the last by default), in one variable, in its proved envelope.

    Light: e_(k-1), which |e_k| exceeds at no point.  Dashed: the certified bound of ||e_k||.  For the last grade the
    band is narrower: on every leaf the bound that is certified there.
    """
    report = report_of(source)
    scheme = report.scheme
    k = last_grade(scheme, grade)
    ax = place(ax, 6.4, 3.0)
    x = sample_points(scheme, points)
    _panel(report, ax, k, x, steps(scheme, x), scheme.target(x))
    ax.set_ylabel(f"$e_{{{k}}}$")
    ax.set_xlabel(f"${variables(scheme)[0]}$")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.22 * (high - low))
    ax.legend(ncols=2, loc="upper center", handlelength=1.6)
    ax.set_title(f"{name_of(scheme)}\n{_said(report, k)}", loc="left")
    return ax


def residuals(
    source: Source, ax: Place = None, *, grade: int | None = None, points: int = POINTS, most: int = PANELS
) -> Any:
    """The residual of every grade in one variable, a panel each, in its proved envelope; of Axes, one grade only.

    Of more grades than ``most`` so many evenly spread ones are shown, the first and the last among them.

    Returns
    -------
    Figure, or the Axes that were given
    """
    from matplotlib.axes import Axes

    if isinstance(ax, Axes) or grade is not None:
        return residual(source, ax, grade=grade, points=points)
    report = report_of(source)
    scheme = report.scheme
    shown = chosen(range(len(scheme.grades) + 1), most)
    page = figure(ax, 6.4, 0.8 + 1.15 * len(shown))
    x = sample_points(scheme, points)
    found, f = steps(scheme, x), scheme.target(x)
    axes = [page.add_subplot(len(shown), 1, n + 1) for n in range(len(shown))]
    for k, one in zip(shown, axes, strict=True):
        _panel(report, one, k, x, found, f)
        one.set_ylabel(f"$e_{{{k}}}$")
        one.set_title(_said(report, k), loc="left", fontsize=8)
        one.tick_params(labelbottom=one is axes[-1])
    axes[-1].set_xlabel(f"${variables(scheme)[0]}$")
    handles, labels = axes[-1].get_legend_handles_labels()
    page.legend(handles, labels, loc="outside lower center", ncols=4, handlelength=1.6)
    some = f"; {len(shown)} of {len(scheme.grades) + 1} shown" if len(shown) <= len(scheme.grades) else ""
    heading(page, report, caption(report, "nonincreasing", "no grade increases $|e|$ at any point") + some)
    return page


def leaf_envelope(report: Report) -> tuple[FloatArray, FloatArray]:
    """(edges (n + 1,), bounds (n,)): in one variable |e_K| <= bounds_i from edge i to edge i + 1, over the domain."""
    start = np.concatenate([block.cells[:, 0] / 2.0**block.level for block in report.cover] or [np.zeros(0)])
    bounds = np.concatenate([block.bounds for block in report.cover] or [np.zeros(0)])
    order = np.argsort(start)
    edges = report.scheme.target.box.from_unit(np.append(start[order], 1.0)[:, None])[:, 0]
    return edges, bounds[order]


def _panel(report: Report, ax: Axes, k: int, x: FloatArray, found: list[FloatArray], f: FloatArray) -> None:
    scheme = report.scheme
    upper, last = sup_upper(report, k), k == len(scheme.grades)
    if last and report.cover:
        edges, bounds = leaf_envelope(report)
        ax.fill_between(
            edges, np.append(-bounds, -bounds[-1]), np.append(bounds, bounds[-1]), step="post", linewidth=0,
            color=COLOURS["sky"], alpha=0.45, label="proved bound of $|e_k|$ on each leaf",
        )  # fmt: skip
    if math.isfinite(upper):
        for sign in (-1, 1):
            ax.axhline(
                sign * upper, color=COLOURS["vermillion"], linestyle=LINES[1], linewidth=1.0,
                label="proved bound of $\\Vert e_k\\Vert$" if sign > 0 else None,
            )  # fmt: skip
    if k:
        ax.plot(x, f - found[k - 1], color="#B8B8B8", linewidth=1.0, label="$e_{k-1}$")
    ax.plot(x, f - found[k], color=COLOURS["blue"], linewidth=1.0, label="$e_k$")
    reach = upper if math.isfinite(upper) else float(np.abs(f - found[k]).max())
    ax.set(xlim=with_margin(x[0], x[-1]), ylim=(-1.25 * reach, 1.25 * reach) if reach else None)
    ax.axhline(0.0, color=COLOURS["grey"], linewidth=0.5, zorder=0)


def _said(report: Report, k: int) -> str:
    """What is certified of one grade."""
    level = f"grade {k}, level {report.scheme.grades[k - 1].level}: " if k else "start: "
    verdict = f" {report.rows[k].nonincreasing}" if k < len(report.rows) and k else ""
    falls = f", $|e_{{{k}}}| \\leq |e_{{{k - 1}}}|${verdict}" if k else ""
    return f"{level}$\\Vert e_{{{k}}}\\Vert \\leq {bound_text(sup_upper(report, k))}${falls}"


def sup_upper(source: Source, k: int) -> float:
    """Certified bound of the sup-norm after grade k; inf where none is known."""
    if isinstance(source, Report) and k < len(source.rows):
        return source.rows[k].residual_sup_upper
    return math.inf


def last_grade(scheme: Scheme, grade: int | None) -> int:
    """The grade that is asked for, by default the last one; refused if there is none of that number."""
    return len(scheme.grades if grade is None else scheme.prefix(grade).grades)
