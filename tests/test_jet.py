"""Jets against sympy's derivatives, and against difference quotients, which need no derivative to exist."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from mgdl_theory.errors import OptionError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Engine, Interval
from mgdl_theory.rigor.jet import Jet, JetAlgebra
from mgdl_theory.rigor.rounding import quiet

F = Fraction
BITS = 400
SLACK = mpmath.mpf(2) ** -250
"""Definition: the oracles work at 400 bits; cancellation costs them fewer than 150."""


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    with quiet():
        yield


def _engines() -> Iterator[Any]:
    yield pytest.param(get_engine("numpy"), id="numpy")
    try:
        yield pytest.param(get_engine("crival"), id="crival")
    except OptionError:
        yield pytest.param(None, id="crival", marks=pytest.mark.skip(reason="crival is not installed"))


both_engines = pytest.mark.parametrize("engine", list(_engines()))
ENGINES = [parameter.values[0] for parameter in _engines() if parameter.values[0] is not None]


# -- other algebras --------------------------------------------------------------------------------


class Exact:
    """The operations on sympy expressions or mpmath numbers, whichever ``functions`` computes with."""

    def __init__(self, functions: Any, number: Callable[[Fraction], Any], decide: Callable[[Any], bool]) -> None:
        self.functions, self.number, self.decide = functions, number, decide

    def const(self, value: Fraction | int) -> Any:
        return self.number(Fraction(value))

    def pi(self) -> Any:
        return self.functions.pi + 0

    def e(self) -> Any:
        return self.functions.exp(self.const(1))

    def powi(self, a: Any, n: int) -> Any:
        return a**n

    def powq(self, a: Any, q: Fraction) -> Any:
        return a ** self.const(q)

    def pow(self, a: Any, b: Any) -> Any:
        return self.functions.exp(b * self.functions.log(a))

    def cbrt(self, a: Any) -> Any:
        return self.powq(a, F(1, 3)) if self.decide(a) else -self.powq(-a, F(1, 3))

    def abs(self, a: Any) -> Any:
        return a if self.decide(a) else -a

    def max(self, a: Any, b: Any) -> Any:
        return a if self.decide(a - b) else b

    def min(self, a: Any, b: Any) -> Any:
        return b if self.decide(a - b) else a

    def __getattr__(self, name: str) -> Any:
        simple = {
            "neg": lambda a: -a,
            "sqr": lambda a: a * a,
            "add": lambda a, b: a + b,
            "sub": lambda a, b: a - b,
            "mul": lambda a, b: a * b,
            "div": lambda a, b: a / b,
        }
        return simple.get(name) or getattr(self.functions, name)


MP = Exact(mpmath, lambda q: mpmath.mpf(q.numerator) / q.denominator, lambda value: bool(value >= 0))
X, Y = sympy.symbols("x y", real=True)


# -- the pool --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A function of x and y on a box ((x0, x1), (y0, y1)); ``smooth`` if it has no kink or singular slope there."""

    name: str
    build: Callable[[Any, Any, Any], Any]
    box: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))
    smooth: bool = True


def half(a: Any) -> Any:
    return a.const(F(1, 2))


