"""Verification of trained networks: enclosures against exact arithmetic, right verdicts, planted claims that fall."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.training import Data, GradeSpec, TrainedGrade, TrainedModel, sample, train
from mgdl_theory.training.enclose import bends, grade_enclosures


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
    report = mg.verify(line(1.0, 0.5), mg.target("2*x"))
    for row, sup in zip(report.rows, (2.0, 1.0, 0.5), strict=True):
        assert row.residual_sup_lower <= sup <= row.residual_sup_upper <= 1.06 * sup
    assert [row.relative_error for row in report.rows] == pytest.approx([1.0, 0.25, 0.0625])


@pytest.mark.parametrize("dim", [1, 2])
def test_certified_sup_norms_hold_at_samples(dim: int) -> None:
    model, f = random_model(dim, 2, 3), mg.target("sin(3*x)" if dim == 1 else "sin(3*x)*y")
    report = mg.verify(model, f, cells=30_000)
    t = np.random.default_rng(1).random((3000, dim))
    e = f(t)[:, None] - np.cumsum(model.grade_values(t), axis=1)
    for row, column in zip(report.rows[1:], e.T, strict=True):
        assert np.abs(column).max() <= row.residual_sup_upper
        assert row.residual_sup_upper <= 1.5 * np.abs(column).max()


def test_shrinking_grades_are_proved() -> None:
    report = mg.verify(line(0.25, 0.5, root=-1.0), mg.target("2 + x"), tol=2.0)
    assert report.verdict is mg.Verdict.PROVED
    assert report.exit_code == 0
    assert report.last_line().startswith("PROVED")


def test_a_grade_that_is_zero_is_trivial() -> None:
    report = mg.verify(line(1.0, 0.0), mg.target("2 + sin(9*x)"))
    assert report.rows[2].nonincreasing is mg.Verdict.PROVED
    assert report.result("l2-decrease").verdict is mg.Verdict.PROVED


def test_a_planted_growth_is_refuted_with_a_point_that_shows_it() -> None:
    model = line(0.5, -0.25, 0.25, root=-1.0)
    report = mg.verify(model, mg.target("2 + x"))
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


def test_a_planted_false_tolerance_is_refuted_and_a_true_one_proved() -> None:
    f, model = mg.target("2*x"), line(1.0)
    assert mg.verify(model, f, "1.01").result("sup-norm").verdict is mg.Verdict.PROVED
    refuted = mg.verify(model, f, "0.9").result("sup-norm")
    assert refuted.verdict is mg.Verdict.REFUTED
    assert refuted.witness is not None
    assert refuted.witness.x == (Fraction(1),)


def test_growth_of_the_sum_of_squares_is_refuted() -> None:
    data = Data(np.array([[0.5], [1.0]]), np.array([1.0, 1.0]))
    result = mg.verify(line(-1.0), mg.target("1 + 0*x"), data=data).result("l2-decrease")
    assert result.verdict is mg.Verdict.REFUTED
    assert result.witness is not None
    assert result.witness.x == (Fraction(1),)


def test_a_narrow_growth_between_the_nodes_is_not_proved() -> None:
    """A spike of width 2^-12 beside the nodes of the first mesh: it must be found, or left open."""
    w, p = 2.0**-12, 0.5 + 2.0**-10
    spike = TrainedGrade((np.ones((3, 1)),), (-np.array([p - w, p, p + w]),), np.array([-1.0, 2.0, -1.0]) / w, 0.0)
    model = TrainedModel(mg.Box.of([0, 1])).with_grade(spike)
    assert mg.verify(model, mg.target("1 + x")).rows[1].nonincreasing is mg.Verdict.REFUTED


def test_what_is_trained_is_held_to_its_claims() -> None:
    f = mg.target("sin(6*x)*exp(-x)")
    data = sample(f, 65)
    model = train(data, [GradeSpec(width=6, epochs=20)] * 2)
    report = mg.verify(model, f, data=data)
    assert report.result("l2-decrease").verdict is mg.Verdict.PROVED
    assert report.result("nonincreasing").verdict is mg.Verdict.REFUTED
    assert report.as_dict()["exit_code"] == 1
    assert "REFUTED" in str(report)


def test_a_callable_without_a_modulus_is_evidence_only() -> None:
    report = mg.verify(line(0.25, root=-1.0), mg.target(lambda x: 2 + x), tol=3)
    assert report.result("nonincreasing").verdict is mg.Verdict.EVIDENCE
    assert report.exit_code == 3


def test_another_domain_is_refused() -> None:
    with pytest.raises(mg.OptionError, match="another domain"):
        mg.verify(line(1.0), mg.target("x", domain=[0, 2]))
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


@pytest.mark.parametrize("wrong", [["--grades", "0"], ["--width", "1"], ["--state", "s.npz", "--balanced", "yes"]])
def test_train_refuses_wrong_options(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "x", *wrong]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_what_is_left_of_a_budget_goes_to_the_worst_cells() -> None:
    """Two steep neurons cancel but for a step along a line: cells there are split far beyond the uniform level."""
    f = mg.target("sin(9*x)*cos(7*y)")
    rows, biases = np.array([[400.0, 240.0]] * 2), np.array([-300.0, -301.0])
    model = TrainedModel(f.box).with_grade(TrainedGrade((rows,), (biases,), np.array([1.0, -1.0]), 0.0))
    seen: list[tuple[int, int]] = []
    report = mg.verify(model, f, cells=1900, progress=lambda level, cells: seen.append((level, cells)))
    assert sum(cells for _, cells in seen) <= 1900
    assert max(level for level, _ in seen) >= 9  # 4^6 cells are over the budget
    coarse = mg.verify(model, f, cells=1024)
    assert report.rows[-1].residual_sup_lower <= 2 < report.residual_sup_upper < 0.5 * coarse.residual_sup_upper
    assert np.isclose(mg.verify(model, f, cells=1 << 20).residual_sup_upper, 2, rtol=0.1)
