"""Python functions as targets, against rational arithmetic, mpmath and functions that lie."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.contraction import Margins
from mgdl_theory.errors import CertificateError, DomainError, MgdlError, OptionError, TargetError
from mgdl_theory.targets.base import THETA, Box
from mgdl_theory.targets.function import CallableTarget
from mgdl_theory.targets.modulus import Axes, Given, Modulus, defect_table
from mgdl_theory.targets.modulus import HoelderModulus as Hoelder
from mgdl_theory.verification.verdict import Verdict

DIGITS = 60
BOXES = (
    ["0.1", "0.3"], [0.1, 0.3], ["1/3", "2/3"], [10**6, 10**6 + 1], ["1000000.1", "1000001.7"], [-1, 1],
    ["-1e-9", "1e-9"], ["123456789/1000", "123456790/1000"],
)  # fmt: skip
"""Boxes whose nodes are floats, and boxes whose nodes are not."""


def exactly(x: Any) -> Fraction:
    """An mpf as the rational number it is."""
    sign, mantissa, exponent, _ = mpmath.mpf(x)._mpf_
    return (-1 if sign else 1) * Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def precise(f: Callable[[Any], Any], x: Fraction) -> Fraction:
    """f at a rational point, to ``DIGITS`` digits."""
    with mpmath.workdps(DIGITS):
        return exactly(f(mpmath.mpf(x.numerator) / x.denominator))


def holds(lo: Any, truth: Fraction, hi: Any, slack: Fraction = Fraction(0)) -> bool:
    return Fraction(float(lo)) - slack <= truth <= Fraction(float(hi)) + slack


WAVES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Any]] = {
    "|sin 3x|": (lambda x: np.abs(np.sin(3 * x)), lambda x: abs(mpmath.sin(3 * x)), 3),
    "sin 1000x": (lambda x: np.sin(1000 * x), lambda x: mpmath.sin(1000 * x), 1000),
    "x - 1/10": (lambda x: x - 0.1, lambda x: x - mpmath.mpf(0.1), 1),
    "exp(-x^2) - 1": (lambda x: np.exp(-(x**2)) - 1, lambda x: mpmath.exp(-(x**2)) - 1, 1),
}
"""name: in float64, in mpmath, a Lipschitz constant."""


# -- moduli of continuity --------------------------------------------------------------------------

sizes = st.one_of(st.just(0.0), st.floats(1e-300, 1e300), st.floats(1e-6, 4.0))


@given(st.lists(st.tuples(sizes, st.fractions(0, 50)), min_size=1, max_size=4))
def test_axes_bound_is_at_least_the_sum_and_hardly_more(pairs: list[tuple[float, Fraction]]) -> None:
    constants = [c for _, c in pairs]
    found = float(Axes(constants).bound([np.array([s]) for s, _ in pairs])[0])
    truth = sum((Fraction(s) * c for s, c in pairs), Fraction(0))
    assert truth <= Fraction(found) <= truth * (1 + Fraction(1, 2**48)) + Fraction(1, 2**1000)


@given(
    st.lists(sizes, min_size=1, max_size=3), st.fractions(0, 50), st.sampled_from(["1", "1/2", "1/3", "0.63", "1/10"])
)
def test_power_bound_is_at_least_the_truth_and_hardly_more(sides: list[float], c: Fraction, alpha: str) -> None:
    found = Hoelder(c, alpha).bound([np.array([s]) for s in sides])[0]
    with mpmath.workdps(DIGITS):
        length = mpmath.sqrt(sum(mpmath.mpf(s) ** 2 for s in sides))
        truth = (
            mpmath.mpf(c.numerator)
            / c.denominator
            * length ** (mpmath.mpf(1) * Fraction(alpha).numerator / Fraction(alpha).denominator)
        )
        assert mpmath.mpf(float(found)) >= truth * (1 - mpmath.mpf(10) ** -50)
        assert mpmath.mpf(float(found)) <= truth * (1 + mpmath.mpf(2) ** -44) + mpmath.mpf(2) ** -300


def entropy_modulus(t: float) -> float:
    return -t * math.log(t) if 0 < t < 1 / math.e else min(t, 1 / math.e)


MODULI: dict[str, Modulus] = {
    "Lipschitz": Hoelder(3), "axes": Axes([3]), "Hoelder 1/2": Hoelder(1, "1/2"), "Hoelder 0.63": Hoelder(1, "0.63"),
    "Hoelder 1/5": Hoelder(1, "1/5"), "t log 1/t": Given(entropy_modulus),
    "1/log": Given(lambda t: 1 / (1 - math.log(t)) if 0 < t < 1 else float(t > 0), concave=False),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULI)
def test_margins_leave_room_for_all_later_ones(name: str) -> None:
    """m_l - p_l >= m_(l+1) + noise as the construction computes it, where no level is skipped."""
    noise, floor = 1e-13, 2.0**-30
    p, theta = defect_table(MODULI[name], [np.array([1.0])], noise)
    assert (np.diff(p) <= 0).all()
    reach = mg.target("x").defects(0, np.array([[0]])).range

    def margins(level: int, factor: float) -> Margins:
        one = np.ones(1)
        defects = mg.Defects(p[level] * one, p[level] * one, factor * one, factor * one, reach)
        return Margins.of(defects, level, floor)

    smooth = [level for level in range(52) if theta[level] != THETA[0] and theta[level + 1] != THETA[0]]
    assert bool(smooth) == (name not in ("Hoelder 1/5", "1/log"))
    for level in smooth:
        here, child = margins(level, theta[level]), margins(level + 1, theta[level + 1])
        assert Fraction(here.floor_plus[0]) >= Fraction(child.plus[0]) + Fraction(noise)
        assert not here.rough.any()
    if smooth:
        short = margins(smooth[0], 0.99 * theta[smooth[0]])
        assert short.floor_plus[0] < margins(smooth[0] + 1, theta[smooth[0] + 1]).plus[0]


@pytest.mark.parametrize(
    ("modulus", "rate"), [(Hoelder(3), 1), (Axes([2, 3]), 1), (Hoelder(1, "1/2"), 0.5), (Hoelder(7, "0.63"), 0.63)]
)
def test_theta_of_a_power_is_the_geometric_sum(modulus: Modulus, rate: float) -> None:
    widths = [np.array([1.0])] * (2 if isinstance(modulus, Axes) else 1)
    _, theta = defect_table(modulus, widths, 0.0)
    assert theta[:20] == pytest.approx(1 / (1 - 2.0**-rate), rel=2e-6)


@pytest.mark.parametrize(
    ("omega", "said"),
    [
        (lambda t: t + 1.0, "omega\\(0\\) must be 0"),
        (lambda t: math.nan if t else 0.0, "finite number >= 0"),
        (lambda t: -t, "finite number >= 0"),
        (lambda t: t if t < 0.3 else 0.1, "must not decrease"),
        (lambda t: 1 / t if t else 0.0, "must not decrease"),
        (lambda t: [][1] if t else 0.0, "raised IndexError"),
        (lambda t: None, "raised TypeError"),
    ],
)
def test_what_is_no_modulus_is_refused(omega: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        mg.target(np.sin, modulus=omega)


def test_a_convex_modulus_is_not_concave() -> None:
    mg.target(lambda x: x / 4, modulus=lambda t: t * t + t)
    with pytest.raises(OptionError, match="not concave"):
        mg.target(lambda x: x / 4, modulus=lambda t: t * t + t, concave=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lipschitz": 1, "holder": (1, 1)}, "give one modulus"),
        ({"lipschitz": -1}, "at least 0"),
        ({"lipschitz": math.inf}, "at least 0"),
        ({"lipschitz": [1, 2]}, "2 axes|expected one constant|gives|1 axes"),
        ({"lipschitz": "many"}, "at least 0"),
        ({"holder": 1}, "expected a pair"),
        ({"holder": (1, 2)}, "0 < alpha <= 1"),
        ({"holder": (1, 0)}, "0 < alpha <= 1"),
        ({"modulus": 3}, "expected a function"),
        ({"lipschitz": 1, "concave": True}, "belongs to modulus"),
        ({"lipschitz": 1, "value_error": -1}, "value_error"),
        ({"lipschitz": 1, "value_error": 1}, "value_error"),
        ({"lipschitz": 1, "value_error": (0, 0, 0)}, "value_error"),
        ({"lipschitz": 1, "value_error": "tiny"}, "value_error"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(MgdlError, match=said):
        mg.target(lambda x: x, domain=[0, 1, 0, 1] if options.get("lipschitz") == [1, 2, 3] else [0, 1], **options)


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAVES)
@pytest.mark.parametrize("ends", BOXES, ids=str)
def test_values_hold_the_truth_on_every_box(name: str, ends: list[Any]) -> None:
    """The exact node is not the float that the callable is asked at."""
    function, truth, constant = WAVES[name]
    if name == "exp(-x^2) - 1" and not Fraction(1, 10) < Box.of(ends).upper[0] < 30:
        return
    f = mg.target(function, domain=ends, lipschitz=constant)
    rng = np.random.default_rng(5)
    for level in (0, 3, 17, 40):
        nodes = np.unique(np.concatenate([[0, 1 << level], rng.integers(0, (1 << level) + 1, 60)]))[:, None]
        found = f.values(level, nodes)
        for k, node in enumerate(nodes.tolist()):
            exact = precise(truth, f.box.point(node, level)[0])
            assert holds(found.lo[k], exact, found.hi[k], Fraction(1, 10**50))
        scale = constant * max(abs(float(v)) for v in (*f.box.lower, *f.box.upper)) + 1.0
        assert (found.hi - found.lo).max() <= 2.0**-47 * scale


@given(st.fractions(-9, 9), st.fractions(-9, 9), st.integers(0, 45), st.integers(0, 2**45))
def test_values_of_the_identity_hold_the_exact_node(a: Fraction, b: Fraction, level: int, index: int) -> None:
    """With exact numbers returned only the distance to the float widens the value."""
    if a == b or float(a) == float(b):
        return
    box = Box((min(a, b),), (max(a, b),))
    f = CallableTarget(lambda x: x, box, Hoelder(1), value_error=0)
    node = index % ((1 << level) + 1)
    value, exact = f.values(level, np.array([[node]])), box.point([node], level)[0]
    assert holds(value.lo[0], exact, value.hi[0])
    assert value.hi[0] - value.lo[0] <= 2.0**-49 * max(abs(a), abs(b))


def test_a_value_without_the_distance_to_its_node_excludes_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect that the test above is there for."""
    f = CallableTarget(lambda x: x, Box.of(["1/10", "3/10"]), Hoelder(1), value_error=0)
    nodes = np.arange(65)[:, None]
    honest = f._points
    monkeypatch.setattr(f, "_points", lambda level, nodes: (honest(level, nodes)[0], [np.zeros(len(nodes))]))
    found = f.values(6, nodes)
    missed = [not holds(found.lo[k], f.box.point([k], 6)[0], found.hi[k]) for k in range(65)]
    assert any(missed)