SYMMETRIC = ((-2.0, 2.0), (-2.0, 2.0))
POOL = [
    Case("sin(10x)exp(-x)", lambda a, x, y: a.mul(a.sin(a.mul(a.const(10), x)), a.exp(a.neg(x)))),
    Case(
        "sin(6x)cos(5y)+exp(-xy)",
        lambda a, x, y: a.add(
            a.mul(a.sin(a.mul(a.const(6), x)), a.cos(a.mul(a.const(5), y))), a.exp(a.neg(a.mul(x, y)))
        ),
    ),
    Case(
        "x**3 y**2 - 2 x y + 1/3",
        lambda a, x, y: a.add(a.sub(a.mul(a.powi(x, 3), a.sqr(y)), a.mul(a.mul(a.const(2), x), y)), a.const(F(1, 3))),
        SYMMETRIC,
    ),
    Case("x**4 - x**9 y", lambda a, x, y: a.sub(a.powi(x, 4), a.mul(a.powi(x, 9), y)), SYMMETRIC),
    Case(
        "1/(1+25(2x-1)**2)",
        lambda a, x, y: a.div(
            a.const(1), a.add(a.const(1), a.mul(a.const(25), a.powi(a.sub(a.mul(a.const(2), x), a.const(1)), 2)))
        ),
    ),
    Case("sqrt(1 + x + y**2)", lambda a, x, y: a.sqrt(a.add(a.add(a.const(1), x), a.sqr(y)))),
    Case("log(1 + x y)", lambda a, x, y: a.log(a.add(a.const(1), a.mul(x, y)))),
    Case("tan(x y / 2)", lambda a, x, y: a.tan(a.mul(a.mul(x, y), half(a))), ((-1.5, 1.5), (-1.5, 1.5))),
    Case("sinh(x)cosh(y)tanh(x-y)", lambda a, x, y: a.mul(a.mul(a.sinh(x), a.cosh(y)), a.tanh(a.sub(x, y))), SYMMETRIC),
    Case("asin(x y)", lambda a, x, y: a.asin(a.mul(x, y)), ((-0.9, 0.9), (-1.0, 1.0))),
    Case(
        "acos(x/2) atan(x - 3y)",
        lambda a, x, y: a.mul(a.acos(a.mul(half(a), x)), a.atan(a.sub(x, a.mul(a.const(3), y)))),
    ),
    Case("(1/2 + x)**(3/2) y", lambda a, x, y: a.mul(a.powq(a.add(half(a), x), F(3, 2)), y)),
    Case("(1 + x y)**(-2/3)", lambda a, x, y: a.powq(a.add(a.const(1), a.mul(x, y)), F(-2, 3))),
    Case("(1 + x)**y", lambda a, x, y: a.pow(a.add(a.const(1), x), y)),
    Case("(2 + x y)**sin(x)", lambda a, x, y: a.pow(a.add(a.const(2), a.mul(x, y)), a.sin(x))),
    Case("(x - y)/(2 + x y)", lambda a, x, y: a.div(a.sub(x, y), a.add(a.const(2), a.mul(x, y)))),
    Case("x/(1 + y)", lambda a, x, y: a.div(x, a.add(a.const(1), y))),
    Case("(1 + x + y)**-3", lambda a, x, y: a.powi(a.add(a.add(x, y), a.const(1)), -3)),
    Case(
        "cbrt(1 + x) - cbrt(-1 - y)", lambda a, x, y: a.sub(a.cbrt(a.add(a.const(1), x)), a.cbrt(a.sub(a.const(-1), y)))
    ),
    Case(
        "sin(pi x) e - x**1 y**0",
        lambda a, x, y: a.sub(a.mul(a.sin(a.mul(a.pi(), x)), a.e()), a.mul(a.powi(x, 1), a.powi(y, 0))),
    ),
    Case(
        "exp(x y) sin(x)/cos(y/2)", lambda a, x, y: a.div(a.mul(a.exp(a.mul(x, y)), a.sin(x)), a.cos(a.mul(half(a), y)))
    ),
    Case("x*x", lambda a, x, y: a.mul(x, x), SYMMETRIC),
    Case("x / 3 - y / 4", lambda a, x, y: a.sub(a.div(x, a.const(3)), a.div(y, a.const(4)))),
    # kinks
    Case("|x - 1/3|", lambda a, x, y: a.abs(a.sub(x, a.const(F(1, 3)))), smooth=False),
    Case("|x - y|", lambda a, x, y: a.abs(a.sub(x, y)), smooth=False),
    Case("|sin(5x)| y", lambda a, x, y: a.mul(a.abs(a.sin(a.mul(a.const(5), x))), y), SYMMETRIC, False),
    Case("max(x**2, 1 - y)", lambda a, x, y: a.max(a.sqr(x), a.sub(a.const(1), y)), smooth=False),
    Case("min(sin(5x), y)", lambda a, x, y: a.min(a.sin(a.mul(a.const(5), x)), y), SYMMETRIC, False),
    Case("sqrt(1 + |x - y|)", lambda a, x, y: a.sqrt(a.add(a.const(1), a.abs(a.sub(x, y)))), smooth=False),
    Case("||x| - 1/2| - |y|", lambda a, x, y: a.sub(a.abs(a.sub(a.abs(x), half(a))), a.abs(y)), SYMMETRIC, False),
    Case("max(0, x)**2", lambda a, x, y: a.sqr(a.max(a.const(0), x)), SYMMETRIC, False),
    Case("max(x, x)", lambda a, x, y: a.max(x, x), SYMMETRIC, False),
    # singular slopes
    Case("sqrt(x)", lambda a, x, y: a.sqrt(x), smooth=False),
    Case("sqrt(x y)", lambda a, x, y: a.sqrt(a.mul(x, y)), smooth=False),
    Case("sqrt(1 - x**2)", lambda a, x, y: a.sqrt(a.sub(a.const(1), a.sqr(x))), ((-1.0, 1.0), (0.0, 1.0)), False),
    Case("x**(3/2)", lambda a, x, y: a.powq(x, F(3, 2)), smooth=False),
    Case("x**(2/3) + y**(7/4)", lambda a, x, y: a.add(a.powq(x, F(2, 3)), a.powq(y, F(7, 4))), smooth=False),
    Case("cbrt(x)", lambda a, x, y: a.cbrt(x), SYMMETRIC, False),
    Case("x cbrt(x) y", lambda a, x, y: a.mul(a.mul(x, a.cbrt(x)), y), SYMMETRIC, False),
    Case("asin(x) + acos(y)", lambda a, x, y: a.add(a.asin(x), a.acos(y)), ((-1.0, 1.0), (-1.0, 1.0)), False),
    Case("x sqrt(x) sqrt(y)", lambda a, x, y: a.mul(a.mul(x, a.sqrt(x)), a.sqrt(y)), smooth=False),
    Case("sqrt(1 - cos(x))", lambda a, x, y: a.sqrt(a.sub(a.const(1), a.cos(x))), SYMMETRIC, False),
]
every_case = pytest.mark.parametrize("case", POOL, ids=[case.name for case in POOL])


