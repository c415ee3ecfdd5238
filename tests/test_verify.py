"""Verdicts against the truth: what is PROVED holds, what is REFUTED fails at the witness, bounds contain the sup."""

from __future__ import annotations

import itertools
import json
import math
import random
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from drawn import check_witness, nodal_runs, nodal_toys, quadratic_toys, unit, verdicts
from hypothesis import given
from hypothesis import strategies as st
from toys import (
    Doctored,
    Nodal,
    Quadratic,
    Toy,
    Truth,
    atoms,
    balanced_over_intervals,
    nodes_of,
    rational_points,
    residuals,
    sup_of_quadratic,
    table_of,
    truth_of_nodal,
    value_of,
)

from mgdl_theory import (
    CLAIMS,
    Atoms,
    Box,
    Budget,
    OptionError,
    Result,
    Scheme,
    SchemeError,
    Verdict,
    Witness,
    check_on_grid,
    construct,
    target,
    verify,
)
from mgdl_theory.grade import PATIENCE
from mgdl_theory.scheme import block_width, grade_depth
from mgdl_theory.targets import parallel
from mgdl_theory.text import down_text, ranges_text, up_text
from mgdl_theory.verification.record import Report
from mgdl_theory.verification.verdict import worst

SQUARE = Quadratic.of(1, 0)
SADDLE = Quadratic.of([[1, Fraction(-1, 2)], [Fraction(-1, 2), -1]], [Fraction(1, 4), 1], Fraction(-1, 4))
WAVE = Quadratic.of(3, -3, Fraction(1, 2))
PROVED, REFUTED, UNDECIDED, EVIDENCE = Verdict.PROVED, Verdict.REFUTED, Verdict.UNDECIDED, Verdict.EVIDENCE
TOLS = st.sampled_from([0.5, 1 / 16])
LIFT = st.sampled_from(["auto", "none", -5, 6])


def grades_named(result: Result) -> list[int]:
    """The grades in "2 of 5 grades: 1-2"; none where the claim is not proved."""
    runs = result.evidence.split("grades: ")[1].split(", ") if result.verdict is PROVED else []
    ends = [[int(k) for k in run.split("-")] for run in runs]
    return [k for end in ends for k in range(end[0], end[-1] + 1)]


def _residual(scheme: Scheme, peak: tuple[Fraction, ...], k: int) -> Fraction:
    """e_k at a point of the box; 0 where no point is given."""
    return residuals(scheme, scheme.target.at, unit(scheme, peak))[k] if peak else Fraction(0)


def check_cover(report: Report, truth: Truth) -> None:
    """The leaves tile the domain, and every bound holds for the last residual on its cell, exactly."""
    last = truth.e[-1]
    n, d = last.shape[0] - 1, last.ndim
    finest = n.bit_length() - 1
    leaves = {(block.level, tuple(cell)) for block in report.leaves() for cell in block.cells.tolist()}
    assert sum(Fraction(1, 1 << level * d) for level, _ in leaves) == 1
    assert len(leaves) == report.leaf_count
    for level, cell in leaves:
        above = ((up, tuple(i >> level - up for i in cell)) for up in range(level))
        assert not any(ancestor in leaves for ancestor in above), "no leaf lies inside another"
    for block in report.leaves():
        for cell, bound in zip(block.cells.tolist(), block.bounds.tolist(), strict=True):
            if block.level <= finest:
                width = n >> block.level
                part = last[tuple(slice(i * width, (i + 1) * width + 1) for i in cell)]
                assert Fraction(int(np.abs(part).max()), truth.common) <= bound
            assert bound <= report.residual_sup_upper


