"""Interval arrays: inclusion against mpmath at 300 bits, exact rationals and Arb; facts that are exact; sharpness."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mgdl_theory.errors import AssumptionError, OptionError
from mgdl_theory.rigor import engines, numpy_engine
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Engine, Interval
from mgdl_theory.rigor.kernels import ETA, LARGEST, UNIT
from mgdl_theory.rigor.rounding import FUNCTION_ULPS, TRIG_REACH, quiet

BITS = 300
"""Definition: working precision of the oracle; ends are compared with a relative slack of 2**-250."""


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """What a caller of an engine does once around its computation."""
    with quiet():
        yield


def _engines() -> Iterator[Any]:
    yield pytest.param(get_engine("numpy"), id="numpy")
    try:
        yield pytest.param(get_engine("crival"), id="crival")
    except OptionError:
        yield pytest.param(None, id="crival", marks=pytest.mark.skip(reason="crival is not installed"))


both_engines = pytest.mark.parametrize("engine", list(_engines()))

# -- random intervals with a member ----------------------------------------------------------------

finite = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-10, 10),
    st.floats(-1, 1),
    st.floats(-1e6, 1e6),
    st.floats(-1e-300, 1e-300),
    st.builds(math.ldexp, st.integers(-64, 64), st.integers(-6, 6)),
    st.builds(lambda k, steps: _moved(k * math.pi / 2, steps), st.integers(-100, 100), st.integers(-3, 3)),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, ETA, -ETA, 2.0**-1022, LARGEST, -LARGEST, 1 - UNIT, 1 + 2 * UNIT]),
)


def _moved(x: float, steps: int) -> float:
    for _ in range(abs(steps)):
        x = math.nextafter(x, math.copysign(math.inf, steps))
    return x


@st.composite
def sets(draw: st.DrawFn, least: float = -math.inf, most: float = math.inf) -> tuple[float, float, float]:
    """(lo, member, hi) within [least, most]: moderate, degenerate, thin, wide or unbounded."""
    kind = draw(st.sampled_from(["moderate", "moderate", "moderate", "point", "thin", "wide", "ray", "line"]))
    if kind == "moderate":
        scale = draw(st.sampled_from([1.0, 3.0, 30.0]))
        bounds = st.floats(max(-scale, least), min(scale, most))
        lo, member, hi = sorted(draw(bounds) for _ in range(3))
        return lo, draw(st.sampled_from([lo, member, hi])), hi
    member = draw(finite.map(lambda x: _into(x, least, most)))
    if kind == "point":
        return member, member, member
    if kind == "thin":
        lo, hi = (_moved(member, sign * draw(st.integers(0, 4))) for sign in (-1, 1))
    else:
        lo, hi = sorted([member, _into(draw(finite), least, most)])
    if kind in ("ray", "line"):
        lo, hi = (-math.inf, hi) if draw(st.booleans()) else (lo, math.inf)
    if kind == "line":
        lo, hi = -math.inf, math.inf
    return max(lo, least), member, min(hi, most)


def _into(x: float, least: float, most: float) -> float:
    """x itself, or its mirror image, or a number of the same flavour inside the bounds."""
    for candidate in (x, -x, 1 / x if abs(x) > 1 else x, -1 / x if abs(x) > 1 else x):
        if least <= candidate <= most:
            return candidate
    return min(max(x, least), most)


def batch(*columns: list[tuple[float, float, float]]) -> list[Interval]:
    """One interval array per argument."""
    return [
        Interval(np.array([lo for lo, _, _ in column]), np.array([hi for _, _, hi in column])) for column in columns
    ]


def columns(arity: int, least: float = -math.inf) -> st.SearchStrategy[list[list[tuple[float, float, float]]]]:
    rows = st.lists(st.tuples(*[sets(least)] * arity), min_size=1, max_size=4)
    return rows.map(lambda rows: [list(column) for column in zip(*rows, strict=True)])


# -- the oracles -----------------------------------------------------------------------------------

ODD_ROOT = "cbrt"
UNARY = ["neg", "abs", "sqr", "sqrt", "cbrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh"]
UNARY += ["asin", "acos", "atan"]
BINARY = ["add", "sub", "mul", "div", "min", "max", "pow"]
ARITHMETIC: dict[str, Callable[..., Fraction]] = {
    "neg": lambda x: -x,
    "abs": abs,
    "sqr": lambda x: x * x,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "min": min,
    "max": max,
}
DOMAIN: dict[str, Callable[..., bool]] = {
    "div": lambda x, y: y != 0,
    "sqrt": lambda x: x >= 0,
    "log": lambda x: x > 0,
    "asin": lambda x: -1 <= x <= 1,
    "acos": lambda x: -1 <= x <= 1,
    "pow": lambda x, y: x > 0,
}


def truth(name: str, *x: float) -> Any:
    """The value at binary64 arguments: an exact Fraction, or an mpf with a relative error below 2**-250."""
    if name in ARITHMETIC:
        return ARITHMETIC[name](*map(Fraction, x))
    with mpmath.workprec(BITS):
        y = [mpmath.mpf(float(v)) for v in x]
        if name == "cbrt":
            return mpmath.sign(y[0]) * mpmath.cbrt(abs(y[0]))
        if name == "pow":
            return mpmath.exp(y[1] * mpmath.log(y[0]))
        return getattr(mpmath, name)(*y)


def holds(lo: float, hi: float, value: Any) -> bool:
    """Whether lo <= value <= hi, up to the precision of the oracle."""
    if isinstance(value, Fraction):
        return (lo == -math.inf or Fraction(lo) <= value) and (hi == math.inf or value <= Fraction(hi))
    with mpmath.workprec(BITS):
        slack = abs(value) * mpmath.mpf(2) ** -250
        return bool(mpmath.mpf(lo) <= value + slack and value - slack <= mpmath.mpf(hi))


def check(result: Interval, name: str, members: list[tuple[float, ...]]) -> None:
    """Every member's value is enclosed, and the result is a proper interval array."""
    proper(result)
    for lo, hi, member in zip(result.lo.tolist(), result.hi.tolist(), members, strict=True):
        if DOMAIN.get(name, lambda *_: True)(*member):
            assert holds(lo, hi, truth(name, *member)), (name, member, lo, hi)


