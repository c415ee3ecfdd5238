"""A formula as a target: enclosures hold and are sharp, defects are never violated, undefined places are found."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import pickle
import tracemalloc
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.errors import DomainError, ExpressionError, OptionError, TargetError
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.jet import Jet
from mgdl_theory.targets.base import THETA, Box, Defects
from mgdl_theory.targets.formula.domain import require_defined
from mgdl_theory.targets.formula.evaluators import MpAlgebra
from mgdl_theory.targets.formula.parser import parse
from mgdl_theory.targets.formula.target import CHUNK, ExpressionTarget
from mgdl_theory.targets.interpolation import first_order, range_order, second_order, smallest
from tests.strategies import expressions

ENGINES = ("numpy", *(("crival",) if importlib.util.find_spec("ival") else ()))
HIGH = MpAlgebra(70)
engines = pytest.mark.parametrize("engine", ENGINES)


def all_cells(level: int, dim: int = 1) -> Any:
    return np.array(list(itertools.product(range(1 << level), repeat=dim)), dtype=np.int64)


def on(text: str, *ends: Any, engine: str = "numpy") -> ExpressionTarget:
    return ExpressionTarget(text, Box.of(ends, parse(text).dim) if ends else None, engine)


# -- random formulas on random boxes, against mpmath ------------------------------------------------


@st.composite
def targets(draw: st.DrawFn, max_dim: int = 3) -> ExpressionTarget:
    dim = draw(st.integers(1, max_dim))
    text = draw(expressions(dim, daring=True))
    ends: list[Fraction] = []
    for _ in range(dim):
        n = draw(st.sampled_from((1, 2, 3, 7, 8)))
        i = draw(st.integers(0, n - 1))
        ends += [Fraction(i, n), Fraction(draw(st.integers(i + 1, n)), n)]
    try:
        return ExpressionTarget(text, Box.of(ends), draw(st.sampled_from(ENGINES)))
    except ExpressionError:
        assume(False)
        raise


@st.composite
def some_cells(draw: st.DrawFn, dim: int, most: int = 3) -> tuple[int, Any]:
    level = draw(st.integers(0, 6) | st.integers(0, 20))
    index = st.just(0) | st.just((1 << level) - 1) | st.integers(0, (1 << level) - 1)
    rows = draw(st.lists(st.lists(index, min_size=dim, max_size=dim), min_size=1, max_size=most))
    return level, np.array(rows, dtype=np.int64)


def reference(target: ExpressionTarget, x: Sequence[Fraction]) -> tuple[Any, Any]:
    """f(x) to about 50 digits, and a bound of its error taken from a second evaluation with 20 digits more."""
    coarse, fine = target.mp(x, 50), target.mp(x, 70)
    return fine, 1000 * abs(coarse - fine) + abs(fine) * 10**-45


@given(st.data())
def test_enclosures_hold_the_true_values(data: st.DataObject) -> None:
    target = data.draw(targets())
    level, nodes = data.draw(some_cells(target.dim))
    value = target.values(level, nodes)
    assert not np.isnan(value.lo).any()
    assert not np.isnan(value.hi).any()
    for row, lo, hi in zip(nodes.tolist(), value.lo, value.hi, strict=True):
        if math.isfinite(lo) or math.isfinite(hi):
            true, slack = reference(target, target.box.point(row, level))
            assert lo - slack <= true <= hi + slack


@given(st.data())
def test_defects_and_ranges_are_never_violated(data: st.DataObject) -> None:
    target = data.draw(targets())
    level, cells = data.draw(some_cells(target.dim))
    defects = target.defects(level, cells)
    for number, cell in enumerate(cells.tolist()):
        weights = data.draw(st.lists(st.integers(0, 12), min_size=target.dim, max_size=target.dim))
        check_cell(target, defects, number, level, cell, [[Fraction(w, 12) for w in weights]])


def check_cell(
    target: ExpressionTarget, defects: Defects, number: int, level: int, cell: list[int], parts: list[list[Fraction]]
) -> None:
    """Compare the bounds of one cell with f and I_T f at points of its simplices, to 50 digits."""
    lo, hi = defects.range.lo[number], defects.range.hi[number]
    sag, bulge = defects.sag[number], defects.bulge[number]
    assert sag >= 0
    assert bulge >= 0
    if math.isinf(hi - lo) and math.isinf(sag) and math.isinf(bulge):
        return
    corner = {
        offset: reference(target, target.box.point([c + o for c, o in zip(cell, offset, strict=True)], level))
        for offset in itertools.product((0, 1), repeat=target.dim)
    }
    for part in parts + list(grid(target.dim)):
        x = [
            a + (b - a) * (c + p) / 2**level
            for a, b, c, p in zip(target.box.lower, target.box.upper, cell, part, strict=True)
        ]
        true, slack = reference(target, x)
        linear, slack2 = interpolant(corner, part)
        slack += slack2
        assert lo - slack <= true <= hi + slack
        assert linear - true <= sag + slack
        assert true - linear <= bulge + slack


def grid(dim: int) -> Iterator[list[Fraction]]:
    """Local coordinates, the middle first, where defects of second order are largest."""
    steps = [Fraction(k, 8) for k in (4, 1, 7, 2, 6)] if dim == 1 else [Fraction(k, 6) for k in (3, 1, 5)]
    return (list(p) for p in itertools.product(steps, repeat=dim))


def interpolant(corner: dict[tuple[int, ...], tuple[Any, Any]], part: Sequence[Fraction]) -> tuple[Any, Any]:
    """I_T f and its error at the point with these local coordinates: walk up its Freudenthal simplex."""
    at = HIGH
    order = sorted(range(len(part)), key=lambda a: -part[a])
    levels = [Fraction(1), *(part[a] for a in order), Fraction(0)]
    vertex = [0] * len(part)
    total, slack = at.const(Fraction(0)), at.const(Fraction(0))
    for k in range(len(part) + 1):
        if k:
            vertex[order[k - 1]] = 1
        value, error = corner[tuple(vertex)]
        weight = at.const(levels[k] - levels[k + 1])
        total, slack = total + weight * value, slack + error
    return total, slack


@pytest.mark.parametrize(
    "text",
    [
        "x**(3/2)",
        "x**(5/2) - x**(3/2)",
        "sqrt(x)",
        "-sqrt(x) + x*y",
        "sqrt(x*y)",
        "cbrt(x - 1/3)",
        "abs(x - 1/3)",
        "-abs(x - y)",
        "max(x, y, 1/3)",
        "min(x**2, y) - max(x*y, 1/4)",
        "abs(sin(8*x))*y",
        "acos(x)",
        "asin(x*y)",
        "sqrt(1 - x**2)",
        "abs(x - 1/2)**(3/2)",
        "exp(-1/(x**2 + 1/100))",
        "(x - y)*abs(x - y)",
        "max(0, x - 1/2)**2 - max(0, 1/2 - y)",
        "tan(3/2*x)",
        "sin(3*x)*cos(2*y) + exp(-x*z)",
        "x/3 - y/7 + 1/9",
        "1/(1 + 25*(2*x - 1)**2)",
        "(x + 1/10)**(y - 1/2)",
    ],
)
@engines
def test_defects_hold_on_chosen_formulas(text: str, engine: str) -> None:
    target = on(text, engine=engine)
    for level in (0, 1, 3):
        cells = all_cells(level, target.dim)
        cells = cells[:: max(1, len(cells) // 10)]
        defects = target.defects(level, cells)
        for number, cell in enumerate(cells.tolist()):
            check_cell(target, defects, number, level, cell, [[Fraction(4, 9)] * target.dim])


# -- known closed forms ----------------------------------------------------------------------------


@engines
@pytest.mark.parametrize("level", [0, 1, 5, 20, 40])
def test_second_order_bounds_of_squares_are_exact(level: int, engine: str) -> None:
    h = 2.0**-level
    last = np.array([[0], [(1 << level) - 1]], dtype=np.int64)
    d = on("x**2", engine=engine).defects(level, last)
    assert d.sag == pytest.approx(np.full(2, h * h / 4), rel=1e-12)
    assert d.bulge.tolist() == [0.0, 0.0]
    d = on("-3*(2*x - 1)**2", engine=engine).defects(level, last)
    assert d.sag.tolist() == [0.0, 0.0]
    assert d.bulge == pytest.approx(np.full(2, 3 * h * h), rel=1e-12)
    d = on("x**2 + 2*y**2", engine=engine).defects(level, np.repeat(last, 2, axis=1))
    assert d.sag == pytest.approx(np.full(2, 3 * h * h / 4), rel=1e-12)
    assert (d.sag_theta == THETA[2]).all()


@engines
def test_second_order_bound_of_a_product_is_exact(engine: str) -> None:
    """I(xy) - xy = u (1 - v) >= 0 for local coordinates 0 <= u <= v <= h = 1: at most h^2/4, never negative."""
    d = on("x*y", engine=engine).defects(3, all_cells(3, 2))
    assert d.sag == pytest.approx(np.full(64, 2.0**-8), rel=1e-12)
    assert d.bulge.tolist() == [0.0] * 64


def test_affine_functions_have_no_defect() -> None:
    for text in ("x/3 + 7*y - pi", "2", "pi*x - e*y"):
        target = ExpressionTarget(text, Box.of(["1/7", "9/7"], 2))
        d = target.defects(2, all_cells(2, 2))
        assert d.sag == pytest.approx(np.zeros(16), abs=1e-13)
        assert d.bulge == pytest.approx(np.zeros(16), abs=1e-13)


def test_bounds_scale_with_the_box() -> None:
    for text, ends, factor in (("x**2", (0, 2), 4), ("x**2", ("-1/2", "-1/4"), 1 / 16), ("abs(x)", (-1, 1), 2)):
        d = on(text, *ends).defects(2, all_cells(2))
        base = on(text).defects(2, all_cells(2))
        if text == "x**2":
            assert d.sag == pytest.approx(factor * base.sag, rel=1e-12)
    assert on("sin(x)", 0, 10).defects(0, all_cells(0)).sag[0] <= 20


@engines
def test_three_halves_is_not_an_integer_power(engine: str) -> None:
    """sup_[0,h] (I f - f) = 4/27 h^(3/2) for f = x^(3/2): a square in its place would have certified h^2/4."""
    target = on("x**(3/2)", engine=engine)
    for level in (0, 4, 10):
        h = 2.0**-level
        d = target.defects(level, np.array([[0], [(1 << level) - 1]]))
        assert d.sag[0] >= 4 / 27 * h**1.5
        assert d.sag[0] <= 2 * h**1.5
        assert d.bulge[0] == 0.0
    second = 0.75 * h * h / 8
    assert second <= d.sag[1] <= 1.01 * second
    assert target.values(2, np.array([[1]])).lo[0] == pytest.approx(0.125)


@engines
def test_a_root_has_no_sag_and_a_bulge_by_its_range(engine: str) -> None:
    target = on("sqrt(x)", engine=engine)
    for level in (0, 6, 30):
        d = target.defects(level, np.array([[0], [1 << level >> 1]]))
        assert d.sag.tolist() == [0.0, 0.0]
        assert d.bulge[0] == pytest.approx(2.0 ** (-level / 2), rel=1e-12)
        assert d.bulge_theta[0] == THETA[0]
        if level:
            assert d.bulge_theta[1] == THETA[2]


@engines
@pytest.mark.parametrize("text", ["abs(x - 1/3)", "max(x, 2/3 - x)", "-min(x - 1/3, 1/3 - x)"])
def test_kinks_fall_to_first_order_where_they_are(text: str, engine: str) -> None:
    level = 4
    d = on(text, engine=engine).defects(level, all_cells(level))
    kink = 5  # 5/16 < 1/3 < 6/16
    assert 4 / 9 * 2.0**-level <= d.sag[kink] <= 1 / 2 * 2.0**-level * (1 + 1e-12)  # truth: 2 h w (1 - w), w = 1/3
    assert d.sag_theta[kink] == THETA[1]
    others = np.delete(np.arange(16), kink)
    assert d.sag[others].max() <= 1e-12
    assert d.bulge[others].max() <= 1e-12


def test_a_jump_of_the_slope_is_not_overlooked_at_a_node() -> None:
    d = on("abs(x - 1/2)").defects(1, all_cells(1))
    assert d.sag.max() <= 1.0
    assert d.bulge.max() <= 1.0
    assert on("abs(x - 1/2)").defects(0, all_cells(0)).sag[0] >= 0.5


def test_nothing_is_known_where_an_operation_is_undefined() -> None:
    """Later operations hide it: atan, sin, min, 0*, **0 all have finite ranges over [-inf, inf]."""
    for text in ("atan(1/x)", "sin(log(x))", "min(max(1/x, 0), 1)", "0*log(x)", "(1/x)**0", "tanh(x**(-1/2))"):
        target = on(text)
        d = target.defects(2, all_cells(2))
        assert math.isinf(d.sag[0]), text
        assert math.isinf(d.bulge[0]), text
        assert (d.range.lo[0], d.range.hi[0]) == (-math.inf, math.inf)
        assert math.isfinite(d.sag[3])
        values = target.values(2, np.array([[0], [1]]))
        assert (values.lo[0], values.hi[0]) == (-math.inf, math.inf)
        assert math.isfinite(values.lo[1])
        with pytest.raises(TargetError):
            require_defined(target)


def test_ranges_are_sharpened_by_the_mean_value_form() -> None:
    target = on("(x - x**2)*(x - x**2) - x + x**3")
    cells = all_cells(6)
    plain, sharp = target.ranges(6, cells), target.defects(6, cells).range
    assert (sharp.lo >= plain.lo - 1e-15).all()
    assert (sharp.hi <= plain.hi + 1e-15).all()
    assert np.median((sharp.hi - sharp.lo) / (plain.hi - plain.lo)) < 0.5


@engines
def test_rates_of_the_three_orders(engine: str) -> None:
    """Per level the bounds fall by 1/4 (smooth), 1/2 (kink), 1/sqrt(2) (root)."""
    for text, rate in (("sin(10*x)*exp(-x)", 1 / 4), ("abs(x - 1/3)", 1 / 2), ("sqrt(x)", 2**-0.5)):
        worst = []
        for level in (8, 9):
            d = on(text, engine=engine).defects(level, all_cells(level))
            worst.append(max(d.sag.max(), d.bulge.max()))
        assert worst[1] / worst[0] == pytest.approx(rate, rel=0.05)


# -- chunks, shapes, memory ------------------------------------------------------------------------


def test_chunks_do_not_matter() -> None:
    """Up to the last places, in which NumPy's functions depend on where in an array a number stands."""
    target = on("sin(6*x)*cos(5*y) + exp(-x*y)*abs(x - 1/3)")
    cells = np.random.default_rng(1).integers(0, 256, size=(2 * CHUNK + 77, 2))
    whole, values = target.defects(8, cells), target.values(8, cells)
    for part in (slice(0, 1), slice(CHUNK - 3, CHUNK + 5), slice(2 * CHUNK, None)):
        piece = target.defects(8, cells[part])
        for name in ("sag", "bulge", "sag_theta", "bulge_theta"):
            assert getattr(piece, name) == pytest.approx(getattr(whole, name)[part], rel=1e-12)
        assert piece.range.lo == pytest.approx(whole.range.lo[part], rel=1e-12)
        assert target.values(8, cells[part]).hi == pytest.approx(values.hi[part], rel=1e-12)


