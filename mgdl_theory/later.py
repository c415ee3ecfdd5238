"""Methods that a layer above defines: the package, which knows all layers, finds them when they are called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["later"]


def later(name: str) -> Callable[..., Any]:
    """A method that is the function of this name of the package."""

    def method(record: Any, *args: Any, **options: Any) -> Any:
        return getattr(sys.modules[__name__.partition(".")[0]], name)(record, *args, **options)

    return method
