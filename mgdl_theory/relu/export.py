"""Networks as files: ONNX models, PyTorch state dictionaries and NumPy archives.

Every file is written whole or not at all.  ``load_npz`` gives back the network it was written from, bit
for bit, or an error; the other formats are for other programs.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import UNREADABLE, Archive, whole, write_atomic
from mgdl_theory.errors import SchemeError
from mgdl_theory.relu.network import Network
from mgdl_theory.relu.onnx_model import as_dtype, need, onnx_model, preamble
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.targets.base import Box

FORMAT = "mgdl-theory network 1"
"""Definition: the first words of an archive; the number grows when its arrays change."""

MAX_BYTES = 1 << 34
"""Experience: bytes that an archive may unpack to at most, and less where it is short (``archive.room``)."""

MAX_TEXT = 1 << 14
"""Definition: characters of one text in an archive."""

_NUMBERS = ("weights", "biases", "grade_end", "readout", "readout_bias")
_DERIVED = ("atom_of_layer", "layers_per_atom", "channels")
_FIELDS = {
    **dict.fromkeys(("format", "note", "box", "channels", "gadget_name", "granularity", "sha256"), "U"),
    **dict.fromkeys(("lift", "weights", "biases", "readout", "readout_bias"), "<f8"),
    **dict.fromkeys(("grade_end", "atom_of_layer", "layers_per_atom"), "<i8"),
}
"""Definition: the arrays of an archive and their types (U: text)."""

Path_ = str | os.PathLike[str]
Arrays = dict[str, NDArray[Any]]


# -- other programs --------------------------------------------------------------------------------


def save_onnx(
    network: Network,
    path: Path_,
    *,
    layout: str = "auto",
    dtype: str = "float64",
    partial_sums: bool = False,
    note: str = "",
) -> bytes:
    """Write the ONNX model (:func:`mgdl_theory.relu.onnx_model.onnx_model`) and return its bytes."""
    model = onnx_model(network, layout=layout, dtype=dtype, partial_sums=partial_sums, note=note)
    write_atomic(path, model)
    return model


@checked_arithmetic()
def state_arrays(network: Network, dtype: str = "float64") -> Arrays:
    """The arrays of the PyTorch state dictionary, by name.

    ``weights`` (depth, width, width), ``biases`` (depth, width), ``readout`` (K, width), ``readout_bias``
    (K,), ``lift`` (), ``lower`` (d,) and ``side`` (d,) with t = (x - lower) / side, all in ``dtype``, and
    ``grade_end`` int64 (K,).  A vector network has ``readout`` (K, m, width), ``readout_bias`` (K, m) and
    ``lift`` (m,).

    >>> import mgdl_theory as mg
    >>> from mgdl_theory.relu.compile import compile_network
    >>> f = mg.target("x", [0, 2])
    >>> network = compile_network(mg.Scheme.of(f, 0.0, [mg.Atoms(0, [[1]], [1.0])], tol=1.0), "unit")
    >>> arrays = state_arrays(network)
    >>> arrays["side"].tolist(), arrays["grade_end"].tolist(), arrays["readout"].tolist()
    ([2.0], [2], [[0.0, 1.0]])
    """
    lower, side = preamble(network)
    floats = {
        "weights": network.weights,
        "biases": network.biases,
        "readout": network.readout,
        "readout_bias": network.readout_bias,
        "lift": np.array(network.lift),
        "lower": lower,
        "side": side,
    }
    arrays: Arrays = {name: as_dtype(array, dtype) for name, array in floats.items()}
    return {**arrays, "grade_end": np.array(network.grade_end, dtype=np.int64)}


def save_torch(network: Network, path: Path_, *, dtype: str = "float64") -> None:
    """Write :func:`state_arrays` as tensors by ``torch.save``; ``torch.load(path, weights_only=True)`` reads them."""
    torch = need("torch", "torch")
    arrays = state_arrays(network, dtype)
    buffer = io.BytesIO()
    torch.save({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}, buffer)
    write_atomic(path, buffer.getvalue())


# -- archives --------------------------------------------------------------------------------------


@checked_arithmetic()
def save_npz(network: Network, path: Path_, *, note: str = "") -> None:
    """Write every array and every number of a network as a NumPy archive, without pickle, with a digest."""
    arrays: Arrays = {"format": np.array(FORMAT), "note": np.array(note[:MAX_TEXT]), "box": np.array(network.box.ends)}
    for name, kind in _FIELDS.items():
        if hasattr(network, name) and name not in arrays:
            array = np.array(getattr(network, name))
            arrays[name] = array if kind == "U" else array.astype(kind)
    arrays["sha256"] = np.array(_digest(arrays))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue())


@checked_arithmetic()
def load_npz(path: Path_) -> Network:
    """The network in an archive written by :func:`save_npz`.

    Raises
    ------
    SchemeError
        Where the file is no such archive, or is truncated, damaged or altered: every array must have its
        type and shape, the numbers must be finite, the layers, grades and readouts must fit together, and
        the digest must be that of the contents.
    OptionError
        Where the file cannot be opened.
    """
    name = Path(path).name
    raw = whole(path)
    try:
        return _network(_members(raw))
    except UNREADABLE as error:
        raise SchemeError(f"{name}: not a network this package has written: {error}") from None


def _members(raw: bytes) -> Arrays:
    archive = Archive(raw, MAX_BYTES)
    names = sorted([*(f"{name}.npy" for name in archive), *archive.others])
    if names != sorted(f"{name}.npy" for name in _FIELDS):
        raise SchemeError(f"its members are {', '.join(names)[:200] or 'none'}")
    arrays = dict(archive)
    for name, array in arrays.items():
        kind, text = array.dtype.str, _FIELDS[name] == "U"
        if not (kind.startswith("<U") if text else kind == _FIELDS[name]):
            raise SchemeError(f"{name}: holds {kind}, not {_FIELDS[name]}")
        if text and array.dtype.itemsize > 4 * MAX_TEXT:
            raise SchemeError(f"{name}: its texts have more than {MAX_TEXT} characters")
        if not array.flags.c_contiguous:
            raise SchemeError(f"{name}: its numbers are in another order than they are written in")
    return arrays


def _network(arrays: Arrays) -> Network:
    if _text(arrays, "format") != FORMAT:
        raise SchemeError(f"its format is {_text(arrays, 'format')[:60]!r}, this version reads {FORMAT!r}")
    if _text(arrays, "sha256") != _digest(arrays):
        raise SchemeError("its contents are not those it was written with (SHA-256 differs)")
    lift = arrays["lift"].tolist()
    numbers = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays.items() if name in _NUMBERS}
    network = Network(
        box=Box.read(arrays["box"].tolist()), lift=tuple(lift) if isinstance(lift, list) else lift, **numbers,
        gadget_name=_text(arrays, "gadget_name"), granularity=_text(arrays, "granularity"),
    )  # fmt: skip
    for name in _DERIVED:
        if not np.array_equal(arrays[name], np.array(getattr(network, name))):
            raise SchemeError(f"{name}: it does not fit together with the layers and grades")
    return network


def _text(arrays: Arrays, name: str) -> str:
    if arrays[name].shape != ():
        raise SchemeError(f"{name}: expected one text, got shape {arrays[name].shape}")
    return str(arrays[name][()])


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the arrays by name: name, type, shape and bytes of each, but of the digest itself."""
    total = hashlib.sha256()
    for name in sorted(set(arrays) - {"sha256"}):
        array = arrays[name]
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).reshape(array.shape)
        total.update(f"{name} {little.dtype.str} {little.shape} ".encode())
        total.update(little.tobytes())
    return total.hexdigest()
