"""Exact linear pieces in one variable: what enclosures leave open of a network and a broken line is decided here.

The weights of a network are dyadic, so between two breakpoints every neuron is a t + b with dyadic a and b, and a new
breakpoint is a root -b/a, a rational number.  On a piece of e and of g the sign of g (2 e - g) follows from two roots.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.relu.trained import TrainedModel
from mgdl_theory.rigor.dyadic import affine, rational
from mgdl_theory.targets.base import IntArray, Target
from mgdl_theory.targets.formula.target import ExpressionTarget
from mgdl_theory.targets.samples import SamplesTarget

ENDS = (Fraction(0), Fraction(1))

NEARLY = Fraction(7, 8)
"""Experience: part of the largest growth that a short point has to show."""


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A continuous function on [0, 1] that is linear between knots 0 = t_0 < ... < t_n = 1, by its values there.

    >>> x = BrokenLine(ENDS, ENDS)
    >>> bend = (x - BrokenLine(ENDS, (Fraction(1, 3),) * 2)).split()
    >>> [str(t) for t in bend.knots], [str(v) for v in bend.values]
    (['0', '1/3', '1'], ['-1/3', '0', '2/3'])
    """

    knots: tuple[Fraction, ...]
    values: tuple[Fraction, ...]

    def on(self, knots: tuple[Fraction, ...]) -> BrokenLine:
        """The same function, if these knots hold its own."""
        return self if knots == self.knots else BrokenLine(knots, tuple(map(self.at, knots)))

    def at(self, t: Fraction) -> Fraction:
        """The value at t in [0, 1]."""
        i = min(bisect_right(self.knots, t), len(self.knots) - 1)
        (a, b), (v, w) = self.knots[i - 1 : i + 1], self.values[i - 1 : i + 1]
        return v + (w - v) * (t - a) / (b - a)

    def split(self) -> BrokenLine:
        """The same function with its roots among the knots."""
        ends = zip(pairwise(self.knots), pairwise(self.values), strict=True)
        roots = [a + (b - a) * v / (v - w) for (a, b), (v, w) in ends if v * w < 0]
        return self.on(_union(self.knots, roots)) if roots else self

    def __sub__(self, other: BrokenLine) -> BrokenLine:
        knots = _union(self.knots, other.knots)
        pairs = zip(self.on(knots).values, other.on(knots).values, strict=True)
        return BrokenLine(knots, tuple(v - w for v, w in pairs))

    def __mul__(self, factor: Fraction | int) -> BrokenLine:
        return BrokenLine(self.knots, tuple(v * factor for v in self.values))

    @property
    def constant(self) -> Fraction | None:
        """The value of a constant."""
        return self.values[0] if len(set(self.values)) == 1 else None


def _union(a: Sequence[Fraction], b: Sequence[Fraction]) -> tuple[Fraction, ...]:
    return tuple(a) if a == b else tuple(sorted({*a, *b}))


@dataclass(frozen=True, slots=True)
class BrokenAlgebra:
    """Programs of constants, sums, multiples, absolute values, minima and maxima; ValueError at anything else.

    So it is at more than ``most`` pieces: absolute values of absolute values may double them every time.
    """

    most: int

    def __getattr__(self, name: str) -> Any:
        raise ValueError(f"{name}: not a broken line")

    def const(self, q: Fraction) -> BrokenLine:
        """The constant q."""
        return BrokenLine(ENDS, (q, q))

    def neg(self, a: BrokenLine) -> BrokenLine:
        """-a."""
        return a * -1

    def add(self, a: BrokenLine, b: BrokenLine) -> BrokenLine:
        """a + b."""
        return a - b * -1

    def sub(self, a: BrokenLine, b: BrokenLine) -> BrokenLine:
        """a - b."""
        return a - b

    def mul(self, a: BrokenLine, b: BrokenLine) -> BrokenLine:
        """a b, if one of them is constant."""
        a, b = (a, b) if a.constant is None else (b, a)
        if b.constant is None:
            raise ValueError("a product of two functions is not a broken line")
        return a * b.constant

    def div(self, a: BrokenLine, b: BrokenLine) -> BrokenLine:
        """a / b, if b is a constant other than 0."""
        if not b.constant:
            raise ValueError("a quotient is not a broken line")
        return a * (1 / b.constant)

    def abs(self, a: BrokenLine) -> BrokenLine:
        """|a|."""
        a = a.split()
        if len(a.knots) > self.most + 1:
            raise ValueError("too many pieces")
        return BrokenLine(a.knots, tuple(map(abs, a.values)))

    def max(self, a: BrokenLine, b: BrokenLine) -> BrokenLine:
        """The larger of the two: (a + b + |a - b|) / 2."""
        return (a - b * -1 - self.abs(a - b) * -1) * Fraction(1, 2)

    def min(self, a: BrokenLine, b: BrokenLine) -> BrokenLine:
        """The smaller of the two."""
        return self.max(a * -1, b * -1) * -1


Line = tuple[NDArray[Any], IntArray]
"""Integers (w, n) over 2^e, e (w,): the slope or the value at 0 of w neurons on n pieces."""