# -- random cells ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A product of two intervals, and some points of it."""

    sides: tuple[tuple[float, float], tuple[float, float]]
    points: tuple[tuple[float, float], ...]


@st.composite
def cells(draw: st.DrawFn, box: tuple[tuple[float, float], tuple[float, float]]) -> Cell:
    """A cell of the box, dyadic or not, wide or tiny, often with a side on the border or on a simple number."""
    sides, coordinates = [], []
    for least, most in box:
        width = (most - least) * 2.0 ** -draw(st.integers(0, 30))
        start = draw(
            st.one_of(
                st.floats(least, most),
                st.sampled_from([least, most - width, 0.0, -width, -width / 2, 0.5, 1 / 3, 1 / 3 - width / 2]),
            )
        )
        lo = min(max(start, least), most)
        hi = min(lo + width, most)
        if lo == hi:
            lo, hi = least, most
        sides.append((lo, hi))
        inner = st.one_of(st.floats(lo, hi), st.sampled_from([lo, hi, min(lo + (hi - lo) / 2, hi)]))
        coordinates.append([draw(inner) for _ in range(2)])
    return Cell((sides[0], sides[1]), tuple(zip(*coordinates, strict=True)))


def jet(engine: Engine, case: Case, cell: Cell) -> Jet:
    """The jet of the function over one cell, with derivatives along x and y themselves."""
    algebra = JetAlgebra(engine)
    variables = [
        algebra.variable(axis, Interval(np.array([lo]), np.array([hi])), Interval.exact(1))
        for axis, (lo, hi) in enumerate(cell.sides)
    ]
    result = case.build(algebra, *variables)
    assert isinstance(result, Jet)
    for enclosure in (result.value, *result.grad.values(), *result.hess.values()):
        assert (enclosure.lo <= enclosure.hi).all()
        assert (enclosure.lo < np.inf).all()
        assert (enclosure.hi > -np.inf).all()
    assert all(i <= j and i in result.grad and j in result.grad for i, j in result.hess)
    return result


