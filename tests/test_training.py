"""Training: gradients, frozen grades, resumed runs, the convex optimum, and the law of balanced grades on data."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.certificate import check
from mgdl_theory.cli import main
from mgdl_theory.contraction import check_balanced
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.training import (
    SOLVERS,
    Adam,
    Convex,
    Data,
    GradeSpec,
    TrainedModel,
    balance_on_data,
    convex,
    fit_gated,
    fit_relu,
    load_model,
    multigrade,
    sample,
    sample_gates,
    train,
    train_balanced,
    train_balanced_on_data,
    train_single_grade,
)
from mgdl_theory.training.convex import _least, _Problem
from mgdl_theory.training.interior_point import Penalised
from mgdl_theory.training.multigrade import initial, loss_and_gradient

WAVE = "sin(6*x)*exp(-x)"
SMALL = Adam(width=6, epochs=12)


@pytest.fixture(scope="module")
def wave() -> Data:
    return sample(mg.target(WAVE), 65)


def arrays(model: TrainedModel) -> list[bytes]:
    return [a.tobytes() for g in model.grades for a in (*g.weights, *g.biases, g.readout, np.array(g.constant))]


# -- gradients -------------------------------------------------------------------------------------


def block(depth: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    h, e = rng.random((9, 2)), rng.standard_normal(9)
    parameters = initial(h, 4, depth, rng)
    parameters[-2:] = [rng.standard_normal(4), rng.standard_normal(1)]
    return parameters, h, e


def mp_loss(parameters: list[np.ndarray], h: np.ndarray, e: np.ndarray, change: tuple[int, int, mpmath.mpf]) -> object:
    """The loss in mpmath numbers, one parameter changed."""
    which, place, by = change
    mats = [[mpmath.mpf(float(v)) for v in p.ravel()] for p in parameters]
    mats[which][place] += by
    total = mpmath.mpf(0)
    for row, goal in zip(h.tolist(), e.tolist(), strict=True):
        x = [mpmath.mpf(v) for v in row]
        for w, b in zip(mats[:-2:2], mats[1:-2:2], strict=True):
            n = len(x)
            x = [max(sum(w[i * n + j] * x[j] for j in range(n)) + b[i], mpmath.mpf(0)) for i in range(len(b))]
        total += (sum(a * v for a, v in zip(mats[-2], x, strict=True)) + mats[-1][0] - mpmath.mpf(goal)) ** 2
    return total / (2 * len(e))


@pytest.mark.parametrize("depth", [1, 2])
def test_the_gradient_is_that_of_finite_differences_in_mpmath(depth: int) -> None:
    parameters, h, e = block(depth)
    loss, gradient = loss_and_gradient(parameters, h, e)
    with mpmath.workdps(60):
        step = mpmath.mpf(10) ** -25
        assert abs(mp_loss(parameters, h, e, (0, 0, mpmath.mpf(0))) - loss) < 1e-13
        for which, part in enumerate(gradient):
            for place, value in enumerate(part.ravel().tolist()):
                ends = [mp_loss(parameters, h, e, (which, place, s * step)) for s in (1, -1)]
                assert abs((ends[0] - ends[1]) / (2 * step) - value) < 1e-12


def test_the_gradient_is_that_of_finite_differences_in_binary64() -> None:
    parameters, h, e = block(2)
    _, gradient = loss_and_gradient(parameters, h, e)
    for which, part in enumerate(gradient):
        direction = np.random.default_rng(which).standard_normal(part.shape)
        moved = [[p + s * 1e-6 * direction if j == which else p for j, p in enumerate(parameters)] for s in (1, -1)]
        slope = (loss_and_gradient(moved[0], h, e)[0] - loss_and_gradient(moved[1], h, e)[0]) / 2e-6
        assert slope == pytest.approx(float(np.sum(part * direction)), rel=1e-5, abs=1e-8)


# -- the grade loop --------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "convex"])
def test_a_resumed_run_equals_an_uninterrupted_one(wave: Data, solver: str, tmp_path: Path) -> None:
    spec = SOLVERS[solver](width=6, epochs=12)
    whole = train(wave, [spec] * 3, seed=5)
    path = tmp_path / "state.npz"
    train(wave, [spec], seed=5, path=path)
    assert len(load_model(path).grades) == 1
    resumed = train(wave, [spec] * 3, seed=5, path=path)
    assert arrays(resumed) == arrays(whole) == arrays(load_model(path))
    assert arrays(train(wave, [spec] * 3, seed=6)) != arrays(whole)


def test_a_new_grade_leaves_the_frozen_ones_bit_by_bit(wave: Data) -> None:
    two = train(wave, [SMALL] * 2)
    before = arrays(two)
    three = train(wave, [SMALL] * 3, start=two)
    assert arrays(three)[: len(before)] == before == arrays(two)
    assert arrays(three.prefix(2)) == before
    with pytest.raises(ValueError, match="read-only"):
        two.grades[0].weights[0][0, 0] = 1.0


def test_the_sum_of_squares_on_the_data_does_not_grow(wave: Data) -> None:
    model = train(wave, [SMALL] * 4)
    e = wave.y[:, None] - np.cumsum(model.grade_values(wave.t), axis=1)
    sums = [np.sum(wave.y**2), *np.sum(e**2, axis=0)]
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(sums))
    assert sums[-1] < 0.1 * sums[0]


def test_other_data_or_another_seed_is_refused(wave: Data) -> None:
    model = train(wave, [SMALL])
    for data, seed in ((Data(wave.t, 2 * wave.y), 0), (wave, 1)):
        with pytest.raises(mg.OptionError, match="other data or with another seed"):
            train(data, [SMALL] * 2, start=model, seed=seed)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.npz"
    np.savez(path, head=np.array('{"format": "other"}'))
    with pytest.raises(mg.SchemeError, match="not a trained model"):
        load_model(path)
    np.savez(path, head=np.array([object()], dtype=object))
    with pytest.raises(mg.SchemeError, match="not a trained model"):
        load_model(path)


def test_a_single_grade_has_the_hidden_layers_of_all(wave: Data) -> None:
    one, many = train_single_grade(wave, [SMALL] * 3), train(wave, [SMALL] * 3)
    assert [g.depth for g in one.grades] == [3]
    assert one.parameters == many.parameters - 2 * 7  # two readouts less
    assert one.grades[0].note["steps"] == one.grades[0].note["epochs"] < 12  # errors go back through three layers


@pytest.mark.parametrize("depth", [1, 2])
def test_a_single_grade_does_as_many_multiplications(depth: int, wave: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Adam multiplies is counted at every step; frozen features, made once for each grade, are not."""
    specs, counted = [Adam(width=6, depth=depth, epochs=30)] * 3, [0]

    def count(parameters: list[np.ndarray], h: np.ndarray, e: np.ndarray) -> tuple[float, list[np.ndarray]]:
        loss, gradient = loss_and_gradient(parameters, h, e)
        sizes = [w.size for w in parameters[:-2:2]]
        values, weights, back = sum(sizes), sum(g.size for g in gradient[:-2:2]), sum(sizes[1:])
        counted[0] += len(e) * (values + weights + back + 3 * parameters[-2].size)
        return loss, gradient

    monkeypatch.setattr(multigrade, "loss_and_gradient", count)
    train(wave, specs)
    many, counted[0] = counted[0], 0
    (one,) = train_single_grade(wave, specs).grades
    assert many * (1 - 1 / one.note["epochs"]) <= counted[0] <= many


