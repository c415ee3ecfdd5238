"""Special functions: tables, enclosures at points and over cells, derivatives, certificates."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from special_oracle import LEAST, ORACLE, TURNS, arguments, truth

import mgdl_theory as mg
from mgdl_theory.certificate import check
from mgdl_theory.rigor import special
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.jet import Jet, JetAlgebra
from mgdl_theory.rigor.rounding import quiet
from mgdl_theory.rigor.special import BRANCH, SPECIAL, Table, table, turns
from mgdl_theory.targets.formula.domain import require_defined
from mgdl_theory.targets.formula.evaluators import FloatAlgebra, MpAlgebra
from mgdl_theory.targets.formula.parser import parse
from mgdl_theory.targets.formula.target import ExpressionTarget

ENGINES = ["numpy", "crival"]
TABLES = ("erf", "erfcx", "tailx", "gamma", "lgamma", "digamma", "trigamma", "j0", "j1", "j0bend", "j1bend", "sinc",
          "sinc1", "sinc2", "lambertw")  # fmt: skip


# -- tables ----------------------------------------------------------------------------------------


def test_the_shipped_tables_are_what_arb_makes() -> None:
    import make_tables

    made = make_tables.made()
    with np.load(make_tables.PATH) as shipped:
        assert sorted(shipped.files) == sorted(made)
        for name in made:
            if name.endswith((".c", ".grid")):
                assert np.array_equal(shipped[name], made[name]), name
            else:
                assert np.allclose(shipped[name], made[name], rtol=1e-6, atol=0), name


BY_MPMATH: dict[str, Any] = {
    "erf": mpmath.erf,
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "tailx": lambda x: mpmath.exp(x * x / 2) * mpmath.ncdf(-x),
    "gamma": lambda x: mpmath.gamma(1 + x),
    "lgamma": lambda x: mpmath.loggamma(1 + x),
    "digamma": lambda x: mpmath.psi(0, 1 + x),
    "trigamma": lambda x: mpmath.psi(1, 1 + x),
    "j0": mpmath.j0,
    "j1": mpmath.j1,
    "j0bend": lambda x: (mpmath.besselj(2, x) - mpmath.j0(x)) / 2,
    "j1bend": lambda x: (mpmath.besselj(3, x) - 3 * mpmath.j1(x)) / 4,
    "sinc": mpmath.sinc,
    "sinc1": lambda x: (mpmath.cos(x) - mpmath.sinc(x)) / x,
    "sinc2": lambda x: -mpmath.sinc(x) - 2 * (mpmath.cos(x) - mpmath.sinc(x)) / x**2,
    "lambertw": lambda x: mpmath.lambertw(x).real,
}


def polynomial_error(own: Table, act: Any, row: int, s: Fraction) -> Fraction:
    """|f(c + s) - b_0 - b_1 s - ...| by mpmath and exact arithmetic."""
    x = Fraction(own.first + row) * Fraction(own.step) + s
    value = sum((Fraction(b) * s**j for j, b in enumerate(own.c[:, row].tolist())), Fraction(0))
    with mpmath.workprec(500):
        difference = act(mpmath.mpf(x.numerator) / x.denominator) - mpmath.mpf(value.numerator) / value.denominator
        return Fraction(float(abs(difference))) * (1 - Fraction(1, 10**9))


@pytest.mark.parametrize("name", TABLES)
def test_a_row_errs_by_less_than_it_says(name: str) -> None:
    """Lemma 28 without the roundings, by mpmath, which made none of this; at the ends of rows above all."""
    own, rng = table(name), random.Random(3)
    for _ in range(25):
        row = rng.randrange(own.c.shape[1])
        share = rng.choice([Fraction(1, 2), Fraction(-1, 2), Fraction(rng.randint(-99, 99), 200)])
        s = share * Fraction(own.step) + Fraction(1, 2**60)
        error = polynomial_error(own, BY_MPMATH[name], row, s)
        assert error <= Fraction(own.e0[row].item()) + abs(s) * Fraction(own.e1[row].item())


def test_a_changed_coefficient_is_seen() -> None:
    own = table("erf")
    wrong = own.c.copy()
    wrong[5, 9] *= 1 + 1e-6
    spoilt = Table(own.step, own.first, own.last, wrong, own.e0, own.e1)
    s = Fraction(own.step) / 2
    limit = Fraction(own.e0[9].item()) + s * Fraction(own.e1[9].item())
    assert polynomial_error(own, mpmath.erf, 9, s) <= limit < polynomial_error(spoilt, mpmath.erf, 9, s)
    x = np.array([9 * own.step + own.step / 2 - 1e-9])
    with quiet():
        found = spoilt.bounds(x)
    assert not found.lo[0] <= float(truth("erf", x[0])[0].mid()) <= found.hi[0]


def test_altered_tables_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(Path(special.__file__).with_name("tables.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    assert special.digest(arrays) == special.DIGEST
    arrays["erf.c"][3, 3] = np.nextafter(arrays["erf.c"][3, 3], 9)
    assert special.digest(arrays) != special.DIGEST
    monkeypatch.setattr(special, "DIGEST", "0" * 64)
    with pytest.raises(mg.AssumptionError, match="not those that were proved"):
        special._arrays.__wrapped__()


def test_what_a_formula_rests_on_names_the_tables_where_it_uses_them() -> None:
    assert "special-tables" in ExpressionTarget("x*erf(x)").describe()["assumptions"]
    assert "special-tables" not in ExpressionTarget("x*exp(x)").describe()["assumptions"]


def test_values_that_are_exact_stay_exact() -> None:
    engine = get_engine("numpy")
    for name, x, value in [("gamma", 5, 24), ("gamma", 1, 1), ("lgamma", 1, 0), ("lgamma", 2, 0), ("erf", 0, 0)]:
        found = getattr(engine, name)(Interval.exact(x))
        assert found.lo[0] == found.hi[0] == value, name
    for name, value in [("j0", 1), ("j1", 0), ("sinc", 1), ("lambertw", 0), ("asinh", 0)]:
        found = getattr(engine, name)(Interval.exact(0))
        assert found.lo[0] <= value <= found.hi[0]
        assert found.hi[0] - found.lo[0] < 2.0**-51


def test_the_constants_are_what_they_say() -> None:
    with mpmath.workprec(200):
        edge = -mpmath.exp(-1)
        assert math.nextafter(BRANCH, -1) < edge < BRANCH
        a, b = special._INVERSE_E
        assert abs(mpmath.exp(-1) - a - mpmath.mpf(b)) < mpmath.mpf(2) ** -108
        assert mpmath.gamma(special._LARGEST_GAMMA) > mpmath.mpf(np.finfo(np.float64).max.item())
        assert mpmath.erf(5.9375) > 1 - mpmath.mpf(2) ** -53
        for n in range(4):
            modulus = mpmath.sqrt(64 * (mpmath.besselj(n, 64) ** 2 + mpmath.bessely(n, 64) ** 2))
            assert max(modulus, mpmath.sqrt(2 / mpmath.pi)) < 0.8
    for x, y, order in [("erf", 1, 1), ("gamma", 1, 0), ("sigmoid", 2, 2)]:
        assert len(turns(x, order)) == y


@pytest.mark.parametrize(("kind", "nu"), [("bessel", 0), ("bessel", 1), ("lgamma", 0), ("digamma", 0), ("trigamma", 0)])
def test_terms_that_are_left_out_of_asymptotic_series_are_paid_for(kind: str, nu: int) -> None:
    """The first term left out is below the share of the first term that is added to the error."""
    if kind == "bessel":
        even, odd = special._hankel(nu)
        a = [Fraction(1)]
        for k in range(1, 14):
            a.append(a[-1] * (4 * nu * nu - (2 * k - 1) ** 2) / (8 * k))
        assert abs(a[12]) / 64**10 < abs(even[0]) / 2**44
        assert abs(a[13]) / 64**12 < abs(odd[0]) / 2**54
        return
    eighth = Fraction(-3617, 510) * {"lgamma": Fraction(1, 240), "digamma": Fraction(1, 16), "trigamma": 1}[kind]
    assert abs(eighth) / 16**14 < abs(special._SERIES[kind][0]) / 2**50


# -- enclosures ------------------------------------------------------------------------------------


def enclosed(engine: str, name: str, a: Interval) -> list[Interval]:
    own = get_engine(engine)
    with quiet():
        if name in SPECIAL:
            return own.special(name, a, 2)
        jet = getattr(JetAlgebra(own), name)(Jet(a, {0: Interval.exact(1)}))
        return [jet.value, jet.grad[0], jet.hess[0, 0]]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ORACLE)
def test_enclosures_at_points_hold_the_truth(name: str, engine: str) -> None:
    x = arguments(name, np.random.default_rng(11), 60)
    found = enclosed(engine, name, Interval(x, x))
    judged = 0
    for k, y in enumerate(found):
        assert (y.lo <= y.hi).all()
        for at, lo, hi in zip(x.tolist(), *np.broadcast_arrays(y.lo, y.hi), strict=True):
            value = truth(name, at)[k]
            if value.is_finite():
                judged += 1
                outside = value < float(lo) or value > float(hi)
                assert not outside, (name, k, at, lo, hi, value)
    assert judged > 2 * len(x)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ORACLE)
def test_enclosures_over_cells_hold_the_truth_and_little_more(name: str, engine: str) -> None:
    rng = np.random.default_rng(12)
    lo = rng.permutation(arguments(name, rng, 40))[:120]
    hi = lo + np.exp(rng.uniform(np.log(1e-9), np.log(3), len(lo))) * np.where(rng.random(len(lo)) < 0.5, 1, np.abs(lo))
    found = enclosed(engine, name, Interval(lo, hi))
    shares: list[list[float]] = [[], [], []]
    for n, (p, q) in enumerate(zip(lo.tolist(), hi.tolist(), strict=True)):
        inner = [p + (q - p) * f for f in rng.random(4).tolist()] + [x for t in TURNS for x in (t, -t) if p < x < q]
        values = [truth(name, min(max(x, p), q)) for x in (p, q, *inner)]
        for k, y in enumerate(found):
            known = [v[k] for v in values if v[k].is_finite()]
            assert all(not (v < float(y.lo[n]) or v > float(y.hi[n])) for v in known), (name, k, p, q)
            width, size = float(y.hi[n]) - float(y.lo[n]), max([abs(float(v)) for v in known], default=0.0)
            least = max(map(float, known), default=0.0) - min(map(float, known), default=0.0) + 2.0**-51 * size
            if math.isfinite(width) and least > 1e-280:
                shares[k].append(width / least)
    assert max(np.median(share) for share in shares) < 1.5
    assert max(np.quantile(share, 0.85) for share in shares) < 10


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ORACLE)
def test_points_are_enclosed_to_some_units(name: str, engine: str) -> None:
    """Where the function is not near a zero and not near overflow: at most 100 units, 40 half the time."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-0.3 if name in ("lambertw", "log1p") else 0.6 if name in LEAST else -6, 12, 400)
    (value,) = enclosed(engine, name, Interval(x, x))[:1]
    size = np.maximum(np.abs(value.lo), np.abs(value.hi))
    units = ((value.hi - value.lo) / size * 2.0**52)[size > 0.05 * min(1.0, float(size.max()))]
    assert units.max() < 100
    assert np.median(units) < 40


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ORACLE)
def test_unbounded_intervals_give_the_limits(name: str, engine: str) -> None:
    start = LEAST.get(name, 0.0) + 1.0
    a = Interval(np.array([-np.inf, start, -np.inf]), np.array([np.inf, np.inf, start]))
    found = enclosed(engine, name, a)
    for y in found:
        lo, hi = np.broadcast_arrays(y.lo, y.hi)
        assert (lo <= hi).all()
        assert (lo < np.inf).all()
        assert (hi > -np.inf).all()
    if name in LEAST:
        assert found[0].lo[0] == -np.inf
        assert found[0].hi[0] == np.inf
    for at in (start, start + 3, 1e5):
        for k, value in enumerate(truth(name, at)):
            lo, hi = np.broadcast_arrays(found[k].lo, found[k].hi)
            assert not (value.is_finite() and (value < float(lo[1]) or value > float(hi[1]))), (name, k, at)


