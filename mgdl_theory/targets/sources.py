"""What a text denotes: a formula, a name of the gallery, several of these, or a file, all read by :func:`read`.

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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import MEMORY, Archive, read_npy, whole
from mgdl_theory.errors import OptionError, told
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.targets.caller import foreign, raised
from mgdl_theory.targets.constructors import from_formula, from_function, from_list, from_samples
from mgdl_theory.targets.containers import CONTAINERS, read_container
from mgdl_theory.targets.images import IMAGES, read_image
from mgdl_theory.targets.tables import TABLES, read_table

if TYPE_CHECKING:
    from mgdl_theory.targets.base import Target
    from mgdl_theory.targets.vector import VectorTarget

_MEMBER = re.compile(r"(?P<file>.+\.(npz|mat|nc|cdf))(:(?P<member>[^:]+))?", re.IGNORECASE)
_FILE = re.compile(r"[^;]*[^;0-9\s)]\.[A-Za-z][A-Za-z0-9]{1,5}(\.gz)?")
_FUNCTION = re.compile(r"(?P<file>.+\.py)(:(?P<member>\w+))?")


READ = (".npy", ".npz", *TABLES, *CONTAINERS, *IMAGES)
"""Definition: endings of files of samples."""

TOL, TOL_OF_FUNCTIONS, PART = "1e-4", "1e-2", 10
"""Definition: tolerances where none is given, of a formula and of a Python function; and the part of a data range."""


class Source(NamedTuple):
    """What a text denotes, and the tolerance to prove of it: the one given, or the usual one of its kind."""

    target: Target | VectorTarget
    tol: Any


@checked_arithmetic()
def read(
    source: str,
    domain: Any = None,
    *,
    tol: Any = None,
    engine: str = "numpy",
    variables: str | None = None,
    channel: str | None = None,
    limit: int = MEMORY,
    fill: float | None = None,
    **function: Any,
) -> Source:
    """The target that a text denotes; texts with semicolons are vectors.

    Parameters
    ----------
    source : str
        A formula, ``@NAME`` of the gallery, several of both separated by ``;``, a file of samples as for
        :func:`read_data`, or ``FILE.py:NAME``, a Python function, whose file is run.
    domain, engine
        As for ``mgdl_theory.target``.
    variables : str
        Names of the variables of formulas in order, with commas between them.
    tol : number or text
        Kept as it was given; a series has as many terms as it needs.
    channel : str
        Of a colour image: luminance (default), red, green or blue.
    limit : int
        Bytes that an array may take.
    fill : float
        Stands for cells without data, as for :func:`read_data`.
    **function
        Of a Python function: lipschitz, holder, modulus, concave, value_error and mp; the names of the modulus and of
        the function for mpmath are looked up in the same file, and lists of one number are that number.

    Raises
    ------
    MgdlError
        For a text that denotes nothing, and for an option that belongs to another kind; names it as the command
        line does.

    >>> read("x**2", tol="1e-3").target.text, read("@runge").tol
    ('x**2', '1e-6')
    """
    from mgdl_theory.targets.gallery import find

    given = {name: value for name, value in function.items() if value not in (None, False)}
    if variables is not None and (is_data(source) or is_function(source) or (source[:1] == "@" and ";" not in source)):
        raise OptionError(f"--variables: it belongs to a formula, not to {source[:60]}")
    if is_data(source) and not given:
        return _samples(source, domain, tol, channel, limit, fill)
    if channel is not None:
        raise OptionError("--channel: it belongs to an image")
    if fill is not None:
        raise OptionError("--fill: it belongs to a grid or an image that has cells without data")
    if is_function(source):
        return _of_function(source, domain, tol or TOL_OF_FUNCTIONS, given)
    if given:
        option = min(given, key=list(function).index).replace("_", "-")
        raise OptionError(f"--{option}: it belongs to a Python function, FILE.py:NAME")
    if source.startswith("@") and ";" not in source:
        entry = find(source)
        if domain is not None:
            raise OptionError(f"--domain: {source[:60]} brings its own domain, {entry.box}")
        tol = entry.tol if tol is None else tol
        return Source(entry.target(tol, engine), tol)
    _require_no_file(source)
    tol = TOL if tol is None else tol
    parts = [part.strip() for part in source.split(";")]
    listed = None if variables is None else [name.strip() for name in variables.split(",")]
    if len(parts) == 1:
        return Source(from_formula(source, domain, engine=engine, variables=listed), tol)
    named = [find(part).target(tol, engine) if part.startswith("@") else part for part in parts]
    return Source(from_list(named, domain, engine=engine, variables=listed), tol)


def _require_no_file(source: str) -> None:
    """Refuse the name of a file that is not read, which no formula looks like."""
    if _FILE.fullmatch(source) and os.path.exists(source):
        raise OptionError(f"{source!r}: files of this ending are not read; those of {', '.join(READ)} are")


def caution(source: str) -> str:
    """What is to be said before this is read: that it runs code; else nothing.

    >>> caution("my_module.py:f")
    'this runs the code of my_module.py'
    """
    found = _FUNCTION.fullmatch(source)
    return f"this runs the code of {found['file']}" if found else ""


def _samples(source: str, domain: Any, tol: Any, channel: str | None, limit: int, fill: float | None) -> Source:
    """The interpolant of the samples in a file, to a part of their range."""
    from mgdl_theory.targets.samples import read_array
    from mgdl_theory.text import near_text

    found = read_data(source, channel, limit, fill)
    if found.ends and domain is not None:
        raise OptionError(f"--domain: {found.name} says itself where its values stand, from {found.ends[0]} on")
    domain = list(found.ends) if found.ends else domain
    f: Any
    if found.formula:
        f = from_formula(found.formula, domain)
        f.text, f.notes = f"{found.name} (piecewise linear)", found.notes
        reach = float(np.ptp(f(f.box.from_unit(np.linspace(0, 1, 1 << 12)[:, None]))))
    else:
        reach = float(np.ptp(read_array(found.array)))
        f = from_samples(found.array, domain, name=found.name, notes=found.notes)
    return Source(f, near_text(reach / PART or float(TOL), 1) if tol is None else tol)


def _of_function(source: str, domain: Any, tol: Any, given: dict[str, Any]) -> Source:
    """The Python function of a file."""
    f, omega, mp = read_functions(source, given.pop("modulus", None), given.pop("mp", None))
    for name in given.keys() & {"lipschitz", "value_error"}:
        given[name] = given[name][0] if len(given[name]) == 1 else given[name]
    path, _, name = source.rpartition(":")
    return Source(from_function(f, domain, mp=mp, modulus=omega, name=f"{os.path.basename(path)}:{name}", **given), tol)


def is_data(source: str) -> bool:
    """Whether this names a file of samples, by its ending.

    >>> is_data("terrain.npz:elevation"), is_data("sin(x)")
    (True, False)
    """
    return source.lower().endswith(READ) or bool(_MEMBER.fullmatch(source))


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
    ends : tuple of str
        Lower and upper end of every side, where the file says so.
    formula : str
        The function through the points of a file that are on no grid; no ``array`` then.
    """

    array: NDArray[Any]
    name: str
    notes: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    formula: str = ""


