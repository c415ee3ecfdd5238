"""This package beside other ways to a certified or merely small sup-norm, and other ways to evaluate the result.

    python benchmarks/bench_peers.py [--write docs/peers.md]

Peers: ranges by mpmath.iv and by Arb (python-flint), minimax polynomials with Sollya's supnorm, uniform piecewise
linear interpolation, a network trained with torch, evaluation by onnxruntime.  Each is optional; one that is missing
is left out with a word.  Times are processor time of one thread, the best of three where a run is short.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from page import table, write

import mgdl_theory as mg
from mgdl_theory.text import up_text

Ranges = Callable[[list[tuple[float, float]]], list[tuple[float, float]]]


@dataclass(frozen=True)
class Function:
    """A formula on [0, 1], |f''| as a formula, and both as Sollya reads them."""

    text: str
    second: str

    @property
    def sollya(self) -> str:
        return self.text.replace("**", "^")


FUNCTIONS = (
    Function("exp(x)", "exp(x)"),
    Function("sin(10*x)*exp(-x)", "(99*sin(10*x)+20*cos(10*x))*exp(-x)"),
    Function("1/(1+25*(2*x-1)**2)", "200*(75*(2*x-1)**2-1)/(1+25*(2*x-1)**2)**3"),
    Function("sqrt(x+1/100)", "(x+1/100)**(-3/2)/4"),
    Function("abs(x-1/3)", ""),
)
TOL = "1e-6"
DEGREE, PATIENCE = 120, 6
"""Largest degree of a polynomial that is tried, and seconds for it."""


def best(call: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    taken, value = [], None
    for _ in range(times):
        start = time.process_time()
        value = call()
        taken.append(time.process_time() - start)
    return min(taken), value


# -- certified sup-norms ---------------------------------------------------------------------------


def ours(f: Any, tol: str) -> list[str]:
    def both() -> tuple[Any, Any]:
        scheme = mg.construct(f, tol)
        return scheme, mg.verify(scheme)

    seconds, (scheme, report) = best(both)
    return [
        "this package",
        f"{scheme.atoms:,} atoms",
        up_text(report.residual_sup_upper, 3),
        f"{seconds:.2f}",
        "all claims",
    ]


def polynomial(function: Function, tol: str, patience: float) -> list[str]:
    """The minimax polynomial of least degree whose certified distance is below tol; degrees 4, 8, 12, ... are tried."""
    if not shutil.which("sollya"):
        return ["Sollya: not installed", "", "", "", ""]
    script = "\n".join(
        [
            "prec = 200; verbosity = 0;",
            f"f = {function.sollya}; done = false;",
            f"for n from 4 to {DEGREE} by 4 do {{ if (!done) then {{",
            "  p = remez(f, n, [0;1]); s = sup(supnorm(p, f, [0;1], absolute, 2^(-10)));",
            f"  if (s <= {tol}) then {{ done = true; print(n, s); }}; }}; }};",
        ]
    )
    start = time.perf_counter()
    try:
        call = subprocess.run(
            ["sollya", "--flush"], input=script, capture_output=True, text=True, check=False, timeout=patience
        )
        said = call.stdout.split()
        degree, bound = int(said[-2]), float(said[-1])
    except subprocess.TimeoutExpired:
        return ["Sollya, polynomial", f"none within {patience:.0f} s", "", "", ""]
    except (ValueError, IndexError):
        return ["Sollya, polynomial", f"none up to degree {DEGREE}", "", f"{time.perf_counter() - start:.2f}", ""]
    return [
        "Sollya, polynomial", f"{degree + 1} coefficients", up_text(bound, 3), f"{time.perf_counter() - start:.2f}",
        "sup-norm",
    ]  # fmt: skip


def iv_ranges(text: str) -> Ranges:
    """Ranges of a formula by mpmath.iv."""
    from mpmath import iv

    names = {name: getattr(iv, name) for name in ("sin", "cos", "exp", "sqrt")}
    body = _code(text)

    def ranges(cells: list[tuple[float, float]]) -> list[tuple[float, float]]:
        found = [eval(body, {**names, "mpf": iv.mpf, "x": iv.mpf(cell)}) for cell in cells]
        return [(float(y.a), float(y.b)) for y in found]

    return ranges


def arb_ranges(text: str) -> Ranges:
    """Ranges of a formula by Arb."""
    from flint import arb

    functions = {name: (lambda x, name=name: getattr(x, name)()) for name in ("sin", "cos", "exp", "sqrt")}
    body = _code(text)

    def ranges(cells: list[tuple[float, float]]) -> list[tuple[float, float]]:
        balls = [arb((a + b) / 2, (b - a) / 2) for a, b in cells]  # dyadic ends: exact
        found = [eval(body, {**functions, "mpf": arb, "x": ball}) for ball in balls]
        return [(float(y.lower()), float(y.upper())) for y in found]

    return ranges


def _code(text: str) -> Any:
    """A formula of this file as Python code; the only fractions in them are 1/100 and -3/2."""
    return compile(text.replace("1/100", "(mpf(1)/100)").replace("(-3/2)", "(mpf(-3)/2)"), text, "eval")


def interpolant(name: str, ranges: Ranges, function: Function, tol: str, times: int = 1) -> list[str]:
    """Uniform interpolation with n = 2^k pieces, proved by h^2/8 sup |f''| with a range of f'' on every cell."""

    def prove() -> tuple[int, float]:
        level, top = 4, math.inf
        while True:
            n = 1 << level
            top = max(max(abs(a), abs(b)) for a, b in ranges([(k / n, (k + 1) / n) for k in range(n)]))
            bound = math.nextafter(top / 8 / n**2, math.inf)
            if bound <= float(tol):
                return n, bound
            level = max(level + 1, math.ceil(math.log2(math.sqrt(top / 8 / float(tol))))) if level >= 9 else level + 1

    seconds, (n, bound) = best(prove, times)
    return [
        f"uniform interpolation, {name}",
        f"{n + 1:,} nodal values",
        up_text(bound, 3),
        f"{seconds:.2f}",
        "sup-norm",
    ]


def certified(functions: tuple[Function, ...] = FUNCTIONS, tol: str = TOL, patience: float = PATIENCE) -> list[str]:
    rows = []
    for function in functions:
        f = mg.target(function.text)
        found = [ours(f, tol), polynomial(function, tol, patience)]
        if not function.second:
            found.append(["uniform interpolation", "no second derivative", "", "", ""])
        else:
            found.append(interpolant("mpmath.iv", iv_ranges(function.second), function, tol))
            if find_spec("flint"):
                found.append(interpolant("Arb", arb_ranges(function.second), function, tol))
            else:
                found.append(["Arb: python-flint is not installed", "", "", "", ""])
        rows += [[f"`{function.text}`", *row] for row in found]
    return table(["f", "way", "size", "certified bound", "s", "proved"], rows)


# -- ranges per cell -------------------------------------------------------------------------------


def ranges_per_cell(function: Function = FUNCTIONS[1], level: int = 12) -> list[str]:
    """Microseconds per cell of a range of f, and the mean width against the narrowest peer's."""
    n = 1 << level
    cells = [(k / n, (k + 1) / n) for k in range(n)]
    f = mg.target(function.text)
    index = np.arange(n)[:, None]
    runs: dict[str, Callable[[], Any]] = {
        "this package, range": lambda: [f.ranges(level, index).lo, f.ranges(level, index).hi],
        "this package, range with derivatives and defects": lambda: (lambda r: [r.lo, r.hi])(
            f.defects(level, index).range
        ),
        "mpmath.iv": lambda: np.array(iv_ranges(function.text)(cells)).T,
    }
    if find_spec("flint"):
        runs["Arb"] = lambda: np.array(arb_ranges(function.text)(cells)).T
    rows = []
    for name, call in runs.items():
        seconds, (lo, hi) = best(call)
        twice = 2 if name == "this package, range" else 1  # it runs once for each end
        rows.append([name, f"{seconds / n / twice * 1e6:.2f}", f"{float(np.mean(np.asarray(hi) - lo)):.3g}"])
    return table(["ranges over 2^12 cells", "us per cell", "mean width"], rows)


