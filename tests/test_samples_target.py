"""Gridded data as targets, against the interpolant in rational arithmetic; files of samples and of functions."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import struct
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.contraction import Margins
from mgdl_theory.errors import CertificateError, MgdlError, OptionError, TargetError
from mgdl_theory.mesh import children, corners
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.samples import SamplesTarget
from mgdl_theory.targets.sources import read_data, read_functions
from mgdl_theory.verification.verdict import Verdict
from tests.toys import interpolate

SHAPES = ((2,), (3,), (8,), (9,), (21,), (2, 2), (3, 4), (9, 7), (12, 5), (2, 2, 2), (3, 4, 5), (6, 2, 3))


def multilinear(data: np.ndarray, t: tuple[Fraction, ...]) -> Fraction:
    """The interpolant by its definition, in unit coordinates, one axis after the other."""
    values: dict[tuple[int, ...], Fraction] = {k: Fraction(float(v)) for k, v in np.ndenumerate(data)}
    for axis, x in enumerate(t):
        s = x * (data.shape[axis] - 1)
        k = min(math.floor(s), data.shape[axis] - 2)
        rest = {key[1:] for key in values}
        values = {key: (1 - (s - k)) * values[(k, *key)] + (s - k) * values[(k + 1, *key)] for key in rest}
    return values[()]


def samples(shape: tuple[int, ...], seed: int, kind: str = "noise") -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.standard_normal(shape)
    if kind == "integers":
        return rng.integers(-9, 10, shape)
    if kind == "steps":
        return np.cumsum(rng.integers(0, 2, shape), axis=0) * 1e6 + 0.1
    grid = np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij")
    return np.sin(2 * sum(grid)) + grid[0] ** 2


def all_cells(level: int, d: int) -> np.ndarray:
    return np.stack(np.meshgrid(*[np.arange(1 << level)] * d, indexing="ij"), axis=-1).reshape(-1, d)


def inner_points(d: int, rng: random.Random, count: int) -> list[tuple[Fraction, ...]]:
    """Points of the unit cell, many of them on its faces and diagonals."""
    part = [Fraction(0), Fraction(1), Fraction(1, 2), Fraction(1, 3)]
    points = [tuple(rng.choice([*part, Fraction(rng.randrange(97), 96)]) for _ in range(d)) for _ in range(count)]
    return points + [(Fraction(rng.randrange(97), 96),) * d for _ in range(count // 2)]


# -- values ----------------------------------------------------------------------------------------


@given(
    st.sampled_from(SHAPES),
    st.integers(0, 99),
    st.sampled_from(["noise", "integers", "steps"]),
    st.integers(0, 52),
    st.data(),
)
def test_values_hold_the_exact_interpolant_at_every_depth(
    shape: tuple[int, ...], seed: int, kind: str, level: int, data: st.DataObject
) -> None:
    array = samples(shape, seed, kind)
    f = SamplesTarget(array)
    nodes = data.draw(st.lists(st.tuples(*[st.integers(0, 1 << level)] * len(shape)), min_size=1, max_size=6))
    found = f.values(level, np.array(nodes, dtype=np.int64))
    for k, node in enumerate(nodes):
        exact = multilinear(array, tuple(Fraction(i, 1 << level) for i in node))
        assert Fraction(found.lo[k]) <= exact <= Fraction(found.hi[k])
        assert f.exact([Fraction(i, 1 << level) for i in node]) == exact
    assert (found.hi - found.lo).max() <= 8 * 2.0**-52 * np.abs(array).max()


def test_values_are_exact_where_binary64_holds_them() -> None:
    array = samples((9, 5), 1, "integers")
    found = SamplesTarget(array).values(6, all_cells(6, 2))
    assert (found.lo == found.hi).all()
    constant = SamplesTarget(np.full((4, 7), 0.1)).values(9, all_cells(5, 2) * 16)
    assert set(constant.lo) == set(constant.hi) == {0.1}


def test_a_long_row_keeps_exact_places_at_the_finest_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of index and number of samples go beyond 63 bits there."""
    monkeypatch.setattr("mgdl_theory.targets.samples.TABLE_CELLS", 1 << 10)
    array = np.zeros(300_000)
    array[123_457] = 1.0
    f = SamplesTarget(array)
    node = (123_457 * (1 << 52)) // 299_999
    found = f.values(52, np.array([[node]]))
    exact = multilinear_row(array, Fraction(node, 1 << 52))
    assert Fraction(found.lo[0]) <= exact <= Fraction(found.hi[0])
    assert 0.99 < found.lo[0] < 1


def multilinear_row(array: np.ndarray, t: Fraction) -> Fraction:
    s = t * (len(array) - 1)
    k = math.floor(s)
    return Fraction(float(array[k])) * (1 - (s - k)) + Fraction(float(array[k + 1])) * (s - k)


