"""A network as an ONNX model: layer by layer, or one Scan node over stacked weights.

Both layouts compute, in this order of operations and in double precision unless float32 is asked for,

    t = (x - lower) / side          (left out on [0, 1]^d)
    h_j = Relu(Gemm(h_{j-1}, W_j, b_j)),    s_k = s_{k-1} + Gemm(h, A_k, a_k),    s_0 = lift,

the names of the initializers being those of the formulas, layers numbered from 0 and grades from 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import OptionError, SchemeError
from mgdl_theory.relu.network import Network
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.targets.base import FloatArray

UNROLLED_LAYERS = 10_000
"""Experience: up to here a graph of single layers loads in seconds; its loading time grows with the square."""

OPSET, IR_VERSION = 13, 7
"""Experience: old enough for readers of some years back, new enough for every operator in use here."""

MAX_BYTES = 2**31 - 2**20
"""Definition: a protobuf message ends at 2 GiB; a little is left for the graph."""

LAYOUTS = ("auto", "unrolled", "scan")
DTYPES = ("float64", "float32")


def need(package: str, extra: str) -> Any:
    """The module of an optional package, or an error that says how to install it."""
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError:
        raise OptionError(f"the package {package} is not installed: pip install 'mgdl-theory[{extra}]'") from None


def as_dtype(array: FloatArray, dtype: str) -> NDArray[Any]:
    """The numbers in the precision of the file; refuses numbers that float32 turns into infinity."""
    if dtype not in DTYPES:
        raise OptionError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    with np.errstate(over="ignore", under="ignore"):
        out: NDArray[Any] = np.array(array, dtype=dtype, order="C")
    if not np.isfinite(out).all():
        raise OptionError("dtype: a weight of this network is beyond the range of float32; use float64")
    return out


def preamble(network: Network) -> tuple[FloatArray, FloatArray]:
    """(lower, side), float64 (d,) each: t = (x - lower) / side; the rational numbers rounded to nearest."""
    box = network.box
    lower = np.array([float(v) for v in box.lower])
    return lower, np.array([float(high - low) for low, high in zip(box.lower, box.upper, strict=True)])


@checked_arithmetic()
def onnx_model(
    network: Network, *, layout: str = "auto", dtype: str = "float64", partial_sums: bool = False, note: str = ""
) -> bytes:
    """The ONNX model of a network, serialized; checked by onnx.checker.

    Input ``x`` (batch, d) in coordinates of the box, output ``y`` (batch, 1), the approximant.  With
    ``partial_sums`` there is a second output ``partial_sums`` (batch, K + 1), whose column k is the
    approximant after grade k (column 0 the lift).  For a vector network of m components the outputs have
    the shapes (batch, m) and (batch, K + 1, m).

    Parameters
    ----------
    network : Network
    layout : "auto", "unrolled" or "scan"
        Two nodes per layer, or one Scan node; "auto" unrolls up to ``UNROLLED_LAYERS`` layers.
    dtype : "float64" or "float32"
    partial_sums : bool
    note : str
        Kept in the model's metadata.
    """
    onnx = need("onnx", "onnx")
    if layout not in LAYOUTS:
        raise OptionError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}")
    scan = network.depth > 0 and (layout == "scan" or (layout == "auto" and network.depth > UNROLLED_LAYERS))
    read = network.outputs * (network.depth if scan else network.grades) * (network.width + 1)
    numbers = network.weights.size + network.biases.size + read
    if numbers * (4 if dtype == "float32" else 8) > MAX_BYTES:
        raise OptionError(f"onnx: {network.depth} layers are more than a model file of 2 GiB can hold; write .npz")
    graph = _Graph(onnx, dtype)
    first = _inputs(graph, network)
    sums = _scan(graph, network, first, partial_sums) if scan else _unrolled(graph, network, first, partial_sums)
    outputs = [graph.value("y", ["batch", network.outputs])]
    if partial_sums:
        outputs.append(_partial_sums(graph, network, sums))
    model = graph.model(network, outputs)
    metadata = {
        "box": json.dumps([[str(v) for v in network.box.lower], [str(v) for v in network.box.upper]]),
        "gadget": network.gadget_name,
        "granularity": network.granularity,
        "layers": str(network.depth),
        "layers_per_atom": str(network.layers_per_atom),
        "layout": "scan" if scan else "unrolled",
        "lift": " ".join(lift.hex() for lift in network.lifts.tolist()),
        "note": note,
        "precision": dtype,
    }
    onnx.helper.set_model_props(model, {key: text for key, text in metadata.items() if text})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def run_onnx(model: bytes, x: FloatArray, outputs: Iterable[str] = ("y",), optimize: bool = False) -> list[Any]:
    """Outputs of a serialized model at points x (n, d), by onnxruntime on one thread.

    x is cast to the precision of the model.  Optimizing the graph of thousands of layers takes longer than
    running it, and may reorder sums; it is off by default.
    """
    runtime = need("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    kind = np.float64 if entry.type == "tensor(double)" else np.float32
    return list(session.run(list(outputs), {entry.name: np.ascontiguousarray(x, dtype=kind)}))


# -- graphs ----------------------------------------------------------------------------------------


@dataclass
class _Graph:
    """Nodes and initializers under construction, in one precision."""

    onnx: Any
    dtype: str
    nodes: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)

    @property
    def kind(self) -> int:
        return int(self.onnx.TensorProto.DOUBLE if self.dtype == "float64" else self.onnx.TensorProto.FLOAT)

    def constant(self, name: str, array: Any) -> str:
        """An initializer in the graph's precision."""
        return self._store(name, as_dtype(np.asarray(array, dtype=np.float64), self.dtype), self.kind)

    def index(self, name: str, array: Any) -> str:
        """An initializer of int64 numbers."""
        return self._store(name, np.asarray(array, dtype="<i8"), int(self.onnx.TensorProto.INT64))

    def _store(self, name: str, array: NDArray[Any], kind: int) -> str:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        self.initializers.append(self.onnx.helper.make_tensor(name, kind, array.shape, little.tobytes(), raw=True))
        return name

    def add(self, operator: str, inputs: list[str], output: str, *more: str, **attributes: Any) -> str:
        """A node; returns the name of its first output."""
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output, *more], name=output, **attributes))
        return output

    def value(self, name: str, shape: list[Any] | None) -> Any:
        """A typed input or output."""
        return self.onnx.helper.make_tensor_value_info(name, self.kind, shape)

    def model(self, network: Network, outputs: list[Any]) -> Any:
        helper = self.onnx.helper
        graph = helper.make_graph(
            self.nodes, "multigrade_relu", [self.value("x", ["batch", network.dim])], outputs, self.initializers
        )
        text = f"multigrade ReLU network: width {network.width}, depth {network.depth}, {network.grades} grades"
        return helper.make_model(
            graph, producer_name="mgdl-theory", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)],
            doc_string=text,
        )  # fmt: skip