def broken_line(target: Target, most: int) -> BrokenLine | None:
    """A target in one variable, in unit coordinates, if it is known to have at most so many linear pieces.

    >>> line = broken_line(ExpressionTarget("abs(x - 1/3)"), 10)
    >>> [str(t) for t in line.knots]
    ['0', '1/3', '1']
    """
    if target.dim != 1:
        return None
    if type(target) is SamplesTarget:
        data = target.data.tolist()
        if len(data) > most + 1:
            return None
        return BrokenLine(tuple(Fraction(k, len(data) - 1) for k in range(len(data))), tuple(map(Fraction, data)))
    if type(target) is not ExpressionTarget:
        return None
    (low,), (high,) = target.box.lower, target.box.upper
    algebra: Any = BrokenAlgebra(most)
    try:
        line: BrokenLine = target.program.evaluate(algebra, [BrokenLine(ENDS, (low, high))])
    except ValueError:
        return None
    return line


def grade_lines(model: TrainedModel, most: int) -> list[BrokenLine] | None:
    """g_1, ..., g_K of a model in one variable; None if a layer has more than ``most`` pieces."""
    knots, none = list(ENDS), np.zeros(1, dtype=np.int64)
    lines: list[Line] = [(np.array([[1]], dtype=object), none), (np.array([[0]], dtype=object), none)]
    out = []
    for grade in model.grades:
        for w, b in zip(grade.weights, grade.biases, strict=True):
            lines = [affine(*part, w, c) for part, c in zip(lines, (0 * b, b), strict=True)]
            knots, piece = _cut(knots, lines)
            if len(piece) > most:
                return None
            lines = [(part[:, piece], e) for part, e in lines]
            on = _at(lines, [(s + t) / 2 for s, t in pairwise(knots)]) > 0
            lines = [(np.where(on, part, 0), e) for part, e in lines]
        ends = (np.zeros(1), np.array([grade.constant]))
        parts = (affine(*part, grade.readout[None, :], c) for part, c in zip(lines, ends, strict=True))
        slopes, starts = ([rational(value, int(e[0])) for value in part[0].tolist()] for part, e in parts)
        values = [slope * t + start for slope, start, t in zip(slopes, starts, knots, strict=False)]
        out.append(BrokenLine(tuple(knots), (*values, slopes[-1] + starts[-1])))
    return out


def _at(lines: Sequence[Line], t: Sequence[Fraction]) -> NDArray[Any]:
    """(w, n): a positive multiple of a t_i + b on piece i, for each neuron an integer."""
    (a, ea), (b, eb) = lines
    high = np.maximum(ea, eb)
    p = np.array([x.numerator for x in t], dtype=object) << (high - ea).astype(object)[:, None]
    q = np.array([x.denominator for x in t], dtype=object) << (high - eb).astype(object)[:, None]
    return np.asarray(a * p + b * q)


def _cut(knots: list[Fraction], lines: Sequence[Line]) -> tuple[list[Fraction], list[int]]:
    """The knots with the roots between them, and the old piece of each new one."""
    left, right = _at(lines, knots[:-1]), _at(lines, knots[1:])
    (a, ea), (b, eb) = lines
    roots: list[set[Fraction]] = [{t} for t in knots[:-1]]
    for j, i in zip(*np.nonzero(((left > 0) & (right < 0)) | ((left < 0) & (right > 0))), strict=True):
        roots[i].add(Fraction(-b[j, i], a[j, i]) * Fraction(2) ** int(ea[j] - eb[j]))
    new = [(t, i) for i, found in enumerate(roots) for t in sorted(found)]
    return [*(t for t, _ in new), knots[-1]], [i for _, i in new]


def growth(e: BrokenLine, g: BrokenLine) -> Fraction | None:
    """A dyadic t where |e - g| - |e| is nearly as large as anywhere; None if it is > 0 nowhere at all.

    Between its breaks that difference is linear, so that its largest value is at one of them.  A point with e = 0,
    where every g != 0 lets |e| grow, is left for one beside it with e != 0 that is nearly as good, where there is one.

    >>> e = broken_line(ExpressionTarget("x - 1/3"), 1)
    >>> growth(e, e * 2), str(growth(e, e * Fraction(5, 2)))
    (None, '1')
    """
    signs, q = g.split(), (e * 2 - g).split()
    knots = _union(signs.knots, q.knots)
    ends = [list(pairwise(line)) for line in (knots, signs.on(knots).values, q.on(knots).values)]
    if not any((v + w) * (x + y) < 0 for _, (v, w), (x, y) in zip(*ends, strict=True)):
        return None
    rest = e - g
    knots = _union(knots, _union(e.split().knots, rest.split().knots))
    places = tuple(sorted({*knots, *((s + t) / 2 for s, t in pairwise(knots))}))
    before = e.on(places).values
    grown = [abs(w) - abs(v) for v, w in zip(before, rest.on(places).values, strict=True)]
    i = max(range(len(places)), key=grown.__getitem__)
    nothing = not any(before[max(i - 1, 0) : i + 2])  # e = 0 on both sides: there is no other point
    bits = 0
    while True:
        near = round(places[i] * (1 << bits))
        for n in (near, near - 1, near + 1):
            if 0 <= n <= 1 << bits:
                t = Fraction(n, 1 << bits)
                v = e.at(t)
                if abs(rest.at(t)) - abs(v) >= grown[i] * NEARLY and (v or nothing):
                    return t
        bits += 1