@pytest.mark.parametrize("text", ["x*y", "2", "y", "0*x", "abs(x)"])
def test_no_cells_and_constant_enclosures_have_the_right_shape(text: str) -> None:
    target = ExpressionTarget(text, Box.of([0, 1], 2))
    for n in (0, 1, 3):
        cells = np.zeros((n, 2), dtype=np.int64)
        d = target.defects(4, cells)
        shapes = {a.shape for a in (d.sag, d.bulge, d.sag_theta, d.bulge_theta, d.range.lo, d.range.hi)}
        assert shapes == {(n,)}
        assert target.values(4, cells).lo.shape == (n,)
        assert target(np.zeros((n, 2))).shape == (n,)


def test_memory_stays_bounded() -> None:
    target = on("sin(10*x)*exp(-x)")
    cells = np.arange(200_000, dtype=np.int64)[:, None]
    target.defects(18, cells[:10])
    tracemalloc.start()
    try:
        target.defects(18, cells)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6 * cells.nbytes + 8e6


def test_calls_take_points_of_the_usual_shapes() -> None:
    f, g = on("x**2"), on("x*y + 0*x")
    assert f([0.5, 2.0]).tolist() == [0.25, 4.0]
    assert f([[0.5], [2.0]]).tolist() == [0.25, 4.0]
    assert f(0.5).tolist() == 0.25
    assert g([[2, 3]]).tolist() == [6.0]
    assert g([2, 3]).tolist() == 6.0
    assert g(np.ones((4, 5, 2))).shape == (4, 5)
    assert on("1/3")([0.1, 0.2]).tolist() == [1 / 3, 1 / 3]
    assert np.isnan(on("log(x)")([-1.0])).all()
    with pytest.raises(OptionError, match=r"expected points of shape \(n, 2\)"):
        g([1.0, 2.0, 3.0])


