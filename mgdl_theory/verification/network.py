"""The network is the scheme, exactly, at every point: the proof, and a witness where it is not (theory.md, Section 5).

1. *Block.*  The gadget is the hat for every level and node (``verification/gadgets.py``).
2. *Layers.*  Every layer and readout of the given network equals its template for the scheme's atoms, number
   by number.  The coordinates are >= 0, so every ReLU leaves them alone and each atom's block reads them.
3. *Sums.*  A grade's accumulator starts at C >= max |c|.  Its atoms are different nodes of one level, whose
   hats are >= 0 and add up to at most 1; so every partial sum is at least -C, the ReLU leaves it alone, and
   the readout takes C off again.  Unit grades have nothing to add up.

Hence the readout of grade k is g_k, for every k and everywhere.  Of a vector network this is decided for each
component by itself: its templates are those of the blocks, of its own accumulator and of its own rows of the
readouts; they have the weight 0 on the accumulators of the others, which may then be what they like.  The
exact values at the nodes, compared at the end, prove nothing that is not proved already; they would show a
mistake in this argument or in its code.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple, overload

import numpy as np

from mgdl_theory.atom import Atoms
from mgdl_theory.errors import BudgetError, OptionError
from mgdl_theory.mesh import BoolArray, pack, unique_rows
from mgdl_theory.relu.network import Network
from mgdl_theory.rigor.interval import outward
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import Box, FloatArray, IntArray
from mgdl_theory.text import float_text
from mgdl_theory.vector import VectorScheme
from mgdl_theory.verification.gadgets import BlockProof, prove_block
from mgdl_theory.verification.verdict import Result, Verdict, Witness

EVALUATED_ATOMS = 4000
"""Experience: schemes of at most this many atoms are evaluated exactly at all their nodes."""

CHUNK = 4096
"""Experience: atoms whose templates, or points whose values, are held at once."""

SCATTERED = 64
"""Experience: further dyadic points at which a network that differs from its template is evaluated."""


@dataclass(frozen=True, slots=True)
class OutputWitness(Witness):
    """A point where network and scheme differ: ``before`` encloses the scheme's value there, ``after`` the network's.

    Both values are those after grade ``grade``; they are different rational numbers.
    """

    def __str__(self) -> str:
        place = ", ".join(map(str, self.x))
        values = f"the scheme is {float_text(self.before[0])} and the network {float_text(self.after[0])} (rounded)"
        return f"x = ({place}), after grade {self.grade}: {values}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the point exactly."""
        return {
            "x": [str(v) for v in self.x],
            "grade": self.grade,
            "scheme": list(self.before),
            "network": list(self.after),
        }


class Difference(NamedTuple):
    """Where a network departs from its template first: grade, atom (from 0, or -1), and words."""

    grade: int
    atom: int
    text: str


@overload
def verify_network(network: Network, scheme: Scheme, evaluated_atoms: int = EVALUATED_ATOMS) -> Result: ...


@overload
def verify_network(
    network: Network, scheme: VectorScheme, evaluated_atoms: int = EVALUATED_ATOMS
) -> tuple[Result, ...]: ...


@checked_arithmetic()
def verify_network(
    network: Network, scheme: Scheme | VectorScheme, evaluated_atoms: int = EVALUATED_ATOMS
) -> Result | tuple[Result, ...]:
    """Decide whether a network is a scheme: the same number after every grade at every point of the domain.

    Parameters
    ----------
    network : Network
        From ``compile_network`` or anywhere else; nothing but its arrays is trusted.
    scheme : Scheme or VectorScheme
        Read as its lift and its atoms, which are checked again.
    evaluated_atoms : int
        Up to this many atoms both are evaluated exactly at all nodes as well.

    Returns
    -------
    Result, or one for every component of a vector scheme
        PROVED; REFUTED with a point where the exact values differ; or UNDECIDED, naming the layer and channel
        that depart from the template, where no point was found.

    >>> from mgdl_theory import construct, target
    >>> from mgdl_theory.relu.compile import compile_network
    >>> scheme = construct(target("x*y"), tol=0.1)
    >>> print(verify_network(compile_network(scheme), scheme).verdict)
    PROVED
    """
    vector = isinstance(scheme, VectorScheme)
    network, together = _checked_again(network, scheme)
    if network.box != together.target.box:
        raise OptionError("the network and the scheme have different domains")
    if network.is_vector != vector or network.outputs != len(together):
        raise OptionError(
            f"the network has {_shape(network.is_vector, network.outputs)}, the scheme {_shape(vector, len(together))}"
        )
    block = prove_block(network.gadget)
    results = tuple(_decide(network, together, j, block, evaluated_atoms) for j in range(len(together)))
    return results if vector else results[0]


