"""Vector targets: every component is a scalar scheme of its own, proved by itself; the hats are built once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import HOW, in_box, schemes
from hypothesis import given
from hypothesis import strategies as st
from toys import atoms, barycentric

import mgdl_theory as mg
from mgdl_theory import (
    Atoms,
    Budget,
    DomainError,
    ExpressionError,
    Network,
    OptionError,
    Result,
    Scheme,
    SchemeError,
    TargetError,
    VectorReport,
    VectorScheme,
    VectorTarget,
    Verdict,
    verify_network,
)
from mgdl_theory.certificate import check
from mgdl_theory.certificate.schema import certificate
from mgdl_theory.cli import main
from mgdl_theory.construction import read_tol
from mgdl_theory.relu.compile import compile_network
from mgdl_theory.relu.export import load_npz, save_npz, save_torch
from mgdl_theory.relu.measure import agreement, float32_values, torch_values
from mgdl_theory.relu.ranges import cell_ranges
from mgdl_theory.scheme import block_width, unit_width
from mgdl_theory.vector import VectorAtoms
from mgdl_theory.verification.network import scheme_at

PROVED, REFUTED = Verdict.PROVED, Verdict.REFUTED
ARRAYS = ("weights", "biases", "readout", "readout_bias")
CIRCLE = ["cos(6*x)", "sin(6*x)"]
CASES = [
    (CIRCLE, None, 1e-3),
    (["sqrt(x)", "abs(x-1/3)", "0*x", "5-x"], [0, 2], 1e-2),
    (["cos(3*x)*sin(2*y)", "x*y", "cos(2*y)"], None, 2e-2),
]


def alone(scheme: Scheme) -> Scheme:
    """The scheme without its empty grades."""
    parts = [grade.atoms for grade in scheme.grades if len(grade)]
    return replace(Scheme.of(scheme.target, scheme.lift, parts, scheme.tol), complete=scheme.complete,
                   reason=scheme.reason, lift_reason=scheme.lift_reason, history=scheme.history)  # fmt: skip


def record(scheme: Scheme) -> dict[str, Any]:
    """All that a scheme holds, as plain numbers."""
    fields = ("lift", "tol", "complete", "reason", "lift_reason", "history")
    grades = [(grade.number, grade.atoms.describe()) for grade in scheme.grades]
    return {"grades": grades, **{name: getattr(scheme, name) for name in fields}}


@st.composite
def vectors(draw: st.DrawFn) -> VectorScheme:
    """One to three schemes with any atoms, on one box."""
    first = draw(schemes(dims=(1, 2), finest=3))
    others = st.lists(schemes(dims=(first.dim,), finest=3), max_size=2)
    return VectorScheme.of([first, *(replace(part, target=first.target) for part in draw(others))])


def by_hand() -> VectorScheme:
    """Two components: one hat in common, one of each alone, a grade that only the second has."""
    f = mg.target("x")
    one = Scheme.of(f, -0.5, [atoms(1, {(0,): 1.5, (1,): -2.0})], 1.0)
    two = Scheme.of(f, 0.25, [atoms(1, {(1,): 0.75, (2,): 0.5}), atoms(2, {(1,): 0.125, (3,): -4.0})], 1.0)
    return VectorScheme.of([one, two])


# -- construction ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("texts", "domain", "tol"), CASES)
def test_every_component_is_the_scheme_that_its_target_gets_alone(texts: list[str], domain: Any, tol: float) -> None:
    f = mg.target(texts, domain)
    scheme = mg.construct(f, tol)
    assert scheme.complete
    assert scheme.reason == "tolerance reached"
    for part, component in zip(scheme.components, f.components, strict=True):
        assert record(alone(part)) == record(mg.construct(component, tol))


def test_one_component_is_the_scalar_case_to_the_bit() -> None:
    f = mg.target("sin(9*x)*exp(-x)")
    vector, scalar = mg.construct(VectorTarget((f,)), 1e-3), mg.construct(f, 1e-3)
    assert record(vector.components[0]) == record(scalar)
    assert (vector.atoms, vector.depth, vector.lift) == (scalar.atoms, scalar.depth, (scalar.lift,))
    for how in HOW:
        many, one = vector.network(*how), scalar.network(*how)
        assert many.channels == one.channels
        for name in (*ARRAYS, "grade_end", "atom_of_layer"):
            assert np.array_equal(getattr(many, name).reshape(-1), getattr(one, name).reshape(-1))
        x = np.linspace(0, 1, 33)
        assert np.array_equal(many(x), one(x)[:, None])
        assert many.summary() == one.summary()


@pytest.mark.parametrize(("texts", "domain", "tol"), CASES)
def test_the_hats_are_the_union_of_those_of_the_components(texts: list[str], domain: Any, tol: float) -> None:
    scheme = mg.construct(mg.target(texts, domain), tol)
    for k, grade in enumerate(scheme.grades):
        own = [part.grades[k].atoms for part in scheme.components]
        tables = [dict(zip(map(tuple, g.nodes.tolist()), g.coefficients.tolist(), strict=True)) for g in own]
        nodes = sorted(set().union(*tables))
        assert list(map(tuple, grade.nodes.tolist())) == nodes
        assert grade.coefficients.tolist() == [[table.get(node, 0.0) for table in tables] for node in nodes]
    counts = [part.atoms for part in scheme.components]
    assert max(counts) <= scheme.atoms <= sum(counts)
    assert scheme.network().atoms == scheme.atoms


def test_components_that_agree_cost_no_more_than_one() -> None:
    scheme = mg.construct(mg.target(["x*(1-x)"] * 3), 1e-3)
    assert scheme.atoms == mg.construct(mg.target("x*(1-x)"), 1e-3).atoms


def test_tolerance_and_lift_may_be_given_for_each_component() -> None:
    f = mg.target(CIRCLE)
    scheme = mg.construct(f, ["1/8", 1e-3], lift=["none", -2])
    assert (scheme.tol, scheme.lift) == ((0.125, read_tol(1e-3)), (0.0, -2.0))
    assert record(alone(scheme.components[0])) == record(mg.construct(f.components[0], "1/8", lift="none"))
    assert record(alone(scheme.components[1])) == record(mg.construct(f.components[1], 1e-3, lift=-2))
    assert mg.verify(scheme).verdict is PROVED
    tighter = mg.verify(scheme, [0.125, 1e-6])
    assert [r.verdict for r in tighter.components] == [PROVED, REFUTED]
    assert tighter.last_line().startswith("REFUTED: component 2 of 2: sin(6*x) on [0, 1]: claim sup-norm")
    for wrong in ([0.1], [0.1] * 3):
        with pytest.raises(OptionError, match="one for each of the 2 components"):
            mg.construct(f, wrong)
        with pytest.raises(OptionError, match="one for each of the 2 components"):
            mg.verify(scheme, wrong)


@pytest.mark.parametrize("atoms", [0, 5, 40])
def test_the_budget_counts_hats_and_stops_all_components_at_one_level(atoms: int) -> None:
    scheme = mg.construct(mg.target(CIRCLE), 1e-3, budget=Budget(atoms=atoms))
    assert scheme.atoms <= atoms
    assert not any(part.complete for part in scheme.components)
    assert f"the budget of {atoms} atoms" in scheme.reason
    assert len({len(part.history) for part in scheme.components}) == 1
    for report in mg.verify(scheme).components:
        assert report.result("balanced").verdict is PROVED


def test_a_component_that_is_done_is_complete_even_if_another_has_to_stop() -> None:
    scheme = mg.construct(mg.target(["1+x", "sqrt(x)"]), 1e-3, budget=Budget(level=5))
    assert [part.complete for part in scheme.components] == [True, False]
    assert not scheme.complete
    assert "level allowed, 5" in scheme.reason
    report = mg.verify(scheme)
    assert [r.verdict for r in report.components] == [PROVED, Verdict.UNDECIDED]
    assert report.exit_code == 3
    assert report.last_line().startswith("UNDECIDED: component 2 of 2: sqrt(x) on [0, 1]: claim")


@pytest.mark.parametrize("stop", [0, 3])
def test_an_interrupt_keeps_the_same_levels_of_every_component(stop: int) -> None:
    def progress(level: int, done: int, cells: int) -> None:
        if level == stop + 1:
            raise KeyboardInterrupt

    f = mg.target(CIRCLE)
    whole, scheme = mg.construct(f, 1e-3), mg.construct(f, 1e-3, progress=progress)
    assert "interrupted" in scheme.reason
    kept = sum(grade.level <= stop for grade in whole.grades)
    for part, full in zip(scheme.components, whole.components, strict=True):
        assert record(part)["grades"] == record(full.prefix(kept))["grades"]


def test_progress_tells_of_all_components_together() -> None:
    told: list[tuple[int, int, int]] = []
    scheme = mg.construct(mg.target(CIRCLE), 1e-2, progress=lambda *now: told.append(now))
    levels = max(len(part.history) for part in scheme.components)
    for level in range(levels):
        own = [part.history[level].cells for part in scheme.components if level < len(part.history)]
        now = [done for at, done, cells in told if at == level and cells == sum(own)]
        assert (now[0], now[-1]) == (0, sum(own))
        assert now == sorted(now)
    assert {level for level, *_ in told} == set(range(levels))


# -- verification ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("texts", "domain", "tol"), CASES)
def test_every_component_is_proved(texts: list[str], domain: Any, tol: float) -> None:
    scheme = mg.construct(mg.target(texts, domain), tol)
    report = mg.verify(scheme)
    assert isinstance(report, VectorReport)
    assert (report.verdict, report.exit_code) == (PROVED, 0)
    assert report.last_line().startswith(f"PROVED: ({'; '.join(texts)}) on ")
    assert f"{len(scheme.grades)} grades, {scheme.atoms} atoms" in report.last_line()
    for part, own in zip(scheme.components, report.components, strict=True):
        assert own.verdict is PROVED
        single = mg.verify(alone(part))
        assert own.residual_sup_upper == single.residual_sup_upper <= part.tol
        if part.atoms:
            assert [r.verdict for r in own.results] == [r.verdict for r in single.results]
    told = json.loads(json.dumps(report.as_dict()))
    assert [c["verdict"] for c in told["components"]] == ["PROVED"] * len(texts)
    assert (told["atoms"], told["exit_code"]) == (scheme.atoms, 0)
    assert told["last_line"] == report.last_line()


def test_rows_of_a_component_are_its_grades_one_after_another_also_those_without_atoms() -> None:
    report = mg.verify(mg.construct(mg.target(CIRCLE), 1e-2))
    told = json.loads(json.dumps(report.as_dict()))["components"]
    assert any(len(grade) == 0 for part in report.components for grade in part.scheme.grades)
    for part, plain in zip(report.components, told, strict=True):
        grades = part.scheme.grades
        rows = [(row.grade, row.level, row.atoms, row.width, row.balanced, row.nonincreasing) for row in part.rows]
        assert rows[1:] == [(k, g.level, len(g), 4, PROVED, PROVED) for k, g in enumerate(grades, 1)]
        assert [row["grade"] for row in plain["grades"]] == list(range(len(grades) + 1))
        assert [row["level"] for row in plain["grades"]] == [0, *(g.level for g in grades)]


@given(vectors())
def test_every_grade_of_any_vector_has_the_row_of_its_number(scheme: VectorScheme) -> None:
    for part, report in zip(scheme.components, mg.verify(scheme).components, strict=True):
        grades = part.grades[: len(report.rows) - 1]
        assert [row.grade for row in report.rows] == list(range(len(grades) + 1))
        assert [(row.level, row.atoms) for row in report.rows[1:]] == [(g.level, len(g)) for g in grades]
        assert [row.total_atoms for row in report.rows] == [0, *itertools.accumulate(map(len, grades))]
        assert {row.total_width for row in report.rows[1:]} <= {block_width(part.dim)}
        assert all(row.balanced is row.nonincreasing is PROVED for row in report.rows[1:] if not row.atoms)


def test_hats_are_neither_true_nor_false_however_many_there_are() -> None:
    scheme = by_hand()
    found = [*scheme.grades, *(g for part in scheme.components for g in part.grades)]
    assert {len(g) for g in found} == {0, 2, 3}
    for hats in [*found, *(g.atoms for part in scheme.components for g in part.grades)]:
        with pytest.raises(TypeError, match=r"neither true nor false.*len\(\) or `is not None`"):
            bool(hats)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_planted_defect_is_refuted_in_its_component_and_nowhere_else(number: int) -> None:
    scheme = mg.construct(mg.target(["cos(6*x)", "sin(6*x)", "exp(-x)"]), 1e-2)
    parts = list(scheme.components)
    part = parts[number - 1]
    at = next(k for k, grade in enumerate(part.grades) if len(grade))
    g = part.grades[at].atoms
    large = Atoms(g.level, g.nodes, g.coefficients * np.where(np.arange(len(g)) == 0, 4.0, 1.0))
    grades = [large if k == at else grade.atoms for k, grade in enumerate(part.grades)]
    parts[number - 1] = Scheme.of(part.target, part.lift, grades, part.tol)
    report = mg.verify(VectorScheme(tuple(parts)))
    assert [r.verdict for r in report.components] == [REFUTED if j == number else PROVED for j in (1, 2, 3)]
    assert report.exit_code == 1
    assert report.last_line().startswith(f"REFUTED: component {number} of 3: {part.target.text} on [0, 1]: claim ")


def test_certificates_of_the_components_are_verified_by_the_independent_checker(tmp_path: Path) -> None:
    report = mg.verify(mg.construct(mg.target(CIRCLE), 1e-2))
    files = [report.components[j].certificate().save(tmp_path / f"{j}.json") for j in range(2)]
    for file in files:
        assert check.main([str(file), "--engine", "mpmath"]) == 0
    again = VectorScheme.of([mg.load_scheme(file) for file in files])
    assert [record(p)["grades"] for p in again.components] == [record(p)["grades"] for p in report.scheme.components]


# -- networks --------------------------------------------------------------------------------------


def after_hats(scheme: VectorScheme, t: Sequence[Fraction], k: int) -> tuple[Fraction, ...]:
    """The lift and the first k hats at one point, by barycentric coordinates."""
    total, left = [Fraction(c) for c in scheme.lift], k
    for grade in scheme.grades:
        weights = barycentric(t, grade.level)
        for node, c in list(zip(grade.nodes.tolist(), grade.coefficients.tolist(), strict=True))[:left]:
            weight = weights.get(tuple(node), Fraction(0))
            total = [s + Fraction(v) * weight for s, v in zip(total, c, strict=True)]
        left = max(left - len(grade), 0)
    return tuple(total)


@given(vectors(), st.sampled_from(HOW), st.data())
def test_the_network_is_the_scheme_of_every_component(
    scheme: VectorScheme, how: tuple[str, str], data: st.DataObject
) -> None:
    network = compile_network(scheme, *how)
    results = verify_network(network, scheme)
    assert [r.verdict for r in results] == [PROVED] * len(scheme)
    t = [data.draw(st.fractions(0, 1, max_denominator=50)) for _ in range(scheme.dim)]
    point = in_box(scheme.components[0], t)
    assert network.exact(point) == scheme.exact(point) == after_hats(scheme, t, scheme.atoms)
    k = data.draw(st.integers(0, network.grades))
    truth = scheme.exact(point, k) if how[0] == "block" else after_hats(scheme, t, k)
    assert network.exact(point, k) == network.prefix(k).exact(point) == truth


@given(vectors(), st.sampled_from(HOW), st.integers(0, 4))
def test_all_arithmetics_agree_at_nodes(scheme: VectorScheme, how: tuple[str, str], level: int) -> None:
    network, box = compile_network(scheme, *how), scheme.target.box
    nodes = np.array(list(itertools.product(range(0, 2**level + 1, 3), repeat=scheme.dim)))
    values = network.exact_at(level, nodes)
    for j, part in enumerate(scheme.components):
        assert [value[j] for value in values] == scheme_at(part, level, nodes)
    if (box.lower, box.upper) == ((0,) * scheme.dim, (1,) * scheme.dim):
        x = np.ldexp(nodes.astype(float), -level)
        bounds, computed = network.interval(x, x), network(x)
        exact = network.float64_is_exact(level, nodes)
        for n, row in enumerate(values):
            assert all(lo <= v <= hi for lo, v, hi in zip(bounds.lo[n], row, bounds.hi[n], strict=True))
            assert not exact or tuple(map(Fraction, computed[n].tolist())) == row
            mp = network.mp(box.point(nodes[n].tolist(), level), 60)
            assert all(abs(float(m) - v) <= 1e-9 * (1 + abs(v)) for m, v in zip(mp, row, strict=True))


@given(vectors(), st.sampled_from(HOW))
def test_width_and_depth_follow_their_formulas(scheme: VectorScheme, how: tuple[str, str]) -> None:
    network = compile_network(scheme, *how)
    d, m = scheme.dim, len(scheme)
    granularity, gadget = how
    if gadget == "wide":
        assert network.width == (block_width(d, m) if granularity == "block" else unit_width(d))
        assert network.depth == scheme.depth
    assert network.depth == scheme.atoms * network.layers_per_atom
    assert network.readout.shape == (network.grades, m, network.width)
    assert (network.is_vector, network.outputs, network.lift) == (True, m, scheme.lift)


def test_prefixes_share_every_number_with_the_whole() -> None:
    scheme = mg.construct(mg.target(CIRCLE), 1e-2)
    for how in HOW:
        whole = scheme.network(*how)
        for k in range(len(scheme.grades) + 1):
            part = scheme.prefix(k).network(*how)
            for name in (*ARRAYS, "grade_end", "atom_of_layer"):
                assert np.array_equal(getattr(part, name), getattr(whole, name)[: len(getattr(part, name))])


def test_summary_and_words_of_a_small_network() -> None:
    network = compile_network(by_hand())
    assert network.channels == ("x1", "phi, upper", "lower", "sum 1 + C", "sum 2 + C")
    assert network.coefficients().tolist() == [[1.5, 0.0], [-2.0, 0.75], [0.0, 0.5], [0.0, 0.125], [0.0, -4.0]]
    assert network.readout_bias.tolist() == [[-2.0, -1.0], [0.0, -4.0]]
    words = network.describe(network.depth - 1).splitlines()
    assert "  channel 3: the running sum of component 1: C + c phi of atom 1; C = 0" in words
    assert words[-1] == "  read out: component 2 of g_2 = channel 4 - C + -4 times channel 1"


def moved(network: Network, name: str, place: Any, by: float) -> Network:
    """The network with one number changed."""
    array = getattr(network, name).copy()
    array[place] += by
    return replace(network, **{name: array})


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ARRAYS)
def test_a_changed_number_is_found_in_exactly_the_components_that_it_changes(name: str, how: tuple[str, str]) -> None:
    """Numbers of a small network in turn; which values they change is found by evaluating it on a grid."""
    scheme = by_hand()
    network, nodes = compile_network(scheme, *how), np.arange(17)[:, None]
    truth = [scheme_at(part, 4, nodes) for part in scheme.components]
    places = list(np.ndindex(getattr(network, name).shape))
    for place in places[:: 1 if len(places) < 60 else 7]:
        bad = moved(network, name, place, 0.375)
        values = list(zip(*bad.exact_at(4, nodes), strict=True))
        results = verify_network(bad, scheme)
        owner = place[1] if name.startswith("readout") else place[1] - network.gadget.width
        for j, result in enumerate(results):
            if list(values[j]) != truth[j]:
                assert result.verdict is REFUTED, (place, result)
            if 0 <= owner != j:
                assert result.verdict is PROVED, (place, result)
            if result.witness is not None:
                at, k = result.witness.x, result.witness.grade
                true = scheme.exact(at, k) if how[0] == "block" else after_hats(scheme, at, k)
                assert bad.exact(at, k)[j] != true[j]


def test_a_sum_that_reads_the_sum_of_another_component_is_found() -> None:
    scheme = by_hand()
    network = compile_network(scheme)
    one, two = verify_network(moved(network, "weights", (2, 4, 3), 0.5), scheme)
    assert (one.verdict, two.verdict) == (PROVED, REFUTED)
    assert "layer 2, channel 4 (sum 2 + C): weight 0.5 on channel 3, not 0;" in two.evidence
    one, two = verify_network(moved(network, "readout", (0, 0, 4), 1.0), scheme)
    assert (one.verdict, two.verdict) == (REFUTED, PROVED)
    assert "readout of grade 1: weight 1 on channel 4, not 0;" in one.evidence
    results = verify_network(moved(network, "weights", (2, 1, 3), 0.5), scheme)
    assert [r.verdict for r in results] == [REFUTED, REFUTED]


def test_a_lost_hat_is_not_proved_although_network_and_proof_look_at_the_same_union(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The union of the atoms serves the compiler and the proof; the proof holds it against the components."""
    real = VectorAtoms.of

    def lossy(parts: Sequence[Atoms]) -> VectorAtoms:
        g = real(parts)
        c = g.coefficients.copy()
        c[0, -1] = 0.0
        return replace(g, coefficients=c)

    scheme = mg.construct(mg.target(CIRCLE), 1e-1)
    monkeypatch.setattr(VectorAtoms, "of", lossy)
    lost = VectorScheme(scheme.components)
    one, two = verify_network(compile_network(lost), lost)
    assert (one.verdict, two.verdict) == (PROVED, REFUTED)
    assert two.evidence.startswith("the hats of the scheme are not those of its components; x = ")