def test_mpmath_values_are_as_precise_as_asked() -> None:
    value = on("x").mp([Fraction(1, 3)], 40)
    assert abs(value * 3 - 1) < 10**-39
    context = MpAlgebra(10).context
    assert context.dps == 10
    import mpmath

    assert mpmath.mp.dps == 15
    assert context.isnan(on("log(x)").mp([Fraction(0)], 20))


def test_descriptions_are_plain_and_exact() -> None:
    target = on("sin(0.1*x)", "-1/3", 2)
    description = target.describe()
    assert json.loads(json.dumps(description)) == description
    assert description["canonical"] == "sin(1/10*x)"
    assert description["box"] == {"lower": ["-1/3"], "upper": ["2"]}
    assert target.certified
    assert "sin(0.1*x)" in repr(target)
    assert "numpy-functions" in description["assumptions"]
    assert "crival-functions" not in description["assumptions"]


def test_a_number_that_is_none_never_passes_for_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(type(on("x").engine)):  # type: ignore[misc]
        def cos(self, a: Interval) -> Interval:
            return Interval(np.full(a.shape, math.nan), np.full(a.shape, math.nan))

        def sincos(self, a: Interval) -> tuple[Interval, Interval]:
            return super().sincos(a)[0], self.cos(a)

    target = on("cos(x)")
    monkeypatch.setattr(ExpressionTarget, "engine", property(lambda self: Broken()))
    values, d = target.values(1, all_cells(1)), target.defects(1, all_cells(1))
    for low, high in ((values.lo, values.hi), (d.range.lo, d.range.hi)):
        assert low.tolist() == [-math.inf] * 2
        assert high.tolist() == [math.inf] * 2
    assert d.sag.tolist() == d.bulge.tolist() == [math.inf] * 2
    d = on("sin(x)").defects(1, all_cells(1))  # only the slope is none
    assert not np.isnan([*d.sag, *d.bulge]).any()