def test_points_of_the_box_stand_where_they_should() -> None:
    array = samples((5, 9), 3)
    f = SamplesTarget(array, Box.of([-1, 3, 10, "21/2"]))
    assert f([[-1, 10], [3, 10.5], [0, 10.25]]).tolist() == [array[0, 0], array[4, 8], array[1, 4]]
    assert f.exact([Fraction(0), Fraction(41, 4)]) == Fraction(array[1, 4])
    with mpmath.workdps(40):
        third = f.mp([Fraction(1, 3), Fraction(31, 3)], 40)
        exact = f.exact([Fraction(1, 3), Fraction(31, 3)])
        assert abs(third - mpmath.mpf(exact.numerator) / exact.denominator) < mpmath.mpf(10) ** -38
    with pytest.raises(OptionError, match="outside"):
        f.exact([Fraction(4), Fraction(10)])


# -- defects and ranges ----------------------------------------------------------------------------


@given(
    st.sampled_from(SHAPES),
    st.integers(0, 99),
    st.sampled_from(["noise", "integers", "steps", "smooth"]),
    st.integers(0, 6),
    st.randoms(),
)
def test_gaps_and_values_stay_within_the_bounds(
    shape: tuple[int, ...], seed: int, kind: str, level: int, rng: random.Random
) -> None:
    """In rational arithmetic, at the samples inside a cell, on its faces, its diagonals, and elsewhere."""
    array, d = samples(shape, seed, kind), len(shape)
    f = SamplesTarget(array)
    level = min(level, (6, 4, 3)[d - 1])
    cells = all_cells(level, d)
    found = f.defects(level, cells)
    for k in rng.sample(range(len(cells)), min(4, len(cells))):
        cell = cells[k].tolist()
        table = {
            tuple(mask): multilinear(array, tuple(Fraction(i + m, 1 << level) for i, m in zip(cell, mask, strict=True)))
            for mask in corners(d).tolist()
        }
        inside = [
            [
                (Fraction(j, n - 1) * (1 << level) - i)
                for j in range(n)
                if 0 <= Fraction(j, n - 1) * (1 << level) - i <= 1
            ]
            for i, n in zip(cell, shape, strict=True)
        ]
        points = inner_points(d, rng, 10)
        if all(inside):
            points += [tuple(rng.choice(u) for u in inside) for _ in range(10)]
            points += [(*(rng.choice(u) for u in inside[:-1]), Fraction(rng.randrange(33), 32)) for _ in range(4)]
        for u in points:
            value = multilinear(array, tuple((Fraction(i) + v) / (1 << level) for i, v in zip(cell, u, strict=True)))
            gap = interpolate(table, 0, u) - value
            assert -Fraction(found.bulge[k]) <= gap <= Fraction(found.sag[k])
            assert Fraction(found.range.lo[k]) <= value <= Fraction(found.range.hi[k])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["noise", "smooth"])
def test_bounds_are_sharp(shape: tuple[int, ...], kind: str) -> None:
    """The largest defect of a level is close to the largest gap seen on a fine grid; in one variable it is that gap."""
    array, d = samples(shape, 4, kind), len(shape)
    f = SamplesTarget(array)
    fine = np.stack(np.meshgrid(*[np.linspace(0, 1, (257, 33, 13)[d - 1])] * d, indexing="ij"), axis=-1).reshape(-1, d)
    order = np.argsort(-fine, axis=1, kind="stable")
    falling = np.concatenate(
        [np.ones((len(fine), 1)), np.take_along_axis(fine, order, axis=1), np.zeros((len(fine), 1))], axis=1
    )
    masks = np.concatenate([np.zeros((len(fine), 1), dtype=int), np.cumsum(1 << order, axis=1)], axis=1)
    for level in range((6, 4, 3)[d - 1]):
        cells = all_cells(level, d)
        found = f.defects(level, cells)
        at_corners = np.stack([f((cells + mask) / 2.0**level) for mask in corners(d)], axis=1)
        linear = np.einsum("kj,nkj->nk", falling[:, :-1] - falling[:, 1:], at_corners[:, masks])
        values = f(((cells[:, None] + fine) / 2.0**level).reshape(-1, d)).reshape(len(cells), -1)
        seen = max((linear - values).max(), (values - linear).max(), 1e-9)
        bound = max(found.sag.max(), found.bulge.max())
        assert bound <= (1.02, 1.9, 3.2)[d - 1] * seen + 1e-9
        assert found.range.hi.max() <= values.max() + (0.1 if d == 1 else 0.7) * bound + 1e-9


def test_a_linear_piece_has_no_defect_and_a_convex_one_no_bulge() -> None:
    ramp = SamplesTarget(np.arange(6.0)).defects(4, all_cells(4, 1))
    assert max(ramp.sag.max(), ramp.bulge.max()) < 1e-15
    bowl = SamplesTarget(np.array([4.0, 1.0, 0.0, 1.0, 4.0, 9.0]))
    for level in range(7):
        found = bowl.defects(level, all_cells(level, 1))
        assert found.bulge.max() < 1e-8 < found.sag.max()