def test_a_purely_relative_error_would_be_a_false_assumption() -> None:
    """sin(1000x) near x = 10^6 loses digits of its argument: the default error covers that, 2^-50 of the value not."""
    function, truth, _ = WAVES["sin 1000x"]
    nodes = np.random.default_rng(3).integers(0, 1 << 30, 129)[:, None]
    outside = {}
    for error in (None, ("1e-15", 0)):
        f = mg.target(function, domain=[10**6, 10**6 + 1], lipschitz=1000, value_error=error)
        found = f.values(30, nodes)
        exact = [precise(truth, f.box.point(node, 30)[0]) for node in nodes.tolist()]
        outside[error] = sum(not holds(found.lo[k], v, found.hi[k]) for k, v in enumerate(exact))
    assert outside[None] == 0
    assert outside["1e-15", 0] > 60


def test_a_constant_that_cancels_needs_an_absolute_error() -> None:
    """exp(-x^2) - 1 within 10^-9 of 0 is computed as 0: what the default does not cover, as docs/targets.md says."""
    function, truth, _ = WAVES["exp(-x^2) - 1"]
    for error, covered in ((None, False), ((0, "1e-15"), True)):
        f = mg.target(function, domain=["-1e-9", "1e-9"], lipschitz=1, value_error=error)
        found = f.values(0, np.array([[0]]))
        assert holds(found.lo[0], precise(truth, Fraction(-1, 10**9)), found.hi[0]) == covered


