"""Continuous uses of floor and sign: jumps that cancel, decided in exact numbers.

A part of a formula that is made of one variable and rational numbers by sums, rational factors, abs, min, max, floor,
sign and where is linear on finitely many open intervals of a box, with rational ends and coefficients.  So its value
and its two one-sided limits at every end are rational numbers, and whether they are equal is decided.  Where they are,
the part is replaced by the same function without jumps,

    f(x) = f(t_0) + sum_i m_i (min(max(x, t_i), t_(i+1)) - t_i),

m_i its slope on [t_i, t_(i+1)].  Where parts jump, the whole formula may still be continuous, as floor(x) + frac(x)**2
is: f_i, the formula in which they have their lines on the piece i, has at both ends of the piece a value in exact
numbers, and where these agree (docs/theory.md, Lemma 27)

    f(x) = f_0(x_0) + sum_(i>0) (f_i(x_i) - f_i(t_i)),    x_i = min(max(x, t_i), t_(i+1)).

Everything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Any, NoReturn

from mgdl_theory.errors import TargetError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.exact import Exact, ExactValues, evaluate
from mgdl_theory.rigor.rounding import quiet
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.formula.gaps import enclosing
from mgdl_theory.targets.formula.graph import Program
from mgdl_theory.targets.formula.parser import MAX_CHARS
from mgdl_theory.targets.formula.simplifier import Builder
from mgdl_theory.text import count, plain, range_text

JUMPING = ("floor", "sign", "where")
"""Definition: operations that jump; a program has none of them once :func:`without_jumps` is done with it."""

MAX_PIECES = 400
"""Definition: linear pieces of a part, at most."""

MAX_CUTS = 64
"""Definition: pieces of a formula whose parts jump, at most; each has a copy of it."""

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
        return {*self.lines, *((Fraction(0), v) for v in self.at)} == {(Fraction(0), self.at[0])}

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

    def choose(self, below: Pieces, other: Pieces) -> Pieces:
        """``below`` where this is negative, else ``other``."""
        test = self.split().cut([*below.knots, *other.knots])
        a, b = below.cut(test.knots), other.cut(test.knots)
        signs = [_value(line, (p + q) / 2) < 0 for line, (p, q) in test._parts()]
        lines = tuple(p if low else q for low, p, q in zip(signs, a.lines, b.lines, strict=True))
        at = tuple(p if v < 0 else q for v, p, q in zip(test.at, a.at, b.at, strict=True))
        return Pieces(test.knots, lines, at)

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
    """The same function on the box without floor and sign, and what was found.

    Raises
    ------
    TargetError
        Where a jump is left, with the point and the values there; where the jumps of a part are not known exactly.

    >>> from mgdl_theory.targets.formula.parser import parse
    >>> new, said = without_jumps(parse("abs(x - 2*floor((x + 1)/2))", jumps=True), Box.of([0, 2]))
    >>> new.text, said
    ('min(x, 1) - (max(x, 1) - 1)', 'the jumps of floor and sign cancel: 2 pieces in their place')
    """
    new, total = _joined_parts(program, box)
    while any(node.op in JUMPING for node in new.nodes):
        new, pieces = _cut(program, new, box)
        total += pieces
    if len(new.text) > MAX_CHARS:
        raise TargetError(f"{plain(program.text, 60)} has too many jumps on this domain; take a smaller one")
    return new, f"the jumps of floor and sign cancel: {count(total, 'piece')} in their place"


def _jumping(program: Program, box: Box) -> dict[int, tuple[int, Pieces]]:
    """The largest piecewise linear parts with floor or sign in them: node, variable and pieces."""
    parts = _parts(program, box)
    below = [node.op in JUMPING for node in program.nodes]
    for k, node in enumerate(program.nodes):
        below[k] |= any(below[a] for a in node.args)
    found: dict[int, tuple[int, Pieces]] = {}
    seen, stack = set[int](), [len(program.nodes) - 1]
    while stack:
        k = stack.pop()
        if k in seen or not below[k]:
            continue
        seen.add(k)
        part = parts[k]
        if part is not None:
            found[k] = part
            continue
        if program.nodes[k].op in JUMPING and program.nodes[k].op != "where":
            raise TargetError(
                f"{plain(program.text_of(k), 60)}: its argument is not piecewise linear in one variable with rational "
                "numbers, so its jumps are not known exactly; for a multiple of pi substitute x = t/pi"
            )
        stack += program.nodes[k].args
    return found


def _joined_parts(program: Program, box: Box) -> tuple[Program, int]:
    """Every part that has no jump as a formula, and the number of its pieces."""
    found = {k: part for k, part in _jumping(program, box).items() if part[1].jump() is None}
    builder = Builder()
    variables = [builder.variable(axis) for axis in range(program.dim)]
    joined = {k: pieces.build(builder, variables[axis]) for k, (axis, pieces) in found.items()}
    root = _evaluate(program, builder, variables, joined)
    return builder.program(root, program.variables), sum(len(pieces.lines) for _, pieces in found.values())


def _evaluate(
    program: Program,
    algebra: Any,
    variables: Sequence[Any],
    given: Mapping[int, Any],
    numbers: Mapping[int, Fraction] | None = None,
) -> Any:
    """The value of a program in which these nodes have these values; nodes below them are not asked.

    Of a choice whose condition is among ``numbers`` only the piece that is chosen is asked.
    """
    known, needed, stack = numbers or {}, dict[int, tuple[int, ...]](), [len(program.nodes) - 1]
    while stack:
        k = stack.pop()
        if k not in needed:
            node = program.nodes[k]
            chosen = node.op == "where" and node.args[0] in known
            below = (node.args[1 if known[node.args[0]] < 0 else 2],) if chosen else node.args
            needed[k] = () if k in given else below
            stack += needed[k]
    values = dict(given)
    for k in sorted(needed.keys() - values.keys()):
        node, args = program.nodes[k], [values[a] for a in needed[k]]
        if node.op == "var":
            values[k] = variables[int(node.value or 0)]
        elif len(args) < len(node.args):
            values[k] = args[0]
        else:
            more = [] if node.value is None else [node.value]
            method = getattr(algebra, node.op, None)
            values[k] = method(*args, *more) if method else algebra.function(node.op, *args)
    return values[len(program.nodes) - 1]


def _cut(program: Program, part: Program, box: Box) -> tuple[Program, int]:
    """The sum over the pieces between jumps in one variable (Lemma 27), each jump shown to cancel; their number."""
    found = _jumping(part, box)
    axis = next(iter(found.values()))[0]
    own = {k: pieces for k, (other, pieces) in found.items() if other == axis}
    knots = sorted({t for pieces in own.values() for t in pieces.knots})
    if len(knots) > MAX_CUTS + 1:
        raise TargetError(f"{plain(program.text, 60)} has more than {MAX_CUTS} pieces here; take a smaller domain")
    own = {k: pieces.cut(knots) for k, pieces in own.items()}
    _require_continuity(program, part, box, axis, own)
    builder = Builder()
    variables = [builder.variable(a) for a in range(part.dim)]

    def piece(i: int, x: int) -> int:
        """The formula of a piece, the coordinate being x."""
        lines = {k: pieces.lines[i] for k, pieces in own.items()}
        given = {k: builder.add(builder.mul(builder.const(m), x), builder.const(c)) for k, (m, c) in lines.items()}
        numbers = {k: c for k, (m, c) in lines.items() if not m}
        found: int = _evaluate(part, builder, [x if a == axis else v for a, v in enumerate(variables)], given, numbers)
        return found

    total = None
    for i, (low, high) in enumerate(pairwise(knots)):
        x = variables[axis]
        x = x if i == 0 else builder.max(x, builder.const(low))
        x = x if i == len(knots) - 2 else builder.min(x, builder.const(high))
        here = piece(i, x)
        total = here if total is None else builder.add(total, builder.sub(here, piece(i, builder.const(low))))
    assert total is not None
    return builder.program(total, part.variables), len(knots) - 1


def _require_continuity(program: Program, part: Program, box: Box, axis: int, own: Mapping[int, Pieces]) -> None:
    """Raise unless the value and the limits from the sides at every knot are formally equal."""
    A = ExactValues()
    some = next(iter(own.values()))
    for i, t in enumerate(some.knots):
        point = [A.const(t) if a == axis else A.letter("coordinate", name) for a, name in enumerate(part.variables)]
        ways = [{k: pieces.at[i] for k, pieces in own.items()}]
        if i:
            ways.insert(0, {k: _value(pieces.lines[i - 1], t) for k, pieces in own.items()})
        if i < len(some.lines):
            ways.append({k: _value(pieces.lines[i], t) for k, pieces in own.items()})
        try:
            values = [_evaluate(part, A, point, {k: A.const(v) for k, v in way.items()}, way) for way in ways]
        except ArithmeticError as reason:
            raise TargetError(
                f"{plain(program.text, 60)}: at {part.variables[axis]} = {t}: {reason}; each piece has to be defined "
                "at both of its ends (expdiv(1, x) is exp(-1/x), and 0 where x <= 0)"
            ) from None
        if len({value.key for value in values}) > 1:
            _refuse(program, box, part.variables[axis], t, values)


def _refuse(program: Program, box: Box, name: str, t: Fraction, values: Sequence[Exact]) -> NoReturn:
    """Name the point and what is known of the values there."""
    sides = {own: enclosing(a, b) for own, a, b in zip(program.variables, box.lower, box.upper, strict=True)}
    told = []
    for value in values:
        with quiet():
            near = evaluate(value, get_engine(), sides)
        known = value.rational
        told.append(str(known) if known is not None else range_text(float(near.lo[0]), float(near.hi[0])))
    exact = all(value.is_polynomial for value in values)
    raise TargetError(
        f"{plain(program.text, 60)} {'jumps' if exact else 'is not shown to be continuous'} at {name} = {t}: the "
        f"limits from the sides and the value there are {', '.join(told)}; the theorem is about continuous functions; "
        "abs, min and max have no jumps"
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
        "max": lambda: p[0].larger(p[1]), "where": lambda: p[0].choose(p[1], p[2]),
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