# -- a trained network, and evaluation -------------------------------------------------------------


def trained(parameters: int, f: Any, seconds: float) -> tuple[str, float, Callable[[Any], Any] | None]:
    """(shape, sampled sup error, evaluation) of a ReLU network of two hidden layers, trained for so many seconds."""
    if not find_spec("torch"):
        return "torch is not installed", math.nan, None
    import torch

    torch.manual_seed(1)
    torch.set_num_threads(1)
    width = max(2, int((-4 + math.sqrt(16 + 4 * (parameters - 1))) / 2))  # width^2 + 4 width + 1 parameters
    layers = [torch.nn.Linear(1, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(width, 1)).double()
    x = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None]
    y = torch.from_numpy(f(x.numpy()))[:, None]
    step = torch.optim.Adam(net.parameters(), lr=3e-3)
    start = time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for group in step.param_groups:
            group["lr"] = 3e-3 * (1 - spent / seconds) + 1e-5
        step.zero_grad()
        difference = net(x) - y
        (difference**2).mean().backward()
        step.step()
    fine = np.linspace(0, 1, 100_001)[:, None]

    def run(points: Any) -> Any:
        with torch.inference_mode():
            return net(torch.from_numpy(points)).numpy()[:, 0]

    least = float(np.abs(run(fine) - f(fine)).max())
    count = sum(p.numel() for p in net.parameters())
    return f"width {width}, {count:,} parameters", least, run


