"""Is the formula defined and bounded on the whole box?  Asked once, before anything is built on it.

A cell is *clear* if every operation that is not defined on all of R has a finite enclosure there, and
the formula has one.  Cells that are not clear are split; the answer is yes when none is left.  The
answer no names an operation and a place, and says which of three things is known:

- it is undefined *at* a point: the operation's argument there, enclosed or computed in exact
  arithmetic, lies outside its domain;
- it is undefined *near* a point: a denominator (or the cosine below a tangent) is continuous on a
  segment and has opposite signs at its ends, so it vanishes on it;
- it *cannot be shown* to be defined: at one point the enclosures are not good enough, or the
  subdivision reached its limits.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from copy import copy
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import TargetError
from mgdl_theory.rigor.exact import evaluate
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import quiet
from mgdl_theory.rigor.special import BRANCH
from mgdl_theory.targets.base import IntArray
from mgdl_theory.targets.formula.gaps import Gap, candidates, open_gap, simplest
from mgdl_theory.targets.formula.graph import Node, Program
from mgdl_theory.targets.formula.local import NoLimitError
from mgdl_theory.targets.formula.simplifier import Builder
from mgdl_theory.targets.formula.target import CHUNK, ExpressionTarget
from mgdl_theory.text import near_text, plain, range_text

DEEPEST = 48
"""Definition: level at which the subdivision gives up; nodes of the next level are exact in binary64."""

MAX_CELLS = 1 << 16
"""Experience: cells that one level may have."""

START_BITS = 8
"""Experience: the subdivision starts with at most 2**8 cells, so that the range it returns is not too coarse."""

BISECTIONS = 100
"""Experience: steps that narrow a segment on which a sign changes."""

EXACT_BITS = 4096
"""Experience: bits of a rational number in exact evaluation at a point."""

Point = tuple[Fraction, ...]


def require_defined(target: ExpressionTarget) -> Interval:
    """An enclosure (1,) of the range of f over the whole box, on which f is thereby shown to be defined.

    Raises
    ------
    TargetError
        Where an operation of the formula is undefined or unbounded, or cannot be shown not to be.

    >>> reach = require_defined(ExpressionTarget("1/(x*x - x + 1)"))
    >>> bool(0.9 <= reach.lo[0] <= 1.0 and 4 / 3 <= reach.hi[0] <= 1.4)
    True
    >>> require_defined(ExpressionTarget("1/(x - 1/3)"))
    Traceback (most recent call last):
    mgdl_theory.errors.TargetError: 1/(x - 1/3) is undefined at x = 1/3: the denominator is 0; ...
    """
    with quiet():
        return _subdivide(target)


def over_gaps(target: ExpressionTarget) -> ExpressionTarget:
    """The continuous function that a formula denotes on its box: the formula itself, extended over removable gaps.

    Raises
    ------
    TargetError
        Where an operation is undefined and no limit is shown, with the operation, the place and the reason.

    >>> f = over_gaps(ExpressionTarget("sin(x)/x"))
    >>> f.notes
    ('sin(x)/x is undefined at x = 0; its limit there, 1, is taken',)
    >>> over_gaps(ExpressionTarget("cos(x)/x"))
    Traceback (most recent call last):
    mgdl_theory.errors.TargetError: cos(x)/x is undefined at x = 0: the denominator is 0; ...
    """
    while True:
        try:
            require_defined(target)
            return target
        except TargetError as refusal:
            target = _by_convention(target) or _over_gaps_found(target, refusal)


def _by_convention(target: ExpressionTarget) -> ExpressionTarget | None:
    """The formula with exp(-u/max(v, 0)) taken as 0 where v <= 0, if there is such a part."""
    builder, said, values = Builder(), list[str](), list[int]()
    for k, node in enumerate(target.program.nodes):
        args = [values[a] for a in node.args]
        if node.op == "exp" and (found := _flat_quotient(builder, args[0])) is not None:
            values.append(builder.expdiv(*found))
            said.append(plain(target.program.text_of(k), 60))
        elif node.op == "var":
            values.append(builder.variable(int(node.value or 0)))
        else:
            more = [] if node.value is None else [node.value]
            values.append(getattr(builder, node.op)(*args, *more))
    if not said:
        return None
    found_target = copy(target)
    found_target.program = builder.program(values[-1], target.program.variables)
    found_target.notes += tuple(
        f"{text} is taken as 0 where the max is 0: a convention for exp of minus infinity, no limit" for text in said
    )
    return found_target


def _flat_quotient(builder: Builder, node: int) -> tuple[int, int] | None:
    """u and v of -u/max(v, 0), or of -u/max(v, 0)**n with max(v, 0)**n for v."""
    sign, nodes = -1, builder.nodes
    while nodes[node].op == "neg":
        sign, node = -sign, nodes[node].args[0]
    factor = Fraction(sign)
    if nodes[node].op == "mul" and nodes[nodes[node].args[0]].op == "const":
        scale, node = nodes[node].args
        factor *= Fraction(nodes[scale].value or 0)
    if nodes[node].op != "div":
        return None
    above, below = nodes[node].args
    power = nodes[below].op == "powi" and int(nodes[below].value or 0) > 0
    inner = nodes[below].args[0] if power else below
    zero = builder.const(Fraction(0))
    if nodes[inner].op != "max" or zero not in nodes[inner].args:
        return None
    a, b = nodes[inner].args
    u = builder.mul(builder.const(factor), above)
    if (nodes[u].op == "const" and Fraction(nodes[u].value or 0) <= 0) or nodes[u].op == "neg":
        return None
    return u, below if power else b if a == zero else a


MAX_GAPS = 16
"""Experience: gaps of one formula."""


def _over_gaps_found(target: ExpressionTarget, refusal: TargetError) -> ExpressionTarget:
    """The extension over places where nothing is known, at least the first; else the refusal, with the reason."""
    known = {(gap.axis, gap.at) for gap in target.gaps}
    places = [place for place in candidates(target) if place not in known and not _is_defined(target, *place)]
    if not places or len(known) >= MAX_GAPS:
        raise refusal
    found = target
    for axis, at in places[: MAX_GAPS - len(known)]:
        where = f"{target.program.variables[axis]} = {at}"
        try:
            gap = open_gap(target.program, target.box, target.engine, axis, at)
        except NoLimitError as reason:
            if found is not target:
                break
            said = str(refusal).removesuffix(f"; {_CHANGE}")
            raise TargetError(f"{said}; no limit is shown at {where}, since {reason}; {_CHANGE}") from None
        found = found.with_gap(gap)
        text = plain(target.text, 60)
        found.notes += (f"{text} is undefined at {where}; its limit there, {_limit(found, gap)}, is taken",)
    return found


def _is_defined(target: ExpressionTarget, axis: int, at: Fraction) -> bool:
    """Whether every operation is defined at a point of the plane; then it is no gap."""
    sides = zip(target.box.lower, target.box.upper, strict=True)
    point = tuple(at if k == axis else a + Fraction(377, 987) * (b - a) for k, (a, b) in enumerate(sides))
    with quiet():
        return _first_failure(target, point, point) is None


def _limit(target: ExpressionTarget, gap: Gap) -> str:
    """The limit in words: a rational number, an enclosure, or that it depends on the other variables."""
    if gap.limit.rational is not None:
        return str(gap.limit.rational)
    if not gap.limit.is_constant:
        return "a function of the other variables"
    with quiet():
        value = evaluate(gap.limit, target.engine, {})
    return f"in {range_text(float(value.lo[0]), float(value.hi[0]))}"


def _subdivide(target: ExpressionTarget) -> Interval:
    d, start = target.dim, START_BITS // target.dim
    offsets = np.array(list(product((0, 1), repeat=d)), dtype=np.int64)
    cells = np.array(list(product(range(1 << start), repeat=d)), dtype=np.int64)
    low, high = np.inf, -np.inf
    for level in range(start, DEEPEST + 1):
        reach = target.ranges(level, cells)
        clear = np.isfinite(reach.lo) & np.isfinite(reach.hi)
        low = min(low, float(reach.lo[clear].min(initial=np.inf)))
        high = max(high, float(reach.hi[clear].max(initial=-np.inf)))
        if clear.all():
            break
        cells = cells[~clear]
        _inspect(target, level, cells, offsets)
        if level == DEEPEST or len(cells) << d > MAX_CELLS:
            raise _not_shown(target, *_cell(target, level, cells[0]))
        cells = (2 * cells[:, None, :] + offsets[None, :, :]).reshape(-1, d)
    return Interval(np.array([low]), np.array([high]))


def _inspect(target: ExpressionTarget, level: int, cells: IntArray, offsets: IntArray) -> None:
    """Raise if points of these doubtful cells show that f is undefined, or that splitting is in vain."""
    samples = np.concatenate([2 * offsets if target.dim <= 4 else 2 * offsets[[0, -1]], np.ones((1, target.dim), int)])
    nodes = (2 * cells[:, None, :] + samples[None, :, :]).reshape(-1, target.dim)
    blamed, outside = _at_nodes(target, level + 1, nodes)

    def nicest(which: NDArray[np.bool_]) -> tuple[int, Point]:
        found = [(int(blamed[k]), target.box.point(nodes[k].tolist(), level + 1)) for k in np.flatnonzero(which)[:512]]
        return min(found, key=lambda item: sum(x.denominator for x in item[1]))

    if outside.any():
        raise _undefined(target, *nicest(outside))
    stuck = nicest(blamed >= 0) if (blamed >= 0).any() else None
    chosen = [_cell(target, level, cells[k]) for k in sorted({0, len(cells) // 2, len(cells) - 1})]
    points = [stuck[1]] if stuck else []
    for point in points + [_simplest_point(*cell) for cell in chosen]:
        number = _undefined_exactly(target.program, point)
        if number is not None:
            raise _undefined(target, number, point)
    around = [_neighbourhood(target, stuck[1], level)] if stuck else []
    for low, high in around + chosen:
        _find_sign_change(target, low, high)
    if stuck:
        raise _not_shown(target, stuck[1], stuck[1])


# -- what points tell ------------------------------------------------------------------------------


class _Failure(NamedTuple):
    """An operation of a program without a finite result, with its arguments, for one element."""

    number: int
    args: list[Interval]
    result: Interval


def _at_nodes(target: ExpressionTarget, level: int, nodes: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """Per node the operation that is to blame (-1: all is well), and whether its argument is outside its domain."""
    blamed, outside = np.full(len(nodes), -1, dtype=np.int64), np.zeros(len(nodes), dtype=np.bool_)
    for start in range(0, len(nodes), CHUNK):
        part = slice(start, start + CHUNK)
        sides = [target.box.coordinates(axis, nodes[part, axis], level) for axis in range(target.dim)]
        first, failed = np.full(len(nodes[part]), -1), np.zeros(len(nodes[part]), dtype=np.bool_)
        for number, args, result in target.program.steps(target.engine, sides):
            lost = ~(np.isfinite(result.lo) & np.isfinite(result.hi))
            if lost.any():
                new = lost & (first < 0)
                first[new] = number
                outside[part] |= new & _outside(target.program.nodes[number], args)
                failed |= lost & _must_be_finite(target.program, number)
        blamed[part] = np.where(failed, first, -1)
    return blamed, outside & (blamed >= 0)


def _first_failure(target: ExpressionTarget, low: Point, high: Point) -> _Failure | None:
    """The operation to blame on the box from ``low`` to ``high``: the first one without a finite result."""
    sides = [
        Interval(np.minimum(a.lo, b.lo), np.maximum(a.hi, b.hi))
        for a, b in ((Interval.exact(p), Interval.exact(q)) for p, q in zip(low, high, strict=True))
    ]
    first = None
    for number, args, result in target.program.steps(target.engine, sides):
        if not (np.isfinite(result.lo).all() and np.isfinite(result.hi).all()):
            first = first or _Failure(number, args, result)
            if _must_be_finite(target.program, number):
                return first
    return None


def _must_be_finite(program: Program, number: int) -> bool:
    """A partial operation, or the formula itself; an overflow elsewhere may be harmless, as in atan(exp(x))."""
    return program.nodes[number].partial or number == len(program.nodes) - 1


def _outside(node: Node, args: Sequence[Any]) -> Any:
    """Whether the arguments, known as sets with ends lo and hi, lie outside the domain of the operation."""
    if node.op in ("div", "powi") and node.partial:
        return (args[-1].lo == 0) & (args[-1].hi == 0)
    if node.op in ("log", "pow") or (node.op == "powq" and _negative(node)):
        return args[0].hi <= 0
    if node.op in ("sqrt", "powq"):
        return args[0].hi < 0
    if node.op in ("asin", "acos"):
        return (args[0].lo > 1) | (args[0].hi < -1)
    if node.op == "atan2":
        return (args[0].lo == 0) & (args[0].hi == 0) & (args[1].hi <= 0)
    if node.op == "expdiv":
        return (args[0].hi <= 0) & (args[1].hi <= 0)
    return node.op in _ABOVE and args[0].hi <= _ABOVE[node.op]


_ABOVE = {"log1p": -1.0, "gamma": 0.0, "lgamma": 0.0, "lambertw": math.nextafter(BRANCH, -1.0)}
"""Theorem: these operations are undefined for arguments that are at most this."""


def _negative(node: Node) -> bool:
    return node.value is not None and node.value < 0


class _Exactly(NamedTuple):
    lo: Fraction
    hi: Fraction


_EXACT: dict[str, Callable[..., Fraction]] = {
    "neg": operator.neg,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "powi": operator.pow,
    "abs": abs,
    "min": min,
    "max": max,
}


def _undefined_exactly(program: Program, point: Point) -> int | None:
    """The first operation that rational arithmetic shows to be undefined at a rational point."""
    values: list[Fraction | None] = []
    for number, node in enumerate(program.nodes):
        args = [values[a] for a in node.args]
        known = [a for a in args if a is not None]
        whole = bool(args) and len(known) == len(args)
        if whole and node.partial and _outside(node, [_Exactly(a, a) for a in known]):
            return number
        values.append(_rational(node, known, point) if whole or not args else None)
    return None


def _rational(node: Node, args: list[Fraction], point: Point) -> Fraction | None:
    """The value of a node, if it is rational by its operation and not too long."""
    if isinstance(node.value, int) and node.op == "var":
        return point[node.value]
    if node.op == "const":
        return None if node.value is None else Fraction(node.value)
    if node.op not in _EXACT:
        return None
    exponent = [node.value] if isinstance(node.value, int) else []
    size = sum(max(a.numerator.bit_length(), a.denominator.bit_length()) for a in args)
    if size * max(map(abs, exponent), default=1) > EXACT_BITS:
        return None
    return Fraction(_EXACT[node.op](*args, *exponent))


# -- what signs tell -------------------------------------------------------------------------------


def _find_sign_change(target: ExpressionTarget, low: Point, high: Point) -> None:
    """Raise if the first operation that fails on the box divides by something that changes its sign there.

    Every operation before it has a finite enclosure on the box, so the divisor is continuous on it.
    """
    failure = _first_failure(target, low, high)
    if failure is None or target.program.nodes[failure.number].op not in _DIVISOR:
        return
    corners = list(product(*zip(low, high, strict=True)))[:16]
    signs = [_sign(target, failure.number, point) for point in corners]
    if 1 in signs and -1 in signs:
        ends = _narrowed(target, failure.number, corners[signs.index(-1)], corners[signs.index(1)])
        exact = _simplest_point(*ends)
        if _undefined_exactly(target.program, exact) == failure.number:
            raise _undefined(target, failure.number, exact)
        raise _undefined_near(target, failure.number, ends[0])


_DIVISOR: dict[str, Callable[[Any, Sequence[Interval]], Interval]] = {
    "div": lambda engine, args: args[1],
    "powi": lambda engine, args: args[0],
    "tan": lambda engine, args: engine.cos(args[0]),
}
"""What an operation divides by."""


def _sign(target: ExpressionTarget, number: int, point: Point) -> int:
    """Sign of what an operation divides by at a point; 0 if the enclosure does not tell."""
    sides = [Interval.exact(x) for x in point]
    for k, args, _ in target.program.steps(target.engine, sides):
        if k == number:
            divisor = _DIVISOR[target.program.nodes[k].op](target.engine, args)
            return int(divisor.lo[0] > 0) - int(divisor.hi[0] < 0)
    return 0


def _narrowed(target: ExpressionTarget, number: int, negative: Point, positive: Point) -> tuple[Point, Point]:
    """A short part of the segment at whose ends the divisor has certain, opposite signs."""
    for _ in range(BISECTIONS):
        for share in (Fraction(1, 2), Fraction(7, 16), Fraction(9, 16)):
            middle = tuple(p + share * (q - p) for p, q in zip(negative, positive, strict=True))
            sign = _sign(target, number, middle)
            if sign:
                break
        if sign < 0:
            negative = middle
        elif sign > 0:
            positive = middle
        else:
            break
    return negative, positive


# -- places ----------------------------------------------------------------------------------------


def _cell(target: ExpressionTarget, level: int, cell: IntArray) -> tuple[Point, Point]:
    return target.box.point(cell.tolist(), level), target.box.point((cell + 1).tolist(), level)


def _neighbourhood(target: ExpressionTarget, point: Point, level: int) -> tuple[Point, Point]:
    """A box around the point, of the size of two cells of the level, inside the domain."""
    sides = list(zip(point, target.box.lower, target.box.upper, strict=True))
    low = tuple(max(x - (b - a) / 2**level, a) for x, a, b in sides)
    high = tuple(min(x + (b - a) / 2**level, b) for x, a, b in sides)
    return low, high


def _simplest_point(low: Point, high: Point) -> Point:
    """The point of the box from ``low`` to ``high`` whose coordinates have the smallest denominators.

    >>> _simplest_point((Fraction(5, 16),), (Fraction(3, 8),))
    (Fraction(1, 3),)
    """
    return tuple(simplest(min(a, b), max(a, b)) for a, b in zip(low, high, strict=True))


# -- messages --------------------------------------------------------------------------------------

_NEEDS = {
    "div": "the denominator is 0",
    "powi": "0 has no negative power",
    "powq": "a fractional power needs a base >= 0",
    "pow": "a power with an exponent that is not rational needs a base > 0",
    "log": "log needs an argument > 0",
    "sqrt": "sqrt needs an argument >= 0",
    "asin": "asin needs an argument in [-1, 1]",
    "acos": "acos needs an argument in [-1, 1]",
    "log1p": "log1p needs an argument > -1",
    "gamma": "gamma needs an argument > 0",
    "lgamma": "lgamma needs an argument > 0",
    "lambertw": "lambertw needs an argument >= -1/e",
    "expdiv": "expdiv(u, v) needs u > 0 where v <= 0",
    "atan2": "atan2(y, x) jumps where y = 0 and x <= 0",
}
STABLE = "; log(1 + exp(u)) is softplus(u), and log(exp(u) + exp(v)) is u + softplus(v - u), which never overflow"
_CHANGE = "change the domain or the formula"


def _undefined(target: ExpressionTarget, number: int, point: Point) -> TargetError:
    node = target.program.nodes[number]
    why = "a negative power needs a base > 0" if node.op == "powq" and _negative(node) else _NEEDS[node.op]
    return TargetError(f"{_operation(target, number)} is undefined at {_place(target, point)}: {why}; {_CHANGE}")


def _undefined_near(target: ExpressionTarget, number: int, point: Point) -> TargetError:
    node = target.program.nodes[number]
    divisor = target.program.text_of(node.args[-1])
    divisor = f"cos({divisor})" if node.op == "tan" else divisor
    return TargetError(
        f"{_operation(target, number)} is undefined near {_place(target, point)}: "
        f"{plain(divisor, 60)} changes its sign there; {_CHANGE}"
    )


def _not_shown(target: ExpressionTarget, low: Point, high: Point) -> TargetError:
    failure = _first_failure(target, low, high)
    at = "at" if low == high else "near"
    place = _place(target, tuple((a + b) / 2 for a, b in zip(low, high, strict=True)))
    if failure is None:
        return TargetError(f"{target.text} cannot be shown to be defined {at} {place}; {_CHANGE}")
    node, name = target.program.nodes[failure.number], _operation(target, failure.number)
    if not node.partial or (node.op in ("gamma", "lgamma") and failure.args[0].lo.min() > 0):
        stable = STABLE if node.op == "exp" and any(other.op == "log" for other in target.program.nodes) else ""
        return TargetError(f"{name} leaves the range of binary64 {at} {place}; {_CHANGE}{stable}")
    inner = target.program.text_of(node.args[-1] if node.op == "div" else node.args[0])
    ends = failure.args[-1 if node.op == "div" else 0]
    advice = {"sqrt": f"sqrt(max({inner}, 0))", "powq": f"max({inner}, 0)**({node.value})"}.get(node.op)
    advice = f"{node.op}(min(max({inner}, -1), 1))" if node.op in ("asin", "acos") else advice
    return TargetError(
        f"{name} cannot be shown to be defined {at} {place}: {plain(inner, 60)} is only known to lie in "
        f"{range_text(ends.lo.min(), ends.hi.max())} there; "
        + (f"if it is defined, write {advice}" if advice and len(inner) < 60 else _CHANGE)
    )


def _operation(target: ExpressionTarget, number: int) -> str:
    own = plain(target.program.text_of(number), 60)
    return own if number == len(target.program.nodes) - 1 else f"{own} in {plain(target.text, 60)}"


def _place(target: ExpressionTarget, point: Point) -> str:
    names = ", ".join(target.program.variables)
    ends = ", ".join(str(x) if x.denominator < 10**6 and abs(x) < 10**15 else near_text(x, 15) for x in point)
    return f"{names} = {ends}" if len(point) == 1 else f"({names}) = ({ends})"