@pytest.mark.parametrize("name", SPECIAL)
def test_neighbours_share_an_end_and_lose_nothing(name: str) -> None:
    start = LEAST.get(name, -8.0) + 0.05
    nodes = start + np.arange(257) / 16
    with quiet():
        together = get_engine("numpy").special(name, Interval(nodes[:-1], nodes[1:]), 2)
        for k in (0, 100, 255):
            alone = get_engine("numpy").special(name, Interval(nodes[k : k + 1], nodes[k + 1 : k + 2]), 2)
            for one, all_ in zip(alone, together, strict=True):
                assert np.allclose([one.lo[0], one.hi[0]], [all_.lo[k], all_.hi[k]], rtol=1e-14, atol=1e-300)


def test_what_is_outside_a_domain_is_unbounded() -> None:
    engine = get_engine("numpy")
    for name, x in [("gamma", 0), ("gamma", -0.5), ("lgamma", 0), ("lambertw", -0.3679), ("log1p", -1)]:
        with quiet():
            found = getattr(engine, name)(Interval(np.array([float(x), 1.0]), np.array([2.0, 2.0])))
        assert found.lo[0] == -np.inf
        assert found.hi[0] == np.inf
        assert np.isfinite([found.lo[1], found.hi[1]]).all()


# -- two arguments ---------------------------------------------------------------------------------