@pytest.mark.parametrize("wrong", [{"width": 1}, {"rate": 0.0}, {"batch": 2.0}, {"epochs": 1 << 25}])
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(mg.OptionError, match=next(iter(wrong))):
        Adam(**wrong)
    with pytest.raises(mg.OptionError, match="penalty"):
        Convex(penalty=0)


def test_the_record_of_the_version_before_warns_and_works() -> None:
    with pytest.warns(DeprecationWarning, match=r"is now Adam\(...\)"):
        assert GradeSpec(width=6, rate=0.1, penalty=1e-3) == Adam(width=6, rate=0.1)
    with pytest.warns(DeprecationWarning, match=r"is now Convex\(...\)"):
        assert GradeSpec(width=6, solver="convex", batch=3) == Convex(width=6)


# -- the convex problem ----------------------------------------------------------------------------


def small_problem(dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(dim)
    h = rng.random((18, dim))
    return h, np.sin(5 * h[:, 0]) + h[:, -1] ** 2, sample_gates(h, 6, rng)


@pytest.mark.parametrize("dim", [1, 2])
def test_the_convex_optimum_is_that_of_a_general_solver(dim: int) -> None:
    pytest.importorskip("cvxpy")
    h, y, gates = small_problem(dim)
    own, general = fit_relu(h, y, gates, 0.05), fit_relu(h, y, gates, 0.05, solver="cvxpy")
    assert own.relative_gap < 1e-6
    assert own.objective == pytest.approx(general.objective, rel=1e-5)
    assert own.objective - own.gap <= general.objective + 1e-9  # a lower bound of every feasible point
    assert general.objective - general.gap <= own.objective + 1e-9


@pytest.mark.parametrize("dim", [1, 2])
def test_the_relu_network_has_the_objective_of_the_convex_problem(dim: int) -> None:
    """With weight norms 1 the penalty is the l1 norm of the readout, here in the scaled coordinates of the problem."""
    h, y, gates = small_problem(dim)
    fit, problem = fit_relu(h, y, gates, 0.05), _Problem.of(h, y, gates, 0.05)
    loss = 0.5 * np.sum((fit.predict(h) - y) ** 2)
    penalty = problem.beta * np.abs(fit.readout).sum() * problem.size
    assert loss + penalty == pytest.approx(fit.objective, rel=1e-9)


@pytest.mark.parametrize("dim", [1, 2])
def test_the_gated_solution_becomes_relu_neurons_that_agree_on_the_data(dim: int) -> None:
    h, y, gates = small_problem(dim)
    fit, problem = fit_gated(h, y, gates, 0.05, 4000), _Problem.of(h, y, gates, 0.05)
    assert fit.gap < 1e-6
    assert len(fit.readout) == 2 * len(gates)
    assert fit.objective - fit.gap <= fit_relu(h, y, gates, 0.05).objective  # a relaxation
    loss = 0.5 * np.sum((fit.predict(h) - y) ** 2)
    assert 0 <= loss < fit.objective
    v = fit.weights * problem.spread * (np.abs(fit.readout) / problem.size)[:, None]
    c = (fit.biases + fit.weights @ problem.centre) * np.abs(fit.readout) / problem.size
    both = np.column_stack([v, c])
    half = len(gates)
    assert problem.slack(both[:half]).min() > -1e-9
    assert problem.slack(both[half:]).min() > -1e-9
    gated = problem.size * problem.apply(both[:half] - both[half:]) + fit.constant
    assert fit.predict(h) == pytest.approx(gated, abs=1e-9)


@pytest.mark.parametrize("text", ["sin(100*x)", "sin(6*x)*cos(5*y)+exp(-x*y)"])
def test_the_gap_is_below_a_millionth_at_the_size_of_the_experiments(text: str) -> None:
    data = sample(mg.target(text), 256)
    model = train(data, [Convex(width=24, epochs=200)] * 3)
    assert max(grade.note["relative_gap"] for grade in model.grades) < 1e-6
    for grade in model.grades:
        steps, gaps = zip(*grade.note["history"], strict=True)
        assert steps[-1] == grade.note["steps"] < 200
        assert list(gaps) == sorted(gaps, reverse=True)


def test_two_ways_of_a_newton_step_are_one() -> None:
    """More unknowns than points, or fewer: the same direction, and the residual of the system is 0."""
    rng = np.random.default_rng(0)
    for points in (5, 40):
        a, g = rng.standard_normal((points, 12)), rng.standard_normal((4, 3))
        root = rng.standard_normal((4, 3, 3))
        blocks = root @ root.transpose(0, 2, 1)
        nothing = np.zeros((4, 0, 3))
        d = Penalised(a, np.zeros(points), 1.0, (), nothing, np.zeros((4, 0)))._solve(blocks, g)
        back = (a.T @ (a @ d.ravel())).reshape(4, 3) + np.einsum("gpq,gq->gp", blocks, d)
        assert back == pytest.approx(g, abs=1e-9)


def test_a_mirrored_problem_takes_the_same_newton_step() -> None:
    rng = np.random.default_rng(1)
    half, g, root = rng.standard_normal((7, 12)), rng.standard_normal((8, 3)), rng.standard_normal((8, 3, 3))
    a, blocks = np.column_stack([half, -half]), root @ root.transpose(0, 2, 1)
    once, twice = (
        Penalised(a, np.zeros(7), 1.0, (), np.zeros((8, 0, 3)), np.zeros((8, 0)), mirrored)._solve(blocks, g)
        for mirrored in (True, False)
    )
    assert once == pytest.approx(twice, rel=1e-9, abs=1e-9)


def test_the_convex_solver_tells_of_every_newton_step(wave: Data) -> None:
    """A grade with many features takes long: each step is a sign of life."""
    told: list[tuple[int, int]] = []
    spec = Convex(width=8, epochs=75)
    model = train(wave, [spec] * 2, progress=lambda grade, step, _: told.append((grade, step)))
    for k, grade in enumerate(model.grades, 1):
        steps = [step for number, step in told if number == k]
        assert steps == list(range(1, len(steps) + 1))
        assert grade.note["steps"] - len(grade.note["history"]) <= len(steps) <= grade.note["steps"]


@pytest.mark.parametrize("dim", [1, 2])
def test_the_decomposition_has_the_least_norms(dim: int) -> None:
    """v - w = u in the cones, with the norms that a general solver finds, smaller ones than along the gate."""
    cvxpy = pytest.importorskip("cvxpy")
    h, y, gates = small_problem(dim)
    problem = _Problem.of(h, y, gates, 0.05)
    u = np.random.default_rng(dim).standard_normal(problem.gates.shape)
    w, along = _least(problem, u), problem.into_cones(u)
    assert min(problem.slack(w).min(), problem.slack(u + w).min()) >= -1e-12

    def norms(part: np.ndarray) -> float:
        return float(np.linalg.norm(u + part, axis=1).sum() + np.linalg.norm(part, axis=1).sum())

    free = cvxpy.Variable(u.shape)
    walls = [cvxpy.multiply(2 * problem.on - 1, problem.x @ part.T) >= 0 for part in (free, u + free)]
    total = cvxpy.sum(cvxpy.norm(free, 2, axis=1)) + cvxpy.sum(cvxpy.norm(u + free, 2, axis=1))
    least = cvxpy.Problem(cvxpy.Minimize(total), walls).solve(solver=cvxpy.CLARABEL)
    assert norms(w) == pytest.approx(least, rel=1e-4)
    assert norms(w) < 0.9 * norms(along)


def test_a_problem_too_large_for_newton_is_relaxed_and_says_its_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convex, "WORK", 0)
    data = sample(mg.target("sin(9*x)"), 65)
    (grade,) = train(data, [Convex(width=8, epochs=50)]).grades
    assert grade.note["steps"] == 50
    assert 0 <= grade.note["relative_gap"] < 1
    monkeypatch.undo()
    fit = fit_gated(data.t, data.y, sample_gates(data.t, 4, np.random.default_rng([0, 1])), 1e-4, 50)
    assert fit.relative_gap < 1e-6
    assert fit.objective >= 0