def parts(result: Jet) -> list[Interval | None]:
    """Value, slopes along x and y, second derivatives xx, xy, yy."""
    slopes = [result.grad.get(axis) for axis in (0, 1)]
    return [result.value, *slopes, *(result.hess.get(pair) for pair in ((0, 0), (0, 1), (1, 1)))]


def ends(enclosure: Interval | None) -> tuple[float, float]:
    """The two ends; a missing derivative is zero."""
    return (0.0, 0.0) if enclosure is None else (enclosure.lo[0].item(), enclosure.hi[0].item())


def inside(enclosure: Interval | None, value: Any, scale: Any = 1) -> bool:
    """Whether an mpmath number lies in the enclosure, up to the oracle's precision at this scale."""
    lo, hi = ends(enclosure)
    slack = SLACK * (abs(value) + scale)
    return bool(lo <= value + slack and value - slack <= hi)


# -- against sympy ---------------------------------------------------------------------------------


@cache
def derivatives(name: str, branch: tuple[bool, ...]) -> Any:
    """Value, two slopes and three second derivatives of the branch of a case, compiled for mpmath."""
    case = next(case for case in POOL if case.name == name)
    answers = iter(branch)
    algebra = Exact(sympy, lambda q: sympy.Rational(q.numerator, q.denominator), lambda _: next(answers))
    f = sympy.sympify(case.build(algebra, X, Y))
    return sympy.lambdify([X, Y], [f, f.diff(X), f.diff(Y), f.diff(X, 2), f.diff(X, Y), f.diff(Y, 2)], "mpmath")


def at(case: Case, point: tuple[float, float]) -> list[Any] | None:
    """The six numbers at a point, on the branch that is active there; None where a derivative does not exist."""
    decisions: list[bool] = []

    def decide(value: Any) -> bool:
        if value == 0:
            raise ZeroDivisionError
        decisions.append(bool(value > 0))
        return decisions[-1]

    try:
        case.build(Exact(mpmath, MP.number, decide), *map(mpmath.mpf, point))
        return [mpmath.mpf(v) for v in derivatives(case.name, tuple(decisions))(*map(mpmath.mpf, point))]
    except (ZeroDivisionError, TypeError):
        return None


@every_case
@given(data=st.data())
def test_derivatives_at_points_of_a_cell_are_enclosed(case: Case, data: st.DataObject) -> None:
    cell = data.draw(cells(case.box))
    results = [jet(engine, case, cell) for engine in ENGINES]
    with mpmath.workprec(BITS):
        for point in cell.points:
            numbers = at(case, point)
            if numbers is None or not all(mpmath.isfinite(v) for v in numbers):
                assert not case.smooth
                continue
            for result in results:
                for enclosure, number in zip(parts(result), numbers, strict=True):
                    assert inside(enclosure, number)


# -- against difference quotients ------------------------------------------------------------------


