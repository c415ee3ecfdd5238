"""Attacks on the verification of trained networks: nothing false is PROVED, whoever made the model or the file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.mesh import Mesh
from mgdl_theory.relu.enclosures import last_on_cells
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.training import (
    SOLVERS,
    Adam,
    Convex,
    Data,
    Fit,
    TrainedGrade,
    TrainedModel,
    balance_on_data,
    fit_gated,
    fit_relu,
    load_model,
    sample,
    sample_gates,
    train,
    train_balanced,
    train_balanced_on_data,
)
from mgdl_theory.verification import trained as verification
from mgdl_theory.verification.trained import _FitSweep


def line(*slopes: float, root: float = 0.0) -> TrainedModel:
    """Grades g_k = slope_k (x - root) on [0, 1]."""
    model = TrainedModel(mg.Box.of([0, 1]))
    for slope in slopes:
        model = model.with_grade(TrainedGrade((np.eye(1),), (np.zeros(1),), np.array([slope]), -root * slope))
    return model


def one(weight: object, bias: object, readout: object, constant: object = 0.0) -> TrainedModel:
    """One neuron."""
    grade = TrainedGrade((np.array([[weight]]),), (np.array([bias]),), np.array([readout]), constant)  # type: ignore[arg-type]
    return TrainedModel(mg.Box.of([0, 1]), (grade,))


@pytest.mark.parametrize(
    "weights",
    [
        (1e300, 0.0, 1e300),  # the product is beyond all floats
        (1e308, 1e308, 1.0),  # so is the sum
        (-1e308, -1e308, 1.0, 1.0),
        (2.0**-1074, 0.0, 2.0**1023, 1.0),  # a value that underflows is brought back
        (2.0**-600, 2.0**-600, 2.0**-600),
    ],
)
def test_weights_at_the_ends_of_the_floats_prove_nothing_false(weights: tuple[float, ...]) -> None:
    model, f = one(*weights), mg.target("2 + x")
    report = mg.verify(model.on(f), "1.7e308")
    t = np.array([[0.0], [0.25], [1.0]])
    for (x,), (g,) in zip(t.tolist(), model.exact(t), strict=True):
        before, after = 2 + Fraction(x), 2 + Fraction(x) - g
        assert abs(after) <= report.rows[1].residual_sup_upper
        if abs(after) > abs(before):
            assert report.rows[1].nonincreasing is not mg.Verdict.PROVED
    assert report.exit_code in (0, 1, 3)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1j, "1.5", None, Fraction(1, 2), 10**400, np.longdouble("1e4000")])
@pytest.mark.parametrize("place", range(4))
def test_what_is_no_finite_float_is_no_weight(wrong: object, place: int) -> None:
    with pytest.raises(mg.SchemeError, match=r"grade: .* expected finite numbers"):
        one(*(wrong if k == place else 0.5 for k in range(4)))


def test_arrays_that_were_written_to_after_the_checks_are_checked_again() -> None:
    model = line(0.25, root=-1.0)
    model.grades[0].readout.setflags(write=True)
    model.grades[0].readout[0] = np.nan
    with pytest.raises(mg.SchemeError, match="finite"):
        mg.verify(model.on(mg.target("2 + x")))


def test_the_report_keeps_the_numbers_that_were_verified() -> None:
    model, f = line(0.25, root=-1.0), mg.target("2 + x")
    report = mg.verify(model.on(f))
    model.grades[0].readout.setflags(write=True)
    model.grades[0].readout[0] = -3.0
    assert report.verdict is mg.Verdict.PROVED
    assert report.model.grades[0].readout[0] == 0.25
    assert mg.verify(model.on(f)).verdict is mg.Verdict.REFUTED


def test_a_subclass_cannot_speak_for_its_numbers() -> None:
    """Methods that lie (exact values that shrink, a copy of another model) are not asked."""

    class Liar(TrainedModel):
        def exact(self, t: object) -> list[list[Fraction]]:
            return [[Fraction(0)]] * len(t)  # type: ignore[arg-type]

        def copy(self) -> TrainedModel:
            return line(0.25, root=-1.0)

        def grade_values(self, t: object) -> np.ndarray:
            return np.zeros((len(t), 1))  # type: ignore[arg-type]

    grows = line(-3.0, root=-1.0)
    report = mg.verify(Liar(grows.box, grows.grades).on(mg.target("2 + x")))
    assert [r.verdict for r in report.results] == [mg.Verdict.REFUTED] * 2


def test_data_of_a_subclass_are_read_once() -> None:
    data = Data([[0.0], [1.0]], [1.0, 1.0])
    data.y.setflags(write=True)
    data.y[0] = np.inf
    with pytest.raises(mg.SchemeError, match="finite"):
        mg.verify(line(0.5).on(mg.target("1 + x")), data=data)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda: mg.target("x*y"), "another domain"),
        (lambda: mg.target("x", domain=[0, 2]), "another domain"),
        (lambda: mg.target("x", domain=["0", "1.0000000000000000001"]), "another domain"),
        (lambda: mg.target(["x", "x"]), "one function, got VectorTarget"),
        (lambda: "x", "one function, got str"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(f: Callable[[], Any], said: str) -> None:
    with pytest.raises(mg.OptionError, match=said):
        mg.verify(line(1.0).on(f()))


def test_what_is_no_model_is_no_model() -> None:
    with pytest.raises(mg.OptionError, match="expected a scheme"):
        mg.verify(object(), mg.target("x"))  # type: ignore[call-overload]
    with pytest.raises(mg.OptionError, match="expected a trained model"):
        Fit(object(), mg.target("x"))  # type: ignore[arg-type]
    with pytest.raises(mg.OptionError, match="data: expected Data"):
        mg.verify(line(1.0).on(mg.target("x")), data=[1.0])  # type: ignore[call-overload]
    with pytest.raises(mg.OptionError, match="cells"):
        mg.verify(line(1.0).on(mg.target("x")), cells=0)


class Steep:
    """f = 0 at every dyadic node, with defects that are not known: nothing can be proved of it."""

    text, box, dim, certified = "steep", mg.Box.of([0, 1]), 1, True

    def __init__(self, defect: float) -> None:
        self.defect = defect

    def values(self, level: int, nodes: np.ndarray) -> Interval:
        return Interval(np.zeros(len(nodes)), np.zeros(len(nodes)))

    def defects(self, level: int, cells: np.ndarray) -> mg.Defects:
        unknown = np.full(len(cells), self.defect)
        return mg.Defects(
            unknown, unknown, unknown, unknown, Interval(np.full(len(cells), -np.inf), np.full(len(cells), np.inf))
        )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(len(x))


@pytest.mark.parametrize("defect", [np.nan, np.inf])
def test_a_defect_that_is_not_known_is_no_large_number(defect: float) -> None:
    report = mg.verify(line(0.0).on(Steep(defect)), "1.7976931348623157e308", cells=600)
    assert report.residual_sup_upper == np.inf
    assert report.verdict is mg.Verdict.UNDECIDED


def test_many_variables_are_undecided_and_not_the_end_of_memory() -> None:
    d = 16
    names = [f"x{a}" for a in range(1, d + 1)]
    f, data = mg.target("+".join(names)), Data(np.zeros((1, d)), np.zeros(1))
    model = TrainedModel(f.box, (TrainedGrade((np.zeros((1, d)),), (np.zeros(1),), np.zeros(1), 0.5),))
    report = mg.verify(model.on(f), 100, data=data)
    assert report.result("sup-norm").verdict is mg.Verdict.UNDECIDED
    assert report.rows[1].nonincreasing is mg.Verdict.UNDECIDED
    assert "GiB" in report.last_line() or report.verdict is mg.Verdict.REFUTED


def edited(path: Path, change: Callable[[dict[str, Any], dict[str, np.ndarray]], None]) -> Path:
    """The file with its head and its arrays changed."""
    with np.load(path) as file:
        arrays = dict(file)
    head = json.loads(str(arrays.pop("head")[()]))
    change(head, arrays)
    np.savez(path, head=np.array(json.dumps(head)), **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda head, arrays: head.update(box=[["0"], ["0"]]),
        lambda head, arrays: head.update(box=[["0", "0"], ["1", "1"]]),
        lambda head, arrays: head.update(box=[["0/0"], ["1"]]),
        lambda head, arrays: head.update(box=5),
        lambda head, arrays: head.update(grades=[{"layers": 1e300, "note": {}}]),
        lambda head, arrays: head.update(grades=[{"layers": float("inf"), "note": {}}]),
        lambda head, arrays: head["grades"][0].update(note="12"),
        lambda head, arrays: head.update(seed=[]),
        lambda head, arrays: arrays.pop("readout_1"),
        lambda head, arrays: arrays.update(W_1_1=arrays["W_1_1"] * np.nan),
        lambda head, arrays: arrays.update(W_1_1=arrays["W_1_1"] + 1j),
        lambda head, arrays: arrays.update(W_1_1=arrays["W_1_1"].astype(str)),
        lambda head, arrays: arrays.update(b_1_1=arrays["b_1_1"][:-1]),
        lambda head, arrays: arrays.update(constant_1=np.array([np.inf])),
        lambda head, arrays: arrays.update(constant_1=np.array([0.0, 1.0])),
    ],
)
def test_a_hostile_file_is_refused(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    train(sample(mg.target("2*x"), 9), [Adam(width=4, epochs=2)]).save(path)
    with pytest.raises((mg.SchemeError, mg.DomainError)):
        load_model(edited(path, change))


def test_objects_deep_heads_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    for head in (np.array({"a": 1}, dtype=object), np.array("[" * 100_000)):
        np.savez(path, head=head)  # type: ignore[arg-type]
        with pytest.raises(mg.SchemeError, match="not a trained model"):
            load_model(path)
    for raw in (b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", bytes(1000)):
        path.write_bytes(raw)
        with pytest.raises(mg.SchemeError, match="not a trained model"):
            load_model(path)
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(mg.SchemeError, match="not a trained model"):
        load_model(tmp_path / "array.npy")


def test_a_file_that_unpacks_to_more_than_it_is_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    np.savez_compressed(path, head=np.array("{}"), W_1_1=np.zeros((1000, 1000)))
    with pytest.raises(mg.SchemeError, match="unpacks to"):
        load_model(path)


def test_a_header_that_asks_for_all_memory_is_refused(tmp_path: Path) -> None:
    path, shape = tmp_path / "state.npz", (10**13, 1)
    train(sample(mg.target("2*x"), 9), [Adam(width=4, epochs=2)]).save(path)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as file:
        for name, raw in {**parts, "W_1_1.npy": header.getvalue()}.items():
            file.writestr(name, raw)
    with pytest.raises(mg.SchemeError, match="not a trained model"):
        load_model(path)


def test_a_foreign_file_is_refused_without_advice_to_unpickle_it(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    path.write_bytes(b"hello")
    with pytest.raises(mg.SchemeError) as refused:
        load_model(path)
    assert "pickle" not in str(refused.value)


def test_an_edited_state_is_verified_as_it_stands(tmp_path: Path) -> None:
    """Notes prove nothing: a file that claims less than its weights do is refuted all the same."""
    path = tmp_path / "state.npz"
    line(0.25, root=-1.0).save(path)

    def boast(head: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        head["grades"][0]["note"] = {"seconds": "soon", "accepted": True, "gap": [0]}
        arrays["readout_1"], arrays["constant_1"] = -arrays["readout_1"], -arrays["constant_1"]

    report = mg.verify(load_model(edited(path, boast)).on(mg.target("2 + x")))
    assert report.result("nonincreasing").verdict is mg.Verdict.REFUTED
    assert report.rows[1].seconds == 0.0


def test_a_square_that_is_beyond_all_floats_is_still_compared() -> None:
    data = Data([[0.5]], [2.0**-1074])
    report = mg.verify(one(0.0, 0.0, 0.0, 1e308).on(mg.target("x")), data=data)
    assert report.result("l2-decrease").verdict is mg.Verdict.REFUTED
    assert report.rows[1].relative_error == np.inf


@pytest.mark.parametrize("solver", ["adam", "convex"])
def test_a_run_resumed_after_any_grade_has_the_bits_of_one_in_one_piece(solver: str, tmp_path: Path) -> None:
    """The residual is the difference of the same floats in the same order."""
    data, spec = sample(mg.target("sin(6*x)*exp(-x)"), 65), SOLVERS[solver](width=6, epochs=12)
    whole = train(data, [spec] * 5, seed=5)
    for stop in (2, 4):
        path = tmp_path / f"{stop}.npz"
        train(data, [spec] * stop, seed=5, path=path)
        resumed = train(data, [spec] * 5, seed=5, path=path)
        for a, b in zip(resumed.grades, whole.grades, strict=True):
            assert a.weights[0].tobytes() == b.weights[0].tobytes()
            assert (a.readout.tobytes(), a.constant) == (b.readout.tobytes(), b.constant)


def test_a_state_with_more_grades_than_asked_for_gives_those_asked_for(tmp_path: Path) -> None:
    data, spec, path = sample(mg.target("2*x"), 9), Adam(width=4, epochs=2), tmp_path / "s.npz"
    train(data, [spec] * 3, path=path)
    assert len(train(data, [spec] * 2, path=path).grades) == 2
    assert len(load_model(path).grades) == 3


def test_a_model_is_not_trained_on_in_another_box(tmp_path: Path) -> None:
    """A constant has the same data everywhere."""
    data, spec, path = sample(mg.target("3"), 9), Adam(width=4, epochs=2), tmp_path / "s.npz"
    train(data, [spec], path=path)
    with pytest.raises(mg.OptionError, match="lives on"):
        train(data, [spec] * 2, path=path, box=mg.Box.of([0, 2]))


@pytest.mark.parametrize("seed", [-1, 1.5, None, "1"])
def test_a_seed_that_is_none_is_refused_before_any_work(seed: Any) -> None:
    with pytest.raises(mg.OptionError, match="seed"):
        train(sample(mg.target("x"), 9), [Adam(width=4, epochs=2)], seed=seed)


def test_a_seed_of_numpy_is_written_as_an_integer(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    train(sample(mg.target("x"), 9), [Adam(width=4, epochs=2)], seed=np.int64(3), path=path)  # type: ignore[arg-type]
    assert load_model(path).seed == 3


@pytest.mark.parametrize("solver", ["adam", "convex"])
@pytest.mark.parametrize("exponent", [-1000, -300, 300, 900])
def test_training_has_no_scale(solver: str, exponent: int) -> None:
    """Values times a power of two whose squares are no floats: the same grades, times that power."""
    t = np.linspace(0, 1, 17)[:, None]
    y, spec = np.sin(7 * t[:, 0]), SOLVERS[solver](width=6, epochs=8)
    plain, scaled = train(Data(t, y), [spec] * 2), train(Data(t, np.ldexp(y, exponent)), [spec] * 2)
    for a, b in zip(plain.grades, scaled.grades, strict=True):
        assert a.note["accepted"]
        assert a.weights[0].tobytes() == b.weights[0].tobytes()
        assert np.ldexp(a.readout, exponent).tobytes() == b.readout.tobytes()


def test_a_convex_problem_that_cannot_be_begun_does_not_say_that_it_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    def singular(*_: object) -> None:
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(np.linalg, "solve", singular)
    h = np.linspace(0, 1, 9)[:, None]
    fit = fit_gated(h, np.abs(h[:, 0] - 0.3), np.array([[1.0, -0.3]]), 1e-3)
    assert (fit.iterations, fit.relative_gap) == (0, 1.0)


def test_the_gap_is_of_the_network_whose_biases_were_rounded() -> None:
    """Points that differ by a millionth at a million: what floats keep of the biases is worth more than the gap."""
    rng = np.random.default_rng(11)
    h = 1e6 + 1e-6 * rng.random((6, 3))
    fit = fit_relu(h, np.sin(7 * rng.random(6)), sample_gates(h, 4, rng), 0.01)
    assert fit.history[-1][1] < 1e-7
    assert fit.relative_gap > 1e-6


@pytest.mark.parametrize("g", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("e", [2.0, -1e308, 5e-324, 0.0])
def test_a_value_that_is_no_number_makes_no_point_worse(g: float, e: float) -> None:
    given, half = np.array([e]), Fraction(1, 2)
    c = balance_on_data(lambda t: np.full(len(t), g), 3, Interval(given, given), np.array([[0.5]]))
    assert abs(Fraction(e) - c.exact([half])) <= abs(Fraction(e))


def test_the_last_line_states_no_bound_that_is_an_estimate() -> None:
    spike = mg.target(lambda x: np.where(np.abs(x - 0.4567) < 1e-7, 100.0, 0.0), domain=[0, 1])
    report = mg.verify(line(0.0).on(spike), 1)
    assert report.verdict is mg.Verdict.EVIDENCE
    assert "<=" not in report.last_line()


@pytest.mark.parametrize("seed", [1, 8, 26])
def test_a_feature_that_is_nothing_but_rounding_is_not_blown_up(seed: int) -> None:
    model = train(sample(mg.target("abs(x-1/3)"), 5), [Adam(width=8, epochs=20)] * 3, seed=seed)
    assert max(np.abs(w).max() for g in model.grades for w in g.weights) < 1e4


def test_exact_values_of_a_deep_network_cost_no_more_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond that the cells decide, or nobody: the comparison that needs exact values stays open."""
    seen = []

    def counted(model: TrainedModel, part: Mesh) -> Any:
        seen.append(len(part.cells) * 2 * model.parameters)
        return last_on_cells(model, part)

    monkeypatch.setattr(verification, "last_on_cells", counted)
    f, model = mg.target("2 + sin(x)"), line(0.5, 0.25)
    free = _FitSweep(model, f, None, 5000, None)
    free.run()
    assert sum(seen) > 0
    assert free.unproved == [0, 0]
    for work in (0, sum(seen) // 2):
        seen.clear()
        sweep = _FitSweep(model, f, None, 5000, None)
        sweep.work = work
        sweep.run()
        assert sum(seen) <= work
    assert any(sweep.unproved)


def test_values_that_contradict_each_other_end_at_the_last_level_that_there_is() -> None:
    data, spec = Data([[0.3], [0.3]], [1.0, 2.0]), Adam(width=2, epochs=2)
    other = Data([[0.3], [0.3]], [1.0, -1.0])
    for each in (data, other):
        run = train_balanced_on_data(each, [spec], cells=1 << 60)
        assert run.grades[0].level <= 52
        g = run.grades[0].exact([Fraction(0.3)])
        assert all(abs(Fraction(y) - g) <= abs(Fraction(y)) for y in each.y.tolist())


def test_a_residual_that_is_no_number_cannot_be_balanced() -> None:
    e = np.array([1.0, np.inf])
    with pytest.raises(mg.OptionError, match="finite residuals"):
        balance_on_data(lambda t: t[:, 0], 0, Interval(e, e), np.array([[0.0], [1.0]]))


@pytest.mark.parametrize("text", ["1e200*(x - 1/3)", "1e-200*(x - 1/3)"])
def test_balanced_grades_of_values_whose_squares_are_no_floats(text: str) -> None:
    f = mg.target(text)
    run = train_balanced(f, sample(f, 17), [Adam(width=4, epochs=8)] * 2)
    report = mg.verify(run.scheme)
    assert report.result("nonincreasing").verdict is mg.Verdict.PROVED
    assert report.residual_sup_upper < 0.7 * report.rows[0].residual_sup_upper


def test_the_reason_why_cells_were_left_is_not_forgotten_where_others_are_finished() -> None:
    f = mg.target("sin(9*x)")
    sweep, mesh = _FitSweep(line(1.0), f, None, 10, None), Mesh.of(2, np.arange(4)[:, None])
    some, none = np.array([True, False, True, True]), np.zeros(4, dtype=np.bool_)
    assert sweep._worst(mesh, np.where(some, 2.0, 0.0), none, 6, 1 << 30).sum() == 1
    assert "budget" in sweep.stopped
    assert sweep._worst(mesh, np.array([2.0, 0, 0, 0]), none, 8, 1 << 30).sum() == 1
    assert "budget" in sweep.stopped


@pytest.mark.parametrize("solver", ["adam", "convex"])
def test_an_interruption_within_a_grade_loses_no_finished_one(solver: str, tmp_path: Path) -> None:
    data, spec = sample(mg.target("sin(6*x)*exp(-x)"), 65), SOLVERS[solver](width=6, epochs=100)
    path, folder = tmp_path / "s.npz", tmp_path

    def stop(grade: int, step: int, error: float) -> None:
        if grade == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, [spec] * 4, path=path, progress=stop)
    assert len(load_model(path).grades) == 2
    assert [p.name for p in folder.iterdir()] == ["s.npz"]
    whole, resumed = train(data, [spec] * 4), train(data, [spec] * 4, path=path)
    assert [g.readout.tobytes() for g in resumed.grades] == [g.readout.tobytes() for g in whole.grades]