def test_targets_travel_between_processes() -> None:
    target = on("sin(x)*y", -1, 2)
    copy = pickle.loads(pickle.dumps(target))
    cells = all_cells(2, 2)
    assert copy.defects(2, cells).sag.tolist() == target.defects(2, cells).sag.tolist()


def test_domains_and_engines_are_checked() -> None:
    with pytest.raises(ExpressionError, match="'y' is variable number 2"):
        ExpressionTarget("x*y", Box.of([0, 1]))
    with pytest.raises(DomainError, match=r"the formula has 2 variable\(s\) x, y, the domain 1 side"):
        ExpressionTarget("x*y", Box.of([0, 1]), variables=["x", "y"])
    assert ExpressionTarget("x", Box.of([0, 1], 3)).program.variables == ("x", "y", "z")
    assert ExpressionTarget("y", variables=["y"]).dim == 1
    with pytest.raises(OptionError):
        ExpressionTarget("x", engine="abacus")
    with pytest.raises(DomainError, match=r"^domain: side 1 from 0 to about 1E-400 is too short for binary64$"):
        Box.of([0, "1e-400"])
    with pytest.raises(DomainError, match="got the text '01'"):
        Box.of("01")


# -- definedness -----------------------------------------------------------------------------------


@engines
@pytest.mark.parametrize(
    ("text", "ends", "pattern"),
    [
        ("1/x", (0, 1), r"^1/x is undefined at x = 0: the denominator is 0"),
        ("1/x", (-1, 2), r"^1/x is undefined at x = 0"),
        ("log(x)", (0, 1), r"^log\(x\) is undefined at x = 0: log needs an argument > 0"),
        ("1 + 2*log(x)", (0, 1), r"^log\(x\) in 1 \+ 2\*log\(x\) is undefined at x = 0"),
        ("tan(2*x)", (0, 1), r"^tan\(2\*x\) is undefined near x = 0.78539816339744\d: cos\(2\*x\) changes its sign"),
        ("tan(pi*x)", (0, 1), r"is undefined near x = (0.5|0.4999999|1/2)"),
        ("sqrt(x - 1/2)", (0, 1), r"^sqrt\(x - 1/2\) is undefined at x = 0"),
        ("1/(x - 1/3)", (0, 1), r"^1/\(x - 1/3\) is undefined at x = 1/3"),
        ("1/(x**2 - 1/2)", (0, 1), r"is undefined near x = 0.70710678118654\d: x\*\*2 - 1/2 changes its sign"),
        ("1/(x - 1e-9)", (0, 1), r"x = 1e-9|x = 1/1000000000|x = 9.99999999"),
        ("x**(-1/2)", (0, 1), r"^x\*\*\(-1/2\) is undefined at x = 0: a negative power needs a base > 0"),
        ("x**(-2)", (-1, 1), r"is undefined at x = 0"),
        ("x**(1/3)", (-1, 1), r"is undefined at x = -1: a fractional power needs a base >= 0"),
        (
            "x**x",
            (0, 1),
            r"^x\*\*x is undefined at x = 0: a power with an exponent that is not rational needs a base > 0",
        ),
        ("asin(2*x)", (0, 1), r"^asin\(2\*x\) is undefined at x = 1: asin needs an argument in \[-1, 1\]"),
        ("log((x - 1/3)**2)", (0, 1), r"^log\(\(x - 1/3\)\*\*2\) is undefined at x = 1/3"),
        ("log((x - sqrt(2)/2)**2)", (0, 1), r"cannot be shown to be defined near x = 0.70710678118654\d"),
        ("sqrt(1/9 - x**2)", ("-1/3", "1/3"), r"cannot be shown .* at x = -1/3.*write sqrt\(max\(1/9 - x\*\*2, 0\)\)"),
        ("acos(3*x)", (0, "1/3"), r"cannot be shown .* write acos\(min\(max\(3\*x, -1\), 1\)\)"),
        ("exp(1000*x)", (0, 1), r"^exp\(1000\*x\) leaves the range of binary64 at x = 1"),
        ("x**1000", (0, "1e300"), r"^x\*\*1000 leaves the range of binary64 at x = [0-9.]+e29\d;"),
        ("atan(1/x)", (-1, 1), r"^1/x in atan\(1/x\) is undefined at x = 0"),
        ("sin(x)/x", (-1, 1), r"^sin\(x\)/x is undefined at x = 0"),
        ("1/(x - y)", (0, 1), r"is undefined at \(x, y\) = \(0, 0\)"),
        ("1/(x**2 + y**2 - 1/3)", (0, 1), r"is undefined near \(x, y\) = "),
        ("1/((x - 1/3)**2 + (y - 1/5)**2)", (0, 1), r"is undefined at \(x, y\) = \(1/3, 1/5\)"),
        ("1/(x1 - x2*x3 + x4 - x5 + 1/7)", (0, 1), r"is undefined (at|near) \(x1, x2, x3, x4, x5\) = "),
    ],
)
def test_undefined_places_are_named(text: str, ends: tuple[Any, ...], pattern: str, engine: str) -> None:
    with pytest.raises(TargetError, match=pattern) as refusal:
        require_defined(on(text, *ends, engine=engine))
    assert len(str(refusal.value)) < 400