def check_against_truth(report: Report, toy: Nodal) -> None:
    """No verdict and no bound contradicts what holds exactly, and what is decidable at nodes is decided."""
    scheme, truth = report.scheme, truth_of_nodal(toy, report.scheme)
    for row, sup in zip(report.rows, truth.sup, strict=True):
        assert row.residual_sup_lower <= sup <= row.residual_sup_upper
        assert sup <= row.theorem_a or report.result("theorem-a").verdict is not PROVED
        assert abs(_residual(scheme, row.peak, row.grade)) >= row.residual_sup_lower
        for p, lower, upper in row.norms:
            assert p == 2
            assert Fraction(lower) ** 2 <= truth.square(row.grade) <= Fraction(upper) ** 2
    assert report.residual_sup_lower <= truth.sup[-1] <= report.residual_sup_upper
    check_cover(report, truth)
    for claim, parts in (("balanced", truth.balanced), ("nonincreasing", truth.nonincreasing)):
        result = report.result(claim)
        assert result.verdict is not PROVED or all(parts)
        assert result.verdict is not REFUTED or not all(parts)
        if not all(parts):
            assert result.verdict is REFUTED, "every violation of piecewise linear functions shows at a near node"
        for row, holds in zip(report.rows[1:], parts, strict=True):
            found = row.balanced if claim == "balanced" else row.nonincreasing
            assert found is not PROVED or holds
            assert found is not REFUTED or not holds
    for k in grades_named(report.result("sup-decrease")):
        assert truth.sup[k] < truth.sup[k - 1]
    sup = report.result("sup-norm").verdict
    assert sup is not PROVED or truth.sup[-1] <= Fraction(report.tol)
    assert sup is not REFUTED or truth.sup[-1] > Fraction(report.tol)
    for result in report.results:
        if result.witness:
            check_witness(report, result)
    if report.result("unit-grades").verdict is PROVED and scheme.atoms <= 60:
        units = Scheme.of(toy, scheme.lift, [u for g in scheme.grades for u in g.units()], scheme.tol)
        assert all(truth_of_nodal(toy, units).balanced)


# -- schemes, sound and tampered with --------------------------------------------------------------


@st.composite
def tampered(draw: st.DrawFn) -> tuple[Nodal, Scheme]:
    """A constructed scheme with some grades' atoms dropped, scaled, moved or replaced by any others."""
    toy = draw(nodal_toys(dims=(1, 2)))
    scheme = construct(toy, draw(TOLS), lift=draw(LIFT), budget=Budget(level=4 if toy.dim == 1 else 3))
    parts = []
    for grade in scheme.grades:
        table = dict(table_of(grade.atoms))
        deed = draw(st.sampled_from(["keep", "keep", "drop", "scale", "nudge", "any"]))
        victim = draw(st.sampled_from(sorted(table)))
        if deed == "drop":
            del table[victim]
        elif deed == "scale":
            table[victim] *= draw(
                st.sampled_from([Fraction(-1), Fraction(1, 2), Fraction(3, 2), Fraction(2), Fraction(3)])
            )
        elif deed == "nudge":
            table[victim] += Fraction(draw(st.sampled_from([-1, 1])), 1 << draw(st.integers(4, 20)))
        elif deed == "any":
            table[draw(st.sampled_from(list(nodes_of(grade.level, toy.dim))))] = Fraction(draw(st.integers(-9, 9)), 4)
        if any(table.values()):
            parts.append(atoms(grade.level, table))
    return toy, Scheme.of(toy, scheme.lift, parts, scheme.tol, complete=draw(st.booleans()))


@given(tampered())
def test_no_verdict_on_a_tampered_scheme_contradicts_the_truth(case: tuple[Nodal, Scheme]) -> None:
    toy, scheme = case
    check_against_truth(verify(scheme, norms=(2,)), toy)


@st.composite
def at_random(draw: st.DrawFn) -> tuple[Nodal, Scheme]:
    """Any atoms at any levels, several grades at one level, d = 1, 2, 3."""
    toy = draw(nodal_toys())
    levels = sorted(draw(st.lists(st.integers(0, {1: 4, 2: 3, 3: 1}[toy.dim]), min_size=1, max_size=4)))
    parts = []
    for level in levels:
        nodes = draw(st.lists(st.sampled_from(list(nodes_of(level, toy.dim))), min_size=1, max_size=5, unique=True))
        value = st.integers(-12, 12).filter(bool).map(lambda k: Fraction(k, 8))
        parts.append(atoms(level, {v: draw(value) for v in nodes}))
    tol = draw(st.sampled_from([0.25, 1.0, 4.0]))
    return toy, Scheme.of(toy, draw(st.sampled_from([0.0, -3.0])), parts, tol, complete=draw(st.booleans()))


@given(at_random())
def test_no_verdict_on_random_atoms_contradicts_the_truth(case: tuple[Nodal, Scheme]) -> None:
    toy, scheme = case
    check_against_truth(verify(scheme, norms=(2,)), toy)