def proper(result: Interval) -> None:
    assert result.lo.dtype == result.hi.dtype == np.float64
    assert (result.lo <= result.hi).all()
    assert (result.lo < np.inf).all()
    assert (result.hi > -np.inf).all()


# -- inclusion -------------------------------------------------------------------------------------


@both_engines
@pytest.mark.parametrize("name", UNARY)
@given(given_columns=columns(1))
def test_values_of_members_are_enclosed(engine: Engine, name: str, given_columns: Any) -> None:
    (column,) = given_columns
    check(getattr(engine, name)(*batch(column)), name, [(member,) for _, member, _ in column])


@both_engines
@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("name", UNARY[3:])
def test_cells_with_common_ends_are_enclosed_like_each_cell_alone(engine: Engine, name: str, falling: bool) -> None:
    """Neighbouring cells share the values at their common ends; holes, jumps and the last cell do not."""
    source = np.random.default_rng(8)
    ends = np.sort(source.uniform(0, 1 if name.startswith("a") else 40, 120))
    lo, hi = ends[:-1].copy(), ends[1:].copy()
    hi[::31] = lo[::31] + 0.5 * (hi[::31] - lo[::31])
    if falling and name not in DOMAIN:
        lo, hi = -hi, -lo
    elif falling:
        lo, hi = lo[::-1], hi[::-1]
    together = getattr(engine, name)(Interval(lo, hi))
    check(together, name, [(x,) for x in lo.tolist()])
    check(together, name, [(x,) for x in hi.tolist()])
    for k in range(len(lo)):
        alone = getattr(engine, name)(Interval(lo[k : k + 1], hi[k : k + 1]))
        for found, wanted in ((together.lo[k], alone.lo[0]), (together.hi[k], alone.hi[0])):
            assert found == wanted or abs(found - wanted) <= 16 * math.ulp(wanted)


@both_engines
@pytest.mark.parametrize("factor", [10, -3, 0.75, 2**25 + 1, 1 / 3])
@pytest.mark.parametrize("exponent", [0, -30, -1030, 960])
def test_multiples_of_short_numbers_are_exact_where_that_is_possible(
    engine: Engine, factor: float, exponent: int
) -> None:
    x = np.ldexp(np.arange(-(2**10), 2**10, dtype=np.float64), exponent)
    for hi in (x + np.ldexp(1.0, exponent), x + np.ldexp(1 / 3, exponent)):
        product = engine.mul(Interval.exact(factor), Interval(x, hi))
        for k in range(0, len(x), 7):
            ends = sorted(Fraction(factor) * Fraction(float(end)) for end in (x[k], hi[k]))
            short = _bits(factor) + max(_bits(x[k]), _bits(hi[k])) <= 26 and exponent > -1000
            assert Fraction(float(product.lo[k])) <= ends[0]
            assert not short or Fraction(float(product.lo[k])) == ends[0]
            assert ends[1] <= Fraction(float(product.hi[k]))
            assert not short or Fraction(float(product.hi[k])) == ends[1]


@both_engines
@pytest.mark.parametrize("name", BINARY)
@given(given_columns=columns(2))
@example(given_columns=[[(LARGEST, LARGEST, LARGEST)], [(LARGEST, LARGEST, LARGEST)]])
@example(given_columns=[[(-1.0, 0.0, math.inf)], [(-math.inf, -2.0, math.inf)]])
@example(given_columns=[[(ETA, ETA, ETA)], [(-0.5, -0.5, -0.5)]])
def test_values_of_pairs_of_members_are_enclosed(engine: Engine, name: str, given_columns: Any) -> None:
    members = [(x[1], y[1]) for x, y in zip(*given_columns, strict=True)]
    check(getattr(engine, name)(*batch(*given_columns)), name, members)


@both_engines
@given(given_columns=columns(1), factor=finite)
def test_multiples_and_quotients_by_one_number_are_enclosed(engine: Engine, given_columns: Any, factor: float) -> None:
    (column,) = given_columns
    (x,) = batch(column)
    c = Interval.exact(factor)
    members = [(member, factor) for _, member, _ in column]
    check(engine.mul(x, c), "mul", members)
    check(engine.mul(c, x), "mul", members)
    check(engine.div(x, c), "div", members)
    check(engine.add(c, x), "add", members)
    check(engine.sub(x, c), "sub", members)


