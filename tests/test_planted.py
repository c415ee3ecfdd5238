"""Planted defects: every one is refuted, or at the least not proved; what is sound although it looks odd is proved."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from drawn import check_witness, verdicts
from hypothesis import given
from hypothesis import strategies as st
from toys import (
    Doctored,
    Node,
    Quadratic,
    Sign,
    Toy,
    at,
    atoms,
    balanced_over_intervals,
    nodes_of,
    rational_points,
    residuals,
    sup_of_quadratic,
    table_of,
)

import mgdl_theory as mg
from mgdl_theory import Atoms, Box, Budget, Report, Scheme, Verdict, construct, verify
from mgdl_theory.certificate import check
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.jet import Jet, JetAlgebra
from mgdl_theory.scheme import LevelRecord
from mgdl_theory.targets.base import Defects
from mgdl_theory.verification.grids import check_on_grid
from notebooks.lessons import careless

PROVED, REFUTED, UNDECIDED, EVIDENCE = Verdict.PROVED, Verdict.REFUTED, Verdict.UNDECIDED, Verdict.EVIDENCE

CONVEX = Quadratic.of(1, 0, 1)
"""1 + x^2: the interpolant lies above it, by h^2/4 at the middle of each cell and nowhere by more."""

BOWL = Quadratic.of([[1, Fraction(1, 2)], [Fraction(1, 2), 1]], [0, 0], 1)
"""1 + x^2 + xy + y^2: the sag is attained at the middle of each cell's diagonal."""

WAVE = Quadratic.of(3, -3, Fraction(1, 2))


def best_grade(toy: Quadratic, level: int, more: Fraction = Fraction(0)) -> Atoms:
    """g = I_T f - p + more at all nodes of a level: for more = 0 the largest balanced grade of a convex function."""
    sag = Fraction(float(toy.bounds(level, np.zeros((1, toy.dim), dtype=np.int64))[0][0]))
    return atoms(level, {v: toy.at(at(v, level)) - sag + more for v in nodes_of(level, toy.dim)})


def interpolant(toy: Toy, level: int) -> Atoms:
    """The greedy grade: it leaves no residual at any node."""
    return atoms(level, {v: toy.at(at(v, level)) for v in nodes_of(level, toy.dim)})


def mp_residual(scheme: Scheme, x: tuple[Fraction, ...]) -> Any:
    """The last residual at a point, with 50 digits."""
    with mpmath.workdps(50):
        total = scheme.exact(x)
        return scheme.target.mp(x, 50) - mpmath.mpf(total.numerator) / total.denominator


def confirm(report: Report, claim: str) -> None:
    """The claim is refuted, and its witness holds in rational arithmetic."""
    assert report.verdict is REFUTED
    assert report.exit_code == 1
    check_witness(report, report.result(claim))


def alone(toy: Toy, g: Atoms, tol: float = 8.0) -> Report:
    return verify(Scheme.of(toy, 0.0, [g], tol))


# -- a coefficient beyond the vertex inequality ----------------------------------------------------


@pytest.mark.parametrize("toy", [CONVEX, BOWL], ids=["line", "plane"])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_the_largest_balanced_grade_is_proved(toy: Quadratic, level: int) -> None:
    """Sharpness: at the middle of every cell the residual after it is 0, and still nothing is in doubt."""
    report = alone(toy, best_grade(toy, level))
    assert report.verdict is PROVED
    assert report.result("unit-grades").verdict is PROVED
    middle = [Fraction(1, 2 << level)] * toy.dim
    assert residuals(report.scheme, toy.at, middle)[1] == 0


@pytest.mark.parametrize("toy", [CONVEX, BOWL, Sign(CONVEX), Sign(BOWL)], ids=["line", "plane", "-line", "-plane"])
@pytest.mark.parametrize("level", [0, 1, 3])
@pytest.mark.parametrize("bits", [4, 20, 40])
def test_one_quantum_more_is_refuted_though_only_the_middle_of_a_cell_shows_it(toy: Toy, level: int, bits: int) -> None:
    honest = toy.of if isinstance(toy, Sign) else toy
    assert isinstance(honest, Quadratic)
    sag = Fraction(1, 4 << 2 * level) * sum(x for row in honest.A for x in row)
    more = min(Fraction(1, 1 << bits), sag / 2)
    g = best_grade(honest, level, more)
    if isinstance(toy, Sign):
        g = Atoms(g.level, g.nodes, -g.coefficients)
    report = alone(toy, g)
    for v in nodes_of(level, toy.dim):
        before, after = residuals(report.scheme, toy.at, at(v, level))
        assert (before - after) * after > 0, "no node of its own level shows it"
    confirm(report, "balanced")
    assert report.result("balanced").witness.grade == 1
    assert report.result("unit-grades").verdict is UNDECIDED
    assert report.result("lp-decrease").verdict is UNDECIDED
    assert report.result("nonincreasing").verdict is PROVED, "g is between e and 2 e at the middle"