def read_data(source: str, channel: str | None = None, limit: int = MEMORY, fill: float | None = None) -> Found:
    """The array in a file of samples, with its name and what is to be said of it.

    An image becomes an array whose first axis runs to the right and whose second axis runs up.  A table of one
    column is a row of samples on a uniform grid; rows and columns of a larger table are the two axes of a grid.

    Parameters
    ----------
    source : str
        ``*.npy``, ``*.npz``, ``*.mat`` or ``*.nc`` (``*.npz:name`` where it holds several arrays), a table (``*.csv``,
        ``*.tsv``, ``*.txt``, ``*.dat``, ``*.asc``, also ``*.csv.gz``) or an image.
    channel : str
        Of a colour image: luminance (default), red, green or blue.
    limit : int
        Bytes that the array may take.
    fill : float
        Stands for the cells that a grid or an image says are without data, which are refused otherwise.

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
            array, said, notes = read_image(path, channel, limit, fill)
            return Found(array, f"{name}, {said}" if said else name, tuple(notes))
        if path.name.lower().endswith(TABLES):
            table = read_table(path, limit, fill)
            return Found(table.numbers, name, table.notes, table.ends, table.formula)
        if path.suffix.lower() in CONTAINERS:
            member, held = read_container(
                whole(path), path.suffix.lower(), name, found and found["member"], limit, fill
            )
            return Found(held.array, f"{name}:{member}", held.notes, held.ends)
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
