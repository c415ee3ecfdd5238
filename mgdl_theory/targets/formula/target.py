"""A formula as a target: values, ranges and interpolation defects, by one pass over its program.

``ExpressionTarget("sin(10*x)*exp(-x)")`` parses the formula once (:func:`parse`) and runs the same
program in intervals (values), in jets (defects), in float64 (pictures) and in mpmath (evidence).
Call :func:`~mgdl_theory.targets.formula.domain.require_defined` before building on a target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from fractions import Fraction
from functools import cache, reduce
from typing import Any, TypeVar

import numpy as np

from mgdl_theory.errors import DomainError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.exact import evaluate
from mgdl_theory.rigor.interval import Engine, Interval
from mgdl_theory.rigor.jet import Jet, JetAlgebra
from mgdl_theory.rigor.rounding import ASSUMPTIONS, add_down, add_up, quiet
from mgdl_theory.rigor.special import SPECIAL
from mgdl_theory.targets.base import THETA, Box, Defects, FloatArray, IntArray, ScalarTarget, read_points
from mgdl_theory.targets.formula.evaluators import FloatAlgebra, MpAlgebra
from mgdl_theory.targets.formula.gaps import Gap, extended
from mgdl_theory.targets.formula.graph import Algebra, Program
from mgdl_theory.targets.formula.parser import parse
from mgdl_theory.targets.interpolation import first_order, range_order, second_order, smallest

T = TypeVar("T")

CHUNK = 1 << 14
"""Experience: cells handled at a time, so that the arrays of one pass stay in the cache."""

BLURRED = 2.0**-12
"""Experience: as near to a gap, in widths of the box, the middle of the enclosure stands for the value in float64."""

SHARPEN = 2.0
"""Experience: a range this many times wider than the mean value form is worth one more evaluation."""


class ExpressionTarget(ScalarTarget):
    """The function that a formula denotes, on a box.

    Where an operation of the formula is undefined, or cannot be shown to be defined, at a node or in a
    cell, its value, range and defects are unbounded there, even if a later operation would hide it as in
    ``atan(1/x)``: nothing is ever proved across such a place.

    Parameters
    ----------
    text : str
        A formula; see docs/expressions.md.
    box : Box
        The domain; [0, 1]^d by default.
    engine : "numpy" or "crival"
        The interval arithmetic.
    variables : sequence of str
        Names of the variables in order; by default all up to the highest that occurs, or as many as the
        box has sides.

    >>> f = ExpressionTarget("x**2")
    >>> d = f.defects(1, np.array([[0], [1]]))
    >>> d.sag.tolist(), d.bulge.tolist(), d.range.lo.tolist(), d.range.hi.tolist()
    ([0.0625, 0.0625], [0.0, 0.0], [0.0, 0.25], [0.25, 1.0])
    """

    certified = True

    def __init__(
        self, text: str, box: Box | None = None, engine: str = "numpy", *, variables: Sequence[str] | None = None
    ) -> None:
        self.program = parse(text, variables, box.dim if box is not None and variables is None else None)
        self.notes: tuple[str, ...] = renamed(self.program)
        self.text = " ".join(text.split())
        self.gaps: tuple[Gap, ...] = ()
        self.box = box if box is not None else Box.of([0, 1], self.program.dim)
        self.engine_name = engine
        get_engine(engine)
        if self.box.dim != self.program.dim:
            raise DomainError(
                f"domain: the formula has {self.program.dim} variable(s) {', '.join(self.program.variables)}, "
                f"the domain {self.box.dim} side(s)"
            )

    def with_gap(self, gap: Gap) -> ExpressionTarget:
        """The continuous extension over one more gap."""
        found = copy(self)
        found.gaps = (*self.gaps, gap)
        return found

    def __repr__(self) -> str:
        return f"ExpressionTarget({self.text!r}, {self.box!r}, {self.engine_name!r})"

    def sympy(self) -> Any:
        """The formula as a sympy expression, for work outside this package; no bound rests on it.

        >>> ExpressionTarget("x**2 + abs(x)").sympy()
        x**2 + Abs(x)
        """
        from mgdl_theory.targets.formula.symbolic import sympy_of

        return sympy_of(self.program)

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.box.dim

    @property
    def engine(self) -> Engine:
        """The interval arithmetic."""
        return get_engine(self.engine_name)

    @property
    def _not_needed(self) -> tuple[str, ...]:
        """Assumptions on which no bound rests."""
        special = any(node.op in SPECIAL for node in self.program.nodes)
        return (*_OTHER_ENGINES[self.engine_name], *(() if special else ("special-tables",)))

    # -- enclosures --------------------------------------------------------------------------------

    def values(self, level: int, nodes: IntArray) -> Interval:
        """Enclosure (n,): f(node_i) in [lo_i, hi_i]; nodes int64 (n, d) of this level.

        >>> ExpressionTarget("x/4").values(1, np.array([[1], [2]])).lo.tolist()
        [0.125, 0.25]
        """
        out = Interval(np.empty(len(nodes)), np.empty(len(nodes)))
        with quiet():
            for part in _chunks(len(nodes)):
                _store(out, part, self._enclosure(self._coordinates(level, nodes[part])))
        return out

    def ranges(self, level: int, cells: IntArray) -> Interval:
        """Enclosure (n,) of f on cells, without derivatives: f(x) in [lo_i, hi_i] for every x in cell i.

        >>> float(ExpressionTarget("x*x - x").ranges(0, np.array([[0]])).lo[0])
        -1.0
        """
        out = Interval(np.empty(len(cells)), np.empty(len(cells)))
        with quiet():
            for part in _chunks(len(cells)):
                _store(out, part, self._enclosure(self._sides(level, cells[part])))
        return out

    def defects(self, level: int, cells: IntArray) -> Defects:
        """Defect bounds and ranges of f on the cells int64 (n, d) of this level."""
        n = len(cells)
        sag, bulge, sag_theta, bulge_theta, away = (np.empty(n) for _ in range(5))
        reach = Interval(np.empty(n), np.empty(n))
        with quiet():
            for part in _chunks(n):
                jet, lost = self._jet(level, cells[part])
                count = len(away[part])
                rough = smallest(count, (THETA[1], first_order(jet, level)), (THETA[0], range_order(jet.value)))
                below, above = second_order(jet, level)
                sag_theta[part], sag[part] = smallest(count, (THETA[2], below), rough)
                bulge_theta[part], bulge[part] = smallest(count, (THETA[2], above), rough)
                _store(reach, part, jet.value)
                away[part] = _away(jet, level)
                if np.any(lost):
                    gone = np.broadcast_to(lost, count)
                    sag[part][gone] = bulge[part][gone] = away[part][gone] = np.inf
                    _store(reach, part, _erase(jet.value, gone))
            self._sharpen(reach, away, level, cells)
        return Defects(sag, bulge, sag_theta, bulge_theta, reach)

    def jet(self, level: int, cells: IntArray) -> Jet:
        """Enclosures of f and of its first and second derivatives, in unit coordinates, on cells.

        Shapes are (n,), or (1,) where an enclosure is the same for all cells; a key that is missing means a
        derivative that is identically 0.  Where f itself is undefined nothing is said: see :meth:`defects`.
        """
        with quiet():
            return self._jet(level, cells)[0]

    def _jet(self, level: int, cells: IntArray) -> tuple[Jet, Any]:
        algebra, places = JetAlgebra(self.engine), self._sides(level, cells)
        sides = [algebra.variable(axis, side, self.box.width(axis)) for axis, side in enumerate(places)]
        jet, lost = self._run(algebra, sides, lambda result: result.value)
        if self.gaps:
            return extended(self.gaps, self.program, self.engine, self.box, places, jet, lost)
        return jet, lost

    def _enclosure(self, variables: Sequence[Interval]) -> Interval:
        value, lost = self._run(self.engine, variables, lambda result: result)
        if self.gaps:
            jet, lost = extended(self.gaps, self.program, self.engine, self.box, variables, Jet(value), lost)
            value = jet.value
        return _erase(value, lost) if np.any(lost) else value

    def _run(self, algebra: Algebra[T], variables: Sequence[T], enclosure: Callable[[T], Interval]) -> tuple[T, Any]:
        """The result, and where an operation that is not defined everywhere had no finite enclosure."""
        lost: Any = False
        for number, _, result in self.program.steps(algebra, variables):
            if self.program.nodes[number].partial:
                lost = lost | _unbounded(enclosure(result))
        value = enclosure(result)
        return result, lost | ~(value.lo <= value.hi)

    def _sharpen(self, reach: Interval, away: FloatArray, level: int, cells: IntArray) -> None:
        """Meet ranges that are wide for |f - f(c)| <= away, c the centre of the cell, with f(c) + [-away, away]."""
        coarse = np.flatnonzero(reach.hi - reach.lo > SHARPEN * 2.0 * away)
        if len(coarse):
            middle = self.values(level + 1, 2 * cells[coarse] + 1)
            reach.lo[coarse] = np.maximum(reach.lo[coarse], add_down(middle.lo, -away[coarse]))
            reach.hi[coarse] = np.minimum(reach.hi[coarse], add_up(middle.hi, away[coarse]))

    def _coordinates(self, level: int, nodes: IntArray) -> list[Interval]:
        return [self.box.coordinates(axis, nodes[:, axis], level) for axis in range(self.dim)]

    def _sides(self, level: int, cells: IntArray) -> list[Interval]:
        low, high = self._coordinates(level, cells), self._coordinates(level, cells + 1)
        return [Interval(a.lo, b.hi) for a, b in zip(low, high, strict=True)]

    # -- approximate values ------------------------------------------------------------------------

    def __call__(self, x: Any) -> FloatArray:
        """Approximate values (n,) at points (n, d), or (n,) if d = 1; NaN or inf where f is undefined.

        >>> ExpressionTarget("x*y")([[2, 3], [4, 5]]).tolist()
        [6.0, 20.0]
        """
        points = read_points(x, self.dim, self.text)
        with quiet():
            value = self.program.evaluate(FloatAlgebra(), [points[..., axis] for axis in range(self.dim)])
            values = np.array(np.broadcast_to(value, points.shape[:-1]), dtype=np.float64)
            for gap in self.gaps:
                width = float(self.box.upper[gap.axis] - self.box.lower[gap.axis])
                close = np.abs(points[..., gap.axis] - float(gap.at)) <= BLURRED * width
                if close.any():
                    known = self._enclosure([Interval(x, x) for x in points[close].T])
                    values[close] = (known.lo + known.hi) / 2
        return values

    def mp(self, point: Sequence[Fraction], digits: int) -> Any:
        """f at an exact point as an mpmath number with this many working digits; NaN where f is undefined.

        >>> str(ExpressionTarget("sqrt(x)").mp([Fraction(1, 4)], 20))
        '0.5'
        """
        algebra = _mp_algebra(digits)
        for gap in self.gaps:
            if point[gap.axis] == gap.at:
                names = zip(self.program.variables, point, strict=True)
                return evaluate(gap.limit, algebra, {name: algebra.const(Fraction(x)) for name, x in names})
        return self.program.evaluate(algebra, [algebra.const(Fraction(x)) for x in point])

    # -- description -------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Text of the target, its variables, box and the assumptions its bounds rest on, exact numbers only.

        >>> ExpressionTarget("x/3").describe()["box"]
        {'lower': ['0'], 'upper': ['1']}
        """
        gaps = {"gaps": [[gap.axis, str(gap.at)] for gap in self.gaps]} if self.gaps else {}
        return {
            "kind": "expression",
            "text": self.text,
            "canonical": self.program.text,
            "variables": list(self.program.variables),
            "box": {"lower": [str(end) for end in self.box.lower], "upper": [str(end) for end in self.box.upper]},
            **gaps,
            "engine": self.engine_name,
            "assumptions": [a.id for a in ASSUMPTIONS if a.id not in self._not_needed],
        }