@both_engines
@given(given_columns=st.integers(1, 6).flatmap(columns))
@example(given_columns=[[(LARGEST, LARGEST, LARGEST)]] * 4)
@example(given_columns=[[(0.0, 0.0, 0.0)], [(-math.inf, 3.0, math.inf)], [(1.0, 1.0, 1.0)], [(0.1, 0.1, 0.1)]])
@example(given_columns=[[(ETA, ETA, ETA)], [(0.5, 0.5, 0.5)]] * 3)
@example(given_columns=[[(-30.0, -30.0, 30.0)], [(0.0, 1.0, 1.0)]])
def test_sums_and_sums_of_products_are_enclosed(engine: Engine, given_columns: Any) -> None:
    arguments = batch(*given_columns)
    members = list(zip(*([Fraction(member) for _, member, _ in column] for column in given_columns), strict=True))
    total = engine.total(*arguments)
    pairs = [(arguments[k], arguments[-1 - k // 2]) for k in range(len(arguments))]
    products = [[row[k] * row[-1 - k // 2] for k in range(len(row))] for row in members]
    dot = engine.dot(*pairs)
    scaled = engine.dot((arguments[0], engine.const(Fraction(1, 3))), (engine.const(-7), arguments[-1]))
    for result in (total, dot, scaled):
        proper(result)
    for k, row in enumerate(members):
        assert holds(total.lo[k].item(), total.hi[k].item(), sum(row, Fraction(0)))
        assert holds(dot.lo[k].item(), dot.hi[k].item(), sum(products[k], Fraction(0)))
        assert holds(scaled.lo[k].item(), scaled.hi[k].item(), row[0] / 3 - 7 * row[-1])


@both_engines
@pytest.mark.parametrize("seed", range(4))
def test_arithmetic_of_many_random_cells_is_enclosed(engine: Engine, seed: int) -> None:
    """Every operation of exact rationals on 150 cells with a corner each, where bounds are attained."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.normal(size=(4, 2, 150)) * 10.0 ** rng.integers(-2, 3, size=(4, 1, 150)), axis=1)
    ends[:, 1] = np.where(rng.random((4, 150)) < 0.2, ends[:, 0], ends[:, 1])
    x, y, z, w = (Interval(lo, hi) for lo, hi in ends)
    corners = [np.where(rng.random(150) < 0.5, cell.lo, cell.hi) for cell in (x, y, z, w)]
    third, minus = Fraction(1, 3), Fraction(-7)
    cases: list[tuple[Interval, Callable[..., Fraction]]] = [
        (engine.add(x, y), lambda a, b, c, d: a + b),
        (engine.sub(x, y), lambda a, b, c, d: a - b),
        (engine.mul(x, y), lambda a, b, c, d: a * b),
        (engine.div(x, y), lambda a, b, c, d: a / b),
        (engine.sqr(x), lambda a, b, c, d: a * a),
        (engine.powi(x, 3), lambda a, b, c, d: a**3),
        (engine.powi(x, 6), lambda a, b, c, d: a**6),
        (engine.mul(x, engine.const(minus)), lambda a, b, c, d: minus * a),
        (engine.mul(engine.const(third), x), lambda a, b, c, d: third * a),
        (engine.div(x, engine.const(minus)), lambda a, b, c, d: a / minus),
        (engine.total(x, y, z), lambda a, b, c, d: a + b + c),
        (engine.dot((x, y)), lambda a, b, c, d: a * b),
        (engine.dot((x, y), (z, w)), lambda a, b, c, d: a * b + c * d),
        (engine.dot((engine.const(minus), x), (y, z)), lambda a, b, c, d: minus * a + b * c),
        (engine.dot((x, engine.const(third)), (y, engine.const(minus))), lambda a, b, c, d: third * a + minus * b),
    ]
    members = list(zip(*([Fraction(v) for v in corner.tolist()] for corner in corners), strict=True))
    for number, (result, exact) in enumerate(cases):
        proper(result)
        for lo, hi, member in zip(result.lo.tolist(), result.hi.tolist(), members, strict=True):
            assert holds(lo, hi, exact(*member)), (number, member)


@both_engines
def test_sums_of_products_that_underflow_are_enclosed(engine: Engine) -> None:
    tiny, share = Interval(np.full(2, ETA), np.full(2, ETA)), Interval(np.full(2, 0.4), np.full(2, 0.4))
    for terms in (2, 3, 5):
        result = engine.dot(*[(tiny, share)] * terms)
        assert holds(result.lo[0], result.hi[0], terms * Fraction(ETA) * Fraction(0.4))
        result = engine.dot(*[(engine.neg(tiny), share)] * terms)
        assert holds(result.lo[0], result.hi[0], -terms * Fraction(ETA) * Fraction(0.4))


@both_engines
def test_sums_of_products_are_sharp(engine: Engine) -> None:
    third, tenth = engine.const(Fraction(1, 3)), engine.const(Fraction(1, 10))
    x = Interval(np.array([0.3, 0.7]), np.array([0.3, 0.7]))
    result = engine.dot((x, third), (tenth, x), (x, x))
    assert (result.hi - result.lo <= 16 * UNIT).all()
    assert (engine.total(x, x, x).hi - engine.total(x, x, x).lo <= 24 * UNIT).all()


@both_engines
@given(given_columns=columns(1), n=st.one_of(st.integers(-12, 12), st.integers(-200, 200)))
def test_integer_powers_are_enclosed(engine: Engine, given_columns: Any, n: int) -> None:
    (column,) = given_columns
    result = engine.powi(*batch(column), n)
    proper(Interval(*np.broadcast_arrays(result.lo, result.hi)))
    for lo, hi, (_, member, _) in zip(result.lo.tolist(), result.hi.tolist(), column, strict=True):
        if member != 0 or n >= 0:
            assert holds(lo, hi, Fraction(member) ** n), (member, n, lo, hi)


@both_engines
@given(
    given_columns=columns(1, least=0.0),
    q=st.one_of(
        st.sampled_from([Fraction(1, 2), Fraction(3, 2), Fraction(1, 3), Fraction(-1, 2), Fraction(5, 4), Fraction(0)]),
        st.fractions(-6, 6, max_denominator=40),
    ),
)
def test_rational_powers_are_enclosed(engine: Engine, given_columns: Any, q: Fraction) -> None:
    (column,) = given_columns
    (x,) = batch(column)
    result, inside = engine.powq(x, q), engine.powq_inside(x, q)
    proper(result)
    for k, (_, member, _) in enumerate(column):
        if member > 0:
            with mpmath.workprec(BITS):
                value = mpmath.exp(mpmath.log(mpmath.mpf(member)) * q.numerator / q.denominator) if q else mpmath.mpf(1)
            assert holds(result.lo[k], result.hi[k], value)
            assert holds(inside.lo[k], inside.hi[k], value)
        elif q >= 0:
            assert holds(result.lo[k], result.hi[k], Fraction(int(q == 0)))


@both_engines
@given(k=st.integers(-(2**26), 2**26), left=st.integers(0, 3), right=st.integers(0, 3), which=st.integers(0, 6))
def test_waves_next_to_their_extremes_and_poles_are_enclosed(
    engine: Engine, k: int, left: int, right: int, which: int
) -> None:
    x = k * math.pi / 2
    lo, hi = _moved(x, -left), _moved(x, right)
    members = sorted({lo, x, hi, _moved(lo, 1) if left + right else lo})
    cells = Interval(np.full(len(members), lo), np.full(len(members), hi))
    for name in ("sin", "cos", "tan"):
        check(getattr(engine, name)(cells), name, [(member,) for member in members])


@both_engines
@given(given_columns=columns(1), width=st.floats(0, 7))
def test_waves_over_cells_of_moderate_width_are_enclosed(engine: Engine, given_columns: Any, width: float) -> None:
    (column,) = given_columns
    for _, member, _ in column:
        assume(abs(member) < 1e8)
    share = np.linspace(0, 1, len(column))
    members = np.array([member for _, member, _ in column])
    cells = Interval(members - share * width, members + (1 - share) * width)
    sine, cosine = engine.sincos(cells)
    check(sine, "sin", [(x,) for x in members.tolist()])
    check(cosine, "cos", [(x,) for x in members.tolist()])
    check(engine.tan(cells), "tan", [(x,) for x in members.tolist()])


@given(x=st.floats(-TRIG_REACH, TRIG_REACH), width=st.floats(0, 10))
def test_half_turns_are_bounded(x: float, width: float) -> None:
    cell = Interval(np.array([x]), np.array([x + width]))
    lo, hi = numpy_engine._half_turns(cell)
    with mpmath.workprec(BITS):
        assert math.isnan(lo[0]) or (lo[0] < x / mpmath.pi and cell.hi[0] / mpmath.pi < hi[0])
        assert math.isnan(lo[0]) or hi[0] - lo[0] < width / 3 + 1e-6


BEYOND = [2 * TRIG_REACH, 3e9, 1e16, 1e300, 6381956970095103.0 * 2.0**797, LARGEST]


@pytest.mark.parametrize("x", [*BEYOND, *(-x for x in BEYOND)])
def test_nothing_is_claimed_of_waves_beyond_the_declared_reach(x: float) -> None:
    engine, point = get_engine("numpy"), Interval(np.array([x, 1.0]), np.array([x, 1.0]))
    for wave in engine.sincos(point):
        assert (wave.lo[0], wave.hi[0]) == (-1.0, 1.0)
        assert wave.hi[1] - wave.lo[1] < 1e-14
    tangent = engine.tan(point)
    assert (tangent.lo[0], tangent.hi[0]) == (-np.inf, np.inf)


def test_a_planted_defect_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the search for extremes inside, the sine of [1, 2] misses 1, and the inclusion test says so."""
    monkeypatch.setattr(numpy_engine, "_integers_inside", lambda turns, offset: (np.ones(1), np.zeros(1)))
    wrong = get_engine("numpy").sin(Interval(np.array([1.0]), np.array([2.0])))
    with pytest.raises(AssertionError):
        check(wrong, "sin", [(1.5707963267948966,)])


@both_engines
@pytest.mark.parametrize("name", ["sqrt", *UNARY[5:]])
@given(given_columns=columns(1))
def test_arb_agrees(engine: Engine, name: str, given_columns: Any) -> None:
    flint = pytest.importorskip("flint")
    (column,) = given_columns
    result = getattr(engine, name)(*batch(column))
    before, flint.ctx.prec = flint.ctx.prec, 2000
    try:
        for lo, hi, (_, member, _) in zip(result.lo.tolist(), result.hi.tolist(), column, strict=True):
            if DOMAIN.get(name, lambda *_: True)(member):
                value = getattr(flint.arb(member), name)()
                assert not value < flint.arb(lo)
                assert not value > flint.arb(hi)
    finally:
        flint.ctx.prec = before


# -- outside the domain, and no NaN ever -----------------------------------------------------------


@both_engines
@pytest.mark.parametrize(
    ("name", "lo", "hi"),
    [
        ("sqrt", -1.0, 4.0),
        ("sqrt", -ETA, 4.0),
        ("log", 0.0, 1.0),
        ("log", -0.0, 1.0),
        ("log", -2.0, -1.0),
        ("asin", -1.0, 1 + 2 * UNIT),
        ("acos", -2.0, 0.0),
        ("tan", 1.0, 2.0),
        ("tan", 0.0, 100.0),
        ("tan", -np.inf, 0.0),
    ],
)
def test_nothing_is_known_where_an_argument_leaves_the_domain(engine: Engine, name: str, lo: float, hi: float) -> None:
    result = getattr(engine, name)(Interval(np.array([lo, 0.5]), np.array([hi, 0.75])))
    assert (result.lo[0], result.hi[0]) == (-np.inf, np.inf)
    assert np.isfinite([result.lo[1], result.hi[1]]).all()


@both_engines
@pytest.mark.parametrize(("lo", "hi"), [(0.0, 1.0), (-1.0, 0.0), (-1.0, 1.0), (0.0, 0.0), (-0.0, 1.0)])
def test_nothing_is_known_of_quotients_by_an_interval_that_holds_zero(engine: Engine, lo: float, hi: float) -> None:
    divisor = Interval(np.array([lo, 1.0]), np.array([hi, 2.0]))
    for numerator in (Interval.exact(1), Interval.exact(0), divisor):
        for result in (engine.div(numerator, divisor), engine.div(numerator, Interval(divisor.lo[:1], divisor.hi[:1]))):
            assert (result.lo[0], result.hi[0]) == (-np.inf, np.inf)
    for result in (engine.powi(divisor, -1), engine.powi(divisor, -2), engine.powq(divisor, Fraction(-1, 2))):
        assert (result.lo[0], result.hi[0]) == (-np.inf, np.inf)


WILD = [
    -np.inf,
    -LARGEST,
    -1e200,
    -1.0,
    -1e-200,
    -ETA,
    -0.0,
    0.0,
    ETA,
    2.0**-1022,
    1e-200,
    0.3,
    1.0,
    3.0,
    1e200,
    LARGEST,
]
WILD += [np.inf]


@both_engines
def test_results_are_proper_intervals_whatever_the_ends(engine: Engine) -> None:
    pairs = [(lo, hi) for lo in WILD for hi in WILD if lo <= hi and lo < np.inf and hi > -np.inf]
    x = Interval(np.array([lo for lo, _ in pairs]), np.array([hi for _, hi in pairs]))
    for name in UNARY:
        proper(getattr(engine, name)(x))
    for n in (-9, -2, -1, 0, 1, 2, 3, 8, 9, 50):
        proper(engine.powi(x, n))
    for q in (Fraction(1, 2), Fraction(-3, 2), Fraction(2, 3), Fraction(7)):
        proper(engine.powq(x, q))
    nonnegative = engine.abs(x)
    proper(engine.powq_inside(nonnegative, Fraction(-1, 2)))
    n = len(pairs)
    left = Interval(np.repeat(x.lo, n), np.repeat(x.hi, n))
    right = Interval(np.tile(x.lo, n), np.tile(x.hi, n))
    for name in BINARY:
        proper(getattr(engine, name)(left, right))
    proper(engine.dot((left, right), (right, right)))
    proper(engine.total(left, right, left))
    for c in WILD[1:-1]:
        proper(engine.mul(x, Interval.exact(c)))
        proper(engine.div(x, Interval.exact(c)))


@both_engines
def test_arithmetic_of_extreme_numbers_is_enclosed(engine: Engine) -> None:
    """All pairs of extreme points, as arrays and with one number as a factor, against exact rationals."""
    odd = [3 * ETA, -5 * ETA, 2.0**-1022 * (1 + 2.0**-52), 0.1, -1 / 3, 2.0**-500, 2.0**500, 2.0**-970, 1e154, -1e-170]
    values = [*WILD[1:-1], *odd]
    x = np.array(values)
    points = Interval(x, x)
    for y in values:
        number, same = Interval.exact(y), Interval(np.full(x.shape, y), np.full(x.shape, y))
        for name in ("add", "sub", "mul", "div"):
            for result in (getattr(engine, name)(points, number), getattr(engine, name)(points, same)):
                check(result, name, [(member, y) for member in values])
        check(engine.mul(number, points), "mul", [(member, y) for member in values])
    check(engine.sqr(points), "sqr", [(member,) for member in values])
    for n in (3, 4, 7, 13, 31, 32, 33):
        subnormal = [
            sign * share * 10.0 ** (-315 / n) for sign in (-1, 1) for share in np.linspace(0.9, 1.1, 9).tolist()
        ]
        x = np.array([*values, *subnormal])
        result = engine.powi(Interval(x, x), n)
        for lo, hi, member in zip(result.lo.tolist(), result.hi.tolist(), x.tolist(), strict=True):
            assert holds(lo, hi, Fraction(member) ** n), (member, n)


@both_engines
def test_zero_times_anything_is_zero(engine: Engine) -> None:
    zero, entire = Interval(np.zeros(2), np.zeros(2)), Interval(np.full(2, -np.inf), np.full(2, np.inf))
    for product in (engine.mul(zero, entire), engine.mul(entire, zero), engine.mul(engine.const(0), entire)):
        assert product.lo.tolist() == product.hi.tolist() == [0.0, 0.0]


# -- exact facts -----------------------------------------------------------------------------------


@both_engines
@pytest.mark.parametrize("exponent", [0, -30, -520, 480])
def test_products_of_many_short_numbers_are_exact_where_that_is_possible(engine: Engine, exponent: int) -> None:
    """Coordinates on a grid are the rule here and long numbers, zeros and underflow the exception."""
    source = np.random.default_rng(5)
    ends = [np.sort(np.ldexp(source.integers(-(2**8), 2**8, (2, 400)), exponent), axis=0) for _ in range(2)]
    for x in ends:
        x[1, ::7] = np.nextafter(x[1, ::7], np.inf) + np.ldexp(1 / 3, exponent)
    (al, ah), (bl, bh) = ends
    product = engine.mul(Interval(al, ah), Interval(bl, bh))
    for k in range(400):
        short = all(_bits(x) <= 26 for x in (al[k], ah[k], bl[k], bh[k]))
        corners = [Fraction(float(x)) * Fraction(float(y)) for x in (al[k], ah[k]) for y in (bl[k], bh[k])]
        for found, wanted, side in ((product.lo[k], min(corners), 1), (product.hi[k], max(corners), -1)):
            gap = side * (wanted - Fraction(float(found)))
            assert gap == 0 if short and exponent > -480 else gap >= 0


def _bits(x: float) -> int:
    """Length of the significand."""
    numerator = abs(Fraction(float(x)).numerator)
    return (numerator >> ((numerator & -numerator).bit_length() - 1)).bit_length() if numerator else 0


@both_engines
@given(st.integers(-(2**26), 2**26), st.integers(-30, 30))
def test_squares_of_26_bits_are_exact(engine: Engine, mantissa: int, exponent: int) -> None:
    x = math.ldexp(mantissa, exponent)
    result = engine.sqr(Interval.exact(x))
    assert result.lo[0] == result.hi[0] == x * x
    assert engine.powi(Interval.exact(x), 2).lo[0] == x * x


@both_engines
@given(given_columns=columns(1), exponent=st.integers(-40, 40), sign=st.sampled_from([-1, 1]))
def test_multiples_by_powers_of_two_are_exact(engine: Engine, given_columns: Any, exponent: int, sign: int) -> None:
    (x,) = batch(given_columns[0])
    factor = sign * 2.0**exponent
    ends = np.sort([x.lo * factor, x.hi * factor], axis=0)
    for end in (x.lo, x.hi):
        for before, after in zip(end.tolist(), (end * factor).tolist(), strict=True):
            assume(
                math.isinf(before) or (math.isfinite(after) and Fraction(before) * Fraction(factor) == Fraction(after))
            )
    product = engine.mul(x, engine.const(Fraction(factor)))
    assert (product.lo == ends[0]).all()
    assert (product.hi == ends[1]).all()


@both_engines
@given(finite, finite)
def test_exact_sums_stay_exact(engine: Engine, a: float, b: float) -> None:
    assume(max(abs(a), abs(b)) < 2.0**1020)
    total = Fraction(a) + Fraction(b)
    assume(Fraction(float(total)) == total)
    result = engine.add(Interval.exact(a), Interval.exact(b))
    assert result.lo[0] == result.hi[0] == float(total)
    difference = engine.sub(Interval.exact(a), Interval.exact(a))
    assert difference.lo[0] == difference.hi[0] == 0.0


@both_engines
@given(given_columns=columns(2))
def test_signs_and_ranges_are_kept(engine: Engine, given_columns: Any) -> None:
    x, y = batch(*given_columns)
    for even in (engine.sqr(x), engine.powi(x, 4), engine.powi(x, 10), engine.abs(x), engine.exp(x)):
        assert (even.lo >= 0).all()
    assert (engine.mul(engine.abs(x), engine.abs(y)).lo >= 0).all()
    assert (engine.mul(engine.neg(engine.abs(x)), engine.abs(y)).hi <= 0).all()
    for wave in (engine.sin(x), engine.cos(x), engine.tanh(x)):
        assert (wave.lo >= -1).all()
        assert (wave.hi <= 1).all()
    assert (engine.cosh(x).lo >= 1).all()
    assert (engine.acos(engine.cos(x)).lo >= 0).all()


@both_engines
@pytest.mark.parametrize("k", range(-3, 4))
def test_waves_stay_inside_one_next_to_their_extremes(engine: Engine, k: int) -> None:
    x = k * math.pi / 2 + np.concatenate([sign * np.logspace(-17, -6, 200) for sign in (-1, 1)])
    for cells in (Interval(x, x), Interval(x, np.nextafter(x, np.inf))):
        for wave in engine.sincos(cells):
            assert (wave.lo >= -1).all()
            assert (wave.hi <= 1).all()
            assert (wave.hi - wave.lo < 1e-8).all()


BORDER = {
    "sqrt(1 - x**2) at 1": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.sqr(x))),
    "sqrt(1 - x**2) at -1": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.powi(e.neg(x), 2))),
    "sqrt(1 - x y) at (1, 1)": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.mul(x, y))),
    "sqrt(1 - x**4) at 1": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.powi(x, 4))),
    "sqrt(1 - x**(3/2)) at 1": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.powq(x, Fraction(3, 2)))),
    "sqrt(1 - x**pi) at 1": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.pow(x, e.pi()))),
    "sqrt(1 - sqrt(x)) at 1": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.sqrt(x))),
    "sqrt(1 - cbrt(x)) at 1": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.cbrt(x))),
    "sqrt(-log(x)) at 1": lambda e, x, y: e.sqrt(e.neg(e.log(x))),
    "asin(x y) at (1, 1)": lambda e, x, y: e.asin(e.mul(x, y)),
    "sqrt(acos(x)) at 1": lambda e, x, y: e.sqrt(e.acos(x)),
    "sqrt(1/x - 1) at 1": lambda e, x, y: e.sqrt(e.sub(e.div(e.const(1), x), e.const(1))),
    "sqrt(1 - x/y/2) at (1, 1/2)": lambda e, x, y: e.sqrt(
        e.sub(e.const(1), e.div(x, e.mul(e.const(2), e.mul(e.const(Fraction(1, 2)), e.const(1)))))
    ),
    "sqrt(x) at 0": lambda e, x, y: e.sqrt(e.sub(e.const(1), x)),
    "sqrt(x y) at 0": lambda e, x, y: e.sqrt(e.mul(e.sub(e.const(1), x), e.sub(e.const(1), y))),
    "sqrt(sin(x)) at 0": lambda e, x, y: e.sqrt(e.sin(e.sub(e.const(1), x))),
    "sqrt(tanh(x)) at 0": lambda e, x, y: e.sqrt(e.tanh(e.sub(e.const(1), x))),
    "sqrt(atan(x)) at 0": lambda e, x, y: e.sqrt(e.atan(e.sub(e.const(1), x))),
    "sqrt(1 - cos(x)) at 0": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.cos(e.sub(e.const(1), x)))),
    "sqrt(cosh(x) - 1) at 0": lambda e, x, y: e.sqrt(e.sub(e.cosh(e.sub(e.const(1), x)), e.const(1))),
    "sqrt(exp(x) - 1) at 0": lambda e, x, y: e.sqrt(e.sub(e.exp(e.sub(e.const(1), x)), e.const(1))),
    "sqrt(1 - exp(-x)) beside 0": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.exp(e.neg(e.mul(x, e.const(UNIT)))))),
    "sqrt(1 - x**(3/2)) beside 1": lambda e, x, y: e.sqrt(
        e.sub(e.const(1), e.powq(e.sub(e.const(1), e.mul(x, e.const(UNIT))), Fraction(3, 2)))
    ),
    "sqrt(x**(-3/2) - 1) beside 1": lambda e, x, y: e.sqrt(
        e.sub(e.pow(e.sub(e.const(1), e.mul(x, e.const(UNIT))), e.const(Fraction(-3, 2))), e.const(1))
    ),
    "sqrt(1 - exp(-x)) at 0": lambda e, x, y: e.sqrt(e.sub(e.const(1), e.exp(e.sub(x, e.const(1))))),
}