def by_mpmath(name: str, x: float, y: float) -> dict[str, Any]:
    """Value, slopes and bends of hypot(x, y) or atan2(y, x)."""
    p, q = mpmath.mpf(x), mpmath.mpf(y)
    r = mpmath.hypot(p, q)
    if name == "hypot":
        return {"": r, "x": p / r, "y": q / r, "xx": q * q / r**3, "yy": p * p / r**3, "xy": -p * q / r**3}
    return {"": mpmath.atan2(q, p), "x": -q / r**2, "y": p / r**2, "xx": 2 * p * q / r**4, "yy": -2 * p * q / r**4,
            "xy": (q * q - p * p) / r**4}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["hypot", "atan2"])
def test_functions_of_two_arguments_hold_value_and_derivatives(name: str, engine: str) -> None:
    rng = np.random.default_rng(4)
    n = 400
    x, y = (rng.choice([-1, 1], n) * np.exp(rng.uniform(-12, 3, n)) for _ in range(2))
    w, h = (rng.choice([0.0, 1e-9, 1e-3, 0.5], n) for _ in range(2))
    algebra = JetAlgebra(get_engine(engine))
    with quiet():
        sides = [
            algebra.variable(k, Interval(s, s + d), Interval.exact(1)) for k, (s, d) in enumerate([(x, w), (y, h)])
        ]
        jet = algebra.hypot(*sides) if name == "hypot" else algebra.atan2(sides[1], sides[0])
    parts = {"": jet.value, "x": jet.grad[0], "y": jet.grad[1], "xx": jet.hess[0, 0], "yy": jet.hess[1, 1],
             "xy": jet.hess[0, 1]}  # fmt: skip
    widths = []
    with mpmath.workprec(200):
        for k in range(n):
            lost = name == "atan2" and not math.isfinite(jet.value.lo[k])
            assert not lost or (x[k] <= 0 and y[k] <= 0 <= y[k] + h[k]) or (x[k] <= 0 <= x[k] + w[k])
            for s, t in ((0, 0), (1, 1), (0, 1), (1, 0), *rng.random((3, 2)).tolist()):
                place = min(x[k] + s * w[k], x[k] + w[k]), min(y[k] + t * h[k], y[k] + h[k])
                for part, value in by_mpmath(name, *place).items():
                    lo, hi = parts[part].lo[k], parts[part].hi[k]
                    if not lost:
                        assert lo <= value <= hi, (name, part, place, lo, hi, value)
                    if w[k] == h[k] == 0 and not lost:
                        widths.append(float((hi - lo) / abs(by_mpmath(name, *place)[part])) * 2**52)
    assert np.median(widths) < 60


