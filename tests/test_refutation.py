"""Refutations: schemes and networks that break a claim are refuted with a witness that the checker confirms."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas import fits, rule_of

import mgdl_theory as mg
from mgdl_theory.certificate import check, schema
from mgdl_theory.certificate.refutation import Refutation, refutation
from mgdl_theory.cli import main
from mgdl_theory.training import Adam, TrainedGrade, TrainedModel, sample, train

ENGINES = ("arb", "mpmath")
WAVE, SEA = "sin(10*x)*exp(-x)", "sin(3*x)*cos(2*y)"
Report = mg.Report


def judged(data: dict[str, Any], engine: str = "arb") -> str:
    """The last line of the checker, the hash made to fit."""
    data = {**data, "sha256": check.digest(data)}
    lines: list[str] = []
    try:
        if data["format"] == check.FORMATS[1]:
            return check.refute(data, engine, lines.append)
        return check.Check(data, engine, lines.append).run(1)
    except check.Refused as refused:
        return f"REFUSED: {refused.claim}: {refused.text}"


# -- schemes ---------------------------------------------------------------------------------------


@functools.cache
def built(text: str) -> mg.Scheme:
    return mg.construct(mg.target(text), "1/20")


def nodes_of(level: int, dim: int) -> np.ndarray:
    axes = np.meshgrid(*[np.arange((1 << level) + 1)] * dim, indexing="ij")
    return np.stack([a.ravel() for a in axes], axis=1)


def wrong_coefficient(text: str) -> mg.Scheme:
    """One coefficient in the middle of a real scheme a little too large: more than there is."""
    scheme = built(text)
    parts = [g.atoms for g in scheme.grades]
    k = max(range(len(parts)), key=lambda i: len(parts[i]))
    c = parts[k].coefficients.copy()
    at = int(np.argmax(np.abs(c)))
    c[at] *= 1.5
    parts[k] = mg.Atoms(parts[k].level, parts[k].nodes, c)
    return mg.Scheme.of(scheme.target, scheme.lift, parts, scheme.tol)


def single(values: np.ndarray) -> np.ndarray:
    """In the precision that training uses: 24 bits."""
    return values.astype(np.float32).astype(np.float64)


def greedy(text: str) -> mg.Scheme:
    """Each grade interpolates the residual at its nodes instead of contracting it."""
    f, parts = mg.target(text), []
    for level in (1, 2, 3):
        nodes = nodes_of(level, f.dim)
        rest = f(nodes / 2**level)
        for part in parts:
            rest = rest - part(nodes / 2**level)
        keep = np.abs(rest) > 1e-6
        parts.append(mg.Atoms(level, nodes[keep], single(rest[keep])))
    return mg.Scheme.of(f, 0.0, parts, 0.05)


def fitted(text: str, rounded: Callable[[np.ndarray], np.ndarray] = single) -> mg.Scheme:
    """A grade as training makes it: hats of one level fitted by least squares to samples of the residual."""
    f, parts = mg.target(text), []
    t = nodes_of(5, f.dim) / 32
    rest = f(t)
    for level in (1, 2):
        nodes = nodes_of(level, f.dim)
        hats = np.stack([mg.Atoms(level, v[None, :], np.ones(1))(t) for v in nodes], axis=1)
        c = np.linalg.lstsq(hats, rest, rcond=None)[0]
        parts.append(mg.Atoms(level, nodes, rounded(c)))
        rest = rest - parts[-1](t)
    return mg.Scheme.of(f, 0.0, parts, 0.05)


def other_sign(text: str) -> mg.Scheme:
    """One coefficient of the other sign: the grade makes points worse."""
    scheme = built(text)
    parts = [g.atoms for g in scheme.grades]
    c = parts[0].coefficients.copy()
    c[0] *= -1
    parts[0] = mg.Atoms(parts[0].level, parts[0].nodes, c)
    return mg.Scheme.of(scheme.target, scheme.lift, parts, scheme.tol)


def without_its_last_grade(text: str) -> mg.Scheme:
    scheme = built(text)
    return mg.Scheme.of(scheme.target, scheme.lift, [g.atoms for g in scheme.grades[:-1]], scheme.tol)


PLANTED: dict[str, tuple[Callable[[str], mg.Scheme], str]] = {
    "wrong coefficient": (wrong_coefficient, "balanced"),
    "greedy interpolation": (greedy, "balanced"),
    "least squares": (fitted, "balanced"),
    "other sign": (other_sign, "nonincreasing"),
    "last grade missing": (without_its_last_grade, "sup-norm"),
}


@functools.cache
def planted(what: str, text: str) -> Report:
    return mg.verify(PLANTED[what][0](text))


@pytest.mark.parametrize("text", [WAVE, SEA])
@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_defect_is_refuted_with_a_witness(what: str, text: str) -> None:
    """A rational point, the grade, and both residuals; they show it in rational arithmetic."""
    report = planted(what, text)
    assert report.verdict is mg.Verdict.REFUTED
    result = report.result(PLANTED[what][1])
    assert result.verdict is mg.Verdict.REFUTED
    witness = result.witness
    assert witness is not None
    x, k = witness.x, witness.grade
    assert all(isinstance(v, Fraction) for v in x)
    f = Fraction(float(report.scheme.target.mp(x, 30)))
    before = f - report.scheme.exact(x, max(k - 1, 0))
    after = f - report.scheme.exact(x, k)
    slack = Fraction(1, 10**12)
    if result.claim == "sup-norm":
        assert abs(after) > report.tol
    else:
        assert witness.before[0] - slack <= before <= witness.before[1] + slack
        assert abs(after) > abs(before) if result.claim == "nonincreasing" else (before - after) * after < 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", [WAVE, SEA])
@pytest.mark.parametrize("what", PLANTED)
def test_the_checker_confirms_the_refutation(what: str, text: str, engine: str) -> None:
    data = schema.certificate(planted(what, text)).data
    assert data["status"] == "refuted"
    last = judged(data, engine)
    assert last.startswith("REFUTED: "), last
    assert PLANTED[what][1] in last


@pytest.mark.parametrize("what", PLANTED)
def test_a_refutation_with_another_point_or_grade_is_refused(what: str) -> None:
    data = copy.deepcopy(schema.certificate(planted(what, WAVE)).data)
    for claim in data["claims"]:
        if claim["verdict"] == "REFUTED":
            claim["witness"]["after"] = claim["witness"]["before"] = [[0, 0], [1, -40]]
    assert judged(data).startswith("REFUSED: ")


@pytest.mark.parametrize("text", [WAVE, SEA])
def test_a_scheme_with_too_many_bits_for_a_certificate_is_refuted_as_a_network(text: str) -> None:
    """Coefficients of 53 bits: the verifier finds the point, but stops before it has bounds on the whole domain."""
    report = mg.verify(fitted(text, lambda c: c))
    assert report.verdict is mg.Verdict.REFUTED
    with pytest.raises(mg.CertificateError, match="stopped early"):
        schema.certificate(report)
    assert judged(refutation(report).data).startswith(f"REFUTED: {text} for ")


@pytest.mark.parametrize("what", PLANTED)
def test_a_refuted_scheme_is_refuted_as_a_network_too(what: str) -> None:
    """The network of the scheme, lift and all, by another evaluation of it."""
    data = refutation(planted(what, WAVE)).data
    last = judged(data)
    assert last.startswith("REFUTED: "), last
    data = copy.deepcopy(data)
    data["lift"] = [data["lift"][0] + 4, data["lift"][1]]
    assert judged(data).startswith("REFUSED: ")


# -- networks --------------------------------------------------------------------------------------


@functools.cache
def damaged_network() -> mg.Network:
    """The network of a scheme with one readout a little too large."""
    network = mg.construct(mg.target("1 + x**2"), "1/8", lift="none").network("unit")
    readout = network.readout.copy()
    readout[-1] *= 8.0
    return replace(network, readout=readout)


@functools.cache
def models() -> dict[str, Any]:
    """Reports on networks that break a claim, by name."""
    f, g = mg.target("sin(6*x)"), mg.target("x*y + 1")
    specs = [Adam(width=6, epochs=10)] * 2
    honest = TrainedModel.from_network(mg.construct(mg.target("1 + x**2"), "1/8", lift="none").network("unit"))
    return {
        "trained": mg.verify(train(sample(f, 65), specs).on(f)),
        "trained in two variables": mg.verify(train(sample(g, 81), specs).on(g)),
        "a readout too large": mg.verify(TrainedModel.from_network(damaged_network()).on(mg.target("1 + x**2"))),
        "a tolerance too small": mg.verify(honest.on(mg.target("1 + x**2")), "1/64"),
    }


REFUTED = {
    "trained": "nonincreasing",
    "trained in two variables": "nonincreasing",
    "a readout too large": "nonincreasing",
    "a tolerance too small": "sup-norm",
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", REFUTED)
def test_the_checker_confirms_the_refutation_of_a_network(name: str, engine: str) -> None:
    report = models()[name]
    assert report.result(REFUTED[name]).verdict is mg.Verdict.REFUTED
    data = refutation(report).data
    assert data["claim"] == REFUTED[name]
    last = judged(data, engine)
    assert last.startswith(f"REFUTED: {data['target']['expression']} for "), last
    assert f"; {REFUTED[name]}: false at " in last


def test_the_network_of_a_true_scheme_is_not_refuted() -> None:
    f = mg.target("1 + x**2")
    network = mg.construct(f, "1/8", lift="none").network("unit")
    report = mg.verify(TrainedModel.from_network(network).on(f), "1/8")
    assert report.verdict is not mg.Verdict.REFUTED
    with pytest.raises(mg.CertificateError, match="refutes none"):
        refutation(report)
    result = mg.verify_network(damaged_network(), mg.construct(f, "1/8", lift="none"))
    assert result.verdict is mg.Verdict.REFUTED, "the damage is seen against the scheme as well"


numbers = st.floats(-4, 4, allow_subnormal=False).map(lambda v: float(np.float32(v)))


@given(st.data(), st.integers(1, 2), st.integers(1, 3))
def test_the_checker_evaluates_networks_as_the_package_does(data: st.DataObject, dim: int, count: int) -> None:
    """Two programs, exactly the same rational numbers."""
    grades, below = [], dim
    for _ in range(count):
        shapes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
        weights, biases = [], []
        for width in shapes:
            weights.append(np.array(data.draw(st.lists(numbers, min_size=width * below, max_size=width * below))))
            weights[-1] = weights[-1].reshape(width, below)
            biases.append(np.array(data.draw(st.lists(numbers, min_size=width, max_size=width))))
            below = width
        readout = np.array(data.draw(st.lists(numbers, min_size=below, max_size=below)))
        grades.append(TrainedGrade(tuple(weights), tuple(biases), readout, data.draw(numbers)))
    model = TrainedModel(mg.Box.of([0, 1], dim), tuple(grades))
    from mgdl_theory.certificate.refutation import _layer

    plain = [
        {
            "layers": [_layer(w, b) for w, b in zip(g.weights, g.biases, strict=True)],
            "readout": _layer(g.readout[None, :], [g.constant]),
        }
        for g in grades
    ]
    t = [data.draw(st.integers(0, 8)) / 8 for _ in range(dim)]
    assert [*check.Network([Fraction(v) for v in t]).grades(plain)] == model.exact(np.array([t]))[0]


def products(grades: list[dict[str, Any]], t: Fraction) -> int:
    """Sum of p q over the products of a number of p bits with a value of q bits, by another evaluation."""
    total, state = 0, [t]
    for grade in grades:
        for layer in [*grade["layers"], grade["readout"]]:
            unit, rows = Fraction(2) ** layer["exponent"], list(zip(layer["weights"], layer["biases"], strict=True))
            total += sum(
                m.bit_length() * y.numerator.bit_length() for w, _ in rows for m, y in zip(w, state, strict=True)
            )
            found = [unit * (b + sum(m * y for m, y in zip(w, state, strict=True))) for w, b in rows]
            state = [max(Fraction(0), y) for y in found] if layer is not grade["readout"] else state
    return total


@given(st.data(), st.integers(1, 4), st.integers(1, 5))
def test_the_work_that_is_allowed_bounds_the_products_that_are_formed(
    data: st.DataObject, width: int, depth: int
) -> None:
    whole = st.integers(-(2**60), 2**60)

    def layer(rows: int, columns: int) -> dict[str, Any]:
        weights = [[data.draw(whole) for _ in range(columns)] for _ in range(rows)]
        return {"exponent": -30, "weights": weights, "biases": [data.draw(whole) for _ in range(rows)]}

    layers = [layer(width, 1 if k == 0 else width) for k in range(depth)]
    grades = [{"layers": layers, "readout": layer(1, width)}]
    network = check.Network([Fraction(1, 3)])
    assert len([*network.grades(grades)]) == 1
    assert network.work >= products(grades, Fraction(1, 3))


def test_work_beyond_what_is_allowed_is_refused_before_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = {"exponent": 0, "weights": [[(1 << 60) - 1] * 6] * 6, "biases": [1] * 6}
    grades = [{"layers": [{**layer, "weights": [[3]] * 6}, *[layer] * 50], "readout": {**layer, "weights": [[1] * 6]}}]
    network, longest = check.Network([Fraction(1, 3)]), list[int]()
    affine = network.affine

    def noted(each: dict[str, Any]) -> Any:
        found = affine(each)
        longest.append(max(y.bit_length() for y in found[0]))
        return found

    monkeypatch.setattr(network, "affine", noted)
    monkeypatch.setattr(check, "MAX_WORK", 1 << 20)
    with pytest.raises(check.Refused, match="products of more than 1048576 bits by bits"):
        next(network.grades(grades))
    assert 1 < len(longest) < 30
    assert sum(36 * 60 * bits for bits in longest[:-1]) <= 1 << 20


def test_values_between_the_layers_have_no_more_bits_than_they_need() -> None:
    """A thousand layers that halve and double again."""
    half = {"exponent": -1000, "weights": [[1, 0], [0, 1]], "biases": [0, 0]}
    double = {"exponent": 1000, "weights": [[1, 0], [0, 1]], "biases": [0, 0]}
    first, last = {**half, "exponent": 0, "weights": [[1], [3]]}, {"exponent": 0, "weights": [[1, 1]], "biases": [0]}
    network = check.Network([Fraction(1, 3)])
    assert [*network.grades([{"layers": [first, *[half, double] * 500], "readout": last}])] == [Fraction(4, 3)]
    assert network.work < 1000 * 100


def test_the_network_is_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made, network = list[Any](), check.Network
    monkeypatch.setattr(check, "Network", lambda t: made.append(t) or network(t))
    assert judged(refutation(models()["trained"]).data).startswith("REFUTED: ")
    assert len(made) == 1


LONG = {"exponent": 1100, "weights": [[10**600] * 6] * 6, "biases": [1] * 6}
FORGED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another point": lambda d: d["witness"].update(x=["1/1000"]),
    "a point outside": lambda d: d["witness"].update(x=["2"]),
    "no point": lambda d: d["witness"].update(x=[]),
    "grade 0": lambda d: d["witness"].update(grade=0),
    "a grade too many": lambda d: d["witness"].update(grade=99),
    "other residuals": lambda d: d["witness"].update(after=[[5, 0], [6, 0]]),
    "another claim": lambda d: d.update(claim="sup-norm", tolerance=[1, 9]),
    "an unknown claim": lambda d: d.update(claim="l2-decrease"),
    "a claim that is a list": lambda d: d.update(claim=["nonincreasing"]),
    "another formula": lambda d: d["target"].update(expression="sin(6*x) + 3"),
    "another box": lambda d: d["target"]["box"].update(lower=["1/2"]),
    "another weight": lambda d: d["grades"][0]["readout"]["weights"].__setitem__(0, [0] * 6),
    "a weight that is a text": lambda d: d["grades"][0]["readout"]["weights"][0].__setitem__(0, "1"),
    "a weight that is true": lambda d: d["grades"][0]["readout"]["weights"][0].__setitem__(0, True),
    "a row too short": lambda d: d["grades"][0]["readout"]["weights"][0].pop(),
    "two readouts": lambda d: d["grades"][0]["readout"].update(weights=[[1] * 6] * 2, biases=[0, 0]),
    "a bias missing": lambda d: d["grades"][0]["layers"][0]["biases"].pop(),
    "a huge exponent": lambda d: d["grades"][0]["readout"].update(exponent=10**12),
    "no layers": lambda d: d["grades"][0].pop("layers"),
    "no grades": lambda d: d.update(grades=[]),
    "an undefined formula": lambda d: d["target"].update(expression="sin(6*x) + 0*log(x - 2)"),
    "a value beyond all bounds": lambda d: d["target"].update(expression="exp(exp(exp(9 + x)))"),
    "values that grow without end": lambda d: d["grades"].extend([{"layers": [LONG] * 99, "readout": LONG}]),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_refutation_is_refused(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "MAX_BITS", 1 << 16)
    data = copy.deepcopy(refutation(models()["trained"]).data)
    FORGED[what](data)
    path = tmp_path / "r.json"
    path.write_text(check.canonical({**data, "sha256": check.digest(data)}))
    assert check.main([str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("REFUSED: ")


def test_the_command_writes_a_refutation_that_check_confirms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "r.json.gz")
    short = ["--grades", "2", "--width", "6", "--epochs", "10", "--points", "65", "--quiet"]
    assert main(["train", "sin(6*x)", *short, "--refutation", path]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("REFUTED: ")
    assert main(["check", path]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[:2] == ["refuted", "nonincreasing"]
    assert out[-1].startswith("REFUTED: sin(6*x) for 0 <= x <= 1: a network of 2 grade(s); nonincreasing: false at ")
    with pytest.raises(mg.CertificateError, match="give it to check"):
        mg.load_certificate(path)
    for wrong in (["--refutation", "r.txt"], ["--refutation", path, "--balanced", "yes"]):
        assert main(["train", "x", *wrong]) == 2
        assert "--refutation" in capsys.readouterr().err


def test_a_refutation_fits_its_json_schema() -> None:
    rule = rule_of("refutation")
    for report in models().values():
        data = json.loads(Refutation(refutation(report).data).text)
        assert fits(data, rule, rule)
        assert not fits({**data, "lift": [1.5, 0]}, rule, rule)
        assert not fits({k: v for k, v in data.items() if k != "witness"}, rule, rule)