def _shape(vector: bool, components: int) -> str:
    return f"vectors of {components} for values" if vector else "numbers for values"


def _decide(network: Network, together: VectorScheme, j: int, block: BlockProof, evaluated_atoms: int) -> Result:
    """The result for component j, from 0."""
    scheme, atoms = together.components[j], _Sequence.of(together, network.granularity, j)
    difference = next(_differences(network, scheme, atoms, j), None) if block.proved else Difference(0, -1, block.text)
    if difference is not None:
        witness = _search(network, scheme, atoms, j, difference)
        if witness is None:
            return Result("network", Verdict.UNDECIDED, f"{difference.text}; no point found where the values differ")
        return Result("network", Verdict.REFUTED, f"{difference.text}; {witness}", witness)
    text = f"{block.text}; {network.depth} layers and {network.grades} readouts equal their templates"
    if network.granularity == "block":
        text += "; every accumulator stays >= 0"
    if len(atoms.level) > evaluated_atoms:
        return Result("network", Verdict.PROVED, text)
    level, nodes = _all_nodes(scheme)
    witness = _compare(network, scheme, j, network.grades, network.grades, level, nodes)
    if witness is not None:
        return Result("network", Verdict.REFUTED, f"the argument or its code is wrong: {witness}", witness)
    return Result("network", Verdict.PROVED, f"{text}; exact values compared at {len(nodes)} nodes")


def _checked_again(network: Network, scheme: Scheme | VectorScheme) -> tuple[Network, VectorScheme]:
    """The same records made anew, so that what holds of them at birth holds now, and no subclass answers for them."""
    _require_plain(network, Network)
    _require_plain(scheme, VectorScheme if isinstance(scheme, VectorScheme) else Scheme)
    _require_plain(scheme.components, tuple)
    return replace(network), VectorScheme(tuple(_anew(part) for part in scheme.components))


def _anew(scheme: Scheme) -> Scheme:
    _require_plain(scheme, Scheme)
    _require_plain(scheme.target.box, Box)
    parts = [Atoms(grade.level, grade.atoms.nodes, grade.atoms.coefficients) for grade in scheme.grades]
    return Scheme.of(scheme.target, scheme.lift, parts, scheme.tol)


def _require_plain(given: object, kind: type) -> None:
    if type(given) is not kind:
        raise OptionError(f"verify_network: expected a plain {kind.__name__}, got {type(given).__name__}")


# -- layers against templates ----------------------------------------------------------------------


class _Sequence(NamedTuple):
    """The hats of a scheme in the order of the network's layers, with the coefficients of one component.

    ``coefficient`` is 0 where the component has no atom; ``grade`` counts the network's grades from 1; ``whole``
    says whether the other atoms are those of the component, one by one.
    """

    level: IntArray
    node: IntArray
    coefficient: FloatArray
    grade: IntArray
    first: BoolArray
    grades: int
    whole: bool

    @classmethod
    def of(cls, together: VectorScheme, granularity: str, j: int) -> _Sequence:
        parts = together.grades
        counts = [len(part) for part in parts]
        level = np.repeat(np.array([part.level for part in parts], dtype=np.int64), counts)
        node = np.concatenate([np.zeros((0, together.dim), dtype=np.int64), *(part.nodes for part in parts)])
        coefficient = np.concatenate([np.zeros(0), *(part.coefficients[:, j] for part in parts)])
        whole = all(
            np.array_equal(part.nodes[part.coefficients[:, j] != 0], own.atoms.nodes)
            and np.array_equal(part.coefficients[part.coefficients[:, j] != 0, j], own.atoms.coefficients)
            for part, own in zip(parts, together.components[j].grades, strict=True)
        )
        grade = np.repeat(np.arange(1, len(parts) + 1), counts)
        if granularity == "unit":
            grade = np.arange(1, len(node) + 1)
        first = np.diff(grade, prepend=0) > 0
        grades = len(parts) if granularity == "block" else len(node)
        return cls(level, node, coefficient, grade, first, grades, whole)

    def ends(self) -> IntArray:
        """(K,): atoms up to the end of each grade."""
        return np.searchsorted(self.grade, np.arange(1, self.grades + 1), side="right")

    def largest(self) -> FloatArray:
        """(atoms,): max |c| over the grade of each atom."""
        starts = np.flatnonzero(self.first)
        if not len(starts):
            return np.zeros(0)
        per_grade = np.maximum.reduceat(np.abs(self.coefficient), starts)
        return np.asarray(per_grade[np.cumsum(self.first) - 1])


