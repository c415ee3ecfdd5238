"""Constructive proof verifier for multigrade ReLU approximation.

The pipeline is the theorem read aloud::

    target -> mesh -> atoms -> balanced contraction -> grade -> scheme -> network -> verdicts -> certificate

>>> import mgdl_theory as mg
>>> f = mg.target("x**2 - 0.3")
>>> scheme = mg.construct(f, tol=1e-2)
>>> print(mg.verify(scheme).verdict)
PROVED
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__version__ = "0.2.0"


def _names() -> dict[str, str]:
    """Public name -> module, from the stub beside this file: a line ``from MODULE import NAME as NAME`` for each."""
    with open(os.path.join(__path__[0], "__init__.pyi"), encoding="utf-8") as stub:
        lines = [line.split() for line in stub if line.startswith("from ")]
    return {line[3]: line[1] for line in lines}


_HOME = _names()
_OLD = {"network": ("mgdl_theory.relu.compile", "compile_network", "scheme.network()")}
"""Names of version 0.1 that go with version 0.3: where the thing is now, and what to write."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """The public names and the modules, loaded when they are first asked for: the command line starts sooner so."""
    if name in _HOME:
        globals()[name] = found = getattr(import_module(_HOME[name]), name)
        return found
    if name in _OLD:
        module, thing, new = _OLD[name]
        warnings.warn(f"mgdl_theory.{name} is now {new}", DeprecationWarning, stacklevel=2)
        return getattr(import_module(module), thing)
    if not name.startswith("_") and find_spec(f"mgdl_theory.{name}"):
        return import_module(f"mgdl_theory.{name}")
    raise AttributeError(f"module 'mgdl_theory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