def renamed(program: Program) -> tuple[str, ...]:
    """What is to be said where the program has other names of the variables than the text.

    >>> renamed(parse("sin(t)"))
    ('files and tables call t x',)
    """
    pairs = [f"{own} {name}" for own, name in zip(program.written, program.variables, strict=False) if own != name]
    return (f"files and tables call {' and '.join(pairs)}",) if pairs else ()


def skipped(formulas: Sequence[ExpressionTarget]) -> tuple[str, ...]:
    """What is to be said where formulas have more variables than they depend on, for want of a domain that says so.

    >>> skipped([ExpressionTarget("x + z")])
    ('f is taken on [0, 1]^3, as a function of x, y, z, though it depends on x, z only; ...',)
    >>> skipped([ExpressionTarget("y", Box.of([0, 1], 2)), ExpressionTarget("x", Box.of([0, 1], 2))])
    ()
    """
    names = formulas[0].program.variables
    used = [n for k, n in enumerate(names) if any(k in f.program.used for f in formulas)]
    if len(used) == len(names) or len(names) == 1:
        return ()
    text = (
        f"f is taken on {formulas[0].box}, as a function of {', '.join(names)}, though it depends on "
        f"{', '.join(used) or 'none of them'} only; write a function of fewer variables in {names[0]} first, "
        "or give --domain one pair for each"
    )
    return (text,)