def test_a_distance_has_a_convex_kink_at_the_origin() -> None:
    """hypot(f, g) where both may be 0: slopes in [-1, 1], bends in [0, inf] along the axes, nothing across them."""
    algebra = JetAlgebra(get_engine("numpy"))
    cell = Interval(np.array([-1.0]), np.array([2.0]))
    x, y = (algebra.variable(k, cell, Interval.exact(1)) for k in (0, 1))
    with quiet():
        jet, alone = algebra.hypot(x, y), algebra.hypot(x, algebra.const(Fraction(0)))
    assert [float(jet.grad[k].lo[0]) for k in (0, 1)] == [-1, -1]
    assert [float(jet.grad[k].hi[0]) for k in (0, 1)] == [1, 1]
    for j, pair in ((jet, (0, 0)), (jet, (1, 1)), (alone, (0, 0))):
        assert j.hess[pair].lo[0] == 0
        assert j.hess[pair].hi[0] == np.inf
    assert jet.hess[0, 1].lo[0] == -np.inf
    f = ExpressionTarget("hypot(x - 1/3, 0*x)")
    d = f.defects(0, np.array([[0]]))
    assert d.sag[0] >= 1 / 3 * 2 / 3 * 2 - 1e-12  # |x - 1/3| on [0, 1]: the chord is 4/9 above 0 at the kink