@engines
@pytest.mark.parametrize(
    ("text", "ends", "low", "high"),
    [
        ("1/(x*x - x + 1)", (0, 1), 1, 4 / 3),
        ("sqrt(x)", (0, 1), 0, 1),
        ("sqrt(1 - x**2)", (-1, 1), 0, 1),
        ("sqrt(1 - x)", (0, 1), 0, 1),
        ("sqrt(x*y)", (0, 1), 0, 1),
        ("sqrt(1 - cos(x))", (-1, 1), 0, math.sqrt(1 - math.cos(1))),
        ("cbrt(x)", (-1, 1), -1, 1),
        ("abs(x)**(1/2)", (-1, 1), 0, 1),
        ("acos(x)", (-1, 1), 0, math.pi),
        ("asin(sin(x))", (-9, 9), -math.pi / 2, math.pi / 2),
        ("tan(x)", (-1, 1), -math.tan(1), math.tan(1)),
        ("x**(3/2)", (0, 1), 0, 1),
        ("exp(-1/(x**2 + 1/100))", (0, 1), math.exp(-100), math.exp(-1 / 1.01)),
        ("sqrt(max(1/9 - x**2, 0))", ("-1/3", "1/3"), 0, 1 / 3),
        ("1/(1e-6 + (x - y)**2)", (0, 1), 1 / (1 + 1e-6), 1e6),
        ("log(x + 1e-9)", (0, 1), math.log(1e-9), 1e-9),
        ("x/3", ("1/3", "2/3"), 1 / 9, 2 / 9),
        ("atan(exp(1000*x)) + 0/(1e-5 + (1 - x) - (1 - x)**2)", (0, 1), math.pi / 4, math.pi / 2),
        ("x1*x2*x3*x4*x5*x6*x7", (0, 1), 0, 1),
        ("5", (0, 1), 5, 5),
    ],
)
def test_defined_formulas_are_accepted_with_their_range(
    text: str, ends: tuple[Any, ...], low: float, high: float, engine: str
) -> None:
    reach = require_defined(on(text, *ends, engine=engine))
    assert reach.lo.shape == (1,)
    spread = high - low
    assert low - 0.1 * spread - 1e-9 <= reach.lo[0] <= low + 1e-9 * abs(low)
    assert high - 1e-9 * abs(high) <= reach.hi[0] <= high + 0.1 * spread + 1e-9