def _differences(network: Network, scheme: Scheme, atoms: _Sequence, j: int) -> Iterator[Difference]:
    lift = float(network.lifts[j])
    if not atoms.whole:
        yield Difference(0, -1, "the hats of the scheme are not those of its components")
    if lift != scheme.lift:
        yield Difference(0, -1, f"the lift is {float_text(lift)}, not {float_text(scheme.lift)}")
    if not np.array_equal(network.grade_end, atoms.ends() * network.layers_per_atom):
        yield Difference(network.grades, -1, "the grades do not end at the layers where those of the scheme do")
        return
    for start in range(0, len(atoms.level), CHUNK):
        yield from _layer_differences(network, atoms, j, start, min(start + CHUNK, len(atoms.level)))
    yield from _readout_differences(network, atoms, j)


def _layer_differences(network: Network, atoms: _Sequence, j: int, start: int, stop: int) -> Iterator[Difference]:
    """Departures in the layers of some atoms, in the channels that component j reads."""
    g, width, count = network.gadget, network.width, stop - start
    layers = slice(start * g.depth, stop * g.depth)
    w = network.weights[layers].reshape(count, g.depth, width, width)
    b = network.biases[layers].reshape(count, g.depth, width)
    want_w, want_b = np.zeros_like(w), np.zeros_like(b)
    scale = np.ldexp(1.0, atoms.level[start:stop])
    want_w[:, :, : g.width, : g.width] = scale[:, None, None, None] * g.scaled + g.fixed
    offsets = np.einsum("jra,na->njr", g.index.astype(np.int64), atoms.node[start:stop]) + g.bias.astype(np.int64)
    want_b[:, :, : g.width] = offsets
    wrong_offset = want_b[:, :, : g.width].astype(np.int64) != offsets  # an integer that binary64 does not hold
    if network.granularity == "block":
        first, own = atoms.first[start:stop], g.width + j
        want_w[:, :, own, own] = 1.0
        want_w[first, 0, own, own] = 0.0
        before = np.concatenate([[0.0], atoms.coefficient])[start:stop]
        want_w[:, 0, own, g.phi] = np.where(first, 0.0, before)
        enough = b[:, 0, own] >= atoms.largest()[start:stop]
        want_b[:, 0, own] = np.where(first, np.where(enough, b[:, 0, own], np.inf), 0.0)
    wrong = (w != want_w).any(axis=3) | (b != want_b)
    wrong[:, :, : g.width] |= wrong_offset
    wrong[:, :, [r for r in range(g.width, width) if r != g.width + j]] = False  # the accumulators of the others
    for n, i, row in np.argwhere(wrong)[:1]:
        what = _departure(w[n, i, row], want_w[n, i, row], "bias", float(b[n, i, row]), float(want_b[n, i, row]))
        place = f"layer {(start + n) * g.depth + i}, channel {row} ({network.channels[row]})"
        yield Difference(int(atoms.grade[start + n]), int(start + n), f"{place}: {what}")


def _readout_differences(network: Network, atoms: _Sequence, j: int) -> Iterator[Difference]:
    """Departures in the readouts of component j."""
    g, ends = network.gadget, atoms.ends()
    readout, offset = network.readouts[:, j], network.readout_biases[:, j]
    full = np.diff(ends, prepend=0) > 0
    want, constant = np.zeros_like(readout), np.zeros_like(offset)
    want[full, g.phi] = atoms.coefficient[ends[full] - 1]
    if network.granularity == "block":
        want[full, g.width + j] = 1.0
        constant[full] = -network.biases[np.flatnonzero(atoms.first) * g.depth, g.width + j]
    wrong = (readout != want).any(axis=1) | (offset != constant)
    for k in np.flatnonzero(wrong)[:1]:
        what = _departure(readout[k], want[k], "constant", float(offset[k]), float(constant[k]))
        yield Difference(int(k) + 1, int(ends[k]) - 1, f"readout of grade {k + 1}: {what}")


def _departure(row: FloatArray, want: FloatArray, name: str, constant: float, wanted: float) -> str:
    """The first number of a row that is not the template's."""
    for r in np.flatnonzero(row != want)[:1]:
        return f"weight {float_text(row[r])} on channel {r}, not {float_text(want[r])}"
    return f"{name} {float_text(constant)}, " + (
        f"not {float_text(wanted)}" if np.isfinite(wanted) else "less than the largest coefficient"
    )


# -- exact values ----------------------------------------------------------------------------------


def scheme_at(scheme: Scheme, level: int, nodes: IntArray, grade: int | None = None) -> list[Fraction]:
    """The scheme after a grade at unit coordinates nodes / 2^level (n, d), exactly, by interpolation.

    >>> from mgdl_theory import Scheme, target
    >>> peak = Scheme.of(target("x"), 0.0, [Atoms(1, np.array([[1]]), np.array([1.0]))], 1.0)
    >>> scheme_at(peak, 2, np.array([[1], [2]]))
    [Fraction(1, 2), Fraction(1, 1)]
    """
    count = len(scheme.grades) if grade is None else grade
    total = np.full(len(nodes), Fraction(scheme.lift), dtype=object)
    for part in scheme.grades[:count]:
        if len(part):
            _add_values(total, part.atoms, level, nodes)
    return list(total.tolist())