# -- formulas --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPECIAL)
def test_approximate_values_are_close_to_those_of_mpmath(name: str) -> None:
    program, algebra = parse(f"{name}(x)"), MpAlgebra(30)
    x = np.array([0.25, 1.0, 3.7, 9.0, 20.5])
    found = program.evaluate(FloatAlgebra(), [x])
    for at, value in zip(x.tolist(), found.tolist(), strict=True):
        assert value == pytest.approx(float(program.evaluate(algebra, [algebra.context.mpf(at)])), rel=1e-13, abs=1e-14)
    with quiet():
        ends = program.evaluate(FloatAlgebra(), [np.array([np.nan, np.inf])])
        assert math.isnan(ends[0])
        assert ends[1] == SPECIAL[name].limits[0][1]
        if name in LEAST:
            assert math.isnan(program.evaluate(FloatAlgebra(), [-1.0]))
            assert mpmath.isnan(program.evaluate(algebra, [algebra.context.mpf(-1)]))


@pytest.mark.parametrize(
    ("text", "domain", "message"),
    [
        ("gamma(x)", [0, 1], r"^gamma\(x\) is undefined at x = 0: gamma needs an argument > 0"),
        ("lgamma(x - 1/3)", [0, 1], r"^lgamma\(x - 1/3\) is undefined at x = \S+: lgamma needs an argument > 0"),
        ("1 + lambertw(x)", [-1, 1], r"^lambertw\(x\) in .* undefined at x = -1: lambertw needs an argument >= -1/e"),
        ("lambertw(x)", ["-0.3679", 0], r"undefined at x = -\S+: lambertw needs an argument >= -1/e"),
        ("log1p(x)", [-1, 1], r"^log1p\(x\) is undefined at x = -1: log1p needs an argument > -1"),
        ("gamma(x)", [1, 200], r"^gamma\(x\) leaves the range of binary64 "),
        ("atan(gamma(x))", [0, 1], r"^gamma\(x\) in .* is undefined at x = 0"),
        ("acosh(x)", [0, 2], r"^sqrt\(.*is undefined at x = "),
        ("atanh(x)", [0, 1], r"^log1p\(-x\) in .* is undefined at x = 1"),
    ],
)
def test_a_formula_that_leaves_a_domain_is_refused_with_the_place(text: str, domain: Any, message: str) -> None:
    with pytest.raises(mg.TargetError, match=message):
        mg.target(text, domain)