def _inputs(graph: _Graph, network: Network) -> str:
    """The unit coordinates (batch, d) of the input."""
    lower, side = preamble(network)
    if not lower.any() and np.all(side == 1.0):
        return "x"
    shifted = graph.add("Sub", ["x", graph.constant("lower", lower)], "x_shifted")
    return graph.add("Div", [shifted, graph.constant("side", side)], "t")


def _lift(graph: _Graph, network: Network, t: str) -> str:
    """s_0 (batch, m), the lift at every point."""
    zero = graph.add("MatMul", [t, graph.constant("zero", np.zeros((network.dim, network.outputs)))], "no_grade")
    return graph.add("Add", [zero, graph.constant("lift", network.lifts)], "s0")


def _partial_sums(graph: _Graph, network: Network, sums: list[str]) -> Any:
    """The output of the sums (batch, m each) after all grades; their names may stand for several grades at once."""
    columns = graph.add("Concat", sums, "sums_of_components" if network.is_vector else "partial_sums", axis=1)
    if not network.is_vector:
        return graph.value("partial_sums", ["batch", network.grades + 1])
    shape = graph.index("sums_shape", [0, network.grades + 1, network.outputs])
    graph.add("Reshape", [columns, shape], "partial_sums")
    return graph.value("partial_sums", ["batch", network.grades + 1, network.outputs])