def test_every_point_handed_over_lies_in_the_exact_box() -> None:
    """1/3 and 2/3 are no floats: the ends given to the callable are rounded inward."""
    seen: list[float] = []

    def f(x: Any) -> Any:
        seen.extend(np.ravel(x).tolist())
        return np.sqrt((x - 1 / 3) * 0 + 1)

    target = mg.target(f, domain=["1/3", "2/3"], lipschitz=1)
    target.values(5, np.arange(33)[:, None])
    target.defects(3, np.arange(8)[:, None])
    assert Fraction(1, 3) <= min(map(Fraction, seen))
    assert max(map(Fraction, seen)) <= Fraction(2, 3)


def test_a_box_without_a_float_is_refused() -> None:
    low = 1 + Fraction(1, 2**55)
    with pytest.raises(DomainError, match=r"too short|holds no binary64"):
        mg.target(np.sin, domain=[low, low + Fraction(1, 2**55)], lipschitz=1)
    with pytest.raises(DomainError, match="holds no binary64"):
        mg.target(np.sin, domain=[1 + Fraction(1, 2**54), 1 + Fraction(3, 2**53) / 2 - Fraction(1, 2**56)], lipschitz=1)


# -- defects and ranges ----------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.fractions(-2, 2)), min_size=1, max_size=5),
    st.integers(0, 6),
    st.randoms(),
)
def test_defects_hold_for_convex_functions_whose_truth_is_rational(lines: Any, level: int, rng: random.Random) -> None:
    """f = max of lines with slopes up to 3: an honest function is not accused, and its gaps are below the defects."""

    def exact(x: Fraction) -> Fraction:
        return max(a * x + b for a, b in lines)

    floats = [(float(a), float(b)) for a, b in lines]
    f = mg.target(
        lambda x: np.max([a * x + b for a, b in floats], axis=0),
        domain=["-1/3", "2/7"],
        lipschitz=3,
        value_error="1e-14",
    )
    cells = np.arange(1 << level)[:, None]
    found = f.defects(level, cells)
    for k in rng.sample(range(1 << level), min(8, 1 << level)):
        a, b = (f.box.point([k + j], level)[0] for j in (0, 1))
        for part in (Fraction(1, 2), Fraction(rng.randrange(1000), 1000)):
            x = a + (b - a) * part
            gap = exact(a) + (exact(b) - exact(a)) * part - exact(x)
            assert -Fraction(found.bulge[k]) <= gap <= Fraction(found.sag[k])
            assert holds(found.range.lo[k], exact(x), found.range.hi[k])


