"""What is approximated: values, enclosures and interpolation defects of f on the cells of a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mgdl_theory.targets.base import Box, Target

__all__ = ["target"]


def target(
    source: str,
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[str] | None = None,
    engine: str = "numpy",
) -> Target:
    """The target that a formula denotes, on a box.

    Parameters
    ----------
    source : str
        A formula in x, y, z, w or x1, ..., xd; it is parsed by an allow-list and never executed.
    domain : sequence
        ``lower, upper`` per variable, or one pair for all; numbers or exact strings; [0, 1]^d by default.
    variables : sequence of str
        Names of the variables in order, where the formula does not use all of them.
    engine : "numpy" or "crival"
        Interval arithmetic: NumPy under the declared error bounds, or correctly rounded.

    Raises
    ------
    ExpressionError, DomainError, TargetError
        For a formula outside the language, a malformed domain, a function that is undefined or unbounded.

    >>> f = target("x*y", domain=[0, 2])
    >>> f.dim, f([[0.5, 2.0]]).tolist()
    (2, [1.0])
    """
    from mgdl_theory.targets.definedness import require_defined
    from mgdl_theory.targets.expression import ExpressionTarget, parse

    box = None
    if domain is not None:
        box = Box.of(domain, parse(source, variables).dim if len(domain) == 2 else None)
    f = ExpressionTarget(source, box, engine, variables=variables)
    require_defined(f)
    return f
