"""Networks against depth: building, evaluation, the proof, and other programs beside it if they are installed.

    python benchmarks/bench_network.py [--most 1000000] [--write docs/network.md]

The scheme is sin(6*x)*cos(5*y)+exp(-x*y) with lift -1.25, cut after as many atoms as the depth asks for;
block grades, width 5, three layers per atom.  Times are CPU times of
one thread, the best of three below 10^5 layers and single above.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import mgdl_theory as mg
from mgdl_theory import Network, Scheme

DEPTHS = (10**2, 10**3, 10**4, 10**5, 10**6)
POINTS = 1000
NODES = 100
UNROLLED = 10_000
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def cut(scheme: Scheme, atoms: int) -> Scheme:
    """The scheme of the first atoms."""
    parts = []
    for grade in scheme.grades:
        keep = min(atoms, len(grade))
        atoms -= keep
        if keep:
            parts.append(mg.Atoms(grade.level, grade.atoms.nodes[:keep], grade.atoms.coefficients[:keep]))
    return Scheme.of(scheme.target, scheme.lift, parts, scheme.tol)


def best(call: Callable[[], Any], depth: int) -> tuple[float, Any]:
    times, value = [], None
    for _ in range(3 if depth < 10**5 else 1):
        started = time.process_time()
        value = call()
        times.append(time.process_time() - started)
    return min(times), value


def torch_forward(network: Network, t: np.ndarray) -> Callable[[], np.ndarray]:
    import torch

    torch.set_num_threads(1)
    weights, biases = torch.from_numpy(network.weights.copy()), torch.from_numpy(network.biases[:, :, None].copy())
    readout, constant = torch.from_numpy(network.readout.copy()), network.readout_bias.tolist()
    start = torch.zeros(network.width, len(t), dtype=torch.float64)
    start[: network.dim] = torch.from_numpy(t.T.copy())

    def forward() -> np.ndarray:
        with torch.inference_mode():
            h, total, layer = start, torch.full((len(t),), network.lift, dtype=torch.float64), 0
            for k, end in enumerate(network.grade_end.tolist()):
                for j in range(layer, end):
                    h = torch.relu(torch.addmm(biases[j], weights[j], h))
                layer, total = end, total + readout[k] @ h + constant[k]
            return np.asarray(total.numpy())

    return forward


def onnx_forward(network: Network, t: np.ndarray, layout: str) -> Callable[[], np.ndarray]:
    import onnxruntime

    from mgdl_theory.relu.onnx_model import onnx_model

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = onnx_model(network, layout=layout)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: np.asarray(session.run(["y"], {"x": t})[0][:, 0])


def row(scheme: Scheme, depth: int) -> list[str]:
    part = cut(scheme, -(-depth // 3))
    rng = np.random.default_rng(0)
    nodes = rng.integers(0, (1 << 20) + 1, (POINTS, 2))
    x, some = nodes / 2.0**20, nodes[:NODES]
    build, network = best(lambda: part.network(), depth)
    forward, values = best(lambda: network(x), depth)
    exact, _ = best(lambda: network.exact([Fraction(1, 3), Fraction(2, 7)]), depth)
    at_nodes, truth = best(lambda: network.exact_at(20, some), depth)
    enclose, found = best(lambda: network.interval(x[:NODES], x[:NODES]), depth)
    proof, result = best(lambda: mg.verify_network(network, part, evaluated_atoms=0), depth)
    assert np.array_equal(values, part(x))
    assert [Fraction(v) for v in values[:NODES].tolist()] == truth
    assert result.verdict is mg.Verdict.PROVED
    assert np.all((found.lo <= values[:NODES]) & (values[:NODES] <= found.hi))
    cells = [f"{network.depth:,}", f"{network.weights.nbytes / 2**20:.1f}", seconds(build)]
    cells += [f"{seconds(forward)} ({forward / network.depth * 1e6:.1f})"]
    cells += [seconds(v) for v in (exact, at_nodes, enclose, proof)]
    others: list[Callable[[], Callable[[], np.ndarray]] | None] = [
        (lambda: torch_forward(network, x)) if find_spec("torch") else None,
        (lambda: onnx_forward(network, x, "unrolled")) if has_onnx() and depth <= UNROLLED else None,
        (lambda: onnx_forward(network, x, "scan")) if has_onnx() else None,
    ]
    return cells + [other(make, values, depth) for make in others]


def has_onnx() -> bool:
    return find_spec("onnx") is not None and find_spec("onnxruntime") is not None


def other(make: Callable[[], Callable[[], np.ndarray]] | None, values: np.ndarray, depth: int) -> str:
    if make is None:
        return ""
    elapsed, found = best(make(), depth)
    assert np.abs(found - values).max() < 1e-12
    return seconds(elapsed)


def seconds(value: float) -> str:
    return f"{value * 1e3:.1f} ms" if value < 0.1 else f"{value:.2f} s"


def variants() -> list[str]:
    """The narrow and the wide block, unit and block grades, of one scheme per dimension."""
    lines = [
        "| d | grades | gadget | width | depth | parameters | not 0 | forward |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for text, tol in (
        ("sin(10*x)*exp(-x)", "1e-4"),
        ("sin(6*x)*cos(5*y)+exp(-x*y)", "3e-2"),
        ("sin(3*x)*cos(2*y)+exp(-x*z)", "1e-1"),
    ):
        scheme = mg.construct(mg.target(text), tol, lift=-1.25)
        x = np.random.default_rng(0).random((POINTS, scheme.dim))
        for granularity in ("unit", "block"):
            for gadget in ("wide", "narrow"):
                if scheme.dim == 1 and granularity == "unit" and gadget == "narrow":
                    continue  # the same network
                network = scheme.network(granularity, gadget)
                s, (elapsed, _) = network.summary(), best(lambda: network(x), network.depth)  # noqa: B023
                lines.append(
                    f"| {scheme.dim} | {granularity} | {gadget} | {s.width} | {s.depth:,} | {s.parameters:,} "
                    f"| {s.nonzero_parameters:,} | {seconds(elapsed)} |"
                )
    return lines


def table(most: int) -> list[str]:
    scheme = mg.construct(mg.target("sin(6*x)*cos(5*y)+exp(-x*y)"), "4e-5" if most > 10**5 else "1e-3", lift=-1.25)
    names = ["layers", "weights, MiB", "build", f"binary64, {POINTS} points (µs per layer)", "exact, 1 rational point"]
    names += [f"exact, {NODES} dyadic points", f"intervals, {NODES} points", "proof"]
    names += ["torch", "ONNX, unrolled", "ONNX, Scan"]
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for depth in (d for d in DEPTHS if d <= most):
        lines.append("| " + " | ".join(row(scheme, depth)) + " |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=DEPTHS[-1], help="largest number of layers")
    parser.add_argument("--write", type=Path, help="page whose table is replaced")
    options = parser.parse_args()
    parts = [variants(), table(options.most)]
    text = "\n\n".join("\n".join(lines) for lines in parts)
    print(text)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        for lines in parts:
            head, _, rest = page.partition(BEGIN)
            tail = rest.partition(END)[2]
            page = f"{head}\0begin\n" + "\n".join(lines) + f"\n\0end{tail}"
        options.write.write_text(page.replace("\0begin", BEGIN).replace("\0end", END), encoding="utf-8")


if __name__ == "__main__":
    main()
