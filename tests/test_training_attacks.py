"""Attacks on the verification of trained networks: nothing false is PROVED, whoever made the model or the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.training import (
    Data,
    GradeSpec,
    TrainedGrade,
    TrainedModel,
    load_model,
    sample,
    train,
    verify_model,
)


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
    report = mg.verify(model, f, "1.7e308")
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
        mg.verify(model, mg.target("2 + x"))


def test_the_report_keeps_the_numbers_that_were_verified() -> None:
    model, f = line(0.25, root=-1.0), mg.target("2 + x")
    report = mg.verify(model, f)
    model.grades[0].readout.setflags(write=True)
    model.grades[0].readout[0] = -3.0
    assert report.verdict is mg.Verdict.PROVED
    assert report.model.grades[0].readout[0] == 0.25
    assert mg.verify(model, f).verdict is mg.Verdict.REFUTED


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
    report = mg.verify(Liar(grows.box, grows.grades), mg.target("2 + x"))
    assert [r.verdict for r in report.results] == [mg.Verdict.REFUTED] * 2


def test_data_of_a_subclass_are_read_once() -> None:
    data = Data([[0.0], [1.0]], [1.0, 1.0])
    data.y.setflags(write=True)
    data.y[0] = np.inf
    with pytest.raises(mg.SchemeError, match="finite"):
        mg.verify(line(0.5), mg.target("1 + x"), data=data)


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
        mg.verify(line(1.0), f())


def test_what_is_no_model_is_no_model() -> None:
    with pytest.raises(mg.OptionError, match="expected a scheme"):
        mg.verify(object(), mg.target("x"))  # type: ignore[call-overload]
    with pytest.raises(mg.OptionError, match="expected a trained model"):
        verify_model(object(), mg.target("x"))  # type: ignore[arg-type]
    with pytest.raises(mg.OptionError, match="data: expected Data"):
        mg.verify(line(1.0), mg.target("x"), data=[1.0])  # type: ignore[call-overload]
    with pytest.raises(mg.OptionError, match="cells"):
        mg.verify(line(1.0), mg.target("x"), cells=0)


class Steep:
    """f = 0 at every dyadic node, with defects that are not known: nothing can be proved of it."""

    text, box, dim, certified = "steep", mg.Box.of([0, 1]), 1, True

    def __init__(self, defect: float) -> None:
        self.defect = defect

    def values(self, level: int, nodes: np.ndarray) -> Interval:
        return Interval(np.zeros(len(nodes)), np.zeros(len(nodes)))

    def defects(self, level: int, cells: np.ndarray) -> mg.Defects:
        unknown = np.full(len(cells), self.defect)
        return mg.Defects(unknown, unknown, unknown, unknown, Interval.entire((len(cells),)))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(len(x))


@pytest.mark.parametrize("defect", [np.nan, np.inf])
def test_a_defect_that_is_not_known_is_no_large_number(defect: float) -> None:
    report = mg.verify(line(0.0), Steep(defect), "1.7976931348623157e308", cells=600)
    assert report.residual_sup_upper == np.inf
    assert report.verdict is mg.Verdict.UNDECIDED


def test_many_variables_are_undecided_and_not_the_end_of_memory() -> None:
    d = 16
    names = [f"x{a}" for a in range(1, d + 1)]
    f, data = mg.target("+".join(names)), Data(np.zeros((1, d)), np.zeros(1))
    model = TrainedModel(f.box, (TrainedGrade((np.zeros((1, d)),), (np.zeros(1),), np.zeros(1), 0.5),))
    report = mg.verify(model, f, 100, data=data)
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
    train(sample(mg.target("2*x"), 9), [GradeSpec(width=4, epochs=2)]).save(path)
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


def test_an_edited_state_is_verified_as_it_stands(tmp_path: Path) -> None:
    """Notes prove nothing: a file that claims less than its weights do is refuted all the same."""
    path = tmp_path / "state.npz"
    line(0.25, root=-1.0).save(path)

    def boast(head: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        head["grades"][0]["note"] = {"seconds": "soon", "accepted": True, "gap": [0]}
        arrays["readout_1"], arrays["constant_1"] = -arrays["readout_1"], -arrays["constant_1"]

    report = mg.verify(load_model(edited(path, boast)), mg.target("2 + x"))
    assert report.result("nonincreasing").verdict is mg.Verdict.REFUTED
    assert report.rows[1].seconds == 0.0


def test_a_square_that_is_beyond_all_floats_is_still_compared() -> None:
    data = Data([[0.5]], [2.0**-1074])
    report = mg.verify(one(0.0, 0.0, 0.0, 1e308), mg.target("x"), data=data)
    assert report.result("l2-decrease").verdict is mg.Verdict.REFUTED
    assert report.rows[1].relative_error == np.inf
