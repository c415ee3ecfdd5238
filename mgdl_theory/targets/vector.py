"""A vector-valued target f = (f_1, ..., f_m): scalar targets of the same variables on one box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError, TargetError, shown
from mgdl_theory.targets.base import Box, FloatArray, Target


@dataclass(frozen=True)
class VectorTarget:
    """A continuous function from a box to R^m.

    Attributes
    ----------
    components : tuple of Target
        f_1, ..., f_m, all on the same box.

    >>> f = VectorTarget.of(["x", "x**2"])
    >>> len(f), f.text, f([[0.5]]).tolist()
    (2, 'x; x**2', [[0.5, 0.25]])
    """

    components: tuple[Target, ...]

    def __post_init__(self) -> None:
        if not self.components:
            raise TargetError("a vector target needs at least one component")
        for k, f in enumerate(self.components, 1):
            if not _has(f, "defects"):
                raise TargetError(f"component {k}: expected a formula or a scalar target, got {shown(f)}")
            if f.box != self.box:
                raise TargetError(f"component {k} ({f.text}) lives on another domain than component 1")

    @classmethod
    def of(
        cls,
        sources: Sequence[Any],
        domain: Sequence[Any] | None = None,
        *,
        variables: Sequence[str] | None = None,
        engine: str = "numpy",
    ) -> VectorTarget:
        """The vector of formulas and scalar targets.

        Formulas have as many variables as the component that has most, and the box of the first target among
        them where no domain is given.

        Raises
        ------
        ExpressionError, DomainError, TargetError
            As for a single formula; or where a component has another domain than the first.

        >>> VectorTarget.of(["x", "x*y"]).dim
        2
        """
        from mgdl_theory.targets.formula.domain import over_gaps
        from mgdl_theory.targets.formula.parser import parse
        from mgdl_theory.targets.formula.target import ExpressionTarget, skipped

        boxes = [source.box for source in sources if _has(source, "defects")]
        texts = [source for source in sources if isinstance(source, str)]
        dim = max([parse(text, variables, alone=False).dim for text in texts] + [box.dim for box in boxes], default=1)
        box = boxes[0] if boxes else Box.of([0, 1], dim)
        if domain is not None:
            box = Box.of(domain, dim if len(domain) == 2 else None)
        components = []
        for source in sources:
            if isinstance(source, str):
                formula = over_gaps(ExpressionTarget(source, box, engine, variables=variables))
                source = formula
            components.append(source)
        formulas = [f for f in components if isinstance(f, ExpressionTarget)]
        if formulas and not boxes and variables is None and (domain is None or len(domain) == 2):
            formulas[0].notes += skipped(formulas)
        vector = cls(tuple(components))
        if vector.box != box:
            raise TargetError(f"component 1 ({vector.components[0].text}) lives on another domain than the one given")
        return vector

    @property
    def box(self) -> Box:
        """The domain of every component."""
        return self.components[0].box

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.box.dim

    @property
    def text(self) -> str:
        """The components, separated by semicolons."""
        return "; ".join(f.text for f in self.components)

    @property
    def certified(self) -> bool:
        """Whether a claim about every component can be proved."""
        return all(f.certified for f in self.components)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of how the components were read."""
        return tuple(note for f in self.components for note in getattr(f, "notes", ()))

    def __len__(self) -> int:
        return len(self.components)

    def __call__(self, x: Any) -> FloatArray:
        """Approximate values (n, m) at points (n, d) or (n,) of the box."""
        return np.stack([f(x) for f in self.components], axis=-1)

    def describe(self) -> dict[str, Any]:
        """The description of every component."""
        return {"kind": "vector", "components": [f.describe() for f in self.components]}


def _has(f: Any, method: str) -> bool:
    """Whether an object has a method, as far as it can be asked."""
    try:
        return callable(getattr(f, method, None))
    except Exception:  # noqa: BLE001 - an object of somebody else may raise anything
        return False


def per_component(value: Any, count: int, name: str) -> list[Any]:
    """An option that is given once for all components, or as a list or tuple of one for each.

    >>> per_component(0.1, 2, "tol"), per_component([1, 2], 2, "tol")
    ([0.1, 0.1], [1, 2])
    """
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise OptionError(f"{name}: expected one value, or one for each of the {count} components, got {len(value)}")
    return list(value)
