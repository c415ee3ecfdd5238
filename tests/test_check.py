"""The independent checker: its arithmetic holds the truth, true certificates pass, false ones are refused by name."""

from __future__ import annotations

import copy
import functools
import math
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import PARTIAL, SMOOTH, expressions, names

import mgdl_theory as mg
from mgdl_theory.certificate import check, schema
from mgdl_theory.certificate.check import INF, LIMIT, Arithmetic, Check, Formula, Refused, Target, Undefined
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.jet import JetAlgebra
from mgdl_theory.targets.formula.parser import parse
from mgdl_theory.targets.formula.target import ExpressionTarget

BITS = check.BITS
SCALE = Fraction(1 << BITS)
ENGINES = ("arb", "mpmath")
Pair = tuple[int, int]


@functools.cache
def arithmetic(engine: str = "arb") -> Arithmetic:
    return Arithmetic(BITS, engine)


def low(x: Fraction) -> int:
    return math.floor(x * SCALE)


def high(x: Fraction) -> int:
    return math.ceil(x * SCALE)


def holds(interval: Pair, x: Fraction) -> bool:
    lo, hi = interval
    return (lo == -INF or lo <= x * SCALE) and (hi == INF or x * SCALE <= hi)


def number(x: Any) -> Fraction:
    """The exact value of an mpmath number."""
    sign, man, exp, _ = x._mpf_
    return (-1) ** sign * Fraction(int(man)) * Fraction(2) ** int(exp)


def finite(x: Any) -> bool:
    """Whether a value of the package's mpmath algebra is a finite real number."""
    return hasattr(x, "_mpf_") and bool(mpmath.isfinite(x))


RATIONALS = st.one_of(
    st.fractions(-4, 4, max_denominator=50),
    st.builds(
        lambda n, e: Fraction(n, 1 << 40) * Fraction(2) ** e, st.integers(-(1 << 40), 1 << 40), st.integers(-90, 90)
    ),
    st.sampled_from([Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 3), Fraction(10) ** 30]),
)
INTERVALS = st.tuples(RATIONALS, RATIONALS).map(sorted)


# -- arithmetic ------------------------------------------------------------------------------------


def within(ends: list[Fraction], draw: st.DataObject) -> Fraction:
    t = draw.draw(st.fractions(0, 1, max_denominator=7))
    return ends[0] + t * (ends[1] - ends[0])


@given(INTERVALS, INTERVALS, st.data())
def test_sums_products_and_quotients_hold_the_exact_result(
    a: list[Fraction], b: list[Fraction], data: st.DataObject
) -> None:
    a_, b_ = ((low(i[0]), high(i[1])) for i in (a, b))
    x, y, op = within(a, data), within(b, data), arithmetic()
    assert holds(op.add(a_, b_), x + y)
    assert holds(op.mul(a_, b_), x * y)
    assert holds(op.neg(a_), -x)
    assert holds(op.sum((a_, b_), (a_, a_)), x * y + x * x)
    if b_[0] > 0 or b_[1] < 0:
        assert holds(op.div(a_, b_), x / y)
    elif b[0] <= 0 <= b[1]:
        with pytest.raises(Undefined):
            op.div(a_, b_)


@given(INTERVALS, st.integers(-5, 6), st.data())
def test_integer_powers_hold_the_exact_result_and_are_tight(a: list[Fraction], n: int, data: st.DataObject) -> None:
    a_ = low(a[0]), high(a[1])
    assume(n >= 0 or a_[0] > 1 << BITS - 45 or a_[1] < -1 << BITS - 45)  # x**5 is lost below the unit
    x, found = within(a, data), arithmetic().power(a_, n)
    assert holds(found, x**n)
    if n > 0 and n % 2 == 0:
        assert found[0] >= 0
    if n >= 0:  # no wider than the exact range of the interval by more than the rounding of its ends
        ends = [Fraction(e, 1 << BITS) for e in a_]
        exact = [e**n for e in ends] + [Fraction(0)] * (n > 0 and n % 2 == 0 and a_[0] <= 0 <= a_[1])
        assert found == (low(min(exact)), high(max(exact)))


def test_dyadic_polynomials_are_exact() -> None:
    op = arithmetic()
    x = op.const(Fraction(3, 1 << 52))
    assert op.power(x, 4) == op.const(Fraction(3, 1 << 52) ** 4)
    assert op.mul(x, x) == op.power(x, 2)
    assert op.power(op.const(Fraction(9, 4)), Fraction(1, 2)) == op.const(Fraction(3, 2))


@given(INTERVALS)
def test_unbounded_ends_stay_unbounded(a: list[Fraction]) -> None:
    op, a_ = arithmetic(), (low(a[0]), high(a[1]))
    assert op.add(a_, (-INF, INF)) == (-INF, INF)
    assert op.add(a_, (0, INF))[1] == INF
    assert op.mul((0, 0), (-INF, INF)) == (0, 0)
    positive = (max(a_[1], 1), max(a_[1], 1))
    assert op.mul(positive, (5, INF))[1] == INF
    assert op.mul(positive, (-INF, -5))[0] == -INF
    assert op.mul((-INF, INF), (-INF, INF)) == (-INF, INF)
    assert op.div(op.one, (positive[0], INF))[0] == 0
    assert op.div((-INF, INF), positive) == (-INF, INF)


def test_huge_ends_are_outward_and_finite_limits_are_kept() -> None:
    assert check.fit(LIMIT + 1, LIMIT + 5) == (LIMIT, INF)
    assert check.fit(-LIMIT - 5, -LIMIT - 1) == (-INF, -LIMIT)
    assert check.fit(-LIMIT + 1, LIMIT - 1) == (-LIMIT + 1, LIMIT - 1)
    op = arithmetic()
    assert op.function("exp", (0, INF)) == (op.unit, INF)
    assert op.function("exp", (-INF, 0)) == (0, op.unit)
    assert op.function("atan", (-INF, INF)) == (-op.half_pi[1], op.half_pi[1])
    assert op.function("log", (op.unit, INF)) == (0, INF)
    assert op.function("sin", (0, INF)) == (-op.unit, op.unit)
    assert op.power((0, INF), Fraction(-1, 2)) == (0, INF)
    assert op.power((0, INF), Fraction(1, 3)) == (0, INF)


FUNCTIONS = ("exp", "log", "sin", "cos", "asin", "acos", "atan")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", FUNCTIONS)
@given(INTERVALS, st.data())
def test_functions_hold_their_values_and_are_tight(
    engine: str, name: str, a: list[Fraction], data: st.DataObject
) -> None:
    ends = [abs(x) for x in a] if name == "log" else a
    if name in ("asin", "acos"):
        ends = [max(Fraction(-1), min(Fraction(1), x)) for x in ends]
    if name == "exp":
        ends = [max(Fraction(-200), min(Fraction(200), x)) for x in ends]
    ends = sorted(ends)
    a_ = low(ends[0]), high(ends[1])
    assume(name != "log" or a_[0] > 0)
    x = within(ends, data)
    assume(low(ends[0]) <= x * SCALE <= high(ends[1]))
    op = arithmetic(engine)
    with mpmath.workprec(900):
        truth = number(getattr(mpmath, name)(mpmath.mpf(x.numerator) / x.denominator))
        found = op.function(name, a_)
        assert holds(found, truth)
        point = op.function(name, (low(x), high(x)))
        assert holds(point, truth)
        slope = {"exp": abs(truth), "log": 1 / abs(x) if x else 0, "sin": 1, "cos": 1, "atan": 1}.get(name)
        if slope is not None:
            allowed = 4 * slope + abs(truth) * SCALE / (1 << 95) + 4
            assert point[1] - point[0] <= allowed, (point[1] - point[0], allowed)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["sin", "cos"])