@given(nodal_runs())
def test_sound_schemes_of_piecewise_linear_targets_are_proved(case: tuple[Nodal, str | float, float]) -> None:
    toy, lift, tol = case
    report = verify(construct(toy, tol, lift=lift))
    assert report.verdict is PROVED
    assert report.exit_code == 0
    assert {c: v for c, v in verdicts(report).items() if CLAIMS[c].decides} == {
        c: PROVED for c in CLAIMS if CLAIMS[c].decides
    }
    assert all(row.balanced is row.nonincreasing is PROVED for row in report.rows)
    check_against_truth(report, toy)


@given(quadratic_toys(dims=(1,)), st.sampled_from([0.5, 1 / 16, 0.01]), LIFT)
def test_sound_schemes_of_quadratics_are_proved_within_bounds_that_hold_the_true_sup(
    toy: Quadratic, tol: float, lift: str | float
) -> None:
    scheme = construct(toy, tol, lift=lift)
    report = verify(scheme)
    assert report.verdict is PROVED
    for k, row in enumerate(report.rows):
        sup = sup_of_quadratic(toy, scheme, k)
        assert row.residual_sup_lower <= sup <= row.residual_sup_upper
        assert k == 0 or balanced_over_intervals(toy, scheme, k)
    assert report.residual_sup_upper <= tol


@given(quadratic_toys(dims=(2,)), LIFT)
def test_plane_quadratics_are_proved_within_bounds_that_hold_a_dense_grid(toy: Quadratic, lift: str | float) -> None:
    scheme = construct(toy, 0.25, lift=lift)
    report = verify(scheme)
    assert report.verdict is PROVED
    grid = [residuals(scheme, toy.at, t) for t in rational_points(2, 12)]
    for k, row in enumerate(report.rows):
        assert max(abs(e[k]) for e in grid) <= Fraction(row.residual_sup_upper)


def test_bounds_are_sharp_as_well_as_sound() -> None:
    """Between the largest residual that was seen and the bound there is less than a defect of the finest cells."""
    scheme = construct(WAVE, 1e-4)
    report = verify(scheme)
    exact = sup_of_quadratic(WAVE, scheme, len(scheme.grades))
    finest = 2.0 ** -scheme.history[-1].level
    assert Fraction(report.residual_sup_upper) - exact <= Fraction(3 * finest**2)
    assert report.residual_sup_lower >= 0.5 * report.residual_sup_upper


def test_the_largest_residual_may_sit_in_a_leaf_of_a_coarse_level() -> None:
    """f = 1 + x^2 and a few small atoms near 0: the sup-norm is 2, at the other end, whatever is refined."""
    parts = [atoms(level, {(1,): Fraction(1, 8)}) for level in (3, 6, 9)]
    report = verify(Scheme.of(Quadratic.of(1, 0, 1), 0.0, parts, 3.0))
    assert report.verdict is PROVED
    assert {block.level for block in report.leaves()} >= {1, 9}
    assert [row.residual_sup_lower for row in report.rows] == [2.0] * 4
    assert [row.peak for row in report.rows] == [(Fraction(1),)] * 4
    assert report.residual_sup_lower == 2.0


@given(st.one_of(nodal_toys(dims=(1, 2)), quadratic_toys()), TOLS)
def test_l2_norms_decrease_strictly_where_lp_decrease_is_proved(toy: Toy, tol: float) -> None:
    if not isinstance(toy, Nodal):
        toy = Nodal(2, tuple(toy.at([Fraction(i, 4) for i in v]) for v in nodes_of(2, toy.dim)), toy.box)
    scheme = construct(toy, tol)
    assert verify(scheme).result("lp-decrease").verdict is PROVED
    truth = truth_of_nodal(toy, scheme)
    assert all(x > y for x, y in itertools.pairwise(map(truth.square, range(len(truth.e)))))


# -- unit grades -----------------------------------------------------------------------------------


@given(st.one_of(nodal_toys(dims=(1, 2)), quadratic_toys(dims=(1,))), st.randoms(use_true_random=False))
def test_unit_grades_in_any_order_within_a_level_are_proved_and_end_the_same(toy: Toy, source) -> None:
    scheme = construct(toy, 0.5, lift="none", budget=Budget(level=3))
    units = []
    for grade in scheme.grades:
        mine = list(grade.units())
        source.shuffle(mine)
        units += mine[:40] if len(mine) <= 40 else [*mine[:39], _rest(mine[39:])]
    shuffled = Scheme.of(toy, scheme.lift, units, scheme.tol, complete=scheme.complete, reason=scheme.reason)
    report, blocks = verify(shuffled), verify(scheme)
    for claim in ("balanced", "nonincreasing", "unit-grades", "lp-decrease", "sup-norm"):
        assert report.result(claim).verdict is blocks.result(claim).verdict
    assert report.residual_sup_upper == blocks.residual_sup_upper
    assert report.verdict is blocks.verdict
    for t in rational_points(toy.dim, 5):
        assert residuals(shuffled, toy.at, t)[-1] == residuals(scheme, toy.at, t)[-1]