def networks(tols: tuple[str, ...] = ("1e-2", "1e-3"), seconds: float = 8.0, points: int = 10_000) -> list[str]:
    text = FUNCTIONS[1].text
    f = mg.target(text)
    x = np.random.default_rng(1).random((points, 1))
    rows = []
    for tol in tols:
        scheme = mg.construct(f, tol)
        network = scheme.network()
        shape = network.summary()
        bound = f"{up_text(mg.verify(scheme).residual_sup_upper, 2)} certified"
        size = f"{shape.parameters:,} parameters, {shape.nonzero_parameters:,} not 0"
        for name, call in (
            ("hats, as a sum", lambda s=scheme: s(x)),
            ("its network, this package", lambda n=network: n(x)),
            ("its network, onnxruntime", session(network, x)),
        ):
            taken = f"{best(call)[0] / points * 1e9:,.0f}" if call else "not installed"
            rows.append([tol, name, size, bound, taken])
        label, error, run = trained(shape.parameters, f, seconds)
        taken = f"{best(lambda r=run: r(x))[0] / points * 1e9:,.0f}" if run else ""
        rows.append([tol, f"trained {seconds:.0f} s with torch", label, f"{error:.2g} sampled" if run else "", taken])
    return table(["tol", "network", "size", "sup-norm of the error", "ns per point"], rows)


def session(network: Any, x: Any) -> Callable[[], Any] | None:
    if not (find_spec("onnx") and find_spec("onnxruntime")):
        return None
    import onnxruntime

    from mgdl_theory.relu.onnx_model import onnx_model

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = onnx_model(network, layout="unrolled")
    run = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: run.run(["y"], {"x": x})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    text = "\n".join(
        [
            f"## Certified sup-norms to {TOL}",
            "",
            *certified(),
            "",
            f"## Ranges of `{FUNCTIONS[1].text}`",
            "",
            *ranges_per_cell(),
            "",
            f"## Networks for `{FUNCTIONS[1].text}`",
            "",
            *networks(),
        ]
    )
    print(text)
    if options.write:
        write(options.write, text)


if __name__ == "__main__":
    main()
