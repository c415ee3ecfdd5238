"""Files as sources of targets: arrays, tables, images, and functions in a user's own Python file.

``data.npy``, ``data.npz:name``, ``table.csv`` and images hold samples; nothing in them is executed.
``module.py:f`` names a function in a file whose code is run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from mgdl_theory.archive import MEMORY, Archive, read_npy, whole
from mgdl_theory.errors import OptionError, told
from mgdl_theory.targets.caller import foreign, raised
from mgdl_theory.targets.images import CHANNELS, IMAGES, read_image
from mgdl_theory.targets.tables import TABLES, read_table

__all__ = ["CHANNELS", "IMAGES", "Found", "is_data", "is_function", "read_data", "read_functions"]

_MEMBER = re.compile(r"(?P<file>.+\.npz)(:(?P<member>[^:]+))?", re.IGNORECASE)
_FUNCTION = re.compile(r"(?P<file>.+\.py)(:(?P<member>\w+))?")


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


class Found(NamedTuple):
    """What a file of samples holds.

    Attributes
    ----------
    array : array
    name : str
    notes : tuple of str
        What was made of a file that may mean something else, one line each.
    """

    array: NDArray[Any]
    name: str
    notes: tuple[str, ...] = ()


def read_data(source: str, channel: str | None = None, limit: int = MEMORY) -> Found:
    """The array in a file of samples, with its name and what is to be said of it.

    An image becomes an array whose first axis runs to the right and whose second axis runs up.  A table of one
    column is a row of samples on a uniform grid; rows and columns of a larger table are the two axes of a grid.

    Parameters
    ----------
    source : str
        ``*.npy``, ``*.npz`` (``*.npz:name`` where it holds several arrays), ``*.csv``, ``*.tsv`` or an image.
    channel : str
        Of a colour image: luminance (default), red, green or blue.
    limit : int
        Bytes that the array may take.

    Raises
    ------
    OptionError
        If there is no such file, or it does not hold what its ending says, or too much; names the place.
    """
    image = source.lower().endswith(IMAGES)
    if channel is not None and not image:
        raise OptionError(f"--channel: only an image has channels, not {source!r}")
    path = _existing(source if not (found := _MEMBER.fullmatch(source)) else found["file"])
    name = path.name
    try:
        if image:
            array, said, notes = read_image(path, channel, limit)
            return Found(array, f"{name}, {said}" if said else name, tuple(notes))
        if path.suffix.lower() in TABLES:
            array, notes = read_table(path, limit)
            return Found(array, name, tuple(notes))
        if path.suffix.lower() == ".npz":
            return _member(Archive(whole(path), limit), name, found["member"] if found else None)
        with open(path, "rb") as file:
            return Found(read_npy(file, os.fstat(file.fileno()).st_size, limit), name)
    except OSError as error:
        raise OptionError(f"{source!r} cannot be read: {error.strerror or error}") from None
    except OptionError as error:
        text = str(error)
        raise OptionError(text if name in text or "--" in text else f"{source!r} cannot be read: {text}") from None


def _member(archive: Archive, name: str, member: str | None) -> Found:
    """The array that was named, or the only one that is not a single number."""
    arrays = [member] if member is not None else [key for key in archive if archive.shape(key)]
    if len(arrays) != 1:
        raise OptionError(f"{name} holds the arrays {_named(arrays)}; name one as {name}:NAME")
    if arrays[0] not in archive:
        raise OptionError(f"{name} has no array {arrays[0][:60]!r}; it holds {_named(list(archive))}")
    others = [key for key in (*archive, *archive.others) if key != arrays[0]]
    notes = (f"beside {arrays[0]!r}, {_named(others)} in the file are not looked at",) if others else ()
    return Found(archive[arrays[0]], f"{name}:{arrays[0]}", notes if member is None else ())


def _named(names: list[str]) -> str:
    return ", ".join(map(repr, names))[:200] or "none"


def _existing(name: str) -> Path:
    path = Path(name)
    try:
        if path.is_file():
            return path
    except OSError:  # a name that no file can have
        pass
    raise OptionError(f"there is no file {name!r}")


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
        raise OptionError(f"{str(path)!r} cannot be run: {told(error)}") from error
    finally:
        sys.path.remove(folder)
    return module