def test_the_lipschitz_defect_is_attained() -> None:
    """The tent |x - m| over one cell: half of h/2 times twice the constant, and no more."""
    f = mg.target(lambda x: np.abs(x - 0.25), domain=[0, "1/2"], lipschitz=1, value_error=0)
    assert f.defects(0, np.array([[0]])).sag.tolist() == [0.25]
    assert f([0.0, 0.25]).tolist() == [0.25, 0.0]


def test_unequal_sides_enter_by_the_true_diagonal() -> None:
    f = mg.target(lambda x, y: 0 * x + y, domain=[0, 3, 0, 4], lipschitz=1, value_error=0)
    assert f.defects(1, np.array([[0, 0]])).sag[0] == pytest.approx(1.25, rel=1e-12)
    by_axes = mg.target(lambda x, y: 0 * x + y, domain=[0, 3, 0, 4], lipschitz=[0, 1], value_error=0)
    assert by_axes.defects(1, np.array([[0, 0]])).sag.tolist() == [1.0]
    general = mg.target(lambda x, y: 0 * x + y, domain=[0, 3, 0, 4], modulus=lambda t: t, value_error=0)
    assert general.defects(1, np.array([[0, 0]])).sag[0] == pytest.approx(2.5, rel=1e-9)


# -- proofs, against the truth ---------------------------------------------------------------------

KINKS = (lambda x: np.abs(np.sin(3 * x)), lambda x: abs(mpmath.sin(3 * x)))

HONEST: dict[str, tuple[Any, Any, dict[str, Any], Any]] = {
    "kinks": (*KINKS, {"domain": ["0.1", "2.3"], "lipschitz": 3}, "0.02"),
    "far away": (*KINKS, {"domain": [10**6, 10**6 + 1], "lipschitz": 3}, "0.02"),
    "tiny box": (
        lambda x: np.sin(1e9 * x), lambda x: mpmath.sin(10**9 * x),
        {"domain": ["-1e-9", "1e-9"], "lipschitz": "1e9"}, "0.02",
    ),
    "cusp": (
        lambda x: np.sqrt(np.abs(x - 1 / 3)), lambda x: mpmath.sqrt(abs(x - mpmath.mpf(1 / 3))),
        {"holder": (1, "1/2")}, "0.08",
    ),
    "entropy": (
        lambda x: np.where(x > 0, -x * np.log(np.maximum(x, 1e-300)), 0.0), lambda x: -x * mpmath.log(x) if x else x,
        {"modulus": entropy_modulus, "concave": True}, "0.02",
    ),
    "steep": (
        lambda x: np.abs(x) ** 0.2, lambda x: abs(x) ** mpmath.mpf(0.2),
        {"domain": [-1, 1], "holder": ("1.001", "1/5")}, "0.8",
    ),
    "cancellation": (lambda x: (x + 1e8) - 1e8, lambda x: x, {"lipschitz": 1, "value_error": (0, "1e-8")}, "0.02"),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_proved_bounds_hold_at_rational_points(name: str) -> None:
    function, truth, options, tol = HONEST[name]
    f = mg.target(function, **options)
    report = mg.verify(mg.construct(f, tol))
    assert report.verdict is Verdict.PROVED, report.last_line()
    rng = random.Random(7)
    lower, upper = f.box.lower[0], f.box.upper[0]
    for _ in range(30):
        x = lower + (upper - lower) * Fraction(rng.randrange(10**9 + 1), 10**9)
        exact = precise(truth, x)
        sizes = [abs(exact - report.scheme.exact([x], k)) for k in range(len(report.scheme.grades) + 1)]
        for row, size in zip(report.rows, sizes, strict=True):
            assert size <= Fraction(row.residual_sup_upper)
        assert all(after <= before for before, after in itertools.pairwise(sizes))


def test_two_variables_are_proved_and_the_bound_is_not_far_from_the_truth() -> None:
    f = mg.target(lambda x, y: np.hypot(x - 0.3, y - 0.2), lipschitz=1)
    report = mg.verify(mg.construct(f, "0.08"))
    assert report.verdict is Verdict.PROVED
    assert report.residual_sup_lower > 0.2 * report.residual_sup_upper


def asked(options: dict[str, Any], dim: int = 1, most: int = 10_000) -> tuple[mg.Target, list[int]]:
    """A function that counts the points it is asked at, and refuses to be asked at many."""
    points: list[int] = []

    def f(x: Any) -> Any:
        points.append(len(x))
        if sum(points) > most:
            raise RuntimeError("asked too often")
        return 0.1 * (x if dim == 1 else x[:, 0] - x[:, 1])

    return mg.target(f, [-1, 1] * dim, **options), points


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"modulus": lambda t: 1 + t if t else 0.0},
        {"modulus": lambda t: 0.5 if t else 0.0, "concave": True, "value_error": 0},
        {"modulus": lambda t: 1 / (1 + max(-math.log2(t), 0)) if t else 0.0},
        {"holder": (1, "1/10")},
    ],
    ids=["a jump", "a constant", "a logarithm", "a tenth root"],
)
def test_a_modulus_that_no_level_brings_below_the_tolerance_ends_the_run_at_level_0(options: Any, dim: int) -> None:
    f, points = asked(options, dim)
    scheme = mg.construct(f, 1e-2)
    report = mg.verify(scheme)
    assert (scheme.complete, report.verdict) == (False, Verdict.UNDECIDED)
    assert [record.level for record in scheme.history] == [0]
    assert "stays above the tolerance down to level 52, the finest allowed" in report.last_line()
    assert "raise the tolerance, or state a modulus" in scheme.reason
    assert sum(points) < 5000