def _unrolled(graph: _Graph, network: Network, t: str, partial: bool) -> list[str]:
    """Two nodes per layer and two per grade; returns the names of the partial sums, the last one ``y``."""
    h, start, channels = t, 0, network.dim
    needs_start = partial or not network.grades
    sums = [_lift(graph, network, t) if needs_start else graph.constant("lift", network.lifts)]
    readouts, constants = network.readouts, network.readout_biases
    for k, end in enumerate(network.grade_end.tolist(), 1):
        for j in range(start, end):
            w = graph.constant(f"W{j}", network.weights[j, :, :channels])
            b = graph.constant(f"b{j}", network.biases[j])
            h = graph.add("Relu", [graph.add("Gemm", [h, w, b], f"z{j}", transB=1)], f"h{j}")
            channels = network.width
        a = graph.constant(f"A{k}", readouts[k - 1, :, :channels])
        g = graph.add("Gemm", [h, a, graph.constant(f"a{k}", constants[k - 1])], f"g{k}", transB=1)
        sums.append(graph.add("Add", [sums[-1], g], f"s{k}" if k < network.grades else "y"))
        start = end
    if not network.grades:
        graph.add("Identity", [sums[-1]], "y")
    return sums


def _scan(graph: _Graph, network: Network, t: str, partial: bool) -> list[str]:
    """One Scan node that carries h and the sum; a layer that ends no grade adds the readout 0."""
    ends = network.grade_end - 1
    owned = np.diff(network.grade_end, prepend=0) > 0
    if np.any(network.readout[~owned]) or np.any(network.readout_bias[~owned]):
        raise SchemeError("onnx: a grade without layers reads out a function; use the unrolled layout")
    m = network.outputs
    readout, offset = np.zeros((network.depth, m, network.width)), np.zeros((network.depth, m))
    readout[ends[owned]], offset[ends[owned]] = network.readouts[owned], network.readout_biases[owned]
    wide = graph.index("padding", [0, 0, 0, network.width - network.dim])
    state = graph.add("Pad", [t, wide], "h_first")
    stacks = [("W", network.weights), ("b", network.biases), ("A", readout), ("a", offset)]
    inputs = [state, _lift(graph, network, t), *(graph.constant(name, stack) for name, stack in stacks)]
    outputs = ["h_last", "y"] + ["sums"] * partial
    body = _scan_body(graph, network, partial)
    graph.add("Scan", inputs, *outputs, body=body, num_scan_inputs=4)
    if not partial:
        return []
    last = graph.index("grade_last", np.maximum(ends, 0))  # an atom has two layers or more: layer 0 ends no grade
    picked = graph.add("Gather", ["sums", last], "sums_of_grades", axis=0)
    turned = graph.add("Transpose", [picked], "sums_by_point", perm=[1, 0, 2])
    columns = graph.index("sums_columns", [0, network.grades * m])
    return ["s0", graph.add("Reshape", [turned, columns], "sums_after_grades")]


def _scan_body(graph: _Graph, network: Network, partial: bool) -> Any:
    """One layer and its readout: (h, s, W, b, A, a) -> (h, s) and, for the partial sums, s once more."""
    body, width, m = _Graph(graph.onnx, graph.dtype), network.width, network.outputs
    body.add("Gemm", ["h_in", "W_j", "b_j"], "z_j", transB=1)
    body.add("Relu", ["z_j"], "h_out")
    body.add("Gemm", ["h_out", "A_j", "a_j"], "g_j", transB=1)
    body.add("Add", ["s_in", "g_j"], "s_out")
    outputs = [body.value("h_out", ["batch", width]), body.value("s_out", ["batch", m])]
    if partial:
        body.add("Identity", ["s_out"], "s_kept")
        outputs.append(body.value("s_kept", ["batch", m]))
    inputs = [("h_in", ["batch", width]), ("s_in", ["batch", m])]
    inputs += [("W_j", [width, width]), ("b_j", [width]), ("A_j", [m, width]), ("a_j", [m])]
    values = [body.value(name, shape) for name, shape in inputs]
    return graph.onnx.helper.make_graph(body.nodes, "layer", values, outputs)