def test_one_piece_has_the_defect_of_its_mixed_difference() -> None:
    """f = t_1 t_2 on one piece: 1/4 in the middle of the diagonal below, nothing above."""
    found = SamplesTarget(np.array([[0.0, 0.0], [0.0, 1.0]])).defects(0, all_cells(0, 2))
    assert found.sag.tolist() == [0.25]
    assert found.bulge[0] < 1e-15


@pytest.mark.parametrize("shape", [(8,), (21,), (9, 7), (17, 17), (2, 2), (12, 3), (3, 4, 5)])
@pytest.mark.parametrize("kind", ["noise", "steps"])
def test_every_cell_leaves_room_for_the_margins_of_its_children(shape: tuple[int, ...], kind: str) -> None:
    """The margin condition, as the construction computes it: no cell of data ever rests."""
    f, d, floor = SamplesTarget(samples(shape, 8, kind)), len(shape), 2.0**-20
    for level in range((9, 6, 4)[d - 1]):
        cells = all_cells(level, d)
        here, below = f.defects(level, cells), f.defects(level + 1, children(cells))
        parent, child = Margins.of(here, level, floor), Margins.of(below, level + 1, floor)
        for floors, margins in ((parent.floor_plus, child.plus), (parent.floor_minus, child.minus)):
            assert (np.repeat(floors, 1 << d) >= margins).all()
        assert (here.sag_theta * here.sag).max() < 12 * max(here.sag.max(), below.sag.max()) + 1e-9


@pytest.mark.parametrize("shape", [(8, 2000), (2000, 8), (2, 3, 900), (50, 50), (9,)])
def test_tables_have_a_few_cells_for_each_sample_whatever_the_shape(shape: tuple[int, ...]) -> None:
    data = np.random.default_rng(0).standard_normal(shape)
    tables = SamplesTarget(data, Box.of([0, 1], len(shape)))._table
    assert sum(table.low.size for table in tables) <= 8 * data.size
    assert tables


def test_data_too_large_for_tables_have_bounds_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgdl_theory.targets.samples.TABLE_CELLS", 1 << 4)
    array = samples((21, 6), 2)
    f, rng = SamplesTarget(array), np.random.default_rng(1)
    for level in range(7):
        cells = all_cells(level, 2)
        found = f.defects(level, cells)
        t = rng.random((len(cells), 30, 2))
        values = f(((cells[:, None] + t) / 2.0**level).reshape(-1, 2)).reshape(len(cells), -1)
        assert (found.range.lo <= values.min(axis=1) + 1e-12).all()
        assert (found.range.hi >= values.max(axis=1) - 1e-12).all()
    below = Margins.of(f.defects(3, children(all_cells(2, 2))), 3, 2.0**-20)
    assert (np.repeat(Margins.of(f.defects(2, all_cells(2, 2)), 2, 2.0**-20).floor_plus, 4) >= below.plus).all()
    assert mg.verify(mg.construct(f, "0.5")).verdict is Verdict.PROVED


# -- proofs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "kind", "tol"),
    [((40,), "noise", "0.01"), ((9, 7), "noise", "0.3"), ((3, 3, 2), "smooth", "0.2"), ((33,), "steps", "100")],
)
def test_proofs_hold_at_rational_points(shape: tuple[int, ...], kind: str, tol: str) -> None:
    array, rng = samples(shape, 6, kind), random.Random(2)
    f = mg.target(array, domain=["-1/3", 2])
    report = mg.verify(mg.construct(f, tol))
    assert report.verdict is Verdict.PROVED, report.last_line()
    for _ in range(40):
        t = tuple(Fraction(rng.randrange(1001), 1000) for _ in shape)
        x = [lo + (hi - lo) * v for lo, hi, v in zip(f.box.lower, f.box.upper, t, strict=True)]
        sizes = [abs(multilinear(array, t) - report.scheme.exact(x, k)) for k in range(len(report.scheme.grades) + 1)]
        assert all(size <= Fraction(row.residual_sup_upper) for row, size in zip(report.rows, sizes, strict=True))
        assert all(after <= before for before, after in itertools.pairwise(sizes))


def test_a_kinked_row_is_reached_exactly() -> None:
    """Samples at nodes: from level 3 on the row is linear on every cell, and few atoms are left to place."""
    scheme = mg.construct(mg.target(samples((9,), 3)), 1e-9)
    assert scheme.complete
    assert scheme.history[-1].level <= 36
    assert mg.verify(scheme).verdict is Verdict.PROVED