@both_engines
@pytest.mark.parametrize("expression", BORDER)
@pytest.mark.parametrize("level", [0, 1, 5, 20, 30, 45, 52])
def test_functions_are_enclosed_up_to_the_border_of_their_domain(engine: Engine, expression: str, level: int) -> None:
    """On the cell [1 - 2**-level, 1] of each variable, and at its right end."""
    h = 2.0**-level * (0.5 if level == 0 else 1)
    cell = Interval(np.array([1 - h, 1.0]), np.array([1.0, 1.0]))
    same = Interval(cell.lo.copy(), cell.hi.copy())
    result = BORDER[expression](engine, cell, same)
    assert np.isfinite([result.lo, result.hi]).all()


@both_engines
def test_cube_roots_of_exact_cubes_are_exact(engine: Engine) -> None:
    roots = np.concatenate([np.arange(-3000, 3001), np.ldexp(np.arange(130_001, 131_072), -300)])
    found = engine.cbrt(Interval(roots**3, roots**3))
    assert np.array_equal(found.lo, roots)
    assert np.array_equal(found.hi, roots)


@both_engines
def test_known_values(engine: Engine) -> None:
    for value, result in [
        (2, engine.sqrt(engine.const(4))),
        (3, engine.cbrt(engine.const(27))),
        (-3, engine.cbrt(engine.const(-27))),
        (Fraction(81, 16), engine.powi(engine.const(Fraction(3, 2)), 4)),
        (1, engine.powi(Interval(np.array([-np.inf]), np.array([np.inf])), 0)),
        (Fraction(1, 8), engine.powi(engine.const(2), -3)),
        (8, engine.powq(engine.const(4), Fraction(3, 2)) if engine.name == "crival" else engine.const(8)),
        (Fraction(3, 4), engine.div(engine.const(3), engine.const(4))),
        (1, engine.pow(engine.const(1), Interval(np.array([-np.inf]), np.array([np.inf])))),
        (1, engine.pow(engine.const(7), engine.const(0))),
    ]:
        assert Fraction(result.lo[0].item()) == Fraction(result.hi[0].item()) == value


