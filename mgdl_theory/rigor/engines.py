"""Which interval arithmetic: the engines by name, once what they rest on has been looked at."""

from __future__ import annotations

from functools import cache

from mgdl_theory.errors import OptionError, shown
from mgdl_theory.rigor.interval import Engine
from mgdl_theory.rigor.rounding import check_arithmetic, self_check


def get_engine(name: str = "numpy") -> Engine:
    """The engine of this name; its assumptions are looked at first.

    >>> get_engine("numpy").name
    'numpy'
    """
    check_arithmetic()
    if not isinstance(name, str):
        raise OptionError(f"engine {shown(name)} is not known; choose 'numpy' or 'crival'")
    return _engine(name)


@cache
def _engine(name: str) -> Engine:
    if name == "numpy":
        from mgdl_theory.rigor.numpy_engine import NumpyEngine

        self_check()
        return NumpyEngine()
    if name == "crival":
        try:
            from mgdl_theory.rigor.crival_engine import CrivalEngine
        except (ImportError, OSError) as reason:
            raise OptionError(f"engine 'crival' cannot be used ({reason}); pip install mgdl-theory[crival]") from None
        return CrivalEngine()
    raise OptionError(f"engine {name[:40]!r} is not known; choose 'numpy' or 'crival'")