def test_a_level_budget_that_the_modulus_makes_hopeless_is_said_at_level_0_and_may_be_raised() -> None:
    f, points = asked({"lipschitz": 1})
    scheme = mg.construct(f, 1e-3, budget=mg.Budget(level=5))
    assert [record.level for record in scheme.history] == [0]
    assert (
        "down to level 5, the finest allowed, and below 0.0312 no tolerance is in reach; raise the level or the tol"
        in (scheme.reason)
    )
    assert sum(points) < 5000


def test_one_hopeless_component_is_named_and_a_tail_around_one_is_hopeless_too() -> None:
    f, _ = asked({"modulus": lambda t: 1 + t if t else 0.0})
    vector = mg.construct(mg.VectorTarget((mg.target("x", [-1, 1]), f)), 1e-2)
    assert vector.components[1].reason.startswith("f with |f(x) - f(y)| <= omega(|x - y|): the defect of every cell")
    ball = mg.construct(mg.UniformBall(f, "1/1000"), 1e-2)
    assert "the defect of every cell stays above" in ball.reason


@given(
    st.sampled_from([Hoelder(2), Hoelder(1, "1/3"), Given(lambda t: t * t + t), Axes([3])]),
    st.integers(0, 60),
    st.data(),
)
def test_no_cell_has_a_defect_below_the_least(modulus: Modulus, level: int, data: st.DataObject) -> None:
    f = CallableTarget(np.zeros_like, Box.of([0, 3]), modulus, value_error=0)
    coarser = data.draw(st.integers(0, min(level, 52)))
    found = f.defects(coarser, np.array([[data.draw(st.integers(0, (1 << coarser) - 1))]]))
    assert 0 < f.least_defect(level) <= min(found.sag[0], found.bulge[0])


def test_levels_are_skipped_where_the_modulus_hardly_falls() -> None:
    function, _, options, tol = HONEST["steep"]
    scheme = mg.construct(mg.target(function, **options), tol)
    levels = [record.level for record in scheme.history if record.atoms]
    assert max(b - a for a, b in itertools.pairwise(levels)) >= 2
    assert scheme.complete


def test_a_scheme_is_refuted_by_a_callable_that_it_does_not_fit() -> None:
    scheme = mg.construct(mg.target("x/2"), "0.01")
    report = mg.verify(scheme, target=mg.target(lambda x: x / 3, lipschitz=1))
    assert report.result("sup-norm").verdict is Verdict.REFUTED


# -- functions that lie ----------------------------------------------------------------------------


@pytest.mark.parametrize("ends", BOXES, ids=str)
def test_a_function_that_breaks_its_modulus_is_caught_with_two_points(ends: list[Any]) -> None:
    box = Box.of(ends)
    middle, width = float((box.lower[0] + box.upper[0]) / 2), float(box.upper[0] - box.lower[0])
    f = mg.target(lambda x: 1.01 * np.abs(x - middle) + 0.3 * width, domain=ends, lipschitz=1)
    with pytest.raises(
        TargetError, match=r"contradicts .* f\(.*\) in \[.*\] and f\(.*\) in \[.*\] differ by more than"
    ):
        mg.construct(f, 0.01 * width)