@both_engines
def test_constants_are_enclosed_within_one_unit(engine: Engine) -> None:
    with mpmath.workprec(BITS):
        constants = [(engine.pi(), mpmath.pi()), (engine.e(), mpmath.e())]
        constants += [
            (engine.const(q), mpmath.mpf(q.numerator) / q.denominator) for q in (Fraction(1, 3), Fraction(1, 10))
        ]
    for enclosure, value in constants:
        assert enclosure.shape == (1,)
        assert holds(enclosure.lo[0], enclosure.hi[0], value)
        assert math.nextafter(enclosure.lo[0], math.inf) == enclosure.hi[0]


@given(st.one_of(st.fractions(), st.integers(), finite, st.builds(Fraction, st.integers(), st.integers(1, 10**400))))
@example(10**400)
@example(-(10**400))
@example(Fraction(1, 10**400))
def test_an_exact_number_becomes_the_smallest_interval(value: Any) -> None:
    result = Interval.exact(value)
    lo, hi = result.lo[0].item(), result.hi[0].item()
    assert holds(lo, hi, Fraction(value))
    assert lo == hi == value or (math.nextafter(lo, math.inf) == hi and lo != value != hi)


# -- sharpness and monotonicity --------------------------------------------------------------------


@both_engines
@pytest.mark.parametrize("name", ["sqrt", "cbrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan"])
@given(x=st.floats(2.0**-20, 50))
def test_values_at_points_are_sharp(engine: Engine, name: str, x: float) -> None:
    result = getattr(engine, name)(Interval.exact(x))
    units = 1 if engine.name == "crival" else 2 if name == "sqrt" else 2 * (2 * (FUNCTION_ULPS.get(name, 4) + 1) + 1)
    width = result.hi[0] - result.lo[0]
    assert width <= units * math.ulp(max(abs(result.lo[0]), abs(result.hi[0])))


