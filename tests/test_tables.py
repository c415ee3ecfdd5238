"""Tables as people keep them: every way to write the same numbers gives the same samples, and what was read is said."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.targets.sources import read_data


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@given(
    st.integers(2, 5), st.integers(4, 6), st.integers(0, 10**6), st.sampled_from([",", ";", "\t", " "]),
    st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2),
    st.sampled_from(["names", "none", "counted", "quoted"]),
)  # fmt: skip
def test_the_same_numbers_written_in_any_way_are_the_same_samples(
    tmp_path_factory: pytest.TempPathFactory, rows: int, columns: int, seed: int, mark: str, quotes: bool, commas: bool,
    index: bool, comments: int, header: str,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    array = np.round(rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-3, 4), 4) + 0.03125
    commas &= mark not in (",", " ")
    index &= header in ("names", "quoted") and mark != " "
    quotes &= header != "quoted"
    lines = [f"# comment {k}" for k in range(comments)]
    names = [f"col{k}" for k in range(columns)] if header == "names" else [str(k) for k in range(columns)]
    names = [f'"{name}"' for name in names] if header == "quoted" else names
    if header != "none":
        lines.append(mark.join([""] * index + names) if header != "quoted" or not index else mark.join(['""', *names]))
    for k, row in enumerate(array.tolist()):
        fields = [repr(v).replace(".", ",") if commas else repr(v) for v in row]
        lines.append(mark.join([str(k)] * index + ([f'"{f}"' for f in fields] if quotes else fields)))
        lines += ["", "% between"] if comments == 2 else []
    file = tmp_path_factory.getbasetemp() / "any.csv"
    found = read_data(write(file, "\n".join(lines) + "\n"))
    if header == "counted" and rows < 3:
        return  # with so few lines nothing tells a header from data, which a note says
    assert found.array.tolist() == array.tolist()
    told = " ".join(found.notes)
    assert ("taken as header" in told) == (header != "none")
    assert ("taken as an index" in told) == index
    assert ("comment passed over" in told) == bool(comments)
    assert ("decimal commas" in told) == commas


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3,4\n5,NA,7,8\n", "line 2, column 2: a value is missing"),
        ("1,2,3,4\n5,6,7,\n", "line 2, column 4: a value is missing"),
        ("a;b;c;d\n1;2;nan;4\n1;2;3;4\n", "line 2, column 3: a value is missing"),
        (",a,b,c,d\n0,1,2,3,4\n2,1,2,3,4\n", "line 3: the first column has no name and is no index"),
        ("# only\n# comments\n", "is empty"),
        ("x,y\n0,1\n0,2\n1,3\n", "x = 0 stands there twice"),
        ("x,y\n0,1\n0.5,2\n1,3\n1,4\n2,5\n", "x = 1 stands there twice"),
        ("\n".join(f"{k * k},{k}" for k in range(450)), "450 pairs are not evenly spaced, too many for a formula"),
        ("0 0 1\n0 1 2\n1 0 3\n", "3 columns may be coordinates"),
        ("0 0 1\n0 1 2\n1 0 3\n1 3 4\n", "3 columns may be coordinates"),
        ("ncols 3\nnrows 2\n1 2 3\n4 5\n", "its heading says 3 x 2 numbers, and there are 5"),
        ("ncols 3\nncols\n1 2 3\n", "expected a key of the heading and one number"),
        ("ncols 3\nnrows 2\nNODATA_value -9\n1 2 -9\n4 5 6\n", r"1 cell marked as holes .* first at index \(2, 1\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(mg.OptionError, match=said):
        read_data(write(tmp_path / "t.dat", text))


def test_pairs_at_even_distances_are_samples_where_they_stand(tmp_path: Path) -> None:
    found = read_data(write(tmp_path / "p.txt", "x y\n0.1 1\n0.3 4\n0.2 2\n"))
    assert (found.array.tolist(), found.ends, found.formula) == ([1, 2, 4], ("0.1", "0.3"), "")
    assert "3 pairs x, y, sorted, evenly spaced from 0.1 to 0.3" in found.notes[0]
    f = mg.target(tmp_path / "p.txt")
    assert (f.box, f([0.25]).tolist()) == (mg.Box.of(["0.1", "0.3"]), [pytest.approx(3)])


NUMBER = st.integers(-(10**6), 10**6)


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=3, max_size=12, unique_by=lambda p: p[0]))
def test_a_formula_through_pairs_is_the_interpolant_exactly(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]]
) -> None:
    points = sorted((Fraction(a, 1000), Fraction(b, 1000)) for a, b in pairs)
    lines = [f"{float(a)!r},{float(b)!r}" for a, b in points]
    found = read_data(write(tmp_path_factory.getbasetemp() / "q.csv", "\n".join(lines)))
    if not found.formula:
        return
    f = mg.target(found.formula, list(found.ends))
    for (a, u), (b, v) in pairwise(points):
        for t in (Fraction(0), Fraction(1, 3), Fraction(1)):
            x = a + t * (b - a)
            assert f.mp([x], 60) == pytest.approx(float(u + t * (v - u)), rel=1e-14, abs=1e-12)
    level = 6
    nodes = np.arange((1 << level) + 1)[:, None]
    enclosed = f.values(level, nodes)
    for k in range(0, len(nodes), 7):
        (x,) = f.box.point(nodes[k].tolist(), level)
        j = max(i for i in range(len(points) - 1) if points[i][0] <= x)
        (a, u), (b, v) = points[j], points[j + 1]
        assert Fraction(float(enclosed.lo[k])) <= u + (x - a) / (b - a) * (v - u) <= Fraction(float(enclosed.hi[k]))


def test_values_at_the_points_of_a_grid_are_that_grid(tmp_path: Path) -> None:
    lines = [f"{x},{y},{10 * x + y}" for y in (0, 0.5, 1) for x in (2, 4)]
    found = read_data(write(tmp_path / "g.csv", "x,y,height\n" + "\n".join(lines)))
    assert found.ends == ("2", "4", "0", "1")
    assert found.array.tolist() == [[20, 20.5, 21], [40, 40.5, 41]]
    f = mg.target(tmp_path / "g.csv")
    assert (str(f.box), f([[3.0, 0.25]]).tolist()) == ("[2, 4] x [0, 1]", [30.25])


GRID = "ncols 3\nnrows 2\nxllcorner 100\nyllcorner 200\ncellsize 10\nNODATA_value -9999\n1 2 3\n4 -9999 6\n"


def test_an_ascii_grid_runs_to_the_east_and_to_the_north_and_its_holes_are_no_heights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "dem.asc", GRID)
    assert main(["verify", file, "--quiet"]) == 2
    assert "1 cell marked as holes (NODATA_value -9999), first at index (1, 0)" in capsys.readouterr().err
    assert main(["verify", file, "--fill", "5", "--tol", "1", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("PROVED: dem.asc (3 x 2 samples) on [0, 1]^2: ")
    assert "1 cell without data filled with 5" in err
    assert read_data(file, fill=5.0).array.tolist() == [[4, 1], [5, 2], [6, 3]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["p.csv", "--domain", "0", "1"], "--domain: p.csv says itself where its values stand, from 0 on"),
        (["x", "--fill", "1"], "--fill: it belongs to a grid or an image"),
        (["p.csv", "--fill", "1"], "--fill is for grids and images"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_a_file_are_refused(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.csv", "x,y\n0,0\n1,3\n4,0\n")
    assert main(["verify", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_piecewise_linear_file_has_a_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, certificate = (
        write(tmp_path / "p.csv", "x,y\n0,0\n0.1,0.316\n0.15,0.387\n0.4,0.632\n1,1\n"),
        str(tmp_path / "c.json"),
    )
    assert main(["verify", file, "--tol", "0.05", "--certificate", certificate, "--quiet"]) == 0
    assert "5 pairs x, y, from 0 to 1, and linear between them" in capsys.readouterr().err
    assert main(["check", certificate]) == 0


@pytest.mark.parametrize("wrong", [Path("none.csv"), Path("x.py"), Path("formula")])
def test_a_path_that_is_no_file_of_samples_is_refused(wrong: Any) -> None:
    with pytest.raises(mg.OptionError, match=r"there is no file|no ending of a file of samples"):
        mg.target(wrong)