@pytest.mark.parametrize("work", [0.0, 4e9])
def test_the_convex_solvers_tell_how_far_they_are(work: float, wave: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """By proximal steps and by Newton steps, in the units of the values."""
    monkeypatch.setattr(convex, "WORK", work)
    told: list[tuple[int, int, float]] = []
    big = Data(wave.t, 1024 * wave.y)
    (grade,) = train(big, [Convex(width=8, epochs=75)], progress=lambda *a: told.append(a)).grades
    assert len(told) > 2
    assert [step for _, step, _ in told] == sorted(step for _, step, _ in told)
    assert told[-1][1] == grade.note["steps"]
    error = float(np.mean((big.y - grade.features(wave.t) @ grade.readout - grade.constant) ** 2))
    assert error <= told[-1][2] < np.mean(big.y**2)


def test_constant_values_have_a_constant_fit() -> None:
    h, _, gates = small_problem(1)
    for solve in (fit_relu, fit_gated):
        fit = solve(h, np.full(len(h), 3.0), gates, 0.05)
        assert (fit.predict(h) == 3.0).all()
        assert fit.relative_gap == 0


def test_gates_on_the_scale_of_the_data_beat_the_mean_on_a_fast_sine() -> None:
    h = np.linspace(0, 1, 101)[:, None]
    y = np.sin(10 * np.pi * h[:, 0])
    fit = fit_gated(h, y, sample_gates(h, 40, np.random.default_rng(0)), 1e-4, 3000)
    assert np.sum((fit.predict(h) - y) ** 2) < 0.1 * np.sum(y**2)
    shifted = fit_gated(1000 + 3 * h, y, sample_gates(1000 + 3 * h, 40, np.random.default_rng(0)), 1e-4, 3000)
    assert shifted.objective == pytest.approx(fit.objective, rel=1e-3)


# -- balanced grades -------------------------------------------------------------------------------

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


def exact(atoms: mg.Atoms, data: Data) -> list[Fraction]:
    return [atoms.exact([Fraction(v) for v in t]) for t in data.t.tolist()]


@given(st.data(), st.integers(1, 3), st.integers(0, 5))
def test_abs_residual_on_data_never_grows_exactly(draw: st.DataObject, dim: int, level: int) -> None:
    units = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0, 1 / 3])
    rows = draw.draw(st.lists(st.tuples(*[units] * dim, numbers, numbers), min_size=1, max_size=20))
    data = Data([row[:dim] for row in rows], [row[-2] for row in rows])
    wild = np.array([row[-1] for row in rows])
    c = balance_on_data(lambda t: np.resize(wild, len(t)), level, Interval(data.y, data.y), data.t)
    check_balanced(exact(c, data), [Fraction(v) for v in data.y.tolist()])


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_every_grade_of_a_run_on_data_alone_is_balanced_at_the_data(dim: int) -> None:
    """Scattered points, some of them twice; rational arithmetic, no tolerance."""
    rng = np.random.default_rng(dim)
    t = rng.random((120, dim))
    t[:6] = t[6:12]
    y = np.sin(7 * t.sum(axis=1)) + 0.1 * rng.standard_normal(120)
    data = Data(t, y)
    run = train_balanced_on_data(data, [Adam(width=8, epochs=60)] * 4, seed=dim)
    e = [Fraction(v) for v in y.tolist()]
    for atoms, enclosed in zip(run.grades, run.residuals[1:], strict=True):
        g = exact(atoms, data)
        check_balanced(g, e)
        e = [a - b for a, b in zip(e, g, strict=True)]
        pairs = zip(enclosed.lo.tolist(), enclosed.hi.tolist(), strict=True)
        assert all(lo <= v <= hi for v, (lo, hi) in zip(e, pairs, strict=True))
    assert sum(v * v for v in e) < Fraction(1, 2) * sum(Fraction(v) ** 2 for v in y.tolist())
    assert np.allclose(y - run(data.t), run.residuals[-1].lo, atol=1e-12)
    assert [len(g) for g in train_balanced_on_data(data, [Adam(width=8, epochs=2)], cells=1).grades] <= [2**dim]


