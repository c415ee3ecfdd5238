"""Continuous uses of floor and sign: parts that are piecewise linear in one variable, with their jumps, exactly.

A part of a formula that is made of one variable and rational numbers by sums, rational factors, abs, min, max, floor
and sign is linear on finitely many open intervals of a box, with rational ends and coefficients.  So its value and its
two one-sided limits at every end are rational numbers, and whether they are equal is decided, not estimated
(docs/targets.md, Proposition T4).  Where they are, the part is replaced by the same function without jumps,

    f(x) = f(t_0) + sum_i m_i (min(max(x, t_i), t_(i+1)) - t_i),

m_i its slope on [t_i, t_(i+1)]; where they are not, or floor stands in anything else, the formula is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Any, NoReturn

from mgdl_theory.errors import TargetError
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.formula.graph import Program
from mgdl_theory.targets.formula.simplifier import Builder
from mgdl_theory.text import count, plain

JUMPING = ("floor", "sign")
"""Definition: operations that jump; a program has none of them once :func:`without_jumps` is done with it."""

MAX_PIECES = 400
"""Definition: linear pieces of a part, at most."""

Line = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Pieces:
    """A function of one coordinate t: m t + c on each open interval between knots, and ``at`` the knots themselves."""

    knots: tuple[Fraction, ...]
    lines: tuple[Line, ...]
    at: tuple[Fraction, ...]

    @classmethod
    def constant(cls, value: Fraction, ends: tuple[Fraction, Fraction]) -> Pieces:
        """The same value everywhere."""
        return cls(ends, ((Fraction(0), value),), (value, value))

    @property
    def is_constant(self) -> bool:
        """Whether it is one number."""
        return {(Fraction(0), v) for v in self.at} == set(self.lines)

    def cut(self, more: Iterable[Fraction]) -> Pieces:
        """The same function with further knots."""
        knots = sorted({*self.knots, *(t for t in more if self.knots[0] < t < self.knots[-1])})
        if len(knots) > MAX_PIECES + 1:
            raise TargetError(f"floor and sign have more than {MAX_PIECES} pieces here; take a smaller domain")
        known, lines, at, k = dict(zip(self.knots, self.at, strict=True)), [], [], 0
        for t in knots:
            while k < len(self.lines) - 1 and t >= self.knots[k + 1]:
                k += 1
            at.append(known[t] if t in known else _value(self.lines[k], t))
            lines.append(self.lines[k])
        return Pieces(tuple(knots), tuple(lines[:-1]), tuple(at))

    def split(self) -> Pieces:
        """Cut at the zeros between the knots."""
        return self.cut(-c / m for (m, c), (a, b) in self._parts() if m and a < -c / m < b)

    def _parts(self) -> Iterable[tuple[Line, tuple[Fraction, Fraction]]]:
        return zip(self.lines, pairwise(self.knots), strict=True)

    def map(self, number: Callable[[Fraction], Fraction], line: Callable[[Line, Fraction], Line]) -> Pieces:
        """``number`` of the values at the knots, and ``line`` of each line and its value in the middle."""
        lines = [line(own, _value(own, (a + b) / 2)) for own, (a, b) in self._parts()]
        return Pieces(self.knots, tuple(lines), tuple(map(number, self.at)))

    def plus(self, other: Pieces, factor: int = 1) -> Pieces:
        """The sum with a multiple of another."""
        a, b = self.cut(other.knots), other.cut(self.knots)
        lines = tuple((m + factor * n, c + factor * d) for (m, c), (n, d) in zip(a.lines, b.lines, strict=True))
        return Pieces(a.knots, lines, tuple(v + factor * w for v, w in zip(a.at, b.at, strict=True)))

    def times(self, q: Fraction) -> Pieces:
        """A multiple."""
        return self.map(lambda v: q * v, lambda line, _: (q * line[0], q * line[1]))

    def larger(self, other: Pieces) -> Pieces:
        """The larger of the two: (a + b + |a - b|) / 2."""
        return self.plus(other).plus(self.plus(other, -1).abs()).times(Fraction(1, 2))

    def abs(self) -> Pieces:
        """The magnitude."""
        return self.split().map(abs, lambda line, middle: line if middle > 0 else (-line[0], -line[1]))

    def sign(self) -> Pieces:
        """-1, 0 or 1."""
        return self.split().map(_sign, lambda _, middle: (Fraction(0), _sign(middle)))

    def floor(self) -> Pieces:
        """The largest integer that is no larger."""
        levels: list[Fraction] = []
        for (m, c), (a, b) in self._parts():
            low, high = sorted((m * a + c, m * b + c))
            if high - low > MAX_PIECES:
                raise TargetError(f"floor has more than {MAX_PIECES} pieces here; take a smaller domain")
            levels += [(n - c) / m for n in range(ceil(low), floor(high) + 1)] if m else []
        step = self.cut(levels)
        return step.map(lambda v: Fraction(floor(v)), lambda _, middle: (Fraction(0), Fraction(floor(middle))))

    def jump(self) -> tuple[Fraction, list[Fraction]] | None:
        """The first knot whose value and limits differ, with the limit from below, the value, the limit from above."""
        for k, t in enumerate(self.knots):
            found = [_value(self.lines[k - 1], t)] if k else []
            found += [self.at[k], *([_value(self.lines[k], t)] if k < len(self.lines) else [])]
            if len(set(found)) > 1:
                return t, found
        return None

    def build(self, builder: Builder, x: int) -> int:
        """The node of this function, which has no jump, of the coordinate x."""
        whole = builder.const(self.at[0])
        for k, ((m, _), (a, b)) in enumerate(self._parts()):
            inner = x if k == 0 else builder.max(x, builder.const(a))
            inner = inner if k == len(self.lines) - 1 else builder.min(inner, builder.const(b))
            if m:
                whole = builder.add(whole, builder.mul(builder.const(m), builder.sub(inner, builder.const(a))))
        return whole


def _value(line: Line, t: Fraction) -> Fraction:
    return line[0] * t + line[1]


def _sign(v: Fraction) -> Fraction:
    return Fraction((v > 0) - (v < 0))


def without_jumps(program: Program, box: Box) -> tuple[Program, str]:
    """The same function on the box without floor and sign, and what was found; or TargetError.

    >>> from mgdl_theory.targets.formula.parser import parse
    >>> new, said = without_jumps(parse("abs(x - 2*floor((x + 1)/2))", jumps=True), Box.of([0, 2]))
    >>> new.text, said
    ('min(x, 1) - (max(x, 1) - 1)', 'the jumps of floor and sign cancel: 2 linear pieces in their place')
    """
    parts = _parts(program, box)
    below = [node.op in JUMPING for node in program.nodes]
    for k, node in enumerate(program.nodes):
        below[k] |= any(below[a] for a in node.args)
    builder, made, total = Builder(), dict[int, int](), 0
    needed, stack = set[int](), [len(program.nodes) - 1]
    while stack:
        k = stack.pop()
        if k not in needed:
            needed.add(k)
            stack += () if below[k] and parts[k] is not None else program.nodes[k].args
    for k in sorted(needed):
        node, found = program.nodes[k], parts[k]
        if below[k] and found is not None:
            axis, pieces = found
            if (jump := pieces.jump()) is not None:
                _refuse(program, k, axis, *jump)
            made[k], total = pieces.build(builder, builder.variable(axis)), total + len(pieces.lines)
        elif node.op in JUMPING:
            raise TargetError(
                f"{plain(program.text_of(k), 60)}: its argument is not piecewise linear in one variable with rational "
                "numbers, so its jumps are not known exactly; for a multiple of pi substitute x = t/pi"
            )
        elif node.op == "var":
            made[k] = builder.variable(int(node.value or 0))
        else:
            more = [] if node.value is None else [node.value]
            made[k] = getattr(builder, node.op)(*(made[a] for a in node.args), *more)
    new = builder.program(made[len(program.nodes) - 1], program.variables)
    return new, f"the jumps of floor and sign cancel: {count(total, 'linear piece')} in their place"


def _refuse(program: Program, k: int, axis: int, t: Fraction, found: list[Fraction]) -> NoReturn:
    raise TargetError(
        f"{plain(program.text_of(k), 60)} jumps at {program.variables[axis]} = {t}: the limits from the sides and the "
        f"value there are {', '.join(map(str, found))}, and no sum, rational factor, abs, min or max that it stands in "
        "takes the jump away; the theorem is about continuous functions, and abs, min and max have no jumps"
    )


def _parts(program: Program, box: Box) -> list[tuple[int, Pieces] | None]:
    """For each node its variable and pieces, where it is such a part; a constant has the variable 0."""
    out: list[tuple[int, Pieces] | None] = []
    for node in program.nodes:
        args = [out[a] for a in node.args]
        own: tuple[int, Pieces] | None = None
        if node.op == "const":
            own = (-1, Pieces.constant(Fraction(node.value or 0), (Fraction(0), Fraction(1))))
        elif node.op == "var":
            axis = int(node.value or 0)
            ends = (box.lower[axis], box.upper[axis])
            own = (axis, Pieces(ends, ((Fraction(1), Fraction(0)),), ends))
        elif args and all(arg is not None for arg in args):
            own = _combined(node.op, [arg for arg in args if arg is not None], box)
        out.append(own)
    return out


def _combined(op: str, args: list[tuple[int, Pieces]], box: Box) -> tuple[int, Pieces] | None:
    axes = {axis for axis, _ in args if axis >= 0}
    if len(axes) > 1:
        return None
    axis = next(iter(axes), -1)
    ends = (box.lower[axis], box.upper[axis]) if axis >= 0 else (Fraction(0), Fraction(1))
    p = [pieces if own >= 0 or axis < 0 else Pieces.constant(pieces.at[0], ends) for own, pieces in args]
    simple: dict[str, Callable[[], Any]] = {
        "neg": lambda: p[0].times(Fraction(-1)), "abs": lambda: p[0].abs(), "floor": lambda: p[0].floor(),
        "sign": lambda: p[0].sign(), "add": lambda: p[0].plus(p[1]), "sub": lambda: p[0].plus(p[1], -1),
        "max": lambda: p[0].larger(p[1]),
        "min": lambda: p[0].times(Fraction(-1)).larger(p[1].times(Fraction(-1))).times(Fraction(-1)),
    }  # fmt: skip
    if op in simple:
        return axis, simple[op]()
    if op == "mul" and (p[0].is_constant or p[1].is_constant):
        factor, other = (p[0], p[1]) if p[0].is_constant else (p[1], p[0])
        return axis, other.times(factor.at[0])
    if op == "div" and p[1].is_constant and p[1].at[0]:
        return axis, p[0].times(1 / p[1].at[0])
    return None