def _rest(units: list[Atoms]) -> Atoms:
    return atoms(units[0].level, {v: c for g in units for v, c in table_of(g).items()})


@pytest.mark.parametrize("toy", [SQUARE, WAVE, SADDLE], ids=["square", "wave", "saddle"])
def test_scheme_of_units_is_proved(toy: Quadratic) -> None:
    scheme = construct(toy, 1 / 16)
    units = scheme.as_units()
    report = verify(units)
    assert report.verdict is PROVED
    assert len(report.rows) == scheme.atoms + 1
    assert report.result("balanced").evidence.startswith(f"{scheme.atoms} of {scheme.atoms} grades")
    assert {row.width for row in report.rows[1:]} == {block_width(toy.dim)}
    uppers = [row.residual_sup_upper for row in report.rows]
    assert all(x >= y for x, y in itertools.pairwise(uppers))


@pytest.mark.parametrize("level", [0, 1, 5])
def test_a_grade_without_atoms_is_balanced(level: int) -> None:
    """g = 0: a trivial grade, which decreases no norm and increases none."""
    nothing = Atoms(level, np.zeros((0, 1), dtype=np.int64), np.zeros(0))
    report = verify(Scheme.of(SQUARE, 0.0, [nothing], 2.0))
    assert report.verdict is PROVED
    assert report.result("lp-decrease").evidence.startswith("0 nontrivial")


@pytest.mark.parametrize("tol", [5e-324, 1e-310, 1e-300, 1e-279, 1e279, 1.7e308])
def test_the_smallest_and_largest_tolerances_are_judged_or_refused(tol: float) -> None:
    try:
        scheme = Scheme.of(SQUARE, 0.0, [atoms(0, {(1,): Fraction(1, 2)})], tol)
    except SchemeError:
        return
    report = verify(scheme)
    assert report.verdict is REFUTED
    check_witness(report, report.result("balanced"))


def test_a_doubt_that_runs_out_of_bits_leaves_the_rest_decided() -> None:
    """The mean of 0.6 and 0.7 needs 54 bits: the grade is undecided, the sup-norm of the residual is not."""
    vague = Doctored(Quadratic.of(0, 0, 1), on_defects=lambda d: replace(d, sag=0 * d.sag + 0.5))
    report = verify(Scheme.of(vague, 0.0, [atoms(0, {(0,): Fraction(0.6), (1,): Fraction(0.7)})], 3.0))
    assert report.result("balanced").verdict is UNDECIDED
    assert report.result("sup-norm").verdict is PROVED


# -- real functions --------------------------------------------------------------------------------

REAL = [
    ("sin(10*x)*exp(-x)", 1e-3, "none"),
    ("sin(10*x)*exp(-x)", 1e-3, -1.25),
    ("exp(3*x)-2", 1e-2, "auto"),
    ("sqrt(x)", 1e-2, "auto"),
    ("abs(x-1/3)", 1e-2, "auto"),
    ("max(x, 1-y)*exp(-x*y)", 0.1, "auto"),
    ("sin(6*x)*cos(5*y)+exp(-x*y)", 0.1, "none"),
    ("sin(6*x)*cos(5*y)+exp(-x*y)", 0.05, "auto"),
    ("sin(3*x)*cos(2*y)+exp(-x*z)", 0.2, "auto"),
]


