"""Files as sources of targets: arrays, tables, images, and functions in a user's own Python file.

``data.npy``, ``data.npz:name``, ``table.csv`` and images hold samples; nothing in them is executed.
``module.py:f`` names a function in a file whose code is run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import OptionError
from mgdl_theory.targets.calling import foreign, raised

__all__ = ["CHANNELS", "IMAGES", "is_data", "is_function", "read_data", "read_functions"]

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
"""Definition: endings of images."""

TABLES = (".csv", ".tsv")
"""Definition: endings of tables of plain numbers."""

CHANNELS = {"luminance": (0.299, 0.587, 0.114), "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
"""Definition: weights of red, green and blue; those of luminance are the ones of ITU-R BT.601."""

_MEMBER = re.compile(r"(?P<file>.+\.npz)(:(?P<member>[^:]+))?", re.IGNORECASE)
_FUNCTION = re.compile(r"(?P<file>.+\.py)(:(?P<member>\w+))?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)


def is_data(source: str) -> bool:
    """Whether this names a file of samples, by its ending.

    >>> is_data("terrain.npz:elevation"), is_data("sin(x)")
    (True, False)
    """
    return source.lower().endswith((".npy", *TABLES, *IMAGES)) or bool(_MEMBER.fullmatch(source))


def is_function(source: str) -> bool:
    """Whether this names a function in a Python file.

    >>> is_function("my_module.py:f")
    True
    """
    return bool(_FUNCTION.fullmatch(source))


def read_data(source: str, channel: str | None = None) -> tuple[NDArray[Any], str]:
    """(array, name) of a file of samples.

    An image becomes an array whose first axis runs to the right and whose second axis runs up.  A table of one
    column is a row of samples on a uniform grid; rows and columns of a larger table are the two axes of a grid.

    Parameters
    ----------
    source : str
        ``*.npy``, ``*.npz`` (``*.npz:name`` where it holds several arrays), ``*.csv``, ``*.tsv`` or an image.
    channel : str
        Of a colour image: luminance (default), red, green or blue.

    Raises
    ------
    OptionError
        If there is no such file, or it does not hold what its ending says; names the place.
    """
    image = source.lower().endswith(IMAGES)
    if channel is not None and not image:
        raise OptionError(f"--channel: only an image has channels, not {source!r}")
    path = _existing(source if not (found := _MEMBER.fullmatch(source)) else found["file"])
    name = path.name
    try:
        if image:
            array, said = _image(path, channel)
            return array, f"{name}, {said}" if said else name
        if path.suffix.lower() in TABLES:
            return _table(path), name
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded, name
        with loaded:
            return _member(loaded, name, found["member"] if found else None)
    except OptionError:
        raise
    except (OSError, ValueError, EOFError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        raise OptionError(f"{source!r} cannot be read: {error}") from None


def _member(loaded: Any, name: str, member: str | None) -> tuple[NDArray[Any], str]:
    """The array that was named, or the only one that is not a single number."""
    arrays = [member] if member is not None else [key for key in loaded.files if loaded[key].ndim]
    if len(arrays) != 1:
        raise OptionError(f"{name} holds the arrays {', '.join(arrays) or 'none'}; name one as {name}:NAME")
    if arrays[0] not in loaded.files:
        raise OptionError(f"{name} has no array {arrays[0]!r}; it holds {', '.join(loaded.files)}")
    return loaded[arrays[0]], f"{name}:{arrays[0]}"


def _existing(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise OptionError(f"there is no file {name!r}")
    return path


# -- images ----------------------------------------------------------------------------------------


def _image(path: Path, channel: str | None) -> tuple[NDArray[Any], str]:
    """The pixels as samples, with the name of the channel of a colour image."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            frames = getattr(image, "n_frames", 1)
            if image.mode == "LA":
                pixels = np.asarray(image)[..., 0]
            elif image.mode in ("1", "L", "F") or image.mode.startswith("I"):
                pixels = np.asarray(image)
            else:
                pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise OptionError(f"{str(path)!r} is not an image that can be read: {error}") from None
    if frames != 1:
        raise OptionError(f"{str(path)!r} holds {frames} images; save one of them by itself")
    if pixels.ndim == 2:
        if channel is not None:
            raise OptionError(f"--channel: {str(path)!r} is a grey image and has no {channel[:40]}")
        return np.ascontiguousarray(pixels[::-1].T), ""
    chosen = channel or "luminance"
    if chosen not in CHANNELS:
        raise OptionError(f"--channel: expected one of {', '.join(CHANNELS)}, got {chosen[:40]!r}")
    red, green, blue = (pixels[..., k].astype(np.float64) for k in range(3))
    weights = CHANNELS[chosen]
    return np.ascontiguousarray((weights[0] * red + weights[1] * green + weights[2] * blue)[::-1].T), chosen


