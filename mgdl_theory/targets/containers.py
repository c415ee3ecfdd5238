"""Arrays in files of other programs: .mat of MATLAB (version 5) and netCDF (version 3), by scipy where it is there."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import MEMORY, room
from mgdl_theory.errors import OptionError, told
from mgdl_theory.targets.tables import ends_of, filled, steps_of

CONTAINERS = (".mat", ".nc", ".cdf")
"""Definition: endings of such files."""

HDF5 = b"\x89HDF\r\n\x1a\n"
"""Definition: how files of HDF5 begin, which MATLAB 7.3 and netCDF 4 write."""


class Variable(NamedTuple):
    """An array of such a file, the ends of its axes where the file gives even coordinates, and what is to be said."""

    array: NDArray[Any]
    ends: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_container(
    raw: bytes, suffix: str, name: str, member: str | None, limit: int = MEMORY, fill: float | None = None
) -> tuple[str, Variable]:
    """The array of this name, or the only one that is more than a number; with its name.

    Raises
    ------
    OptionError
        If scipy is missing, the file is damaged, too large or of another version, or a name is needed; for values
        that the file calls missing, with their number and first place, unless ``fill`` stands for them.
    """
    try:
        import scipy.io  # noqa: F401
    except ImportError:
        raise OptionError(f"files ending in {suffix} need scipy: pip install 'mgdl-theory[files]'") from None
    if raw.startswith(HDF5):
        way = "save it with -v7" if suffix == ".mat" else "save it as netCDF 3 (nccopy -k classic)"
        raise OptionError(f"{name} is a file of HDF5, which is not read: {way}, or as .npy")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = (_of_mat if suffix == ".mat" else _of_netcdf)(raw, limit)
            chosen = _chosen(found, name, member)
            variable = found[chosen]()
    except OptionError:
        raise
    except Exception as error:  # noqa: BLE001 - readers raise anything at damaged files
        raise OptionError(f"{name} cannot be read as {suffix}: {told(error)}") from None
    return chosen, _whole(variable, fill)


def _chosen(found: Mapping[str, Any], name: str, member: str | None) -> str:
    if member is not None and member not in found:
        raise OptionError(f"{name} has no array {member[:60]!r}; it holds {_named(found)}")
    if member is None and len(found) != 1:
        raise OptionError(f"{name} holds the arrays {_named(found)}; name one as {name}:NAME")
    return member or next(iter(found))


def _named(names: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, names))[:200] or "none"


def _of_mat(raw: bytes, limit: int) -> dict[str, Callable[[], Variable]]:
    """The arrays of real numbers in a file of MATLAB, a row or a column as one axis."""
    import scipy.io

    found: dict[str, Callable[[], Variable]] = {}
    for key, shape, kind in scipy.io.whosmat(io.BytesIO(raw)):
        count = int(np.prod([int(n) for n in shape], dtype=object))
        if kind in ("cell", "struct", "object", "char", "function", "opaque") or count < 2:
            continue
        if 8 * count > room(len(raw), limit):
            raise OptionError(f"the array {key[:60]!r} needs {8 * count:,} bytes, more than are allowed for this file")

        def loaded(key: str = key) -> Variable:
            array = scipy.io.loadmat(io.BytesIO(raw), variable_names=[key])[key]
            array = array.toarray() if hasattr(array, "toarray") else array
            return Variable(array.ravel() if array.ndim == 2 and 1 in array.shape else array)

        found[key] = loaded
    return found


def _of_netcdf(raw: bytes, limit: int) -> dict[str, Callable[[], Variable]]:
    """The variables of a netCDF file but the coordinates, which become ends where they are even."""
    from scipy.io import netcdf_file

    file = netcdf_file(io.BytesIO(raw), "r", mmap=False)
    found: dict[str, Callable[[], Variable]] = {}
    for key, variable in file.variables.items():
        shape = tuple(int(n) for n in variable.shape)
        count = int(np.prod(shape, dtype=object))
        if key in file.dimensions or count < 2 or variable.data.dtype.kind not in "iuf":
            continue
        if 8 * count > room(len(raw), limit):
            raise OptionError(f"the array {key[:60]!r} needs {8 * count:,} bytes, more than are allowed for this file")

        def loaded(variable: Any = variable) -> Variable:
            return _of_variable(file.variables, variable)

        found[key] = loaded
    return found


def _of_variable(variables: Mapping[str, Any], variable: Any) -> Variable:
    """A variable with its scale, its marks for missing values, and the ends of its axes."""
    kept = [k for k, n in enumerate(variable.shape) if n > 1]
    stored = np.array(variable.data)
    array = stored.astype(np.float64).reshape([variable.shape[k] for k in kept])
    marks = [getattr(variable, mark) for mark in ("_FillValue", "missing_value") if hasattr(variable, mark)]
    holes = np.zeros(array.shape, dtype=bool)
    for mark in marks:
        holes |= array == np.asarray(mark, dtype=stored.dtype).astype(np.float64).ravel()[0]
    factor, offset = float(getattr(variable, "scale_factor", 1)), float(getattr(variable, "add_offset", 0))
    notes = [f"the file gives a scale {factor} and an offset {offset}, applied"] if (factor, offset) != (1, 0) else []
    array = np.where(holes, np.nan, array * factor + offset)
    ends: list[str] = []
    for k, position in enumerate(kept):
        axis = variables.get(variable.dimensions[position])
        x = None if axis is None else np.array(axis.data, dtype=np.float64)
        if x is None or x.shape != (array.shape[k],) or not np.isfinite(x).all():
            return Variable(array, (), tuple(notes))
        if x[0] > x[-1]:
            x, array = x[::-1], np.flip(array, k)
        if steps_of(x) is None or x[0] == x[-1]:
            named = variable.dimensions[position]
            said = f"the coordinates {named!r} are not evenly spaced: the samples stand evenly on the domain"
            return Variable(array, (), (*notes, said))
        ends += ends_of(x)
    return Variable(np.ascontiguousarray(array), tuple(ends), tuple(notes))


def _whole(variable: Variable, fill: float | None) -> Variable:
    """The variable with its missing values filled on request; refused otherwise."""
    array, ends, notes = variable
    if array.dtype.kind != "f" or not np.isnan(array).any():
        return variable
    whole, said = filled(array, np.isnan(array), fill, list(notes), "missing values")
    return Variable(whole, ends, said)