@pytest.mark.parametrize("solver", ["adam", "convex"])
@pytest.mark.parametrize("seed", range(6))
def test_no_grade_increases_the_sum_of_squares_exactly(solver: str, seed: int) -> None:
    """Down to where there is nothing left but rounding: coordinates that vary by a few units of the last place too."""
    rng = np.random.default_rng(seed)
    t = rng.random((7, 2)) if seed % 2 else np.column_stack([0.5 + 2.0**-52 * rng.integers(0, 9, 7), rng.random(7)])
    data = Data(t, rng.standard_normal(7))
    model = train(data, [Adam(8, epochs=60, rate=0.03) if solver == "adam" else Convex(8, epochs=60)] * 7, seed=seed)
    rest = [Fraction(v) for v in data.y.tolist()]
    totals = [sum(v * v for v in rest)]
    for k in range(len(model.grades)):
        rest = [v - g[k] for v, g in zip(rest, model.exact(data.t), strict=True)]
        totals.append(sum(v * v for v in rest))
    for before, after, grade in zip(totals, totals[1:], model.grades, strict=False):
        assert after < before if grade.note["accepted"] else after == before


@pytest.mark.parametrize("t", [[[-0.1], [0.5]], [[0.5], [1.1]], [[0.5], [np.nan]], [[0.5]], [0.5, 0.5]])
def test_points_outside_or_without_a_residual_are_not_balanced(t: list[Any]) -> None:
    """Outside the weights of the hats may be negative, and then the law does not follow."""
    e = np.array([1.0, 2.0])
    with pytest.raises(mg.OptionError, match="a residual for each"):
        balance_on_data(lambda t: np.ones(len(t)), 1, Interval(e, e), np.array(t))
