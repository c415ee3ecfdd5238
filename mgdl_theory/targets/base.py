"""The target f on a box: what the construction and the proof may ask of it.

Every question is asked in *unit coordinates*: level ``l`` and integer indices ``i`` of nodes or cells
stand for the points ``t = i / 2**l`` of [0, 1]^d and for the cells ``(i + [0, 1]^d) / 2**l``; the box
maps them to ``x = lower + (upper - lower) * t``.  Derivatives are taken with respect to ``t``.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Context
from fractions import Fraction
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import DomainError, MgdlError, OptionError, shown, told
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import add_down, add_up, down, up
from mgdl_theory.text import point_text

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

THETA = {
    2: 4 / 3 * (1 + 2.0**-20),  # theorem: theta = 1/(1 - rho), rho = 1/4; the slack absorbs rounding
    1: 2.0 * (1 + 2.0**-20),  # theorem: rho = 1/2
    0: 4.0,  # experience: a range bound that falls by 3/4 or more per level needs no rest
}
"""Margin factor of a defect bound by its order; the margin condition itself is checked per cell."""


MAX_ENTRIES = 10_000
"""Definition: a longer list of options is cut off, and then refused for its length; an endless one ends here."""

OUTSIDE = 1e-12
"""Experience: how far unit coordinates in floating point may be off, which only pictures and samples look at."""

_RATIONAL = re.compile(r"-?[0-9]{1,2000}(/[1-9][0-9]{0,1999})?")

SHORTEST = 2.0**-1000
"""Definition: i / 2**level times a power of two of at least this size does not underflow, so it is exact."""


@dataclass(frozen=True, slots=True)
class Box:
    """The domain, a product of intervals [lower_a, upper_a] with exact rational ends.

    >>> Box.of([0, "1/3"])
    Box(lower=(Fraction(0, 1),), upper=(Fraction(1, 3),))
    >>> print(Box.of(["0", "0.3"]), Box.of([0, 1], 2), Box.of([0, 1, -1, 1]))
    [0, 0.3] [0, 1]^2 [0, 1] x [-1, 1]

    ``typed`` holds the texts of all ends, where they are shown as they were typed.
    """

    lower: tuple[Fraction, ...]
    upper: tuple[Fraction, ...]
    typed: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.lower or len(self.lower) != len(self.upper):
            raise DomainError(f"a domain needs as many lower as upper ends, got {self.lower} and {self.upper}")
        for a, (lo, hi) in enumerate(zip(self.lower, self.upper, strict=True), 1):
            if not math.isfinite(_to_float(lo)) or not math.isfinite(_to_float(hi)):
                raise DomainError(f"domain: side {a} has an end beyond the range of binary64")
            if not lo < hi:
                ends = f"runs from {_brief(lo)} to {_brief(hi)}"
                raise DomainError(f"domain: side {a} {ends}; the lower end must be below the upper end")
            if _to_float(lo) == _to_float(hi):
                raise DomainError(f"domain: side {a} from {_brief(lo)} to {_brief(hi)} is too short for binary64")

    @classmethod
    def of(cls, ends: Sequence[Any], dim: int | None = None) -> Box:
        """Box from ``lower, upper`` per side; one pair serves every side when ``dim`` is given.

        Ends are ints, Fractions, decimal or ``p/q`` strings (read exactly) or finite floats
        (taken as the binary number they are).
        """
        given = read_list("domain", ends, "a list of ends (lower upper ...)", DomainError)
        values = [_exact(end) for end in given]
        typed = [end.strip() for end in given if isinstance(end, str)]
        typed = typed if len(typed) == len(given) else []
        if len(values) % 2 or not values:
            raise DomainError(f"domain: expected pairs of ends (lower upper ...), got {len(values)} number(s)")
        if dim is not None and len(values) == 2:
            values, typed = values * dim, typed * dim
        if dim is not None and len(values) != 2 * dim:
            raise DomainError(
                f"domain: {dim} variable(s) need 2 or {2 * dim} ends (lower upper ...), got {len(values)}"
            )
        return cls(tuple(values[0::2]), tuple(values[1::2]), tuple(typed))

    @classmethod
    def read(cls, ends: Sequence[Sequence[Any]]) -> Box:
        """The box whose lower and upper ends a file holds as texts p/q, as :attr:`ends` gives them.

        >>> Box.read([["0"], ["1/3"]]) == Box.of([0, "1/3"])
        True
        """
        texts = [[str(end) for end in side] for side in ends]
        if len(texts) != 2 or not all(_RATIONAL.fullmatch(text) for side in texts for text in side):
            raise DomainError("box: expected lower and upper ends as p/q")
        lower, upper = (tuple(map(Fraction, side)) for side in texts)
        return cls(lower, upper)

    @property
    def ends(self) -> list[list[str]]:
        """Lower and upper ends as texts, exactly."""
        return [[str(v) for v in side] for side in (self.lower, self.upper)]

    def __str__(self) -> str:
        ends = self.typed or [str(v) for side in zip(self.lower, self.upper, strict=True) for v in side]
        sides = [f"[{lo}, {hi}]" for lo, hi in zip(ends[::2], ends[1::2], strict=True)]
        if len(set(sides)) == 1:
            return sides[0] + (f"^{len(sides)}" if len(sides) > 1 else "")
        return " x ".join(sides)

    @property
    def dim(self) -> int:
        """Number of sides d."""
        return len(self.lower)

    def width(self, axis: int) -> Interval:
        """Interval (1,) that holds the length of one side: dx/dt."""
        return Interval.exact(self.upper[axis] - self.lower[axis])

    def coordinates(self, axis: int, index: IntArray, level: int) -> Interval:
        """Enclosure (n,) of x_axis at the nodes of ``level`` with these indices; exact where binary64 allows."""
        t = index.astype(np.float64) * 2.0**-level
        if self.lower[axis] == 0 and self.upper[axis] == 1:
            return Interval(t, t)
        low, width, end = Interval.exact(self.lower[axis]), self.width(axis), Interval.exact(self.upper[axis])
        step_lo, step_hi = t * width.lo, t * width.hi
        if not (width.lo[0] == width.hi[0] >= SHORTEST and math.frexp(width.lo[0])[0] == 0.5):  # else exact
            step_lo = np.where(index == 0, 0.0, down(step_lo))
            step_hi = np.where(index == 0, 0.0, up(step_hi))
        last = index == 1 << level
        lo = np.where(last, end.lo, np.clip(add_down(low.lo, step_lo), low.lo, end.hi))
        hi = np.where(last, end.hi, np.clip(add_up(low.hi, step_hi), low.lo, end.hi))
        return Interval(lo, hi)

    def point(self, node: Sequence[int], level: int) -> tuple[Fraction, ...]:
        """The exact point x of a node.

        >>> Box.of([-1, 1]).point([3], 2)
        (Fraction(1, 2),)
        """
        return tuple(
            lo + (hi - lo) * Fraction(int(i), 1 << level)
            for lo, hi, i in zip(self.lower, self.upper, node, strict=True)
        )

    def unit(self, point: Sequence[Any]) -> list[Fraction]:
        """The exact unit coordinates of a rational point of the box.

        Raises
        ------
        OptionError
            For another number of coordinates, and for a point outside.

        >>> Box.of([-1, 1]).unit(["1/2"])
        [Fraction(3, 4)]
        """
        if len(point) != self.dim:
            raise OptionError(f"a point of {self} has {self.dim} coordinate(s), got {len(point)}")
        t = [(Fraction(x) - lo) / (hi - lo) for x, lo, hi in zip(point, self.lower, self.upper, strict=True)]
        if not all(0 <= s <= 1 for s in t):
            raise OptionError(f"the point ({', '.join(map(str, point))}) lies outside the domain {self}")
        return t

    def units(self, x: Any) -> FloatArray:
        """Unit coordinates (n, d) of points (n, d), or (n,) if d = 1, of the box, in floating point.

        Raises
        ------
        OptionError
            For an array of another shape, and where a point is outside by more than rounding.

        >>> Box.of([0, 2]).units([1.0, 2.0]).tolist()
        [[0.5], [1.0]]
        """
        points = read_points(x, self.dim, "points")
        if points.ndim > 2 or (points.ndim < 2 and self.dim > 1):
            raise OptionError(f"points: expected shape (n, {self.dim}), got an array of shape {np.shape(x)}")
        points = points.reshape(-1, self.dim)
        t = self.to_unit(points)
        inside = np.all((t >= -OUTSIDE) & (t <= 1 + OUTSIDE), axis=1)
        if not inside.all():
            raise OptionError(f"the point ({point_text(points[np.argmin(inside)])}) lies outside the domain {self}")
        return np.clip(t, 0.0, 1.0)

    def to_unit(self, x: FloatArray) -> FloatArray:
        """Unit coordinates (n, d) of points (n, d) of the box, in floating point (for pictures)."""
        lower = np.array([_to_float(v) for v in self.lower])
        return np.asarray(
            (x - lower) / np.array([_to_float(h - v) for v, h in zip(self.lower, self.upper, strict=True)])
        )

    def from_unit(self, t: FloatArray) -> FloatArray:
        """Points (n, d) of the box with these unit coordinates, in floating point (for pictures)."""
        lower = np.array([_to_float(v) for v in self.lower])
        return np.asarray(lower + t * np.array([_to_float(h - v) for v, h in zip(self.lower, self.upper, strict=True)]))


@dataclass(frozen=True, slots=True)
class Defects:
    """One-sided interpolation defects of f on n cells (theory.md, Section 1), with their margin factors.

    Attributes
    ----------
    sag, bulge : float64 (n,)
        On each simplex T of cell i: ``sup_T (I_T f - f) <= sag_i`` and ``sup_T (f - I_T f) <= bulge_i``;
        ``inf`` where no bound is known.
    sag_theta, bulge_theta : float64 (n,)
        The factor theta that turns the bound into a margin, by the order of the bound (``THETA``).
    range : Interval (n,)
        f(x) lies in [range.lo_i, range.hi_i] for every x in cell i.
    """

    sag: FloatArray
    bulge: FloatArray
    sag_theta: FloatArray
    bulge_theta: FloatArray
    range: Interval


class Target(Protocol):
    """A continuous function on a box, seen through enclosures.

    Values and defects are used together only, and together they promise: if I_T lo and I_T hi are the linear
    functions on a simplex T of cell i with the ends of :meth:`values` at its vertices, then
    ``I_T lo - sag_i <= f <= I_T hi + bulge_i`` on T.  That is all that a proof asks of a target.

    ``certified`` is False for a target that has no modulus of continuity: its numbers are then
    evidence, and no claim about it is ever PROVED.
    """

    text: str

    @property
    def box(self) -> Box:
        """The domain."""

    @property
    def certified(self) -> bool:
        """Whether its enclosures are proofs."""

    @property
    def dim(self) -> int:
        """Number of variables d."""

    def values(self, level: int, nodes: IntArray) -> Interval:
        """Enclosure (n,): f(node_i) in [lo_i, hi_i]; nodes int64 (n, d) of this level."""

    def defects(self, level: int, cells: IntArray) -> Defects:
        """Defect bounds of f on the cells int64 (n, d) of this level."""

    def __call__(self, x: Any) -> FloatArray:
        """Approximate values (n,) at points (n, d) or (n,) of the box, for pictures and sampling."""

    def mp(self, point: Sequence[Fraction], digits: int) -> Any:
        """f at an exact point as an mpmath number with this many working digits (evidence, not proof)."""

    def describe(self) -> dict[str, Any]:
        """Text of the target, its variables, box and the assumptions its bounds rest on, exact numbers only."""


class ScalarTarget:
    """What the scalar targets of this package share with a vector target; one from elsewhere need not inherit it."""

    __slots__ = ()

    @property
    def components(self) -> tuple[Self]:
        """The target itself, its only component."""
        return (self,)


def least_defect(target: Target, level: int) -> float:
    """A number that the defects of every cell reach, down to this level; 0 where the target names none.

    A target names it by a method of this name; its certified bounds are never below, so that a smaller tolerance is
    out of reach.

    >>> from mgdl_theory.targets.formula.target import ExpressionTarget
    >>> least_defect(ExpressionTarget("x**2"), 52)
    0.0
    """
    named: Callable[[int], float] | None = getattr(target, "least_defect", None)
    return named(level) if named is not None else 0.0


def _brief(value: Fraction) -> str:
    """The number, or six digits of it where it is long."""
    text = str(value)
    return text if len(text) <= 24 else f"about {Context(prec=6).divide(value.numerator, value.denominator)}"


def _to_float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def read_list(name: str, given: Any, expected: str, error: type[MgdlError] = OptionError) -> list[Any]:
    """The entries of a list that somebody gave, whatever kind of list it is.

    >>> read_list("domain", (0, 1), "a list of ends")
    [0, 1]
    """
    if not isinstance(given, str | bytes):
        try:
            return list(itertools.islice(iter(given), MAX_ENTRIES))
        except Exception:  # noqa: BLE001 - an object of somebody else may raise anything
            pass
    raise error(f"{name}: expected {expected}, got {'the text ' if isinstance(given, str) else ''}{shown(given)}")


def read_points(x: Any, dim: int, text: str) -> FloatArray:
    """Points (..., d) that somebody gave as an array (..., d), or (...) if d = 1; ``text`` says of what.

    >>> read_points([0.5, 1], 1, "f").shape, read_points([[0.5, 1]], 2, "f").shape
    ((2, 1), (1, 2))
    """
    try:
        points = np.asarray(x, dtype=np.float64)
    except Exception as error:  # noqa: BLE001 - an array of somebody else may raise anything
        raise OptionError(f"{text}: expected points as an array of numbers ({told(error)})") from None
    if dim == 1 and (points.ndim < 2 or points.shape[-1] != 1):
        points = points[..., None]
    if points.ndim == 0 or points.shape[-1] != dim:
        raise OptionError(
            f"{text}: expected points of shape (n, {dim}), one column per variable, got an array of shape {np.shape(x)}"
        )
    return points


def exact_number(value: Any) -> Fraction:
    """The rational number that an int, a Fraction, a finite float or a text like 0.1, 1e-4 or 1/3 denotes.

    Raises
    ------
    ValueError
        For anything else, and for exponents beyond 400, whose integers would fill the memory.

    >>> exact_number("1/3")
    Fraction(1, 3)
    """
    if isinstance(value, str):
        match = NUMBER.fullmatch(value.strip())
        if not match or abs(int(match["exponent"] or 0)) > 400:
            raise ValueError(f"not a number: {value[:60]!r}")
        value = value.strip()
    try:
        return Fraction(value)
    except Exception:  # noqa: BLE001 - an object of somebody else may raise anything
        raise ValueError(f"not a finite number: {shown(value)}") from None


NUMBER = re.compile(r"[+-]?(\d{1,400}/\d{1,400}|(\d{1,400}\.?\d{0,400}|\.\d{1,400})([eE](?P<exponent>[+-]?\d{1,6}))?)")
"""Definition: numbers as options; p/q, or a decimal with an exponent."""


def _exact(value: Any) -> Fraction:
    try:
        return exact_number(value)
    except ValueError:
        raise DomainError(f"domain: {shown(value)} is not a finite number (write it as 0.5, 1/3 or 2)") from None