@pytest.mark.parametrize(("text", "tol", "lift"), REAL, ids=[f"{t} {m}" for t, _, m in REAL])
def test_real_functions_are_proved_and_mpmath_agrees(text: str, tol: float, lift: object) -> None:
    """Oracle: f by mpmath and the grades by exact arithmetic, at random points."""
    f = target(text)
    scheme = construct(f, tol, lift=lift)  # type: ignore[arg-type]
    assert scheme.complete
    report = verify(scheme)
    assert report.verdict is PROVED
    source = random.Random(7)
    largest = 0.0
    for _ in range(40):
        t = [Fraction(source.getrandbits(30), 1 << 30) for _ in range(f.dim)]
        parts = (value_of(grade.atoms, t) for grade in scheme.grades)
        e = [f.mp(t, 40) - _mpf(v) for v in itertools.accumulate(parts, initial=Fraction(scheme.lift))]
        for k, row in enumerate(report.rows):
            assert abs(e[k]) <= row.residual_sup_upper
        for before, after in itertools.pairwise(e):
            assert abs(after) <= abs(before)
            assert before * after >= 0
        largest = max(largest, float(abs(e[-1])))
    assert largest >= 0.1 * report.residual_sup_upper, "the bound is of the size of the residual"


def _mpf(q: Fraction) -> object:
    return mpmath.mpf(q.numerator) / q.denominator


# -- rows and rates --------------------------------------------------------------------------------


def test_rows_describe_the_grades() -> None:
    scheme = construct(SADDLE, 0.01)
    report = verify(scheme)
    assert [row.grade for row in report.rows] == list(range(len(scheme.grades) + 1))
    total = 0
    for row, grade in zip(report.rows[1:], scheme.grades, strict=True):
        total += len(grade)
        assert (row.level, row.atoms, row.total_atoms) == (grade.level, len(grade), total)
        assert (row.width, row.depth) == (5, 3 * len(grade))
        assert (row.total_width, row.total_depth) == (5, 3 * total)
        assert row.depth == grade_depth(2, row.atoms)
    ratios = report.ratios
    assert math.isnan(ratios[0])
    for k, ratio in enumerate(ratios[1:], 1):
        assert ratio == report.rows[k].residual_sup_upper / report.rows[k - 1].residual_sup_upper
        assert ratio <= 1


@pytest.mark.parametrize("toy", [SQUARE, WAVE, SADDLE], ids=["square", "wave", "saddle"])
@pytest.mark.parametrize("lift", ["none", -4])
def test_theorem_a_is_proved_and_its_bound_halves(toy: Quadratic, lift: object) -> None:
    tol = 2.0**-14 if toy.dim == 1 else 2.0**-11
    report = verify(construct(toy, tol, lift=lift))  # type: ignore[arg-type]
    assert report.result("theorem-a").verdict is PROVED
    rows = report.rows[1:]
    assert len(rows) >= 3
    for row in rows:
        assert row.residual_sup_upper <= row.theorem_a
        halved = 1.5 * rows[0].theorem_a * 2.0 ** (rows[0].level - row.level)
        assert row.theorem_a <= max(halved, (PATIENCE + 1) * tol)  # cells may wait near the end


@pytest.mark.parametrize("toy", [SQUARE, WAVE, SADDLE], ids=["square", "wave", "saddle"])
def test_theorem_b_is_proved_in_lifted_mode_and_the_sup_falls_by_a_quarter(toy: Quadratic) -> None:
    scheme = construct(toy, 2.0**-14 if toy.dim == 1 else 2.0**-11, lift=-4)
    report = verify(scheme)
    result = report.result("theorem-b")
    assert result.verdict is PROVED
    rows = [row for row in report.rows[1:] if row.theorem_b < math.inf]
    assert len(rows) >= 3
    for row in rows:
        assert row.residual_sup_upper <= row.theorem_b
    for before, after in itertools.pairwise(rows[:-1]):
        factor = (after.theorem_b / before.theorem_b) ** (1 / (after.level - before.level))
        assert factor <= 0.3
    least = min(toy.at(t) + 4 for t in rational_points(toy.dim, 12))
    stated = Fraction(result.evidence.split(">= ")[1].split(";")[0].split(",")[0])
    assert 0 < stated <= least


@pytest.mark.parametrize("toy", [SQUARE, WAVE, SADDLE], ids=["square", "wave", "saddle"])
def test_theorem_b_is_not_claimed_where_f_touches_the_lift(toy: Quadratic) -> None:
    report = verify(construct(toy, 0.1, lift="none"))
    assert "theorem-b" not in verdicts(report)


def test_theorem_b_remembers_the_leaves_that_no_grade_ever_touches() -> None:
    """f = x - 1/2 has its zero in a leaf of level 1; the only grade sits at level 3, where f >= 1/4."""
    plain = Scheme.of(Quadratic.of(0, 1, Fraction(-1, 2)), 0.0, [atoms(3, {(8,): Fraction(1, 8)})], 2.0)
    report = verify(plain)
    assert report.verdict is PROVED
    assert "theorem-b" not in verdicts(report)
    lifted = verify(replace(plain, lift=-0.75))
    stated = lifted.result("theorem-b").evidence.split(">= ")[1].split(";")[0]
    assert Fraction(stated) == Fraction(1, 4)