@every_case
@given(data=st.data())
def test_difference_quotients_of_a_cell_are_enclosed(case: Case, data: st.DataObject) -> None:
    """Mean value theorems: they hold across kinks and up to singular slopes, where no derivative exists."""
    cell = data.draw(cells(case.box))
    results = [jet(engine, case, cell) for engine in ENGINES]
    with mpmath.workprec(BITS):

        def f(x: Any, y: Any) -> Any:
            return case.build(MP, x, y)

        for x, y in cell.points:
            h, k = (_step(side, start) for side, start in zip(cell.sides, (x, y), strict=True))
            u, v = mpmath.mpf(x), mpmath.mpf(y)
            here, right, above, corner = f(u, v), f(u + h, v), f(u, v + k), f(u + h, v + k)
            quotients = [
                here,
                (right - here) / h,
                (above - here) / k,
                (right - 2 * f(u + h / 2, v) + here) / (h / 2) ** 2,
                (corner - right - above + here) / (h * k),
                (above - 2 * f(u, v + k / 2) + here) / (k / 2) ** 2,
            ]
            scale = 1 / h**2 + 1 / k**2 + 1 / abs(h * k)
            for result in results:
                for enclosure, quotient in zip(parts(result), quotients, strict=True):
                    assert inside(enclosure, quotient, scale)


def _step(side: tuple[float, float], start: float) -> Any:
    """The signed way from the start to the farther end of the side."""
    lo, hi = (mpmath.mpf(end) - start for end in side)
    return hi if hi >= -lo else lo


def test_the_oracle_sees_an_integer_power_in_place_of_a_rational_one() -> None:
    """The mistake of taking x**(3/2) for x**1: slope 1 instead of 3/2 sqrt(x)."""
    algebra = JetAlgebra(get_engine("numpy"))
    x = algebra.variable(0, Interval(np.array([0.25]), np.array([0.5])), Interval.exact(1))
    wrong, right = algebra.powi(x, 1), algebra.powq(x, F(3, 2))
    with mpmath.workprec(BITS):
        true = at(next(case for case in POOL if case.name == "x**(3/2)"), (0.3, 0.0))
        assert true is not None
        assert not inside(wrong.grad[0], true[1])
        assert inside(right.grad[0], true[1])


# -- sharpness -------------------------------------------------------------------------------------


SMOOTH = [case for case in POOL if case.smooth]


@both_engines
@pytest.mark.parametrize("case", SMOOTH, ids=[case.name for case in SMOOTH])
def test_hessians_of_small_cells_shrink_linearly(engine: Engine, case: Case) -> None:
    widths = []
    centre = tuple(least + 0.61803 * (most - least) for least, most in case.box)
    for level in (6, 10, 14):
        h = 2.0**-level
        result = jet(engine, case, Cell(tuple((c - h / 2, c + h / 2) for c in centre), ()))
        widths.append(max([hi - lo for lo, hi in map(ends, result.hess.values())], default=0.0))
    assert widths[0] < 150
    assert widths[1] <= widths[0] / 10 + 1e-10
    assert widths[2] <= widths[1] / 10 + 1e-10


@both_engines
def test_second_derivatives_over_cells_are_sharp(engine: Engine) -> None:
    """Compared with the true range of f'' for f = sin(10x)exp(-x): within a factor 1.5 on cells of width 2**-8."""
    n = 256
    t = np.arange(n) / n
    algebra = JetAlgebra(engine)
    x = algebra.variable(0, Interval(t, t + 1 / n), Interval.exact(1))
    bend = POOL[0].build(algebra, x, x).hess[0, 0]
    fine = np.linspace(t, t + 1 / n, 33)
    true = -np.exp(-fine) * (99 * np.sin(10 * fine) + 20 * np.cos(10 * fine))
    assert (bend.lo <= true.min(axis=0)).all()
    assert (true.max(axis=0) <= bend.hi).all()
    assert (bend.hi - bend.lo).max() <= 1.5 * (true.max(axis=0) - true.min(axis=0)).max()


# -- border and kinks, by hand ---------------------------------------------------------------------


def one_variable(engine: Engine, lo: float, hi: float, build: Callable[[JetAlgebra, Jet], Jet]) -> Jet:
    algebra = JetAlgebra(engine)
    return build(algebra, algebra.variable(0, Interval(np.array([lo]), np.array([hi])), Interval.exact(1)))