@given(st.integers(-40, 40), st.fractions(-2, 2, max_denominator=99), st.fractions(0, 9, max_denominator=99))
def test_extreme_points_of_sine_and_cosine_are_not_missed(
    engine: str, name: str, k: int, left: Fraction, width: Fraction
) -> None:
    """Intervals that begin or end near multiples of pi / 2, where a maximum may just be inside."""
    op = arithmetic(engine)
    with mpmath.workprec(600):
        start = number(k * mpmath.pi / 2) + left / 1000
        a = (low(start), high(start + width))
        found = op.function(name, a)
        samples = [start + width * Fraction(j, 12) for j in range(13)]
        near = [number(j * mpmath.pi / 2) for j in range(k - 8, k + 16)]
        for x in [*samples, *(x for x in near if start <= x <= start + width)]:
            assert holds(found, number(getattr(mpmath, name)(mpmath.mpf(x.numerator) / x.denominator)))
    assert -op.unit <= found[0] <= found[1] <= op.unit


@pytest.mark.parametrize("engine", ENGINES)
def test_functions_at_extreme_arguments(engine: str) -> None:
    op = arithmetic(engine)
    tiny, huge = (1, 1), op.const(Fraction(10) ** 300)
    assert op.function("exp", huge) == (LIMIT, INF)
    assert op.function("exp", op.neg(huge)) == (0, 1)
    assert op.function("exp", tiny)[1] - op.unit < 1 << 170
    with mpmath.workprec(3000):
        for name in ("sin", "cos", "atan", "log"):
            assert holds(op.function(name, huge), number(getattr(mpmath, name)(mpmath.mpf(10) ** 300)))
        assert holds(op.function("log", tiny), number(mpmath.log(mpmath.mpf(2) ** -BITS)))
        assert holds(op.function("sin", tiny), number(mpmath.sin(mpmath.mpf(2) ** -BITS)))
    assert op.function("log", op.one)[0] <= 0 <= op.function("log", op.one)[1]
    assert op.function("acos", op.one)[0] == 0
    for name, x in [("log", 0), ("log", -1), ("asin", op.unit + 1), ("acos", -op.unit - 1)]:
        with pytest.raises(Undefined):
            op.function(name, (x, x))


@pytest.mark.parametrize("engine", ENGINES)
@given(st.fractions(0, 50, max_denominator=64), st.sampled_from([(1, 3), (2, 3), (-1, 2), (-5, 3), (7, 10), (5, 2)]))
def test_fractional_powers_hold_their_values(engine: str, x: Fraction, exponent: Pair) -> None:
    q, op = Fraction(*exponent), arithmetic(engine)
    found = op.power((low(x), high(x)), q)
    if x == 0:
        assert found == ((0, 0) if q > 0 else (LIMIT, INF))
        return
    with mpmath.workprec(700):
        truth = number((mpmath.mpf(x.numerator) / x.denominator) ** (mpmath.mpf(q.numerator) / q.denominator))
    assert holds(found, truth)
    assert found[1] - found[0] <= truth * SCALE / (1 << 80) + 8 * (1 + abs(truth / x))


def test_the_mpmath_engine_is_widened_beyond_arb() -> None:
    """mpmath's results are not taken at their word: its enclosures hold those of Arb with room to spare."""
    source = random.Random(7)
    for name in FUNCTIONS:
        for _ in range(50):
            x = source.getrandbits(BITS) | 1
            lo, hi = check.mpmath_engine(name, x, BITS)
            inner = check.arb_engine(name, x, BITS)
            assert lo < inner[0]
            assert inner[1] < hi


# -- formulas --------------------------------------------------------------------------------------


@given(st.integers(1, 3), st.data())
def test_formulas_denote_what_they_denote_in_the_package(dim: int, data: st.DataObject) -> None:
    """Values at rational points hold those of mpmath with 60 digits, by the package's own parser."""
    text = data.draw(expressions(dim, daring=True))
    program = parse(text, names(dim))
    point = [data.draw(st.fractions(0, 1, max_denominator=32)) for _ in range(dim)]
    target = Target(program.text, list(names(dim)), [(Fraction(0), Fraction(1))] * dim, BITS, "arb")
    truth = ExpressionTarget(text, variables=names(dim)).mp(point, 60)
    try:
        lo, hi = target.value(point)
    except Undefined:
        return
    if not finite(truth):
        assert hi > lo  # an argument at the border of a domain: mpmath, which rounds, may step outside
        return
    slack = max(1, abs(number(truth))) * SCALE / 10**45
    assert lo - slack <= number(truth) * SCALE <= hi + slack


@given(st.integers(1, 3), st.data())
def test_both_engines_agree(dim: int, data: st.DataObject) -> None:
    text = parse(data.draw(expressions(dim, functions=SMOOTH + PARTIAL)), names(dim)).text
    box = [(Fraction(-1, 3), Fraction(5, 4))] * dim
    point = [data.draw(st.fractions(Fraction(-1, 3), Fraction(5, 4), max_denominator=64)) for _ in range(dim)]
    found = []
    for engine in ENGINES:
        try:
            found.append(Target(text, list(names(dim)), box, BITS, engine).value(point))
        except Undefined:
            found.append((-INF, INF))
    assert max(found[0][0], found[1][0]) <= min(found[0][1], found[1][1])


@given(st.integers(1, 2), st.integers(0, 6), st.data())
def test_defects_hold_at_random_points_of_random_simplices(dim: int, level: int, data: st.DataObject) -> None:
    """I_T f - f <= sag and f - I_T f <= bulge, f by mpmath with 60 digits, for formulas with kinks and roots."""
    text = data.draw(expressions(dim))
    program = parse(text, names(dim))
    target = Target(program.text, list(names(dim)), [(Fraction(0), Fraction(1))] * dim, BITS, "arb")
    oracle = ExpressionTarget(text, variables=names(dim))
    cell = tuple(data.draw(st.integers(0, (1 << level) - 1)) for _ in range(dim))
    try:
        sag, bulge, reach = target.defects(level, cell)
    except Undefined:
        return
    order = data.draw(st.permutations(range(dim)))
    heights = sorted((data.draw(st.fractions(0, 1, max_denominator=16)) for _ in range(dim)), reverse=True)
    part = [Fraction(0)] * dim
    for axis, height in zip(order, heights, strict=True):
        part[axis] = height
    vertices, weights = [list(cell)], []
    for axis in order:
        vertices.append([i + (a == axis) for a, i in enumerate(vertices[-1])])
    padded = [Fraction(1), *heights, Fraction(0)]
    weights = [padded[k] - padded[k + 1] for k in range(dim + 1)]
    point = [Fraction(i + p) / (1 << level) for i, p in zip(cell, part, strict=True)]
    values = [oracle.mp(x, 60) for x in [point, *([Fraction(i, 1 << level) for i in v] for v in vertices)]]
    if not all(map(finite, values)):
        return
    f, *nodal = [number(v) for v in values]
    interpolant = sum((w * v for w, v in zip(weights, nodal, strict=True)), Fraction(0))
    slack = Fraction(1, 10**40) * max(1, *(abs(v) for v in nodal))
    assert sag >= INF >> 200 or interpolant - f <= Fraction(sag, 1 << BITS) + slack
    assert bulge >= INF >> 200 or f - interpolant <= Fraction(bulge, 1 << BITS) + slack
    assert holds((reach[0] - high(slack), reach[1] + high(slack)), f)


