"""Layers and readouts as data: a ReLU network of fixed width whose grades are frozen (theory.md, Section 5).

The hidden state after layer j is a vector of ``width`` channels,

    h_0 = (t, 0, ..., 0),    h_j = ReLU(W_j h_{j-1} + b_j),

t in [0, 1]^d the unit coordinates of a point x of the box.  Grade k is the affine readout of the state
after its last layer, g_k = A_k h + a_k, and the approximant is the lift plus the sum of the readouts.
A_k is a row for a scalar network, and a matrix with one row per component for a vector network: its
components share every layer.

*Preamble.*  t_a = (x_a - lower_a) / (upper_a - lower_a) with the exact rational ends of the box; it is no
layer, because its numbers need not be dyadic.  On [0, 1]^d it does nothing.

Layers are numbered from 0, as the arrays are: layer j is ``weights[j]``, ``biases[j]``.  Grades are
numbered from 1, as in a scheme.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from mgdl_theory.errors import SchemeError
from mgdl_theory.relu import forward
from mgdl_theory.relu.gadgets import GADGETS, Gadget, gadget
from mgdl_theory.rigor.dyadic import significant_bits
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.targets.base import Box, FloatArray, IntArray
from mgdl_theory.text import count, float_text, near_text

GRANULARITIES = ("unit", "block")


_PLAIN = {"box": Box, "gadget_name": str, "granularity": str}
_ARRAYS = dict.fromkeys(("weights", "biases", "readout", "readout_bias"), np.float64) | {"grade_end": np.int64}
"""Definition: the types of the fields of a network."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Size of a network.

    ``parameters`` counts every weight, bias, readout and the lift, zeros included; ``nonzero_parameters``
    leaves the zeros out; ``distinct_weights`` is the number of different nonzero numbers among them.
    ``coefficient_bits`` and ``mean_coefficient_bits`` are the largest and the mean number of significant
    bits of an atom's coefficient.
    """

    width: int
    depth: int
    grades: int
    atoms: int
    parameters: int
    nonzero_parameters: int
    distinct_weights: int
    coefficient_bits: int
    mean_coefficient_bits: float

    def __str__(self) -> str:
        return (
            f"width {self.width}, depth {self.depth}, {count(self.grades, 'grade')}, {count(self.atoms, 'atom')}; "
            f"{self.parameters} parameters, {self.nonzero_parameters} of them not 0, "
            f"{self.distinct_weights} distinct values; "
            f"coefficients of {near_text(self.mean_coefficient_bits)} bits, at most {self.coefficient_bits}"
        )


@dataclass(frozen=True, eq=False)
class Network:
    """A ReLU network of fixed width whose layers are grouped into frozen grades.

    Attributes
    ----------
    box : Box
        Domain of the inputs; the layers read unit coordinates.
    lift : float, or tuple (m) of float
        The constant of grade 0.
    weights : float64 (depth, width, width)
    biases : float64 (depth, width)
        A layer reads only the layer before it; the first one the unit coordinates in channels 0, ..., d-1.
    grade_end : int64 (K,)
        Number of layers up to the end of each grade.
    readout : float64 (K, width), or (K, m, width)
    readout_bias : float64 (K,), or (K, m)
        g_k = readout[k-1] . h + readout_bias[k-1], h the state after the grade's last layer.  With the second
        shapes the network is a *vector network*, with values of m components.
    gadget_name : str
        The block of one atom, as :func:`mgdl_theory.relu.gadgets.gadget` names it.
    granularity : "unit" or "block"
        Whether each atom is a grade of its own, or a grade chains its atoms with an accumulator for every
        component.
    """

    box: Box
    lift: float | tuple[float, ...]
    weights: FloatArray = field(repr=False)
    biases: FloatArray = field(repr=False)
    grade_end: IntArray = field(repr=False)
    readout: FloatArray = field(repr=False)
    readout_bias: FloatArray = field(repr=False)
    gadget_name: str
    granularity: str

    def __post_init__(self) -> None:
        self._make_plain()
        if self.gadget_name not in GADGETS or self.granularity not in GRANULARITIES:
            raise SchemeError(f"network: unknown gadget {self.gadget_name!r} or granularity {self.granularity!r}")
        if not self._fits():
            raise SchemeError("network: layers, readouts and grades do not fit together")
        for array in (self.weights, self.biases, self.readout, self.readout_bias, np.array(self.lift)):
            if not np.isfinite(array).all():
                raise SchemeError("network: weights must be finite float64 numbers")

    def _fits(self) -> bool:
        """Whether the arrays have the shapes that gadget, granularity and outputs ask for."""
        if self.grade_end.ndim != 1 or not self.biases.ndim:
            return False
        depth, grades, per = len(self.biases), len(self.grade_end), self.layers_per_atom
        values, ends = self.readout.shape[1:2] if self.is_vector else (), np.concatenate([[0], self.grade_end])
        width = self.gadget.width + self.outputs * (self.granularity == "block")
        found = [array.shape for array in (self.weights, self.biases, self.readout, self.readout_bias)]
        wanted = [(depth, width, width), (depth, width), (grades, *values, width), (grades, *values)]
        increasing = not np.any(np.diff(ends) < 0) and not np.any(ends % per) and int(ends[-1]) == depth
        return self.outputs > 0 and found == wanted and np.shape(self.lift) == values and increasing

    def _make_plain(self) -> None:
        """Fields of exactly the declared types, arrays read-only: a subclass could compare and compute as it likes."""
        for name, kind in _PLAIN.items():
            if type(getattr(self, name)) is not kind:
                raise SchemeError(f"network: {name} must be of type {kind.__name__}, got {type(getattr(self, name))}")
        lifts = self.lift if type(self.lift) is tuple else (self.lift,)
        if any(type(lift) is not float for lift in lifts):
            raise SchemeError(f"network: the lift must be a finite float, or a tuple of them, got {self.lift!r}")
        for name, number in _ARRAYS.items():
            array = np.asarray(getattr(self, name))
            if array.dtype != number:
                raise SchemeError(f"network: {name} must be finite {number.__name__} numbers, got {array.dtype}")
            object.__setattr__(self, name, array)
            memory: Any = array
            while isinstance(memory, np.ndarray):  # what an array is a view of would be a way around its flag
                memory.setflags(write=False)
                memory = memory.base

    # -- shape --

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.box.dim

    @property
    def is_vector(self) -> bool:
        """Whether its values are vectors, perhaps of one component."""
        return self.readout.ndim == 3

    @property
    def outputs(self) -> int:
        """Number m of components of a value; 1 for a scalar network."""
        return int(self.readout.shape[1]) if self.is_vector else 1

    @property
    def components(self) -> int:
        """The name of :attr:`outputs` in version 0.1; it goes with version 0.3."""
        warnings.warn("network.components is now network.outputs", DeprecationWarning, stacklevel=2)
        return self.outputs

    @property
    def lifts(self) -> FloatArray:
        """(m,): the constants of grade 0."""
        return np.array(self.lift).reshape(self.outputs)

    @property
    def readouts(self) -> FloatArray:
        """(K, m, width): the matrices A_k."""
        return self.readout.reshape(self.grades, self.outputs, self.width)

    @property
    def readout_biases(self) -> FloatArray:
        """(K, m): the vectors a_k."""
        return self.readout_bias.reshape(self.grades, self.outputs)

    @property
    def width(self) -> int:
        """Channels of every hidden layer."""
        return int(self.readout.shape[-1])

    @property
    def channels(self) -> tuple[str, ...]:
        """What each channel carries, in short."""
        sums = self.outputs if self.granularity == "block" else 0
        work = ["phi, upper", "lower"] if self.gadget.width == self.dim + 2 else ["phi, minimum"]
        totals = ["sum + C"] if sums == 1 else [f"sum {j + 1} + C" for j in range(sums)]
        return (*(f"x{a + 1}" for a in range(self.dim)), *work, *totals)

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.biases)

    @property
    def grades(self) -> int:
        """Number of grades K."""
        return len(self.grade_end)

    @property
    def atoms(self) -> int:
        """Number of atoms of all grades."""
        return self.depth // self.layers_per_atom

    @property
    def gadget(self) -> Gadget:
        """The block that computes one atom."""
        return gadget(self.dim, self.gadget_name)

    @property
    def layers_per_atom(self) -> int:
        """Hidden layers of one atom."""
        return self.gadget.depth

    @cached_property
    def atom_of_layer(self) -> IntArray:
        """(depth,): number, from 0, of the atom within its grade that each layer belongs to."""
        layers, starts = np.arange(self.depth), np.concatenate([[0], self.grade_end])
        found: IntArray = (layers - starts[np.searchsorted(self.grade_end, layers, "right")]) // self.layers_per_atom
        found.setflags(write=False)
        return found

    def grade_of_layer(self, layer: int) -> int:
        """Number k >= 1 of the grade that owns a layer."""
        if not 0 <= layer < self.depth:
            raise SchemeError(f"layer must be from 0 to {self.depth - 1}, got {layer}")
        return int(np.searchsorted(self.grade_end, layer, side="right")) + 1

    def layers_of_grade(self, grade: int) -> range:
        """The layers that grade k >= 1 owns."""
        if not 1 <= grade <= self.grades:
            raise SchemeError(f"grade must be from 1 to {self.grades}, got {grade}")
        return range(int(self.grade_end[grade - 2]) if grade > 1 else 0, int(self.grade_end[grade - 1]))

    def prefix(self, grades: int) -> Network:
        """The network of the first k grades; its arrays are the first parts of this network's arrays."""
        count = self._grade_count(grades)
        depth = int(self.grade_end[count - 1]) if count else 0
        return Network(
            self.box, self.lift, self.weights[:depth], self.biases[:depth], self.grade_end[:count],
            self.readout[:count], self.readout_bias[:count], self.gadget_name, self.granularity,
        )  # fmt: skip

    # -- values --

    def __call__(self, x: Any, grade: int | None = None) -> FloatArray:
        """The approximant after a grade (all by default) at points x (n, d) or (n,) of the box, in binary64.

        Shape (n,), or (n, m) for a vector network.  One loop over layers, none over points.
        :meth:`float64_is_exact` says where no rounding occurs.
        """
        values = forward.float64(self, self.box.units(x), self._grade_count(grade))
        return values.T if self.is_vector else values[0]

    def exact(self, point: Sequence[Fraction], grade: int | None = None) -> Any:
        """The approximant after a grade at one rational point of the box, exactly: a Fraction, or a tuple of m."""
        return self._values(forward.exact(self, [self.box.unit(point)], self._grade_count(grade)))[0]

    def exact_at(self, level: int, nodes: IntArray, grade: int | None = None) -> list[Any]:
        """The approximant after a grade at the points with unit coordinates nodes / 2^level, exactly.

        ``nodes`` is int64 (n, d); one Fraction, or tuple of m, for each.  Integer arithmetic for all points at
        once, in words where no overflow is possible and in Python's integers elsewhere.
        """
        return self._values(forward.exact_at(self, level, self._nodes(level, nodes), self._grade_count(grade))[0])

    def float64_is_exact(self, level: int, nodes: IntArray, grade: int | None = None) -> bool:
        """Whether every operation of the binary64 evaluation at these points is certainly free of rounding.

        For points given by their unit coordinates nodes / 2^level.  True is a proof, by counting bits: no
        partial sum of any layer or readout, in any order, needs more than 53.  It is about the layers: on a box
        other than [0, 1]^d the preamble that finds the unit coordinates may round.
        """
        return forward.exact_at(self, level, self._nodes(level, nodes), self._grade_count(grade))[1]

    def mp(self, point: Sequence[Fraction], digits: int = 30, grade: int | None = None) -> Any:
        """The approximant after a grade at one point of the box, in mpmath with this many working digits."""
        values = forward.mp(self, self.box.unit(point), digits, self._grade_count(grade))
        return tuple(values) if self.is_vector else values[0]

    def interval(self, lo: Any, hi: Any, grade: int | None = None) -> Interval:
        """Enclosure (n,), or (n, m), of the approximant over boxes [lo_i, hi_i] of inputs, lo and hi (n, d) or (n,).

        Interval arithmetic layer by layer, every rounding outward: the approximant at every point of box i
        that lies in the domain is in [lo_i, hi_i].  Wide boxes are enclosed crudely (channels are treated as
        independent), points to within rounding.
        """
        low, high = (np.asarray(v, dtype=np.float64) for v in (lo, hi))
        if self.dim == 1:
            low, high = (v.reshape(-1, 1) if v.ndim <= 1 else v for v in (low, high))
        if low.ndim != 2 or low.shape != high.shape or low.shape[1] != self.dim:
            raise SchemeError(f"boxes must have shape (n, {self.dim}), got {low.shape} and {high.shape}")
        if not np.all(low <= high):
            raise SchemeError("a box needs lo <= hi")
        found = forward.interval(self, low, high, self._grade_count(grade))
        return Interval(found.lo.T, found.hi.T) if self.is_vector else Interval(found.lo[0], found.hi[0])

    def _values(self, rows: list[list[Any]]) -> list[Any]:
        """One entry per point from one list per component."""
        return list(zip(*rows, strict=True)) if self.is_vector else rows[0]

    # -- words --

    def describe(self, layer: int) -> str:
        """What each channel carries after a layer, in words."""
        grade, g = self.grade_of_layer(layer), self.gadget
        step, atom = layer % self.layers_per_atom, int(self.atom_of_layer[layer])
        own = self.layers_of_grade(grade)
        level, node = self.atom_at(layer)
        place = ", ".join(_affine_words(a + 1, 1 << level, i) for a, i in enumerate(node))
        atoms = len(own) // self.layers_per_atom
        head = f"layer {layer}: grade {grade}, atom {atom + 1} of {atoms}, step {step + 1} of {self.layers_per_atom}"
        lines = [f"{head}; level {level}, node {node}: {place}"]
        words = [f"x{a + 1}, carried" for a in range(self.dim)] + list(g.words[step])
        if self.granularity == "block":
            sums = (
                "C" if atom == 0 else f"C + the terms c phi of atoms 1 to {atom}" if atom > 1 else "C + c phi of atom 1"
            )
            for j, bound in enumerate(self.biases[own.start, g.width :].tolist(), 1):
                which = f" of component {j}:" if self.is_vector else ""
                words.append(f"the running sum{which} {sums}; C = {float_text(bound)}")
        lines += [f"  channel {r}: {text}" for r, text in enumerate(words)]
        if layer == own[-1]:
            lines += [f"  read out: {text}" for text in self._readout_words(grade)]
        return "\n".join(lines)

    def atom_at(self, layer: int) -> tuple[int, tuple[int, ...]]:
        """Level and node of the atom that a layer belongs to, read off the weights."""
        self.grade_of_layer(layer)
        first, g = layer - layer % self.layers_per_atom, self.gadget
        block = slice(first, first + self.layers_per_atom)
        j, row, a = (int(v[0]) for v in np.nonzero(g.scaled))
        scale = self.weights[first + j, row, a] / g.scaled[j, row, a]
        rows, offset = g.index.reshape(-1, self.dim), (self.biases[block, : g.width] - g.bias).reshape(-1)
        node = np.zeros(self.dim)
        for _ in range(3):  # the second round mends the rounding of the first, the third finds nothing to do
            node += np.rint(np.linalg.lstsq(rows, offset - rows @ node, rcond=None)[0])
        return int(np.frexp(scale)[1]) - 1, tuple(int(i) for i in node)

    def summary(self) -> Summary:
        """Size of the network."""
        coefficients = self.coefficients()
        bits = significant_bits(coefficients[coefficients != 0])
        parts = (self.weights, self.biases, self.readout, self.readout_bias, self.lifts)
        distinct = forward.distinct_nonzero(parts)
        return Summary(
            width=self.width,
            depth=self.depth,
            grades=self.grades,
            atoms=self.atoms,
            parameters=sum(p.size for p in parts),
            nonzero_parameters=sum(int(np.count_nonzero(p)) for p in parts),
            distinct_weights=len(distinct),
            coefficient_bits=int(bits.max(initial=0)),
            mean_coefficient_bits=float(bits.mean()) if len(bits) else 0.0,
        )

    def coefficients(self) -> FloatArray:
        """(atoms,) or (atoms, m): the coefficient c of every atom, in the order of the layers."""
        g, per = self.gadget, self.layers_per_atom
        out = np.empty((self.atoms, self.outputs))
        if self.granularity == "block":
            out[:-1] = self.weights[per::per, g.width :, g.phi]  # where an atom's first layer adds the term before it
        full = np.diff(self.grade_end, prepend=0) > 0
        out[self.grade_end[full] // per - 1] = self.readouts[full, :, g.phi]
        return out if self.is_vector else out[:, 0]

    def _readout_words(self, grade: int) -> list[str]:
        g, words = self.gadget, []
        for j, c in enumerate(self.readouts[grade - 1, :, g.phi].tolist()):
            name = f"component {j + 1} of g_{grade}" if self.is_vector else f"g_{grade}"
            sums = f"channel {g.width + j} - C + " if self.granularity == "block" else ""
            words.append(f"{name} = {sums}{float_text(c)} times channel {g.phi}")
        return words

    # -- reading arguments --

    def _grade_count(self, grade: int | None) -> int:
        count = self.grades if grade is None else grade
        if not 0 <= count <= self.grades:
            raise SchemeError(f"grade must be from 0 to {self.grades}, got {grade}")
        return count

    def _nodes(self, level: int, nodes: IntArray) -> IntArray:
        nodes = np.asarray(nodes, dtype=np.int64)
        if not 0 <= level <= 62 or nodes.ndim != 2 or nodes.shape[1] != self.dim:
            raise SchemeError(f"expected a level from 0 to 62 and nodes (n, {self.dim}), got {level} and {nodes.shape}")
        if len(nodes) and (nodes.min() < 0 or nodes.max() > 1 << level):
            raise SchemeError(f"node indices of level {level} run from 0 to {1 << level}")
        return nodes


def _affine_words(axis: int, scale: int, index: int) -> str:
    """t = 2^l x - i of one coordinate.

    >>> _affine_words(1, 4, 3), _affine_words(2, 1, 0)
    ('t1 = 4 x1 - 3', 't2 = x2')
    """
    return f"t{axis} = {f'{scale} ' if scale > 1 else ''}x{axis}{f' - {index}' if index else ''}"