def test_swapped_components_are_refuted() -> None:
    scheme = by_hand()
    swapped = VectorScheme(scheme.components[::-1])
    assert [r.verdict for r in verify_network(compile_network(swapped), scheme)] == [REFUTED, REFUTED]


def test_results_of_the_network_join_the_reports_of_the_components() -> None:
    scheme = mg.construct(mg.target(CIRCLE), 1e-1)
    report, network = mg.verify(scheme), scheme.network()
    joined = report.with_results(verify_network(network, scheme))
    assert joined.verdict is PROVED
    assert [r.result("network").verdict for r in joined.components] == [PROVED, PROVED]
    bad = report.with_results(verify_network(moved(network, "readout_bias", (0, 1), 0.5), scheme))
    assert [r.verdict for r in bad.components] == [PROVED, REFUTED]
    assert bad.last_line().startswith("REFUTED: component 2 of 2: sin(6*x) on [0, 1]: claim network: readout of grade")
    with pytest.raises(OptionError, match="one result for each of the 2 components"):
        report.with_results([Result("network", PROVED, "")])


def test_networks_and_schemes_of_another_kind_or_count_are_refused() -> None:
    scheme = by_hand()
    scalar = scheme.components[0]
    for network, other in [
        (compile_network(scheme), scalar),
        (compile_network(scalar), scheme),
        (compile_network(VectorScheme((scalar,))), scalar),
        (compile_network(VectorScheme((scalar,))), scheme),
    ]:
        with pytest.raises(OptionError, match=r"the network has (vectors|numbers).*, the scheme (vectors|numbers)"):
            verify_network(network, other)


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_an_archive_gives_back_the_network(how: tuple[str, str], tmp_path: Path) -> None:
    network = compile_network(by_hand(), *how)
    save_npz(network, tmp_path / "n.npz")
    again = load_npz(tmp_path / "n.npz")
    assert (again.lift, again.channels, again.box) == (network.lift, network.channels, network.box)
    for name in (*ARRAYS, "grade_end", "atom_of_layer"):
        assert np.array_equal(getattr(again, name), getattr(network, name))


