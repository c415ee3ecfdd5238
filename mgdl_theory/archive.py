"""Files: written whole or not at all; arrays read within a bound on what they unpack to, and nothing in them executed.

A header is matched against the spelling that NumPy and its like write, not evaluated, and its shape is held against
the bytes that are there before anything is allocated.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import MgdlError, OptionError, SchemeError, told

T = TypeVar("T")

MEMORY = 4 << 30
"""Experience: bytes that a file may unpack to where nobody says otherwise."""

FREE, RATIO = 1 << 28, 128
"""Experience: a file of n bytes may unpack to FREE + RATIO n bytes; arrays that are nearly constant shrink by more."""

LARGEST = 1 << 36
"""Experience: bytes of a file that is read as a whole."""

MAX_HEADER = 10_000
"""Definition: bytes of the header of an array, as in NumPy."""

HEAD = "head"
"""Definition: the array that holds the heading of our own files, JSON as one text."""

MAX_HEAD = 1 << 24
"""Experience: characters of a heading at most."""

UNREADABLE = (MgdlError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)
"""Experience: what may be raised where a damaged or hostile heading, or arrays under it, are made sense of."""

_ITEM = re.compile(
    r"\s*(['\"])(?P<key>descr|fortran_order|shape)\1\s*:\s*"
    r"((['\"])(?P<descr>[^'\"]{1,40})\4|(?P<order>True|False)|\((?P<shape>[0-9, L]*)\)|(?P<fields>\[.*\]))"
    r"\s*(,|(?=\}))",
    re.DOTALL,
)
_KIND = re.compile(r"([<>|=]?)([biufcUS])([0-9]{1,7})")


def room(size: int, limit: int = MEMORY) -> int:
    """Bytes that a file of this size may unpack to.

    >>> room(0) == 1 << 28, room(1 << 40), room(10, limit=500)
    (True, 4294967296, 500)
    """
    return min(limit, FREE + RATIO * size)


def whole(path: str | os.PathLike[str], limit: int = LARGEST) -> bytes:
    """The bytes of a file, which is no pipe and no device and not larger than the limit.

    Raises
    ------
    OptionError
        If there is no such file, or it is too large.
    """
    name = Path(path).name
    try:
        if not Path(path).is_file():
            raise OptionError(f"{name}: cannot be opened: there is no such file")
        with open(path, "rb") as file:
            raw = file.read(min(limit, os.fstat(file.fileno()).st_size) + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, OptionError):
            raise
        why = error.strerror if isinstance(error, OSError) else error
        raise OptionError(f"{name}: cannot be opened: {why}") from None
    if len(raw) > limit:
        raise OptionError(f"{name}: it holds more than the {limit:,} bytes that may be read")
    return raw


class Archive(Mapping[str, NDArray[Any]]):
    """The arrays of a ``.npz`` file by name; each is unpacked when it is asked for.

    Raises
    ------
    OptionError
        If it is no such archive, two members have the same name, or it unpacks to more than :func:`room` allows;
        later, if an array that is asked for is damaged.

    >>> file = io.BytesIO()
    >>> np.savez(file, a=np.arange(3), b=np.array(2.5))
    >>> archive = Archive(file.getvalue())
    >>> list(archive), archive.shape("b"), archive["a"].tolist()
    (['a', 'b'], (), [0, 1, 2])
    """

    def __init__(self, raw: bytes, limit: int = MEMORY) -> None:
        self._limit = room(len(raw), limit)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(raw))
        except Exception as error:  # noqa: BLE001 - the reader of archives meets bytes that may be anything
            raise OptionError(f"no archive of arrays, or a damaged one ({told(error)})") from None
        found = self._zip.infolist()
        self._members = {info.filename: info for info in found}
        if len(self._members) != len(found):
            raise OptionError("two of its members have the same name")
        self.others = [name for name in self._members if not name.endswith(".npy")]
        """Names of members that are no arrays."""
        total = sum(info.file_size for info in found)
        if total > self._limit:
            raise OptionError(
                f"it unpacks to more than the {self._limit:,} bytes allowed, {total:,}; "
                "raise the memory limit, or save it uncompressed"
            )

    def __iter__(self) -> Iterator[str]:
        return (name[:-4] for name in self._members if name.endswith(".npy"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return f"{name}.npy" in self._members

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._read(name, lambda member, size: read_npy(member, size, self._limit))

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, from its header alone."""
        return self._read(name, lambda member, size: _header(member)[2])

    def _read(self, name: str, reader: Callable[[IO[bytes], int], T]) -> T:
        info = self._members[f"{name}.npy"]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise OptionError(f"{name[:60]!r} is packed in a way that arrays are not; save it by numpy.savez")
        try:
            with self._zip.open(info) as member:
                return reader(member, info.file_size)
        except OptionError as error:
            raise OptionError(f"{name[:60]}: {error}") from None
        except Exception as error:  # noqa: BLE001 - as above
            raise OptionError(f"{name[:60]}: damaged ({told(error)})") from None


