"""The atom: a nodal hat of the Freudenthal triangulation, and sums of atoms of one level (theory.md, Section 1)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mgdl_theory.errors import SchemeError
from mgdl_theory.mesh import MAX_LEVEL, Mesh, mark_rows, pack, simplex_at
from mgdl_theory.targets.base import FloatArray, IntArray
from mgdl_theory.text import float_text

SMALLEST = 2.0**-1000
"""Definition: smallest magnitude of a coefficient, so that halving it at every level never underflows."""


def hat(t: ArrayLike) -> FloatArray:
    """phi(t) = ReLU(1 - max(0, t_1, ..., t_d) - max(0, -t_1, ..., -t_d)) at t (n, d), in units of h about the node.

    >>> hat([[0.0, 0.0], [0.5, 0.25], [0.5, -0.5]]).tolist()
    [1.0, 0.5, 0.0]
    """
    t = np.asarray(t, dtype=np.float64)
    above = np.maximum(t, 0.0).max(axis=1)
    below = np.maximum(-t, 0.0).max(axis=1)
    return np.asarray(np.maximum(1.0 - above - below, 0.0))


def hat_exact(t: list[Fraction]) -> Fraction:
    """The same formula in exact arithmetic, for one point.

    >>> hat_exact([Fraction(1, 3)])
    Fraction(2, 3)
    """
    zero = Fraction(0)
    return max(zero, 1 - max(zero, *t) - max(zero, *(-s for s in t)))


class Hats:
    """A number of hats, which may be 0: a grade without atoms is a grade, so that it must not count as false.

    >>> bool(Atoms(1, np.zeros((0, 1), dtype=int), []))
    Traceback (most recent call last):
    TypeError: Atoms: neither true nor false, for without atoms they are still there; ask for len() or `is not None`
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        raise TypeError(
            f"{type(self).__name__}: neither true nor false, for without atoms they are still there; "
            "ask for len() or `is not None`"
        )


@dataclass(frozen=True, slots=True)
class Atoms(Hats):
    """The function g = sum_v c_v phi_{l,v}: level, nodes and coefficients of the atoms of one grade.

    Attributes
    ----------
    level : int
    nodes : int64 (k, d), distinct, in lexicographic order, 0 <= index <= 2**level.
    coefficients : float64 (k,), of magnitude 2**-1000 to 2**1000, each exactly the dyadic number it denotes.

    >>> g = Atoms(1, np.array([[1]]), np.array([3.0]))
    >>> g(np.array([[0.25]])).tolist(), g.exact([Fraction(1, 3)])
    ([1.5], Fraction(2, 1))
    """

    level: int
    nodes: IntArray
    coefficients: FloatArray

    def __post_init__(self) -> None:
        if type(self.level) is not int or self.level not in range(MAX_LEVEL + 1):
            raise SchemeError(f"atoms: level must be an integer from 0 to {MAX_LEVEL}, got {self.level!r}")
        try:
            given, coefficients = np.asarray(self.nodes), np.array(self.coefficients, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SchemeError(f"atoms: nodes and coefficients must be arrays of numbers ({error})") from None
        if given.dtype.kind not in "iu" and given.size:
            raise SchemeError(f"atoms: node indices must be integers, got an array of {given.dtype}")
        nodes = np.array(given, dtype=np.int64)
        if nodes.ndim != 2 or not nodes.shape[1] or coefficients.shape != nodes.shape[:1]:
            raise SchemeError(
                f"atoms: expected nodes (k, d) and coefficients (k,), got {nodes.shape} and {coefficients.shape}"
            )
        if len(nodes) and (nodes.min() < 0 or nodes.max() > 1 << self.level):
            raise SchemeError(f"atoms: node indices of level {self.level} run from 0 to {1 << self.level}")
        if not np.all((np.abs(coefficients) >= SMALLEST) & (np.abs(coefficients) <= 1 / SMALLEST)):
            raise SchemeError(
                f"atoms: coefficients must be finite, not 0, and of magnitude {float_text(SMALLEST)} or more"
            )
        if len(nodes):
            keys = pack(self.level, nodes)[0]
            if not np.all(keys[1:] > keys[:-1]):
                order = np.argsort(keys, kind="stable")
                nodes, coefficients, keys = nodes[order], coefficients[order], keys[order]
            if np.any(keys[1:] == keys[:-1]):
                raise SchemeError("atoms: a node occurs twice in one grade")
        nodes.setflags(write=False)
        coefficients.setflags(write=False)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "coefficients", coefficients)

    def __len__(self) -> int:
        return len(self.coefficients)

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return int(self.nodes.shape[1])

    def at_nodes(self, mesh: Mesh) -> FloatArray:
        """(m,): g at the nodes of a mesh of the same level; exact."""
        return self.at(mesh.nodes)

    def at(self, nodes: IntArray) -> FloatArray:
        """(m,): g at nodes (m, d) of the same level, in any order; exact."""
        here, wanted = pack(self.level, self.nodes, nodes)
        place = np.minimum(np.searchsorted(here, wanted), max(len(here) - 1, 0))
        return np.where(here[place] == wanted, self.coefficients[place], 0.0) if len(here) else np.zeros(len(wanted))

    def is_inside(self, mesh: Mesh) -> bool:
        """Whether the whole star of every atom lies in the cells of the mesh."""
        whole = mark_rows(self.nodes, mesh.nodes[mesh.star_is_whole], self.level)
        return bool(np.all(whole))

    def __call__(self, t: FloatArray) -> FloatArray:
        """(n,): g at unit coordinates t (n, d), in floating point."""
        vertices, weights = simplex_at(t, self.level)
        n, size, d = vertices.shape
        return np.asarray((self.at(vertices.reshape(-1, d)).reshape(n, size) * weights).sum(axis=1))

    def exact(self, t: list[Fraction]) -> Fraction:
        """g at one point with rational unit coordinates, by the hat formula in exact arithmetic."""
        scaled = [s * (1 << self.level) for s in t]
        cell = np.array([min(int(s), (1 << self.level) - 1) for s in scaled])
        first = self.nodes[:, 0]  # sorted
        part = slice(bisect_left(first, cell[0]), bisect_right(first, cell[0] + 1))
        near = np.all((self.nodes[part] >= cell) & (self.nodes[part] <= cell + 1), axis=1)  # corners of the cell
        return sum(
            (
                Fraction(c) * hat_exact([s - i for s, i in zip(scaled, node, strict=True)])
                for node, c in zip(self.nodes[part][near].tolist(), self.coefficients[part][near].tolist(), strict=True)
            ),
            Fraction(0),
        )

    def single(self, k: int) -> Atoms:
        """The k-th atom alone: a unit grade."""
        return Atoms(self.level, self.nodes[k : k + 1], self.coefficients[k : k + 1])

    def describe(self) -> dict[str, Any]:
        """Level, node indices and exact coefficients as plain numbers."""
        return {
            "level": self.level,
            "nodes": self.nodes.tolist(),
            "coefficients": [list(c.as_integer_ratio()) for c in self.coefficients.tolist()],
        }