def test_planted_overshoot_on_data_is_seen() -> None:
    with pytest.raises(mg.OptionError, match="not balanced"):
        check_balanced([Fraction(3)], [Fraction(2)])


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["sin(7*x)", "abs(x - 1/3) - 1/5", "x**2 + 1"]), st.booleans())
def test_abs_residual_le_of_balanced_trained_grade(seed: int, text: str, convex: bool) -> None:
    """Proved by the verifier, and seen again in exact arithmetic for a piecewise linear target."""
    f = mg.target(text)
    spec = (Convex if convex else Adam)(width=4, epochs=6)
    scheme = train_balanced(f, sample(f, 33), [spec] * 3, seed=seed).scheme
    report = mg.verify(scheme)
    for claim in ("balanced", "nonincreasing", "unit-grades", "lp-decrease"):
        assert report.result(claim).verdict is mg.Verdict.PROVED, claim
    if "abs" in text:
        for j in range(8):
            x = Fraction(2 * j + 1, 17)
            sizes = [
                abs(abs(x - Fraction(1, 3)) - Fraction(1, 5) - scheme.exact([x], k))
                for k in range(len(scheme.grades) + 1)
            ]
            assert sizes == sorted(sizes, reverse=True)


def test_a_balanced_grade_that_is_pushed_is_refuted() -> None:
    """The verifier sees what clipping prevents."""
    f = mg.target("sin(7*x)")
    scheme = train_balanced(f, sample(f, 33), [Adam(width=4, epochs=6)]).scheme
    atoms = scheme.grades[0].atoms
    pushed = mg.Atoms(atoms.level, atoms.nodes, atoms.coefficients * 4.0)
    report = mg.verify(mg.Scheme.of(f, 0.0, [pushed], 1.0))
    assert report.result("nonincreasing").verdict is mg.Verdict.REFUTED