def test_a_stolen_defect_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: without what the interpolant of a cell may bend, bounds of coarse cells are too small."""
    array = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    gap = 4.5 * 1.25 - 9 * 0.25**2  # on the diagonal at 5/8, between the vertices of pieces
    assert SamplesTarget(array).defects(0, all_cells(0, 2)).sag[0] >= gap
    monkeypatch.setattr("mgdl_theory.targets.samples.math.hypot", lambda *sides: 0.0)
    assert SamplesTarget(array).defects(0, all_cells(0, 2)).sag[0] < gap


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([1.0, math.nan], r"index \(1,\) is nan"),
        ([[1.0, 2.0], [math.inf, 1.0]], r"index \(1, 0\) is inf"),
        ([1.0], "at least 2 samples"),
        (np.zeros((3, 1)), "at least 2 samples"),
        (np.array(3.0), "at least 2 samples"),
        (np.zeros((2, 2, 2, 2)), "at most 3 axes"),
        (np.zeros((5, 4, 3), dtype=np.uint8), "colour image"),
        (np.array([1j, 2]), "complex"),
        (np.array(["a", "b"]), "real numbers"),
        (np.array([1, None]), "dtype object"),
        (np.array([1, 2**53 + 1]), "beyond 2.53"),
        (np.array([1e301, 0.0]), "out of range"),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), "masked"),
        ([[1, 2], [3]], "not an array of numbers"),
    ],
)
def test_data_that_are_no_samples_are_refused(data: Any, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        mg.target(data)


def test_options_and_domains_that_do_not_fit_are_refused() -> None:
    with pytest.raises(OptionError, match="lipschitz: it belongs to a Python function"):
        mg.target([1.0, 2.0], lipschitz=3)
    with pytest.raises(MgdlError, match="2 variable"):
        mg.target(np.eye(3), domain=[0, 1, 0, 1, 0, 1])
    with pytest.raises(OptionError, match="expected a formula, a sympy expression, a function, an array"):
        mg.target(3.5)  # type: ignore[call-overload]
    with pytest.raises(CertificateError, match="not a formula"):
        mg.construct(mg.target([1.0, 2.0]), "0.1").certificate()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint16, np.int64, np.longdouble, bool])
def test_numbers_of_every_kind_are_taken_exactly(dtype: Any) -> None:
    array = np.array([0, 1, 1, 0, 1], dtype=dtype)
    assert mg.target(array).exact([Fraction(3, 4)]) == 0  # type: ignore[attr-defined]


def test_data_are_copied_and_named_by_their_digest() -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    f = SamplesTarget(array, Box.of([0, "1/3", 0, 2]), name="relief")
    array[:] = 0
    said = f.describe()
    assert f.data[1, 2] == 5
    assert not f.data.flags.writeable
    assert said["sha256"] == hashlib.sha256(np.arange(6, dtype="<f8").tobytes()).hexdigest()
    assert said["shape"] == [2, 3]
    assert said["box"] == {"lower": ["0", "0"], "upper": ["1/3", "2"]}
    assert f.text == "relief (2 x 3 samples)"
    assert json.dumps(said)


# -- files -----------------------------------------------------------------------------------------


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_arrays_are_read_and_pickles_are_not(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(4))
    np.savez(tmp_path / "b.npz", relief=np.eye(3), size=np.array(3.0))
    np.savez(tmp_path / "c.npz", one=np.eye(3), two=np.eye(2))
    np.save(tmp_path / "d.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert read_data(str(tmp_path / "a.npy"))[0].tolist() == [0, 1, 2, 3]
    assert read_data(str(tmp_path / "b.npz"))[1] == "b.npz:relief"
    assert read_data(str(tmp_path / "c.npz") + ":two")[0].shape == (2, 2)
    for name, said in [
        ("c.npz", "name one as c.npz:NAME"),
        ("c.npz:six", "has no array 'six'"),
        ("d.npy", "pickle"),
        ("e.npy", "there is no file"),
    ]:
        with pytest.raises(OptionError, match=said):
            read_data(str(tmp_path / name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\n2\n3.5\n", [1, 2, 3.5]),
        ("height\n1\n2\n", [1, 2]),
        ("\ufeff1\n\n2e-1\n", [1, 0.2]),
        ("1,2,3,4\n5,6,7,8\n", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ("a;b;c;d\n1;2;3;-.5\n5;6;7;8\n", [[1, 2, 3, -0.5], [5, 6, 7, 8]]),
        ("1\t2\t3\t4\n5\t6\t7\t8", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ("1 2  3 4\n5 6 7 8", [[1, 2, 3, 4], [5, 6, 7, 8]]),
    ],
)
def test_plain_tables_are_read(tmp_path: Path, text: str, expected: Any) -> None:
    assert read_data(write(tmp_path / "t.csv", text))[0].tolist() == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("height\n", "at least two lines"),
        ("1,2,3,4\n", "at least two lines"),
        ("0,1\n1,2\n", "2 columns may be coordinates"),
        ("0,1,2\n1,2,3\n", "3 columns may be coordinates"),
        ("1\nx\n", "line 2: 'x' is not a number"),
        ("1,2,3,4\n1,2,,4\n", "line 2, column 3: a value is missing"),
        ("1,2,3,4\n1,2,3\n", "line 2: 3 columns, but 4"),
        ("1_0\n2\n3\n4_4\n", "line 1: '1_0' is not a number"),
        ("10\n2\n3\n4_4\n", "line 4: '4_4' is not a number"),
    ],
)
def test_tables_that_may_mean_two_things_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        read_data(write(tmp_path / "t.csv", text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.0x\n2\n3\n4\n", "line 1: '1.0x' is not a number; if the line is a header, remove it"),
        ("2019-01-01\n1\n2\n", "line 1: '2019-01-01' is not a number"),
        ("0x10\n2\n3\n", "line 1: '0x10'"),
        (",a,b,c,d\n5,1,2,3,9\n1,4,5,7,9\n", "line 2: the first column has no name and is no index"),
        ("a,b,c\nr,1,2,3,4\n", "line 2: 'r' is not a number"),
        ("a,b,c\n1,1,2,3\n2,1,2,9\n", "line 1: 3 names for 4 columns"),
        ("1,000,000,000\n2,000,000,000\n", "line 1: '000' begins with zeros"),
        ("007\n1\n2\n", "line 1: '007' begins with zeros"),
        ("1\n1e400\n", "line 2: binary64 does not hold '1e400'"),
        ("1\n1e-400\n", "line 2: binary64 does not hold '1e-400'"),
        ("1\n9007199254740993\n", "line 2: binary64 does not hold '9007199254740993'"),
        ("1\n\u0662\n", "line 2: '\u0662' is not a number"),
        ("1\x0c2\n3\x0c4\n", "2 columns may be coordinates"),
        ("1\n" + "2" * 500 + "\n", "line 2: '2222.* has more than 400 characters"),
    ],
)
def test_a_table_that_would_be_read_as_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        read_data(write(tmp_path / "t.csv", text))


@pytest.mark.parametrize(
    ("text", "shape", "said"),
    [
        ("a,b,c,d\n1,2,3.5,4\n5,6,7,9\n", (2, 4), "read as 2 x 4 samples, line 1 taken as header: 'a,b,c,d'"),
        ("height (m)\n1\n3\n", (2,), "read as 2 samples, line 1 taken as header: 'height (m)'"),
        ("0,1,2,3,4\n.5,.6,.8,.8,.9\n.4,.5,.6,.7,.8\n", (2, 5), "read as 2 x 5 samples, line 1 taken as header"),
        ("2019,2021,2022,2030\n.5,.6,.8,.8\n", (2, 4), "line 1 holds whole numbers, as no other line does"),
        ("0\n1.5\n2.5\n", (3,), "line 1 holds whole numbers, as no other line does"),
        ("0,10,20,30\n5,6,8,8\n", (2, 4), "line 1 is evenly spaced, as coordinates are"),
        ("9,0,10,20,30\n7,5,6,8,8\n", (2, 5), "line 1 is evenly spaced, as coordinates are"),
        ("9,1,4,5\n0,5,6,8\n1,5,5,5\n2,3,3,3\n", (4, 4), "column 1 is evenly spaced, as coordinates are"),
    ],
)
def test_a_line_that_may_mean_something_else_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, shape: tuple[int, ...], said: str
) -> None:
    file = write(tmp_path / "t.csv", text)
    found = read_data(file)
    assert found.array.shape == shape
    assert any(said in note for note in found.notes)
    assert main(["verify", file, "--tol", "1000", "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.err.count("note: ") == len(found.notes)
    assert said in told.err
    assert mg.target(found.array, notes=found.notes).describe()["notes"] == list(found.notes)


@pytest.mark.parametrize("text", ["1,2,3.5,4\n5,6,7,9\n", "1\n2.5\n7\n", "0.5\n1\n2\n", "3,1,2,2\n1,5,1,0\n"])
def test_a_table_that_means_one_thing_is_read_without_a_word(tmp_path: Path, text: str) -> None:
    assert read_data(write(tmp_path / "t.csv", text)).notes == ()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([(1, 2.0)] * 3, dtype=[("a", "i4"), ("b", "f8")]), "records with fields"),
        (np.zeros(3, dtype=np.longdouble), "meaning depends on the machine"),
        (np.array(["2020-01-01"] * 3, dtype="M8[D]"), "which are no numbers"),
        (np.array([1j, 2]), "complex numbers"),
        (np.array([1, 2**53 + 1], dtype=np.uint64), "beyond 2.53"),
    ],
)
def test_arrays_that_are_no_numbers_are_refused(tmp_path: Path, array: Any, said: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(MgdlError, match=said):
        mg.target(read_data(str(tmp_path / "a.npy")).array)


def test_several_arrays_in_one_npy_are_not_read_as_the_first(tmp_path: Path) -> None:
    with open(tmp_path / "a.npy", "wb") as file:
        np.save(file, np.arange(3.0))
        np.save(file, np.arange(4.0))
    with pytest.raises(OptionError, match="bytes follow the array; keep one array in a file"):
        read_data(str(tmp_path / "a.npy"))


def test_what_an_archive_holds_beside_its_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", relief=np.eye(3), nodata=np.array(-9999.0))
    assert read_data(str(tmp_path / "a.npz")).notes == ("beside 'relief', 'nodata' in the file are not looked at",)
    assert read_data(str(tmp_path / "a.npz") + ":relief").notes == ()


def test_a_member_that_is_no_array_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", b"no array")
        file.writestr("y.txt", b"text")
    for name, said in (
        ("a.npz", "x: it is no NumPy array"),
        ("a.npz:x", "no NumPy array"),
        ("a.npz:y", "no array 'y'"),
    ):
        with pytest.raises(OptionError, match=said):
            read_data(str(tmp_path / name))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f2", ">f4", ">f8", "<u8", ">i2", "|i1", "|b1"])
def test_every_kind_and_order_of_numbers_is_read_as_written(tmp_path: Path, kind: str, order: Any) -> None:
    array = np.asarray(np.array([[0, 1, 1], [1, 0, 0]]).astype(kind), order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array)
    for name in ("a.npy", "a.npz"):
        found = read_data(str(tmp_path / name)).array
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)


def test_arrays_that_may_mean_something_else_are_named() -> None:
    pairs = np.column_stack([np.arange(5.0), np.ones(5)])
    for data, said in (
        (np.array([True, False]), "truth values are taken as 0 and 1"),
        (np.zeros((9, 9, 3)), "third variable, not as colours"),
        (pairs, "5 x 2 samples of two variables, not as coordinates"),
        (Labelled(), "labels of rows and columns are not looked at"),
    ):
        assert any(said in note for note in mg.target(data).describe()["notes"])
    assert mg.target(np.eye(3)).describe()["notes"] == []


class Labelled:
    """A table of another library, with labels."""

    columns = ("a", "b")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.eye(2)


def test_numbers_that_a_list_would_lose_are_refused() -> None:
    with pytest.raises(TargetError, match=r"index \(1,\) is 9007199254740993; binary64 does not hold it"):
        mg.target([1.5, 2**53 + 1])
    with pytest.raises(TargetError, match="masked"):
        mg.target([np.ma.masked_array([1.0, 2.0], [0, 1]), np.ma.masked_array([1.0, 2.0], [0, 0])])
    assert mg.target([1.5, 2**53])([1.0]).tolist() == [2.0**53]


def test_names_of_variables_fit_the_axes() -> None:
    with pytest.raises(OptionError, match="variables: expected 1 name"):
        mg.target([1.0, 2.0], variables=["x", "y"])


def png(width: int, height: int, bits: int, kind: int, rows: bytes, more: bytes = b"") -> bytes:
    """A PNG file, written by hand."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(pixels: bytes, width: int, height: int, bits: int, form: int, photometric: int = 1, samples: int = 1) -> bytes:
    """A TIFF file of one strip, written by hand."""
    tags = [(256, 3, 1, width), (257, 3, 1, height), (259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, 8)]
    tags += [(277, 3, 1, samples), (278, 3, 1, height), (279, 4, 1, len(pixels))]
    after = 8 + len(pixels)
    lists = b"" if samples < 3 else struct.pack("<6H", *[bits] * 3, *[form] * 3)
    place = [(bits, form)] if samples < 3 else [(after, after + 6)]
    tags += [(258, 3, samples, place[0][0]), (339, 3, samples, place[0][1])]
    start = after + len(lists)
    out = b"II*\0" + struct.pack("<I", start) + pixels + lists + struct.pack("<H", len(tags))
    return out + b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags)) + struct.pack("<I", 0)