@given(st.integers(1, 2), st.data())
def test_derivatives_overlap_those_of_the_package(dim: int, data: st.DataObject) -> None:
    """Two programs, two rules of differentiation, one truth: enclosures of one derivative must meet."""
    text = data.draw(expressions(dim))
    program = parse(text, names(dim))
    level = data.draw(st.integers(0, 8))
    cell = [data.draw(st.integers(0, (1 << level) - 1)) for _ in range(dim)]
    target = Target(program.text, list(names(dim)), [(Fraction(0), Fraction(1))] * dim, BITS, "arb")
    sides = [(low(Fraction(i, 1 << level)), high(Fraction(i + 1, 1 << level))) for i in cell]
    try:
        mine = target.jets.run(target.formula, sides, target.slopes)
    except Undefined:
        return
    theirs = ExpressionTarget(text, variables=names(dim)).jet(level, np.array([cell]))
    pairs = [(mine.value, theirs.value)]
    pairs += [(mine.grad[i], g) for i, g in theirs.grad.items()]
    pairs += [(mine.hess[ij], h) for ij, h in theirs.hess.items()]
    for (lo, hi), other in pairs:
        assert not lo > hi
        for end, sign in ((float(other.hi[0]), 1), (float(other.lo[0]), -1)):
            if math.isfinite(end):
                bound = Fraction(end) * SCALE
                assert (lo == -INF or lo <= bound) if sign > 0 else (hi == INF or hi >= bound)


def test_jets_of_known_functions() -> None:
    target = Target("x**3", ["x"], [(Fraction(1), Fraction(2))], BITS, "arb")
    jet = target.jets.run(target.formula, [(low(Fraction(1)), low(Fraction(2)))], target.slopes)
    assert [Fraction(e, 1 << BITS) for e in (*jet.value, *jet.grad[0], *jet.hess[0, 0])] == [1, 8, 3, 12, 6, 12]
    root = Target("sqrt(x)", ["x"], [(Fraction(0), Fraction(1))], BITS, "arb")
    sag, bulge, reach = root.defects(0, (0,))
    assert sag == 0  # concave, although the slope is infinite at 0
    assert bulge == reach[1] - reach[0] == 1 << BITS
    kink = Target("abs(x - 1/2)", ["x"], [(Fraction(0), Fraction(1))], BITS, "arb")
    assert kink.defects(0, (0,))[:2] == (1 << BITS - 1, 0)  # convex, although it has a kink
    assert kink.defects(1, (0,))[:2] == kink.defects(1, (1,))[:2] == (0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "", "x +", "x)", "(x", "x y", "2x", "sin", "sin x", "sin()", "max(x)", "min(x, y, x)", "x**y**x", "x.y", "y'",
        "0.5", "1/0", "x//2", "__import__('os')", "x if x else y", "lambda: x", "X", "pow(x, y)", "cot(x)", "x\n",
        "x;y", "1e9999",
        "x**1001", "x**(-1001)", "(" * 400 + "x" + ")" * 400, "-" * 400 + "x", "sqrt(" * 400 + "x" + ")" * 400,
        "9e999*9e999", "x = 1", "x, y", "e e", "pi(x)", "\x00", "x[0]", "z",
    ],
)  # fmt: skip
def test_a_text_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        Formula(text, ["x", "y"])
    assert refused.value.claim == "format"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-x**2", -9), ("(-x)**2", 9), ("-(x)**2", -9), ("--x", 3), ("---x", -3), ("x--y", 5), ("x - -y**2", 7),
        ("-x*-y", 6), ("-x**2*-y", 18), ("x**-y", Fraction(1, 9)), ("-x**-y", Fraction(-1, 9)),
        ("y**-x/x", Fraction(1, 24)), ("(-y)**3", -8), ("-y**x", -8), ("x - y - y", -1), ("x - (y - y)", 3),
        ("x/y/y", Fraction(3, 4)),
        ("x/y*y", 3), ("x/(y*y)", Fraction(3, 4)), ("2*x**y*2", 36), ("x*y**2", 12), ("x + y*y - x/3", 6),
        ("25e-1*y", 5), ("2e1*x", 60), ("x**(y)", 9), ("x**(4/2)", 9),
        ("(x + 1)**(1/2)", 2), ("(x + 1)**(-1/2)", Fraction(1, 2)), ("x**0 + 0**0", 2),
        ("max(-x, -y)", -2), ("min(-x, -y)", -3), ("abs(-x**3)", 27), ("-abs(-x)", -3), ("  x  +  y  ", 5),
    ],
)  # fmt: skip
def test_signs_powers_and_quotients_bind_as_in_python(text: str, value: Fraction | int) -> None:
    """At x = 3, y = 2; a power that does not fold exactly is enclosed."""
    lo, hi = Target(text, ["x", "y"], [(Fraction(0), Fraction(4))] * 2, BITS, "arb").value([Fraction(3), Fraction(2)])
    assert holds((lo, hi), Fraction(value))
    assert hi - lo <= 1 << BITS - 90


@pytest.mark.parametrize(
    "text",
    ["x**y**2", "x**2**y", "2**-x**y**2", "x ** y ** x", "1_0", "0x1", "x\u0661", "\uff11", "\u00b2", "1\u2070",
     "x\u00b2", "\u0445", "1.5", "1E5", "1e+5", "1e", "1e5.", "x\t+ y", "x +\n y", "x\x00", "+x", "x*+y", "x***y",
     "x* *y",
     "x<y", "x@y", "x:y", "x and y", "not x", "x!", "#x", "x # y", "max(x, y, )", "max(, y)", "sin(x, y)", "sin (x",
     "(x, y)", "()", "x()"],
)  # fmt: skip
def test_texts_that_python_or_a_reader_may_take_for_formulas_are_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        Formula(text, ["x", "y"])
    assert refused.value.claim == "format"
    assert refused.value.text.isascii()


def test_operators_bind_as_in_mathematics() -> None:
    target = Target("-x**2 - y*2/4*3 + (1 - 2 - 3)", ["x", "y"], [(Fraction(0), Fraction(4))] * 2, BITS, "arb")
    lo, hi = target.value([Fraction(3), Fraction(2)])
    assert lo == hi == low(Fraction(-9 - 3 - 4))
    assert Formula("sin(x) + sin(x)", ["x"]).nodes.count(("sin", 0)) <= 1


# -- the work of one operation ---------------------------------------------------------------------


class Noted(int):
    """An integer that passes on to what is made of it, with the length of the longest one."""

    longest = 0

    @classmethod
    def of(cls, value: int) -> Noted:
        Noted.longest = max(Noted.longest, value.bit_length())
        return cls(value)

    def __mul__(self, other: int) -> Noted:
        return Noted.of(int(self) * int(other))

    __rmul__ = __mul__

    def __pow__(self, n: int, _: Any = None) -> Noted:  # type: ignore[override]
        return Noted.of(int(self) ** n)

    def __rshift__(self, n: int) -> Noted:
        return Noted.of(int(self) >> n)

    def __abs__(self) -> Noted:
        return Noted(abs(int(self)))

    def __neg__(self) -> Noted:
        return Noted(-int(self))