@pytest.mark.parametrize("layout", ["unrolled", "scan"])
@pytest.mark.parametrize("granularity", ["block", "unit"])
def test_onnx_models_have_one_column_per_component(layout: str, granularity: str) -> None:
    pytest.importorskip("onnxruntime")
    from mgdl_theory.relu.onnx_model import onnx_model, run_onnx

    network = compile_network(by_hand(), granularity)
    x = np.ldexp(np.arange(17.0), -4)[:, None]
    model = onnx_model(network, layout=layout, partial_sums=True)
    y, sums = run_onnx(model, x, ("y", "partial_sums"))
    assert np.array_equal(y, network(x))
    assert sums.shape == (17, network.grades + 1, 2)
    for k in range(network.grades + 1):
        assert np.array_equal(sums[:, k], network(x, k))
    found = agreement(network, lambda at: run_onnx(model, at)[0], "onnxruntime", points=64)
    assert found.equal == found.dyadic


@pytest.mark.parametrize("scheme", [by_hand(), by_hand().prefix(0), by_hand().components[0].prefix(0)])
def test_torch_files_hold_the_matrices(scheme: Scheme | VectorScheme, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    network = compile_network(scheme)
    save_torch(network, tmp_path / "n.pt")
    found = agreement(network, torch_values(tmp_path / "n.pt"), "torch", points=32)
    assert found.equal == found.dyadic > 0


def test_measurements_take_the_worst_component() -> None:
    network = compile_network(by_hand())
    good = agreement(network, float32_values(network), "NumPy", "float32", 64)
    assert good.equal == good.dyadic > 0
    wrong = agreement(network, lambda x: network(x) + np.array([0.0, 0.5]), "shifted", points=64)
    assert wrong.equal == 0
    assert 0.5 <= wrong.largest < 0.5001


# -- wrong input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "error", "text"),
    [
        ([], TargetError, "at least one component"),
        (["x", 3], TargetError, "component 2: expected a formula or a scalar target, got 3"),
        (["x", ["y"]], TargetError, "component 2"),
        (["x", "sine(x)"], ExpressionError, "unknown name 'sine'"),
        (["x", ""], ExpressionError, "the formula is empty"),
        (["x", "log(x)"], TargetError, r"log\(x\) is undefined"),
        ([lambda x: x], TargetError, "component 1: expected a formula or a scalar target"),
    ],
)
def test_what_is_no_vector_target_is_refused(sources: list[Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        mg.target(sources)


def test_components_live_on_one_box_and_have_the_same_variables() -> None:
    f = mg.target(["x", "x*y", "1"], [0, 2])
    assert [c.dim for c in f.components] == [2, 2, 2]
    assert f([[0.5, 1.5]]).tolist() == [[0.5, 0.75, 1.0]]
    assert mg.target([mg.target("x", [0, 2]), "x**2"]).box == mg.target("x", [0, 2]).box
    assert mg.target((mg.target("x*y"), "x")).dim == 2
    with pytest.raises(TargetError, match="another domain"):
        mg.target([mg.target("x", [0, 2]), mg.target("x")])
    with pytest.raises(TargetError, match="another domain"):
        mg.target([mg.target("x", [0, 2]), "x"], [0, 1])
    with pytest.raises(DomainError, match="pairs of ends"):
        mg.target(["x", "x*y"], [0, 1, 2])
    with pytest.raises(OptionError, match="lipschitz: it belongs to one component"):
        mg.target(["x"], lipschitz=3)


def test_a_component_may_be_a_python_function_with_a_modulus() -> None:
    f = mg.target(["x", mg.target(lambda x: np.abs(x - 0.5), lipschitz=1)])
    assert f.certified
    report = mg.verify(mg.construct(f, 0.05))
    assert report.verdict is PROVED
    evidence = mg.target(["x", mg.target(lambda x: np.abs(x - 0.5))])
    assert not evidence.certified


def test_schemes_with_different_grades_are_refused_and_aligned_by_of() -> None:
    one, two = by_hand().components
    with pytest.raises(SchemeError, match="different levels"):
        VectorScheme((alone(one), alone(two)))
    with pytest.raises(SchemeError, match="at least one component"):
        VectorScheme(())
    with pytest.raises(TargetError, match="another domain"):
        VectorScheme.of([one, Scheme.of(mg.target("x", [0, 2]), 0.0, [], 1.0)])
    twice = Scheme.of(one.target, 0.0, [atoms(1, {(0,): 1.0}), atoms(1, {(1,): 1.0}), atoms(3, {(5,): 1.0})], 1.0)
    both = VectorScheme.of([alone(two), twice])
    assert [grade.level for grade in both.grades] == [1, 1, 2, 3]
    assert [[len(g) for g in part.grades] for part in both.components] == [[2, 0, 2, 0], [1, 1, 0, 1]]
    assert VectorAtoms.of([g.atoms for g in (both.components[0].grades[1], both.components[1].grades[1])]).nodes == [
        [1]
    ]


def test_what_there_is_by_component_only_says_so() -> None:
    scheme = by_hand()
    for make in (certificate, cell_ranges):
        with pytest.raises(OptionError, match=r"a VectorScheme has them by component; take its components\[0\]"):
            make(scheme)


def test_calls_have_one_column_per_component() -> None:
    scheme = by_hand()
    x = np.array([0.0, 0.25, 0.5])
    assert scheme(x).tolist() == [[1.0, 0.25], [-0.75, 0.75], [-2.5, 1.0]]
    assert scheme(x, 1).tolist() == [[1.0, 0.25], [-0.75, 0.625], [-2.5, 1.0]]
    assert scheme.residual(x).tolist() == [[-1.0, -0.25], [1.0, -0.5], [3.0, -0.5]]
    assert scheme.exact([Fraction(1, 4)]) == (Fraction(-3, 4), Fraction(3, 4))
    assert compile_network(scheme)(x).tolist() == scheme(x).tolist()


# -- command line ----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    try:
        code = main(list(words))
    except SystemExit as stop:
        code = int(str(stop.code))
    return code, *capsys.readouterr()


def test_verify_reads_components_separated_by_semicolons(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(
        capsys, "verify", "cos(6*x); sin(6*x)", "--tol", "1e-2", "--grid", "9", "--norms", "1",
        "--json", str(tmp_path / "r.json"), "--certificate", str(tmp_path / "c.json.gz"),
    )  # fmt: skip
    assert code == 0
    last = out.splitlines()[-1]
    assert last.startswith("PROVED: (cos(6*x); sin(6*x)) on [0, 1]: 2 components, ")
    for word in ("component 1 of 2", "component 2 of 2", "f = cos(6*x)", "f = sin(6*x)"):
        assert word in out
    told = json.loads((tmp_path / "r.json").read_text())
    assert (told["last_line"], len(told["components"])) == (last, 2)
    assert {c["claim"] for c in told["components"][1]["claims"]} >= {"grid", "balanced"}
    for j in (1, 2):
        assert run(capsys, "check", str(tmp_path / f"c.{j}.json.gz"), "--engine", "mpmath")[0] == 0


def test_names_of_the_gallery_are_components_at_the_tolerance_given(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "verify", "@takagi; x", "--tol", "0.05", "--quiet")
    assert code == 0
    assert out.endswith("<= tol = 0.05\n")
    assert mg.target(["@takagi", "x"]).dim == 1
    code, _, err = run(capsys, "verify", "x; @tagaki")
    assert code == 2
    assert "@takagi" in err


def test_verify_names_the_component_that_is_not_proved(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "verify", "1+x;sqrt(x)", "--max-level", "4", "--quiet")
    assert code == 3
    assert out.startswith("UNDECIDED: component 2 of 2: sqrt(x) on [0, 1]: claim ")


def test_export_writes_and_refuses_for_vectors(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "export", "x*y; x", "--tol", "0.1", "--to", str(tmp_path / "n.npz"))
    assert code == 0
    assert out.splitlines()[-1].startswith("PROVED: (x*y; x) on [0, 1]^2: ")
    assert load_npz(tmp_path / "n.npz").outputs == 2
    code, _, err = run(capsys, "export", "x*y; x", "--to", str(tmp_path / "n.csv"))
    assert code == 2
    assert "one component" in err
    assert not (tmp_path / "n.csv").exists()


def test_draw_shows_the_sums_of_all_components(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "draw", "x*x; x", "--tol", "0.1", "--out", str(tmp_path / "n.tex"))
    assert code == 0
    assert "width 5" in out
    assert "2 components" in (tmp_path / "n.tex").read_text()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("verify", "x;"), "the formula is empty"),
        (("verify", ";"), "the formula is empty"),
        (("verify", "x; __import__('os')"), "__import__"),
        (("plot", "x;x*x", "--kind", "mesh", "--out", "p.png"), "plot: shows one function, got 2 components"),
        (("animate", "x;x*x", "--out", "p.gif"), "animate: shows one function, got 2 components"),
    ],
)
def test_wrong_vectors_end_in_one_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], text: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert text in err