def test_balanced_training_in_two_variables_and_on_an_array() -> None:
    for f in (mg.target("sin(3*x)*y + 1"), mg.target(np.random.default_rng(3).random((5, 5)))):
        run = train_balanced(f, sample(f, 81), [SMALL] * 2)
        assert mg.verify(run.scheme).verdict is mg.Verdict.PROVED
        assert len(run.candidates.grades) == len(run.seconds) == 2


AFFINE = ["x", "2*x-1", "1-x", "0.3*x", "1e8*x", "3*x-1", "0.1-0.1*x", "x+y", "x/7-1e-6*x**2", "sin(x/100)"]


@pytest.mark.parametrize("text", [*AFFINE, "abs(x-1/2)"])
def test_balanced_training_fits_what_touches_zero(text: str) -> None:
    f = mg.target(text)
    report = mg.verify(train_balanced(f, sample(f, 65), [Adam(width=8, epochs=50)] * 3).scheme)
    assert report.verdict is mg.Verdict.PROVED
    assert report.residual_sup_upper <= report.rows[0].residual_sup_upper / 32


@pytest.mark.parametrize("text", ["x", "2*x-1", "0.3*x", "x+y"])
def test_an_affine_function_without_a_zero_inside_a_simplex_is_fitted_on_the_first_level_where_it_has_none(
    text: str,
) -> None:
    f = mg.target(text)
    scheme = train_balanced(f, sample(f, 65), [Adam(width=8, epochs=50)]).scheme
    assert [grade.level for grade in scheme.grades] == [int(text == "2*x-1")]
    assert scheme.atoms <= 3


