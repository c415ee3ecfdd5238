"""Constructive proof verifier for multigrade ReLU approximation.

The pipeline is the theorem read aloud::

    target -> mesh -> atoms -> balanced contraction -> grade -> scheme -> network -> verdicts -> certificate

>>> import mgdl_theory as mg
>>> f = mg.target("x**2 - 0.3")
>>> scheme = mg.construct(f, tol=1e-2)
>>> print(mg.verify(scheme).verdict)
PROVED
"""

# ruff: noqa: F405 - the names come from public.py

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mgdl_theory.public import *  # noqa: F403

__version__ = "0.2.0"

__all__ = [
    "CLAIMS",
    "AssumptionError",
    "Atoms",
    "Box",
    "Budget",
    "BudgetError",
    "Certificate",
    "CertificateError",
    "Defects",
    "DomainError",
    "ExpressionError",
    "Grade",
    "MgdlError",
    "Network",
    "OptionError",
    "Report",
    "Result",
    "Scheme",
    "SchemeError",
    "Target",
    "TargetError",
    "UniformBall",
    "VectorReport",
    "VectorScheme",
    "VectorTarget",
    "Verdict",
    "Witness",
    "check_balanced",
    "check_on_grid",
    "construct",
    "hat",
    "is_balanced",
    "load_certificate",
    "load_scheme",
    "network",
    "plot",
    "soft_threshold",
    "target",
    "verify",
    "verify_network",
]

_METHODS = ("_certificate", "_save_report")
"""Names that methods of records ask for (``later.py``)."""


def __getattr__(name: str) -> Any:
    """The public names and the modules, loaded when they are first asked for: the command line starts sooner so."""
    if name in __all__ or name in _METHODS:
        public = import_module("mgdl_theory.public")
        globals().update({each: getattr(public, each) for each in (*__all__, *_METHODS)})
        return globals()[name]
    if not name.startswith("_") and find_spec(f"mgdl_theory.{name}"):
        return import_module(f"mgdl_theory.{name}")
    raise AttributeError(f"module 'mgdl_theory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """``construct`` and ``verify`` stand for the functions, not for the modules of these names."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