@pytest.mark.parametrize("n", [2, 3, 999, 1000])
@pytest.mark.parametrize("x", [Fraction(1, 3), Fraction(-7, 3), Fraction(10**9), Fraction(-(2**3800))])
def test_no_power_takes_a_long_product(x: Fraction, n: int) -> None:
    Noted.longest = 0
    ends = Noted(low(x)), Noted(high(x))
    found = arithmetic().power(ends, n)
    assert Noted.longest <= 2 * LIMIT.bit_length() + check.SHORT
    assert holds(found, x**n)
    if found[0] > -INF and found[1] < INF:
        assert found[1] - found[0] <= 4 * n * max(1, abs(x) ** (n - 1)) + 2


@given(INTERVALS, st.integers(1, 200))
def test_long_powers_hold_the_exact_result(a: list[Fraction], n: int) -> None:
    found = arithmetic().power((low(a[0]), high(a[1])), n)
    assert all(holds(found, e**n) for e in a)
    assert not (a[0] <= 0 <= a[1]) or holds(found, Fraction(0))


@pytest.mark.parametrize("x", [12, 5000, 1 << 20, -5000])
def test_no_value_of_an_elementary_function_is_long(x: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """exp(2**20) has 1.5 million bits; what lies beyond LIMIT is not asked for."""
    engine, seen = check.ENGINES["arb"], []

    def noted(name: str, y: int, bits: int) -> Pair:
        seen.append(engine(name, y, bits))
        return seen[-1]

    monkeypatch.setitem(check.ENGINES, "arb", noted)
    found = Arithmetic(BITS, "arb").function("exp", (x << BITS, x << BITS))
    assert max(end.bit_length() for ends in seen for end in ends) <= 2 * LIMIT.bit_length()
    assert found[0] <= found[1]
    if x > 0:  # 2.7 < e < 2.8
        assert found[0] >= min(LIMIT, (27 ** min(x, 5000) // 10 ** min(x, 5000)) << BITS)
        assert found[1] == INF or found[1] <= (28**x // 10**x + 1) << BITS
    else:
        assert found == (0, 1)


@pytest.mark.parametrize("dim", range(1, 7))
def test_corners_in_a_simplex_are_those_whose_masks_are_nested(dim: int) -> None:
    target = Target(
        "1", names(dim)[:1] if dim == 1 else list(names(dim)), [(Fraction(0), Fraction(1))] * dim, BITS, "arb"
    )
    for v in range(1 << dim):
        found = target.near(v)
        assert sorted(found) == [w for w in range(1 << dim) if v & w in (v, w)]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_lowest_is_the_least_of_any_rows(values: list[int]) -> None:
    rows = [(value, k) for k, value in enumerate(values)]
    least = check.lowest(rows)
    for i in range(len(rows)):
        for j in range(i + 1, len(rows) + 1):
            assert least(i, j) == min(rows[i:j])


# -- certificates ----------------------------------------------------------------------------------

WAVE = "sin(10*x)*exp(-x)"
TRUE = {
    "wave": (WAVE, None, "1e-2", "auto"),
    "kink": ("abs(x - 1/3) + x", None, "1e-2", "auto"),
    "root": ("sqrt(1 - x**2)", [-1, 1], "2e-2", "auto"),
    "roots": ("cbrt(x - 1/3)", None, "5e-2", "none"),
    "sea": ("sin(3*x)*cos(2*y)", None, "5e-2", "auto"),
    "lifted": ("x**2 + y", ["-1/3", "1/7"], "1e-1", "-1"),
    "solid": ("x*y + exp(-z)", None, "1e-1", "auto"),
    "tight": ("exp(-100*(x - 1/2)**2)", None, "1e-2", "auto"),
    "affine": ("3*x - 1", None, "1/8", "auto"),
    "zero": ("0*x", None, "1/8", "auto"),
}  # fmt: skip


@functools.cache
def evidence(name: str, units: bool = False) -> dict[str, Any]:
    text, domain, tol, lift = TRUE[name]
    scheme = mg.construct(mg.target(text, domain), tol, lift=lift)
    report = mg.verify(scheme.as_units() if units else scheme)
    assert report.verdict is mg.Verdict.PROVED
    return schema.certificate(report).data


def judged(data: dict[str, Any], engine: str = "arb", workers: int = 1) -> tuple[str, list[str]]:
    """The last line and the others; the hash is made to fit, so that only the mathematics can object."""
    lines: list[str] = []
    try:
        return Check({**data, "sha256": check.digest(data)}, engine, lines.append).run(workers), lines
    except Refused as refused:
        return f"REFUSED: {refused.claim}: {refused.text}", lines


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TRUE)
def test_a_true_certificate_is_verified(name: str, engine: str) -> None:
    last, lines = judged(evidence(name), engine)
    assert last.startswith("VERIFIED: "), last
    assert [line.split()[1] for line in lines] == list(check.CLAIMS)
    assert {line.split()[0] for line in lines} <= {"confirmed", "open"}


@pytest.mark.parametrize("name", ["wave", "sea"])
def test_unit_grades_are_verified(name: str) -> None:
    data = evidence(name, units=True)
    assert len(data["grades"]) == sum(len(g["nodes"]) for g in evidence(name)["grades"])
    assert judged(data)[0].startswith("VERIFIED: ")


def test_workers_come_to_the_same_result() -> None:
    assert judged(evidence("sea"), workers=2) == judged(evidence("sea"))
    wrong = copy.deepcopy(evidence("sea"))
    wrong["grades"][-1]["coefficients"][0] *= 2
    assert judged(wrong, workers=2) == judged(wrong)
    assert judged(wrong)[0].startswith("REFUSED: balanced: ")


def test_rows_are_shown_on_leaves_that_claim_less() -> None:
    """No bound, or a weaker one, on leaves: the last row is shown there itself; or it follows from the one before."""
    data = copy.deepcopy(evidence("wave"))
    for block in data["leaves"]["levels"]:
        block["bounds"] = [None if k % 2 else 8 * bound for k, bound in enumerate(block["bounds"])]
    assert judged(data)[0].startswith("VERIFIED: ")
    rows = data["residuals"]
    sharp = copy.deepcopy(data)
    sharp["residuals"][-1]["upper"] = [rows[-1]["upper"][0] * 7, rows[-1]["upper"][1] - 3]
    assert judged(sharp)[0].startswith(f"REFUSED: residuals: the bound of row {len(rows) - 1}: ")
    data["residuals"][-1]["upper"] = data["tolerance"] = rows[-2]["upper"]
    data["residuals"][-2]["upper"] = rows[-2]["upper"]
    data["claims"][7]["grades"] = data["claims"][7]["grades"][:1]
    assert judged(data)[0].startswith("VERIFIED: ")


def test_an_incomplete_certificate_is_incomplete() -> None:
    scheme = mg.construct(mg.target("sin(10*x)*exp(-x)"), "1e-4", budget=mg.Budget(level=6))
    data = scheme.certificate().data
    assert data["status"] == "incomplete"
    last, lines = judged(data)
    assert last.startswith("INCOMPLETE: ")
    assert "not claimed: sup-norm" in last
    assert lines[-1].split()[:2] == ["open", "sup-norm"]
    assert judged({**data, "status": "complete"})[0].startswith("REFUSED: format: ")


# -- false certificates ----------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], None]


def put(*path: Any) -> Change:
    """A change that replaces what stands at the path by its last element, or by what that makes of it."""

    def change(data: dict[str, Any]) -> None:
        *way, key, value = path
        place: Any = data
        for step in way:
            place = place[step]
        place[key] = value(place[key]) if callable(value) else value

    return change


def drop_leaf(data: dict[str, Any]) -> None:
    block = data["leaves"]["levels"][0]
    block["cells"].pop()
    block["bounds"].pop()


def double_leaf(data: dict[str, Any]) -> None:
    block = data["leaves"]["levels"][0]
    block["cells"].append(block["cells"][0])
    block["bounds"].append(block["bounds"][0])


def parent_leaf(data: dict[str, Any]) -> None:
    """The parent of a leaf beside its children."""
    block = data["leaves"]["levels"][-1]
    parent = {
        "level": block["level"] - 1,
        "cells": [[i // 2 for i in block["cells"][0]]],
        "bounds": [block["bounds"][0]],
    }
    data["leaves"]["levels"].append(parent)


def resize_leaf(data: dict[str, Any]) -> None:
    """The parent of a leaf in place of it."""
    block = data["leaves"]["levels"][-1]
    cell, bound = block["cells"].pop(), block["bounds"].pop()
    data["leaves"]["levels"].append({"level": block["level"] - 1, "cells": [[i // 2 for i in cell]], "bounds": [bound]})


def coarse_leaf(data: dict[str, Any]) -> None:
    """The root as the only leaf: a tiling, but the atoms are finer than it."""
    data["leaves"]["levels"] = [{"level": 0, "cells": [[0]], "bounds": [1 << 60]}]


def swapped_grades(data: dict[str, Any]) -> None:
    data["grades"][0], data["grades"][1] = data["grades"][1], data["grades"][0]


def lost_grade(data: dict[str, Any]) -> None:
    del data["grades"][0], data["residuals"][0]
    data["claims"][7].update(verdict="UNDECIDED", grades=[])


def moved_atom(data: dict[str, Any]) -> None:
    """To a neighbour where the residual has the other sign, or is small."""
    nodes = data["grades"][-1]["nodes"]
    free = next(k for k, (i,) in enumerate(nodes) if [i + 1] not in nodes)
    nodes[free][0] += 1


def lower_bound_too_large(data: dict[str, Any]) -> None:
    data["residuals"][1]["lower"] = data["residuals"][0]["upper"]


def half(x: int) -> int:
    return x // 2


FALSE: dict[str, tuple[Change, str]] = {
    "a coefficient too large": (put("grades", 2, "coefficients", 0, lambda c: 2 * c), "balanced"),
    "a coefficient of the other sign": (put("grades", 2, "coefficients", 0, lambda c: -c), "balanced"),
    "all coefficients too large": (put("grades", 1, "exponent", lambda e: e + 1), "balanced"),
    "an atom moved": (moved_atom, "balanced|tiling"),
    "an atom moved into a leaf": (put("grades", 3, "nodes", 0, 0, lambda i: i + 9), "tiling"),
    "a level too coarse": (put("grades", 3, "level", lambda n: n - 1), "balanced|format"),
    "a grade left out": (lost_grade, "balanced|residuals|leaves"),
    "a leaf missing": (drop_leaf, "tiling"),
    "a leaf twice": (double_leaf, "tiling"),
    "a leaf inside another": (parent_leaf, "tiling"),
    "a leaf resized": (resize_leaf, "tiling"),
    "leaves coarser than atoms": (coarse_leaf, "tiling"),
    "a leaf of another level": (put("leaves", "levels", 0, "level", lambda n: n + 1), "tiling"),
    "the bound of a leaf lowered": (put("leaves", "levels", 0, "bounds", 0, half), "leaves"),
    "all bounds lowered": (put("leaves", "exponent", lambda e: e - 1), "leaves"),
    "the bound of row 0 lowered": (put("residuals", 0, "upper", 1, lambda e: e - 1), "residuals"),
    "the bound of row 3 lowered": (put("residuals", 3, "upper", 1, lambda e: e - 1), "residuals"),
    "the last bound lowered": (put("residuals", -1, "upper", 1, lambda e: e - 1), "residuals"),
    "a lower bound too large": (lower_bound_too_large, "residuals"),
    "a lower bound elsewhere": (put("residuals", 0, "at", ["1/3"]), "residuals"),
    "a smaller tolerance": (put("tolerance", 1, lambda e: e - 1), "sup-norm"),
    "another lift": (put("lift", [1, -3]), "balanced|residuals|leaves"),
    "another formula": (put("target", "expression", "sin(11*x)*exp(-x)"), "balanced|residuals"),
    "nearly the same formula": (put("target", "expression", f"{WAVE} + 1/50"), "balanced|residuals|leaves"),
    "another box": (put("target", "box", "upper", ["11/10"]), "balanced|residuals"),
    "a formula that is undefined": (put("target", "expression", f"{WAVE} + 0*log(x)"), "balanced|residuals|leaves"),
    "a formula with a pole": (put("target", "expression", f"{WAVE} + 0/(x - 1/3)"), "balanced|residuals|leaves"),
    "a fall that is none": (put("claims", 7, "grades", lambda g: [*g, 99]), "sup-decrease"),
}  # fmt: skip


@pytest.mark.parametrize("what", FALSE)
def test_a_false_certificate_is_refused_and_the_place_is_named(what: str) -> None:
    change, claim = FALSE[what]
    data = copy.deepcopy(evidence("wave"))
    change(data)
    last, lines = judged(data)
    word, _, rest = last.partition(": ")
    assert word == "REFUSED"
    assert rest.split(":")[0] in claim.split("|"), last
    assert not lines or len(lines) == len(check.CLAIMS)
    assert not lines or [line.split()[1] for line in lines if line.startswith("refused")] == [rest.split(":")[0]]
    if claim == "balanced":
        assert "grade" in last
        assert "on the cell" in last


MALFORMED: dict[str, Change] = {
    "grades out of order": swapped_grades,
    "a coefficient 0": put("grades", 0, "coefficients", 0, 0),
    "a node twice": put("grades", 0, "nodes", lambda rows: [rows[0]] * len(rows)),
    "a node beyond the mesh": put("grades", 0, "nodes", 0, 0, 1 << 20),
    "a node below the mesh": put("grades", 0, "nodes", 0, 0, -1),
    "a node in another dimension": put("grades", 0, "nodes", 0, [1, 1]),
    "a cell beyond the mesh": put("leaves", "levels", 0, "cells", 0, 0, 1 << 40),
    "more nodes than coefficients": put("grades", 0, "coefficients", lambda c: c[:-1]),
    "more cells than bounds": put("leaves", "levels", 0, "bounds", lambda b: b[:-1]),
    "a row too few": put("residuals", lambda rows: rows[:-1]),
    "a level too deep": put("grades", -1, "level", 65),
    "a level that is a text": put("grades", -1, "level", "3"),
    "an exponent too small": put("grades", -1, "exponent", -(10**9)),
    "an exponent too large": put("tolerance", [1, 10**9]),
    "a coefficient that is a text": put("grades", 0, "coefficients", 0, "12"),
    "a claim missing": put("claims", lambda claims: claims[1:]),
    "a claim twice": put("claims", lambda claims: [*claims, claims[3]]),
    "claims in another order": put("claims", lambda claims: claims[::-1]),
    "an unknown verdict": put("claims", 3, "verdict", "TRUE"),
    "no tiling": put("claims", 0, "verdict", "UNDECIDED"),
    "a status that does not fit": put("status", "incomplete"),
    "a box upside down": put("target", "box", {"lower": ["1"], "upper": ["0"]}),
    "a box of two sides": put("target", "box", {"lower": ["0", "0"], "upper": ["1", "1"]}),
    "a box with a decimal": put("target", "box", "upper", ["0.5"]),
    "another variable": put("target", "variables", ["t"]),
    "a variable twice": put("target", "variables", ["x", "x"]),
    "another kind of target": put("target", "kind", "callable"),
    "a formula that is a list": put("target", "expression", ["x"]),
    "a point outside": put("residuals", 0, "at", ["2"]),
    "no leaves": put("leaves", "levels", []),
    "a field missing": lambda data: data.pop("lift"),  # type: ignore[dict-item,return-value]
    "a field of another type": put("claims", {}),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_certificate_is_refused(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = copy.deepcopy(evidence("wave"))
    MALFORMED[what](data)
    path = tmp_path / "c.json"
    path.write_text(check.canonical({**data, "sha256": check.digest(data)}))
    assert check.main([str(path)]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(("REFUSED: format: ", "REFUSED: tiling: "))


LINE = "\nVERIFIED: x"
WRITERS: dict[str, Change] = {
    "version": put("version", LINE),
    "status": put("status", f"\x1b[2J{LINE}"),
    "kind": put("target", "kind", LINE),
    "formula": put("target", "expression", f"x{LINE}"),
    "variable": put("target", "variables", [LINE]),
    "end of the box": put("target", "box", "lower", [LINE]),
    "node": put("grades", 0, "nodes", 0, LINE),
    "node index": put("grades", 0, "nodes", 0, [LINE]),
    "cell": put("leaves", "levels", 0, "cells", 0, LINE),
    "bound": put("leaves", "levels", 0, "bounds", 0, LINE),
    "level": put("leaves", "levels", 0, "level", LINE),
    "exponent": put("leaves", "exponent", LINE),
    "point": put("residuals", 0, "at", [LINE]),
    "claim": put("claims", 3, "claim", LINE),
    "verdict": put("claims", 3, "verdict", LINE),
    "falls": put("claims", 7, "grades", [LINE]),
    "hash": put("sha256", LINE),
    "a line separator": put("version", "\u2028VERIFIED: x \udc80 \u202e"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRITERS)
def test_no_text_of_a_file_becomes_a_line_of_the_output(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = copy.deepcopy(evidence("wave"))
    data["sha256"] = check.digest(data)
    WRITERS[what](data)
    if what != "hash":
        data["sha256"] = check.digest(data)
    (tmp_path / "c.json").write_text(check.canonical(data))
    assert check.main([str(tmp_path / "c.json")]) == 1
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.replace("\n", "").isprintable()
    assert not any(line.startswith("VERIFIED") for line in out.splitlines())
    assert out.splitlines()[-1].startswith("REFUSED: ")


@pytest.mark.parametrize(
    "change",
    [
        put("version", True), put("lift", [False, 0]), put("lift", [0, False]), put("tolerance", 0, True),
        put("grades", 0, "level", True), put("grades", 0, "nodes", 0, [True]),
        put("grades", 0, "coefficients", 0, True), put("leaves", "levels", 0, "bounds", 0, True), put("residuals",
        0, "lower", [True, -9]),
    ],
)  # fmt: skip
def test_true_and_false_are_no_integers(change: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = copy.deepcopy(evidence("wave"))
    change(data)
    (tmp_path / "c.json").write_text(check.canonical({**data, "sha256": check.digest(data)}))
    assert check.main([str(tmp_path / "c.json")]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("REFUSED: format: ")


def small(text: str, names: list[str], box: list[str], bound: int, leaf: int | None) -> dict[str, Any]:
    """A certificate without grades that says |text| <= bound, with one leaf."""
    data = copy.deepcopy(evidence("zero"))
    assert not data["grades"]
    data["target"].update(expression=text, variables=names, box={"lower": box[::2], "upper": box[1::2]})
    data["tolerance"] = [bound, 0]
    data["residuals"] = [{"upper": [bound, 0], "lower": [0, 0], "at": box[::2]}]
    data["leaves"] = {"exponent": 0, "levels": [{"level": 0, "cells": [[0] * len(names)], "bounds": [leaf]}]}
    return data


def test_the_last_line_says_the_whole_formula_and_which_side_belongs_to_which_variable() -> None:
    """Neither spaces nor another order of the variables can hide what was proved."""
    long = "x" + " " * 400 + "+ y/2"
    assert judged(small(long, ["y", "x"], ["0", "1", "2", "3"], 4, 4))[0].startswith(
        f"VERIFIED: {long} for 0 <= y <= 1, 2 <= x <= 3: 0 grade(s)"
    )
    assert judged(small(long, ["x", "y"], ["0", "1", "2", "3"], 2, 2))[0].startswith("REFUSED: leaves: ")
    assert judged(small(long, ["y", "x"], ["0", "1", "2", "3"], 3, 3))[0].startswith("REFUSED: leaves: ")


def test_a_leaf_that_claims_no_bound_claims_that_f_is_defined() -> None:
    """All other claims are about a continuous function on the box."""
    for text, defined in [
        ("x", True),
        ("1/(x + 1)", True),
        ("1/x", False),
        ("log(x)", False),
        ("0*sqrt(x - 1)", False),
    ]:
        data = small(text, ["x"], ["0", "1"], 4, None)
        data["residuals"][0]["upper"] = None
        data["claims"][8]["verdict"], data["status"] = "UNDECIDED", "incomplete"
        assert judged(data)[0].startswith("INCOMPLETE: " if defined else "REFUSED: leaves: "), text


def test_a_hole_in_the_tiling_is_found_by_workers_too() -> None:
    data = copy.deepcopy(evidence("sea"))
    drop_leaf(data)
    assert judged(data, workers=2)[0] == judged(data)[0]
    assert judged(data)[0].startswith("REFUSED: tiling: ")


def test_many_variables_take_no_table_of_all_pairs_of_corners() -> None:
    names_ = [f"x{k}" for k in range(1, 10)]
    data = small("+".join(names_), names_, ["0", "1"] * 9, 9, 9)
    assert judged(data)[0].startswith("VERIFIED: ")


def test_more_corners_than_can_be_looked_at_are_refused_before_any_is() -> None:
    names_ = [f"x{k}" for k in range(1, 17)]
    flat = check.Certificate(small("x1", names_, ["0", "1"] * 16, 1, 1))
    flat.require_few_corners(1)
    with pytest.raises(Refused, match="corners in 16 variables"):
        flat.require_few_corners(1 << 12)
    solid = check.Certificate(copy.deepcopy(evidence("solid")))
    solid.require_few_corners(1 << 40)  # up to 6 variables corners grow with the file


def test_grades_without_atoms_cost_each_cell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of rows between which nothing changes are not looked through for every cell."""
    data, count = copy.deepcopy(evidence("wave")), 300
    last = data["grades"][-1]["level"]
    data["grades"] += [{"level": last, "exponent": 0, "nodes": [], "coefficients": []}] * count
    data["residuals"] += [data["residuals"][-1]] * count
    looked, lowest = [0], check.lowest

    class Row(tuple[int, int]):
        def __lt__(self, other: Any) -> bool:
            looked[0] += 1
            return tuple.__lt__(self, other)

        def __gt__(self, other: Any) -> bool:
            looked[0] += 1
            return tuple.__gt__(self, other)

    monkeypatch.setattr(check, "lowest", lambda rows: lowest([Row(row) for row in rows]))
    certificate = check.Certificate(data)
    tasks = list(certificate.tasks([row[0] for row in certificate.rows]))
    spans = sum(len(task.goals) for task in tasks)
    assert looked[0] <= 2 * spans + 20 * len(certificate.rows)


@pytest.mark.parametrize("name", ["wave", "sea", "solid", "lifted"])
def test_an_approximant_is_that_of_the_package_and_reads_one_simplex(name: str) -> None:
    data = evidence(name)
    text, domain, tol, lift = TRUE[name]
    scheme = mg.construct(mg.target(text, domain), tol, lift=lift)
    certificate = check.Certificate(data)
    asked = [0]
    coefficient = certificate.coefficient

    def counted(level: int, node: tuple[int, ...], k: int) -> int:
        asked[0] += 1
        return coefficient(level, node, k)

    certificate.coefficient = counted  # type: ignore[method-assign]
    rng = np.random.default_rng(1)
    for cut in (1, 3, 7, 64):
        for _ in range(8):
            t = [Fraction(int(rng.integers(0, cut + 1)), cut) for _ in range(scheme.dim)]
            x = [lo + (hi - lo) * s for (lo, hi), s in zip(certificate.box, t, strict=True)]
            for k in range(len(scheme.grades) + 1):
                asked[0] = 0
                assert certificate.approximant(x, k) == scheme.exact(x, k)
                assert asked[0] <= (scheme.dim + 1) * len(certificate.atoms)


# -- kinks beside variables that are not read ------------------------------------------------------

BESIDE = {
    "max": ("max(x, 3/5)**2", "xy", ["1/5", "1", "-1/3", "4/5"], "0.256"),
    "min and max": ("max(y, 0) - min(z, 5/14)", "xyz", ["1/6", "4/7", "-3/5", "1", "-2/7", "1"], "0.347"),
    "difference": ("abs(z - 1/2) - abs(x - 2/5)", "xyz", ["2/5", "5/6", "0", "1", "0", "1"], "0.0853"),
    "at an end": ("abs(2*max(x, 1/3) - 1)", "xyz", ["1/3", "2/3", "-1", "1", "1/3", "2/3"], "0.1"),
}


@pytest.mark.parametrize("what", BESIDE)
def test_a_kink_is_flat_along_the_variables_that_it_does_not_read(what: str) -> None:
    """Sides with ends that are no dyadic numbers: rounded outward, a kink at an end lies inside the cell."""
    text, variables, box, tol = BESIDE[what]
    report = mg.verify(mg.construct(mg.target(text, box, variables=list(variables)), tol))
    assert report.verdict is mg.Verdict.PROVED
    assert judged(schema.certificate(report).data)[0].startswith("VERIFIED: ")


@pytest.mark.deep
def test_the_kink_of_a_fine_certificate_is_flat_too() -> None:
    f = mg.target("abs(2*max(x, 1/3) - 1)", ["1/3", "2/3", "-1", "1", "1/3", "2/3"], variables=list("xyz"))
    assert judged(schema.certificate(mg.construct(f, "0.0250169")).data)[0].startswith("VERIFIED: ")


ENDS = st.fractions(-1, 1, max_denominator=7)


@settings(max_examples=12)
@given(st.data(), st.integers(1, 3))
def test_certificates_of_kinks_at_rational_places_are_verified(data: st.DataObject, dim: int) -> None:
    variables, text = names(dim), ""
    box = [sorted(data.draw(st.lists(ENDS, min_size=2, max_size=2, unique=True))) for _ in variables]
    for _ in range(data.draw(st.integers(1, 2))):
        axis = data.draw(st.integers(0, dim - 1))
        place = data.draw(st.one_of(st.sampled_from(box[axis]), ENDS))
        kink = data.draw(st.sampled_from(["abs({} - ({}))", "max({}, ({}))", "min({}, ({}))"]))
        text += data.draw(st.sampled_from(["+", "-", "-2*"])) + kink.format(variables[axis], place)
    f = mg.target(f"0 {text}", [end for side in box for end in side], variables=variables)
    scheme = mg.construct(f, data.draw(st.sampled_from(["1/4", "0.17"])), budget=mg.Budget(atoms=300))
    report = mg.verify(scheme)
    assume(report.verdict is mg.Verdict.PROVED)
    assert judged(schema.certificate(report).data)[0].startswith("VERIFIED: ")


@given(st.data(), st.integers(2, 3))
def test_a_derivative_is_zero_along_variables_that_a_formula_does_not_read(data: st.DataObject, dim: int) -> None:
    """And only there is it 0 for sure: the hull over a kink holds both slopes."""
    read = names(dim)[: dim - 1]
    text = data.draw(expressions(dim - 1, functions=("abs", "max", "min", "sin"), max_operations=6))
    assume(not set(names(dim)[dim - 1 :]) & set(text))
    target = Target(parse(text, read).text, list(names(dim)), [(Fraction(-1, 3), Fraction(2, 3))] * dim, BITS, "arb")
    sides = [(low(Fraction(-1, 3)), high(Fraction(2, 3)))] * dim
    try:
        jet = target.jets.run(target.formula, sides, target.slopes)
    except Undefined:
        assume(False)
    assert jet.grad[-1] == (0, 0)
    assert {jet.hess[i, j] for i, j in jet.hess if j == dim - 1} == {(0, 0)}


def test_a_coefficient_may_be_smaller_and_one_beyond_the_truth_is_refused() -> None:
    """f = x**2, one atom c (2x - 1)_+: true up to c = 1, where it touches x**2 inside the cell, and not beyond."""
    data = copy.deepcopy(schema.certificate(mg.construct(mg.target("x**2"), "1/4")).data)
    assert (data["grades"][0]["coefficients"], data["grades"][0]["exponent"]) == ([117], -7)

    def with_coefficient(c: int, exponent: int) -> str:
        data["grades"][0].update(coefficients=[c], exponent=exponent)
        data["claims"][7].update(verdict="UNDECIDED", grades=[])
        data["residuals"][1].update(lower=[0, 0])
        return judged(data)[0]

    assert with_coefficient(117, -7).startswith("VERIFIED")
    assert with_coefficient(127, -7).startswith("VERIFIED")  # by parts: the vertex inequality allows 120
    assert with_coefficient(90, -7).startswith("REFUSED: leaves: ")
    assert with_coefficient((1 << 30) - 1, -30).startswith(("VERIFIED", "REFUSED: balanced: grade 1: not certain"))
    assert with_coefficient(1, 0).startswith("REFUSED: balanced: grade 1: not certain")
    assert with_coefficient((1 << 40) + 1, -40).startswith("REFUSED: balanced: grade 1: not so, as a corner shows")


# -- refutations -----------------------------------------------------------------------------------


def planted(text: str, level: int, coefficients: dict[int, float], tol: str = "1/4") -> dict[str, Any]:
    nodes = np.array([[i] for i in coefficients])
    atoms = mg.Atoms(level, nodes, np.array(list(coefficients.values())))
    return schema.certificate(mg.Scheme.of(mg.target(text), 0.0, [atoms], float(Fraction(tol)))).data


OVERSHOOT = ("1 + x**2", 1, {0: 1.0, 1: 1.5, 2: 2.0})
INCREASE = ("1 + x**2", 1, {0: 1.0, 1: 3.0, 2: 2.0})
MISSED = ("1 + x**2", 0, {0: 0.5, 1: 1.0})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("scheme", "refuted"),
    [(OVERSHOOT, {"balanced"}), (INCREASE, {"balanced", "nonincreasing", "sup-norm"}), (MISSED, {"sup-norm"})],
    ids=["overshoot", "increase", "missed"],
)
def test_a_refutation_is_confirmed(scheme: Any, refuted: set[str], engine: str) -> None:
    data = planted(*scheme)
    assert data["status"] == "refuted"
    assert {claim["claim"] for claim in data["claims"] if claim["verdict"] == "REFUTED"} == refuted
    last, lines = judged(data, engine)
    assert last.startswith("REFUTED: "), last
    assert {line.split()[1] for line in lines if line.startswith("refuted")} == refuted


def test_what_a_refuted_certificate_claims_beside_is_checked() -> None:
    """Greedy interpolation overshoots, yet makes no point worse; its bounds are claims too."""
    data = planted(*OVERSHOOT)
    assert next(c for c in data["claims"] if c["claim"] == "nonincreasing")["verdict"] == "PROVED"
    data["leaves"]["levels"][0]["bounds"][0] //= 2
    assert judged(data)[0].startswith("REFUSED: leaves: ")


@pytest.mark.parametrize(
    "change",
    [
        put("witness", "x", ["1/16"]),
        put("witness", "x", ["9"]),
        put("witness", "x", []),
        put("witness", "grade", 0),
        put("witness", "before", 0, [5, 0]),
        put("witness", "after", 1, [-5, 0]),
        put("witness", "after", []),
        put("witness", "grade", True),
        put("witness", "grade", 2),
        put("witness", "grade", -1),
        put("witness", "after", 1, [1, 10**12]),
        put("witness", "after", 1, [1, 10**300]),
        put("witness", "before", 0, [-1, -(10**12)]),
        put("witness", "x", ["1/16\nVERIFIED"]),
        lambda claim: claim.pop("witness"),
        put("witness", {}),
    ],
)  # fmt: skip
def test_a_wrong_witness_is_refused(change: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = planted(*OVERSHOOT)
    change(data["claims"][3])
    (tmp_path / "c.json").write_text(check.canonical({**data, "sha256": check.digest(data)}))
    assert check.main([str(tmp_path / "c.json")]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("REFUSED: ")


def test_a_true_claim_cannot_be_passed_off_as_refuted() -> None:
    data, wrong = copy.deepcopy(evidence("wave")), planted(*OVERSHOOT)
    for k in (3, 4, 8):
        forged = copy.deepcopy(data)
        forged["claims"][k].update(verdict="REFUTED", witness=wrong["claims"][3]["witness"])
        forged["status"] = "refuted"
        assert judged(forged)[0].startswith("REFUSED: "), k
    forged = copy.deepcopy(data)
    forged["claims"][5].update(verdict="REFUTED", witness=wrong["claims"][3]["witness"])
    forged["status"] = "refuted"
    assert judged(forged)[0].startswith("REFUSED: unit-grades")


def test_open_claims_that_others_need_are_refused() -> None:
    data = copy.deepcopy(evidence("wave"))
    data["claims"][3]["verdict"] = "UNDECIDED"
    data["status"] = "incomplete"
    assert judged(data)[0].startswith("REFUSED: unit-grades")  # claimed without balanced grades


# -- the plain file --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker alone in a folder, with three certificates."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copy(str(check.__file__), folder / "check.py")
    schema.Certificate(evidence("wave")).save(folder / "true.json.gz")
    wrong = copy.deepcopy(evidence("wave"))
    wrong["grades"][0]["coefficients"][0] *= 2
    schema.Certificate({**wrong, "sha256": check.digest(wrong)}).save(folder / "false.json")
    mg.construct(mg.target("x**2"), "1e-3", budget=mg.Budget(level=2)).certificate().save(folder / "incomplete.json")
    schema.Certificate(planted(*OVERSHOOT)).save(folder / "refuted.json")
    return folder


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "code", "word"),
    [("true.json.gz", 0, "VERIFIED"), ("false.json", 1, "REFUSED"), ("refuted.json", 1, "REFUTED"),
     ("incomplete.json", 3, "INCOMPLETE"), ("missing.json", 2, "error")],
)  # fmt: skip
def test_the_checker_runs_as_a_plain_file(plain: Path, name: str, code: int, word: str, engine: str) -> None:
    """In an isolated interpreter, from another folder, with the package hidden."""
    argv, file = ["check.py", str(plain / name), "--engine", engine], str(plain / "check.py")
    hide = (
        "import runpy, sys\n"
        "sys.modules['mgdl_theory'] = sys.modules['numpy'] = None\n"
        f"sys.argv = {argv!r}\n"
        f"runpy.run_path({file!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", hide], cwd=plain.parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stderr
    said = done.stdout if code != 2 else done.stderr
    assert said.splitlines()[-1].startswith(f"{word}:")
    assert code == 2 or done.stderr == ""


def test_workers_in_a_plain_file(plain: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(plain / "check.py"), str(plain / "true.json.gz"), "--workers", "2"],
        cwd=plain.parent, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("VERIFIED: ")


MURDER = """
    if __name__ != "__main__" and any(task.cell == CELL for task in batch):
        import os, signal

        open(__file__ + ".killed", "a").write("+")
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("name", ["true", "wrong"])
def test_a_killed_worker_changes_nothing(plain: Path, name: str) -> None:
    """Each worker that comes to a cell half way is killed; the answer is that of one process, line by line."""
    data = copy.deepcopy(evidence("sea"))
    cells = max((block["cells"] for block in data["leaves"]["levels"]), key=len)
    if name == "wrong":
        data["grades"][-1]["coefficients"][0] *= 2
    schema.Certificate({**data, "sha256": check.digest(data)}).save(plain / f"{name}.killed.json")
    head = '    """Do some tasks; the number of parts of cells that they took."""\n'
    text = (plain / "check.py").read_text(encoding="utf-8")
    assert text.count(head) == 1
    murder = MURDER.replace("CELL", repr(tuple(cells[len(cells) // 2])))
    (plain / "murder.py.killed").unlink(missing_ok=True)
    (plain / "murder.py").write_text(text.replace(head, head + murder), encoding="utf-8")
    outputs = []
    for script, workers in (("check.py", "1"), ("murder.py", "2")):
        command = [sys.executable, "-I", str(plain / script), str(plain / f"{name}.killed.json"), "--workers", workers]
        done = subprocess.run(command, cwd=plain.parent, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == (0 if name == "true" else 1), done.stderr
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert (plain / "murder.py.killed").exists(), "somebody was killed"
    assert outputs[0].splitlines()[-1].startswith("VERIFIED: " if name == "true" else "REFUSED: balanced: ")


def test_without_an_engine_nothing_is_checked(plain: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    assert check.main([str(plain / "true.json.gz")]) == 2
    assert "python-flint or mpmath" in capsys.readouterr().err
    monkeypatch.setattr(check, "find_spec", lambda name: name == "mpmath")
    assert check.main([str(plain / "true.json.gz")]) == 0


def test_the_checker_leaves_the_precision_of_others_alone(plain: Path) -> None:
    import flint

    before = mpmath.mp.prec, flint.ctx.prec
    for engine in ENGINES:
        assert check.main([str(plain / "true.json.gz"), "--engine", engine]) == 0
    assert (mpmath.mp.prec, flint.ctx.prec) == before


def test_the_checker_is_one_file_without_the_package_and_without_eval() -> None:
    text = Path(str(check.__file__)).read_text(encoding="utf-8")
    assert "mgdl_theory" not in text.replace("mgdl_theory.certificate", "")
    assert not any(word in text for word in (" eval(", "exec(", "pickle", "__import__", "numpy", "import mgdl"))


def test_the_engine_of_the_package_has_no_part_in_it() -> None:
    """The oracle of the derivative tests is really another program."""
    assert JetAlgebra(get_engine("numpy")).engine is get_engine("numpy")
    assert not hasattr(check, "JetAlgebra")
