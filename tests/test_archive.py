"""What files may unpack to: bounds in bytes asked for and in characters looked at, never in seconds."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory import archive
from mgdl_theory.archive import Archive, read_npy, room
from mgdl_theory.cli import main
from mgdl_theory.errors import MgdlError, OptionError
from mgdl_theory.relu.export import load_npz
from mgdl_theory.targets import tables
from mgdl_theory.targets.sources import read_data
from mgdl_theory.training import load_model

OVERHEAD = 1 << 20
"""Bytes that any reading takes, whatever the file."""


def peak(act: Callable[[], Any]) -> int:
    """Bytes of Python and NumPy that were in use at the same time, beyond those at the start."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refused(act: Callable[[], Any], match: str | None = None) -> Callable[[], None]:
    def run() -> None:
        with pytest.raises(MgdlError, match=match):
            act()

    return run


def header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue()


def bomb(path: Path, names: tuple[str, ...], size: int) -> None:
    """Arrays of so many bytes of zeros each, which deflate to a thousandth."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(f"{name}.npy", header((size // 8,)) + bytes(size))


def with_declared_size(raw: bytes, size: int) -> bytes:
    """The archive of one member, whose directory says that it unpacks to so many bytes."""
    out, at = bytearray(raw), raw.index(bytes([80, 75, 1, 2]))
    out[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(out)


READ: dict[str, Callable[[Path], Any]] = {
    "data": lambda path: read_data(str(path)),
    "checkpoint": lambda path: archive.load(path, "mgdl-theory checkpoint 2"),
    "network": load_npz,
    "model": load_model,
}


@pytest.mark.parametrize("name", READ)
def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "FREE", 1 << 20)
    path, names = tmp_path / "bomb.npz", ("head", "data")
    bomb(path, names, 1 << 25)
    assert path.stat().st_size < 1 << 18
    act = refused(lambda: READ[name](path))
    act()  # imports are done
    assert peak(act) < OVERHEAD


@pytest.mark.parametrize("name", READ)
def test_what_the_directory_hides_is_not_unpacked(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    bomb(path, ("head",), 1 << 25)
    path.write_bytes(with_declared_size(path.read_bytes(), 4096))
    assert peak(refused(lambda: READ[name](path))) < OVERHEAD


def test_shapes_are_held_against_the_bytes_that_are_there(tmp_path: Path) -> None:
    for shape in ((1 << 40, 5), (10**14,), (3, 10**15), (0, 10**15), tuple([9] * 40)):
        raw = header(shape) + bytes(64)
        (tmp_path / "a.npy").write_bytes(raw)
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
            file.writestr("a.npy", raw)
        for name in ("a.npy", "a.npz", "a.npz:a"):
            assert peak(refused(lambda name=name: read_data(str(tmp_path / name)))) < OVERHEAD


@pytest.mark.parametrize(
    "text",
    [
        "(" * 9000,
        "{'descr': " + "[" * 9000,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "-" * 9000,
        "{'descr': '<f8', 'descr': '<f8', 'shape': (3,), }",
        "{'descr': '<f8', 'fortran_order': 1, 'shape': (3,), }",
        "{'descr': 'O', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '|V8', 'fortran_order': False, 'shape': (3,), }",
        "__import__('os')",
    ],
)
def test_a_header_is_matched_and_not_evaluated(text: str) -> None:
    raw = bytes([0x93]) + b"NUMPY" + bytes([1, 0]) + struct.pack("<H", len(text)) + text.encode() + bytes(24)
    with pytest.raises(OptionError):
        read_npy(io.BytesIO(raw), len(raw))


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}\n",
        '{"shape": (3L,), "descr": "<f8", "fortran_order": True}',
    ],
)
def test_headers_of_other_writers_are_read(text: str) -> None:
    for version, length in ((1, struct.pack("<H", len(text))), (2, struct.pack("<I", len(text)))):
        start = bytes([0x93]) + b"NUMPY" + bytes([version, 0])
        raw = start + length + text.encode() + np.arange(3.0).tobytes()
        assert read_npy(io.BytesIO(raw), len(raw)).tolist() == [0, 1, 2]


def test_packings_that_are_not_bounded_are_refused() -> None:
    for packing in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", packing) as new:
            new.writestr("a.npy", header((3,)) + bytes(24))
        with pytest.raises(OptionError, match="packed in a way that arrays are not"):
            Archive(file.getvalue())["a"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for _ in range(2):
            new.writestr("a.npy", header((0,)))
    with pytest.raises(OptionError, match="same name"):
        Archive(file.getvalue())


def test_nearly_constant_arrays_of_moderate_size_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", np.zeros((1000, 1000)))
    assert read_data(str(tmp_path / "a.npz")).array.shape == (1000, 1000)
    assert room(0) >= 1 << 28


def test_the_budget_of_the_command_holds_for_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(20_000))
    np.savez(tmp_path / "a.npz", np.zeros(20_000))
    (tmp_path / "a.csv").write_text("1\n2.5\n" * 10_000)
    for name in ("a.npy", "a.npz", "a.csv"):
        assert main(["verify", str(tmp_path / name), "--max-memory", "1e-4", "--quiet"]) == 2
        assert "raise the memory limit" in capsys.readouterr().err


# -- tables ----------------------------------------------------------------------------------------


class Counted:
    """A pattern that counts the characters it is given."""

    def __init__(self, pattern: Any) -> None:
        self.pattern, self.longest, self.total = pattern, 0, 0

    def fullmatch(self, text: str) -> Any:
        self.longest, self.total = max(self.longest, len(text)), self.total + len(text)
        return self.pattern.fullmatch(text)


@pytest.mark.parametrize("field", ["9" * 20_000, "9" * 20_000 + "x", "1." + "0" * 20_000 + "x", "9" * 20_000 + "e"])
def test_long_digits_cost_no_more_than_short_ones(field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(tables._NUMBER)
    monkeypatch.setattr(tables, "_NUMBER", counted)
    for text in (f"1\n{field}\n", f"{field}\n1\n2\n", f"1,2,3,4\n1,2,3,{field}\n"):
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(OptionError, match="has more than 400 characters"):
            read_data(str(tmp_path / "t.csv"))
    assert counted.longest <= tables.MAX_FIELD
    assert counted.total < 100


def test_many_short_lines_take_the_memory_of_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("1\n" * 100_000)
    held = file.stat().st_size + 8 * 100_000
    assert peak(lambda: read_data(str(file))) < 4 * held + OVERHEAD
    assert peak(refused(lambda: read_data(str(file), limit=8000), "more than the 8,000 bytes")) < OVERHEAD


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_LINE", 1000)
    (tmp_path / "t.csv").write_text("1," * 400_000)
    assert peak(refused(lambda: read_data(str(tmp_path / "t.csv")), "more than 1,000 characters")) < OVERHEAD


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_arrays_take_a_small_multiple_of_the_file(name: str, tmp_path: Path) -> None:
    array = np.random.default_rng(1).standard_normal((300, 400))
    (np.save if name == "a.npy" else np.savez)(tmp_path / name, array)  # type: ignore[operator]
    assert peak(lambda: read_data(str(tmp_path / name))) < 4 * array.nbytes + OVERHEAD


# -- images ----------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    start = bytes([137]) + b"PNG\r\n" + bytes([26]) + b"\n"
    return start + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_an_image_of_enormous_size_is_refused_before_its_pixels_are_made(side: int, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(side, side))
    act = refused(lambda: read_data(str(tmp_path / "a.png")))
    act()  # imports are done
    assert peak(act) < OVERHEAD


def test_a_file_that_cannot_be_opened_is_an_error_of_the_package(tmp_path: Path) -> None:
    for name, read in READ.items():
        for path in (tmp_path / "absent.npz", tmp_path, tmp_path / ("n" * 300 + ".npz")):
            with pytest.raises(MgdlError):
                read(path)
        assert name
    assert mg.MgdlError is MgdlError