def test_sup_decrease_names_only_grades_where_the_bounds_separate() -> None:
    report = verify(construct(WAVE, 1e-3, lift="none", budget=Budget(level=4)).as_units())
    strict = [b.grade for a, b in itertools.pairwise(report.rows) if b.residual_sup_upper < a.residual_sup_lower]
    assert 0 < len(strict) < len(report.rows) - 1
    assert grades_named(report.result("sup-decrease")) == strict
    assert report.result("sup-decrease").evidence.endswith(f"grades: {ranges_text(strict)}")
    scheme = report.scheme
    for k in strict:
        assert sup_of_quadratic(WAVE, scheme, k) < sup_of_quadratic(WAVE, scheme, k - 1)


def test_a_falling_bound_is_no_proof_of_a_falling_sup_norm() -> None:
    """Largest at 1/3, off every node: two small atoms lower the bound by far less than it is wide."""
    g = atoms(2, {(1,): Fraction(1, 1 << 30), (2,): Fraction(1, 1 << 30)})
    report = verify(Scheme.of(Quadratic.of(-1, Fraction(2, 3), 1), 0.0, [g], 2.0))
    before, after = report.rows
    assert before.residual_sup_lower < after.residual_sup_upper < before.residual_sup_upper
    assert report.result("sup-decrease").verdict is UNDECIDED


# -- tolerance and target of the verification ------------------------------------------------------


def test_the_verifier_may_ask_for_another_tolerance() -> None:
    scheme = construct(WAVE, 0.01)
    exact = sup_of_quadratic(WAVE, scheme, len(scheme.grades))
    assert verify(scheme, float(exact) * 1.01).verdict is PROVED
    strict = verify(scheme, float(exact) * 0.9)
    assert strict.verdict is REFUTED
    check_witness(strict, strict.result("sup-norm"))
    assert verify(scheme, "1/100").verdict is PROVED


@given(st.floats(-(2.0**-40), 2.0**-40))
def test_a_tolerance_next_to_the_true_sup_is_not_decided_wrongly(shift: float) -> None:
    scheme = construct(SQUARE, 0.1)
    exact = sup_of_quadratic(SQUARE, scheme, len(scheme.grades))
    report = verify(scheme, float(exact) + shift)
    found = report.result("sup-norm").verdict
    assert found is not (REFUTED if exact <= Fraction(report.tol) else PROVED)


def test_an_equal_target_is_a_second_opinion_and_a_different_one_is_refuted() -> None:
    scheme = construct(WAVE, 0.01)
    assert verify(scheme, target=Quadratic.of(3, -3, Fraction(1, 2))).verdict is PROVED
    other = verify(scheme, target=Quadratic.of(3, -3, Fraction(3, 4)))
    assert other.verdict is REFUTED


def test_a_target_of_another_dimension_is_refused() -> None:
    with pytest.raises(OptionError, match="domain"):
        verify(construct(WAVE, 0.1), target=SADDLE)


def test_what_is_no_scheme_is_refused() -> None:
    with pytest.raises(OptionError, match=r"^verify: expected a scheme, .* got int$"):
        verify(5)  # type: ignore[call-overload]


def test_a_target_on_another_box_is_refused() -> None:
    """Unit coordinates agree, the points do not: nothing is known of f on [0, 1] from f(7x)."""
    with pytest.raises(OptionError, match=r"domain|box"):
        verify(construct(WAVE, 0.1), target=replace(WAVE, box=Box.of([0, 7])))


def test_the_report_speaks_of_the_target_that_was_verified() -> None:
    scheme = construct(replace(WAVE, text="what the builder saw"), 0.1)
    report = verify(scheme, target=replace(WAVE, text="what was verified"))
    assert "what was verified on [0, 1]" in report.last_line()
    assert report.as_dict()["target"]["text"] == "what was verified"
    assert "what the builder saw" not in report.last_line()


