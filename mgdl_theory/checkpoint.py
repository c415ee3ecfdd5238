"""Checkpoints: arrays under a heading that says which run they belong to, as one file without objects of Python."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import Archive, whole
from mgdl_theory.errors import MgdlError, OptionError
from mgdl_theory.files import write_atomic

__all__ = ["FORMAT", "load", "malformed", "save", "versions"]

FORMAT = "mgdl-theory-checkpoint 1"
"""Definition: what the heading says of the form of the file."""

HEADING = "heading"
"""Definition: the array that holds the heading, JSON in UTF-8."""

MAX_HEADING = 1 << 20
"""Definition: bytes of a heading at most."""


def save(path: str | os.PathLike[str], heading: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the file, whole or not at all; an old one survives any failure.

    Raises
    ------
    OptionError
        If it cannot be written.
    """
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(_complete(heading)).encode(), dtype=np.uint8)
    everything: dict[str, Any] = {HEADING: text, **arrays}
    np.savez(buffer, **everything)
    try:
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        raise OptionError(f"checkpoint: {os.fspath(path)!r} cannot be written: {error.strerror or error}") from None


def load(path: str | os.PathLike[str], heading: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The arrays of the file that was saved under this heading.

    Raises
    ------
    OptionError
        If there is no such file, it is damaged, or it has another heading; names what differs.
    """
    name = os.fspath(path)
    try:
        raw = whole(path)
    except OptionError as error:
        raise OptionError(f"checkpoint: {name!r} cannot be read: {error}") from None
    try:
        arrays = dict(Archive(raw, len(raw)))  # save compresses nothing
        text = arrays.pop(HEADING)
        if text.dtype != np.uint8 or text.ndim != 1 or len(text) > MAX_HEADING:
            raise malformed(name)
        found = {str(key): str(value) for key, value in json.loads(text.tobytes().decode()).items()}
    except (MgdlError, ValueError, LookupError, AttributeError, RecursionError):  # of the archive; of the heading
        raise malformed(name) from None
    for key, wanted in _complete(heading).items():
        if found.get(key) != wanted:
            raise OptionError(
                f"checkpoint: {name!r} belongs to another run: there {key} is {str(found.get(key))[:80]}, "
                f"here {wanted[:80]}; take another file, or the options of that run"
            )
    if len(found) != len(_complete(heading)):
        raise malformed(name)
    return arrays


def malformed(path: str | os.PathLike[str]) -> OptionError:
    """The error for a file that holds no such thing.

    >>> print(malformed("run.npz"))
    checkpoint: 'run.npz' is damaged or no checkpoint; remove it to start anew
    """
    return OptionError(f"checkpoint: {os.fspath(path)!r} is damaged or no checkpoint; remove it to start anew")


def _complete(heading: Mapping[str, str]) -> dict[str, str]:
    """With what every run depends on: other versions may choose other grades or round otherwise."""
    return {"format": FORMAT, **versions(), **heading}


def versions() -> dict[str, str]:
    """Of this package and of NumPy, on which the last bits of enclosures depend."""
    package = sys.modules[__name__.partition(".")[0]]
    return {"version": str(package.__version__), "NumPy": np.__version__}