DEEP = {
    "rgb.png": png(3, 2, 16, 2, (b"\0" + struct.pack(">9H", *range(1000, 1009))) * 2),
    "rgba.png": png(3, 2, 16, 6, (b"\0" + struct.pack(">12H", *range(1000, 1012))) * 2),
    "grey-alpha.png": png(3, 2, 16, 4, (b"\0" + struct.pack(">6H", *range(1000, 1006))) * 2),
    "rgb.tif": tiff(struct.pack("<18H", *range(1000, 1018)), 3, 2, 16, 1, 2, 3),
}
"""Images of more than 8 bits a channel."""


@pytest.mark.parametrize("name", DEEP)
def test_colours_of_sixteen_bits_are_read_in_full_or_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(DEEP[name])
    if name == "grey-alpha.png":
        with pytest.raises(
            OptionError, match=r"16 bits of an image of mode \w+ would be cut to 8; save one channel as a grey image"
        ):
            read_data(str(tmp_path / name))
        return
    step, lower_row = (4, 1000) if name == "rgba.png" else (3, 1009 if name.endswith("tif") else 1000)
    red, blue = (read_data(str(tmp_path / name), channel).array for channel in ("red", "blue"))
    assert red[:, 0].tolist() == [lower_row + step * k for k in range(3)]
    assert blue[:, 1].tolist() == [1002 + step * k for k in range(3)]