def test_progress_sees_every_level_once() -> None:
    told: list[tuple[int, int, int]] = []
    scheme = construct(WAVE, 0.01)
    verify(scheme, progress=lambda *now: told.append(now))
    seen = [now for now in told if now[1]]
    assert [level for level, *_ in seen] == list(range(len(seen)))
    assert all(done == cells for _, done, cells in seen)
    assert told[:3] == [(0, 0, 1), (0, 0, 1), (0, 1, 1)]
    assert len(seen) > scheme.grades[-1].level


def test_a_caller_can_end_a_verification_within_a_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "BATCH", 4)
    scheme, told = construct(WAVE, 0.01), list[tuple[int, int, int]]()

    def progress(*now: int) -> None:
        told.append(now)  # type: ignore[arg-type]
        if 0 < now[1] < now[2]:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        verify(scheme, progress=progress)
    assert told[-1][1] == 8


def test_verification_is_deterministic_and_leaves_the_scheme_as_it_was() -> None:
    scheme = construct(SADDLE, 0.05)
    before = [table_of(g.atoms).copy() for g in scheme.grades]
    first, second = verify(scheme), verify(scheme)
    assert replace(first, seconds=0.0) == replace(second, seconds=0.0)
    assert [dict(table_of(g.atoms)) for g in scheme.grades] == before


def test_the_verifier_uses_nothing_but_lift_and_atoms() -> None:
    """Builder's notes may be anything at all."""
    scheme = construct(WAVE, 0.01)
    told = Scheme.of(WAVE, scheme.lift, [g.atoms for g in scheme.grades], 0.01, reason="?", history=())
    assert verify(told).rows == verify(scheme).rows


# -- reports ---------------------------------------------------------------------------------------


def test_uncertified_targets_give_evidence_and_no_proof() -> None:
    scheme = construct(replace(WAVE, certified=False), 0.1)
    report = verify(scheme)
    assert PROVED not in verdicts(report).values()
    assert report.verdict is EVIDENCE
    assert report.exit_code == 3
    assert report.last_line().startswith("EVIDENCE")


def test_last_line_verdict_and_exit_code_agree() -> None:
    scheme = construct(WAVE, 0.01)
    cases = [
        (scheme, "PROVED", 0),
        (replace(scheme, tol=1e-4), "REFUTED", 1),
        (construct(WAVE, 1e-4, budget=Budget(level=2)), "UNDECIDED", 3),
    ]
    for case, word, code in cases:
        report = verify(case)
        assert str(report.verdict) == word
        assert report.exit_code == code
        assert report.last_line().split(":")[0] == word
        assert str(report).splitlines()[-1] == report.last_line()
        assert report.as_dict()["exit_code"] == code


def test_report_is_plain_data() -> None:
    report = verify(replace(construct(WAVE, 0.01), tol=1e-4))
    data = json.loads(json.dumps(report.as_dict()))
    assert data["verdict"] == "REFUTED"
    assert [claim["claim"] for claim in data["claims"]] == [r.claim for r in report.results]
    refuted = next(c for c in data["claims"] if c["verdict"] == "REFUTED")
    assert Fraction(refuted["witness"]["x"][0]) == report.result(refuted["claim"]).witness.x[0]
    assert len(data["grades"]) == len(report.rows)
    assert report.leaves()
    assert not any(array.flags.writeable for block in report.leaves() for array in (block.cells, block.bounds))


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 12))
def test_printed_bounds_are_rounded_outward(value: float, digits: int) -> None:
    assert Fraction(down_text(value, digits)) <= Fraction(value) <= Fraction(up_text(value, digits))


@given(st.sets(st.integers(0, 40)))
def test_ranges_text_names_exactly_the_numbers(numbers: set[int]) -> None:
    found: set[int] = set()
    for run in filter(None, ranges_text(sorted(numbers)).split(", ")):
        low, _, high = run.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    assert found == numbers


def test_worst_verdict_of_a_conjunction() -> None:
    order = [PROVED, EVIDENCE, UNDECIDED, REFUTED]
    for a, b in itertools.product(order, repeat=2):
        assert worst([a, b]) is order[max(order.index(a), order.index(b))]
    assert worst([]) is PROVED
    assert [v.exit_code for v in order] == [0, 3, 3, 1]


def test_a_refutation_needs_a_witness_and_nothing_else_has_one() -> None:
    witness = Witness((Fraction(1, 3),), 1, (0.0, 0.0), (1.0, 1.0))
    assert "1/3" in str(witness)
    Result("balanced", REFUTED, "", witness)
    with pytest.raises(ValueError, match="witness"):
        Result("balanced", REFUTED, "")
    with pytest.raises(ValueError, match="witness"):
        Result("balanced", PROVED, "", witness)


