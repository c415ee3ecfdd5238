"""One variable as curves: the target with its approximants, and the residual of every grade in its proved envelope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mgdl_theory.errors import SchemeError
from mgdl_theory.grade import Grade
from mgdl_theory.pictures.style import (
    COLOURS,
    LINES,
    Place,
    Source,
    bound_name,
    bound_text,
    caption,
    chosen,
    colours,
    drawing,
    figure,
    fold_of,
    grade_text,
    grew,
    heading,
    name_of,
    place,
    record_of,
    variables,
    with_margin,
    witnesses,
)
from mgdl_theory.scheme import Approximation
from mgdl_theory.targets.base import FloatArray
from mgdl_theory.verification.record import LeafBlock, Report
from mgdl_theory.verification.trained import ModelReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 2001
"""Experience: points of a curve, beside the nodes of the atoms."""

NODES = 3000
"""Experience: of the nodes of the atoms, the coarsest so many are points of a curve, so that its corners are sharp."""

LEAVES, PARTS = 1000, 8
"""Experience: leaves that are cut into so many parts each; of more, the coarsest so many."""

CURVES = 6
"""Experience: approximants that one picture shows."""

PANELS = 9
"""Experience: grades that get a panel each; of more, so many evenly spread."""


def sample_points(scheme: Approximation, points: int = POINTS, leaves: Sequence[LeafBlock] = ()) -> FloatArray:
    """Points (n,) of the domain of a scheme of one variable, rising: evenly spread ones, nodes of its atoms, eighths.

    Where leaves are given, every one of the LEAVES coarsest is cut into eighths, so that an arc is drawn as one.
    """
    grades = [g for g in scheme.grades if isinstance(g, Grade)]
    corners = [(g.atoms.nodes + np.array([-1, 0, 1])).ravel() / 2.0**g.level for g in grades]
    coarse = np.clip(np.concatenate([np.zeros(0), *corners])[:NODES], 0.0, 1.0)
    t = np.unique(np.concatenate([np.linspace(0.0, 1.0, points), coarse, eighths(leaves)]))
    return np.asarray(scheme.target.box.from_unit(t[:, None])[:, 0])


@drawing
def approximants(source: Source, ax: Place = None, *, grade: int | None = None, points: int = POINTS) -> Axes:
    """The target and its approximants after some grades, in one variable.

    Parameters
    ----------
    source : Report, Scheme or ModelReport
        Of one variable; the caption of a report says what is certified.
    ax : Axes, Figure or None
    grade : int
        The last grade to show; by default the last of the scheme.
    points : int
        Evenly spread points of the curves, to which nodes of the atoms are added.
    """
    scheme = fold_of(source)
    last = last_grade(scheme, grade)
    ax = place(ax, 6.4, 3.6)
    x = sample_points(scheme, points)
    ax.plot(x, scheme.target(x), color=COLOURS["pale"], linewidth=5.0, label="$f$", solid_capstyle="round")
    shown, found = [*range(min(last, CURVES - 1)), last], scheme.steps(x)
    for k, colour, line in zip(shown, colours(len(shown)), LINES * 2, strict=False):
        level = f" ({grade_text(scheme.grades[k - 1])})" if k else " (lift)" if scheme.lift else ""
        ax.plot(x, found[k], color=colour, linestyle="-" if k == shown[-1] else line, label=f"$f_{{{k}}}${level}")
    ax.set(xlabel=f"${variables(scheme)[0]}$", ylabel="$f,\\ f_k$", xlim=with_margin(x[0], x[-1]))
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.3 * (high - low))
    ax.legend(loc="upper center", ncols=4, handlelength=2.6, columnspacing=1.2)
    some = f"; {len(shown)} of {last + 1} shown" if len(shown) <= last else ""
    ax.set_title(f"{name_of(scheme)}\n{bounded(source, last) or 'approximants by grade'}{some}", loc="left")
    return ax


@drawing
def residual(source: Source, ax: Place = None, *, grade: int | None = None, points: int = POINTS) -> Axes:
    """The residual e_k after one grade (the last by default), in one variable, in its proved envelope.

    Light: e_(k-1), which |e_k| exceeds at no point.  Dashed: the certified bound of ||e_k||.  For the last grade the
    band is narrower: on every leaf the bound that is certified there.
    """
    report = record_of(source)
    scheme = fold_of(report)
    k = last_grade(scheme, grade)
    ax = place(ax, 6.4, 3.0)
    x = sample_points(scheme, points, report.leaves())
    _panel(report, ax, k, x, scheme.steps(x), scheme.target(x))
    ax.set_ylabel(f"$e_{{{k}}}$")
    ax.set_xlabel(f"${variables(scheme)[0]}$")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.22 * (high - low))
    ax.legend(ncols=2, loc="upper center", handlelength=1.6)
    ax.set_title(f"{name_of(scheme)}\n{_said(report, k)}", loc="left")
    return ax


@drawing
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
    report = record_of(source)
    scheme = fold_of(report)
    shown = chosen(range(len(scheme.grades) + 1), most)
    page = figure(ax, 6.4, 0.8 + 1.15 * len(shown))
    x = sample_points(scheme, points, report.leaves())
    found, f = scheme.steps(x), scheme.target(x)
    axes = [page.add_subplot(len(shown), 1, n + 1) for n in range(len(shown))]
    for k, one in zip(shown, axes, strict=True):
        _panel(report, one, k, x, found, f)
        one.set_ylabel(f"$e_{{{k}}}$")
        one.set_title(_said(report, k), loc="left", fontsize=8)
        one.tick_params(labelbottom=one is axes[-1])
    axes[-1].set_xlabel(f"${variables(scheme)[0]}$")
    named = {label: handle for one in axes for handle, label in zip(*one.get_legend_handles_labels(), strict=True)}
    page.legend(
        named.values(), named.keys(), loc="outside lower center", ncols=4 if len(named) < 5 else 3, handlelength=1.6
    )
    some = f"; {len(shown)} of {len(scheme.grades) + 1} shown" if len(shown) <= len(scheme.grades) else ""
    heading(page, report, caption(report, "nonincreasing", "no grade increases $|e|$ at any point") + some)
    return page


def eighths(leaves: Sequence[LeafBlock], most: int = LEAVES) -> FloatArray:
    """Unit coordinates (n,) of ends and inner points of the coarsest leaves in one variable.

    >>> eighths([LeafBlock(1, np.array([[0]]), np.ones(1))]).tolist()[:3]
    [0.0, 0.0625, 0.125]
    """
    found, room = [np.zeros(0)], most
    for block in sorted(leaves, key=lambda block: block.level):
        cells = block.cells[:room, 0]
        found.append(((cells[:, None] + np.arange(PARTS + 1) / PARTS) / 2.0**block.level).ravel())
        room -= len(cells)
    return np.concatenate(found)


def leaf_envelope(report: Report | ModelReport, grade: int | None = None) -> tuple[FloatArray, FloatArray]:
    """(edges (n + 1,), bounds (n,)): in one variable |e_k| <= bounds_i from edge i to edge i + 1, over the domain."""
    scheme = fold_of(report)
    leaves = report.leaves(last_grade(scheme, grade))
    start = np.concatenate([block.cells[:, 0] / 2.0**block.level for block in leaves] or [np.zeros(0)])
    bounds = np.concatenate([block.bounds for block in leaves] or [np.zeros(0)])
    order = np.argsort(start)
    edges = scheme.target.box.from_unit(np.append(start[order], 1.0)[:, None])[:, 0]
    return edges, np.minimum(bounds[order], sup_upper(report, last_grade(scheme, grade)))


def _panel(
    report: Report | ModelReport, ax: Axes, k: int, x: FloatArray, found: list[FloatArray], f: FloatArray
) -> None:
    upper, proved = sup_upper(report, k), bound_name(fold_of(report))
    if report.leaves(k):
        edges, bounds = leaf_envelope(report, k)
        ax.fill_between(
            edges, np.append(-bounds, -bounds[-1]), np.append(bounds, bounds[-1]), step="post", linewidth=0,
            color=COLOURS["sky"], alpha=0.45, label=f"{proved} of $|e_k|$ on each leaf",
        )  # fmt: skip
    if math.isfinite(upper):
        for sign in (-1, 1):
            ax.axhline(
                sign * upper, color=COLOURS["vermillion"], linestyle=LINES[1], linewidth=1.0,
                label=f"{proved} of $\\Vert e_k\\Vert$" if sign > 0 else None,
            )  # fmt: skip
    if k:
        ax.plot(x, f - found[k - 1], color="#B8B8B8", linewidth=1.0, label="$e_{k-1}$")
    ax.plot(x, f - found[k], color=COLOURS["blue"], linewidth=1.0, label="$e_k$")
    reach = max(float(np.abs(f - found[k]).max()), upper if math.isfinite(upper) else 0.0)
    ax.set(xlim=with_margin(x[0], x[-1]), ylim=(-1.25 * reach, 1.25 * reach) if reach else None)
    ax.axhline(0.0, color=COLOURS["grey"], linewidth=0.5, zorder=0)
    where = grew(report, k, f - found[max(k - 1, 0)], f - found[k])
    if where.any():
        ax.fill_between(
            x, 0.0, 0.05, where=where.tolist(), transform=ax.get_xaxis_transform(), color=COLOURS["orange"],
            linewidth=0, label="$|e|$ grew (samples)",
        )  # fmt: skip
    for n, witness in enumerate(witnesses(report, k)):
        at, value = float(witness.x[0]), sum(witness.after) / 2
        ax.plot(
            [at], [value], color=COLOURS["vermillion"], marker="D", markersize=4.5, markeredgecolor="white",
            linestyle="", label="witness" if not n else None,
        )  # fmt: skip


def _said(report: Report | ModelReport, k: int) -> str:
    """What is certified of one grade."""
    level = f"grade {k}, {grade_text(fold_of(report).grades[k - 1])}: " if k else "start: "
    verdict = f" {report.rows[k].nonincreasing}" if k < len(report.rows) and k else ""
    falls = f", $|e_{{{k}}}| \\leq |e_{{{k - 1}}}|${verdict}" if k else ""
    return f"{level}$\\Vert e_{{{k}}}\\Vert \\leq {bound_text(sup_upper(report, k))}${falls}"


def bounded(source: Source, k: int) -> str:
    """What is certified of the residual of a grade; nothing of a scheme that nobody has verified."""
    text = f"$\\Vert f - f_{{{k}}}\\Vert \\leq {bound_text(sup_upper(source, k))}$"
    if isinstance(source, ModelReport):
        return f"{text}: {'certified' if source.target.certified else 'not certified'}"
    if not isinstance(source, Report):
        return ""
    return caption(source, "sup-norm" if k == len(source.scheme.grades) else "nonincreasing", text)


def sup_upper(source: Source, k: int) -> float:
    """Certified bound of the sup-norm after grade k; inf where none is known."""
    if isinstance(source, Report | ModelReport) and k < len(source.rows):
        return source.rows[k].residual_sup_upper
    return math.inf


def last_grade(scheme: Approximation, grade: int | None) -> int:
    """The grade that is asked for, by default the last one; refused if there is none of that number."""
    count = len(scheme.grades)
    if grade is not None and not 0 <= grade <= count:
        raise SchemeError(f"grade must be from 0 to {count}, got {grade}")
    return count if grade is None else grade