@both_engines
@pytest.mark.parametrize("name", ["mul", "div", "add", "sub"])
@given(x=st.floats(2.0**-300, 2.0**300), y=st.floats(2.0**-300, 2.0**300))
def test_arithmetic_at_points_is_sharp(engine: Engine, name: str, x: float, y: float) -> None:
    result = getattr(engine, name)(Interval(np.array([x, x]), np.array([x, x])), Interval(np.full(2, y), np.full(2, y)))
    steps = 1 if engine.name == "crival" or name in ("add", "sub") else 2
    assert (result.hi <= _moved(result.lo[0], steps)).all()


@given(wide=columns(2), data=st.data())
def test_the_tight_engine_is_inclusion_monotone(wide: Any, data: st.DataObject) -> None:
    pytest.importorskip("ival")
    engine = get_engine("crival")
    inner = [[(m, m, data.draw(st.sampled_from([m, hi]))) for _, m, hi in column] for column in wide]
    for name in UNARY:
        _within(getattr(engine, name)(*batch(inner[0])), getattr(engine, name)(*batch(wide[0])))
    for name in BINARY:
        _within(getattr(engine, name)(*batch(*inner)), getattr(engine, name)(*batch(*wide)))


@given(wide=columns(2), data=st.data())
def test_exact_operations_and_sums_are_inclusion_monotone(wide: Any, data: st.DataObject) -> None:
    engine = get_engine("numpy")
    inner = [[(m, m, data.draw(st.sampled_from([m, hi]))) for _, m, hi in column] for column in wide]
    for name in ("neg", "abs"):
        _within(getattr(engine, name)(*batch(inner[0])), getattr(engine, name)(*batch(wide[0])))
    for name in ("add", "sub", "min", "max", "hull"):
        _within(getattr(engine, name)(*batch(*inner)), getattr(engine, name)(*batch(*wide)))


