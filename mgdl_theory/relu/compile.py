"""From a scheme to its network: one gadget per atom, chained; every weight is written down, none is fitted (THEORY 5).

A *unit* network makes a grade of every atom: width d + 2 (2 for d = 1), readout c phi.  A *block* network
keeps the grades of the scheme and chains the atoms of each with one more channel, the accumulator

    s_1 = C,    s_{m+1} = ReLU(s_m + c_m phi_m),    g = s_N - C + c_N phi_N,

with C a power of two that is at least max |c|: width d + 3.  Atoms of one level are part of a partition of
unity, so |sum of any of them| <= max |c| <= C, and the ReLU of the accumulator never cuts anything off.
The first layer of a grade sets the accumulator to C by its bias and reads the coordinates alone.  C belongs
to its grade: later grades change nothing in the layers before them.
"""

from __future__ import annotations

import math

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.relu.blocks import Gadget, gadget
from mgdl_theory.relu.network import GRANULARITIES, Network
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import FloatArray, IntArray

__all__ = ["accumulator_bound", "compile_network"]


def compile_network(scheme: Scheme, granularity: str = "block", gadget: str = "wide") -> Network:
    """The network that is the scheme, exactly, at every point of its domain.

    Parameters
    ----------
    scheme : Scheme
    granularity : "block" or "unit"
        Grades of the network: those of the scheme, or one per atom in the same order (Proposition 2).
    gadget : "wide" or "narrow"
        "wide" has width d + 2 (d = 1: 2) for unit grades and d + 3 for block grades, and d + 1 layers per
        atom (d = 1, unit: 2).  "narrow" has one channel less for d >= 2 and d (d + 1) layers per atom.

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
    counts = np.array([len(grade) for grade in scheme.grades], dtype=np.int64)
    levels = np.repeat(np.array([grade.level for grade in scheme.grades], dtype=np.int64), counts)
    nodes = np.concatenate([np.zeros((0, scheme.dim), np.int64), *(g.atoms.nodes for g in scheme.grades)])
    coefficients = np.concatenate([np.zeros(0), *(g.atoms.coefficients for g in scheme.grades)])
    weights, biases = _atom_layers(unit, levels, nodes, int(block))
    ends = np.cumsum(counts) if block else np.arange(1, len(nodes) + 1)
    grades = len(ends)
    readout, constant = np.zeros((grades, unit.width + block)), np.zeros(grades)
    atom = np.zeros(len(nodes), dtype=np.int64)
    if block:
        atom = np.arange(len(nodes)) - np.repeat(ends - counts, counts)
        full = counts > 0
        bounds = np.array([accumulator_bound(g.atoms.coefficients) for g in scheme.grades if len(g)])
        _chain(weights, biases, unit, atom, coefficients, bounds)
        readout[full, -1], constant[full] = 1.0, -bounds
        readout[full, unit.phi] = coefficients[ends[full] - 1]
    else:
        readout[:, unit.phi] = coefficients
    return Network(
        box=scheme.target.box,
        lift=float(scheme.lift),
        weights=weights,
        biases=biases,
        grade_end=np.asarray(ends * unit.depth, dtype=np.int64),
        readout=readout,
        readout_bias=constant,
        atom_of_layer=np.repeat(atom, unit.depth),
        layers_per_atom=unit.depth,
        channels=_channels(unit, block),
        gadget_name=name,
        granularity=granularity,
    )


_gadget = gadget  # the option of compile_network has the same name


def accumulator_bound(coefficients: FloatArray) -> float:
    """C of a block grade: the least power of two that is at least max |c|.

    >>> accumulator_bound(np.array([0.5, -3.0])), accumulator_bound(np.array([0.25]))
    (4.0, 0.25)
    """
    largest = float(np.abs(coefficients).max())
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
    """Write the accumulator into each atom's first layer: C at a grade's first atom, else the term before."""
    first = np.arange(len(atom)) * unit.depth
    starts = atom == 0
    weights[first[starts], -1, -1] = 0.0
    biases[first[starts], -1] = bounds
    later = np.flatnonzero(~starts)
    weights[first[later], -1, unit.phi] = coefficients[later - 1]


def _channels(unit: Gadget, block: bool) -> tuple[str, ...]:
    """What each channel carries, in short."""
    coordinates = [f"x{a + 1}" for a in range(unit.dim)]
    work = ["phi, upper", "lower"] if unit.width == unit.dim + 2 else ["phi, minimum"]
    return (*coordinates, *work, *(["sum + C"] if block else []))
