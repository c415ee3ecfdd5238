"""From a scheme to its network: one gadget per atom, chained; no weight is fitted (theory.md, Section 5).

A *unit* network makes a grade of every atom: width d + 2 (2 for d = 1), readout c phi.  A *block* network
keeps the grades of the scheme and chains the atoms of each with one more channel, the accumulator

    s_1 = C,    s_{m+1} = ReLU(s_m + c_m phi_m),    g = s_N - C + c_N phi_N,

with C a power of two that is at least max |c|: width d + 3.  Atoms of one level are part of a partition of
unity, so |sum of any of them| <= max |c| <= C, and the ReLU of the accumulator never cuts anything off.
The first layer of a grade sets the accumulator to C by its bias and reads the coordinates alone.  C belongs
to its grade: later grades change nothing in the layers before them.

A vector scheme of m components has each hat once.  Its readouts have m rows: c phi with a vector c needs nothing
more, and a block network one accumulator with its own C for every component: width d + 2 + m.
"""

from __future__ import annotations

import math

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.relu.gadgets import Gadget, gadget
from mgdl_theory.relu.network import GRANULARITIES, Network
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import FloatArray, IntArray
from mgdl_theory.vector import VectorScheme


@checked_arithmetic()
def compile_network(scheme: Scheme | VectorScheme, granularity: str = "block", gadget: str = "wide") -> Network:
    """The network that is the scheme, exactly, at every point of its domain.

    Parameters
    ----------
    scheme : Scheme or VectorScheme
        A vector scheme gives a vector network.
    granularity : "block" or "unit"
        Grades of the network: those of the scheme, or one per atom in the same order (Proposition 2); in a
        vector network the atom has a vector for a coefficient.
    gadget : "wide" or "narrow"
        "wide" has width d + 2 (d = 1: 2) for unit grades and d + 3 (d + 2 + m for m components) for block
        grades, and d + 1 layers per atom (d = 1, unit: 2).  "narrow" has one channel less for d >= 2 and
        d (d + 1) layers per atom.

    >>> from mgdl_theory import construct, target
    >>> scheme = construct(target("x*y"), tol=0.1)
    >>> net = compile_network(scheme)
    >>> net.width, net.depth == 3 * scheme.atoms
    (5, True)
    """
    if granularity not in GRANULARITIES:
        raise OptionError(f"granularity must be one of {', '.join(GRANULARITIES)}, got {granularity!r}")
    block = granularity == "block"
    name = "general" if block and gadget == "wide" else gadget
    unit = _gadget(scheme.dim, name)
    together, vector = VectorScheme(scheme.components), isinstance(scheme, VectorScheme)
    parts, lifts = together.grades, together.lift
    counts = np.array([len(part) for part in parts], dtype=np.int64)
    levels = np.repeat(np.array([part.level for part in parts], dtype=np.int64), counts)
    nodes = np.concatenate([np.zeros((0, scheme.dim), np.int64), *(part.nodes for part in parts)])
    coefficients = np.concatenate([np.zeros((0, len(lifts))), *(part.coefficients for part in parts)])
    sums = len(lifts) if block else 0
    weights, biases = _atom_layers(unit, levels, nodes, sums)
    ends = np.cumsum(counts) if block else np.arange(1, len(nodes) + 1)
    readout, constant = np.zeros((len(ends), len(lifts), unit.width + sums)), np.zeros((len(ends), len(lifts)))
    if block:
        atom = np.arange(len(nodes)) - np.repeat(ends - counts, counts)
        full = counts > 0
        bounds = np.array([[accumulator_bound(c) for c in part.coefficients.T] for part in parts if len(part)])
        bounds = bounds.reshape(-1, sums)
        _chain(weights, biases, unit, atom, coefficients, bounds)
        readout[full, :, unit.width :], constant[full] = np.eye(sums), 0.0 - bounds
        readout[full, :, unit.phi] = coefficients[ends[full] - 1]
    else:
        readout[:, :, unit.phi] = coefficients
    return Network(
        box=scheme.target.box,
        lift=lifts if vector else lifts[0],
        weights=weights,
        biases=biases,
        grade_end=np.asarray(ends * unit.depth, dtype=np.int64),
        readout=readout if vector else readout[:, 0],
        readout_bias=constant if vector else constant[:, 0],
        gadget_name=name,
        granularity=granularity,
    )


_gadget = gadget  # the option of compile_network has the same name


def accumulator_bound(coefficients: FloatArray) -> float:
    """C of a block grade: the least power of two that is at least max |c|, or 0 if every c is 0.

    >>> accumulator_bound(np.array([0.5, -3.0])), accumulator_bound(np.array([0.25]))
    (4.0, 0.25)
    """
    largest = float(np.abs(coefficients).max())
    if largest == 0.0:
        return 0.0
    mantissa, exponent = math.frexp(largest)
    return largest if mantissa == 0.5 else math.ldexp(1.0, exponent)


def _atom_layers(unit: Gadget, levels: IntArray, nodes: IntArray, extra: int) -> tuple[FloatArray, FloatArray]:
    """Weights and biases of all atoms' gadgets, one after the other, with ``extra`` channels that carry themselves."""
    atoms, depth, width = len(levels), unit.depth, unit.width + extra
    scaled, fixed = np.zeros((2, depth, width, width))
    scaled[:, : unit.width, : unit.width], fixed[:, : unit.width, : unit.width] = unit.scaled, unit.fixed
    for channel in range(unit.width, width):
        fixed[:, channel, channel] = 1.0
    weights = np.ldexp(1.0, levels)[:, None, None, None] * scaled
    weights += fixed
    offsets = np.einsum("jra,na->njr", unit.index.astype(np.int64), nodes) + unit.bias.astype(np.int64)
    biases = np.zeros((atoms, depth, width))
    biases[:, :, : unit.width] = offsets  # theorem: two indices less two others, each <= 2^52, so exact
    return weights.reshape(-1, width, width), biases.reshape(-1, width)


def _chain(
    weights: FloatArray, biases: FloatArray, unit: Gadget, atom: IntArray, coefficients: FloatArray, bounds: FloatArray
) -> None:
    """Write the accumulators into each atom's first layer: C at a grade's first atom, else the terms before."""
    first, sums = np.arange(len(atom)) * unit.depth, slice(unit.width, None)
    starts = atom == 0
    weights[first[starts], sums, sums] = 0.0
    biases[first[starts], sums] = bounds
    later = np.flatnonzero(~starts)
    weights[first[later], sums, unit.phi] = coefficients[later - 1]