@given(targets(max_dim=2))
def test_what_is_accepted_is_bounded_and_what_is_certainly_undefined_is(target: ExpressionTarget) -> None:
    points = itertools.product((Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(1)), repeat=target.dim)
    box = target.box
    values = [
        target.mp([a + (b - a) * p for a, b, p in zip(box.lower, box.upper, part, strict=True)], 40) for part in points
    ]
    try:
        reach = require_defined(target)
    except TargetError as error:
        if not any(word in str(error) for word in ("is undefined", "cannot be shown", "leaves the range")):
            raise
        return
    slack = 1e-12 * (1 + max(abs(v) for v in values))
    assert all(reach.lo[0] - slack <= v <= reach.hi[0] + slack for v in values)


# -- the three formulas ----------------------------------------------------------------------------

ends = st.floats(-(2.0**60), 2.0**60) | st.integers(-3, 3).map(float)
pairs = st.tuples(ends, ends).map(lambda p: (min(p), max(p)))


def enclosure(pair: tuple[float, float]) -> Interval:
    return Interval(np.array([pair[0]]), np.array([pair[1]]))


@given(st.integers(1, 3), st.integers(0, 52), st.data())
def test_bounds_are_the_formulas_of_the_theory_rounded_upward(dim: int, level: int, data: st.DataObject) -> None:
    keys = list(itertools.combinations_with_replacement(range(dim), 2))
    hess = {key: data.draw(pairs) for key in data.draw(st.lists(st.sampled_from(keys), unique=True))}
    grad = {axis: data.draw(pairs) for axis in range(dim)}
    reach = data.draw(pairs)
    jet = Jet(enclosure(reach), {a: enclosure(v) for a, v in grad.items()}, {k: enclosure(v) for k, v in hess.items()})
    h = Fraction(1, 1 << level)
    total = {1: Fraction(0), -1: Fraction(0)}
    for (a, b), pair in hess.items():
        low, high = map(Fraction, pair)
        for sign in total:
            middle, radius = sign * (low + high) / 2, (high - low) / 2
            top = middle + radius
            total[sign] += max(top, Fraction(0)) if a == b else 2 * (max(middle, Fraction(0)) + radius)
    sag, bulge = second_order(jet, level)
    assert_just_above(sag[0], h * h / 8 * total[1])
    assert_just_above(bulge[0], h * h / 8 * total[-1])
    radii = sum((Fraction(high) - Fraction(low)) / 2 for low, high in grad.values())
    assert_just_above(first_order(jet, level)[0], h / 2 * radii)
    assert_just_above(range_order(jet.value)[0], Fraction(reach[1]) - Fraction(reach[0]))