def _add_values(total: Any, g: Atoms, level: int, nodes: IntArray) -> None:
    """Add g at these points, by the weights of the simplex that holds each of them."""
    fine = max(level, g.level)
    deep = fine - g.level
    points = nodes << (fine - level)
    vertex = np.minimum(points >> deep, (1 << g.level) - 1)
    part = points - (vertex << deep)
    order = np.argsort(-part, axis=1, kind="stable")
    height = np.take_along_axis(part, order, axis=1)
    height = np.concatenate(
        [np.full((len(points), 1), 1 << deep), height, np.zeros((len(points), 1), np.int64)], axis=1
    )
    for k in range(points.shape[1] + 1):
        if k:
            vertex = vertex.copy()
            vertex[np.arange(len(vertex)), order[:, k - 1]] += 1
        here, wanted = pack(g.level, g.nodes, vertex)
        place = np.minimum(np.searchsorted(here, wanted), len(here) - 1)
        weight = height[:, k] - height[:, k + 1]
        for n in np.flatnonzero((here[place] == wanted) & (weight > 0)).tolist():
            total[n] += Fraction(float(g.coefficients[place[n]])) * Fraction(int(weight[n]), 1 << deep)


def _all_nodes(scheme: Scheme) -> tuple[int, IntArray]:
    """The finest level, and the nodes of all atoms as nodes of that level."""
    level = max((grade.level for grade in scheme.grades), default=0)
    rows = [np.zeros((1, scheme.dim), dtype=np.int64)]
    rows += [grade.atoms.nodes << (level - grade.level) for grade in scheme.grades]
    return level, unique_rows(np.concatenate(rows), level)


def _compare(
    network: Network, scheme: Scheme, j: int, given: int, grade: int, level: int, nodes: IntArray
) -> OutputWitness | None:
    """The first of these points where component j after ``given`` grades of the network is not the scheme.

    ``grade`` is the number that a witness names.
    """
    for start in range(0, len(nodes), CHUNK):
        some = nodes[start : start + CHUNK]
        values, truths = network.exact_at(level, some, given), scheme_at(scheme, level, some)
        for node, value, truth in zip(some.tolist(), values, truths, strict=True):
            own = value[j] if network.is_vector else value
            if own != truth:
                return OutputWitness(scheme.target.box.point(node, level), grade, outward(truth), outward(own))
    return None


def _first_atoms(scheme: Scheme, atoms: _Sequence, hats: int) -> Scheme:
    """The scheme of the component's atoms among the first hats."""
    parts, left = [], int(np.count_nonzero(atoms.coefficient[:hats]))
    for grade in scheme.grades:
        keep = min(len(grade), left)
        left -= keep
        parts.append(Atoms(grade.level, grade.atoms.nodes[:keep], grade.atoms.coefficients[:keep]))
    return Scheme.of(scheme.target, scheme.lift, parts, scheme.tol)


def _search(network: Network, scheme: Scheme, atoms: _Sequence, j: int, difference: Difference) -> OutputWitness | None:
    """A point where the values of component j differ, after the grade that departs or at the end."""
    level, points = _suspects(scheme, atoms, difference)
    ends = [(difference.grade, difference.grade)] if difference.grade <= min(network.grades, atoms.grades) else []
    try:
        for given, wanted in [*ends, (network.grades, atoms.grades)]:
            part = scheme.prefix(wanted) if network.granularity == "block" else _first_atoms(scheme, atoms, wanted)
            witness = _compare(network, part, j, given, wanted, level, points)
            if witness is not None:
                return witness
    except BudgetError:  # weights that make numbers of very many bits
        return None
    return None


def _suspects(scheme: Scheme, atoms: _Sequence, difference: Difference) -> tuple[int, IntArray]:
    """A level and points of it: around the atom that departs, at nodes of the scheme, and scattered."""
    finest, nodes = _all_nodes(scheme)
    level, d = min(finest + 2, 60), scheme.dim
    some = nodes[:: max(1, len(nodes) // CHUNK)] << (level - finest)
    scattered = np.random.default_rng(0).integers(0, (1 << level) + 1, (SCATTERED, d))
    near = np.zeros((0, d), dtype=np.int64)
    if difference.atom >= 0:
        own = int(atoms.level[difference.atom])
        steps = np.array(list(itertools.product(range(-2, 3), repeat=d)))
        star = 2 * atoms.node[difference.atom] + steps
        near = star[((star >= 0) & (star <= 2 << own)).all(axis=1)] << (level - own - 1)
    return level, np.concatenate([near, some, scattered])
