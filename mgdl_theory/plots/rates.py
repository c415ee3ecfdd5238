"""Norms of the residual by grade, on a logarithmic scale: certified, and as the theorems predict them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mgdl_theory.plots.style import COLOURS, LINES, Place, Source, caption, name_of, place, report_of
from mgdl_theory.verify.report import GradeRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["factor_per_level", "norms"]

MARKS = "osD^vP*X"
"""Definition: markers, used beside colours, in turn."""


WIDE = 4.5
"""Experience: inches of an axis below which two columns of a legend do not fit."""


def norms(source: Source, ax: Place = None) -> Axes:
    """Certified sup-norms and L^p norms of every residual, with the bounds of Theorems A and B where they are finite.

    The bars run from the certified lower to the certified upper bound.  L^p norms are shown if the report has them
    (``verify(scheme, norms=[1, 2])``).  The legend has the factor per level, measured between the first and the last
    grade of each series.

    >>> import mgdl_theory as mg
    >>> ax = norms(mg.verify(mg.construct(mg.target("x**2-0.3"), 0.02), norms=[1]))
    >>> [line.get_label().split(":")[0] for line in ax.get_lines() if not line.get_label().startswith("_")]
    ['bound of Theorem A (PROVED)']
    """
    report = report_of(source)
    rows = report.rows
    ax = place(ax, 6.4, 4.3)
    for name, values, colour, line, mark in (
        ("Theorem A", [row.theorem_a for row in rows], "vermillion", LINES[1], "^"),
        ("Theorem B", [row.theorem_b for row in rows], "purple", LINES[2], "v"),
    ):
        found = [f" ({r.verdict})" for r in report.results if r.claim == f"theorem-{name[-1].lower()}"]
        label = "bound of " + name + "".join(found)
        _predicted(ax, rows, label, values, color=COLOURS[colour], linestyle=line, marker=mark)
    sup = [(row.residual_sup_lower, row.residual_sup_upper) for row in rows]
    _certified(ax, rows, "$\\Vert e_k\\Vert$", sup, COLOURS["blue"], MARKS[0])
    for n, (p, *_) in enumerate(rows[0].norms if rows else ()):
        colour = [COLOURS[name] for name in ("green", "orange", "black", "sky")][n % 4]
        _certified(
            ax, rows, f"$\\Vert e_k\\Vert_{{{p}}}$", [row.norms[n][1:] for row in rows], colour, MARKS[n + 1 & 7]
        )
    ax.axhline(report.tol, color=COLOURS["grey"], linestyle=LINES[3], linewidth=1.0, zorder=0)
    ax.annotate(
        "tol", (1.0, report.tol), xycoords=ax.get_yaxis_transform(), xytext=(-2, 3), textcoords="offset points",
        ha="right", color=COLOURS["grey"], fontsize=8,
    )  # fmt: skip
    ax.set(yscale="log", xlabel="grade $k$ (level $l$ below)", ylabel="norm of the residual $e_k = f - f_k$")
    width = ax.get_window_extent().width / ax.figure.dpi  # inches
    every = math.ceil(0.36 * len(rows) / width)
    ax.set_xticks([row.grade for row in rows[::every]], [f"{r.grade}\n{_level(r)}" for r in rows[::every]])
    ax.grid(axis="y", color=COLOURS["pale"], linewidth=0.6)
    ax.set_axisbelow(True)
    ax.legend(
        handlelength=2.6, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2 if width > WIDE else 1,
        title_fontsize=7, title="marks: certified upper bounds; bars: down to lower ones",
    )  # fmt: skip
    said = caption(report, "sup-norm", "$\\Vert e_K\\Vert \\leq$ tol")
    ax.set_title(f"{name_of(report.scheme)}\n{said}", loc="left")
    return ax


def factor_per_level(rows: Sequence[GradeRow], values: Sequence[float]) -> float:
    """Geometric mean of the factor per level between the first and the last grade with a finite value > 0, or nan.

    >>> import mgdl_theory as mg
    >>> rows = mg.verify(mg.construct(mg.target("x**2-0.3"), 0.02)).rows
    >>> factor_per_level(rows, [2.0**-row.level for row in rows])
    0.5
    """
    good = [(row.level, v) for row, v in zip(rows, values, strict=True) if row.grade and math.isfinite(v) and v > 0]
    if len(good) < 2 or good[-1][0] == good[0][0]:
        return math.nan
    (first, start), (last, end) = good[0], good[-1]
    return float((end / start) ** (1.0 / (last - first)))


def _certified(
    ax: Axes, rows: Sequence[GradeRow], name: str, values: Sequence[Sequence[float]], colour: str, mark: str
) -> None:
    """Upper bounds as marks on a line, with bars down to the lower bounds."""
    k = np.array([row.grade for row in rows])
    lower, upper = (np.array([pair[n] for pair in values], dtype=np.float64) for n in (0, 1))
    upper = np.where(np.isfinite(upper) & (upper > 0), upper, np.nan)
    bar = np.where(lower > 0, upper - lower, 0.0)
    ax.errorbar(
        k, upper, yerr=[np.nan_to_num(bar), np.zeros(len(k))], color=colour, marker=mark, markersize=4.5, capsize=2.5,
        elinewidth=1.0, label=name + _factor(rows, [float(v) for v in upper]),
    )  # fmt: skip


def _predicted(ax: Axes, rows: Sequence[GradeRow], name: str, values: Sequence[float], **style: Any) -> None:
    """A bound of a theorem, where it is finite at some grade."""
    good = [(row.grade, v) for row, v in zip(rows, values, strict=True) if math.isfinite(v) and v > 0]
    if good:
        k, v = zip(*good, strict=True)
        ax.plot(k, v, markersize=4.5, markerfacecolor="white", label=name + _factor(rows, values), **style)


def _factor(rows: Sequence[GradeRow], values: Sequence[float]) -> str:
    factor = factor_per_level(rows, values)
    return f": factor {factor:.2f} per level" if math.isfinite(factor) else ""


def _level(row: GradeRow) -> str:
    return f"$l$={row.level}" if row.grade else ""
