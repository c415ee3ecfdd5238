"""Schemes of a vector-valued target: one scalar scheme per component, the hats of a grade built once for all.

A hat phi_{l,v} does not depend on what it is multiplied by.  So the network of m schemes on one box needs each hat
once, with a vector of m coefficients, and everything that is proved of the components one by one holds of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mgdl_theory.atom import Atoms, Hats
from mgdl_theory.errors import OptionError, SchemeError
from mgdl_theory.grade import Grade
from mgdl_theory.mesh import pack, unique_rows
from mgdl_theory.scheme import Scheme, grade_depth
from mgdl_theory.targets.base import FloatArray, IntArray
from mgdl_theory.targets.vector import VectorTarget

if TYPE_CHECKING:
    from mgdl_theory.relu.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class VectorAtoms(Hats):
    """The function sum_v c_v phi_{l,v} with vectors c_v: the atoms that one grade of some components has in all.

    Attributes
    ----------
    level : int
    nodes : int64 (n, d)
        Nodes of the atoms of any component, each once, in lexicographic order.
    coefficients : float64 (n, m)
        0 where a component has no atom at the node.
    """

    level: int
    nodes: IntArray
    coefficients: FloatArray

    @classmethod
    def of(cls, parts: Sequence[Atoms]) -> VectorAtoms:
        """The union of the atoms of one level.

        >>> g = VectorAtoms.of([Atoms(1, [[0], [1]], [3.0, 4.0]), Atoms(1, [[1], [2]], [5.0, 6.0])])
        >>> g.nodes.ravel().tolist(), g.coefficients.tolist()
        ([0, 1, 2], [[3.0, 0.0], [4.0, 5.0], [0.0, 6.0]])
        """
        level = parts[0].level
        nodes = unique_rows(np.concatenate([part.nodes for part in parts]), level)
        keys, *own = pack(level, nodes, *(part.nodes for part in parts))
        coefficients = np.zeros((len(nodes), len(parts)))
        for j, (part, places) in enumerate(zip(parts, own, strict=True)):
            coefficients[np.searchsorted(keys, places), j] = part.coefficients
        nodes.setflags(write=False)
        coefficients.setflags(write=False)
        return cls(level, nodes, coefficients)

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True)
class VectorScheme:
    """A multigrade scheme whose values are vectors: the components have their grades in common.

    Attributes
    ----------
    components : tuple of Scheme
        One per component, on one box, with as many grades and the same levels; a grade may have no atom.

    >>> from mgdl_theory.targets import target
    >>> f = target("x")
    >>> both = VectorScheme.of([Scheme.of(f, 0.0, [Atoms(l, [[0]], [1.0])], 1.0) for l in (0, 1)])
    >>> [len(g) for g in both.grades], [[len(g) for g in part.grades] for part in both.components]
    ([1, 1], [[1, 0], [0, 1]])
    """

    components: tuple[Scheme, ...]

    def __post_init__(self) -> None:
        if not self.components:
            raise SchemeError("a vector scheme needs at least one component")
        levels = [[grade.level for grade in part.grades] for part in self.components]
        if any(other != levels[0] for other in levels):
            raise SchemeError(f"vector scheme: the grades of the components have different levels: {levels}")
        _ = self.target  # its components must live on one box

    @classmethod
    def of(cls, schemes: Sequence[Scheme]) -> VectorScheme:
        """The schemes with grades without atoms where needed, so that the n-th grade of a level is the same for all."""
        counts = [Counter(grade.level for grade in scheme.grades if len(grade)) for scheme in schemes]
        most = {level: max(count[level] for count in counts) for count in counts for level in count}
        return cls(tuple(_padded(scheme, most) for scheme in schemes))

    @property
    def target(self) -> VectorTarget:
        """The targets of the components."""
        return VectorTarget(tuple(part.target for part in self.components))

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.components[0].dim

    @property
    def lift(self) -> tuple[float, ...]:
        """The constants of grade 0."""
        return tuple(part.lift for part in self.components)

    @property
    def tol(self) -> tuple[float, ...]:
        """The sup-norms that were asked for."""
        return tuple(part.tol for part in self.components)

    @property
    def complete(self) -> bool:
        """Whether the builder reached the tolerance of every component; a claim of the builder."""
        return all(part.complete for part in self.components)

    @property
    def reason(self) -> str:
        """Why the construction stopped, for the first component that is not complete."""
        return next((part.reason for part in self.components if not part.complete), self.components[0].reason)

    @cached_property
    def grades(self) -> tuple[VectorAtoms, ...]:
        """The atoms of every grade."""
        rows = zip(*(part.grades for part in self.components), strict=True)
        return tuple(VectorAtoms.of([grade.atoms for grade in row]) for row in rows)

    @property
    def atoms(self) -> int:
        """Number of hats: an atom that several components have at the same place of one grade counts once."""
        return sum(len(grade) for grade in self.grades)

    @property
    def depth(self) -> int:
        """Hidden layers of the network of all grades."""
        return grade_depth(self.dim, self.atoms)

    def __len__(self) -> int:
        return len(self.components)

    def network(self, granularity: str = "block", gadget: str = "wide") -> Network:
        """The one network of all components, which have their hats in common (Proposition 5, for vectors)."""
        from mgdl_theory.relu.compile import compile_network

        return compile_network(self, granularity, gadget)

    def prefix(self, k: int) -> VectorScheme:
        """The scheme of the first k grades."""
        return VectorScheme(tuple(part.prefix(k) for part in self.components))

    def __call__(self, x: Any, grade: int | None = None) -> FloatArray:
        """The approximant (n, m) after a grade (all by default) at points x (n, d) or (n,), in floating point."""
        return np.stack([part(x, grade) for part in self.components], axis=1)

    def steps(self, x: Any) -> list[FloatArray]:
        """The approximants (n, m) after grade 0, 1, ..., K at points x (n, d) or (n,), in floating point."""
        parts = zip(*(part.steps(x) for part in self.components), strict=True)
        return [np.stack(values, axis=1) for values in parts]

    def residual(self, x: Any, grade: int | None = None) -> FloatArray:
        """The residual (n, m) after a grade at points x (n, d) or (n,), in floating point."""
        return np.stack([part.residual(x, grade) for part in self.components], axis=1)

    def exact(self, point: Sequence[Fraction], grade: int | None = None) -> tuple[Fraction, ...]:
        """The approximant after a grade at one rational point of the box, exactly."""
        return tuple(part.exact(point, grade) for part in self.components)


def require_scalar(record: object, what: str) -> None:
    """Refuse a vector scheme or report where there is something for each of its components only.

    >>> from mgdl_theory.targets import target
    >>> require_scalar(VectorScheme((Scheme.of(target("x"), 0.0, [], 1.0),)), "ranges")
    Traceback (most recent call last):
    mgdl_theory.errors.OptionError: ranges: a VectorScheme has them by component; take its components[0], ...
    """
    if getattr(record, "components", (record,))[0] is not record:
        raise OptionError(f"{what}: a {type(record).__name__} has them by component; take its components[0], ...")


def _padded(scheme: Scheme, most: dict[int, int]) -> Scheme:
    """The scheme with ``most[level]`` grades of every level, the last of them without atoms."""
    parts: list[Atoms] = []
    for level in sorted(most):
        own = [grade.atoms for grade in scheme.grades if grade.level == level and len(grade)]
        empty = Atoms(level, np.zeros((0, scheme.dim), dtype=np.int64), np.zeros(0))
        parts += own + [empty] * (most[level] - len(own))
    return replace(scheme, grades=tuple(Grade(k, atoms) for k, atoms in enumerate(parts, 1)))