def close(value: float, expected: float) -> bool:
    return math.isclose(value, expected, rel_tol=1e-13)


@both_engines
def test_the_root_is_concave_up_to_its_border(engine: Engine) -> None:
    result = one_variable(engine, 0.0, 0.25, lambda a, x: a.sqrt(x))
    (slope_lo, slope_hi), (bend_lo, bend_hi) = ends(result.grad[0]), ends(result.hess[0, 0])
    assert ends(result.value) == (0.0, 0.5)
    assert close(slope_lo, 1.0)
    assert close(bend_hi, -2.0)
    assert (slope_hi, bend_lo) == (np.inf, -np.inf)
    for build in (
        lambda a, x: a.sqrt(a.sub(a.const(1), a.sqr(x))),
        lambda a, x: a.sqrt(a.mul(x, a.sub(a.const(1), x))),
    ):
        for lo, hi in ((0.75, 1.0), (1 - 2.0**-40, 1.0)):
            assert ends(one_variable(engine, lo, hi, build).hess[0, 0])[1] < -1


@both_engines
def test_the_power_three_halves_is_convex_up_to_its_border(engine: Engine) -> None:
    result = one_variable(engine, 0.0, 0.25, lambda a, x: a.powq(x, F(3, 2)))
    (slope_lo, slope_hi), (bend_lo, bend_hi) = ends(result.grad[0]), ends(result.hess[0, 0])
    assert slope_lo == 0.0
    assert close(slope_hi, 0.75)
    assert close(bend_lo, 1.5)
    assert bend_hi == np.inf


@both_engines
def test_the_cube_root_bends_by_side(engine: Engine) -> None:
    right = one_variable(engine, 0.0, 0.125, lambda a, x: a.cbrt(x))
    left = one_variable(engine, -0.125, 0.0, lambda a, x: a.cbrt(x))
    both = one_variable(engine, -0.125, 0.125, lambda a, x: a.cbrt(x))
    for result in (right, left, both):
        slope = ends(result.grad[0])
        assert close(slope[0], 4 / 3)
        assert slope[1] == np.inf
    assert close(ends(right.hess[0, 0])[1], -64 / 9)
    assert close(ends(left.hess[0, 0])[0], 64 / 9)
    assert ends(both.hess[0, 0]) == (-np.inf, np.inf)


@both_engines
def test_the_arc_sine_bends_up_to_its_border(engine: Engine) -> None:
    right = one_variable(engine, 0.5, 1.0, lambda a, x: a.asin(x))
    left = one_variable(engine, -1.0, -0.5, lambda a, x: a.acos(x))
    assert ends(right.grad[0])[1] == np.inf
    assert close(ends(right.grad[0])[0], 2 / math.sqrt(3))
    assert close(ends(right.hess[0, 0])[0], 0.5 * (4 / 3) ** 1.5)
    assert close(ends(left.hess[0, 0])[0], 0.5 * (4 / 3) ** 1.5)


@both_engines
def test_a_kink_gives_the_hull_of_the_slopes_and_one_side_of_the_bend(engine: Engine) -> None:
    third = F(1, 3)
    convex = one_variable(engine, 0.25, 0.5, lambda a, x: a.abs(a.sub(x, a.const(third))))
    concave = one_variable(engine, 0.25, 0.5, lambda a, x: a.min(x, a.const(third)))
    assert ends(convex.grad[0]) == (-1.0, 1.0)
    assert ends(convex.hess[0, 0]) == (0.0, np.inf)
    assert ends(concave.grad[0]) == (0.0, 1.0)
    assert ends(concave.hess[0, 0]) == (-np.inf, 0.0)
    away = one_variable(engine, 0.5, 0.75, lambda a, x: a.abs(a.sub(x, a.const(third))))
    assert ends(away.grad[0]) == (1.0, 1.0)
    assert ends(away.hess.get((0, 0))) == (0.0, 0.0)


