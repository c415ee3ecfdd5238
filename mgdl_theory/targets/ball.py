"""All functions near one: a partial sum with its tail bound stands for the whole series.

What is proved for the uniform ball around f is proved for every continuous F with |F - f| <= r on the box,
and so for the limit of a series whose partial sum is f and whose tail is at most r.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError, shown
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import add_up, sub_down
from mgdl_theory.targets.base import Defects, FloatArray, IntArray, ScalarTarget, Target, exact_number, least_defect
from mgdl_theory.text import plain, up_text

LARGEST = Fraction(sys.float_info.max)
"""Definition: a radius beyond the floats says nothing about them."""


class UniformBall(ScalarTarget):
    """Every continuous function F on the box with |F(x) - f(x)| <= r for all x.

    Values are those of f, widened by r; the defects are those of f, without any addition (docs/theory.md,
    Lemma 18): with the widened values they enclose every F in the sense of :class:`Target`.  No bound of a
    residual comes out below r, so a tolerance near 2 r or below is out of reach: take more terms.

    Parameters
    ----------
    center : Target
        f.
    radius : int, Fraction, float or str
        r >= 0, read exactly as the ends of a domain are.
    text : str
        A name of the function meant.

    >>> from mgdl_theory.targets.formula.target import ExpressionTarget
    >>> ball = UniformBall(ExpressionTarget("x**2"), "1/8")
    >>> nodes = ball.values(1, np.array([[0], [2]]))
    >>> nodes.lo.tolist(), nodes.hi.tolist()
    ([-0.125, 0.875], [0.125, 1.125])
    >>> ball.defects(0, np.array([[0]])).sag.tolist()
    [0.25]
    """

    def __init__(self, center: Target, radius: int | float | str | Fraction, text: str | None = None) -> None:
        try:
            exact = exact_number(radius)
        except ValueError:
            exact = Fraction(-1)
        if exact < 0 or exact > LARGEST:
            raise OptionError(f"tail: expected a number of binary64 that is at least 0, got {shown(radius)}")
        self.center, self.radius, self.box, self.certified = center, exact, center.box, center.certified
        self.text = plain(text) if text else f"{center.text} +- {up_text(exact, 3)}"

    def __repr__(self) -> str:
        return f"UniformBall({self.center!r}, {str(self.radius)!r})"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of how f was read."""
        return tuple(getattr(self.center, "notes", ()))

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.center.dim

    def values(self, level: int, nodes: IntArray) -> Interval:
        """Enclosure (n,): F(node_i) in [lo_i, hi_i] for every F of the ball; nodes int64 (n, d) of this level."""
        return self._wider(self.center.values(level, nodes))

    def defects(self, level: int, cells: IntArray) -> Defects:
        """Defect bounds of f, and ranges of every F of the ball, on the cells int64 (n, d) of this level."""
        of_center = self.center.defects(level, cells)
        return replace(of_center, range=self._wider(of_center.range))

    def least_defect(self, level: int) -> float:
        """That of f."""
        return least_defect(self.center, level)

    def _wider(self, x: Interval) -> Interval:
        r = np.array([_above(self.radius)])
        return Interval(sub_down(x.lo, r), add_up(x.hi, r))

    def __call__(self, x: Any) -> FloatArray:
        """Approximate values (n,) of f, for pictures and sampling."""
        return self.center(x)

    def mp(self, point: Sequence[Fraction], digits: int) -> Any:
        """f at an exact point as an mpmath number; f is a member of the ball, so what is proved holds for it."""
        return self.center.mp(point, digits)

    def describe(self) -> dict[str, Any]:
        """Description of f with the radius, exact numbers only; that F is in the ball is taken on trust.

        >>> from mgdl_theory.targets.formula.target import ExpressionTarget
        >>> UniformBall(ExpressionTarget("x"), "1e-3").describe()["taken_on_trust"]
        ['the function meant differs from x by at most 1/1000 at every point of the domain']
        """
        center = self.center.describe()
        tail = f"the function meant differs from {self._near()} by at most {self.radius} at every point of the domain"
        return {
            "kind": "ball",
            "text": self.text,
            "center": center,
            "radius": str(self.radius),
            "box": center["box"],
            "tail": tail,
            "assumptions": [*center["assumptions"], "tail"],
            "taken_on_trust": [*center.get("taken_on_trust", ()), tail],
        }

    def _near(self) -> str:
        """The center in a few words."""
        return self.center.text if len(self.center.text) <= 60 else "the formula"


def _above(value: Fraction) -> float:
    """The smallest float that is at least this number."""
    nearest = float(value)
    return nearest if Fraction(nearest) >= value else math.nextafter(nearest, math.inf)
