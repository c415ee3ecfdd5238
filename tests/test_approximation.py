"""Schemes, vector schemes and trained models on a target are one kind of thing, with one kind of record."""

from __future__ import annotations

import inspect
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory import training
from mgdl_theory.scheme import Approximation
from mgdl_theory.training import Fit, TrainedGrade, TrainedModel
from mgdl_theory.verification.record import Record

F, PAIR = mg.target("2*x + 1"), mg.target(["2*x + 1", "x"])
HALF = TrainedGrade((np.eye(1),), (np.zeros(1),), np.array([1.0]), 0.5)
MODEL = TrainedModel(F.box, (HALF, HALF))
SCHEME = mg.construct(F, 0.25)
KINDS: dict[str, Any] = {"scheme": SCHEME, "vector scheme": mg.construct(PAIR, 0.25), "trained model": MODEL.on(F)}


def typed(scheme: mg.Scheme, vector: mg.VectorScheme, fit: Fit) -> tuple[Approximation, ...]:
    """For the type checker."""
    return scheme, vector, fit


@pytest.fixture(params=KINDS)
def approximation(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


# -- approximations --------------------------------------------------------------------------------


def test_every_kind_is_an_approximation(approximation: Any) -> None:
    assert isinstance(approximation, Approximation)
    others: list[Any] = [MODEL, F, mg.verify(SCHEME)]
    assert not any(isinstance(other, Approximation) for other in others)


def test_steps_are_the_approximants_and_residuals_what_is_left(approximation: Any) -> None:
    x = np.linspace(0, 1, 5)
    steps = approximation.steps(x)
    assert len(steps) == len(approximation.grades) + 1
    for k, step in enumerate(steps):
        assert np.array_equal(step, approximation(x, k))
        assert np.array_equal(approximation.residual(x, k), approximation.target(x) - step)
        assert np.array_equal(approximation.prefix(k)(x), step)
    assert np.array_equal(approximation(x), steps[-1])


def test_components_are_scalar_and_those_of_a_scalar_thing_are_itself() -> None:
    report = mg.verify(SCHEME)
    scalars: list[Any] = [F, SCHEME, KINDS["trained model"], report, mg.verify(MODEL.on(F))]
    vectors: list[Any] = [PAIR, KINDS["vector scheme"], mg.verify(KINDS["vector scheme"])]
    for record in scalars:
        assert record.components == (record,)
        assert record.components[0] is record
    for record in vectors:
        assert len(record.components) == 2
        assert all(part.components[0] is part for part in record.components)


def test_the_outputs_of_a_network_were_called_components() -> None:
    for scheme in (SCHEME, KINDS["vector scheme"]):
        network = scheme.network()
        assert network.outputs == len(scheme.components)
        with pytest.warns(DeprecationWarning, match=r"network\.outputs"):
            assert network.components == network.outputs


def test_a_model_lives_on_the_box_of_its_target() -> None:
    with pytest.raises(mg.OptionError, match="another domain"):
        MODEL.on(mg.target("x", [0, 2]))
    with pytest.raises(mg.OptionError, match="one function, got VectorTarget"):
        MODEL.on(PAIR)  # type: ignore[arg-type]


# -- one verify ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tol", "proved"), [("4", True), (4, True), (Fraction(1, 1 << 30), False)])
def test_the_second_argument_is_the_tolerance(approximation: Any, tol: Any, proved: bool) -> None:
    """Before the first grade the residual is f, whose components have sup-norms from 1 to 3."""
    found = mg.verify(approximation.prefix(0), tol)
    assert {part.tol for part in found.components} == {float(Fraction(tol))}
    assert (found.result("sup-norm").verdict is mg.Verdict.PROVED) == proved
    assert found.results == mg.verify(approximation.prefix(0), tol=tol).results


def test_a_model_needs_its_target() -> None:
    verify: Any = mg.verify
    for args, said in (
        ((MODEL, 0.5), r"^a model needs its target: verify\(model\.on\(f\), 0\.5\)$"),
        ((MODEL,), r"verify\(model\.on\(f\)\)$"),
        ((0.5,), r"model\.on\(f\), got float$"),
    ):
        with pytest.raises(mg.OptionError, match=said):
            verify(*args)


def test_the_old_order_of_arguments_warns_and_works() -> None:
    verify: Any = mg.verify
    wanted = mg.verify(MODEL.on(F), 3).results
    for args, options in (((F, 3), {}), ((F,), {"tol": 3}), ((), {"target": F, "tol": 3})):
        with pytest.warns(DeprecationWarning, match=r"now verify\(model\.on\(f\), tol\)"):
            assert verify(MODEL, *args, **options).results == wanted
    with pytest.warns(DeprecationWarning, match=r"now verify\(model\.on\(f\), tol\)"):
        assert training.verify_model(MODEL, F, 3).results == wanted


def test_options_that_do_not_fit_are_refused(approximation: Any) -> None:
    wrong: Any = {"norms": [1]} if isinstance(approximation, Fit) else {"cells": 10}
    with pytest.raises(TypeError, match=next(iter(wrong))):
        mg.verify(approximation, **wrong)
    assert list(inspect.signature(mg.verify).parameters) == ["approximation", "tol", "options"]


# -- one record ------------------------------------------------------------------------------------


def test_every_report_is_a_record_of_what_was_verified(approximation: Any) -> None:
    report = mg.verify(approximation, 4)
    assert isinstance(report, Record)
    assert report.approximation.target.text == approximation.target.text
    assert report.verdict.exit_code == report.exit_code
    data = report.as_dict()
    assert next(iter(data)) == "target"
    assert list(data)[-4:] == ["seconds", "verdict", "exit_code", "last_line"]
    assert (data["last_line"], data["verdict"]) == (report.last_line(), str(report.verdict))
    assert report.last_line().startswith(f"{report.verdict}: ")


def test_a_claim_that_nobody_asked_for_is_refused_by_naming_those_that_there_are(approximation: Any) -> None:
    report = mg.verify(approximation, 4)
    assert report.result("nonincreasing").claim == "nonincreasing"
    with pytest.raises(mg.OptionError, match=r"one of the claims .*nonincreasing, .*sup-norm.*, got 'network'$"):
        report.result("network")


def test_the_result_of_a_vector_is_the_worst_of_its_components() -> None:
    report = mg.verify(KINDS["vector scheme"])
    wrong = report.components[0].result("sup-norm")
    lost = mg.Result("network", mg.Verdict.UNDECIDED, "lost")
    joined = report.with_results([mg.Result("network", mg.Verdict.PROVED, ""), lost])
    assert wrong.verdict is mg.Verdict.PROVED
    assert joined.result("network") == lost
    assert joined.verdict is mg.Verdict.UNDECIDED


def test_leaves_tile_the_domain_where_they_were_kept() -> None:
    for report in (mg.verify(SCHEME), mg.verify(MODEL.on(F)), *mg.verify(KINDS["vector scheme"]).components):
        last = len(report.approximation.grades)
        blocks = report.leaves()
        assert blocks == report.leaves(last)
        assert sum(Fraction(len(block.cells), 1 << block.level) for block in blocks) == 1
        assert sum(len(block.cells) for block in blocks) == report.leaf_count
        assert report.leaves(last + 1) == ()
    assert mg.verify(SCHEME).leaves(0) == ()
    with pytest.raises(mg.OptionError, match="by component"):
        mg.verify(KINDS["vector scheme"]).leaves()


def test_without_a_modulus_only_what_is_said_of_the_data_is_proved() -> None:
    guessed = mg.target(lambda x: 2 * x + 1)
    report = mg.verify(MODEL.on(guessed), 4)
    verdicts = {r.claim: r.verdict for r in report.results}
    assert verdicts["l2-decrease"] is mg.Verdict.PROVED
    assert verdicts["sup-norm"] is mg.Verdict.EVIDENCE
    assert {row.nonincreasing for row in report.rows} <= {mg.Verdict.EVIDENCE, mg.Verdict.UNDECIDED}
    scheme = mg.verify(mg.construct(guessed, 0.25))
    assert not {r.verdict for r in scheme.results} & {mg.Verdict.PROVED, mg.Verdict.REFUTED}


def test_a_trained_model_on_its_target_is_drawn_without_a_report() -> None:
    ax = mg.plot(MODEL.on(F), "norms")
    assert ax.get_title(loc="left").startswith("f = 2*x + 1 on [0, 1]")