def test_the_angle_is_refused_on_its_cut_and_taken_beside_it() -> None:
    with pytest.raises(mg.TargetError, match=r"^atan2\(y, x\) is undefined at .*jumps where y = 0 and x <= 0"):
        mg.target("atan2(y, x)", [[-1, 1], [-1, 1]])
    for sides in ([["1/8", 1], [-1, 1]], [[-1, 1], ["1/8", 1]], [[-1, 1], [-1, "-1/8"]]):
        assert mg.target("atan2(y, x)", sides).dim == 2


def test_the_range_of_a_special_function_is_sharp() -> None:
    reach = require_defined(ExpressionTarget("gamma(2*x + 1)"))
    assert 0.8856 - 1e-4 < reach.lo[0] <= 0.8856031944108887
    assert reach.hi[0] == 2


# -- the independent checker -----------------------------------------------------------------------

BITS = 256
SCALE = 1 << BITS
CERTIFIED = [
    ("erf(x)", [-3, 3], "2e-2"), ("erfc(x)", [-1, 4], "2e-2"), ("ncdf(x)", [-4, 4], "2e-2"),
    ("gamma(x)", ["1/2", 4], "1e-1"), ("lgamma(x)", ["1/2", 4], "2e-2"), ("j0(x)", [-2, 8], "2e-2"),
    ("j1(x)", [0, 8], "2e-2"), ("sinc(x)", [-6, 6], "2e-2"), ("lambertw(x)", ["-1/3", 3], "2e-2"),
    ("expm1(x)", [-1, 1], "2e-2"), ("log1p(x)", ["-1/2", 2], "2e-2"), ("sigmoid(x)", [-8, 8], "2e-2"),
    ("softplus(x)", [-8, 8], "2e-2"), ("softplus(10000*x)/10000", [-1, 1], "2e-2"), ("asinh(x)", [-5, 5], "2e-2"),
    ("acosh(x)", [1, 3], "5e-2"), ("atanh(x)", ["-3/4", "3/4"], "2e-2"), ("gelu(x)", [-5, 5], "2e-2"),
    ("mish(x)", [-5, 5], "5e-2"), ("phi(x)", [-4, 4], "2e-2"), ("np.sinc(x)", [-2, 2], "2e-2"),
    ("hypot(x, y)", [[-1, 1], [-1, 1]], "0.2"), ("hypot(x, 1/10)", [-1, 1], "2e-2"),
    ("atan2(y, x)", [[-1, 1], ["1/2", 1]], "0.1"), ("atan2(y, x)", [["1/2", 1], [-1, 1]], "0.1"),
    ("atan2(y, x)", [[-1, 1], [-1, "-1/2"]], "0.1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "domain", "tol"), CERTIFIED)
def test_a_certificate_of_every_function_is_verified_and_mpmath_refuses_what_it_cannot(
    text: str, domain: Any, tol: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = mg.verify(mg.construct(mg.target(text, domain), tol=tol))
    report.certificate().save(tmp_path / "own.json")
    assert check.main([str(tmp_path / "own.json"), "--engine", "arb"]) == 0
    assert "\nVERIFIED: " in capsys.readouterr().out
    needed = [op for op, *_ in check.Formula(parse(text).text, parse(text).variables).nodes if op in check.ARB_ONLY]
    code = check.main([str(tmp_path / "own.json"), "--engine", "mpmath"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert code == (1 if needed else 0)
    why = "is enclosed by Arb only: install python-flint, and use the engine arb"
    assert last.startswith("VERIFIED: ") if not needed else last == f"REFUSED: format: target: {needed[0]} {why}"


CHECKER: dict[str, Any] = {
    "erf": [mpmath.erf, lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x)],
    "erfc": [mpmath.erfc, lambda x: -2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x)],
    "ncdf": [mpmath.ncdf, mpmath.npdf],
    "gamma": [mpmath.gamma, lambda x: mpmath.gamma(x) * mpmath.psi(0, x),
              lambda x: mpmath.gamma(x) * (mpmath.psi(0, x) ** 2 + mpmath.psi(1, x))],
    "lgamma": [mpmath.loggamma, lambda x: mpmath.psi(0, x), lambda x: mpmath.psi(1, x)],
    "j0": [mpmath.j0, lambda x: -mpmath.j1(x), lambda x: (mpmath.besselj(2, x) - mpmath.j0(x)) / 2],
    "j1": [mpmath.j1, lambda x: (mpmath.j0(x) - mpmath.besselj(2, x)) / 2,
           lambda x: (mpmath.besselj(3, x) - 3 * mpmath.j1(x)) / 4],
    "sinc": [mpmath.sinc, lambda x: (mpmath.cos(x) - mpmath.sinc(x)) / x if x else mpmath.mpf(0)],
    "lambertw": [lambda x: mpmath.lambertw(x).real, lambda x: 1 / (x + mpmath.exp(mpmath.lambertw(x).real))],
    "sigmoid": [lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: mpmath.exp(-abs(x)) / (1 + mpmath.exp(-abs(x))) ** 2],
    "softplus": [lambda x: mpmath.log1p(mpmath.exp(x)), lambda x: 1 / (1 + mpmath.exp(-x))],
    "asinh": [mpmath.asinh, lambda x: 1 / mpmath.sqrt(1 + x * x)],
}  # fmt: skip


@pytest.mark.parametrize("name", check.SPECIAL)
def test_the_checker_holds_values_and_derivatives_and_is_sharp(name: str) -> None:
    """By mpmath at 400 bits, which its engine arb does not use; bends by differences of slopes as well."""
    op, rng = check.Arithmetic(BITS, "arb"), random.Random(name)
    start = {"gamma": Fraction(1, 50), "lgamma": Fraction(1, 50), "lambertw": Fraction(-9, 25)}.get(name, Fraction(-9))
    for _ in range(60):
        lo = start + Fraction(rng.randint(0, 14 << 20), 1 << 20)
        width = Fraction(rng.choice([0, 1, 1 << 10, 1 << 17, 1 << 20]), 1 << rng.choice([18, 19, 25]))
        x = op.const(lo)[0], op.const(lo + width)[1]
        found = op.special(name, x, 2)
        with mpmath.workprec(400):
            for share in (0, 1, rng.random()):
                at = lo + width * Fraction(share)
                point = mpmath.mpf(at.numerator) / at.denominator
                for act, (low, high) in zip(CHECKER[name], found, strict=False):
                    value = act(point) * SCALE
                    slack = mpmath.mpf(2) ** 30
                    assert low - slack <= value <= high + slack, (name, at, width)
            (low, high), step = found[-1], mpmath.mpf(2) ** -60
            slope = CHECKER[name][1]
            bend = (slope(point + step) - slope(point - step)) / (2 * step)
            assert low / SCALE - 1e-9 * (1 + abs(bend)) <= bend <= high / SCALE + 1e-9 * (1 + abs(bend))
        if width == 0:
            assert all(high - low < SCALE >> 80 for low, high in found[:2]) or name in ("gamma", "lgamma")


@pytest.mark.parametrize("name", check.SPECIAL)
def test_the_checker_takes_no_time_and_says_nothing_false_far_away(name: str) -> None:
    op, huge = check.Arithmetic(BITS, "arb"), check.LIMIT
    partial = name in ("gamma", "lgamma", "lambertw")
    for x in [(op.unit, check.INF), (huge, huge), (op.unit >> 200, op.unit), (0 if partial else -huge, huge)]:
        try:
            found = op.special(name, x, 2)
        except check.Undefined:
            assert partial
            continue
        assert all(lo <= hi for lo, hi in found)
        if x[0] <= op.unit <= x[1]:
            with mpmath.workprec(300):
                for act, (lo, hi) in zip(CHECKER[name], found, strict=False):
                    assert lo - 2**30 <= act(mpmath.mpf(1)) * SCALE <= hi + 2**30
    if partial:
        with pytest.raises(check.Undefined):
            op.special(name, (-op.unit, -op.unit), 2)
