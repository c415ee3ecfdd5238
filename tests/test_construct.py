"""The adaptive builder: it reaches its tolerance, stops with what it has, and refuses wrong options."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from drawn import nodal_runs, nodal_toys, quadratic_toys
from hypothesis import given
from hypothesis import strategies as st
from toys import (
    Doctored,
    Nodal,
    Quadratic,
    Sign,
    Toy,
    all_cells,
    rational_points,
    residuals,
    sup_of_quadratic,
    table_of,
    truth_of_nodal,
)

from mgdl_theory import (
    Box,
    Budget,
    OptionError,
    Scheme,
    TargetError,
    Verdict,
    check_balanced,
    construct,
    target,
    verify,
)
from mgdl_theory.construction import FINISH, HOPELESS, choose_lift, read_tol
from mgdl_theory.contraction import quantum_floor
from mgdl_theory.grade import PATIENCE
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.text import count, float_text

SQUARE = Quadratic.of(1, 0)
SADDLE = Quadratic.of([[1, Fraction(-1, 2)], [Fraction(-1, 2), -1]], [Fraction(1, 4), 1], Fraction(-1, 4))
WAVE = Quadratic.of(3, -3, Fraction(1, 2))
TOLS = st.sampled_from([0.5, 1 / 16, 0.01])
LIFT = st.sampled_from(["auto", "none", -5, 0.25])


def same_grades(a: Scheme, b: Scheme) -> bool:
    return len(a.grades) == len(b.grades) and all(
        (g.number, g.level) == (h.number, h.level)
        and np.array_equal(g.atoms.nodes, h.atoms.nodes)
        and np.array_equal(g.atoms.coefficients, h.atoms.coefficients)
        for g, h in zip(a.grades, b.grades, strict=True)
    )


# -- what a complete run promises ------------------------------------------------------------------


@given(nodal_runs())
def test_complete_scheme_of_a_piecewise_linear_target_is_within_its_tolerance(
    case: tuple[Nodal, str | float, float],
) -> None:
    toy, lift, tol = case
    scheme = construct(toy, tol, lift=lift)
    assert scheme.complete
    assert scheme.reason == "tolerance reached"
    truth = truth_of_nodal(toy, scheme)
    assert truth.sup[-1] <= Fraction(tol)
    assert all(truth.balanced)
    assert all(truth.nonincreasing)
    assert all(x >= y for x, y in itertools.pairwise(truth.sup))


@given(quadratic_toys(dims=(1,)), TOLS, LIFT)
def test_complete_scheme_of_a_quadratic_is_within_its_tolerance(toy: Quadratic, tol: float, lift: str | float) -> None:
    scheme = construct(toy, tol, lift=lift)
    assert scheme.complete
    assert sup_of_quadratic(toy, scheme, len(scheme.grades)) <= Fraction(tol)
    for t in rational_points(1, 30):
        e = residuals(scheme, toy.at, t)
        check_balanced([x - y for x, y in itertools.pairwise(e)], e[:-1])


@given(quadratic_toys(dims=(2,)), st.sampled_from([0.5, 0.1]))
def test_quadratic_in_the_plane_is_within_its_tolerance_on_a_dense_grid(toy: Quadratic, tol: float) -> None:
    scheme = construct(toy, tol)
    assert scheme.complete
    for t in rational_points(2, 9):
        e = residuals(scheme, toy.at, t)
        assert abs(e[-1]) <= Fraction(tol)
        check_balanced([x - y for x, y in itertools.pairwise(e)], e[:-1])


@given(st.one_of(nodal_toys(dims=(1, 2)), quadratic_toys()), TOLS)
def test_the_negated_target_has_the_negated_scheme(toy: Toy, tol: float) -> None:
    """Law (d) for the whole run, plain mode: every comparison is mirrored."""
    plus, minus = construct(toy, tol, lift="none"), construct(Sign(toy), tol, lift="none")
    assert len(plus.grades) == len(minus.grades)
    for g, h in zip(plus.grades, minus.grades, strict=True):
        assert {v: -c for v, c in table_of(g.atoms).items()} == table_of(h.atoms)


@given(st.one_of(nodal_toys(dims=(1, 2)), quadratic_toys()), TOLS)
def test_construction_is_deterministic(toy: Toy, tol: float) -> None:
    first, second = construct(toy, tol), construct(toy, tol)
    assert same_grades(first, second)
    assert (first.lift, first.reason, first.history) == (second.lift, second.reason, second.history)


@pytest.mark.parametrize("toy", [SQUARE, SADDLE, WAVE], ids=["square", "saddle", "wave"])
def test_grades_rise_in_level_and_hold_nonzero_multiples_of_the_quantum(toy: Quadratic) -> None:
    scheme = construct(toy, 0.01)
    assert [g.level for g in scheme.grades] == sorted({g.level for g in scheme.grades})
    for g in scheme.grades:
        steps = [c / Fraction(quantum_floor(0.01)) for c in table_of(g.atoms).values()]
        assert all(step.denominator == 1 for step in steps)
        assert len(g) > 0


def test_history_is_what_was_done() -> None:
    told: list[tuple[int, int, int]] = []
    scheme = construct(WAVE, 1e-3, progress=lambda *now: told.append(now))
    seen = scheme.history
    assert told == [(r.level, done, r.cells) for r in seen for done in (0, 0, r.cells)]
    assert [r.level for r in seen] == list(range(len(seen)))
    assert sum(r.atoms for r in seen) == scheme.atoms
    assert {r.level: r.atoms for r in seen if r.atoms} == {g.level: len(g) for g in scheme.grades}
    for before, after in itertools.pairwise(seen):
        assert after.cells == before.open_cells << WAVE.dim
        assert after.residual_sup_upper <= before.residual_sup_upper
    assert seen[-1].residual_sup_upper <= 1e-3
    report = verify(scheme)
    for row in report.rows[1:]:
        assert row.residual_sup_lower <= seen[row.level].residual_sup_upper


def test_second_order_targets_need_few_atoms() -> None:
    """A bound that is right but useless fails: f = x^2 lifted needs about sqrt(1 / (8 tol)) * sqrt(2) intervals."""
    for tol in (1e-2, 1e-4, 1e-6):
        scheme = construct(SQUARE, tol, lift=-0.25)
        intervals = (1 / (4 * tol)) ** 0.5
        assert scheme.complete
        assert 2.0 ** scheme.grades[-1].level <= 4 * intervals
        assert scheme.atoms <= 16 * intervals


def test_a_piecewise_linear_target_is_reached_at_its_own_level() -> None:
    toy = Nodal(2, tuple(map(Fraction, (1, 3, 2, 5, 4))))
    scheme = construct(toy, 2.0**-20)
    assert max(g.level for g in scheme.grades) <= 4
    assert truth_of_nodal(toy, scheme).sup[-1] <= Fraction(1, 2**20)


def test_a_kink_far_from_every_node_makes_cells_rest_but_not_forever() -> None:
    """At 1/3 + 1/2**9 the defect of a cell falls irregularly: the margin condition is checked, not assumed."""
    kink = (1 << 9) // 3
    values = [Fraction(abs(i - kink), 1 << 6) + 1 for i in range((1 << 9) + 1)]
    scheme = construct(Nodal(9, tuple(values)), 2.0**-12)
    assert scheme.complete
    assert str(verify(scheme).verdict) == "PROVED"


# -- options ---------------------------------------------------------------------------------------


def test_what_is_no_target_is_refused() -> None:
    with pytest.raises(OptionError, match=r"^construct: expected a target, .* got str$"):
        construct("x**2", 0.1)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "tol", [0, 0.0, -1e-3, float("nan"), float("inf"), "0", "-1/2", "abc", "", "1/0", None, [1], 1j, 1e-300, "1e-400"]
)
def test_tolerance_that_is_no_positive_number_is_refused(tol: object) -> None:
    with pytest.raises(OptionError, match="tol"):
        construct(SQUARE, tol)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="tol"):
        verify(Scheme.of(SQUARE, 0.0, [], 1.0), tol) if tol is not None else read_tol(tol)  # type: ignore[arg-type]


@given(st.floats(1e-250, 1e250))
def test_float_tolerance_is_read_as_its_decimal_rounded_down(tol: float) -> None:
    found = read_tol(tol)
    assert Fraction(found) <= Fraction(repr(tol)) < Fraction(np.nextafter(found, np.inf))
    assert found in (tol, np.nextafter(tol, 0))


@given(st.fractions(Fraction(1, 10**9), 10**9))
def test_exact_tolerance_is_rounded_down_to_a_float(tol: Fraction) -> None:
    for form in (tol, str(tol)):
        found = read_tol(form)
        assert Fraction(found) <= tol < Fraction(np.nextafter(found, np.inf))


@pytest.mark.parametrize("lift", ["abc", "", float("nan"), float("inf"), "-inf", "1e999"])
def test_lift_that_is_no_finite_number_is_refused(lift: object) -> None:
    with pytest.raises(OptionError, match="lift"):
        construct(SQUARE, 0.1, lift=lift)  # type: ignore[arg-type]


@pytest.mark.parametrize("lift", [None, [1], 1j, 10**400, Fraction(10) ** 400, np.array([1.0, 2.0])], ids=type)
def test_lift_of_a_wrong_type_is_refused(lift: object) -> None:
    with pytest.raises(OptionError, match="lift"):
        construct(SQUARE, 0.1, lift=lift)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"atoms": -1},
        {"atoms": 1.0},
        {"atoms": True},
        {"atoms": "9"},
        {"atoms": None},
        {"atoms": 1 << 60},
        {"level": -1},
        {"level": 53},
        {"level": 3.0},
        {"bytes": 0},
        {"bytes": 1e9},
        {"bytes": -1},
    ],
)
def test_budget_out_of_range_is_refused(wrong: dict) -> None:
    with pytest.raises(OptionError, match=f"budget: {next(iter(wrong))}"):
        Budget(**wrong)


# -- the lift --------------------------------------------------------------------------------------


@given(st.one_of(nodal_toys(), quadratic_toys()))
def test_automatic_lift_keeps_clear_of_the_range_of_a_target_with_zeros(toy: Toy) -> None:
    c0, reason = choose_lift(toy, "auto")
    level = 3 if toy.dim < 3 else 2
    reach = toy.defects(level, all_cells(level, toy.dim)).range
    low, high = float(reach.lo.min()), float(reach.hi.max())
    assert reason
    if toy.dim == 1 or low > 0 or high < 0:
        assert c0 == 0.0
    elif high - low > 2.0**-900:
        assert low - (high - low) <= c0 <= low - (high - low) / 8, "a clear but not a far distance"
        assert Fraction(c0).denominator & (Fraction(c0).denominator - 1) == 0


@given(quadratic_toys(dims=(2,)), st.sampled_from([-7, 0.125, "none", "auto", "2.5"]))
def test_lift_is_the_start_value_and_first_residual(toy: Quadratic, lift: object) -> None:
    scheme = construct(toy, 0.5, lift=lift)  # type: ignore[arg-type]
    if lift not in ("auto", "none"):
        assert scheme.lift == float(lift)  # type: ignore[arg-type]
    if lift == "none":
        assert scheme.lift == 0.0
    t = (Fraction(1, 3), Fraction(1, 7))
    assert residuals(scheme, toy.at, t)[0] == toy.at(t) - Fraction(scheme.lift)
    assert scheme.exact(t, 0) == Fraction(scheme.lift)


@pytest.mark.parametrize("lift", [-0.1, 0.1, -0.3, "1e-3", 1e-9])
def test_a_decimal_lift_is_no_obstacle(lift: object) -> None:
    """A number with 53 bits leaves no room for coefficients, so the builder may take one near it and must say so."""
    scheme = construct(SQUARE, 0.01, lift=lift)  # type: ignore[arg-type]
    assert scheme.complete
    assert abs(scheme.lift - float(lift)) <= 2.0**-10  # type: ignore[arg-type]
    assert scheme.exact([Fraction(0)], 0) == Fraction(scheme.lift)
    assert f"{float_text(float(lift))} rounded" in scheme.lift_reason  # type: ignore[arg-type]


def test_lifted_residual_stays_on_one_side() -> None:
    """Theorem B: f > c0, so every residual is positive everywhere."""
    scheme = construct(SADDLE, 0.01, lift=-8)
    for t in rational_points(2, 12):
        assert min(residuals(scheme, SADDLE.at, t)) >= 0


# -- partial runs ----------------------------------------------------------------------------------

FULL = construct(WAVE, 1e-3)


def without_last_resort(scheme: Scheme) -> Scheme:
    """The scheme without the second grade of its last level, which cells get that wait for a level beyond a budget."""
    levels = [record.level for record in scheme.history]
    again = len(levels) > 1 and levels[-1] == levels[-2]
    return replace(scheme.prefix(len(scheme.grades) - again), history=scheme.history[: len(levels) - again])


@pytest.mark.parametrize("budget", [Budget(level=8), Budget(atoms=700), Budget(bytes=1 << 16)])
def test_where_a_budget_ends_the_run_nothing_waits_for_a_finer_level(budget: Budget) -> None:
    f = target("exp(x)")
    scheme = construct(f, 1e-6, budget=budget)
    before = without_last_resort(scheme)
    assert not scheme.complete
    assert len(scheme.grades) == len(before.grades) + 1
    assert scheme.grades[-1].level == scheme.history[-1].level
    bounds = [verify(part).residual_sup_upper for part in (before, scheme)]
    assert bounds[1] < bounds[0] / 3


def test_cells_that_wait_have_a_small_residual_and_save_atoms() -> None:
    """exp(x) has nearly the same curvature everywhere: near the goal only the grades of two levels, which finish."""
    scheme = construct(target("exp(x)"), 1e-6)
    report = verify(scheme)
    assert report.verdict is Verdict.PROVED
    near, *last = [row for row in report.rows if row.residual_sup_upper <= PATIENCE * FINISH * 1e-6]
    assert len(last) == 2
    assert last[0].level > near.level + 1
    assert sum(row.atoms for row in last) > 0.8 * scheme.atoms


def test_atom_budgets_give_prefixes_of_the_full_run() -> None:
    totals = list(itertools.accumulate(len(g) for g in FULL.grades))
    for atoms in sorted({0, *totals, *(t - 1 for t in totals), *(t + 1 for t in totals)}):
        scheme = construct(WAVE, 1e-3, budget=Budget(atoms=atoms))
        kept = sum(t <= atoms for t in totals)
        assert same_grades(without_last_resort(scheme), FULL.prefix(kept))
        assert scheme.atoms <= atoms
        assert scheme.complete == (kept == len(totals))
        if not scheme.complete:
            assert f"budget of {count(atoms, 'atom')} " in scheme.reason


@pytest.mark.parametrize(("text", "engine"), [("cos(1e6*x)", "numpy"), ("sin(1e15*x)", "crival")])
def test_a_budget_of_atoms_that_cannot_suffice_bounds_the_cells(text: str, engine: str) -> None:
    if engine == "crival":
        pytest.importorskip("ival")
    scheme = construct(target(text, engine=engine), 1e-4, budget=Budget(atoms=20))
    assert "the budget of 20 atoms cannot suffice" in scheme.reason
    assert scheme.history[-1].cells <= 4 * HOPELESS * 20
    assert verify(scheme).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("text", "tol"), [("sin(9*x)*exp(-x)", 1e-4), ("sqrt(x)", 1e-3), ("cos(40*x) + abs(x - 1/3)", 1e-3), ("x*y", 1e-2)]
)
@pytest.mark.parametrize("lift", ["none", "auto"])
def test_a_budget_of_atoms_that_suffices_is_never_called_too_small(
    text: str, tol: float, lift: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[construct.__module__], "HOPELESS", 1)
    full = construct(target(text), tol, lift=lift)
    atoms = sum(len(grade.atoms) for grade in full.grades)
    assert full.complete
    assert same_grades(construct(target(text), tol, lift=lift, budget=Budget(atoms=atoms)), full)


@pytest.mark.parametrize(
    "text", ["sin(1e300*x)", "sin(1e300*x + y)", "x + sin(sinh(1.5*x - 1e3))", "3*cos(exp(600*x))"]
)
def test_values_that_are_known_no_better_than_the_range_are_not_split_for(text: str) -> None:
    scheme = construct(target(text), 1e-4)
    assert "the values of f are only known to within" in scheme.reason
    assert max(record.cells for record in scheme.history) < 5000
    assert verify(scheme).verdict is Verdict.UNDECIDED


def test_level_budgets_give_prefixes_of_the_full_run() -> None:
    last = FULL.history[-1].level
    for level in range(last + 2):
        scheme = construct(WAVE, 1e-3, budget=Budget(level=level))
        regular = without_last_resort(scheme)
        assert same_grades(regular, FULL.prefix(sum(g.level <= level for g in FULL.grades)))
        assert scheme.complete == (level >= last)
        assert regular.history == FULL.history[: level + 1]
        if not scheme.complete:
            assert f"level allowed, {level}" in scheme.reason


def test_memory_budget_stops_before_the_level_that_would_exceed_it() -> None:
    wide = Quadratic.of([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0, 0, 0], 1)
    small = construct(wide, 1e-3, budget=Budget(bytes=1 << 16))
    assert not small.complete
    assert "memory" in small.reason
    large = construct(wide, 1e-3, budget=Budget(bytes=1 << 19, atoms=2000))
    small, large = without_last_resort(small), without_last_resort(large)
    assert same_grades(small, large.prefix(len(small.grades)))
    assert len(large.history) > len(small.history)


@pytest.mark.parametrize("stop", range(len(FULL.history)))
def test_interrupt_keeps_the_grades_so_far(stop: int) -> None:
    def progress(level: int, done: int, cells: int) -> None:
        if level == stop and done:
            raise KeyboardInterrupt

    scheme = construct(WAVE, 1e-3, progress=progress)
    assert same_grades(scheme, FULL.prefix(sum(g.level < stop for g in FULL.grades)))
    assert not scheme.complete
    assert "interrupted" in scheme.reason
    assert scheme.history == FULL.history[:stop]


def test_other_errors_of_the_callback_are_not_swallowed() -> None:
    def progress(level: int, done: int, cells: int) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        construct(WAVE, 1e-3, progress=progress)


def test_exhausted_exactness_keeps_the_grades_so_far() -> None:
    """1/3 has no end in binary: below 2^-54 the nodal values of t/3 need more than 53 bits."""
    scheme = construct(Quadratic.of(0, Fraction(1, 3)), 1e-25)
    assert not scheme.complete
    assert "more bits" in scheme.reason
    assert str(verify(scheme).verdict) == "UNDECIDED"


@pytest.mark.parametrize(("bend", "lift"), [("+", 1), ("-", "none"), ("-", -1)])
def test_a_small_tolerance_does_not_run_out_of_bits(bend: str, lift: str | int) -> None:
    """Where one defect is 0 the finest quantum at a coarse level would leave no bits for the levels to come."""
    scheme = construct(target(f"1/4 + x/3 {bend} x**2/40"), 1e-11, lift=lift)
    assert scheme.complete, scheme.reason
    assert str(verify(scheme).verdict) == "PROVED"


@pytest.mark.parametrize(
    ("text", "ends", "tol", "lift"),
    [
        ("abs(x)", ["-1e308", "1e308"], "1", "-1"),
        ("tanh(2*x)**2", [0, "1e300"], "1e-280", "1e200"),
        ("x", [0, 1], "1e-280", "1e200"),
        ("1/x", ["1e-300", "1e-299"], "1e100", "-1"),
        ("x*asin(cos(x))", ["-1e308", "1e308"], "0.01", "none"),
        ("x", ["0", "1e-310"], "1e-280", "1e-200"),
    ],
)
def test_extreme_scales_end_without_a_warning(text: str, ends: list[str | int], tol: str, lift: str) -> None:
    """Warnings are errors here; a room of very many quanta is taken as it is."""
    scheme = construct(target(text, ends), tol, lift=lift, budget=Budget(atoms=300, bytes=1 << 24))
    report = verify(scheme, norms=[1, 64])
    assert report.result("balanced").verdict is Verdict.PROVED
    assert report.verdict in (Verdict.PROVED, Verdict.UNDECIDED)


@pytest.mark.parametrize("number", [2, 3, 5, 7, 11])
def test_no_grade_touches_the_cell_of_an_irrational_zero(number: int) -> None:
    """Proposition 4: f = x^2 - 1/number has the zero number^(-1/2); plain mode leaves the cell around it untouched."""
    scheme = construct(target(f"x**2 - 1/{number}"), 1e-3, lift="none")
    assert scheme.complete
    for grade in scheme.grades:
        left = math.isqrt(4**grade.level // number)
        assert not {left, left + 1} & set(grade.atoms.nodes[:, 0].tolist())


@given(st.one_of(nodal_toys(dims=(1, 2)), quadratic_toys()), st.integers(0, 60), st.integers(0, 4))
def test_partial_schemes_are_balanced_and_say_that_they_are_partial(toy: Toy, atoms: int, level: int) -> None:
    scheme = construct(toy, 1e-6, budget=Budget(atoms=atoms, level=level))
    assert scheme.atoms <= atoms
    assert all(g.level <= level for g in scheme.grades)
    report = verify(scheme)
    for claim in ("balanced", "nonincreasing", "unit-grades", "lp-decrease"):
        assert str(report.result(claim).verdict) == "PROVED"
    assert (str(report.verdict) == "PROVED") == (report.residual_sup_upper <= 1e-6)
    for t in rational_points(toy.dim, 6):
        assert abs(residuals(scheme, toy.at, t)[-1]) <= Fraction(report.residual_sup_upper)


# -- easy and impossible targets -------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_zero_needs_no_atom(d: int) -> None:
    zero = Quadratic.of([[0] * d for _ in range(d)], [0] * d)
    scheme = construct(zero, 1e-9)
    assert scheme.complete
    assert str(verify(scheme).verdict) == "PROVED"
    if d == 1:
        assert scheme.atoms == 0


def test_large_tolerance_is_reached_at_once() -> None:
    scheme = construct(SQUARE, 1.0)
    assert scheme.complete
    assert str(verify(scheme).verdict) == "PROVED"


@pytest.mark.parametrize("d", [1, 2, 3])
def test_affine_targets_are_reached_at_level_0(d: int) -> None:
    plane = Quadratic.of([[0] * d for _ in range(d)], [1] * d, 1)
    scheme = construct(plane, 2.0**-30)
    assert [g.level for g in scheme.grades] == [0]
    assert all(abs(residuals(scheme, plane.at, t)[-1]) <= 2.0**-30 for t in rational_points(d, 3))


def test_constant_far_from_zero() -> None:
    for c in (Fraction(10**6), Fraction(-1, 3), Fraction(1, 10**9)):
        tol = float(abs(c)) * 1e-12
        scheme = construct(Quadratic.of(0, 0, c), tol)
        assert scheme.complete
        assert abs(residuals(scheme, lambda t, c=c: c, [Fraction(1, 3)])[-1]) <= tol
        assert str(verify(scheme).verdict) == "PROVED"


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_target_without_a_value_at_a_node_is_an_error_that_names_the_place(nothing: float) -> None:
    def lose(v: Interval) -> Interval:
        lo, hi = v.lo.copy(), v.hi.copy()
        if len(lo) > 5:
            lo[3], hi[3] = -nothing, nothing
        return Interval(lo, hi)

    with pytest.raises(TargetError, match=r"\(3/8\)"):
        construct(Doctored(SQUARE, on_values=lose), 1e-4)


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["sag", "bulge"])
def test_target_without_defect_bounds_is_never_complete(nothing: float, name: str) -> None:
    blind = Doctored(SQUARE, on_defects=lambda d: replace(d, **{name: np.full(len(d.sag), nothing)}))
    scheme = construct(blind, 0.5, budget=Budget(level=6))
    assert not scheme.complete
    assert str(verify(scheme).verdict) == "UNDECIDED"


def test_default_box_of_a_toy_has_its_dimension() -> None:
    assert SADDLE.box == Box.of([0, 1], 2)
