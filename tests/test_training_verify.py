"""Verification of trained networks: enclosures against exact arithmetic, right verdicts, planted claims that fall."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.mesh import Mesh
from mgdl_theory.relu.enclosures import bends, grade_enclosures, last_on_cells
from mgdl_theory.training import Adam, Data, TrainedGrade, TrainedModel, load_model, sample, train
from mgdl_theory.verification import trained as verifier
from mgdl_theory.verification.piecewise_linear import BrokenLine, growth


def random_model(dim: int, grades: int, seed: int, width: int = 5) -> TrainedModel:
    rng = np.random.default_rng(seed)
    model = TrainedModel(mg.Box.of([0, 1], dim))
    below = dim
    for _ in range(grades):
        shapes = [(width, below), (width, width)]
        weights = tuple(rng.standard_normal(shape) for shape in shapes)
        biases = tuple(rng.standard_normal(width) for _ in shapes)
        model = model.with_grade(
            TrainedGrade(weights, biases, rng.standard_normal(width), float(rng.standard_normal()))
        )
        below = width
    return model


def line(*slopes: float, root: float = 0.0) -> TrainedModel:
    """Grades g_k = slope_k (x - root) on [0, 1]."""
    model = TrainedModel(mg.Box.of([0, 1]))
    for slope in slopes:
        model = model.with_grade(TrainedGrade((np.eye(1),), (np.zeros(1),), np.array([slope]), -root * slope))
    return model


def naive(model: TrainedModel, t: list[Fraction]) -> list[Fraction]:
    """The grades at one point, by the definition, in rational numbers."""
    h, out = t, []
    for grade in model.grades:
        for w, b in zip(grade.weights, grade.biases, strict=True):
            h = [
                max(sum((Fraction(a) * x for a, x in zip(row, h, strict=True)), Fraction(c)), Fraction(0))
                for row, c in zip(w.tolist(), b.tolist(), strict=True)
            ]
        terms = (Fraction(a) * x for a, x in zip(grade.readout.tolist(), h, strict=True))
        out.append(sum(terms, Fraction(grade.constant)))
    return out


@pytest.mark.parametrize("dim", [1, 2])
def test_exact_values_are_those_of_the_definition_and_enclosures_hold_them(dim: int) -> None:
    model = random_model(dim, 3, dim)
    t = np.random.default_rng(0).random((20, dim))
    exact = model.exact(t)
    assert exact == [naive(model, [Fraction(v) for v in row]) for row in t.tolist()]
    for k, enclosed in enumerate(grade_enclosures(model, t)):
        for lo, hi, values in zip(enclosed.lo.tolist(), enclosed.hi.tolist(), exact, strict=True):
            assert Fraction(lo) <= values[k] <= Fraction(hi)
            assert hi - lo < 1e-9  # sharp, too


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("level", [1, 4])
def test_a_network_is_within_its_bend_of_its_interpolant(dim: int, level: int) -> None:
    model, dice = random_model(dim, 2, 10 + dim), random.Random(level)
    for _ in range(25):
        cell = [dice.randrange(1 << level) for _ in range(dim)]
        bend = bends(model, level, np.array([cell]))[:, 0]
        order = dice.sample(range(dim), dim)
        vertices = [[Fraction(c, 1 << level) for c in cell]]
        for axis in order:
            vertices.append([v + (Fraction(1, 1 << level) if a == axis else 0) for a, v in enumerate(vertices[-1])])
        weights = [Fraction(dice.randrange(1, 9)) for _ in vertices]
        weights = [w / sum(weights) for w in weights]
        inside = [sum(w * v[a] for w, v in zip(weights, vertices, strict=True)) for a in range(dim)]
        ends, middle = [naive(model, v) for v in vertices], naive(model, inside)
        for k, value in enumerate(middle):
            assert abs(value - sum(w * e[k] for w, e in zip(weights, ends, strict=True))) <= Fraction(float(bend[k]))


def test_a_cell_without_a_kink_has_next_to_no_bend() -> None:
    kink = TrainedModel(mg.Box.of([0, 1])).with_grade(
        TrainedGrade((np.ones((1, 1)),), (np.array([-0.375]),), np.ones(1), 0.0)
    )
    found = bends(kink, 2, np.arange(4)[:, None])[0]
    assert found[[0, 2, 3]].max() < 1e-14
    assert found[1] == pytest.approx(1 / 16)


def test_certified_sup_norms_enclose_a_known_one() -> None:
    report = mg.verify(line(1.0, 0.5).on(mg.target("2*x")))
    for row, sup in zip(report.rows, (2.0, 1.0, 0.5), strict=True):
        assert row.residual_sup_lower <= sup <= row.residual_sup_upper <= 1.06 * sup
    assert [row.relative_error for row in report.rows] == pytest.approx([1.0, 0.25, 0.0625])


@pytest.mark.parametrize("dim", [1, 2])
def test_certified_sup_norms_hold_at_samples(dim: int) -> None:
    model, f = random_model(dim, 2, 3), mg.target("sin(3*x)" if dim == 1 else "sin(3*x)*y")
    report = mg.verify(model.on(f), cells=30_000)
    t = np.random.default_rng(1).random((3000, dim))
    e = f(t)[:, None] - np.cumsum(model.grade_values(t), axis=1)
    for row, column in zip(report.rows[1:], e.T, strict=True):
        assert np.abs(column).max() <= row.residual_sup_upper
        assert row.residual_sup_upper <= 1.5 * np.abs(column).max()


def test_shrinking_grades_are_proved() -> None:
    report = mg.verify(line(0.25, 0.5, root=-1.0).on(mg.target("2 + x")), tol=2.0)
    assert report.verdict is mg.Verdict.PROVED
    assert report.exit_code == 0
    assert report.last_line().startswith("PROVED")


def test_a_grade_that_is_zero_is_trivial() -> None:
    report = mg.verify(line(1.0, 0.0).on(mg.target("2 + sin(9*x)")))
    assert report.rows[2].nonincreasing is mg.Verdict.PROVED
    assert report.result("l2-decrease").verdict is mg.Verdict.PROVED


def hat(centre: float, height: float) -> TrainedGrade:
    """One hat of half width 1/8, which is 0 outside by three neurons that cancel."""
    places = centre + np.array([-0.125, 0.0, 0.125])
    return TrainedGrade((np.ones((3, 1)),), (-places,), height * np.array([8.0, -16.0, 8.0]), 0.0)


def test_a_grade_that_is_0_on_cells_by_cancellation_is_proved() -> None:
    """Rounding hides the sign of the sum; its exact value at the corners of a cell without a kink does not."""
    f = mg.target("2 + sin(9*x)")
    for height, verdict in ((0.7, mg.Verdict.PROVED), (-0.7, mg.Verdict.REFUTED)):
        report = mg.verify(TrainedModel(f.box, (hat(0.25, height),)).on(f))
        assert report.rows[1].nonincreasing is verdict


@pytest.mark.parametrize("text", ["x", "x + y + z", "x*y + x"])
def test_a_part_of_a_function_that_is_0_at_a_corner_is_proved(text: str) -> None:
    f = mg.target(text)
    grade = TrainedGrade((np.array([[1.0, 0.5, 0.25][: f.dim]]),), (np.zeros(1),), np.array([0.1]), 0.0)
    report = mg.verify(TrainedModel(f.box, (grade,)).on(f))
    expected = mg.Verdict.REFUTED if text == "x*y + x" else mg.Verdict.PROVED
    assert report.rows[1].nonincreasing is expected


@pytest.mark.parametrize("text", ["sin(5*x) + 2", "x*y + 1", "exp(-x)*cos(4*x)"])
def test_the_network_of_a_construction_is_proved_as_if_it_were_trained(text: str) -> None:
    """Whose grades are balanced: 0 outside of their stars, and of the sign of the residual inside."""
    f = mg.target(text)
    network = mg.construct(f, tol="1/8", lift="none").network()
    report = mg.verify(TrainedModel.from_network(network).on(f))
    assert report.result("nonincreasing").verdict is mg.Verdict.PROVED


def test_a_planted_growth_is_refuted_with_a_point_that_shows_it() -> None:
    model = line(0.5, -0.25, 0.25, root=-1.0)
    report = mg.verify(model.on(mg.target("2 + x")))
    assert [str(row.nonincreasing) for row in report.rows[1:]] == ["PROVED", "REFUTED", "PROVED"]
    witness = report.result("nonincreasing").witness
    assert witness is not None
    assert witness.grade == 2
    g = naive(model, list(witness.x))
    before = 2 + witness.x[0] - g[0]
    assert abs(before - g[1]) > abs(before)
    assert Fraction(witness.before[0]) <= before <= Fraction(witness.before[1])
    assert Fraction(witness.after[0]) <= before - g[1] <= Fraction(witness.after[1])
    assert report.exit_code == 1
    assert report.last_line().startswith("REFUTED")


def grows(witness: Any) -> float:
    return max(witness.after[0], -witness.after[1]) - max(-witness.before[0], witness.before[1])


def test_growth_is_shown_where_it_is_largest_and_not_at_a_zero_that_any_network_misses() -> None:
    """|e| grows by 1/8 at 0 after the first grade, where f = 0; by 2 at 1 after the second."""
    constant = TrainedGrade((np.eye(1),), (np.zeros(1),), np.zeros(1), 0.125)
    first = TrainedModel(mg.Box.of([0, 1])).with_grade(constant)
    witness = mg.verify(first.on(mg.target("x"))).result("nonincreasing").witness
    assert witness is not None
    assert witness.x != (Fraction(0),)
    assert grows(witness) >= 0.9 * 0.125
    second = first.with_grade(TrainedGrade((np.eye(1),), (np.zeros(1),), np.array([-2.0]), 0.0))
    report = mg.verify(second.on(mg.target("x")))
    chosen = report.result("nonincreasing").witness
    assert chosen is not None
    assert (chosen.x, chosen.grade) == ((Fraction(1),), 2)
    assert grows(chosen) == pytest.approx(2.0)
    assert report.rows[1].witness == witness  # every grade keeps its own
    zero = mg.verify(first.on(mg.target("0*x"))).result("nonincreasing").witness
    assert zero is not None
    assert grows(zero) == 0.125  # where f is 0 everywhere there is no other point


@pytest.mark.parametrize("dim", [1, 2])
def test_the_growth_of_a_witness_is_nearly_the_largest_of_all_grades(dim: int) -> None:
    for seed in range(4):
        model, f = random_model(dim, 3, seed), mg.target("1 + x" if dim == 1 else "1 + x*y")
        witness = mg.verify(model.on(f)).result("nonincreasing").witness
        t = np.random.default_rng(seed).random((4000, dim))
        e = np.abs(f(t)[:, None] - np.cumsum(np.column_stack([np.zeros(len(t)), model.grade_values(t)]), axis=1))
        assert witness is not None
        assert grows(witness) >= 0.9 * np.diff(e, axis=1).max()


def test_on_broken_lines_growth_is_found_where_it_is_nearly_largest() -> None:
    rng = random.Random(5)
    for _ in range(30):
        knots = (Fraction(0), *sorted({Fraction(rng.randrange(1, 60), 60) for _ in range(4)}), Fraction(1))
        e, g = (BrokenLine(knots, tuple(Fraction(rng.randrange(-9, 10), 3) for _ in knots)) for _ in range(2))
        t = growth(e, g)
        places = [Fraction(n, 720) for n in range(721)]
        found = [abs(e.at(s) - g.at(s)) - abs(e.at(s)) for s in places]
        if t is None:
            assert max(found) <= 0
        else:
            assert e.at(t)
            assert abs(e.at(t) - g.at(t)) - abs(e.at(t)) >= max(found) * Fraction(3, 4)
            assert t.denominator & (t.denominator - 1) == 0


def test_a_planted_false_tolerance_is_refuted_and_a_true_one_proved() -> None:
    f, model = mg.target("2*x"), line(1.0)
    assert mg.verify(model.on(f), "1.01").result("sup-norm").verdict is mg.Verdict.PROVED
    refuted = mg.verify(model.on(f), "0.9").result("sup-norm")
    assert refuted.verdict is mg.Verdict.REFUTED
    assert refuted.witness is not None
    assert refuted.witness.x == (Fraction(1),)


def test_growth_of_the_sum_of_squares_is_refuted() -> None:
    data = Data(np.array([[0.5], [1.0]]), np.array([1.0, 1.0]))
    result = mg.verify(line(-1.0).on(mg.target("1 + 0*x")), data=data).result("l2-decrease")
    assert result.verdict is mg.Verdict.REFUTED
    assert result.witness is not None
    assert result.witness.x == (Fraction(1),)


def test_a_narrow_growth_between_the_nodes_is_not_proved() -> None:
    """A spike of width 2^-12 beside the nodes of the first mesh: it must be found, or left open."""
    w, p = 2.0**-12, 0.5 + 2.0**-10
    spike = TrainedGrade((np.ones((3, 1)),), (-np.array([p - w, p, p + w]),), np.array([-1.0, 2.0, -1.0]) / w, 0.0)
    model = TrainedModel(mg.Box.of([0, 1])).with_grade(spike)
    assert mg.verify(model.on(mg.target("1 + x"))).rows[1].nonincreasing is mg.Verdict.REFUTED


def test_what_is_trained_is_held_to_its_claims() -> None:
    f = mg.target("sin(6*x)*exp(-x)")
    data = sample(f, 65)
    model = train(data, [Adam(width=6, epochs=20)] * 2)
    report = mg.verify(model.on(f), data=data)
    assert report.result("l2-decrease").verdict is mg.Verdict.PROVED
    assert report.result("nonincreasing").verdict is mg.Verdict.REFUTED
    assert report.as_dict()["exit_code"] == 1
    assert "REFUTED" in str(report)


def test_a_callable_without_a_modulus_is_evidence_only() -> None:
    report = mg.verify(line(0.25, root=-1.0).on(mg.target(lambda x: 2 + x)), tol=3)
    assert report.result("nonincreasing").verdict is mg.Verdict.EVIDENCE
    assert report.exit_code == 3


def test_another_domain_is_refused() -> None:
    with pytest.raises(mg.OptionError, match="another domain"):
        mg.verify(line(1.0).on(mg.target("x", domain=[0, 2])))
    with pytest.raises(mg.SchemeError, match="reads 1 features"):
        replace(line(1.0), box=mg.Box.of([0, 1], 2))


# -- the command -----------------------------------------------------------------------------------

SHORT = ["--grades", "2", "--width", "6", "--epochs", "10", "--points", "65"]


@pytest.mark.parametrize(
    ("options", "code", "verdict"), [(["--balanced", "yes"], 0, "PROVED"), (["--solver", "convex"], 1, "REFUTED")]
)
def test_the_last_line_of_train_agrees_with_the_exit_code(
    options: list[str], code: int, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "sin(6*x)", *SHORT, *options]) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"{verdict}: sin(6*x) on [0, 1]")
    assert any("|e| falls" in line for line in lines)


def test_train_goes_on_from_its_state_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--state", str(tmp_path / "s.npz"), "--json", str(tmp_path / "r.json")]
    assert main(["train", "2 + x", *SHORT, "--quiet", *files]) in (0, 1, 3)
    first = json.loads((tmp_path / "r.json").read_text())
    assert main(["train", "2 + x", "--grades", "3", *SHORT[2:], "--quiet", *files]) in (0, 1, 3)
    second = json.loads((tmp_path / "r.json").read_text())
    assert first["grades"] == second["grades"][:3]
    assert len(second["grades"]) == 4
    assert capsys.readouterr().out.splitlines()[-1] == second["last_line"]


def test_an_interrupted_train_says_where_its_grades_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state.npz"

    def stopped(data: Data, specs: list[Adam], **options: Any) -> TrainedModel:
        train(data, specs[:1], **options)
        raise KeyboardInterrupt

    monkeypatch.setattr("mgdl_theory.training.train", stopped)
    asked = ["train", "x**2", "--grades", "2", "--width", "4", "--epochs", "5", "--points", "9", "--state", str(state)]
    assert main(asked) == 3
    said = capsys.readouterr()
    assert said.err.strip().endswith(f"the finished grades are in {state}: the same command goes on")
    assert said.out.startswith("UNDECIDED: interrupted")
    monkeypatch.undo()
    assert main(asked) == 1
    assert len(load_model(state).grades) == 2


@pytest.mark.parametrize("wrong", [["--grades", "0"], ["--width", "1"], ["--state", "s.npz", "--balanced", "yes"]])
def test_train_refuses_wrong_options(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "x", *wrong]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_what_is_left_of_a_budget_goes_to_the_worst_cells() -> None:
    """Two steep neurons cancel but for a step along a line: cells there are split far beyond the uniform level."""
    f = mg.target("sin(9*x)*cos(7*y)")
    rows, biases = np.array([[400.0, 240.0]] * 2), np.array([-300.0, -301.0])
    model = TrainedModel(f.box).with_grade(TrainedGrade((rows,), (biases,), np.array([1.0, -1.0]), 0.0))
    seen: list[tuple[int, int, int]] = []
    report = mg.verify(model.on(f), cells=1900, progress=lambda *now: seen.append(now))
    assert sum(cells for _, done, cells in seen if done) <= 1900
    assert max(level for level, *_ in seen) >= 9  # 4^6 cells are over the budget
    coarse = mg.verify(model.on(f), cells=1024)
    assert report.rows[-1].residual_sup_lower <= 2 < report.residual_sup_upper < 0.5 * coarse.residual_sup_upper
    assert np.isclose(mg.verify(model.on(f), cells=1 << 20).residual_sup_upper, 2, rtol=0.1)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_cells_that_are_said_to_be_affine_are(dim: int) -> None:
    """Weights of few bits, so that kinks lie on nodes and on cells; the middle of a cell is the mean of its corners."""
    dice, seen = np.random.default_rng(dim), [0, 0]
    for _ in range(30):
        model, below = TrainedModel(mg.Box.of([0, 1], dim)), dim
        for width in dice.integers(1, 4, 2).tolist():
            weights = dice.integers(-2, 3, (width, below)).astype(float)
            readout = dice.integers(-2, 3, width) / 4
            model = model.with_grade(TrainedGrade((weights,), (dice.integers(-4, 5, width) / 4,), readout, 0.25))
            below = width
        mesh = Mesh.of(2, np.stack(np.meshgrid(*[np.arange(4)] * dim, indexing="ij"), axis=-1).reshape(-1, dim))
        g, one_piece = last_on_cells(model, mesh)
        exact = [values[-1] for values in model.exact(np.ldexp(mesh.nodes.astype(float), -2))]
        assert [Fraction(v) for v in g.lo.tolist()] == exact == [Fraction(v) for v in g.hi.tolist()]
        middles = model.exact((mesh.cells + 0.5) / 4)
        for flag, corner, values in zip(one_piece.tolist(), mesh.corner_node.tolist(), middles, strict=True):
            seen[flag] += 1
            assert not flag or values[-1] == sum(exact[n] for n in corner) / 2**dim
    assert min(seen) > 5


def test_exact_values_never_contradict_enclosures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is decided without them stays, and what they add holds at samples in exact arithmetic."""
    f, more = mg.target("x*y + 1/7"), 0
    for seed in range(12):
        dice = np.random.default_rng(seed)
        model = TrainedModel(f.box)
        for _ in range(2):
            below = model.dim if not model.grades else 2
            weights = dice.integers(-2, 3, (2, below)).astype(float)
            model = model.with_grade(
                TrainedGrade((weights,), (dice.integers(-4, 5, 2) / 4,), dice.integers(-1, 3, 2) / 64, 0.0)
            )
        with monkeypatch.context() as patch:
            patch.setattr(verifier, "EXACT", 0)
            rough = [row.nonincreasing for row in mg.verify(model.on(f), cells=2000).rows]
        sharp = [row.nonincreasing for row in mg.verify(model.on(f), cells=2000).rows]
        for k, (a, b) in enumerate(zip(rough, sharp, strict=True)):
            assert a in (b, mg.Verdict.UNDECIDED)
            more += a is not b
            if b is mg.Verdict.PROVED and k:
                for x, y in dice.integers(0, 65, (40, 2)).tolist():
                    *before, g = naive(model, [Fraction(x, 64), Fraction(y, 64)])[:k]
                    e = Fraction(x * y, 4096) + Fraction(1, 7) - sum(before, Fraction(0))
                    assert abs(e - g) <= abs(e)
    assert more


@pytest.mark.parametrize("grades", [0, 2])
def test_a_model_that_does_nothing_is_no_success_unless_a_tolerance_says_so(grades: int) -> None:
    f, zero = mg.target("x"), mg.target("0*x")
    silent = TrainedGrade((np.ones((2, 1)),), (np.zeros(2),), np.zeros(2), 0.0)
    model = TrainedModel(f.box, (silent, replace(silent, weights=(np.ones((2, 2)),)))[:grades])
    assert mg.verify(model.on(f)).exit_code == 3
    assert "no grade that is not 0" in mg.verify(model.on(f)).last_line()
    assert mg.verify(model.on(f), 1).verdict is mg.Verdict.PROVED
    assert mg.verify(model.on(zero)).verdict is mg.Verdict.PROVED