def read_npy(file: IO[bytes], size: int, limit: int = MEMORY) -> NDArray[Any]:
    """The array in an open file of this many bytes, in memory of its own.

    Raises
    ------
    OptionError
        If the header is not understood, names anything but numbers or text, or does not fit the size.

    >>> file = io.BytesIO()
    >>> np.save(file, np.eye(2))
    >>> _ = file.seek(0)
    >>> read_npy(file, len(file.getvalue())).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    dtype, fortran, shape = _header(file)
    needed, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if needed > held:
        raise OptionError(f"its shape {_shown(shape)} does not fit its size: truncated or damaged")
    if needed < held:
        raise OptionError(
            f"its shape {_shown(shape)} does not fit its size: {held - needed:,} bytes follow the array; "
            "keep one array in a file"
        )
    if needed > limit:
        raise OptionError(f"it holds {needed:,} bytes, more than the {limit:,} allowed; raise the memory limit")
    raw = file.read(needed + 1)  # one more: the end of a member is where its checksum is compared
    if len(raw) != needed:
        raise OptionError("it ends early")
    if not needed:
        return np.zeros(shape, dtype)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C").copy(order="K")


def _header(file: IO[bytes]) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """(type, whether the first axis runs fastest, shape) of an array file of version 1, 2 or 3."""
    start = file.read(8)
    if len(start) < 8 or start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
        raise OptionError("it is no NumPy array")
    length = int.from_bytes(file.read(2 if start[6] == 1 else 4), "little")
    text = file.read(min(length, MAX_HEADER + 1)).decode("latin-1")
    if len(text) != length:
        raise OptionError("its header is not understood: too long, or cut off")
    entries: dict[str, re.Match[str]] = {}
    place = text.find("{") + 1
    while (found := _ITEM.match(text, place)) and found["key"] not in entries:
        entries[found["key"]], place = found, found.end()
    if len(entries) != 3 or text[place:].strip() != "}":
        raise OptionError("its header is not understood")
    if entries["descr"]["fields"] is not None:
        raise OptionError("it holds records with fields; save one field as an array of numbers")
    kind, order, shape = entries["descr"]["descr"], entries["fortran_order"]["order"], entries["shape"]["shape"]
    if kind is None or order is None or shape is None:
        raise OptionError("its header is not understood")
    return _dtype(kind), order == "True", _sides(shape)


def _dtype(text: str) -> np.dtype[Any]:
    """The type that a description names: numbers or text, in a form that is the same on every machine."""
    found = _KIND.fullmatch(text)
    if text.lstrip("<>|=").startswith("O"):
        raise OptionError(f"it holds {text}, objects of Python (a pickle), which are never loaded")
    if not found:
        raise OptionError(f"it holds {text!r}, which are no numbers")
    if found[2] in "fc" and int(found[3]) > (8 if found[2] == "f" else 16):
        raise OptionError(f"it holds {text}, whose meaning depends on the machine that wrote it; save float64")
    try:
        return np.dtype(text)
    except (TypeError, ValueError):
        raise OptionError(f"it holds {text!r}, which are no numbers") from None


def _sides(text: str) -> tuple[int, ...]:
    sides = [side.strip().removesuffix("L") for side in text.split(",")]
    if sides and not sides[-1]:
        sides.pop()
    if len(sides) > 32 or not all(re.fullmatch("[0-9]{1,15}", side) for side in sides):
        raise OptionError("its header is not understood: no shape")
    return tuple(int(side) for side in sides)


def _shown(shape: tuple[int, ...]) -> str:
    return str(shape) if len(shape) < 6 else f"of {len(shape)} axes"


# -- files of our own ------------------------------------------------------------------------------


def save(path: str | os.PathLike[str], head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays under a heading of plain data, which names the format; packed, but not compressed.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/a.npz", {"format": "mine 1"}, {"x": np.arange(3)})
    ...     head, arrays = load(f"{folder}/a.npz", "mine 1")
    ...     head, arrays["x"].tolist()
    ({'format': 'mine 1'}, [0, 1, 2])
    """
    buffer, everything = io.BytesIO(), {HEAD: np.array(json.dumps(head)), **arrays}
    np.savez(buffer, allow_pickle=False, **everything)
    write_atomic(path, buffer.getvalue())


def load(path: str | os.PathLike[str], form: str) -> tuple[dict[str, Any], Archive]:
    """The heading and the arrays of a file that :func:`save` wrote, if it is of this format.

    Raises
    ------
    OptionError
        If there is no such file.
    SchemeError
        If it is no archive of this format.
    """
    raw = whole(path)
    try:
        arrays = Archive(raw, len(raw))  # it is not compressed
        text = arrays[HEAD]
        if text.dtype.kind != "U" or text.shape != () or text.dtype.itemsize > 4 * MAX_HEAD:
            raise OptionError(f"its head is no text of at most {MAX_HEAD} characters")
        head = json.loads(str(text[()]))
        if head["format"] != form:
            raise OptionError(f"its format is {str(head['format'])[:60]!r}, this version reads {form!r}")
        return dict(head), arrays
    except UNREADABLE as error:
        kind = form.removeprefix("mgdl-theory ").rstrip(" 0123456789")
        raise SchemeError(f"{os.fspath(path)}: not a {kind} ({error})") from None


def versions() -> dict[str, str]:
    """Of this package and of NumPy, on which the last bits of enclosures depend."""
    package = sys.modules[__name__.partition(".")[0]]
    return {"version": str(package.__version__), "NumPy": np.__version__}


def write_atomic(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Write a file under a temporary name in its folder and rename it; an old file survives any failure."""
    path = Path(os.path.realpath(path))
    raw = data.encode() if isinstance(data, str) else data
    if path.exists() and not path.is_file():  # a pipe or a device has nothing to lose
        path.write_bytes(raw)
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