def _within(inner: Interval, outer: Interval) -> None:
    assert (outer.lo <= inner.lo).all()
    assert (inner.hi <= outer.hi).all()


@given(given_columns=columns(2))
def test_the_two_engines_meet_and_the_numpy_one_holds_the_tight_one(given_columns: Any) -> None:
    pytest.importorskip("ival")
    fast, tight = get_engine("numpy"), get_engine("crival")
    for name in (*UNARY, *BINARY):
        args = batch(*given_columns[: 1 if name in UNARY else 2])
        _within(getattr(tight, name)(*args), getattr(fast, name)(*args))
        fast.meet(getattr(tight, name)(*args), getattr(fast, name)(*args))


# -- the declared errors of NumPy's functions, where they are hardest to keep -----------------------


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@given(ks=st.lists(st.integers(1, int(TRIG_REACH / math.pi * 2) - 1), min_size=20, max_size=20))
def test_numpy_waves_next_to_their_zeros_and_poles(name: str, ks: list[int]) -> None:
    x = np.array(ks) * (math.pi / 2)
    computed = getattr(np, name)(x)
    for argument, value in zip(x.tolist(), computed.tolist(), strict=True):
        exact = truth(name, argument)
        assert abs(value - exact) <= FUNCTION_ULPS[name] * 2.0**-52 * abs(exact)