def test_grey_of_every_width_is_read_as_written(tmp_path: Path) -> None:
    files = {
        "16.png": (
            png(3, 2, 16, 0, b"\0" + struct.pack(">3H", 1, 2, 7123) + b"\0" + struct.pack(">3H", 4, 5, 65535)),
            7123,
        ),
        "i1.tif": (tiff(struct.pack("<6b", 1, 2, -3, 4, 5, -128), 3, 2, 8, 2), -3),
        "u2.tif": (tiff(struct.pack("<6H", 1, 2, 65535, 4, 5, 6), 3, 2, 16, 1), 65535),
        "i2.tif": (tiff(struct.pack("<6h", 1, 2, -300, 4, 5, 6), 3, 2, 16, 2), -300),
        "u4.tif": (tiff(struct.pack("<6I", 1, 2, 2**32 - 5, 4, 5, 6), 3, 2, 32, 1), 2**32 - 5),
        "i4.tif": (tiff(struct.pack("<6i", 1, 2, -(2**31), 4, 5, 6), 3, 2, 32, 2), -(2**31)),
        "f4.tif": (tiff(struct.pack("<6f", 1, 2, -0.5, 4, 5, 6), 3, 2, 32, 3), -0.5),
    }
    for name, (raw, value) in files.items():
        (tmp_path / name).write_bytes(raw)
        found = read_data(str(tmp_path / name))
        assert found.array.shape == (3, 2)
        assert float(found.array[2, 1]) == value  # the last pixel of the upper row
        assert found.notes == ()


