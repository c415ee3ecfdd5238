"""Every reader of files and texts under random damage: a valid result or an error of the package, and nothing else."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.certificate import check, schema
from mgdl_theory.certificate.refutation import refutation
from mgdl_theory.construction import Budget, construct, read_tol
from mgdl_theory.errors import MgdlError
from mgdl_theory.relu.export import load_npz, save_npz
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.formula.target import ExpressionTarget
from mgdl_theory.targets.samples import read_array
from mgdl_theory.targets.sources import read_data
from mgdl_theory.training import TrainedGrade, TrainedModel, load_model

PARABOLA = mg.target("x*(1 - x)")
SMALL = Budget(atoms=500, level=7)


# -- damage ----------------------------------------------------------------------------------------


def damaged(raw: bytes, chance: random.Random) -> bytes:
    """The bytes with a few changed, cut off, doubled, put in or made equal."""
    out = bytearray(raw)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(out) + 1)
        length = min(chance.choice((1, 2, 4, 8, 64)), len(out) - at)
        kind = chance.randrange(8)
        if kind < 3 and length:
            out[at] = chance.randrange(256)
        elif kind == 3 and length:
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 4:
            del out[at : at + length]
        elif kind == 5:
            out[at:at] = out[at : at + length] * chance.choice((1, 3))
        elif kind == 6:
            out[at : at + length] = bytes([chance.choice((0, 255, 48, 57))]) * length
        else:
            del out[max(at, 1) :]
        if not out:
            out = bytearray(b"\0")
    return bytes(out)


def damaged_inside(raw: bytes, chance: random.Random) -> bytes:
    """An archive one member of which is damaged, lost or of another type, with checksums that fit."""
    with zipfile.ZipFile(io.BytesIO(raw)) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    name = chance.choice(sorted(members))
    kind = chance.randrange(6)
    if kind == 0:
        del members[name]
    elif kind == 1:
        array = np.load(io.BytesIO(members[name]))
        types = ("f4", "i2", "c16", "U8", ">f8", "?") if array.dtype.kind != "U" else ("U8", "S9", ">U99")
        with np.errstate(all="ignore"):
            members[name] = written(array.astype(chance.choice(types), casting="unsafe"))
    elif kind == 2:
        array = np.load(io.BytesIO(members[name]))
        members[name] = written(array.reshape(-1)[: chance.randrange(array.size + 1)])
    elif kind == 3:
        array = np.load(io.BytesIO(members[name])).copy()
        if array.size and array.dtype.kind in "if":
            extreme = (np.nan, np.inf, 1e308, 5e-324) if array.dtype.kind == "f" else (2**62, -(2**62))
            array.reshape(-1)[chance.randrange(array.size)] = chance.choice((0, 1, -1, 64, 2**40, *extreme))
        members[name] = written(array)
    else:
        members[name] = damaged(members[name], chance)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for key, content in members.items():
            new.writestr(key, content)
    return file.getvalue()


def written(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


# -- valid files and their readers -----------------------------------------------------------------


def picture(kind: str, mode: str = "L", **options: Any) -> bytes:
    from PIL import Image

    pixels = np.arange(20 * 16 * len(Image.new(mode, (1, 1)).getbands()), dtype=np.uint32).reshape(16, 20, -1) % 251
    types = {"I;16": np.uint16, "F": np.float32, "I": np.int32}
    array = pixels.astype(types.get(mode, np.uint8))
    image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
    if mode in ("1", "P", "CMYK"):
        image = Image.fromarray(array[..., 0]).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def geotiff() -> bytes:
    from PIL import TiffImagePlugin

    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[42113] = "-9999"
    tags.tagtype[42113] = 2
    tags[33550] = (1.0, 1.0, 0.0)
    tags.tagtype[33550] = 12
    return picture("TIFF", "F", tiffinfo=tags)


def archive(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def saved(write: Callable[[Path], Any], folder: Path, name: str = "valid") -> bytes:
    path = folder / name
    write(path)
    raw = path.read_bytes()
    path.unlink()
    return raw


def model() -> TrainedModel:
    chance = np.random.default_rng(1)
    grade = TrainedGrade((chance.standard_normal((3, 1)),), (chance.standard_normal(3),), np.ones(3), 0.5, {"width": 3})
    return TrainedModel(Box.of([0, 1], 1), (grade,))


def refuted(folder: Path) -> bytes:
    grade = TrainedGrade((np.eye(1),), (np.zeros(1),), np.array([-1.0]), 0.0)
    report = mg.verify(TrainedModel(Box.of([0, 1], 1), (grade,)).on(mg.target("x")))
    return saved(lambda path: refutation(report).save(path), folder, "r.json")


def samples_of(path: Path) -> None:
    array = read_array(read_data(str(path)).array)
    assert array.dtype == np.float64
    assert np.isfinite(array).all()


def resumed(path: Path) -> None:
    construct(PARABOLA, 1e-2, checkpoint=path, resume=True, budget=SMALL)


def checked(path: Path) -> None:
    """The checker imports nothing of the package: it refuses in its last line."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = check.main([str(path)])
    assert code in (0, 1, 2)
    if said.getvalue().splitlines()[-1].startswith("REFUSED"):
        raise MgdlError(said.getvalue())


def loaded(path: Path) -> None:
    schema.load_certificate(path)
    checked(path)