# -- tables ----------------------------------------------------------------------------------------


def _table(path: Path) -> NDArray[np.float64]:
    """The numbers of a table; a first line without any number is a header."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise OptionError(f"{str(path)!r} is not a text file in UTF-8: {error}") from None
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise OptionError(f"{str(path)!r} is empty")
    separator = next((mark for mark in ("\t", ";", ",") if mark in rows[-1][1]), None)
    fields = [(number, [field.strip() for field in line.split(separator)]) for number, line in rows]
    if not any(_NUMBER.fullmatch(field) for field in fields[0][1]):
        fields = fields[1:]
    width = len(fields[0][1]) if fields else 0
    for number, row in fields:
        if len(row) != width:
            raise OptionError(
                f"{str(path)!r}, line {number}: {len(row)} columns, but {width} in the first line of numbers"
            )
        wrong = next((field for field in row if not _NUMBER.fullmatch(field)), None)
        if wrong is not None:
            hint = " (decimals need a point)" if "," in wrong else ""
            raise OptionError(f"{str(path)!r}, line {number}: {wrong[:40]!r} is not a number{hint}")
    if len(fields) < 2:
        raise OptionError(f"{str(path)!r}: expected at least two lines of numbers; write samples as one column")
    if width in (2, 3):
        raise OptionError(
            f"{str(path)!r}: {width} columns may be coordinates with values, or a grid; "
            "keep one column of values on a uniform grid, or save the grid as .npy"
        )
    numbers = np.array([[float(field) for field in row] for _, row in fields])
    return numbers[:, 0] if width == 1 else numbers


# -- functions -------------------------------------------------------------------------------------


def read_functions(
    source: str, modulus: str | None = None, mp: str | None = None
) -> tuple[Callable[..., Any], Callable[..., Any] | None, Callable[..., Any] | None]:
    """The function that ``module.py:f`` names, and two more of the same file by their names; runs the file's code.

    Raises
    ------
    OptionError
        If there is no such file or function, or its code raises an exception.
    """
    found = _FUNCTION.fullmatch(source)
    assert found is not None
    path = _existing(found["file"])
    if found["member"] is None:
        raise OptionError(f"{source!r}: name the function too, as {path.name}:f")
    module = _run(path)

    def named(name: str) -> Callable[..., Any]:
        function: Callable[..., Any] | None = getattr(module, name, None)
        if not callable(function):
            raise OptionError(f"{str(path)!r} defines no function {name[:60]!r}")
        return function

    return named(found["member"]), named(modulus) if modulus else None, named(mp) if mp else None


def _run(path: Path) -> Any:
    """The module that the file defines; modules beside it can be imported from it."""
    name = re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(f"mgdl_theory_user_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = os.fspath(path.resolve().parent)
    sys.path.insert(0, folder)
    sys.modules[spec.name] = module
    try:
        with foreign():
            spec.loader.exec_module(module)
    except BaseException as error:  # the code of the file may raise anything, or exit
        if isinstance(error, KeyboardInterrupt) and not raised(error):
            raise
        raise OptionError(f"{str(path)!r} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    return module