def assert_just_above(bound: float, exact: Fraction) -> None:
    assert bound >= 0
    assert exact <= Fraction(bound) <= exact * (1 + Fraction(1, 10**14)) + Fraction(1, 2**1060)
    assert (bound == 0) == (exact == 0)


def test_the_smallest_margin_wins() -> None:
    second, first, zeroth = np.array([1.0, 2.0, 9.0, math.inf]), np.array([1.0, 1.0, 9.0, math.inf]), np.full(1, 1.0)
    theta, bound = smallest(4, (THETA[2], second), (THETA[1], first), (THETA[0], zeroth))
    assert bound.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert theta.tolist() == [THETA[2], THETA[1], THETA[0], THETA[0]]
    assert smallest(3, (THETA[2], np.zeros(1)))[1].shape == (3,)
    assert smallest(2, (2.0, np.full(1, math.inf)), (4.0, np.full(1, math.inf)))[1].tolist() == [math.inf] * 2


def test_bounds_of_nothing_known_are_infinite() -> None:
    nothing, tiny = Interval(np.array([-np.inf]), np.array([np.inf])), Interval(np.array([0.0]), np.array([2.0**-1074]))
    assert range_order(nothing)[0] == math.inf
    assert first_order(Jet(nothing, {0: nothing, 1: tiny}), 3)[0] == math.inf
    assert second_order(Jet(nothing, {}, {(0, 1): nothing, (0, 0): tiny}), 3)[0][0] == math.inf
    assert second_order(Jet(tiny, {}, {(0, 0): tiny}), 50)[0][0] > 0
    assert first_order(Jet(tiny, {0: tiny}), 50)[0] > 0
    one_sided = Interval(np.array([-math.inf]), np.array([-1.0]))
    sag, bulge = second_order(Jet(nothing, {}, {(0, 0): one_sided, (0, 1): Interval.exact(0)}), 0)
    assert (sag[0], bulge[0]) == (0.0, math.inf)
    sag, bulge = second_order(Jet(nothing, {}, {(0, 0): Interval.exact(1), (0, 1): one_sided}), 0)
    assert (sag[0], bulge[0]) == (math.inf, math.inf)