READERS: dict[str, tuple[Callable[[Path], bytes], Callable[[Path], Any], str]] = {
    "csv": (lambda _: b"a,b,c,d\n1,2,3.5,4\n5,-6e2,7,.8\n9,1,2,3\n", samples_of, ".csv"),
    "column": (lambda _: "height\n1\n2.5\n-3e-1\n4\n".encode("utf-8-sig"), samples_of, ".tsv"),
    "npy": (lambda _: written(np.arange(12.0).reshape(3, 4)), samples_of, ".npy"),
    "npy-integers": (lambda _: written(np.arange(12, dtype=">i2").reshape(3, 4).T), samples_of, ".npy"),
    "npz": (lambda _: archive(a=np.eye(5), b=np.array(3)), samples_of, ".npz"),
    "png": (lambda _: picture("PNG"), samples_of, ".png"),
    "png-16": (lambda _: picture("PNG", "I;16"), samples_of, ".png"),
    "png-colour": (lambda _: picture("PNG", "RGBA"), samples_of, ".png"),
    "png-palette": (lambda _: picture("PNG", "P", transparency=0), samples_of, ".png"),
    "jpeg": (lambda _: picture("JPEG", "RGB"), samples_of, ".jpg"),
    "bmp": (lambda _: picture("BMP", "RGB"), samples_of, ".bmp"),
    "bmp-1": (lambda _: picture("BMP", "1"), samples_of, ".bmp"),
    "tiff": (lambda _: picture("TIFF", "RGB"), samples_of, ".tif"),
    "tiff-16": (lambda _: picture("TIFF", "I;16"), samples_of, ".tif"),
    "tiff-lzw": (lambda _: picture("TIFF", "L", compression="tiff_lzw"), samples_of, ".tif"),
    "tiff-deflate": (lambda _: picture("TIFF", "CMYK", compression="tiff_adobe_deflate"), samples_of, ".tif"),
    "geotiff": (lambda _: geotiff(), samples_of, ".tif"),
    "network": (
        lambda folder: saved(lambda path: save_npz(mg.construct(PARABOLA, 0.05).network(), path), folder),
        load_npz,
        ".npz",
    ),
    "model": (lambda folder: saved(lambda path: model().save(path), folder), load_model, ".npz"),
    "checkpoint": (
        lambda folder: saved(lambda path: construct(PARABOLA, 1e-2, checkpoint=path, budget=SMALL), folder),
        resumed,
        ".npz",
    ),
    "certificate": (
        lambda folder: saved(lambda path: mg.construct(PARABOLA, 0.05).certificate().save(path), folder, "c.json"),
        loaded,
        ".json",
    ),
    "certificate-gz": (
        lambda folder: saved(lambda path: mg.construct(PARABOLA, 0.05).certificate().save(path), folder, "c.json.gz"),
        loaded,
        ".json.gz",
    ),
    "refutation": (refuted, checked, ".json"),
}  # fmt: skip
"""For each reader a valid file, the reader, and the ending of its files."""

INSIDE = ("npz", "network", "model", "checkpoint")
"""Readers of archives: they also get damage that no checksum tells."""


def runs(name: str, folder: Path, count: int, inside: bool) -> Iterator[int]:
    """1 for every damaged file that was refused, 0 for every one that was read."""
    make, read, ending = READERS[name]
    valid, chance, path = make(folder), random.Random(f"{name} {inside}"), folder / f"file{ending}"
    path.write_bytes(valid)
    read(path)
    change = damaged_inside if inside else damaged
    for _ in range(count):
        path.write_bytes(change(valid, chance))
        try:
            read(path)
        except MgdlError as error:
            assert str(error)  # noqa: PT017 - both ends are right
            yield 1
        else:
            yield 0


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def attack(name: str, folder: Path, count: int, inside: bool) -> None:
    before = open_files()
    refused = sum(runs(name, folder, count, inside))
    gc.collect()
    assert refused > count // 50
    assert open_files() <= before


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused_by_an_error_of_the_package(name: str, tmp_path: Path) -> None:
    attack(name, tmp_path, 200, inside=False)


@pytest.mark.parametrize("name", INSIDE)
def test_an_archive_with_damage_that_no_checksum_tells_is_read_or_refused(name: str, tmp_path: Path) -> None:
    attack(name, tmp_path, 200, inside=True)


@pytest.mark.deep
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files_are_read_or_refused(name: str, inside: bool, tmp_path: Path) -> None:
    if not inside or name in INSIDE:
        attack(name, tmp_path, 20_000, inside)


# -- texts -----------------------------------------------------------------------------------------

TEXTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "formula": ("sin(3*x)**2 + 0.5e-1*max(x, y)/(1 + abs(x))", ExpressionTarget),
    "domain": ("-0.5e-2,1/3", lambda text: Box.of(text.split(","), 1)),
    "tol": ("1.5e-4", read_tol),
    "tail": ("1/1024", lambda text: mg.target("x", tail=text)),
    "lipschitz": ("3/2", lambda text: mg.target(abs, lipschitz=text)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_damaged_text_is_read_or_refused_by_an_error_of_the_package(name: str) -> None:
    valid, read = TEXTS[name]
    chance, refused = random.Random(name), 0
    read(valid)
    for _ in range(400):
        raw = damaged(valid.encode(), chance)
        try:
            read(raw.decode(chance.choice(("latin-1", "utf-16-le", "cp437")), errors="surrogatepass"))
        except MgdlError as error:
            refused += bool(str(error))
        except UnicodeDecodeError:
            refused += 1
    assert refused > 40