@pytest.mark.parametrize(
    ("mark", "kind"), [("-9999", "f4"), ("nan", "f4"), ("-3.4028234663852886e+38", "f4"), ("0", "u1")]
)
def test_pixels_that_the_file_calls_empty_are_no_heights(tmp_path: Path, mark: str, kind: str) -> None:
    from PIL import Image, TiffImagePlugin

    heights = (100 + np.add.outer(np.arange(8), np.arange(6))).astype(kind)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[42113] = mark
    tags.tagtype[42113] = 2
    file = str(tmp_path / "dem.tif")
    Image.fromarray(heights).save(file, tiffinfo=tags)
    assert read_data(file).array.shape == (6, 8)
    heights[2, 3] = heights[7, 0] = float(mark)
    Image.fromarray(heights).save(file, tiffinfo=tags)
    with pytest.raises(OptionError, match=r"2 pixels marked as holes \(GDAL_NODATA\), first at index \(0, 0\)"):
        read_data(file)
    assert main(["verify", file, "--quiet"]) == 2


def test_what_becomes_of_an_image_is_said(tmp_path: Path) -> None:
    from PIL import Image, TiffImagePlugin

    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    turned = Image.Exif()
    turned[274] = 6
    scaled = TiffImagePlugin.ImageFileDirectory_v2()
    scaled[42112] = '<GDALMetadata><Item name="SCALE" sample="0" role="scale">0.1</Item></GDALMetadata>'
    scaled.tagtype[42112] = 2
    grey, alpha = Image.fromarray(pixels[..., 0]), np.dstack([pixels, pixels[..., 0]])
    for name, image, options, said in [
        ("rgb.png", Image.fromarray(pixels), {}, "luminance of a colour image"),
        ("rgba.png", Image.fromarray(alpha), {}, "transparency is not looked at"),
        ("clear.png", grey, {"transparency": 0}, "transparency is not looked at"),
        ("palette.png", Image.fromarray(pixels).convert("P"), {}, "colours of a palette, not the numbers"),
        ("cmyk.tif", Image.fromarray(pixels).convert("CMYK"), {}, "CMYK made RGB, in whole numbers"),
        ("one.png", grey.convert("1"), {}, "pixels of one bit"),
        ("turned.jpg", grey, {"exif": turned}, "turned as its EXIF orientation says"),
        ("scaled.tif", Image.fromarray(pixels[..., 0].astype("f4")), {"tiffinfo": scaled}, "a scale or an offset"),
    ]:
        image.save(tmp_path / name, **options)
        assert any(said in note for note in read_data(str(tmp_path / name)).notes), name
    (tmp_path / "four.png").write_bytes(png(2, 2, 4, 0, b"\0\x12\0\x34"))
    found = read_data(str(tmp_path / "four.png"))
    assert found.notes == ("pixels of 4 bits, scaled to 0 to 255",)
    (tmp_path / "white.tif").write_bytes(tiff(bytes([0, 1, 2, 255]), 2, 2, 8, 1, photometric=0))
    found = read_data(str(tmp_path / "white.tif"))
    assert "white as 0" in found.notes[0]
    assert found.array[0, 1] == 255
    grey.save(tmp_path / "grey.png")
    assert read_data(str(tmp_path / "grey.png")).notes == ()


@pytest.mark.parametrize("ending", ["jpg", "tif", "png"])
def test_an_image_stands_as_its_orientation_says(tmp_path: Path, ending: str) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 3  # turned by half
    Image.fromarray(np.full((16, 8), 9, dtype=np.uint8)).save(tmp_path / f"plain.{ending}")
    rows = np.repeat(np.array([0] * 8 + [200] * 8, dtype=np.uint8)[:, None], 8, axis=1)
    Image.fromarray(rows).save(tmp_path / f"a.{ending}", exif=exif)
    found = read_data(str(tmp_path / f"a.{ending}"))
    assert found.array.shape == (8, 16)
    assert found.array[0, -1] > 150 > 50 > found.array[0, 0]
    assert found.notes == ("turned as its EXIF orientation says",)