def test_a_jump_is_caught() -> None:
    with pytest.raises(TargetError, match="contradicts"):
        mg.construct(mg.target(lambda x: np.where(x < 0.3, 0.0, 1.0), lipschitz=10), "0.001")
    with pytest.raises(TargetError, match="contradicts"):
        mg.construct(mg.target(lambda x, y: np.where(x + y < 0.9, 0.0, 1.0), lipschitz=2), "0.05")


def test_a_diagonal_pair_is_caught_too() -> None:
    """Along both axes the function keeps to 1, along the diagonal it does not."""
    f = mg.target(lambda x, y: x + y, lipschitz=1, value_error=0)
    with pytest.raises(TargetError, match="contradicts"):
        f.defects(0, np.array([[0, 0]]))
    mg.target(lambda x, y: x + y, lipschitz=[1, 1], value_error=0).defects(0, np.array([[0, 0]]))


def test_noise_beyond_the_stated_error_is_caught_as_such() -> None:
    """1 - cos x loses all its digits near 0: what is returned breaks the modulus at fine levels."""
    f = mg.target(lambda x: (1 - np.cos(x)) / x**2, domain=["1e-8", "2e-8"], lipschitz=1)
    with pytest.raises(TargetError, match="contradicts"):
        mg.construct(f, "1e-3")


def test_a_random_function_is_refused_at_once_and_later() -> None:
    with pytest.raises(TargetError, match="contradicts itself"):
        mg.target(lambda x: np.random.default_rng().random(np.shape(x)), lipschitz=1)
    drift = [0.0]

    def later(x: Any) -> Any:
        return x + drift[0]

    f = mg.target(later, lipschitz=1)
    f.values(3, np.arange(9)[:, None])
    drift[0] = 1e-3
    with pytest.raises(TargetError, match="asked again"):
        f.values(4, np.arange(17)[:, None])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x - np.mean(x), "asked at this point alone"),
        (lambda x: np.log(x), "returned -inf at x = 0;"),
        (lambda x: np.where(x > 0.9, np.nan, x), r"returned nan at x = 1;"),
        (lambda x: x + 0j, "complex"),
        (lambda x: x[:-1], "shape"),
        (lambda x: x.astype(np.float32), "compute in float64"),
        (lambda x: "high", "not real numbers"),
        (lambda x: None, "no real number"),
        (lambda x: np.ma.masked_less(x, 0.5), "masked"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_is_no_real_function_is_refused_with_the_place(function: Any, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        mg.target(function, lipschitz=1)


def test_an_error_inside_the_domain_names_its_point() -> None:
    def picky(x: Any) -> Any:
        if np.any(np.asarray(x) == 0.375):
            raise RuntimeError("not here")
        return x

    f = mg.target(picky, lipschitz=1)
    f.values(2, np.arange(5)[:, None])
    with pytest.raises(TargetError, match=r"fails at x = 0\.375: RuntimeError: not here"):
        f.values(3, np.arange(9)[:, None])
    g = mg.target(lambda x: np.where(x == 0.375, np.nan, x), lipschitz=1)
    with pytest.raises(TargetError, match=r"returned nan at x = 0\.375"):
        g.values(3, np.arange(9)[:, None])


def test_exact_results_must_be_held_by_binary64() -> None:
    third = Fraction(1, 3)
    mg.target(lambda x: [Fraction(v) * third for v in x.tolist()], lipschitz=1)
    with pytest.raises(TargetError, match="does not hold"):
        mg.target(lambda x: [Fraction(v) * third for v in x.tolist()], lipschitz=1, value_error=0)


# -- ways of calling -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "dim", "how"),
    [
        (np.sin, 1, "arrays (n,), one per variable"),
        (lambda x: np.sin(x), 1, "arrays (n,), one per variable"),
        (lambda x: x[:, 0] ** 2, 1, "one array (n, d)"),
        (math.sin, 1, "numbers, one per variable"),
        (lambda x: 1.0 if x > 0.5 else 2 * x, 1, "numbers, one per variable"),
        (lambda x: 3, 1, "numbers, one per variable"),
        (lambda x, y: x * y, 2, "arrays (n,), one per variable"),
        (np.hypot, 2, "arrays (n,), one per variable"),
        (lambda x, y, scale=2.0: scale * x * y, 2, "arrays (n,), one per variable"),
        (lambda p: p[:, 0] * p[:, 1], 2, "one array (n, d)"),
        (lambda p: p[0] * p[1], 2, "one array (d,)"),
        (lambda p: np.linalg.norm(p), 2, "one array (d,)"),
        (lambda x, y: math.hypot(x, y), 2, "numbers, one per variable"),
        (lambda p: p.sum(axis=-1), 3, "one array (n, d)"),
        (lambda *x: x[0] + x[1] + x[2], 3, "arrays (n,), one per variable"),
    ],
)
def test_functions_are_called_as_they_want_to_be(function: Any, dim: int, how: str) -> None:
    f = mg.target(function, domain=[0, 1] * dim, lipschitz=10)
    assert f.describe()["called_with"] == how
    t = np.random.default_rng(0).random((7, dim))
    rows = t[:, 0] if how.startswith("arrays") and dim == 1 else t
    expected = {
        "arrays (n,), one per variable": lambda: function(*t.T),
        "one array (n, d)": lambda: function(rows),
        "numbers, one per variable": lambda: [function(*row) for row in t.tolist()],
        "one array (d,)": lambda: [function(row) for row in t],
    }[how]()
    assert f(t).tolist() == np.asarray(expected, dtype=float).tolist()


def test_the_number_of_variables_is_read_off_where_the_domain_does_not_say() -> None:
    assert mg.target(lambda x, y: x * y, lipschitz=2).dim == 2
    assert mg.target(lambda p: p[:, 0], lipschitz=[1, 0, 0]).dim == 3
    assert mg.target(lambda p: p[:, 0], variables=["a", "b"], lipschitz=1).describe()["variables"] == ["a", "b"]
    assert mg.target(lambda x, y: x * y, domain=[0, 2], lipschitz=4).box == Box.of([0, 2, 0, 2])
    with pytest.raises(TargetError, match=r"takes 3 argument.* but the domain has 2 side"):
        mg.target(lambda x, y, z: x, domain=[0, 1, 0, 1], lipschitz=1)


def test_a_function_may_spoil_what_it_is_handed() -> None:
    def careless(x: Any) -> Any:
        x *= 2
        return x

    f = mg.target(careless, lipschitz=2)
    assert f.values(2, np.arange(5)[:, None]).hi == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])
    buffer = np.empty(100)

    def reuses(x: Any) -> Any:
        buffer[: len(x)] = x
        return buffer[: len(x)]

    assert mg.target(reuses, lipschitz=1).values(1, np.arange(3)[:, None]).lo == pytest.approx([0, 0.5, 1], abs=1e-12)


