"""Dyadic cells, Freudenthal simplices and stars, and the exact midpoint prolongation (theory.md, Section 1).

A *cell* of level l is ``(i + [0, 1]^d) / 2**l`` for integers i; its 2^d corners are numbered by bit
masks, bit a set where the corner lies at the upper end of axis a.  The Freudenthal triangulation cuts
every cell into the d! simplices that are the maximal chains of masks, so two corners share a simplex
exactly when one mask contains the other (*comparable* corners).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import BudgetError, SchemeError
from mgdl_theory.rigor.rounding import exact_sum
from mgdl_theory.targets.base import FloatArray, IntArray

BoolArray = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)

MAX_LEVEL = 52
"""Theorem: the nodes of this level are the finest that binary64 holds exactly on [0, 1]."""

PORTION = 1 << 17
"""Experience: corners handled at a time, so that the arrays of one pass stay in the cache and memory is bounded."""

MANY = 1 << 22
"""Experience: cells around nodes listed at a time before those that occur twice are dropped."""

DENSE = 32
"""Experience: a table over all nodes of a level beats sorting when at most this many times the corners."""


@cache
def corners(d: int) -> IntArray:
    """Offsets int64 (2^d, d) of the corners of a cell, by mask.

    >>> corners(2).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    masks = np.arange(1 << d)[:, None] >> np.arange(d)[None, :] & 1
    return _frozen(masks.astype(np.int64))


@cache
def comparable(d: int) -> BoolArray:
    """(2^d, 2^d): True where two corners share a Freudenthal simplex.

    >>> comparable(2)[1].tolist()  # (1, 0) and (0, 1) are the ends of the anti-diagonal
    [True, True, False, True]
    """
    masks = np.arange(1 << d)
    both = masks[:, None] & masks[None, :]
    return _frozen((both == masks[:, None]) | (both == masks[None, :]))


def any_comparable(flags: BoolArray) -> BoolArray:
    """(n, 2^d): True at each corner that shares a simplex of its cell with a flagged corner.

    >>> any_comparable(np.array([[False, True, False, False]])).tolist()
    [[True, True, False, True]]
    """
    d = flags.shape[1].bit_length() - 1
    contained, containing = flags.copy(), flags.copy()  # a flagged subset, a flagged superset of the mask
    for a in range(d):
        pairs = (len(flags), 1 << d - 1 - a, 2, 1 << a)
        below, above = contained.reshape(pairs), containing.reshape(pairs)
        below[:, :, 1] |= below[:, :, 0]
        above[:, :, 0] |= above[:, :, 1]
    return contained | containing