@both_engines
def test_a_kink_on_the_border_of_a_cell_is_none(engine: Engine) -> None:
    for lo, hi, slope in ((0.5, 1.0, 1.0), (0.0, 0.5, -1.0)):
        result = one_variable(engine, lo, hi, lambda a, x: a.abs(a.sub(x, a.const(F(1, 2)))))
        assert ends(result.grad[0]) == (slope, slope)
        assert ends(result.hess.get((0, 0))) == (0.0, 0.0)


@both_engines
def test_a_kink_across_two_axes_leaves_the_mixed_bend_unknown(engine: Engine) -> None:
    result = jet(engine, Case("", lambda a, x, y: a.max(x, y)), Cell(((0.0, 1.0), (0.0, 1.0)), ()))
    assert ends(result.grad[0]) == ends(result.grad[1]) == (0.0, 1.0)
    assert ends(result.hess[0, 0]) == ends(result.hess[1, 1]) == (0.0, np.inf)
    assert ends(result.hess[0, 1]) == (-np.inf, np.inf)


@both_engines
def test_kinks_are_decided_cell_by_cell(engine: Engine) -> None:
    algebra = JetAlgebra(engine)
    t = np.arange(8) / 8
    x = algebra.variable(0, Interval(t, t + 1 / 8), Interval.exact(1))
    result = algebra.abs(algebra.sub(x, algebra.const(F(5, 16))))
    assert result.grad[0].lo.tolist() == [-1, -1, -1, 1, 1, 1, 1, 1]
    assert result.grad[0].hi.tolist() == [-1, -1, 1, 1, 1, 1, 1, 1]
    assert np.isinf(result.hess[0, 0].hi).tolist() == [False, False, True, False, False, False, False, False]


# -- structure -------------------------------------------------------------------------------------


@both_engines
def test_what_is_structurally_zero_is_missing(engine: Engine) -> None:
    algebra = JetAlgebra(engine)
    side = Interval(np.array([0.0]), np.array([1.0]))
    x, y = (algebra.variable(axis, side, Interval.exact(2)) for axis in (0, 1))
    assert not algebra.const(3).grad
    assert not algebra.pi().hess
    linear = algebra.sub(algebra.mul(algebra.const(3), x), algebra.div(y, algebra.const(7)))
    assert sorted(linear.grad) == [0, 1]
    assert not linear.hess
    assert sorted(algebra.mul(x, y).hess) == [(0, 1)]
    assert sorted(algebra.add(algebra.sqr(x), algebra.exp(y)).hess) == [(0, 0), (1, 1)]
    assert algebra.powi(x, 1) is x
    assert algebra.powq(x, F(1)) is x
    assert not algebra.powi(x, 0).grad
    assert ends(algebra.powi(x, 0).value) == (1.0, 1.0)


@both_engines
def test_slopes_of_the_cell_map_enter_once_and_twice(engine: Engine) -> None:
    """A side of length 3 in unit coordinates: dx/dt = 3, so (x**2)' = 6 x and (x**2)'' = 18."""
    algebra = JetAlgebra(engine)
    x = algebra.variable(0, Interval(np.array([1.0]), np.array([2.0])), Interval.exact(3))
    square = algebra.sqr(x)
    assert ends(square.grad[0]) == (6.0, 12.0)
    assert ends(square.hess[0, 0]) == (18.0, 18.0)


@both_engines
def test_nothing_is_known_outside_the_domain(engine: Engine) -> None:
    for build in (lambda a, x: a.log(x), lambda a, x: a.sqrt(x), lambda a, x: a.div(a.const(1), x)):
        result = one_variable(engine, -1.0, 1.0, build)
        assert ends(result.value) == (-np.inf, np.inf)


@both_engines
def test_a_square_knows_that_its_factors_are_one(engine: Engine) -> None:
    result = one_variable(engine, -1.0, 2.0, lambda a, x: a.mul(x, x))
    assert ends(result.value) == (0.0, 4.0)
