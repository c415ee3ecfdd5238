"""Enclosed norms of residuals against exact integrals."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.errors import OptionError
from mgdl_theory.mesh import Mesh
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.targets.base import Defects
from mgdl_theory.verification.norms import PowerIntegral, cell_powers, simplex_power
from mgdl_theory.verification.verdict import Verdict
from tests.toys import full_mesh

ZERO = np.zeros(1)


def exact_on_simplex(values: list[Fraction], p: int) -> Fraction:
    """The integral over a simplex of level 0 of u^p by the moments of barycentric coordinates."""
    d = len(values) - 1
    terms = (math.prod(chosen) for chosen in combinations_with_replacement(values, p))
    return sum(terms, Fraction(0)) * Fraction(math.factorial(p), math.factorial(p + d))


def no_defects(cells: int) -> Defects:
    zero = np.zeros(cells)
    return Defects(zero, zero, zero, zero, Interval(zero, zero))


@given(st.lists(st.integers(0, 64), min_size=2, max_size=5), st.integers(1, 5))
def test_simplex_power_is_the_integral(values: list[int], p: int) -> None:
    exact = exact_on_simplex([Fraction(v, 8) for v in values], p)
    computed = simplex_power(np.array([values]) / 8.0, 0, p)[0]
    assert abs(Fraction(float(computed)) - exact) <= exact * Fraction(1, 2**45)


@given(st.data(), st.integers(1, 3), st.integers(1, 4))
def test_the_norm_of_a_piecewise_linear_function_is_enclosed(data: st.DataObject, d: int, p: int) -> None:
    """Against a fine sum that is exact: for u of any sign, |u|^p at p even; for p odd on one-signed u."""
    mesh = full_mesh(1, d)
    lowest = -16 if p % 2 == 0 else 0
    numbers = data.draw(st.lists(st.integers(lowest, 16), min_size=len(mesh.nodes), max_size=len(mesh.nodes)))
    u = np.array(numbers, dtype=float)
    enclosure = cell_powers(mesh, Interval(u, u), no_defects(len(mesh.cells)), p)
    exact = Fraction(0)
    for corner in mesh.corner_node:
        for chain in _chains(d):
            exact += exact_on_simplex([Fraction(int(u[corner[mask]])) for mask in chain], p) / 2**d
    assert Fraction(enclosure.lo) <= exact <= Fraction(enclosure.hi)
    if lowest == 0:
        assert enclosure.hi - enclosure.lo <= 1e-11 * float(exact) + 1e-200


def _chains(d: int) -> list[list[int]]:
    from itertools import permutations

    return [[sum(1 << a for a in order[:k]) for k in range(d + 1)] for order in permutations(range(d))]


def test_defects_widen_the_enclosure_to_both_sides() -> None:
    """e between u - 1/4 and u + 1/2, u = 1: the integral of |e| lies in [3/4, 3/2]."""
    ones = np.ones(2)
    defects = Defects(np.array([0.25]), np.array([0.5]), ZERO, ZERO, Interval(ZERO, ZERO))
    power = cell_powers(Mesh.root(1), Interval(ones, ones), defects, 1)
    assert power.lo <= 0.75 <= power.lo + 1e-12
    assert power.hi - 1e-12 <= 1.5 <= power.hi


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_enclosed_has_no_finite_norm(bad: float) -> None:
    ends = np.array([0.0, bad])
    power = cell_powers(Mesh.root(1), Interval(-ends, ends), no_defects(1), 2)
    assert (power.lo, power.hi) == (0.0, math.inf)


@given(st.floats(0, 1e300), st.floats(0, 1e300), st.integers(1, 6))
def test_sums_and_roots_are_rounded_outward(a: float, b: float, p: int) -> None:
    total = PowerIntegral(a, a) + PowerIntegral(b, b)
    exact = Fraction(a) + Fraction(b)
    assert Fraction(total.lo) <= exact <= Fraction(total.hi)
    low, high = total.norm(p)
    assert Fraction(low) ** p <= exact <= Fraction(high) ** p


@pytest.mark.parametrize(
    ("formula", "square"),
    [("x**2", Fraction(1, 5)), ("x-1/2", Fraction(1, 12)), ("x*y", Fraction(1, 9)), ("abs(x-1/2)", Fraction(1, 12))],
)
def test_norms_of_the_first_residual_and_their_fall(formula: str, square: Fraction) -> None:
    """||f||_2^2 in closed form; the enclosures of later residuals fall and agree with the equation of law (a)."""
    scheme = mg.construct(mg.target(formula), 1e-2, lift="none")
    report = mg.verify(scheme, norms=(1, 2))
    (_, low1, _), (_, low2, high2) = report.rows[0].norms
    assert Fraction(low2) ** 2 <= square <= Fraction(high2) ** 2
    assert low1 <= high2  # Cauchy-Schwarz on a domain of measure 1
    assert report.result("norms").verdict is Verdict.PROVED
    last = report.rows[-1].norms
    assert all(0 <= low <= high <= report.residual_sup_upper * 1.000001 for _, low, high in last)


def test_norms_at_sampled_points_lie_inside() -> None:
    scheme = mg.construct(mg.target("sin(5*x)*exp(-x)"), 1e-3)
    report = mg.verify(scheme, norms=(1, 2, 3))
    x = (np.arange(200_000) + 0.5) / 200_000
    for k in range(len(scheme.grades) + 1):
        e = np.abs(scheme.residual(x, grade=k))
        for p, low, high in report.rows[k].norms:
            sampled = float(np.mean(e**p) ** (1 / p))
            assert low * (1 - 1e-6) <= sampled <= high * (1 + 1e-6)


@given(st.data(), st.integers(1, 3), st.integers(1, 4))
def test_a_balanced_grade_takes_off_the_power_of_its_norm(data: st.DataObject, d: int, p: int) -> None:
    """int e^p - int (e - g)^p >= int g^p on a simplex, exactly, for linear 0 <= g <= e."""
    e = [Fraction(data.draw(st.integers(0, 16))) for _ in range(d + 1)]
    g = [v * Fraction(data.draw(st.integers(0, 8)), 8) for v in e]
    rest = [u - v for u, v in zip(e, g, strict=True)]
    assert exact_on_simplex(e, p) - exact_on_simplex(rest, p) >= exact_on_simplex(g, p)


@pytest.mark.parametrize("lift", ["none", "auto"])
def test_the_fall_is_shown_in_numbers_at_every_grade(lift: str) -> None:
    """By what the grade took, although the enclosures before and after it often overlap."""
    scheme = mg.construct(mg.target("sin(10*x)*exp(-x)"), 1e-3, lift=lift)
    result = mg.verify(scheme, norms=(1, 2)).result("norms")
    k = len(scheme.grades)
    assert result.verdict is Verdict.PROVED
    assert f"L^1 falls at {k} of {k} grades" in result.evidence
    assert f"L^2 falls at {k} of {k} grades" in result.evidence


def test_the_named_fall_is_not_larger_than_the_true_one() -> None:
    """e = 1 + x, g = c on [0, 1]: the squares fall by 3 c - c^2, of which c^2 is named."""
    one = mg.Atoms(0, np.array([[0], [1]]), np.array([0.5, 0.5]))
    evidence = mg.verify(mg.Scheme.of(mg.target("1 + x"), 0.0, [one], 2.0), norms=(2,)).result("norms").evidence
    named = float(evidence.split("by >= ")[1].split(";")[0])
    assert 0.24 < named <= 0.25 < 3 * 0.5 - 0.25


def test_a_grade_that_is_not_balanced_takes_nothing_off() -> None:
    worse = mg.Atoms(0, np.array([[0], [1]]), np.array([-0.5, -0.5]))
    result = mg.verify(mg.Scheme.of(mg.target("1 + x"), 0.0, [worse], 4.0), norms=(1, 2)).result("norms")
    assert result.verdict is Verdict.UNDECIDED
    assert "falls at 0 of 1 grades" in result.evidence


@pytest.mark.parametrize("norms", [(0,), (-1,), (1.5,), (65,), ("2",)])
def test_exponents_that_are_no_positive_integers_are_refused(norms: tuple[object, ...]) -> None:
    scheme = mg.construct(mg.target("x"), 0.1)
    with pytest.raises(OptionError, match="norms"):
        mg.verify(scheme, norms=norms)  # type: ignore[arg-type]
