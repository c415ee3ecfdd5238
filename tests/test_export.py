"""Networks as files: what other programs compute from them is the scheme; a damaged file is refused."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
import re
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import mgdl_theory as mg
from mgdl_theory import Network, OptionError, Scheme, SchemeError
from mgdl_theory.relu import export, onnx_model, ranges
from mgdl_theory.relu.export import load_npz, save_npz, save_onnx, save_torch, state_arrays
from mgdl_theory.relu.measure import LEVEL, agreement, float32_values, sample, torch_values
from mgdl_theory.relu.ranges import CellRanges, cell_ranges, plain_decimal, ranges_csv, ranges_vnnlib
from mgdl_theory.vector import VectorScheme

DOCS = Path(__file__).resolve().parents[1] / "docs" / "export.md"
SHAPES = [(how, gadget) for how in ("block", "unit") for gadget in ("wide", "narrow")]

# -- schemes ---------------------------------------------------------------------------------------


def built(text: str, tol: float, domain: Any = None) -> Scheme:
    return mg.construct(mg.target(text, domain), tol=tol)


SCHEMES = {
    "wave": built("sin(10*x)*exp(-x)", 2e-2),
    "plane": built("x*y", 0.05),
    "cube": built("x*y*z", 0.5, [-1, 1]),
    "dyadic box": built("x**2 - y", 0.3, ["-1", "3", "1/2", "3/4"]),
    "constant": built("1/2 + 0*x", 0.7),
    "gaps": Scheme.of(
        mg.target("x"), -0.5, [mg.Atoms(k, np.zeros((0, 1), int), []) if k in (0, 2) else mg.Atoms(k, [[1]], [0.75])
                               for k in range(4)], tol=1.0,
    ),
}  # fmt: skip


def dyadic(scheme: Scheme, level: int = 7, count: int = 60) -> tuple[NDArray[Any], list[Fraction]]:
    """Points of the box that binary64 holds, and the exact value of the scheme there, from its atoms alone."""
    rng = np.random.default_rng(7)
    nodes = rng.integers(0, (1 << level) + 1, (count, scheme.dim))
    nodes[0], nodes[1] = 0, 1 << level
    points = [scheme.target.box.point(node.tolist(), level) for node in nodes]
    x = np.array([[float(v) for v in p] for p in points])
    assert all(Fraction(float(v)) == w for row, p in zip(x, points, strict=True) for v, w in zip(row, p, strict=True))
    return x, [scheme.exact(p) for p in points]


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    """A few atoms with dyadic coefficients on a few levels; not the work of the builder."""
    d = draw(st.integers(1, 3))
    parts = []
    for level in sorted(draw(st.lists(st.integers(0, 6), max_size=4))):
        index = st.tuples(*[st.integers(0, 1 << level)] * d)
        coefficient = st.integers(-1000, 1000).filter(bool).map(lambda n: n / 64)
        found = draw(st.dictionaries(index, coefficient, max_size=6))
        parts.append(mg.Atoms(level, np.array(list(found), dtype=np.int64).reshape(-1, d), list(found.values())))
    return Scheme.of(mg.target("x1" + "+0*x2" * (d > 1) + "+0*x3" * (d > 2)), draw(st.integers(-9, 9)) / 4, parts, 1.0)


# -- ONNX ------------------------------------------------------------------------------------------


@pytest.fixture
def runtime() -> Callable[..., list[NDArray[Any]]]:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    return onnx_model.run_onnx


@pytest.mark.parametrize("layout", ["unrolled", "scan"])
@pytest.mark.parametrize(("how", "gadget"), SHAPES)
@pytest.mark.parametrize("name", SCHEMES)
def test_the_model_is_the_scheme_bit_for_bit_at_dyadic_points(
    runtime: Any, name: str, how: str, gadget: str, layout: str
) -> None:
    scheme = SCHEMES[name]
    network = scheme.network(how, gadget)
    x, exact = dyadic(scheme)
    (y,) = runtime(onnx_model.onnx_model(network, layout=layout), x)
    assert y.shape == (len(x), 1)
    assert y.dtype == np.float64
    assert [Fraction(v) for v in y[:, 0].tolist()] == exact


@settings(max_examples=15)
@given(schemes(), st.sampled_from(SHAPES), st.sampled_from(["unrolled", "scan"]))
def test_a_random_scheme_survives_export(scheme: Scheme, shape: tuple[str, str], layout: str) -> None:
    pytest.importorskip("onnxruntime")
    x, exact = dyadic(scheme, count=12)
    (y,) = onnx_model.run_onnx(onnx_model.onnx_model(scheme.network(*shape), layout=layout), x)
    assert [Fraction(v) for v in y[:, 0].tolist()] == exact


@pytest.mark.parametrize("layout", ["unrolled", "scan"])
@pytest.mark.parametrize("how", ["block", "unit"])
@pytest.mark.parametrize("name", ["wave", "plane", "constant", "gaps"])
def test_partial_sums_are_the_approximants_of_every_grade(runtime: Any, name: str, how: str, layout: str) -> None:
    network = SCHEMES[name].network(how)
    x, _ = dyadic(SCHEMES[name])
    y, sums = runtime(onnx_model.onnx_model(network, layout=layout, partial_sums=True), x, ["y", "partial_sums"])
    assert sums.shape == (len(x), network.grades + 1)
    for k in range(network.grades + 1):
        assert np.array_equal(sums[:, k], network(x, k))
    assert np.array_equal(sums[:, -1:], y)


def test_both_layouts_and_the_graph_optimizer_agree_with_the_network_anywhere(runtime: Any) -> None:
    network = SCHEMES["cube"].network()
    x = network.box.from_unit(np.random.default_rng(3).random((200, 3)))
    bounds = network.interval(x, x)
    for layout, optimize in itertools.product(("unrolled", "scan"), (False, True)):
        (y,) = runtime(onnx_model.onnx_model(network, layout=layout), x, optimize=optimize)
        slack = 16 * np.finfo(float).eps
        assert np.all((bounds.lo - slack <= y[:, 0]) & (y[:, 0] <= bounds.hi + slack))
        assert np.abs(y[:, 0] - network(x)).max() <= slack


def test_any_batch_size_and_none(runtime: Any) -> None:
    network = SCHEMES["plane"].network()
    for layout in ("unrolled", "scan"):
        model = onnx_model.onnx_model(network, layout=layout)
        assert runtime(model, np.full((1, 2), 0.5))[0].shape == (1, 1)
        assert runtime(model, np.zeros((0, 2)))[0].shape == (0, 1)


def read(model: bytes) -> Any:
    return pytest.importorskip("onnx").load_from_string(model)


def test_auto_unrolls_few_layers_and_scans_many(monkeypatch: pytest.MonkeyPatch) -> None:
    network = SCHEMES["plane"].network()
    assert "Scan" not in {node.op_type for node in read(onnx_model.onnx_model(network)).graph.node}
    monkeypatch.setattr(onnx_model, "UNROLLED_LAYERS", network.depth - 1)
    nodes = [node.op_type for node in read(onnx_model.onnx_model(network)).graph.node]
    assert nodes.count("Scan") == 1
    assert len(nodes) < 6
    assert len(read(onnx_model.onnx_model(network, layout="unrolled")).graph.node) > 2 * network.depth


def test_initializers_are_the_weights_under_the_names_of_the_formula() -> None:
    onnx = pytest.importorskip("onnx")
    network = SCHEMES["dyadic box"].network()
    model = read(onnx_model.onnx_model(network, layout="unrolled"))
    held = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    assert np.array_equal(held["W0"], network.weights[0, :, :2])  # the other channels of the input are 0
    for j in range(1, network.depth):
        assert np.array_equal(held[f"W{j}"], network.weights[j])
        assert np.array_equal(held[f"b{j}"], network.biases[j])
    for k in range(network.grades):
        assert np.array_equal(held[f"A{k + 1}"][0], network.readout[k])
        assert held[f"a{k + 1}"].tolist() == [network.readout_bias[k]]
    assert held["lift"].tolist() == [network.lift]
    assert held["lower"].tolist() == [-1.0, 0.5]
    assert held["side"].tolist() == [4.0, 0.25]
    stacked = {t.name: t for t in read(onnx_model.onnx_model(network, layout="scan")).graph.initializer}
    assert np.array_equal(onnx.numpy_helper.to_array(stacked["W"]), network.weights)
    assert np.array_equal(onnx.numpy_helper.to_array(stacked["b"]), network.biases)


def test_the_model_says_what_it_is() -> None:
    scheme = built("x**2 - y", 0.3, ["0", "1/3", "1/2", "3/4"])
    model = read(onnx_model.onnx_model(scheme.network(), note="a note"))
    assert [i.name for i in model.graph.input] == ["x"]
    assert [o.name for o in model.graph.output] == ["y"]
    assert [(o.domain, o.version) for o in model.opset_import] == [("", onnx_model.OPSET)]
    assert model.ir_version == onnx_model.IR_VERSION
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(said["box"]) == [["0", "1/2"], ["1/3", "3/4"]]
    assert float.fromhex(said["lift"]) == scheme.lift
    assert (said["precision"], said["layout"], said["note"]) == ("float64", "unrolled", "a note")


@pytest.mark.parametrize("layout", ["unrolled", "scan"])
def test_the_same_network_gives_the_same_bytes(layout: str) -> None:
    pytest.importorskip("onnx")
    first, second = (onnx_model.onnx_model(SCHEMES["wave"].network(), layout=layout) for _ in range(2))
    assert first == second


def test_a_grade_without_layers_that_reads_something_out_is_kept_or_refused(runtime: Any) -> None:
    network = SCHEMES["gaps"].network()
    odd = replace(network, readout_bias=network.readout_bias + np.array([1.0, 0, 0, 0]))
    (y,) = runtime(onnx_model.onnx_model(odd, layout="unrolled"), np.array([[0.25]]))
    assert y[0, 0] == odd([0.25])[0] == network([0.25])[0] + 1
    with pytest.raises(SchemeError, match="without layers"):
        onnx_model.onnx_model(odd, layout="scan")


@pytest.mark.parametrize(
    ("options", "quoted"), [({"layout": "spiral"}, "'spiral'"), ({"dtype": "float16"}, "'float16'")]
)
def test_an_unknown_option_is_refused(options: dict[str, str], quoted: str) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(OptionError, match=quoted):
        onnx_model.onnx_model(SCHEMES["plane"].network(), **options)  # type: ignore[arg-type]


def test_a_model_beyond_two_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    monkeypatch.setattr(onnx_model, "MAX_BYTES", 10_000)
    with pytest.raises(OptionError, match="2 GiB"):
        onnx_model.onnx_model(SCHEMES["plane"].network())


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "torch"])
def test_a_missing_package_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, package: str, tmp_path: Path
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    network = SCHEMES["plane"].network()
    calls = {
        "onnx": lambda: save_onnx(network, tmp_path / "n.onnx"),
        "onnxruntime": lambda: onnx_model.run_onnx(b"", np.zeros((1, 2))),
        "torch": lambda: save_torch(network, tmp_path / "n.pt"),
    }
    extra = "torch" if package == "torch" else "onnx"
    with pytest.raises(OptionError, match=rf"{package} is not installed: pip install 'mgdl-theory\[{extra}\]'"):
        calls[package]()
    assert list(tmp_path.iterdir()) == []


# -- precision -------------------------------------------------------------------------------------


def test_binary64_is_exact_at_every_dyadic_point_of_the_sample() -> None:
    for name in ("wave", "plane", "cube", "dyadic box"):
        network = SCHEMES[name].network()
        found = agreement(network, network, "float64")
        assert found.equal == found.dyadic >= 150
        assert found.points > 400
        assert found.largest < 1e-11


def test_the_sample_lies_in_the_box_and_its_dyadic_points_are_exact() -> None:
    for ends in ([0, 1], [-1, 1], ["1/3", "1/2"], [0.1, 0.2], ["-7/5", "100"]):
        network = built("x + 0*y", 60, ends).network()
        for dtype in ("float64", "float32"):
            nodes, x = sample(network, 64, dtype)
            assert x.dtype == dtype
            assert len(x) > 20
            low, high = network.box.lower, network.box.upper
            assert all(low[a] <= Fraction(float(p[a])) <= high[a] for p in x for a in range(2))
            for node, p in zip(nodes.tolist(), x, strict=False):
                assert tuple(Fraction(float(v)) for v in p) == network.box.point(node, LEVEL)


def test_float32_is_measured_and_says_so(runtime: Any) -> None:
    network = SCHEMES["wave"].network()
    model = onnx_model.onnx_model(network, dtype="float32")
    assert read(model).graph.input[0].type.tensor_type.elem_type == 1  # float
    found = agreement(network, lambda x: runtime(model, x)[0], "onnxruntime", "float32")
    assert 0 < found.largest < 1e-5
    assert found.equal < found.dyadic
    assert "measured there, no bound elsewhere" in str(found)
    here = agreement(network, float32_values(network), "NumPy", "float32")
    assert 0 < here.largest < 1e-5


def test_the_measured_float32_error_covers_the_exact_difference() -> None:
    scheme = SCHEMES["wave"]
    network = scheme.network()
    found = agreement(network, float32_values(network), "NumPy", "float32")
    _, x = sample(network, 512, "float32")
    got = float32_values(network)(x).astype(float).tolist()
    true = [abs(Fraction(v) - scheme.exact([Fraction(float(p[0]))])) for v, p in zip(got, x, strict=True)]
    assert max(true) <= Fraction(found.largest) <= max(true) * Fraction(101, 100)
    written = re.search(r"at most (\S+) at", str(found))
    assert written
    assert Fraction(written[1]) >= max(true)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e-3])
def test_a_wrong_value_is_seen(value: float) -> None:
    network = SCHEMES["plane"].network()

    def wrong(x: NDArray[Any]) -> NDArray[Any]:
        y = network(x)
        y[5] += value
        return y

    found = agreement(network, wrong, "wrong")
    assert found.equal == found.dyadic - 1
    assert found.largest >= 0.999e-3


def test_a_planted_weight_is_seen(runtime: Any) -> None:
    network = SCHEMES["wave"].network()
    weights = network.weights.copy()
    weights[network.depth // 2, 0, 0] *= 1 + 2.0**-30
    changed = replace(network, weights=weights)
    model = onnx_model.onnx_model(changed)
    found = agreement(network, lambda x: runtime(model, x)[0], "onnxruntime")
    assert found.equal < found.dyadic


def test_a_weight_beyond_float32_is_refused() -> None:
    network = Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[0]], [1e300])], 1.0).network()
    for call in (onnx_model.onnx_model, state_arrays):
        with pytest.raises(OptionError, match="beyond the range of float32"):
            call(network, dtype="float32")


# -- npz -------------------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    save_npz(SCHEMES["dyadic box"].network(), tmp_path / "net.npz", note="verdict")
    return tmp_path / "net.npz"


def same(a: Network, b: Network) -> bool:
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(Network)]
    return all(
        (u.dtype == v.dtype and u.shape == v.shape and u.tobytes() == v.tobytes())
        if isinstance(u, np.ndarray)
        else u == v
        for u, v in pairs
    )


@pytest.mark.parametrize(("how", "gadget"), SHAPES)
@pytest.mark.parametrize("name", SCHEMES)
def test_an_archive_gives_back_the_network_bit_for_bit(name: str, how: str, gadget: str, tmp_path: Path) -> None:
    network = SCHEMES[name].network(how, gadget)
    save_npz(network, tmp_path / "n.npz")
    again = load_npz(str(tmp_path / "n.npz"))
    assert same(again, network)
    assert not again.weights.flags.writeable


def test_an_archive_keeps_rational_ends_and_tiny_and_huge_numbers(tmp_path: Path) -> None:
    target = mg.target("x", ["-1/3", f"{10**40}/7"])
    network = Scheme.of(
        target, -0.0, [mg.Atoms(40, [[3]], [1e-200]), mg.Atoms(52, [[1 << 52]], [-1e200])], 1.0
    ).network()
    save_npz(network, tmp_path / "n.npz")
    assert same(load_npz(tmp_path / "n.npz"), network)
    assert math.copysign(1, load_npz(tmp_path / "n.npz").lift) == -1


def test_an_archive_holds_named_arrays_and_no_pickle(archive: Path) -> None:
    with np.load(archive, allow_pickle=False) as held:
        assert {held[name].dtype.kind for name in held.files} <= set("Uif")
        assert str(held["note"]) == "verdict"
        assert held["box"].tolist() == [["-1", "1/2"], ["3", "3/4"]]
        assert np.array_equal(held["weights"], SCHEMES["dyadic box"].network().weights)


def test_an_archive_is_the_same_bytes_each_time(archive: Path, tmp_path: Path) -> None:
    save_npz(SCHEMES["dyadic box"].network(), tmp_path / "again.npz", note="verdict")
    assert (tmp_path / "again.npz").read_bytes() == archive.read_bytes()


def test_the_digest_is_the_documented_one(archive: Path) -> None:
    import hashlib

    with np.load(archive) as held:
        arrays = {name: held[name] for name in held.files}
    total = hashlib.sha256()
    for name in sorted(set(arrays) - {"sha256"}):
        total.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape} ".encode() + arrays[name].tobytes())
    assert str(arrays["sha256"]) == total.hexdigest()


def refused(path: Path) -> str:
    with pytest.raises(SchemeError) as caught:
        load_npz(path)
    text = str(caught.value)
    assert text.startswith(path.name)
    assert len(text) < 400
    return text


def test_a_truncated_archive_is_refused_at_every_cut(archive: Path) -> None:
    whole = archive.read_bytes()
    for cut in range(0, len(whole), 37):
        archive.write_bytes(whole[:cut])
        refused(archive)


@settings(max_examples=150)
@given(data=st.data())
def test_a_flipped_byte_is_refused_or_changes_nothing(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path, network = folder / "flipped.npz", SCHEMES["wave"].network()
    save_npz(network, path)
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    with contextlib.suppress(SchemeError):
        assert same(load_npz(path), network)  # dates and other fields that carry nothing


def rewritten(path: Path, change: Callable[[dict[str, NDArray[Any]]], object], *, digest: bool = True) -> None:
    """The archive with other arrays, and a digest that fits them."""
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    change(arrays)
    if digest:
        arrays["sha256"] = np.array(export._digest(arrays))
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def put(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, NDArray[Any]]], object]:
    return lambda arrays: arrays.__setitem__(name, np.asarray(change(arrays[name])))


def first_entry(value: float) -> Callable[[Any], Any]:
    def change(array: NDArray[Any]) -> NDArray[Any]:
        array.reshape(-1)[0] = value
        return array

    return change


TAMPERED = [
    (put("weights", first_entry(math.nan)), "finite"),
    (put("biases", first_entry(math.inf)), "finite"),
    (put("lift", lambda v: np.float64(math.nan)), "finite"),
    (put("lift", lambda v: v.reshape(1)), "fit together"),
    (put("weights", lambda v: v[1:]), "fit together"),
    (put("weights", lambda v: v.astype(np.float32)), "weights: holds <f4"),
    (put("weights", lambda v: v.astype(">f8")), "weights: holds >f8"),
    (put("weights", lambda v: np.asfortranarray(v)), "weights: its numbers are in another order"),
    (put("weights", lambda v: v.astype(np.complex128)), "weights: holds <c16"),
    (put("weights", lambda v: v.astype(object)), r"weights: it holds \|O"),
    (put("readout", lambda v: v[:, 1:]), "fit together"),
    (put("readout_bias", lambda v: v[None]), "fit together"),
    (put("grade_end", lambda v: v[::-1].copy()), "fit together"),
    (put("grade_end", lambda v: v - 1), "fit together"),
    (put("grade_end", lambda v: v.reshape(1, -1)), "fit together"),
    (put("grade_end", lambda v: v.astype(np.int32)), "grade_end: holds <i4"),
    (put("atom_of_layer", lambda v: v + 1), "atom_of_layer"),
    (put("atom_of_layer", lambda v: v[:-1]), "fit together"),
    (put("layers_per_atom", lambda v: v + 1), "fit together"),
    (put("layers_per_atom", lambda v: v * 0), "fit together"),
    (put("channels", lambda v: v[1:]), "fit together"),
    (put("channels", lambda v: np.array(["x" * 20_000])), "texts have more than"),
    (put("gadget_name", lambda v: "thin"), "'thin'"),
    (put("granularity", lambda v: "word"), "'word'"),
    (put("granularity", lambda v: "unit"), "fit together"),
    (put("box", lambda v: v[::-1].copy()), "below the upper end"),
    (put("box", lambda v: v[:, :1]), "fit together"),
    (put("box", lambda v: np.where(v == "3", "inf", v)), "expected lower and upper ends"),
    (put("box", lambda v: np.where(v == "3", "1/0", v)), "expected lower and upper ends"),
    (put("box", lambda v: np.where(v == "3", "__import__('os')", v)), "expected lower and upper ends"),
    (put("format", lambda v: "mgdl-theory network 2"), "this version reads"),
    (put("format", lambda v: "other"), "'other'"),
    (lambda arrays: arrays.pop("biases"), "its members are"),
    (lambda arrays: arrays.__setitem__("more", np.zeros(1)), "its members are"),
]


@pytest.mark.parametrize(
    ("change", "reason"), TAMPERED, ids=[f"{k}-{reason}" for k, (_, reason) in enumerate(TAMPERED)]
)
def test_a_tampered_archive_is_refused_with_the_reason(archive: Path, change: Any, reason: str) -> None:
    rewritten(archive, change)
    assert re.search(reason, refused(archive))


def test_an_altered_number_is_seen_by_the_digest(archive: Path) -> None:
    rewritten(archive, put("weights", first_entry(7.0)), digest=False)
    assert "SHA-256 differs" in refused(archive)


def test_a_header_that_promises_more_than_the_file_holds_costs_nothing(archive: Path) -> None:
    with zipfile.ZipFile(archive) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 5, 5)})
    members["weights.npy"] = header.getvalue() + b"\0" * 64
    with zipfile.ZipFile(archive, "w") as new:
        for name, raw in members.items():
            new.writestr(name, raw)
    assert "does not fit its size" in refused(archive)


def test_an_archive_that_unpacks_to_too_much_is_refused(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_BYTES", 1000)
    assert "unpacks to more" in refused(archive)


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, raw in {"empty.npz": b"", "text.npz": b"x,y\n1,2\n", "half.npz": b"PK\x03\x04" + b"\0" * 50}.items():
        (tmp_path / name).write_bytes(raw)
        refused(tmp_path / name)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    assert "its members are a.npy" in refused(tmp_path / "other.npz")
    for path in (tmp_path / "absent.npz", tmp_path):
        with pytest.raises(OptionError, match="cannot be opened"):
            load_npz(path)


def test_a_failed_write_leaves_the_old_file(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = archive.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="No space"):
        save_npz(SCHEMES["wave"].network(), archive)
    assert archive.read_bytes() == before
    assert [p.name for p in archive.parent.iterdir()] == [archive.name]


# -- torch -----------------------------------------------------------------------------------------


def test_state_arrays_hold_every_number_of_the_forward_pass() -> None:
    network = SCHEMES["dyadic box"].network()
    s = state_arrays(network)
    assert {name: array.shape for name, array in s.items()} == {
        "weights": network.weights.shape,
        "biases": network.biases.shape,
        "readout": network.readout.shape,
        "readout_bias": network.readout_bias.shape,
        "grade_end": network.grade_end.shape,
        "lift": (),
        "lower": (2,),
        "side": (2,),
    }
    assert {name: array.dtype for name, array in s.items()} == {
        n: np.int64 if n == "grade_end" else np.float64 for n in s
    }
    assert {array.dtype for name, array in state_arrays(network, "float32").items() if name != "grade_end"} == {
        np.dtype(np.float32)
    }


def code_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("name", ["wave", "cube", "dyadic box", "constant", "gaps"])
def test_the_documented_torch_module_is_the_scheme_at_dyadic_points(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    (code,) = (block for block in code_blocks() if block.startswith("# needs: torch"))
    module = code[: code.index("\n\nstate = torch.load")]
    scope: dict[str, Any] = {}
    exec(module, scope)
    network = SCHEMES[name].network()
    save_torch(network, tmp_path / "net.pt")
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    model = scope["MultigradeReLU"](state)
    model.load_state_dict(state)
    x, exact = dyadic(SCHEMES[name])
    assert [Fraction(v) for v in model(torch.from_numpy(x))[:, 0].tolist()] == exact
    for k in range(network.grades + 1):
        assert np.array_equal(model(torch.from_numpy(x), grade=k)[:, 0].numpy(), network(x, k))
    assert np.array_equal(torch_values(tmp_path / "net.pt")(x), model(torch.from_numpy(x)).numpy())


def test_a_torch_file_of_vector_values_is_the_network_at_dyadic_points(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    (code,) = (block for block in code_blocks() if block.startswith("# needs: torch"))
    scope: dict[str, Any] = {}
    exec(code[: code.index("\n\nstate = torch.load")], scope)
    waves = [mg.construct(mg.target(text), 0.05) for text in ("sin(5*x)", "x**2 - x")]
    network = VectorScheme.of(waves).network()
    save_torch(network, tmp_path / "net.pt")
    found = agreement(network, torch_values(tmp_path / "net.pt"), "torch")
    assert found.equal == found.dyadic > 100
    x = np.arange(65)[:, None] / 64
    model = scope["MultigradeReLU"](torch.load(tmp_path / "net.pt", weights_only=True))
    assert np.array_equal(model(torch.from_numpy(x)).numpy(), network(x))


def test_a_planted_weight_of_a_torch_file_is_seen(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    network = SCHEMES["wave"].network()
    biases = network.biases.copy()
    biases[network.depth // 2, -1] += 2.0**-20
    save_torch(replace(network, biases=biases), tmp_path / "net.pt")
    found = agreement(network, torch_values(tmp_path / "net.pt"), "torch")
    assert found.equal < found.dyadic
    assert found.largest >= 2.0**-20


def test_the_documented_torch_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    save_torch(SCHEMES["wave"].network(), "net.pt")
    (code,) = (block for block in code_blocks() if block.startswith("# needs: torch"))
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert scope["y"][:, 0].tolist() == SCHEMES["wave"].network()([0.25, 0.5]).tolist()


# -- ranges on cells -------------------------------------------------------------------------------


def corners_of(table: CellRanges, row: int) -> list[tuple[int, ...]]:
    return list(itertools.product(*([i, i + 1] for i in table.cells[row].tolist())))


@settings(max_examples=25)
@given(schemes(), st.none() | st.integers(0, 4))
def test_ranges_are_the_exact_extremes_on_cells_that_cover_the_box(scheme: Scheme, level: int | None) -> None:
    if level is not None and level * scheme.dim > 8:
        level = 8 // scheme.dim
    table = cell_ranges(scheme, level)
    d = scheme.dim
    assert sum(Fraction(1, 1 << d * int(at)) for at in table.level) == 1
    assert len({(int(at), *cell) for at, cell in zip(table.level, table.cells.tolist(), strict=True)}) == len(table)
    finest = max([int(table.level.max()), *(g.level for g in scheme.grades)])
    rng = np.random.default_rng(0)
    for row in rng.choice(len(table), size=min(len(table), 4), replace=False):
        finer = finest - int(table.level[row])
        low = table.cells[row] << finer
        if finer * d > 10:
            continue
        axes = [range(int(a), int(a) + (1 << finer) + 1) for a in low]
        values = [
            scheme.exact(scheme.target.box.point(node, finest)) for node in itertools.product(*axes)
        ]  # every vertex of a triangulation on which the scheme is linear
        assert Fraction(float(table.lower[row])) == min(values)
        assert Fraction(float(table.upper[row])) == max(values)


def test_ranges_hold_between_the_corners_too() -> None:
    scheme = SCHEMES["cube"]
    table, network = cell_ranges(scheme), scheme.network()
    rng = np.random.default_rng(1)
    for row in rng.choice(len(table), 20):
        level = int(table.level[row])
        inner = (table.cells[row] << 20 - level) + rng.integers(0, 1 << 20 - level, (30, 3))
        values = network.exact_at(20, inner)
        assert all(table.lower[row] <= v <= table.upper[row] for v in values)


def test_leaf_cells_are_few_and_in_the_order_of_space() -> None:
    table = cell_ranges(SCHEMES["wave"])
    assert len(table) < 4 * SCHEMES["wave"].atoms
    ends = [table.ends(row)[0] for row in range(len(table))]
    assert ends[0][0] == 0
    assert ends[-1][1] == 1
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ends))


def test_ranges_agree_with_the_network_by_intervals() -> None:
    scheme = SCHEMES["wave"]
    table, network = cell_ranges(scheme, 6), scheme.network()
    ends = np.array([[float(v) for v in table.ends(row)[0]] for row in range(len(table))])
    found = network.interval(ends[:, :1], ends[:, 1:])
    assert np.all((found.lo <= table.lower) & (table.upper <= found.hi))


def test_a_prefix_has_its_own_ranges() -> None:
    scheme = SCHEMES["plane"]
    table = cell_ranges(scheme.prefix(0))
    assert (table.lower.tolist(), table.upper.tolist()) == ([scheme.lift], [scheme.lift])


@pytest.mark.parametrize("level", [-1, 13, 60])
def test_a_table_beyond_memory_is_refused(level: int) -> None:
    with pytest.raises(OptionError, match="level"):
        cell_ranges(SCHEMES["plane"], level)


def decimals(text: str) -> Fraction:
    assert re.fullmatch(r"-?[0-9]+\.[0-9]+", text), text
    return Fraction(Decimal(text))


@given(st.fractions(), st.integers(1, 30), st.booleans(), st.booleans())
def test_plain_decimals_are_directed_and_tight(value: Fraction, places: int, up: bool, strict: bool) -> None:
    found = decimals(plain_decimal(value, places, up=up, strict=strict))
    gap = found - value if up else value - found
    assert gap > 0 if strict else gap >= 0
    assert gap <= Fraction(1, 10**places)


@pytest.mark.parametrize("ends", [None, ["1/3", "2/3"], [0.1, 0.7], [-1000, 1000]])
def test_every_line_of_the_table_is_a_true_statement(ends: Any) -> None:
    scheme = built("x*(1-x)", 0.05 if ends != [-1000, 1000] else 3e5, ends)
    table = cell_ranges(scheme)
    head, *lines = ranges_csv(table, digits=9).splitlines()
    assert head == "level,cell_1,x_1_lower,x_1_upper,y_lower,y_upper"
    assert len(lines) == len(table)
    largest = max(abs(table.lower).max(), abs(table.upper).max())
    for row, line in enumerate(lines):
        level, cell, *numbers = line.split(",")
        assert (int(level), int(cell)) == (table.level[row], table.cells[row, 0])
        x_low, x_high, y_low, y_high = map(decimals, numbers)
        ((low, high),) = table.ends(row)
        assert low <= x_low < x_high <= high
        assert (x_low - low) + (high - x_high) <= (high - low) / 10**15
        if ends in (None, [0.1, 0.7], [-1000, 1000]):  # finite decimals: nothing is lost
            assert (x_low, x_high) == (low, high)
        assert y_low <= Fraction(float(table.lower[row]))
        assert Fraction(float(table.upper[row])) <= y_high
        assert y_high - y_low <= Fraction(float(table.upper[row] - table.lower[row])) + Fraction(largest) / 10**7


def disjuncts(text: str) -> list[dict[tuple[str, str], Fraction]]:
    """The property as data: one bound per variable and relation, in every disjunct."""
    body = "".join(line for line in text.splitlines() if not line.startswith(";"))
    assert body.count("(") == body.count(")")
    found = []
    for part in re.findall(r"\(and ((?:\([<>]= [XY]_\d+ \S+?\) ?)+)\)", body):
        found.append({(v, op): decimals(n) for op, v, n in re.findall(r"\(([<>]=) ([XY]_\d+) (\S+?)\)", part)})
    return found


def holds(part: dict[tuple[str, str], Fraction], point: dict[str, Fraction]) -> bool:
    return all(point[v] <= bound if op == "<=" else point[v] >= bound for (v, op), bound in part.items())


def test_no_point_satisfies_the_property_and_one_of_a_wrong_network_does() -> None:
    scheme = SCHEMES["plane"]
    table = cell_ranges(scheme)
    text = ranges_vnnlib(table, note="two\nlines")
    assert text.startswith("; two\n; lines\n")
    assert re.findall(r"\(declare-const (\S+) Real\)", text) == ["X_0", "X_1", "Y_0"]
    parts = disjuncts(text)
    assert len(parts) == 2 * len(table)
    wrong = replace(scheme, lift=scheme.lift + 2.0**-30)
    seen = False
    for row in range(0, len(table), 5):
        for node in corners_of(table, row):
            x = scheme.target.box.point(node, int(table.level[row]))
            point = {"X_0": x[0], "X_1": x[1], "Y_0": scheme.exact(x)}
            assert not any(holds(part, point) for part in parts)
            seen |= any(holds(part, {**point, "Y_0": wrong.exact(x)}) for part in parts)
    assert seen


def test_digits_of_a_table_are_checked() -> None:
    for digits in (0, 41, 2.0):
        with pytest.raises(OptionError, match="digits"):
            ranges_csv(cell_ranges(SCHEMES["plane"]), digits)  # type: ignore[arg-type]


def test_ends_without_finite_decimals_keep_guard_digits() -> None:
    assert ranges._finite_places(Fraction(1, 40)) == 3
    assert ranges._finite_places(Fraction(1, 3)) is None