def test_no_tolerance_is_claimed_that_was_not_asked_for(tmp_path: Path) -> None:
    f = mg.target(WAVE)
    data, specs = sample(f, 65), [SMALL] * 2
    scheme = train_balanced(f, data, specs).scheme
    report = mg.verify(scheme)
    assert report.verdict is mg.Verdict.PROVED
    assert report.tol is None
    assert "sup-norm" not in [result.claim for result in report.results]
    assert report.as_dict()["tol"] is None
    for told in (report.last_line(), str(report), report.save(tmp_path / "r.md").read_text(encoding="utf-8")):
        assert "tol =" not in told
    assert mg.verify(scheme.as_units()).tol is mg.verify(scheme.prefix(1)).tol is None
    last, _ = _judged(report)
    assert last.startswith("VERIFIED: ")  # a certificate has a tolerance: the bound that was reached
    asked = mg.verify(train_balanced(f, data, specs, tol=0.5).scheme)
    assert asked.result("sup-norm").verdict is mg.Verdict.PROVED
    assert asked.last_line().endswith("tol = 0.5")
    assert mg.verify(scheme, 0.5).last_line().endswith("tol = 0.5")  # who verifies may ask
    for tol in (0.1, "0.1"):  # the largest float that is at most 1/10, and printed as it was asked for
        asked = mg.verify(train_balanced(f, data, specs, tol=tol).scheme)
        assert asked.goal <= Fraction(1, 10) < math.nextafter(asked.goal, 1)
        assert ", tol 0.1" in asked.result("sup-norm").evidence
    with pytest.raises(mg.OptionError, match="tol: expected a number greater than 0"):
        train_balanced(f, data, specs, tol=math.nan)


@pytest.mark.parametrize("balanced", ["yes", "no"])
def test_a_tolerance_of_training_is_printed_as_asked(balanced: str, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--grades", "1", "--width", "4", "--epochs", "6", "--points", "17", "--tol", "0.1"]
    main(["train", "x + 1", "--balanced", balanced, *small])
    assert set(re.findall(r"\btol (?:= )?([0-9.e-]+)", capsys.readouterr().out)) == {"0.1"}


def _judged(report: mg.Report) -> tuple[str, list[str]]:
    lines: list[str] = []
    return check.Check(report.certificate().data, "mpmath", lines.append).run(1), lines


def test_nothing_trained_is_no_success() -> None:
    f = mg.target("x-1/3")
    run = train_balanced(f, sample(f, 17), [SMALL] * 2, cells=1)
    report = mg.verify(run.scheme)
    assert run.scheme.grades == ()
    assert report.exit_code == 3
    assert "2 grades trained, no tolerance asked for" in report.last_line()
    asked = mg.verify(train_balanced(f, sample(f, 17), [SMALL], cells=1, tol=0.7).scheme)
    assert asked.verdict is mg.Verdict.PROVED
    zero = mg.target("0*x")
    assert mg.verify(train_balanced(zero, sample(zero, 9), [SMALL]).scheme).verdict is mg.Verdict.PROVED


def test_cells_bound_the_atoms_of_a_balanced_run() -> None:
    f = mg.target(WAVE)
    specs, data = [SMALL] * 2, sample(f, 81)
    free, bound = (train_balanced(f, data, specs, **more).scheme for more in ({}, {"cells": 8}))
    assert max(g.level for g in bound.grades) == 3 < max(g.level for g in free.grades)
    with pytest.raises(mg.OptionError, match="cells"):
        train_balanced(f, data, specs, cells=0)