def test_each_node_is_asked_once_per_level_and_pieces_do_not_matter() -> None:
    asked = [0]

    def counting(x: Any) -> Any:
        asked[0] += len(x)
        return x

    f = mg.target(counting, lipschitz=1)
    asked[0] = 0
    f.values(6, np.arange(65)[:, None])
    whole = f.defects(6, np.arange(64)[:, None])
    assert asked[0] == 65
    halves = [f.defects(6, part[:, None]) for part in np.split(np.arange(64), 2)]
    assert np.concatenate([h.range.lo for h in halves]).tolist() == whole.range.lo.tolist()


# -- without a modulus -----------------------------------------------------------------------------


def test_without_a_modulus_nothing_is_proved_or_refuted() -> None:
    f = mg.target(lambda x, y: np.sin(5 * x) * y)
    report = mg.verify(mg.construct(f, "0.02"))
    assert not f.certified
    assert report.verdict is Verdict.EVIDENCE
    assert report.exit_code == 3
    assert "a proof needs a modulus of continuity: lipschitz=" in report.last_line()
    shown = {r.verdict for r in report.results} | {v for row in report.rows for v in (row.balanced, row.nonincreasing)}
    assert shown <= {Verdict.EVIDENCE, Verdict.UNDECIDED}
    assert "PROVED" not in str(report)
    x = np.random.default_rng(0).random((4000, 2))
    assert np.abs(report.scheme.residual(x)).max() <= 0.02
    wrong = mg.verify(mg.construct(mg.target("x/2"), "0.01"), target=mg.target(lambda x: x / 3))
    assert wrong.verdict is Verdict.UNDECIDED
    assert mg.check_on_grid(wrong, 10, 30).verdict is Verdict.UNDECIDED


def test_samples_see_a_bend_on_every_cell() -> None:
    """A wave that vanishes at the corners of many levels is not taken for zero."""
    f = mg.target(lambda x: np.sin(16 * np.pi * x))
    for level in range(5):
        assert f.defects(level, np.arange(1 << level)[:, None]).sag.min() > 0.9


# -- records ---------------------------------------------------------------------------------------


def test_what_is_taken_on_trust_is_named_exactly() -> None:
    f = mg.target(np.sin, domain=["0.1", "0.3"], lipschitz="1/3", value_error="1e-9", name="wave")
    said = f.describe()
    assert said["modulus"] == {"kind": "power", "text": "|f(x) - f(y)| <= 1/3 |x - y|", "constant": "1/3", "alpha": "1"}
    assert said["box"] == {"lower": ["1/10"], "upper": ["3/10"]}
    assert said["taken_on_trust"][0] == "|f(x) - f(y)| <= 1/3 |x - y|"
    assert "1e-9 |f(y)|" in said["value_error"]
    assert f.text == "wave with |f(x) - f(y)| <= 1/3 |x - y|"
    assert "(assumed)" in mg.target(np.sin, lipschitz=1).describe()["value_error"]