# -- arrays, engines, errors -----------------------------------------------------------------------


@both_engines
def test_one_number_meets_many(engine: Engine) -> None:
    x, third = Interval(np.array([1.0, 2.0, -3.0]), np.array([1.5, 2.5, 3.0])), engine.const(Fraction(1, 3))
    for name in BINARY:
        for args in ((x, third), (third, x)):
            result = getattr(engine, name)(*args)
            assert result.lo.shape == result.hi.shape == (3,)
    grid = Interval(x.lo[:, None] + np.zeros(2), x.hi[:, None] + np.zeros(2))
    assert engine.mul(grid, engine.sin(grid)).lo.shape == (3, 2)
    assert Interval(np.zeros(3), np.zeros(1)).shape == (3,)


@both_engines
def test_empty_and_strided_arrays_are_served(engine: Engine) -> None:
    columns = np.sort(np.random.default_rng(0).uniform(-2, 2, (60, 4)), axis=1)
    strided = Interval(columns[:, 1], columns[:, 2])
    plain = Interval(columns[:, 1].copy(), columns[:, 2].copy())
    empty = Interval(np.empty(0), np.empty(0))
    for name in UNARY:
        operation = getattr(engine, name)
        assert operation(empty).shape == (0,)
        for one, other in zip(_both_ends(operation(strided)), _both_ends(operation(plain)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14, atol=0)
    for name in (*BINARY, "total", "hull", "meet"):
        assert getattr(engine, name)(empty, empty).shape == (0,)
    assert engine.mul(empty, engine.const(3)).shape == engine.powi(empty, 40).shape == (0,)
    assert engine.dot((empty, empty), (empty, engine.const(2))).shape == (0,)


def _both_ends(x: Interval) -> tuple[Any, Any]:
    return x.lo, x.hi


@both_engines
def test_arguments_are_never_written_to(engine: Engine) -> None:
    x = Interval(np.array([0.0, 1.0, -2.0, 0.3]), np.array([0.0, 1.5, 7.0, 0.4]))
    for end in (x.lo, x.hi):
        end.flags.writeable = False
    for name in UNARY:
        getattr(engine, name)(x)
    for name in (*BINARY, "hull", "total"):
        getattr(engine, name)(x, x)
    engine.dot((x, x), (engine.const(1), x))
    engine.dot((engine.const(1), x), (x, x))
    for n in (-1, 0, 1, 2, 3, 20):
        engine.powi(x, n)
    engine.powq(x, Fraction(2, 3))


@both_engines
def test_two_arguments_are_independent_even_if_they_are_one_object(engine: Engine) -> None:
    x = Interval(np.array([-1.0]), np.array([1.0]))
    assert engine.mul(x, x).lo[0] == -1
    assert engine.sub(x, x).hi[0] == 2


@both_engines
def test_hull_and_meet(engine: Engine) -> None:
    a, b = Interval(np.array([0.0]), np.array([2.0])), Interval(np.array([1.0]), np.array([3.0]))
    hull, meet = engine.hull(a, b), engine.meet(a, b)
    assert (hull.lo[0], hull.hi[0], meet.lo[0], meet.hi[0]) == (0.0, 3.0, 1.0, 2.0)
    with pytest.raises(AssumptionError, match="do not meet"):
        engine.meet(a, Interval(np.array([2.5]), np.array([3.0])))


def test_engines_are_cached_and_unknown_ones_refused() -> None:
    assert get_engine("numpy") is get_engine()
    with pytest.raises(OptionError, match="'numpy' or 'crival'"):
        get_engine("mpfr")


@both_engines
def test_an_absurd_exponent_is_refused(engine: Engine) -> None:
    for n in (2**31, -(2**31), 10**5000):
        with pytest.raises(OptionError, match="beyond 31 bits"):
            engine.powi(engine.const(1), n)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ival", None)
    monkeypatch.delitem(sys.modules, "mgdl_theory.rigor.crival_engine", raising=False)
    engines._engine.cache_clear()
    with pytest.raises(OptionError, match=r"pip install mgdl-theory\[crival\]"):
        get_engine("crival")
    engines._engine.cache_clear()


def test_the_tight_engine_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ival = pytest.importorskip("ival")
    tangent = ival.tan
    monkeypatch.setattr(ival, "tan", lambda x: tangent(x) + ival.Interval(0.0, 1.0))
    with pytest.raises(AssumptionError, match="tan"):
        type(get_engine("crival"))()
