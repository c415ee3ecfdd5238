"""Norms of the residual by grade, on a logarithmic scale: certified, as the theorems predict them, and in training."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import OptionError
from mgdl_theory.pictures.style import (
    COLOURS,
    LINES,
    Place,
    Source,
    caption,
    chosen,
    colours,
    drawing,
    fold_of,
    name_of,
    place,
    record_of,
)
from mgdl_theory.relu.trained import Fit, TrainedModel
from mgdl_theory.text import near_text, ranges_text
from mgdl_theory.verification.record import GradeRow, Report
from mgdl_theory.verification.trained import ModelReport, ModelRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS = "osD^vP*X"
"""Definition: markers, used beside colours, in turn."""


CURVES = 8
"""Experience: grades whose training one picture shows."""

FLAT = 0.9
"""Experience: a series falls where it loses a tenth per level; a curve that loses less looks flat."""

FOOT = 0.02
"""Experience: part of the height of the axes at which marks stand at their edges."""


@drawing
def norms(source: Source, ax: Place = None) -> Axes:
    """Certified sup-norms and L^p norms of every residual, with the bounds of Theorems A and B where they hold.

    The bars run from the certified lower to the certified upper bound.  L^p norms are shown if the report has them
    (``verify(scheme, norms=[1, 2])``).  A bound of a theorem is drawn at the grades where it is finite and is shown
    to hold; a cross at the bottom marks one that is not shown to hold, where it is no bound.  The legend has the factor
    per level over the grades that fall (:func:`falling`).  What has no logarithm stands at the edge, as 0 or infinity.
    Of a trained model there are the sup-norms, and on the right the sum of squares on the data.

    >>> import mgdl_theory as mg
    >>> ax = norms(mg.verify(mg.construct(mg.target("x**2-0.3"), 0.02), norms=[1]))
    >>> [line.get_label().split(":")[0] for line in ax.get_lines() if not line.get_label().startswith("_")]
    ['bound of Theorem A (PROVED)']
    """
    report = record_of(source)
    rows, fold = report.rows, fold_of(report)
    ax = place(ax, 6.4, 4.6)
    if isinstance(report, Report):
        _theorems(ax, report)
    sup = [(row.residual_sup_lower, row.residual_sup_upper) for row in rows]
    _certified(ax, rows, "$\\Vert e_k\\Vert$", sup, COLOURS["blue"], MARKS[0])
    if isinstance(report, Report):
        _powers(ax, report.rows)
    handles, labels = ax.get_legend_handles_labels()
    if isinstance(report, ModelReport):
        handles.append(_squares(ax, report))
        labels.append("squares on the data, exact, relative (right)")
    if report.tol is not None:
        ax.axhline(report.tol, color=COLOURS["vermillion"], linestyle=LINES[3], linewidth=1.0, zorder=0)
        ax.annotate(
            "tol", (1.0, report.tol), xycoords=ax.get_yaxis_transform(), xytext=(-2, 3), textcoords="offset points",
            ha="right", color=COLOURS["vermillion"], fontsize=8,
        )  # fmt: skip
    below = " (level $l$ below)" if isinstance(report, Report) else ""
    _logarithmic(ax, [*(upper for _, upper in sup), report.tol or 0.0])
    ax.set(xlabel=f"grade $k${below}", ylabel="norm of the residual $e_k = f - f_k$")
    width = ax.get_window_extent().width / ax.figure.dpi  # inches
    shown = rows[:: math.ceil(0.36 * len(rows) / width)]
    ax.set_xticks([row.grade for row in shown], [f"{row.grade}{_level(row)}" for row in shown])
    ax.grid(axis="y", color=COLOURS["pale"], linewidth=0.6)
    ax.set_axisbelow(True)
    bounds = (
        f"marks: {'certified' if fold.target.certified else 'not certified:'} upper bounds; bars: down to lower ones"
    )
    ax.legend(
        handles, labels, handlelength=2.6, loc="upper left", bbox_to_anchor=(0.0, -0.2), alignment="left",
        title_fontsize=7, title=bounds,
    )  # fmt: skip
    said = caption(report, "sup-norm", "$\\Vert e_K\\Vert \\leq$ tol")
    if report.tol is None:
        said = caption(report, "nonincreasing", "no grade increases $|e|$ at any point")
    ax.set_title(f"{name_of(fold)}\n{said}", loc="left")
    return ax


@drawing
def training(source: Source, ax: Place = None) -> Axes:
    """How every grade of a trained model was trained: the losses that were recorded on the way, on a logarithmic scale.

    Of Adam the mean square on the data, as a part of that before the grade; of the convex problem the duality gap, as a
    part of the objective of a constant.  Floating point of the training, whatever was verified afterwards.

    >>> import mgdl_theory as mg
    >>> from mgdl_theory.training import Adam, sample, train
    >>> model = train(sample(mg.target("2*x"), 9), [Adam(width=4, epochs=20)] * 2)
    >>> [line.get_label() for line in training(model).get_lines()]
    ['grade 1: loss', 'grade 2: loss']
    """
    model = source.model if isinstance(source, ModelReport | Fit) else source
    if not isinstance(model, TrainedModel):
        raise OptionError(
            f"plot: 'training' is of a trained model, got {type(source).__name__}; a scheme keeps no record"
        )
    known = [k for k, grade in enumerate(model.grades, 1) if len(grade.history)]
    ax = place(ax, 6.4, 3.6)
    shown = chosen(known, CURVES)
    for k, colour, line in zip(shown, colours(len(shown)), LINES * 2, strict=False):
        grade = model.grades[k - 1]
        at, loss = grade.history.T
        what = "relative gap" if grade.note.get("solver") == "convex" else "loss"
        none = int(np.count_nonzero(~(loss > 0)))
        left = f" ({none} of {len(loss)} have no logarithm)" if none else ""
        ax.plot(
            at, np.where(loss > 0, loss, np.nan), color=colour, linestyle=line, label=f"grade {k}: {what}{left}",
            marker="o" if len(at) < 20 else "", markersize=3.0,
        )  # fmt: skip
    _logarithmic(ax, [v for k in shown for v in model.grades[k - 1].history[:, 1].tolist()])
    ax.set(xlabel="epoch or step", ylabel="loss or gap, relative")
    ax.grid(axis="y", color=COLOURS["pale"], linewidth=0.6)
    if shown:
        ax.legend(handlelength=2.6, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        ax.text(0.5, 0.5, "the training noted nothing", ha="center", transform=ax.transAxes)
    some = f"; {len(shown)} of {len(model.grades)} grades shown" if len(shown) < len(model.grades) else ""
    name = [] if isinstance(source, TrainedModel) else [name_of(fold_of(source))]
    ax.set_title("\n".join([*name, f"the training as it was recorded; nothing of it is proved{some}"]), loc="left")
    return ax


def _logarithmic(ax: Axes, values: Sequence[float]) -> None:
    """A logarithmic scale, also where it has nothing to show."""
    ax.set_yscale("log")
    if not any(0 < v < math.inf for v in values):
        ax.set_ylim(0.1, 1.0)


def _theorems(ax: Axes, report: Report) -> None:
    """The bounds of the theorems where they are shown to hold, with the verdicts on them."""
    for name, values, colour, line, mark in (
        ("Theorem A", [row.theorem_a for row in report.rows], "orange", LINES[1], "^"),
        ("Theorem B", [row.theorem_b for row in report.rows], "purple", LINES[2], "v"),
    ):
        holds = shown_to_hold(report.rows, values)
        broken = [
            row.grade for row, v, true in zip(report.rows, values, holds, strict=True) if v < math.inf and not true
        ]
        if not (holds.any() or broken):
            continue
        found = [f" ({r.verdict})" for r in report.results if r.claim == f"theorem-{name[-1].lower()}"]
        drawn = np.where(holds, values, np.nan)
        label = "bound of " + name + "".join(found) + _factor(report.rows, drawn.tolist())
        if broken:
            label += f"\nnot shown to hold at grades {ranges_text(broken)} (crosses): no bound there"
            ax.plot(
                broken, np.full(len(broken), FOOT), color=COLOURS[colour], marker="x", markersize=5.0, linestyle="",
                transform=ax.get_xaxis_transform(), label="_crosses",
            )  # fmt: skip
        ax.plot(
            [row.grade for row in report.rows], drawn, markersize=4.5, markerfacecolor="white", label=label,
            color=COLOURS[colour], linestyle=line, marker=mark,
        )  # fmt: skip


def shown_to_hold(rows: Sequence[GradeRow], values: Sequence[float]) -> NDArray[np.bool_]:
    """(rows,): where the bound of a theorem is finite, and the certified norm is within it."""
    return np.array([row.residual_sup_upper <= v < math.inf and v > 0 for row, v in zip(rows, values, strict=True)])


def _powers(ax: Axes, rows: Sequence[GradeRow]) -> None:
    """The L^p norms that the report has."""
    for n, (p, *_) in enumerate(rows[0].norms if rows else ()):
        colour = [COLOURS[name] for name in ("green", "black", "sky", "grey")][n % 4]
        _certified(
            ax, rows, f"$\\Vert e_k\\Vert_{{{p}}}$", [row.norms[n][1:] for row in rows], colour, MARKS[n + 1 & 7]
        )


def _squares(ax: Axes, report: ModelReport) -> Any:
    """The sum of squares on the data as a part of that of f, on an axis of its own; returns the line."""
    right = ax.twinx()
    values = [row.relative_error if 0 < row.relative_error < math.inf else math.nan for row in report.rows]
    _beyond(right, report.rows, [row.relative_error for row in report.rows], COLOURS["green"])
    (line,) = right.plot(
        [row.grade for row in report.rows], values, color=COLOURS["green"], linestyle=LINES[1], marker=MARKS[1],
        markersize=4.0,
    )  # fmt: skip
    _logarithmic(right, values)
    right.set(ylabel="sum of $e_k^2$ over sum of $f^2$ on the data")
    right.spines["right"].set_visible(True)
    for spine, colour, one in (("left", "blue", ax), ("right", "green", right)):
        one.spines[spine].set_color(COLOURS[colour])
        one.yaxis.label.set_color(COLOURS[colour])
        one.tick_params(axis="y", which="both", colors=COLOURS[colour])
    return line


def falling(rows: Sequence[GradeRow | ModelRow], values: Sequence[float]) -> tuple[int, int, float]:
    """(first, last, factor): the grades over which a series falls, and the geometric mean of its factor per level.

    Of several such runs of grades the longest.  A step falls if it leaves at most FLAT per level.  Two steps in a row
    that do not, or one at an end, are a plateau, which has no factor; nor has a value without logarithm.  Nan if none
    falls.

    >>> import mgdl_theory as mg
    >>> rows = mg.verify(mg.construct(mg.target("x**2-0.3"), 0.02)).rows
    >>> falling(rows, [2.0**-row.level for row in rows])[2], falling(rows, [1.0 for row in rows])
    (0.5, (0, 0, nan))
    """
    known = [(row, v) for row, v in zip(rows, values, strict=True) if isinstance(row, GradeRow) and row.grade]
    steps = "".join(_step(b.level - a.level, w / v if 0 < v < math.inf else 0.0) for (a, v), (b, w) in pairwise(known))
    found = max(re.finditer("v(?:-?v)*", steps), key=lambda run: run.end() - run.start(), default=None)
    if found is None:
        return 0, 0, math.nan
    (first, start), (last, end) = known[found.start()], known[found.end()]
    return first.grade, last.grade, float((end / start) ** (1.0 / (last.level - first.level)))


def _step(levels: int, ratio: float) -> str:
    """One step of a series: v if it falls, - if it is flat, x where there is no factor."""
    if not 0 < ratio < math.inf or levels <= 0:
        return "x"
    return "v" if ratio <= FLAT**levels else "-"


def _certified(
    ax: Axes, rows: Sequence[GradeRow | ModelRow], name: str, values: Sequence[Sequence[float]], colour: str, mark: str
) -> None:
    """Upper bounds as marks on a line, with bars down to the lower bounds; a bar to the bottom goes down to 0."""
    k = np.array([row.grade for row in rows])
    lower, upper = (np.array([pair[n] for pair in values], dtype=np.float64) for n in (0, 1))
    shown = np.where(np.isfinite(upper) & (upper > 0), upper, np.nan)
    ax.errorbar(
        k, shown, yerr=[np.nan_to_num(shown - lower), np.zeros(len(k))], color=colour, marker=mark, markersize=4.5,
        capsize=2.5, elinewidth=1.0, label=name + _factor(rows, shown.tolist()),
    )  # fmt: skip
    _beyond(ax, rows, upper.tolist(), colour)


def _beyond(ax: Axes, rows: Sequence[GradeRow | ModelRow], values: Sequence[float], colour: str) -> None:
    """What a logarithmic scale cannot show, at its edges: 0 below, and above what has no finite bound."""
    for row, v in zip(rows, values, strict=True):
        if not 0 < v < math.inf:
            ax.text(
                row.grade, FOOT if v == 0 else 1 - FOOT, "0" if v == 0 else r"$\infty$", color=colour, ha="center",
                va="bottom" if v == 0 else "top", transform=ax.get_xaxis_transform(), fontsize=8,
            )  # fmt: skip


def _factor(rows: Sequence[GradeRow | ModelRow], values: Sequence[float]) -> str:
    """The factor per level of a series, and of which grades where these are not all."""
    first, last, factor = falling(rows, values)
    some = "" if (first, last) == (1, len(rows) - 1) else f" (grades {first} to {last})"
    return f": factor {near_text(factor, 2)} per level{some}" if math.isfinite(factor) else ""


def _level(row: GradeRow | ModelRow) -> str:
    """The second line of a tick; of schemes all ticks have one."""
    return (f"\n$l$={row.level}" if row.grade else "\n") if isinstance(row, GradeRow) else ""
