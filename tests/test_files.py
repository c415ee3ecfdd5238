"""Files of other programs, objects of other libraries: full depth, holes, names, refusals that name the extra."""

from __future__ import annotations

import builtins
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
import xarray as xr
from PIL import Image
from scipy.io import netcdf_file, savemat

import mgdl_theory as mg
from mgdl_theory.errors import OptionError
from mgdl_theory.targets.sources import read_data

GRID = np.arange(20.0).reshape(4, 5) ** 2


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As if these packages were not installed."""
    original = builtins.__import__

    def refuse(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] in names:
            raise ImportError(name)
        return original(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.mark.parametrize(
    ("name", "missing", "said"),
    [("a.mat", "scipy", "need scipy"), ("a.nc", "scipy", "need scipy"), ("a.tif", "tifffile", "need tifffile")],
)
def test_a_missing_reader_is_named_with_the_extra(
    name: str, missing: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    tifffile.imwrite(path, GRID) if missing == "tifffile" else path.write_bytes(b"x")
    without(monkeypatch, missing)
    with pytest.raises(OptionError, match=said) as refusal:
        read_data(str(path))
    assert "mgdl-theory[files]" in str(refusal.value)


def test_a_missing_reader_of_deep_colours_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import png

    with open(tmp_path / "a.png", "wb") as file:
        png.Writer(2, 2, greyscale=False, bitdepth=16).write(file, [[1000] * 6] * 2)
    assert read_data(str(tmp_path / "a.png"), "red").array.tolist() == [[1000, 1000]] * 2
    without(monkeypatch, "png")
    with pytest.raises(OptionError, match="need pypng: pip install"):
        read_data(str(tmp_path / "a.png"))


@pytest.mark.parametrize("name", ["a.mat", "a.nc"])
def test_files_of_hdf5_are_refused_with_a_way_out(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(OptionError, match=r"HDF5, which is not read: save it (with -v7|as netCDF 3)"):
        read_data(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a.mat", "a.nc", "a.tif", "a.csv.gz", "a.png"])
@pytest.mark.parametrize(
    "content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200), b"CDF\x01" + bytes(40), b"II*\0\xff\xff", b"\x1f\x8b\x08"]
)
def test_damaged_files_are_refused_by_name(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OptionError, match=r"a\.(mat|nc|tif|csv\.gz|png)"):
        read_data(str(tmp_path / name))


def test_a_gzip_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgdl_theory.archive.FREE", 1 << 16)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"1\n" + b"# nothing\n" * 100_000))
    with pytest.raises(OptionError, match=r"a\.csv\.gz.*the file unpacks to too much for its size"):
        read_data(str(tmp_path / "a.csv.gz"))


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    rows = "\n".join("1,2,3" for _ in range(500)).encode()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(rows)[:-9])
    with pytest.raises(OptionError, match="not a gzip file that can be read"):
        read_data(str(tmp_path / "a.csv.gz"))


def test_several_arrays_of_a_matlab_file_need_a_name_and_vectors_have_one_axis(tmp_path: Path) -> None:
    path = tmp_path / "two.mat"
    savemat(path, {"a": GRID, "b": np.arange(5.0), "text": "no"})
    with pytest.raises(OptionError, match=r"holds the arrays 'a', 'b'; name one as two\.mat:NAME"):
        read_data(str(path))
    with pytest.raises(OptionError, match="has no array 'c'; it holds 'a', 'b'"):
        read_data(f"{path}:c")
    found = read_data(f"{path}:b")
    assert (found.array.tolist(), found.name) == ([0, 1, 2, 3, 4], "two.mat:b")


def netcdf(path: Path, lon: list[float], **attributes: Any) -> None:
    with netcdf_file(path, "w") as file:
        for name, axis in (("lon", lon), ("lat", list(range(5)))):
            file.createDimension(name, len(axis))
            file.createVariable(name, "d", (name,))[:] = axis
        height = file.createVariable("height", "h", ("lon", "lat"))
        for key, value in attributes.items():
            setattr(height, key, value)
        height[:] = GRID.astype(np.int16)


def test_coordinates_of_a_netcdf_file_are_its_domain_where_they_are_even(tmp_path: Path) -> None:
    netcdf(tmp_path / "even.nc", [0.1, 0.2, 0.3, 0.4])
    f = mg.target(tmp_path / "even.nc")
    assert (str(f.box), f([[0.2, 3.0]]).tolist()) == ("[0.1, 0.4] x [0, 4]", [GRID[1, 3]])
    netcdf(tmp_path / "turned.nc", [4.0, 3.0, 2.0, 1.0])
    assert mg.target(tmp_path / "turned.nc")([[1.0, 0.0]]).tolist() == [GRID[3, 0]]
    netcdf(tmp_path / "uneven.nc", [0.0, 1.0, 2.0, 4.0])
    found = read_data(str(tmp_path / "uneven.nc"))
    assert found.ends == ()
    assert "'lon' are not evenly spaced" in found.notes[0]


def test_scales_are_applied_and_missing_values_refused_or_filled(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    netcdf(path, [0.0, 1.0, 2.0, 3.0], scale_factor=0.5, add_offset=10.0, _FillValue=np.int16(9))
    with pytest.raises(OptionError, match=r"1 cell marked as holes \(missing values\), first at index \(0, 3\)"):
        read_data(str(path))
    found = read_data(str(path), fill=-1.0)
    wanted = GRID * 0.5 + 10
    wanted[0, 3] = -1.0
    assert found.array.tolist() == wanted.tolist()
    assert "a scale 0.5 and an offset 10.0, applied" in found.notes[0]


def test_the_same_picture_gives_the_same_samples_in_every_format(tmp_path: Path) -> None:
    pixels = (np.arange(20).reshape(4, 5) * 12).astype(np.uint8)
    names = ("a.png", "a.bmp", "a.gif", "a.tif", "a.pgm")
    for name in names:
        Image.fromarray(pixels).save(tmp_path / name)
    Image.fromarray(pixels).convert("RGB").save(tmp_path / "a.webp", lossless=True)
    tifffile.imwrite(tmp_path / "b.tif", pixels.astype(np.float64))
    found = [mg.target(tmp_path / name) for name in (*names, "a.webp", "b.tif")]
    found += [mg.target(Image.fromarray(pixels)), mg.target(Image.open(tmp_path / "a.png"))]
    points = np.random.default_rng(1).uniform(0, 1, (50, 2))
    for f in found:
        assert np.allclose(f(points), found[0](points), rtol=1e-13)


def test_samples_that_pillow_would_scale_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 2 100 " + bytes([0, 50, 100, 25]))
    (tmp_path / "a.ppm").write_bytes(b"P6\n# made by hand\n2 1\n1000\n" + bytes(12))
    for name, most in (("a.pgm", 100), ("a.ppm", 1000)):
        with pytest.raises(OptionError, match=f"go up to {most} and would be scaled"):
            read_data(str(tmp_path / name))


def test_bands_that_are_no_colours_and_several_pages_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "bands.tif", np.zeros((4, 5, 2)), photometric="minisblack", planarconfig="contig")
    with pytest.raises(OptionError, match="2 bands that are no colours"):
        read_data(str(tmp_path / "bands.tif"))
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((2, 4, 5)), photometric="minisblack")
    with pytest.raises(OptionError, match="it holds 2 images"):
        read_data(str(tmp_path / "pages.tif"))


def test_an_image_larger_than_its_file_allows_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 50)))
    with pytest.raises(OptionError, match="pixels need 16,000 bytes"):
        read_data(str(tmp_path / "a.tif"), limit=1000)


def test_objects_of_pandas_and_xarray_are_samples() -> None:
    series, frame = pd.Series([0.0, 1.0, 4.0], index=["a", "b", "c"]), pd.DataFrame(GRID)
    assert mg.target(series)([0.5]).tolist() == [1.0]
    assert mg.target(frame)([[1.0, 1.0]]).tolist() == [GRID[3, 4]]
    field = xr.DataArray(GRID, coords={"x": [0.0, 1.0, 2.0, 3.0], "y": list(range(5))}, dims=("x", "y"))
    f = mg.target(field, [0, 3, 0, 4])
    assert f([[1.0, 2.0]]).tolist() == [GRID[1, 2]]
    assert "labels of rows and columns are not looked at" in f.notes[0]


def test_a_picture_takes_a_channel_and_no_option_of_others() -> None:
    image = Image.fromarray(np.stack([GRID, GRID + 1, GRID + 2], axis=-1).astype(np.uint8))
    assert mg.target(image, channel="blue")([[0.0, 0.0]]).tolist() == [float(np.uint8(GRID[3, 0] + 2))]
    with pytest.raises(OptionError, match="an image takes none"):
        mg.target(image, lipschitz=1)


def test_a_file_of_an_ending_that_is_not_read_is_no_formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mgdl_theory.targets.sources import read

    monkeypatch.chdir(tmp_path)
    Path("book.xlsx").write_bytes(b"PK")
    with pytest.raises(OptionError, match="files of this ending are not read"):
        read("book.xlsx")