_TINY = 2.0**-900
"""Definition: least sum of slopes, so that its product with h/2, h >= 2**-52, cannot underflow."""


_OTHER_ENGINES = {"numpy": ("crival-functions",), "crival": ("numpy-functions",)}
"""Assumptions that an engine does not need."""


@cache
def _mp_algebra(digits: int) -> MpAlgebra:
    return MpAlgebra(digits)


def _chunks(n: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]


def _away(jet: Jet, level: int) -> FloatArray:
    """(n,) or (1,): sum_a |D_a| h/2, rounded up; |f(x) - f(c)| is at most this on a cell with the centre c."""
    slopes = [np.maximum(-entry.lo, entry.hi) for entry in jet.grad.values()]
    slope = np.maximum(reduce(add_up, slopes), _TINY) if slopes else np.full(1, _TINY)
    return np.asarray(slope * 2.0 ** (-level - 1))


def _store(out: Interval, part: slice, value: Interval) -> None:
    out.lo[part], out.hi[part] = value.lo, value.hi


def _unbounded(value: Interval) -> Any:
    return ~(np.isfinite(value.lo) & np.isfinite(value.hi))


def _erase(value: Interval, lost: Any) -> Interval:
    """The enclosure, unbounded where ``lost``."""
    return Interval(np.where(lost, -np.inf, value.lo), np.where(lost, np.inf, value.hi))