def test_images_run_to_the_right_and_up(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    colours = np.stack([pixels, pixels * 2, pixels * 3], axis=-1)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    grey, name, *_ = read_data(str(tmp_path / "grey.png"))
    assert (grey.shape, name) == ((4, 3), "grey.png")
    assert (grey[0, 0], grey[3, 0], grey[0, 2]) == (8, 11, 0)
    green, name, *_ = read_data(str(tmp_path / "colour.png"), "green")
    assert (green[3, 0], name) == (22, "colour.png, green")
    assert read_data(str(tmp_path / "colour.png"))[0][3, 0] == pytest.approx(11 * (0.299 + 2 * 0.587 + 3 * 0.114))
    write(tmp_path / "text.png", "no image")
    for name, channel, said in [
        ("text.png", None, "not an image"),
        ("grey.png", "red", "grey image"),
        ("colour.png", "sepia", "expected one of"),
    ]:
        with pytest.raises(OptionError, match=said):
            read_data(str(tmp_path / name), channel)


def test_functions_are_read_from_a_file_that_is_run(tmp_path: Path) -> None:
    write(tmp_path / "helper.py", "TWO = 2\n")
    source = write(tmp_path / "own.py", "from helper import TWO\ndef f(x):\n    return TWO * x\nnumber = 3\n")
    f, omega, mp = read_functions(source + ":f", "f")
    assert (f(3), omega(1) if omega else None, mp) == (6, 2, None)
    leaves = write(tmp_path / "leaves.py", "raise SystemExit(0)\n")
    broken = write(tmp_path / "broken.py", "def f(x:\n")
    for name, said in [
        (source, "name the function too"), (source + ":g", "no function 'g'"),
        (source + ":number", "no function 'number'"), (leaves + ":f", "cannot be run: SystemExit"),
        (broken + ":f", "SyntaxError"), ("none.py:f", "there is no file"),
    ]:  # fmt: skip
        with pytest.raises(OptionError, match=said):
            read_functions(name)


# -- the command line ------------------------------------------------------------------------------


def test_the_command_proves_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "d.npy", samples((9, 7), 1))
    table = write(tmp_path / "t.csv", "height\n" + "\n".join(map(str, range(0, 40, 4))))
    own = write(
        tmp_path / "own.py", "import numpy as np\ndef f(x):\n    return abs(np.sin(3*x))\ndef w(t):\n    return 3*t\n"
    )
    assert main(["verify", str(tmp_path / "d.npy"), "--domain", "0", "8", "0", "6"]) == 0
    assert "f = d.npy (9 x 7 samples) on [0, 8] x [0, 6]" in capsys.readouterr().out
    assert main(["verify", table, "--tol", "0.5", "--quiet"]) == 0
    assert main(["verify", own + ":f", "--lipschitz", "3"]) == 0
    said = capsys.readouterr()
    assert "this runs the code of" in said.err
    assert "taken on trust: |f(x) - f(y)| <= 3 |x - y|" in said.out
    assert "PROVED: own.py:f with |f(x) - f(y)| <= 3 |x - y| on [0, 1]" in said.out
    assert main(["verify", own + ":f", "--modulus", "w", "--concave", "--value-error", "0", "1e-12", "--quiet"]) == 0
    assert main(["verify", own + ":f", "--holder", "3", "1", "--tol", "0.1", "--quiet"]) == 0
    assert main(["verify", own + ":f", "--quiet", "--tol", "0.1"]) == 3
    assert "a proof needs a modulus" in capsys.readouterr().out
    assert main(["draw", table, "--tol", "0.5", "--out", str(tmp_path / "net.svg")]) == 0
    assert (
        main(["export", own + ":f", "--lipschitz", "3", "--tol", "0.2", "--to", str(tmp_path / "n.npz"), "--quiet"])
        == 0
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sin(x)", "--lipschitz", "1"], "--lipschitz: it belongs to a Python function"),
        (["sin(x)", "--channel", "red"], "--channel: it belongs to an image"),
        (["data.npy"], "there is no file"),
        (["none.py:f"], "there is no file"),
        (["t.csv", "--channel", "red"], "only an image has channels"),
        (["t.csv", "--concave"], "--concave: it belongs to a Python function"),
        (["t.csv", "--certificate", "c.json"], "the format holds formulas only"),
        (["own.py:f", "--lipschitz", "1"], "contradicts"),
        (["own.py:f", "--lipschitz", "1", "2"], "gives no real number"),
        (["own.py:f", "--lipschitz", "1", "2", "--domain", "0", "1", "0", "1", "0", "1"], "expected one constant"),
        (["own.py:f", "--modulus", "omega"], "defines no function 'omega'"),
    ],
)
def test_the_command_says_what_is_wrong(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.csv", "1\n2\n4\n")
    write(tmp_path / "own.py", "def f(x):\n    return 3 * x\n")
    assert main(["verify", *words]) == 2
    assert said in capsys.readouterr().err
