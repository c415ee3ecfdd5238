"""Exact linear pieces in one variable: against exact values, against enclosures, and where those cannot decide."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.training import Adam, TrainedGrade, TrainedModel, sample, train
from mgdl_theory.verification import trained as verifier
from mgdl_theory.verification.piecewise_linear import BrokenLine, broken_line, grade_lines, growth
from mgdl_theory.verification.trained import ModelReport

PROVED, REFUTED, UNDECIDED = mg.Verdict.PROVED, mg.Verdict.REFUTED, mg.Verdict.UNDECIDED


def random_model(seed: int, spread: int = 0, box: mg.Box | None = None) -> TrainedModel:
    """Up to three grades of up to two layers; now and then one without neurons, or with weights of many sizes."""
    rng = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return np.ldexp(np.round(8 * rng.standard_normal(shape)) / 8, rng.integers(-spread, spread + 1, shape))

    model, below = TrainedModel(box or mg.Box.of([0, 1])), 1
    for _ in range(rng.integers(1, 4)):
        widths = rng.integers(0 if seed % 7 == 0 else 1, 5, rng.integers(1, 3)).tolist()
        weights = tuple(numbers(w, b) for w, b in zip(widths, [below, *widths], strict=False))
        biases = tuple(numbers(w) for w in widths)
        below = widths[-1]
        model = model.with_grade(TrainedGrade(weights, biases, numbers(below), float(numbers(1)[0])))
    return model


def multiple(values: list[float], factor: float) -> TrainedModel:
    """One grade: the interpolant of so many values, times a factor; its kinks and values are floats."""
    n = len(values) - 1
    slopes = np.diff(values) * n
    bends = np.diff(slopes, prepend=0.0)
    grade = TrainedGrade((np.ones((n, 1)),), (-np.arange(n) / n,), factor * bends, factor * values[0])
    return TrainedModel(mg.Box.of([0, 1]), (grade,))


@pytest.mark.parametrize("spread", [0, 12, 300])
def test_the_pieces_have_the_exact_values(spread: int) -> None:
    for seed in range(30):
        model = random_model(seed, spread)
        t = np.concatenate([np.random.default_rng(seed).random(6), [0.0, 0.5, 1.0]])
        lines = grade_lines(model, 1000)
        assert lines is not None
        for x, values in zip(t.tolist(), model.exact(t[:, None]), strict=True):
            assert [line.at(Fraction(x)) for line in lines] == values


def test_the_pieces_of_trained_weights_have_the_exact_values() -> None:
    model = train(sample(mg.target("sin(9*x)"), 65), [Adam(width=8, epochs=20)] * 3)
    t = np.random.default_rng(0).random((9, 1))
    for x, values in zip(t[:, 0].tolist(), model.exact(t), strict=True):
        assert [line.at(Fraction(x)) for line in grade_lines(model, 1000) or []] == values


@pytest.mark.parametrize(
    "text", ["abs(abs(3*x - 1) - 1/2)/7 - x", "max(x/3, 1/2 - x)*2", "min(2, 1 - x, abs(x))", "3", "-(x - x)/2"]
)
@pytest.mark.parametrize("domain", [[0, 1], ["-1/3", "5/7"]])
def test_a_formula_of_absolute_values_is_a_broken_line(text: str, domain: list[object]) -> None:
    f = mg.target(text, domain=domain, variables=["x"])
    line = broken_line(f, 1000)
    assert line is not None
    t = np.linspace(0, 1, 33)
    assert [float(line.at(Fraction(v))) for v in t] == pytest.approx(f(f.box.from_unit(t[:, None])).tolist(), abs=1e-14)


@pytest.mark.parametrize("text", ["x*x", "x**2", "sin(x)", "pi*x", "1/(1 + x)", "sqrt(x)", "exp(0)*x + x**(1/3)"])
def test_other_formulas_are_none(text: str) -> None:
    assert broken_line(mg.target(text), 1000) is None


def test_functions_of_two_variables_and_callables_are_no_broken_lines() -> None:
    assert broken_line(mg.target("x + y"), 1000) is None
    assert broken_line(mg.target(abs, lipschitz=1), 1000) is None
    assert broken_line(mg.target(np.ones((3, 3))), 1000) is None


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 2.0**-40, 0.0])
def test_a_multiple_that_shrinks_the_residual_at_its_zeros_too_is_proved(factor: float) -> None:
    """g and 2 e - g change their signs at the same points, which lie between the nodes."""
    values = [3.0, -1.0, 2.0, 2.0, -5.0, 0.0, -1.0, 3.0, 1.0]
    report = mg.verify(multiple(values, factor).on(mg.target(np.array(values))), 5)
    assert report.verdict is PROVED
    assert report.rows[1].residual_sup_upper == 5 * abs(1 - factor)
    assert any("linear pieces, exactly" in result.evidence for result in report.results)


@pytest.mark.parametrize("factor", [-(2.0**-40), 2.0 + 2.0**-40])
def test_a_multiple_that_grows_the_residual_is_refuted(factor: float) -> None:
    values = [3.0, -1.0, 2.0, 2.0, -1.0]
    report = mg.verify(multiple(values, factor).on(mg.target(np.array(values))))
    assert report.rows[1].nonincreasing is REFUTED


def test_growth_beside_a_zero_is_refuted_at_a_point_in_between() -> None:
    """The zero of g is 2^-40 away from that of e: no node of a mesh falls between them."""
    f, t = mg.target("x - 1/3"), Fraction(1, 3) + Fraction(1, 1 << 40)
    zero = float(t)
    grade = TrainedGrade((np.ones((1, 1)),), (np.zeros(1),), np.ones(1), -zero)
    report = mg.verify(TrainedModel(f.box, (grade,)).on(f))
    witness = report.result("nonincreasing").witness
    assert witness is not None
    before = witness.x[0] - Fraction(1, 3)
    after = before - (witness.x[0] - Fraction(zero))
    assert abs(after) > abs(before)
    assert abs(before) < Fraction(zero) - Fraction(1, 3)  # where it grows: about the zero of e, up to that of g
    for pair, value in ((witness.before, before), (witness.after, after)):
        assert Fraction(pair[0]) <= value <= Fraction(pair[1])


def cells_only(model: TrainedModel, f: mg.Target, monkeypatch: pytest.MonkeyPatch) -> ModelReport:
    with monkeypatch.context() as patch:
        patch.setattr(verifier, "broken_line", lambda target, most: None)
        report = mg.verify(model.on(f), cells=2000)
    assert isinstance(report, ModelReport)
    return report


@pytest.mark.parametrize("text", ["abs(x - 1/3) - 1/5", "2 + x", "min(x, 1/4)", "0*x"])
def test_pieces_and_enclosures_never_contradict_each_other(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f, decided = mg.target(text, domain=["-1/3", 2]), 0
    for seed in range(12):
        model = random_model(seed, spread=2, box=f.box)
        exact, rough = mg.verify(model.on(f), cells=2000), cells_only(model, f, monkeypatch)
        assert isinstance(exact, ModelReport)
        for sharp, wide in zip(exact.rows, rough.rows, strict=True):
            assert wide.residual_sup_lower <= sharp.residual_sup_lower <= sharp.residual_sup_upper
            assert sharp.residual_sup_upper <= wide.residual_sup_upper
            assert np.nextafter(sharp.residual_sup_lower, np.inf) >= sharp.residual_sup_upper
            assert sharp.nonincreasing in (PROVED, REFUTED)
            if wide.nonincreasing is not UNDECIDED:
                assert sharp.nonincreasing is wide.nonincreasing
            else:
                decided += 1
    assert decided or text != "abs(x - 1/3) - 1/5"


@pytest.mark.parametrize("seed", range(20))
def test_growth_is_found_exactly_where_there_is_some(seed: int) -> None:
    """Against all signs of g (2 e - g) at the thirds between the knots of both and their roots."""
    dice = np.random.default_rng(seed)
    knots = tuple(Fraction(k, 6) for k in range(7))
    e, g = (BrokenLine(knots, tuple(map(Fraction, dice.integers(-2, 3, 7).tolist()))) for _ in range(2))
    if seed % 3 == 0:
        g = e * Fraction(seed, 12)
    found = growth(e, g)
    fine = [Fraction(k, 6 * 840) for k in range(6 * 840 + 1)]  # finer than any root of such small integers
    grown = [t for t in fine if abs(e.at(t) - g.at(t)) > abs(e.at(t))]
    assert (found is None) == (not grown)
    if found is not None:
        assert abs(e.at(found) - g.at(found)) > abs(e.at(found))
        assert found.denominator & (found.denominator - 1) == 0


def test_too_many_pieces_are_left_to_the_cells() -> None:
    """A sawtooth with 2^13 teeth."""
    w, b, r = np.array([[2.0], [4.0]]), np.array([0.0, -2.0]), np.array([[1.0, -1.0]])
    weights, biases = [w], [b]
    for _ in range(12):
        weights.append(w @ r)
        biases.append(b)
    f = mg.target("x - 1/3")
    model = TrainedModel(f.box, (TrainedGrade(tuple(weights), tuple(biases), r[0], 0.0),))
    assert grade_lines(model, 1 << 12) is None
    assert len((grade_lines(model, 1 << 14) or [])[0].knots) == (1 << 13) + 1
    assert mg.verify(model.on(f), cells=1000).rows[1].nonincreasing is UNDECIDED  # its nodes see only zeros


def test_points_that_are_too_long_are_left_to_the_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "BITS", 8)
    f = mg.target("x - 1/3")
    grade = TrainedGrade((np.ones((1, 1)),), (np.zeros(1),), np.ones(1), -float(Fraction(1, 3) + Fraction(1, 1 << 40)))
    report = mg.verify(TrainedModel(f.box, (grade,)).on(f))
    assert report.rows[1].nonincreasing is UNDECIDED


@pytest.mark.parametrize(
    ("text", "sup"),
    [("x - 1/3", Fraction(2, 3)), ("1/3 - abs(x - 1/3)", Fraction(1, 3)), ("1/3 - abs(x - 1/7)/5", Fraction(1, 3))],
)
def test_the_exact_sup_norm_is_held_to_the_tolerance(text: str, sup: Fraction) -> None:
    """Attained at an end, at two places, or at 1/7, which is on no mesh; it is no float."""
    f = mg.target(text)
    model, around = TrainedModel(f.box), Interval.exact(sup)
    low, high = float(around.lo[0]), float(around.hi[0])
    assert mg.verify(model.on(f), Fraction(high)).result("sup-norm").verdict is PROVED
    near = mg.verify(model.on(f), Fraction(low)).result("sup-norm")
    assert near.verdict is UNDECIDED
    assert "closer than binary64" in near.evidence
    refuted = mg.verify(model.on(f), Fraction(float(np.nextafter(low, 0)))).result("sup-norm")
    assert refuted.verdict is REFUTED
    assert refuted.witness is not None
    line = broken_line(f, 1000)
    assert line is not None
    assert abs(line.at(refuted.witness.x[0])) == sup


def test_targets_of_too_many_pieces_are_left_to_the_cells() -> None:
    """Thirty absolute values in each other are a billion pieces."""
    text = "x"
    for k in range(1, 31):
        text = f"abs({text} - 1/{2**k})"
    assert broken_line(mg.target(text), 1000) is None
    assert broken_line(mg.target(np.arange(1001.0)), 1000) is not None
    assert broken_line(mg.target(np.arange(1002.0)), 1000) is None
