"""The frozen fold of grades: evaluate it, its residual after every grade, its shape as a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np

from mgdl_theory.atom import Atoms
from mgdl_theory.errors import SchemeError
from mgdl_theory.grade import Grade
from mgdl_theory.mesh import MAX_LEVEL
from mgdl_theory.targets.base import FloatArray, Target

if TYPE_CHECKING:
    from mgdl_theory.certificate.schema import Certificate
    from mgdl_theory.relu.network import Network


def unit_width(d: int) -> int:
    """Width of the network of a unit grade: d carried coordinates and two running maxima (theory.md, Section 5).

    >>> unit_width(1), unit_width(2)
    (2, 4)
    """
    return 2 if d == 1 else d + 2


def block_width(d: int, components: int = 1) -> int:
    """Width of the network of a block grade: the channels of the atom and a running sum for every component.

    >>> block_width(2), block_width(2, 3)
    (5, 7)
    """
    return d + 2 + components


def grade_depth(d: int, atoms: int) -> int:
    """Hidden layers of a block grade that chains this many atoms.

    >>> grade_depth(2, 10)
    30
    """
    return (d + 1) * atoms


@runtime_checkable
class Approximation(Protocol):
    """Approximants with their target: a scheme, a vector scheme, or a trained model on its target.

    Whatever its grades are made of, it can be verified, and each of its components drawn and reported.
    """

    @property
    def target(self) -> Any:
        """What is approximated: a Target, or a VectorTarget."""

    @property
    def components(self) -> tuple[Approximation, ...]:
        """The scalar approximations that it consists of; of a scalar one, itself."""

    @property
    def dim(self) -> int:
        """Number of variables d."""

    @property
    def lift(self) -> Any:
        """The constant of grade 0; of a vector, one for each component."""

    @property
    def grades(self) -> Sequence[Any]:
        """The grades, of atoms or trained."""

    def prefix(self, k: int) -> Approximation:
        """The approximation of the first k grades."""

    def steps(self, x: Any) -> list[FloatArray]:
        """The approximants after grade 0, 1, ..., K at points x (n, d) or (n,), each (n,) or (n, m)."""

    def residual(self, x: Any, grade: int | None = None) -> FloatArray:
        """What a grade leaves of the target, the last one by default."""

    def __call__(self, x: Any, grade: int | None = None) -> FloatArray:
        """The approximant after a grade, by default the last one."""


@dataclass(frozen=True, slots=True)
class LevelRecord:
    """What the builder saw at one processed level; for display, no proof rests on it."""

    level: int
    cells: int
    atoms: int
    residual_sup_upper: float
    open_cells: int


@dataclass(frozen=True)
class Scheme:
    """A multigrade scheme: lift + g_1 + g_2 + ... with every earlier grade frozen.

    Attributes
    ----------
    target : Target
    lift : float
        The constant c0 of grade 0 (0.0 in plain mode); an exact dyadic number.
    grades : tuple of Grade
        Block grades in rising order of level.
    tol : float
        The sup-norm that was asked for, or the bound that was reached where none was.
    asked : bool
        Whether it was asked for; if not, nothing is claimed of it.
    complete : bool
        Whether the builder reached ``tol``; a claim of the builder, proved or not by ``verify``.
    reason : str
        Why it stopped.
    lift_reason : str
        What the lift is and why it was chosen.
    history : tuple of LevelRecord
    """

    target: Target
    lift: float
    grades: tuple[Grade, ...]
    tol: float
    complete: bool = True
    reason: str = ""
    lift_reason: str = ""
    history: tuple[LevelRecord, ...] = field(default=(), repr=False)
    asked: bool = True

    def __post_init__(self) -> None:
        if type(self.lift) is not float or not np.isfinite(self.lift):
            raise SchemeError(f"scheme: the lift must be a finite float, got {self.lift!r}")
        if type(self.tol) is not float or not 0 < self.tol < np.inf:
            raise SchemeError(f"scheme: tol must be a finite float greater than 0, got {self.tol!r}")
        if not all(type(r) is LevelRecord and type(r.level) is int and 0 <= r.level <= MAX_LEVEL for r in self.history):
            raise SchemeError(f"scheme: history: expected records of levels from 0 to {MAX_LEVEL}")
        levels = [grade.level for grade in self.grades]
        if levels != sorted(levels):
            raise SchemeError(f"scheme: grades must come in rising order of level, got {levels}")
        for k, grade in enumerate(self.grades, 1):
            if grade.number != k:
                raise SchemeError(f"scheme: grade {k} is numbered {grade.number}")
            if grade.atoms.dim != self.target.dim:
                raise SchemeError(f"scheme: grade {k} has atoms in dimension {grade.atoms.dim}, not {self.target.dim}")

    @classmethod
    def of(cls, target: Target, lift: float, atoms: Sequence[Atoms], tol: float, **more: Any) -> Scheme:
        """Scheme whose grades are these functions, in this order."""
        return cls(target, lift, tuple(Grade(k, g) for k, g in enumerate(atoms, 1)), tol, **more)

    @property
    def components(self) -> tuple[Self]:
        """The scheme itself, its only component."""
        return (self,)

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.target.dim

    @property
    def atoms(self) -> int:
        """Number of atoms of all grades."""
        return sum(len(grade) for grade in self.grades)

    @property
    def depth(self) -> int:
        """Hidden layers of the network of all grades."""
        return grade_depth(self.dim, self.atoms)

    def network(self, granularity: str = "block", gadget: str = "wide") -> Network:
        """The network that is this scheme, exactly, at every point (:func:`~mgdl_theory.relu.compile.compile_network`).

        >>> from mgdl_theory.targets.formula.target import ExpressionTarget
        >>> Scheme.of(ExpressionTarget("x"), 0.0, [Atoms(0, [[1]], [1.0])], tol=1.0).network().width
        4
        """
        from mgdl_theory.relu.compile import compile_network

        return compile_network(self, granularity, gadget)

    def certificate(self) -> Certificate:
        """The certificate of this scheme, which is verified first.

        Raises
        ------
        CertificateError
            If the target is not a formula.
        """
        from mgdl_theory.certificate.schema import certificate

        return certificate(self)

    def prefix(self, k: int) -> Scheme:
        """The scheme of the first k grades."""
        self._grade_count(k)
        return Scheme(
            self.target, self.lift, self.grades[:k], self.tol, False, f"first {k} grades", self.lift_reason,
            asked=self.asked,
        )  # fmt: skip

    def units(self) -> Iterator[Atoms]:
        """All unit grades in order: one atom each."""
        return (atom for grade in self.grades for atom in grade.units())

    def as_units(self) -> Scheme:
        """The same function as a scheme of unit grades (Proposition 2)."""
        return Scheme.of(
            self.target, self.lift, list(self.units()), self.tol, complete=self.complete, reason=self.reason,
            lift_reason=self.lift_reason, asked=self.asked,
        )  # fmt: skip

    def __call__(self, x: Any, grade: int | None = None) -> FloatArray:
        """The approximant after a grade (all by default) at points x (n, d) or (n,), in floating point."""
        t = self.target.box.units(x)
        total = np.full(len(t), self.lift)
        for part in self.grades[: self._grade_count(grade)]:
            total += part.atoms(t)
        return total

    def steps(self, x: Any) -> list[FloatArray]:
        """The approximants after grade 0, 1, ..., K at points x (n, d) or (n,), each (n,), in floating point.

        >>> from mgdl_theory.targets.formula.target import ExpressionTarget
        >>> scheme = Scheme.of(ExpressionTarget("x"), 0.5, [Atoms(0, [[1]], [1.0])], tol=1.0)
        >>> [g.tolist() for g in scheme.steps([0.0, 1.0])]
        [[0.5, 0.5], [0.5, 1.5]]
        """
        t = self.target.box.units(x)
        found = [np.full(len(t), self.lift)]
        for part in self.grades:
            found.append(found[-1] + part.atoms(t))
        return found

    def residual(self, x: Any, grade: int | None = None) -> FloatArray:
        """e_k = f - lift - g_1 - ... - g_k at points x (n, d) or (n,), in floating point; k = 0 is f - lift."""
        return np.asarray(self.target(x) - self(x, grade))

    def exact(self, point: Sequence[Fraction], grade: int | None = None) -> Fraction:
        """The approximant after a grade at one rational point of the box, exactly."""
        t = self.target.box.unit(point)
        parts = self.grades[: self._grade_count(grade)]
        return sum((part.atoms.exact(t) for part in parts), Fraction(self.lift))

    def _grade_count(self, grade: int | None) -> int:
        count = len(self.grades) if grade is None else grade
        if not 0 <= count <= len(self.grades):
            raise SchemeError(f"grade must be from 0 to {len(self.grades)}, got {grade}")
        return count