# -- sampling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("toy", [WAVE, SADDLE, replace(WAVE, box=Box.of(["-1/3", 2]))], ids=["wave", "saddle", "box"])
def test_grid_supports_a_sound_scheme(toy: Quadratic) -> None:
    report = verify(construct(toy, 1 / 16))
    result = check_on_grid(report, points=40, digits=30)
    assert result.verdict is EVIDENCE
    assert report.with_results(result).verdict is PROVED, "evidence does not weaken a proof"


def test_grid_refutes_what_it_sees() -> None:
    e = atoms(1, {(1,): Fraction(5, 2)})
    report = verify(Scheme.of(Quadratic.of(0, 0, 1), 0.0, [e], 2.0))
    result = check_on_grid(report, points=20)
    assert result.verdict is REFUTED
    check_witness(report, result)
    assert report.with_results(result).verdict is REFUTED


def test_grid_refutes_a_bound_that_a_liar_certified() -> None:
    """The verifier believed enclosures that are too narrow; sampling the true function objects."""
    tiny = Doctored(SQUARE, on_defects=lambda d: replace(d, sag=0 * d.sag, bulge=0 * d.bulge))
    report = verify(Scheme.of(tiny, 0.0, [atoms(1, {(1,): Fraction(1, 4), (2,): 1})], 0.01))
    assert report.verdict is PROVED, "this is what a false enclosure does"
    result = check_on_grid(report, points=50)
    assert result.verdict is REFUTED
    assert report.with_results(result).verdict is REFUTED


@pytest.mark.parametrize("error", [Fraction(1), Fraction(-1, 7), Fraction(1, 10**6)])
def test_a_wrong_mpmath_value_refutes_nothing(error: Fraction) -> None:
    """mpmath's digits carry no bound: an objection refutes only where the enclosure of f confirms it.

    Short of that the objection is open, and the run is undecided.
    """

    class Off(Doctored):
        def mp(self, point, digits: int):
            return self.honest.mp(point, digits) + error.numerator / error.denominator

    report = verify(construct(Off(SQUARE), 0.01 if abs(error) > 0.1 else 1e-7))
    assert report.verdict is PROVED
    result = check_on_grid(report, points=20)
    assert result.verdict is UNDECIDED
    assert "mpmath objects" in result.evidence
    assert report.with_results(result).verdict is UNDECIDED


def test_grid_after_a_verification_that_stopped_early() -> None:
    """Fewer rows than grades: what was verified is sampled, and nothing is raised."""
    parts = [atoms(0, {(0,): Fraction(1, 2), (1,): Fraction(1, 2)}), atoms(1, {(1,): Fraction(1, 1 << 60)})]
    report = verify(Scheme.of(Quadratic.of(0, 0, 1), 0.0, parts, 1.0))
    assert len(report.rows) < 3
    assert report.verdict is UNDECIDED
    assert "more bits" in report.last_line()
    assert check_on_grid(report, points=20).verdict is EVIDENCE


@pytest.mark.parametrize(("points", "digits"), [(0, 50), (-1, 50), (10, 5), (10, 10**6)])
def test_grid_options_out_of_range_are_refused(points: int, digits: int) -> None:
    report = verify(construct(SQUARE, 0.5))
    with pytest.raises(OptionError, match="grid"):
        check_on_grid(report, points, digits)


@given(st.integers(0, 2**32 - 1))
def test_grid_is_repeatable(seed: int) -> None:
    report = verify(SCHEME)
    assert check_on_grid(report, 4, 20, seed=seed) == check_on_grid(report, 4, 20, seed=seed)


SCHEME = construct(SQUARE, 0.2)


def test_cells_are_refined_below_the_last_level_that_was_built_not_the_last_atom() -> None:
    """No atom is needed, but seventeen levels: the enclosures of this 0 are wide."""
    scheme = construct(target("1e6*(sin(50*x)**2+cos(50*x)**2-1)"), 1e-4)
    assert scheme.atoms == 0
    assert verify(scheme).verdict is Verdict.PROVED
    assert verify(replace(scheme, history=())).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_neither_true_nor_false(verdict: Verdict) -> None:
    with pytest.raises(TypeError, match=f"the verdict {verdict} is neither true nor false.* is Verdict.PROVED"):
        bool(verdict)