@pytest.mark.parametrize("grade", [1, 2, 3])
def test_a_single_coefficient_among_many_is_found(grade: int) -> None:
    scheme = construct(WAVE, 1e-3, lift=-4.0)
    parts = [g.atoms for g in scheme.grades]
    victim = parts[grade]
    values = victim.coefficients.copy()
    room = max(map(abs, sup_by_node(WAVE, scheme, grade + 1)))
    values[len(values) // 2] += float(room) * 2
    parts[grade] = Atoms(victim.level, victim.nodes, values)
    report = verify(Scheme.of(WAVE, scheme.lift, parts, scheme.tol))
    confirm(report, "balanced")
    assert report.result("balanced").witness.grade == grade + 1
    found = [row.grade for row in report.rows if row.balanced is REFUTED]
    assert grade + 1 in found


def sup_by_node(toy: Quadratic, scheme: Scheme, k: int) -> list[Fraction]:
    return [residuals(scheme, toy.at, t)[k] for t in rational_points(1, 64)]


@given(st.integers(0, 3), st.integers(0, 60), st.integers(-1, 1))
def test_one_unit_in_the_last_place_is_told_apart(level: int, place: int, step: int) -> None:
    """A coefficient one float above the limit of the vertex inequality is never proved; below it always."""
    g = best_grade(CONVEX, level)
    k = place % len(g)
    values = g.coefficients.copy()
    values[k] = np.nextafter(values[k], np.inf * step) if step else values[k]
    report = alone(CONVEX, Atoms(level, g.nodes, values))
    truth = balanced_over_intervals(CONVEX, report.scheme, 1)
    assert truth == (step <= 0)
    found = report.result("balanced").verdict
    assert found is not PROVED if step > 0 else found is PROVED


# -- signs, greed, removal -------------------------------------------------------------------------


@pytest.mark.parametrize("toy", [CONVEX, BOWL], ids=["line", "plane"])
def test_atoms_of_the_wrong_sign_are_refuted(toy: Quadratic) -> None:
    g = best_grade(toy, 2)
    for chosen in ([0], [len(g) // 2], range(len(g))):
        values = g.coefficients.copy()
        values[list(chosen)] *= -1
        report = alone(toy, Atoms(2, g.nodes, values))
        confirm(report, "balanced")
        confirm(report, "nonincreasing")


@pytest.mark.parametrize("level", [0, 1, 4])
def test_greedy_interpolation_of_a_convex_function_is_not_balanced_but_does_not_increase(level: int) -> None:
    """g = I_T f lies between e and 2 e: |e - g| <= |e| holds although the sign of the residual is lost."""
    for toy in (CONVEX, BOWL):
        if toy.dim == 2 and level > 2:
            continue
        report = alone(toy, interpolant(toy, level))
        confirm(report, "balanced")
        assert report.result("nonincreasing").verdict is PROVED
        assert report.rows[1].balanced is REFUTED
        assert report.rows[1].nonincreasing is PROVED


def test_greedy_interpolation_of_a_concave_function_is_balanced() -> None:
    """Fair: from below the interpolant is a balanced grade, and the verifier must say so."""
    concave = Quadratic.of(-1, 0, 2)
    for level in (0, 2, 5):
        report = alone(concave, interpolant(concave, level), tol=1.0)
        assert report.verdict is PROVED
        assert sup_of_quadratic(concave, report.scheme, 1) == Fraction(1, 4 << 2 * level)


def test_greedy_grades_one_after_the_other_are_refuted_at_each_level() -> None:
    """Interpolation level by level (the classical hierarchical basis) is not a scheme of balanced grades."""
    f, parts, total = CONVEX, [], {}
    for level in range(4):
        table = {v: f.at(at(v, level)) - _value(total, at(v, level)) for v in nodes_of(level, 1)}
        g = atoms(level, table)
        parts.append(g)
        total[level] = g
    report = verify(Scheme.of(f, 0.0, parts, 0.01))
    confirm(report, "balanced")
    assert report.rows[1].balanced is REFUTED
    assert [row.nonincreasing for row in report.rows] == [PROVED] * 5


def _value(parts: dict[int, Atoms], t: tuple[Fraction, ...]) -> Fraction:
    return sum((g.exact(list(t)) for g in parts.values()), Fraction(0))


REMOVAL = construct(WAVE, 1 / 16, lift="none")


@pytest.mark.parametrize("number", range(REMOVAL.atoms))
def test_a_scheme_without_one_of_its_atoms_stays_balanced_and_its_sup_norm_is_judged_anew(number: int) -> None:
    parts, seen = [], 0
    for grade in REMOVAL.grades:
        table = {v: c for k, (v, c) in enumerate(table_of(grade.atoms).items(), seen) if k != number}
        seen += len(grade)
        if table:
            parts.append(atoms(grade.level, table))
    scheme = Scheme.of(WAVE, REMOVAL.lift, parts, REMOVAL.tol)
    report = verify(scheme)
    assert report.result("balanced").verdict is PROVED
    assert all(balanced_over_intervals(WAVE, scheme, k + 1) for k in range(len(parts)))
    sup = sup_of_quadratic(WAVE, scheme, len(parts))
    assert report.residual_sup_lower <= sup <= report.residual_sup_upper
    if sup > scheme.tol:
        confirm(report, "sup-norm")
    elif sup < Fraction(scheme.tol):
        assert report.verdict is PROVED
    else:
        assert report.verdict is not REFUTED, "equality"


def test_every_atom_of_the_first_grades_is_needed() -> None:
    first = dict(list(table_of(REMOVAL.grades[0].atoms).items())[1:])
    parts = [atoms(REMOVAL.grades[0].level, first)] if first else []
    scheme = Scheme.of(WAVE, 0.0, [*parts, *(g.atoms for g in REMOVAL.grades[1:])], REMOVAL.tol)
    confirm(verify(scheme), "sup-norm")


# -- liars -----------------------------------------------------------------------------------------


def scaled(part: float) -> Callable[[Defects], Defects]:
    return lambda d: replace(d, sag=part * d.sag, bulge=part * d.bulge)


@pytest.mark.parametrize("part", [0.5, 0.0])
@pytest.mark.parametrize("toy", [CONVEX, BOWL, WAVE], ids=["line", "plane", "wave"])
def test_a_builder_that_believes_too_small_defects_is_caught(toy: Quadratic, part: float) -> None:
    scheme = construct(Doctored(toy, on_defects=scaled(part)), 0.02, lift="none" if toy is not BOWL else "auto")
    assert scheme.complete, "the builder believes it is done"
    report = verify(scheme, target=toy)
    assert report.verdict is REFUTED
    for result in report.results:
        if result.verdict is REFUTED:
            check_witness(report, result)


def test_a_hessian_with_an_integer_power_for_a_fractional_one_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sqrt(x) with -1/(4x) for its second derivative -x^(-3/2)/4: builder and verifier believe it, both wrong."""

    def sqrt(self: JetAlgebra, a: Jet) -> Jet:
        root, reciprocal = self.engine.sqrt(a.value), self.engine.powq_inside
        slope = self._scaled(Fraction(1, 2), reciprocal(root, Fraction(-1)))
        return self.chain(a, root, slope, self._scaled(Fraction(-1, 4), reciprocal(a.value, Fraction(-1))))

    monkeypatch.setattr(JetAlgebra, "sqrt", sqrt)
    report = verify(construct(mg.target("sqrt(x)"), 1e-4))
    assert report.verdict is PROVED, "the error is one that both share"
    result = check_on_grid(report, 50, 30)
    assert result.verdict is REFUTED
    assert result.witness is not None
    truth = mp_residual(report.scheme, result.witness.x)
    assert abs(truth) > report.residual_sup_upper
    report.certificate().save(tmp_path / "wrong.json")
    assert check.main([str(tmp_path / "wrong.json")]) == 1


def test_a_builder_with_margins_of_its_own_is_trusted_as_far_as_it_is_right() -> None:
    """Too large defects only make a scheme more cautious: the honest verifier proves it."""
    scheme = construct(Doctored(WAVE, on_defects=scaled(1.5)), 0.02)
    assert verify(scheme, target=WAVE).verdict is PROVED


@pytest.mark.parametrize("keep", range(5))
def test_a_partial_scheme_that_claims_to_be_complete_is_refuted(keep: int) -> None:
    full = construct(WAVE, 1e-3)
    part = replace(full.prefix(keep), complete=True, reason="tolerance reached")
    report = verify(part)
    confirm(report, "sup-norm")
    assert report.result("balanced").verdict is PROVED


@pytest.mark.parametrize("keep", range(5))
def test_a_partial_scheme_that_says_so_is_undecided_with_its_best_bounds(keep: int) -> None:
    full = construct(WAVE, 1e-3)
    report = verify(full.prefix(keep))
    assert report.verdict is UNDECIDED
    assert report.exit_code == 3
    result = report.result("sup-norm")
    assert f"first {keep} grades" in result.evidence
    sup = sup_of_quadratic(WAVE, full.prefix(keep), keep)
    assert report.residual_sup_lower <= sup <= report.residual_sup_upper


def test_a_complete_scheme_that_plays_down_its_success_is_proved() -> None:
    full = construct(WAVE, 1e-3)
    assert verify(replace(full, complete=False, reason="I am not sure")).verdict is PROVED


def test_a_smaller_tolerance_than_was_built_for_is_refuted() -> None:
    full = construct(WAVE, 1e-2)
    confirm(verify(replace(full, tol=1e-6)), "sup-norm")
    sup = sup_of_quadratic(WAVE, full, len(full.grades))
    confirm(verify(replace(full, tol=float(sup) * (1 - 2.0**-12))), "sup-norm")


def test_a_run_that_reports_only_its_finished_cells_is_caught() -> None:
    """The open cells are the bad ones; a builder that forgets them has a small sup-norm to show."""
    stopped = construct(WAVE, 1e-3, budget=Budget(level=4))
    records = stopped.history
    assert records[-1].open_cells > 0
    finished_only = LevelRecord(4, records[-1].cells, records[-1].atoms, 0.9e-3, 0)
    lie = replace(stopped, complete=True, reason="tolerance reached", history=(*stopped.history[:-1], finished_only))
    report = verify(lie)
    assert report.verdict is REFUTED
    sup = sup_of_quadratic(WAVE, stopped, len(stopped.grades))
    assert report.residual_sup_lower <= sup <= report.residual_sup_upper
    confirm(report, "sup-norm")


def test_atoms_moved_to_another_level_or_node_are_not_proved() -> None:
    full = construct(WAVE, 1e-2)
    for k, grade in enumerate(full.grades):
        g = grade.atoms
        shifted = np.minimum(g.nodes + 1, 1 << g.level) if len(g) == 1 else np.roll(g.nodes, 1, axis=0)
        parts = [h.atoms for h in full.grades]
        parts[k] = Atoms(g.level, shifted, g.coefficients)
        if np.array_equal(parts[k].coefficients, g.coefficients) and np.array_equal(parts[k].nodes, g.nodes):
            continue
        assert verify(Scheme.of(WAVE, full.lift, parts, full.tol)).verdict is not PROVED


def test_grades_of_another_target_are_refuted() -> None:
    full = construct(WAVE, 1e-2)
    other = Quadratic.of(-3, 3, Fraction(-1, 2))
    report = verify(Scheme.of(other, full.lift, [g.atoms for g in full.grades], full.tol))
    confirm(report, "balanced")


def test_another_lift_is_refuted() -> None:
    full = construct(WAVE, 1e-2, lift=-4.0)
    for lift in (-4.5, -3.5):
        report = verify(replace(full, lift=lift))
        assert report.verdict is REFUTED


# -- targets that know nothing somewhere -----------------------------------------------------------


@dataclass(frozen=True)
class Blind:
    """A target that gives no number, or no bound, at the point 1/3: in every cell around it, at every level."""

    honest: Quadratic
    what: str
    nothing: float

    def __getattr__(self, name: str) -> object:
        return getattr(object.__getattribute__(self, "honest"), name)

    def hidden(self, level: int, cells: np.ndarray) -> np.ndarray:
        return np.all((cells * 3 <= 1 << level) & ((cells + 1) * 3 >= 1 << level), axis=1)

    def values(self, level: int, nodes: np.ndarray) -> Interval:
        v = self.honest.values(level, nodes)
        if self.what != "values":
            return v
        lost = np.all(np.abs(nodes / 2.0**level - 0.5) == 0, axis=1)
        return Interval(np.where(lost, -self.nothing, v.lo), np.where(lost, self.nothing, v.hi))

    def defects(self, level: int, cells: np.ndarray) -> Defects:
        d = self.honest.defects(level, cells)
        if self.what not in ("sag", "bulge", "both"):
            return d
        lost = self.hidden(level, cells)
        names = ["sag", "bulge"] if self.what == "both" else [self.what]
        return replace(d, **{n: np.where(lost, self.nothing, getattr(d, n)) for n in names})


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
@pytest.mark.parametrize("what", ["values", "sag", "bulge", "both"])
@pytest.mark.parametrize("toy", [CONVEX, BOWL], ids=["line", "plane"])
def test_a_target_without_numbers_at_one_point_is_never_proved(toy: Quadratic, what: str, nothing: float) -> None:
    scheme = construct(toy, 0.05 if toy.dim == 1 else 0.25, lift="none")
    blind = Blind(toy, what, nothing)
    report = verify(scheme, target=blind)  # type: ignore[arg-type]
    assert report.result("sup-norm").verdict is not PROVED
    assert report.verdict is UNDECIDED
    assert report.residual_sup_upper == np.inf
    if what != "bulge":
        assert report.result("balanced").verdict is not PROVED, "its atoms are positive: values and sag are needed"
    for row in report.rows:
        assert not np.isnan(row.residual_sup_upper)
        assert not np.isnan(row.residual_sup_lower)


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
@pytest.mark.parametrize("what", ["values", "sag", "bulge", "both"])
@pytest.mark.parametrize("complete", [True, False])
def test_a_blind_target_without_any_grade_is_never_proved(what: str, nothing: float, complete: bool) -> None:
    """Without grades |f - 1.5| <= 0.5 is asked, which needs more than the corners of the box."""
    assert verify(Scheme.of(CONVEX, 1.5, [], 0.51)).verdict is PROVED
    scheme = Scheme.of(Blind(CONVEX, what, nothing), 1.5, [], 0.51, complete=complete)  # type: ignore[arg-type]
    assert verify(scheme).verdict is UNDECIDED


def test_numbers_missing_at_a_coarse_level_only_do_no_harm() -> None:
    """Fair: finer cells are enclosed, and they cover the domain."""

    @dataclass(frozen=True)
    class Coarse(Blind):
        def hidden(self, level: int, cells: np.ndarray) -> np.ndarray:
            return np.full(len(cells), level < 2)

    scheme = construct(CONVEX, 0.05)
    parts = [g.atoms for g in scheme.grades if g.level >= 2]
    target = Coarse(CONVEX, "both", np.nan)
    report = verify(Scheme.of(target, 0.0, parts, 2.0))  # type: ignore[arg-type]
    assert report.verdict is PROVED


# -- the stall of theta = 1 with the stars of cells ------------------------------------------------

WAVES = "sin(6*x)*cos(5*y)+exp(-x*y)"


def test_pointwise_decrease_alone_does_not_give_convergence() -> None:
    """Every grade is proved balanced, no residual ever grows, and the sup-norm stands still at 0.1359."""
    f = mg.target(WAVES)
    scheme = careless(f, 0.1, 20)
    assert not scheme.complete
    report = verify(scheme)
    for claim in ("balanced", "nonincreasing", "unit-grades", "lp-decrease"):
        assert report.result(claim).verdict is PROVED
    late = [row for row in report.rows if row.level >= 6]
    assert len(late) == 15
    assert all(row.atoms > 0 for row in late), "the run keeps adding atoms"
    assert all(0.1358 < row.residual_sup_lower <= row.residual_sup_upper < 0.1360 for row in late)
    assert report.result("theorem-a").verdict is UNDECIDED, "the theorem's bound is missed, and that is said"
    assert report.verdict is UNDECIDED
    confirm_stall = verify(replace(scheme, complete=True))
    assert confirm_stall.verdict is REFUTED
    assert confirm_stall.result("sup-norm").witness.x == (Fraction(11, 32), Fraction(1, 2))


@pytest.mark.parametrize("text", ["sin(10*x)*exp(-x)", "1000*sin(10*x)", "1e-5*sin(37*x)", "x*sin(100*x)", "sqrt(x)"])
@pytest.mark.parametrize("last_level", [7, 16, 30])
def test_the_careless_rule_leaves_room_for_every_bit_to_its_last_level(text: str, last_level: int) -> None:
    scheme = careless(mg.target(text), 1e-7, last_level)
    assert scheme.grades[-1].level <= last_level
    assert verify(scheme).result("balanced").verdict is PROVED


def test_the_rule_of_the_theory_does_not_stall_where_the_careless_one_does() -> None:
    f = mg.target(WAVES)
    scheme = construct(f, 0.1, lift="none")
    assert scheme.complete
    assert scheme.grades[-1].level <= 7
    report = verify(scheme)
    assert report.verdict is PROVED
    assert report.result("theorem-a").verdict is PROVED


# -- what is odd but sound -------------------------------------------------------------------------


def test_unit_grades_at_one_level_end_in_the_same_function_and_are_proved() -> None:
    scheme = construct(BOWL, 0.1)
    units = scheme.as_units()
    assert len({g.level for g in units.grades}) < len(units.grades)
    report = verify(units)
    assert report.verdict is PROVED
    assert report.residual_sup_upper == verify(scheme).residual_sup_upper
    for t in rational_points(2, 6):
        assert units.exact(t) == scheme.exact(t)


def test_a_grade_split_in_two_at_one_level_is_proved() -> None:
    """Half of every coefficient, twice: balanced grades compose, and so do their parts."""
    scheme = construct(WAVE, 0.01)
    halves = [Atoms(g.level, g.atoms.nodes, g.atoms.coefficients / 2) for g in scheme.grades for _ in range(2)]
    assert verify(Scheme.of(WAVE, 0.0, halves, 0.01)).verdict is PROVED


def test_a_grade_given_twice_is_not_balanced() -> None:
    scheme = construct(CONVEX, 0.01)
    first = scheme.grades[0].atoms
    twice = Scheme.of(CONVEX, 0.0, [first, *(g.atoms for g in scheme.grades)], 0.01)
    report = verify(twice)
    confirm(report, "balanced")
    assert report.result("balanced").witness.grade == 2


def test_the_scheme_without_grades_is_judged_by_the_target_alone() -> None:
    for tol, expected in ((2.0, PROVED), (1.9, REFUTED)):
        report = verify(Scheme.of(CONVEX, 0.0, [], tol))
        assert report.verdict is expected
    assert verify(Scheme.of(CONVEX, 1.5, [], 0.51)).verdict is PROVED
    assert verify(Scheme.of(CONVEX, 1.5, [], 0.5)).verdict is not REFUTED, "equality at a flat end"


def test_a_grade_that_only_the_subdivision_can_prove_is_proved() -> None:
    """The vertex inequality fails on one coarse simplex, but g <= e holds: finer cells show it."""
    toy = CONVEX
    g = best_grade(toy, 0)
    table: dict[Node, Fraction] = dict(table_of(g))
    table[(1,)] += Fraction(1, 4)  # e(1) - p = 7/4 -> 2: now g touches e at 1 and leaves it at 0
    report = alone(toy, atoms(0, table))
    truth = balanced_over_intervals(toy, report.scheme, 1)
    assert (report.result("balanced").verdict is PROVED) == truth
    milder = atoms(0, {(0,): Fraction(1, 2), (1,): Fraction(15, 8)})
    report = alone(toy, milder)
    assert balanced_over_intervals(toy, report.scheme, 1)
    assert report.result("balanced").verdict is PROVED
    assert report.result("unit-grades").verdict is UNDECIDED, "the vertex inequality itself does not hold"


def test_planted_defects_are_found_on_any_box() -> None:
    for box in (Box.of([-2, 5]), Box.of(["1/3", "2/3"])):
        toy = replace(CONVEX, box=box)
        report = alone(toy, best_grade(toy, 2, Fraction(1, 1 << 30)))
        confirm(report, "balanced")
        point = report.result("balanced").witness.x[0]
        assert box.lower[0] < point < box.upper[0]


@given(st.integers(0, 2), st.data())
def test_any_scaling_of_the_best_grade_is_judged_right(level: int, data: st.DataObject) -> None:
    """g = s (I f - p): balanced iff s <= 1; no increase iff s <= 2 inf e / g at the least."""
    s = Fraction(data.draw(st.integers(1, 96)), 32)
    g = best_grade(CONVEX, level)
    report = alone(CONVEX, Atoms(level, g.nodes, g.coefficients * float(s)))
    assert (report.result("balanced").verdict is PROVED) == (s <= 1)
    grown = [abs(e[1]) > abs(e[0]) for e in (residuals(report.scheme, CONVEX.at, t) for t in rational_points(1, 48))]
    found = verdicts(report)["nonincreasing"]
    assert found is not PROVED or not any(grown)
    assert found is not UNDECIDED
    assert (found is PROVED) == (s <= 2), "e = g at the middle of a cell"
    assert all(x >= y for x, y in itertools.pairwise(row.residual_sup_upper for row in report.rows)) or s > 2