@pytest.mark.parametrize(
    ("formula", "domain", "box", "names"),
    [
        ("x*z", [0, 120], "[0, 120]^3", "x, y, z"),
        ("18*z - min(4, y)", None, "[0, 1]^3", "x, y, z"),
        ("x1 + x3", None, "[0, 1]^3", "x1, x2, x3"),
        ("x + w", [-1, 1], "[-1, 1]^4", "x, y, z, w"),
    ],
)
def test_variables_that_nobody_asked_for_are_named(formula: str, domain: Any, box: str, names: str) -> None:
    (note,) = mg.target(formula, domain).notes  # type: ignore[attr-defined]
    assert note.startswith(f"f is taken on {box}, as a function of {names}, though it depends on ")


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("x", {}),
        ("y - x", {}),
        ("z", {"domain": [0, 1, 0, 1, 0, 1]}),
        ("z", {"variables": ["x", "y", "z"]}),
        ("z", {"variables": ["z"]}),
        ("18*z - min(4, z)", {"domain": [0, 120]}),
        ("y", {}),
        ("7", {}),
    ],
)
def test_variables_that_were_asked_for_need_no_word(formula: str, options: Any) -> None:
    assert mg.target(formula, **options).notes == ()


def test_components_may_use_different_variables_without_a_word() -> None:
    assert mg.target(["x", "y"]).notes == ()
    assert len(mg.target(["z", "y"]).notes) == 1


def test_the_command_says_at_once_in_which_variables_a_formula_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "x+z", "--domain", "0", "4", "--tol", "9", "--quiet"]) == 0
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("note: f is taken on [0, 4]^3, as a function of x, y, z, though it depends on x, z only; ")
    assert main(["verify", "z", "--domain", "0", "4", "0", "4", "0", "4", "--tol", "8", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