def test_there_is_no_certificate_of_a_callable_yet() -> None:
    with pytest.raises(CertificateError, match="not a formula"):
        mg.construct(mg.target(np.sin, lipschitz=1), "0.1").certificate()


def test_high_precision_comes_from_mp_or_from_the_float() -> None:
    f = mg.target(lambda x: np.sin(3 * x), lipschitz=3, mp=lambda x: mpmath.sin(3 * x))
    with mpmath.workdps(50):
        assert abs(f.mp([Fraction(1, 7)], 50) - mpmath.sin(mpmath.mpf(3) / 7)) < mpmath.mpf(10) ** -48
    plain = mg.target(lambda x: np.sin(3 * x), lipschitz=3)
    assert float(plain.mp([Fraction(1, 7)], 50)) == math.sin(3 / 7)
    with pytest.raises(TargetError, match="asked in mpmath"):
        mg.target(lambda x: np.sin(3 * x), lipschitz=3, mp=lambda x: mpmath.sin(3 * x) + mpmath.mpf("1e-9"))
    report = mg.verify(mg.construct(f, "0.05"))
    assert mg.check_on_grid(report, 30, 30).verdict is Verdict.EVIDENCE


def boom(*_: Any, **__: Any) -> Any:
    raise RuntimeError("boom")


class Mute(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def mute(*_: Any) -> Any:
    raise Mute


class Trap:
    """An object that raises whatever it is asked."""

    __float__ = __int__ = __index__ = __len__ = __iter__ = __array__ = __repr__ = __str__ = boom
    as_integer_ratio = property(boom)


class Untold:
    """An object that has no attribute, and not in the usual way."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class Closed(list[Any]):
    """A list that cannot be gone through."""

    __iter__ = __len__ = boom  # type: ignore[assignment]


def nested(depth: int) -> Any:
    found: Any = 1.0
    for _ in range(depth):
        found = [found]
    return found


def endless() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


RUBBISH: list[Any] = [
    Trap(),
    Untold(),
    Closed([0, 1]),
    nested(3000),
    endless(),
    None,
    b"x",
    {1: 2},
    mute,
    10**5000,
    "1e400",
]


@pytest.mark.parametrize("number", range(len(RUBBISH)))
@pytest.mark.parametrize(
    "use",
    [
        lambda it: mg.target(it),
        lambda it: mg.target(["x", it]),
        lambda it: mg.target([1.0, it]),
        lambda it: mg.target("x", it),
        lambda it: mg.target("x", [it, 1]),
        lambda it: mg.target("x", variables=it if it is not None else 5),
        lambda it: mg.target("x", variables=[it]),
        lambda it: mg.target("x", engine=it),
        lambda it: mg.target("x", tail=it if it is not None else 1j),
        lambda it: mg.target([1.0, 2.0], name=it if it is not None else 5),
        lambda it: mg.target(abs, lipschitz=it if it is not None else 1j),
        lambda it: mg.target(abs, holder=it if it is not None else 5),
        lambda it: mg.target(abs, holder=(1, it)),
        lambda it: mg.target(abs, modulus=lambda t: it),
        lambda it: mg.target(abs, lipschitz=1, value_error=[it]),
        lambda it: mg.target(lambda x: it, lipschitz=1),
        lambda it: mg.target(lambda x: [it] * np.size(x), lipschitz=1),
        lambda it: mg.construct(mg.target("x"), it),
        lambda it: mg.construct(mg.target("x"), 0.1, lift=it),
        lambda it: mg.target("x")(it),
        lambda it: mg.target([1.0, 2.0])(it),
        lambda it: mg.target(abs, lipschitz=1)(it),
    ],
)
def test_objects_that_raise_or_mean_nothing_are_refused(use: Any, number: int) -> None:
    try:
        found = use(RUBBISH[number])
    except mg.MgdlError as error:
        assert "\n" not in str(error).partition("^")[0].strip() or "position" in str(error)  # noqa: PT017
    else:
        assert found is not None  # a number beyond the floats is a modulus or an error like any other


@pytest.mark.parametrize("name", ["__array__", "__float__", "__len__", "__iter__", "__call__"])
def test_what_an_object_raises_is_quoted(name: str) -> None:
    made = type("Made", (), {name: boom})()
    with pytest.raises(mg.MgdlError):
        mg.target(made)
    with pytest.raises(mg.MgdlError):
        mg.target(lambda x: made, lipschitz=1)


def test_a_tail_beyond_the_floats_is_refused() -> None:
    for tail in ("1e400", 10**400, Fraction(2) ** 1024):
        with pytest.raises(OptionError, match="tail: expected a number of binary64"):
            mg.target("x", tail=tail)
    assert mg.target("x", tail=Fraction(2) ** 1023).box.dim == 1