@cache
def _prolongation(d: int) -> tuple[IntArray, IntArray, IntArray]:
    """Masks A, B (3^d,) of the two parent corners averaged at each half-step point, and an order (4^d,).

    The order lists the half-step points that are the corners of child 0, then of child 1, and so on.
    """
    half = np.stack(np.unravel_index(np.arange(3**d), (3,) * d), axis=-1)
    bits = 1 << np.arange(d)
    low, high = (half // 2) @ bits, ((half + 1) // 2) @ bits
    points = (corners(d)[:, None, :] + corners(d)[None, :, :]).reshape(-1, d)
    order = np.ravel_multi_index(tuple(points.T), (3,) * d)
    return _frozen(low), _frozen(high), _frozen(order)


def midpoints(values: FloatArray) -> FloatArray:
    """Exact corner values (n, 2^d, 2^d) of the children [cell, child, corner] of cells with values (n, 2^d).

    The function that is linear on every simplex of level l with these corner values takes, on the nodes
    of level l + 1, the values G(j) = (G(j // 2) + G((j + 1) // 2)) / 2 (theory.md, Section 1); no rounding happens.

    Raises
    ------
    BudgetError
        Where binary64 does not hold a midpoint exactly.

    >>> midpoints(np.array([[0.0, 1.0]])).tolist()
    [[[0.0, 0.5], [0.5, 1.0]]]
    """
    n, size = values.shape
    low, high, order = _prolongation(size.bit_length() - 1)
    out = np.empty((n, size * size))
    if size == 2:  # experience: columns are faster than a gather here, and slower from two variables on
        out[:, 0], out[:, 3] = values.T
        out[:, 1] = out[:, 2] = _exact_mean(*values.T)
        return out.reshape(n, 2, 2)
    for part in _portions(n, size * size):
        np.take(_exact_mean(values[part][:, low], values[part][:, high]), order, axis=1, out=out[part], mode="clip")
    return out.reshape(n, size, size)


def _exact_mean(a: FloatArray, b: FloatArray) -> FloatArray:
    total, ok = exact_sum(a, b)
    half = 0.5 * total
    if not np.all(ok & (half + half == total)):
        raise BudgetError(
            "the approximant's nodal values need more bits than binary64 holds at this depth; "
            "ask for a larger tolerance"
        )
    return half


def children(cells: IntArray) -> IntArray:
    """The 2^d children (n * 2^d, d) of cells (n, d), in the order of the corner masks.

    >>> children(np.array([[1]])).tolist()
    [[2], [3]]
    """
    d = cells.shape[1]
    return (2 * cells[:, None, :] + corners(d)[None, :, :]).reshape(-1, d)


def parents(cells: IntArray, level: int) -> IntArray:
    """The distinct parents of cells of this level, sorted."""
    return unique_rows(cells >> 1, level - 1)


def prolong(values: FloatArray) -> FloatArray:
    """Corner values (n * 2^d, 2^d) of the children in the order of :func:`children`."""
    return midpoints(values).reshape(-1, values.shape[1])


def cells_around(nodes: IntArray, level: int) -> IntArray:
    """The distinct cells (m, d) of this level that have one of these nodes as a corner.

    >>> cells_around(np.array([[0], [2]]), 1).tolist()
    [[0], [1]]
    """
    size = 1 << nodes.shape[1]
    parts = [_distinct_cells_around(nodes[part], level) for part in _portions(len(nodes), size, MANY)]
    return parts[0] if len(parts) == 1 else unique_rows(np.concatenate([nodes[:0], *parts]), level)


def _distinct_cells_around(nodes: IntArray, level: int) -> IntArray:
    """The same, of all nodes at once."""
    d, masks = nodes.shape[1], np.arange(1 << nodes.shape[1])
    at_zero, at_one = ((nodes == end) @ (1 << np.arange(d)) for end in (0, 1 << level))
    inside = ((masks & at_zero[:, None]) == 0) & ((~masks & at_one[:, None]) == 0)  # the node at this corner of a cell
    if _fits(level, d):
        of_nodes, of_corners = pack(level, nodes, corners(d))
        keys = (of_nodes[:, None] - of_corners[None, :])[inside]
        return _unpack(_distinct(keys, level, d), level, d)
    return unique_rows((nodes[:, None, :] - corners(d)[None, :, :])[inside], level)


def pack(level: int, *arrays: IntArray) -> list[IntArray]:
    """One integer key per row, the same for equal rows of any of the arrays, in lexicographic order of the rows.

    Node indices of one level are packed bit by bit; where 63 bits do not suffice the coordinates are
    first replaced by their ranks.

    >>> [k.tolist() for k in pack(2, np.array([[0, 1], [4, 0]]))]
    [[1, 32]]
    """
    d = arrays[0].shape[1]
    bits = [level + 1] * d
    if sum(bits) > 62:
        stacked = np.concatenate(arrays)
        ranks = [np.unique(stacked[:, a], return_inverse=True) for a in range(d)]
        bits = [len(values).bit_length() for values, _ in ranks]
        if sum(bits) > 62:
            raise BudgetError(f"level {level} in dimension {d} needs more than 62 bits per node key")
        columns = np.stack([rank for _, rank in ranks], axis=1)
        arrays = tuple(np.split(columns, np.cumsum([len(a) for a in arrays])[:-1]))
    keys = []
    for rows in arrays:
        key = rows[:, 0].copy()
        for a in range(1, d):
            key = (key << bits[a]) | rows[:, a]
        keys.append(key)
    return keys


def unique_rows(rows: IntArray, level: int) -> IntArray:
    """The distinct rows in lexicographic order."""
    if not len(rows):
        return rows
    d, keys = rows.shape[1], pack(level, rows)[0]
    if _fits(level, d):
        return _unpack(_distinct(keys, level, d), level, d)
    return np.asarray(rows[np.unique(keys, return_index=True)[1]])


def mark_rows(rows: IntArray, chosen: IntArray, level: int) -> BoolArray:
    """True at each of ``rows`` that occurs among ``chosen``."""
    if not len(chosen) or not len(rows):
        return np.zeros(len(rows), dtype=np.bool_)
    keys, wanted = pack(level, rows, chosen)
    total = _key_count(level, rows.shape[1])
    if total > DENSE * (len(rows) + len(chosen)):
        return np.asarray(np.isin(keys, wanted))
    table = np.zeros(total, dtype=np.bool_)
    table[wanted] = True
    return table[keys]


def simplex_at(t: FloatArray, level: int) -> tuple[IntArray, FloatArray]:
    """Vertices int64 (n, d + 1, d) and weights (n, d + 1) of a simplex of T_l that holds each point t of [0, 1]^d.

    The d + 1 weights are differences of the fractional parts; vertex 0 is the lowest corner of the cell.

    >>> vertices, weights = simplex_at(np.array([[0.75, 0.25]]), 0)
    >>> vertices.tolist(), weights.tolist()
    ([[[0, 0], [1, 0], [1, 1]]], [[0.25, 0.5, 0.25]])
    """
    n, d = t.shape
    scaled = np.ldexp(t, level)
    cell = np.clip(np.floor(scaled), 0, (1 << level) - 1).astype(np.int64)
    part = scaled - cell
    order = np.argsort(-part, axis=1, kind="stable")
    steps = np.zeros((n, d + 1, d), dtype=np.int64)
    for k in range(d):
        steps[:, k + 1] = steps[:, k]
        steps[np.arange(n), k + 1, order[:, k]] = 1
    falling = np.take_along_axis(part, order, axis=1)
    padded = np.concatenate([np.ones((n, 1)), falling, np.zeros((n, 1))], axis=1)
    return cell[:, None, :] + steps, padded[:, :-1] - padded[:, 1:]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Some cells of one level with their common nodes.

    Attributes
    ----------
    level : int
    cells : int64 (n, d), distinct.
    nodes : int64 (m, d), the distinct corners of the cells in lexicographic order.
    corner_node : intp (n, 2^d), the number of the node at each corner of each cell.
    star_is_whole : bool (m,), True where all cells of Omega around the node are in ``cells``.
    """

    level: int
    cells: IntArray
    nodes: IntArray
    corner_node: NDArray[np.intp]
    star_is_whole: BoolArray

    @classmethod
    def of(cls, level: int, cells: IntArray) -> Mesh:
        """Mesh of these cells.

        >>> Mesh.of(1, np.array([[1]])).star_is_whole.tolist()  # node 1/2 also belongs to cell 0
        [False, True]
        """
        if level > MAX_LEVEL:
            raise BudgetError(f"level {level}: binary64 holds node coordinates exactly only to level {MAX_LEVEL}")
        n, d = cells.shape
        if not n:
            raise SchemeError("a mesh needs at least one cell")
        nodes, number = _number_corners(level, cells)
        on_border = ((nodes == 0) | (nodes == 1 << level)).sum(axis=1)
        count = np.bincount(number, minlength=len(nodes))
        whole = count == 1 << (d - on_border)
        return cls(level, _frozen(cells), _frozen(nodes), _frozen(number.reshape(n, 1 << d)), _frozen(whole))

    @classmethod
    def root(cls, d: int) -> Mesh:
        """The one cell of level 0."""
        return cls.of(0, np.zeros((1, d), dtype=np.int64))

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return int(self.cells.shape[1])

    def over_corners(self, combine: np.ufunc, nodal: NDArray[T]) -> NDArray[T]:
        """(n,): ``combine`` (maximum, minimum, logical_or) of a function of the nodes over the corners of each cell.

        >>> Mesh.of(1, np.array([[0], [1]])).over_corners(np.maximum, np.array([3.0, 1.0, 2.0])).tolist()
        [3.0, 2.0]
        """
        out = np.empty(len(self.cells), dtype=nodal.dtype)
        for part in _portions(*self.corner_node.shape):
            first, *others = self.corner_node[part].T
            value = nodal[first]
            for corner in others:
                combine(value, nodal[corner], out=value)
            out[part] = value
        return out

    def scatter_max(self, per_corner: FloatArray, start: float = 0.0) -> FloatArray:
        """(m,): for each node the largest value that one of its cells gives it, at least ``start``."""
        out = np.full(len(self.nodes), start)
        for node, value in self._by_corner(per_corner):
            out[node] = np.maximum(out[node], value)
        return out

    def scatter_all(self, per_corner: BoolArray) -> BoolArray:
        """(m,): for each node whether every one of its cells says True."""
        out = np.ones(len(self.nodes), dtype=np.bool_)
        for node, value in self._by_corner(per_corner):
            out[node] &= value
        return out

    def first_cell_value(self, per_corner: FloatArray) -> FloatArray:
        """(m,): a function of the nodes from its copies (n, 2^d) at the corners of the cells."""
        out = np.empty(len(self.nodes))
        out[self.corner_node] = per_corner
        return out

    def _by_corner(self, per_corner: NDArray[T]) -> Iterator[tuple[NDArray[np.intp], NDArray[T]]]:
        """Node numbers and values of a portion of the cells, corner by corner; so that no node occurs twice."""
        for part in _portions(*per_corner.shape):
            for corner in range(per_corner.shape[1]):
                yield self.corner_node[part, corner], per_corner[part, corner]


def _portions(rows: int, size: int, most: int = PORTION) -> list[slice]:
    """Slices of the rows of an array with so many entries each, at most ``most`` entries in a slice."""
    step = max(1, most // size)
    return [slice(start, start + step) for start in range(0, rows, step)]


def _corner_keys(level: int, cells: IntArray) -> IntArray:
    """Keys (n * 2^d,) of the corners of cells; packing bit by bit is linear, as a node index fits its bits."""
    d = cells.shape[1]
    if _fits(level, d):
        of_cells, of_corners = pack(level, cells, corners(d))
        return (of_cells[:, None] + of_corners[None, :]).ravel()
    return pack(level, (cells[:, None, :] + corners(d)[None, :, :]).reshape(-1, d))[0]


def _key_count(level: int, d: int) -> int:
    """Number of keys that :func:`pack` can give where it packs bit by bit."""
    return 1 << d * (level + 1)


def _number_corners(level: int, cells: IntArray) -> tuple[IntArray, NDArray[np.intp]]:
    """The distinct corners of the cells in lexicographic order, and the number of each corner (n * 2^d,) among them."""
    d, keys = cells.shape[1], _corner_keys(level, cells)
    if _is_dense(level, d, len(keys)):
        distinct = _distinct(keys, level, d)
        place = np.empty(_key_count(level, d), dtype=np.intp)
        place[distinct] = np.arange(len(distinct))
        return _unpack(distinct, level, d), place[keys]
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    return cells[first >> d] + corners(d)[first & (1 << d) - 1], number


def _fits(level: int, d: int) -> bool:
    """Whether node indices of this level can be packed bit by bit."""
    return d * (level + 1) <= 62


def _is_dense(level: int, d: int, count: int) -> bool:
    """Whether a table over all keys is no larger than it should be; keys are then packed bit by bit."""
    return _key_count(level, d) <= DENSE * count


def _distinct(keys: IntArray, level: int, d: int) -> IntArray:
    """The distinct keys in rising order, of keys that are packed bit by bit."""
    if not _is_dense(level, d, len(keys)):
        return np.unique(keys)
    table = np.zeros(_key_count(level, d), dtype=np.bool_)
    table[keys] = True
    return np.flatnonzero(table)


def _unpack(keys: IntArray, level: int, d: int) -> IntArray:
    """The rows of keys that were packed bit by bit.

    >>> _unpack(np.array([1, 32]), 2, 2).tolist()
    [[0, 1], [4, 0]]
    """
    shifts = (level + 1) * np.arange(d - 1, -1, -1)
    return np.asarray(keys[:, None] >> shifts & (2 << level) - 1)


def _frozen(array: NDArray[T]) -> NDArray[T]:
    array.setflags(write=False)
    return array
