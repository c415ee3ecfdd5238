"""What a program computes from an exported file, held against the exact network at sample points.

Measurements, not bounds: they are taken on a fixed sample and say so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.relu.export import state_arrays
from mgdl_theory.relu.network import Network
from mgdl_theory.relu.onnx_model import need
from mgdl_theory.rigor.rounding import checked_arithmetic, sub_up
from mgdl_theory.targets.base import IntArray
from mgdl_theory.text import point_text, up_text

SAMPLE = 512
"""Experience: points of a measurement."""

LEVEL = 20
"""Definition: the level of the finest dyadic points of a sample; they are exact in float32."""

Values = Callable[[NDArray[Any]], NDArray[Any]]
"""Points (n, d) -> values (n,) or (n, 1), for a vector network (n, m)."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far computed values are from the exact network at sample points: a measurement, not a bound.

    Attributes
    ----------
    engine : str
        What computed, and in which precision.
    dyadic, equal : int
        Number of sample points that are dyadic in unit coordinates, and of those whose computed value is the
        exact value of the network, bit for bit, in all components.
    points : int
        Number of all sample points.
    largest : float
        At each of them |computed value - exact value of the network there| <= largest, in every component.
    where : tuple of float
        The point with the largest difference.
    """

    engine: str
    dyadic: int
    equal: int
    points: int
    largest: float
    where: tuple[float, ...]

    def __str__(self) -> str:
        place = point_text(self.where)
        exact = f"{self.equal} of {self.dyadic} dyadic points exact; " if self.dyadic else ""
        error = f"error at most {up_text(self.largest, 3)} at {self.points} points"
        return f"{self.engine}: {exact}{error}, largest at ({place}); measured there, no bound elsewhere"


@checked_arithmetic()
def agreement(network: Network, values: Values, engine: str, dtype: str = "float64", points: int = SAMPLE) -> Agreement:
    """Compare computed values with the exact network at sample points that ``dtype`` holds exactly.

    The exact value is known as a rational number at dyadic points, and between outward-rounded bounds
    elsewhere; an error counts from the farther bound.

    >>> import mgdl_theory as mg
    >>> network = mg.Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[1]], [1.0])], tol=1.0).network()
    >>> found = agreement(network, network, "float64", points=8)
    >>> found.equal == found.dyadic, found.largest < 1e-13
    (True, True)
    """
    nodes, x = sample(network, points, dtype)
    shape = (len(x), network.outputs)
    got = np.asarray(values(x), dtype=np.float64).reshape(shape)
    exact = network.exact_at(LEVEL, nodes)
    wanted = [value for row in exact for value in row] if network.is_vector else exact
    pairs = zip(got[: len(nodes)].ravel().tolist(), wanted, strict=True)
    same = [np.isfinite(computed) and Fraction(computed) == value for computed, value in pairs]
    hit = np.array(same, dtype=np.bool_).reshape(len(nodes), network.outputs)
    wide = x.astype(np.float64)
    bounds = network.interval(wide, wide)
    low, high = bounds.lo.reshape(shape), bounds.hi.reshape(shape)
    errors = np.maximum(np.maximum(sub_up(got, low), sub_up(high, got)), 0.0)
    errors[: len(nodes)][hit] = 0.0
    error = np.where(np.isnan(errors), np.inf, errors).max(axis=1)
    worst = int(np.argmax(error)) if len(error) else 0
    where = tuple(wide[worst].tolist()) if len(error) else ()
    equal = int(hit.all(axis=1).sum())
    return Agreement(engine, len(nodes), equal, len(x), float(error.max(initial=0.0)), where)


def float32_values(network: Network) -> Values:
    """The network with every weight and every operation in NumPy's float32."""
    s = state_arrays(network, "float32")

    def values(x: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            h = np.zeros((network.width, len(x)), dtype=np.float32)
            h[: network.dim] = ((x.astype(np.float32) - s["lower"]) / s["side"]).T
            total, start = np.repeat(np.atleast_1d(s["lift"])[:, None], len(x), axis=1), 0
            readouts = s["readout"].reshape(network.readouts.shape)
            constants = s["readout_bias"].reshape(network.readout_biases.shape)[:, :, None]
            for k, end in enumerate(s["grade_end"].tolist()):
                for w, b in zip(s["weights"][start:end], s["biases"][start:end], strict=True):
                    h = np.maximum(w @ h + b[:, None], np.float32(0))
                total = total + (readouts[k] @ h + constants[k])
                start = end
        return np.asarray(total.T if network.is_vector else total[0])

    return values


def torch_values(path: str | os.PathLike[str]) -> Values:
    """The state dictionary of a file, as PyTorch reads it and the module of docs/export.md computes with it."""
    torch = need("torch", "torch")
    s = torch.load(path, weights_only=True)
    readouts = s["readout"].reshape(len(s["grade_end"]), s["lift"].numel(), s["biases"].shape[1])
    constants = s["readout_bias"].reshape(readouts.shape[:2])

    def values(x: NDArray[Any]) -> NDArray[Any]:
        with torch.inference_mode():
            t = (torch.from_numpy(np.array(x)).to(s["weights"].dtype) - s["lower"]) / s["side"]
            h = torch.nn.functional.pad(t, (0, s["biases"].shape[1] - t.shape[1]))
            total, start = s["lift"].reshape(1, -1).expand(len(x), -1), 0
            for k, end in enumerate(s["grade_end"].tolist()):
                for w, b in zip(s["weights"][start:end], s["biases"][start:end], strict=True):
                    h = torch.relu(torch.addmm(b, h, w.T))
                total = total + torch.addmm(constants[k], h, readouts[k].T)
                start = end
            return np.asarray(total.numpy())

    return values


def sample(network: Network, points: int, dtype: str) -> tuple[IntArray, NDArray[Any]]:
    """(nodes, x): a fixed sample of points x (n, d) of the box in a precision.

    The first len(nodes) of them are exactly the points with unit coordinates nodes / 2^LEVEL, of all
    coarser levels too; the others lie anywhere.  Where the ends of the box are such that few dyadic points
    are exact in this precision, ``nodes`` is short.
    """
    rng, box, d = np.random.default_rng(0), network.box, network.dim
    level = rng.integers(0, LEVEL + 1, size=(points // 2, 1))
    index = np.floor(rng.random((points // 2, d)) * (2.0**level + 1)).astype(np.int64)
    nodes = np.unique(np.minimum(index, 1 << level) << (LEVEL - level), axis=0)
    x = box.from_unit(np.ldexp(nodes.astype(np.float64), -LEVEL)).astype(dtype)
    exact = [tuple(map(Fraction, p)) == box.point(i, LEVEL) for p, i in zip(_floats(x), nodes.tolist(), strict=True)]
    other = box.from_unit(rng.random((points - points // 2, d))).astype(dtype)
    rest = np.concatenate([x[~np.array(exact, dtype=np.bool_)], other])
    inside = [
        all(low <= Fraction(v) <= high for v, low, high in zip(p, box.lower, box.upper, strict=True))
        for p in _floats(rest)
    ]
    return nodes[exact], np.concatenate([x[exact], rest[inside]])


def _floats(x: NDArray[Any]) -> list[list[float]]:
    rows: list[list[float]] = x.astype(np.float64).tolist()
    return rows
