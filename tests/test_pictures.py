"""Pictures hold what they claim to show: every curve, polygon and pixel is held against the record it is drawn from."""

from __future__ import annotations

import importlib.util
import itertools
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory import OptionError, Report, Scheme, SchemeError
from mgdl_theory.cli import main
from mgdl_theory.levels import replay
from mgdl_theory.pictures import KINDS, cells, curves, drawn, fields, rates, save_drawing, save_plot, style, svg
from mgdl_theory.text import ranges_text
from mgdl_theory.training import TrainedGrade, TrainedModel
from mgdl_theory.verification.record import LeafBlock
from mgdl_theory.verification.verdict import Verdict
from notebooks.lessons import careless

ROOT = Path(__file__).resolve().parents[1]


def built(text: str, tol: float, domain: Any = None, **more: Any) -> Report:
    return mg.verify(mg.construct(mg.target(text, domain), tol, **more), norms=[1, 2])


ONE = built("sin(10*x)*exp(-x)", 1e-2)
MOVED = built("x**2-0.3", 1e-2, [-1, 2], lift="-2")
TWO = built("sin(6*x)*cos(5*y)+exp(-x*y)", 0.1, lift="none")
FLAT = built("x/2+2*y**2", 0.2, [0, 2, 1, 2])
THREE = built("x*y*z+x", 0.3)
REPORTS = {"one": ONE, "moved": MOVED, "two": TWO, "flat": FLAT, "three": THREE}
CASES = [
    (name, kind)
    for name in ("one", "two", "three")
    for kind in KINDS
    if REPORTS[name].scheme.dim in KINDS[kind].dims and "scheme" in KINDS[kind].of
]
each_report = pytest.mark.parametrize("name", ["one", "moved"])


def polygons(ax: Any) -> list[np.ndarray]:
    """Vertices of every polygon of every collection on Axes, without the point that closes it."""
    from matplotlib.collections import PolyCollection

    found = [c for c in ax.collections if type(c) is PolyCollection]
    return [path.vertices[:-1] for c in found for path in c.get_paths()]


def area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


# -- curves ----------------------------------------------------------------------------------------


@each_report
def test_the_residual_that_is_drawn_is_the_residual(name: str) -> None:
    report = REPORTS[name]
    count = len(report.scheme.grades)
    page = drawn(report, "residuals", most=count + 1)
    assert len(page.axes) == count + 1
    for k, ax in enumerate(page.axes):
        lines = {line.get_label(): line for line in ax.get_lines()}
        x, e = lines["$e_k$"].get_data()
        assert np.array_equal(e, report.scheme.residual(x, k))
        if k:
            assert np.array_equal(lines["$e_{k-1}$"].get_ydata(), report.scheme.residual(x, k - 1))
        assert set(lines["proved bound of $\\Vert e_k\\Vert$"].get_ydata()) == {report.rows[k].residual_sup_upper}


def envelope_holds(report: Report) -> bool:
    edges, bounds = curves.leaf_envelope(report)
    x = curves.sample_points(report.scheme)
    leaf = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(bounds) - 1)
    return bool(np.all(np.abs(report.scheme.residual(x)) <= bounds[leaf] * (1 + 1e-12)))


@each_report
def test_the_proved_envelope_contains_the_last_residual_and_tiles_the_domain(name: str) -> None:
    report = REPORTS[name]
    edges, bounds = curves.leaf_envelope(report)
    box = report.scheme.target.box
    assert (edges[0], edges[-1]) == (float(box.lower[0]), float(box.upper[0]))
    assert np.all(np.diff(edges) > 0)
    widths = np.concatenate([np.full(len(b.cells), 0.5**b.level) for b in report.leaves()])
    assert sorted(np.diff(edges) / float(box.upper[0] - box.lower[0])) == pytest.approx(sorted(widths))
    assert envelope_holds(report)
    half = replace(
        report, covers={len(report.scheme.grades): tuple(replace(b, bounds=b.bounds / 2) for b in report.leaves())}
    )
    assert not envelope_holds(half)
    (band,) = drawn(report, "residuals", grade=len(report.scheme.grades)).axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert set(np.abs(heights)) <= {*bounds, 0.0}
    assert (heights.max(), -heights.min()) == (bounds.max(), bounds.max())


@each_report
def test_the_approximants_that_are_drawn_are_those_of_the_grades(name: str) -> None:
    scheme = REPORTS[name].scheme
    lines = {line.get_label(): line.get_data() for line in drawn(scheme, "approximants").axes[0].get_lines()}
    x, f = lines.pop("$f$")
    assert np.array_equal(f, scheme.target(x))
    numbers = [int(re.findall(r"\d+", label)[0]) for label in lines]
    assert numbers[0] == 0
    assert numbers[-1] == len(scheme.grades)
    for k, (_, y) in zip(numbers, lines.values(), strict=True):
        assert np.array_equal(y, scheme(x, k))


def test_curves_have_corners_where_the_grades_have_theirs() -> None:
    x = curves.sample_points(ONE.scheme, 10)
    for grade in ONE.scheme.grades:
        t = grade.atoms.nodes[:, 0] / 2.0**grade.level
        assert np.isin(np.concatenate([t, np.minimum(t + 0.5**grade.level, 1)]), x).all()


def test_steps_are_the_approximants_bit_for_bit() -> None:
    for report in REPORTS.values():
        x = report.scheme.target.box.from_unit(np.random.default_rng(0).random((50, report.scheme.dim)))
        found = report.scheme.steps(x)
        assert all(np.array_equal(g, report.scheme(x, k)) for k, g in enumerate(found))
        assert len(found) == len(report.scheme.grades) + 1


# -- norms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_norms_are_the_certified_ones_and_those_of_the_theorems(name: str) -> None:
    report = REPORTS[name]
    ax = drawn(report, "norms").axes[0]
    bars = {c.get_label().split(":")[0]: c for c in ax.containers}
    assert list(bars) == ["$\\Vert e_k\\Vert$", "$\\Vert e_k\\Vert_{1}$", "$\\Vert e_k\\Vert_{2}$"]
    wanted = [[(r.residual_sup_lower, r.residual_sup_upper) for r in report.rows]]
    wanted += [[r.norms[n][1:] for r in report.rows] for n in (0, 1)]
    for container, pairs in zip(bars.values(), wanted, strict=True):
        marks, _, (segments,) = container.lines
        for (lower, upper), y, ends in zip(pairs, marks.get_ydata(), segments.get_segments(), strict=True):
            assert y == upper == ends[-1][1]
            assert ends[0][1] == pytest.approx(lower) or not lower
    for theorem, column in (("A", "theorem_a"), ("B", "theorem_b")):
        lines = [line for line in ax.get_lines() if f"Theorem {theorem}" in str(line.get_label())]
        finite = [(r.grade, getattr(r, column)) for r in report.rows if math.isfinite(getattr(r, column))]
        assert [tuple(p) for line in lines for p in line.get_xydata() if math.isfinite(p[1])] == finite


def test_the_rate_in_the_legend_is_that_over_the_grades_which_it_names() -> None:
    rows = ONE.rows
    (text,) = [c.get_label() for c in drawn(ONE, "norms").axes[0].containers if "Vert_" not in c.get_label()]
    factor, *named = re.findall(r"[\d.]+", text.partition(": factor ")[2])
    first, last = map(int, named or (1, len(rows) - 1))
    assert last - first >= 4
    ratio = rows[last].residual_sup_upper / rows[first].residual_sup_upper
    assert factor == f"{ratio ** (1 / (rows[last].level - rows[first].level)):.2f}"


@given(st.lists(st.floats(1e-6, 1e6), min_size=6, max_size=6))
def test_a_factor_per_level_is_of_grades_that_fall_and_ends_where_they_end(values: list[float]) -> None:
    rows = [replace(ONE.rows[0], grade=k, level=k) for k in range(6)]
    first, last, factor = rates.falling(rows, values)
    steps = [b / a for a, b in itertools.pairwise(values)]
    if not first:
        assert math.isnan(factor)
        assert all(step > rates.FLAT for step in steps[1:])
        return
    assert factor == pytest.approx((values[last] / values[first]) ** (1 / (last - first)))
    assert steps[first] <= rates.FLAT
    assert steps[last - 1] <= rates.FLAT
    assert not any(a > rates.FLAT and b > rates.FLAT for a, b in itertools.pairwise(steps[first:last]))


def test_a_plateau_has_no_factor() -> None:
    rows = [replace(ONE.rows[0], grade=k, level=k) for k in range(9)]
    assert rates.falling(rows, [9.0, 8.0, 4.0, 2.0, 1.0, 0.99, 0.98, 0.98, 0.98]) == (1, 4, 0.5)
    assert math.isnan(rates.falling(rows, [9.0] + [1.0] * 8)[2])
    report = built("sin(10*x)*exp(-x)", 1e-3)
    label = next(c.get_label() for c in drawn(report, "norms").axes[0].containers if "_{1}" in c.get_label())
    upper = [row.norms[0][2] for row in report.rows]
    first, last = map(int, re.search(r"grades (\d+) to (\d+)", label).groups())  # type: ignore[union-attr]
    assert (first, last) == (1, 7)
    assert min(upper[last:]) > 0.8 * upper[last]


# -- bounds that are none --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stall() -> Report:
    """Balanced grades that lose their uniform convergence, so that Theorem A is not shown to hold from grade 5 on."""
    return mg.verify(careless(mg.target("sin(6*x)*cos(5*y)+exp(-x*y)"), tol=0.1, last_level=8))


def test_a_bound_of_a_theorem_is_drawn_only_where_it_is_shown_to_hold(stall: Report) -> None:
    broken = [r.grade for r in stall.rows if r.residual_sup_upper > r.theorem_a]
    assert len(broken) >= 2
    ax = drawn(stall, "norms").axes[0]
    line, crosses = sorted(
        (line for line in ax.get_lines() if re.search("Theorem A|_crosses", str(line.get_label()))),
        key=lambda line: line.get_marker() == "x",
    )
    held = {int(k): v for k, v in line.get_xydata() if math.isfinite(v)}
    assert held
    assert all(stall.rows[k].residual_sup_upper <= v == stall.rows[k].theorem_a for k, v in held.items())
    assert list(crosses.get_xdata()) == broken
    assert f"not shown to hold at grades {ranges_text(broken)}" in str(line.get_label())


def test_a_bound_of_a_theorem_is_not_drawn_across_grades_that_it_says_nothing_of() -> None:
    row = replace(ONE.rows[1], theorem_a=math.inf)
    report = replace(
        ONE, rows=(ONE.rows[0], row, *ONE.rows[2:4], replace(ONE.rows[4], theorem_a=math.inf), *ONE.rows[5:])
    )
    (line,) = [x for x in drawn(report, "norms").axes[0].get_lines() if "Theorem A" in str(x.get_label())]
    assert np.isnan(line.get_ydata()[[0, 1, 4]]).all()  # a gap, which no segment crosses


def test_what_has_no_logarithm_stands_at_the_edge_and_a_lower_bound_of_0_reaches_it() -> None:
    rows = (
        replace(ONE.rows[0], residual_sup_lower=0.0), replace(ONE.rows[1], residual_sup_upper=math.inf),
        *ONE.rows[2:-1], replace(ONE.rows[-1], residual_sup_upper=0.0, residual_sup_lower=0.0),
    )  # fmt: skip
    ax = drawn(replace(ONE, rows=rows), "norms").axes[0]
    assert {(text.get_position()[0], text.get_text()) for text in ax.texts if text.get_text() != "tol"} == {
        (rows[-1].grade, "0"), (1, r"$\infty$")
    }  # fmt: skip
    _, _, (bars,) = ax.containers[0].lines
    assert bars.get_segments()[0][0][1] == 0.0


# -- arcs ------------------------------------------------------------------------------------------


@each_report
def test_a_residual_that_bends_has_eight_pieces_on_every_leaf(name: str) -> None:
    report = REPORTS[name]
    for kind in ("residuals", "residual"):
        page = drawn(report, "residuals", points=9, **({"grade": len(report.rows) - 1} if kind == "residual" else {}))
        x = next(line for line in page.axes[-1].get_lines() if line.get_label() == "$e_k$").get_xdata()
        edges, _ = curves.leaf_envelope(report)
        assert np.histogram((x[1:] + x[:-1]) / 2, edges)[0].min() >= 8


def test_of_too_many_leaves_the_coarsest_are_cut_into_eighths() -> None:
    blocks = [LeafBlock(2, np.array([[2], [3]]), np.ones(2)), LeafBlock(1, np.array([[0]]), np.ones(1))]
    assert curves.eighths(blocks, 2).max() == 0.75
    assert len(np.unique(curves.eighths(blocks))) == 25


# -- atoms -----------------------------------------------------------------------------------------


@each_report
def test_there_is_one_hat_for_every_atom_and_together_they_are_the_grades(name: str) -> None:
    scheme = REPORTS[name].scheme
    ax = drawn(scheme, "atoms").axes[0]
    assert len(polygons(ax)) == scheme.atoms
    x = curves.sample_points(scheme, 301)
    for grade in scheme.grades:
        shapes = cells.hats(scheme.target.box, grade.atoms, float(np.abs(grade.atoms.coefficients).max()), 0.0)
        inner = shapes[:, 1:4]
        total = sum(np.interp(x, p[:, 0] + [-1e-13, 0, 1e-13], p[:, 1], left=0, right=0) for p in inner)
        assert total == pytest.approx(grade.atoms(scheme.target.box.to_unit(x[:, None])), abs=1e-9)


def test_the_star_of_a_node_is_the_support_of_its_atom() -> None:
    box, level = TWO.scheme.target.box, 3
    rng = np.random.default_rng(1)
    for node in ([[3, 5]], [[0, 0]], [[8, 0]], [[8, 4]], [[8, 8]]):
        shapes = cells.stars(box, level, np.array(node))
        atom = mg.Atoms(level, node, [1.0])
        inside = (shapes[:, None] * rng.dirichlet(np.ones(3), 20)[None, :, :, None]).sum(axis=2).reshape(-1, 2)
        assert np.all(atom(inside) > 0)
        grid = (np.stack(np.meshgrid(np.arange(64), np.arange(64)), axis=-1).reshape(-1, 2) + np.array([0.3, 0.6])) / 64
        assert sum(map(area, shapes)) == pytest.approx(np.mean(atom(grid) > 0), abs=2e-2)


def test_what_the_sizes_of_atoms_mean_is_said_and_their_colours_have_a_legend() -> None:
    for report, unit in ((ONE, "row"), (TWO, "panel")):
        page = drawn(report, "atoms")
        (legend,) = [*page.legends, *(ax.get_legend() for ax in page.axes if ax.get_legend())]
        assert f"each {unit} on a scale of its own" in legend.get_title().get_text()
        assert [text.get_text() for text in legend.get_texts()] == ["atom, $c_v > 0$", "atom, $c_v < 0$"]


def test_a_thinned_picture_says_so() -> None:
    assert f"; 6 of {len(ONE.rows)} shown" in drawn(ONE, "approximants").axes[0].get_title(loc="left")
    assert "shown" not in drawn(MOVED, "approximants", grade=2).axes[0].get_title(loc="left")


def test_a_leaf_without_a_bound_is_not_left_white_without_a_word() -> None:
    first = ONE.leaves()[0]
    bounds = np.full(len(first.bounds), np.inf)
    ax = drawn(
        replace(ONE, covers={len(ONE.scheme.grades): (replace(first, bounds=bounds), *ONE.leaves()[1:])}), "mesh"
    ).axes[0]
    assert "pale: no bound" in ax.get_title(loc="left")
    (leaves,) = [c for c in ax.collections if c.get_array() is not None]
    assert leaves.get_cmap().get_bad()[3] == 1.0


def test_there_is_one_mark_for_every_atom_of_two_variables() -> None:
    from matplotlib.collections import PathCollection

    page = drawn(TWO, "atoms")
    for ax, grade in zip(page.axes, TWO.scheme.grades, strict=True):
        marks = [c for c in ax.collections if isinstance(c, PathCollection)]
        signs = [int((np.sign(grade.atoms.coefficients) == s).sum()) for s in (1, -1)]
        assert [len(c.get_offsets()) for c in marks] == signs
        at = np.concatenate([c.get_offsets() for c in marks]) * 2.0**grade.level
        assert {tuple(p) for p in at} == {tuple(p) for p in grade.atoms.nodes.astype(float)}


# -- cells -----------------------------------------------------------------------------------------


def tiles(report: Report) -> bool:
    """Whether every point, of some, lies in exactly one drawn leaf, and the areas add up."""
    scheme = report.scheme
    found = np.array(polygons(drawn(report, "mesh").axes[0]))
    low, high = found[:, 0], found[:, 2]
    if scheme.dim == 1:
        low, high = low[:, :1], high[:, :1]
    x = scheme.target.box.from_unit(np.random.default_rng(2).random((200, scheme.dim)))
    times = np.all((low[:, None] < x) & (x < high[:, None]), axis=2).sum(axis=0)
    sides = [float(b - a) for a, b in zip(scheme.target.box.lower, scheme.target.box.upper, strict=True)]
    return bool(np.all(times == 1)) and math.isclose(np.prod(high - low, axis=1).sum(), math.prod(sides))


@pytest.mark.parametrize("name", ["one", "moved", "two", "flat"])
def test_the_leaves_that_are_drawn_tile_the_domain(name: str) -> None:
    report = REPORTS[name]
    assert tiles(report)
    (drawing,) = [c for c in drawn(report, "mesh").axes[0].collections if c.get_array() is not None]
    assert np.array_equal(drawing.get_array(), np.concatenate([b.bounds for b in report.leaves()]))
    assert len(drawing.get_paths()) == report.leaf_count
    assert drawing.get_clim() == (0.0, max(report.tol, report.residual_sup_upper))
    first = report.leaves()[0]
    lost = replace(first, cells=first.cells[1:], bounds=first.bounds[1:])
    assert not tiles(replace(report, covers={len(report.scheme.grades): (lost, *report.leaves()[1:])}))


def test_a_report_without_leaves_has_no_mesh() -> None:
    with pytest.raises(OptionError, match="stopped early"):
        drawn(replace(ONE, covers={}), "mesh")


@pytest.mark.parametrize("name", ["one", "two"])
def test_every_live_cell_is_in_one_state_and_every_atom_is_marked(name: str) -> None:
    from matplotlib.collections import PathCollection

    scheme = REPORTS[name].scheme
    levels = list(replay(scheme))
    axes = drawn(scheme, "activity").axes
    for level in levels:
        states = np.array(list(cells._states(level).values()))
        assert np.all(states.sum(axis=0) == 1)
    marks = [sum(len(c.get_offsets()) for c in ax.collections if isinstance(c, PathCollection)) for ax in axes]
    count = [len(polygons(ax)) for ax in axes]
    if scheme.dim == 1:
        assert (sum(marks), sum(count)) == (scheme.atoms, sum(len(v.mesh.cells) + 1 for v in levels))
    else:
        assert marks == [np.count_nonzero(v.coefficients) for v in levels]
        assert count == [len(v.mesh.cells) for v in levels]


def test_one_level_can_be_shown_alone() -> None:
    assert len(polygons(drawn(TWO, "activity", level=2).axes[0])) == 16
    with pytest.raises(OptionError, match="level must be from 0 to"):
        drawn(ONE, "activity", level=77)


# -- fields ----------------------------------------------------------------------------------------


def images(page: Any) -> list[Any]:
    return [image for ax in page.axes for image in ax.get_images()]


@pytest.mark.parametrize("name", ["two", "flat"])
def test_heat_maps_are_values_at_the_centres_of_their_pixels(name: str) -> None:
    report = REPORTS[name]
    scheme, n = report.scheme, 8
    f, g, e = images(drawn(report, "heat", size=n))
    (left, right, bottom, top) = f.get_extent()
    assert (left, bottom) == tuple(map(float, scheme.target.box.lower))
    assert (right, top) == tuple(map(float, scheme.target.box.upper))
    for row, column in ((0, 0), (5, 2), (7, 7)):
        x = [[left + (right - left) * (column + 0.5) / n, bottom + (top - bottom) * (row + 0.5) / n]]
        assert f.get_array()[row, column] == pytest.approx(scheme.target(x)[0], rel=1e-12)
        assert g.get_array()[row, column] == pytest.approx(scheme(x)[0], rel=1e-12)
        assert e.get_array()[row, column] == pytest.approx(abs(scheme.residual(x)[0]), abs=1e-12)
    assert f.origin == "lower"
    assert f.get_clim() == g.get_clim()
    assert e.get_clim() == (0.0, report.rows[-1].residual_sup_upper)


def test_residual_maps_end_at_their_proved_bounds_and_contain_the_residual() -> None:
    found = images(drawn(TWO, "residuals", size=16))
    assert len(found) == len(TWO.rows)
    for image, row in zip(found, TWO.rows, strict=True):
        assert image.get_clim() == (0.0, row.residual_sup_upper)
        assert image.get_array().max() <= row.residual_sup_upper
    for before, after in itertools.pairwise(found):
        assert np.all(after.get_array() <= before.get_array() + 1e-12)


def scales(page: Any) -> list[tuple[tuple[float, float], Any]]:
    """Ends of the scale and values of every image of a page in viridis, the colours of f and f_k."""
    return [(image.get_clim(), image.get_array()) for image in images(page) if image.get_cmap().name == "viridis"]


@pytest.mark.parametrize(("name", "kind"), [("two", "approximants"), ("two", "heat"), ("three", "slices")])
def test_the_scale_of_f_and_its_approximants_holds_all_values_that_are_shown(name: str, kind: str) -> None:
    report = REPORTS[name]
    scheme = replace(report.scheme, lift=-3.0)
    for source in (report, scheme):
        found = scales(drawn(source, kind, size=12, **({} if kind == "approximants" else {"grade": 0})))
        ends = {clim for clim, _ in found}
        assert ends == {(min(v.min() for _, v in found), max(v.max() for _, v in found))}
    assert ends.pop()[0] <= -3.0


def test_a_map_in_given_axes_is_on_a_scale_that_holds_it() -> None:
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    mg.plot(replace(TWO.scheme, lift=-3.0), "approximants", ax, grade=0, size=8)
    assert ax.get_images()[0].get_clim()[0] == -3.0


def test_surfaces_of_one_scale_have_one_colour_for_a_height() -> None:
    page = drawn(replace(FLAT.scheme, lift=-3.0), "surface", size=5, grade=0)
    f, g, _ = (ax.collections[0] for ax in page.axes)
    assert f.get_clim() == g.get_clim() == (-3.0, 9.0)


def test_sections_share_the_scale_of_the_residual_where_it_has_no_bound() -> None:
    found = [
        image for image in images(drawn(THREE.scheme, "slices", size=8)) if image.get_cmap().name == style.SEQUENTIAL
    ]
    assert {image.get_clim() for image in found} == {(0.0, max(image.get_array().max() for image in found))}


def test_an_estimate_that_is_exceeded_clips_nothing() -> None:
    low = replace(TWO, rows=tuple(replace(row, residual_sup_upper=1e-9) for row in TWO.rows))
    for image in images(drawn(low, "residuals", size=8)):
        assert image.get_clim()[1] == image.get_array().max()
    one = replace(ONE, rows=tuple(replace(row, residual_sup_upper=1e-9) for row in ONE.rows))
    for ax in drawn(one, "residuals").axes:
        (e,) = [line for line in ax.get_lines() if line.get_label() == "$e_k$"]
        assert ax.get_ylim()[1] >= np.abs(e.get_ydata()).max()


def test_slices_are_sections_of_the_third_axis() -> None:
    found = images(drawn(THREE, "slices", size=8))
    count = len(fields.SECTIONS)
    assert len(found) == 3 * count
    for n, cut in enumerate(fields.SECTIONS):
        x = [[5.5 / 8, 2.5 / 8, float(cut)]]
        wanted = THREE.scheme.target(x)[0], THREE.scheme(x)[0], abs(THREE.scheme.residual(x)[0])
        assert [found[n + row * count].get_array()[2, 5] for row in range(3)] == pytest.approx(wanted)


def test_surfaces_have_the_heights_of_the_functions_and_end_at_the_bound() -> None:
    page = drawn(FLAT, "surface", size=5)
    f, _, e = page.axes
    assert f.get_zlim() == pytest.approx((2.0, 9.0), abs=0.4)
    assert e.get_zlim()[1] == FLAT.residual_sup_upper
    with pytest.raises(OptionError, match="projection"):
        mg.plot(FLAT, "surface", page.add_subplot())


# -- captions --------------------------------------------------------------------------------------


def texts(page: Any) -> str:
    found = [page.get_suptitle(), *(ax.get_title(loc=loc) for ax in page.axes for loc in ("left", "center"))]
    return "\n".join(found)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_picture_names_the_target_and_states_a_verdict(name: str, kind: str) -> None:
    page = drawn(REPORTS[name], kind, **({"size": 9} if kind in ("surface", "slices") else {}))
    if (name, kind) in (("one", "approximants"), ("one", "activity"), ("two", "mesh")):
        page.draw_without_rendering()
    if kind != "network":
        assert REPORTS[name].scheme.target.text in texts(page)
    if kind not in ("network", "activity"):
        assert "PROVED" in texts(page)


def test_a_caption_has_the_verdict_of_its_claim_and_none_for_a_mere_scheme() -> None:
    bad = Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[1]], [2.5])], tol=1.0)
    report = mg.verify(bad)
    assert report.verdict is Verdict.REFUTED
    for kind in ("residuals", "norms", "mesh", "atoms"):
        page = drawn(report, kind)
        assert "REFUTED" in texts(page), kind
        assert ": PROVED" not in texts(page), kind
    for kind in ("atoms", "approximants"):
        assert "PROVED" not in texts(drawn(ONE.scheme, kind))
    for kind in ("residuals", "norms", "mesh"):  # these verify first
        assert "PROVED" in texts(drawn(ONE.scheme, kind))


def test_a_bound_in_a_caption_is_rounded_up() -> None:
    for value in (0.00123401, 0.999, 1.0, 12345.6, 3e-9):
        mantissa, _, exponent = style.bound_text(value).replace("}", "").partition(r"\times 10^{")
        shown = Fraction(mantissa) * Fraction(10) ** int(exponent or 0)
        assert Fraction(value) <= shown <= Fraction(value) * Fraction(101, 100)


def test_texts_that_look_like_formulas_are_set_as_they_are() -> None:
    f = mg.target("x")
    f.text = "costs $5_{ and $6"  # type: ignore[misc]
    page = drawn(Scheme.of(f, 0.0, [mg.Atoms(0, [[1]], [0.5])], 1.0), "approximants")
    page.draw_without_rendering()
    assert r"\$5_{" in texts(page)


def test_a_long_formula_is_cut() -> None:
    scheme = Scheme.of(mg.target("+".join(["x"] * 60)), 0.0, [], 100.0)
    assert len(style.name_of(scheme)) < 100


# -- Axes and figures ------------------------------------------------------------------------------


def test_a_picture_is_drawn_into_the_axes_it_is_given() -> None:
    from matplotlib.figure import Figure

    page = Figure()
    axes = page.subplots(2, 3).ravel()
    for kind, ax in zip(("approximants", "residuals", "norms", "atoms", "mesh", "activity"), axes, strict=True):
        assert mg.plot(ONE, kind, ax) is ax
        assert ax.has_data() or ax.collections
    for kind in ("approximants", "residuals", "atoms", "mesh", "activity", "heat"):
        ax = page.add_subplot()
        assert mg.plot(TWO, kind, ax) is ax
    with pytest.raises(OptionError, match="several panels"):
        mg.plot(THREE, "slices", page.add_subplot())


def test_a_figure_or_part_of_one_is_filled() -> None:
    from matplotlib.figure import Figure

    page = Figure(figsize=(9, 7))
    left, right = page.subfigures(1, 2)
    assert mg.plot(TWO, "heat", left, size=9) is left
    assert mg.plot(ONE, "norms", right).figure is right
    assert tuple(page.get_size_inches()) == (9, 7)


def test_without_axes_a_figure_of_pyplot_is_made_and_settings_stay() -> None:
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    ax = mg.plot(ONE, "norms")
    assert ax.figure is pyplot.gcf()
    assert len(mg.plot(TWO, "atoms").axes) == len(TWO.scheme.grades)
    assert dict(matplotlib.rcParams) == before


def test_an_interactive_mode_chosen_by_the_first_figure_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook switches it on when a figure is made first; without it no later picture would be shown."""
    import matplotlib

    kind = replace(KINDS["norms"], draw=style.own_settings()(lambda *_, **__: matplotlib.interactive(True)))
    monkeypatch.setitem(KINDS, "norms", kind)
    before = matplotlib.is_interactive()
    try:
        mg.plot(mg.construct(mg.target("x"), 0.5), "norms")
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(before)


def test_files_are_drawn_without_pyplot(tmp_path: Path) -> None:
    code = (
        "import sys, mgdl_theory as mg\n"
        "from mgdl_theory.pictures import save_plot\n"
        f"save_plot(mg.construct(mg.target('x'), 0.5), 'norms', r'{tmp_path / 'a.png'}')\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


# -- settings of the user --------------------------------------------------------------------------

HOSTILE = {
    "text.usetex": True, "text.parse_math": False, "axes.formatter.use_locale": True, "path.sketch": (9.0, 99.0, 9.0),
    "path.simplify_threshold": 1.0, "savefig.bbox": "tight", "savefig.transparent": True, "figure.autolayout": True,
    "font.family": "no such font", "image.origin": "upper", "image.cmap": "flag", "lines.linestyle": "none",
    "axes.xmargin": 0.4, "axes.facecolor": "black", "text.color": "white", "legend.loc": "center", "axes.grid": True,
    "figure.dpi": 30.0, "svg.fonttype": "none", "errorbar.capsize": 30.0, "axes.autolimit_mode": "round_numbers",
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_settings_of_the_user_change_no_picture(name: str, kind: str, tmp_path: Path) -> None:
    from matplotlib import rc_context

    more: Any = {"size": 9} if kind in ("surface", "slices", "heat") else {}
    save_plot(REPORTS[name], kind, tmp_path / "a.svg", **more)
    with rc_context(HOSTILE):
        save_plot(REPORTS[name], kind, tmp_path / "b.svg", **more)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_settings_of_the_user_change_no_drawing_of_a_network(tmp_path: Path) -> None:
    from matplotlib import rc_context

    network = TWO.scheme.network()
    save_drawing(network, tmp_path / "a.svg")
    with rc_context(HOSTILE):
        save_drawing(network, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_figure_of_pyplot_can_be_drawn_in_whatever_settings_its_user_has() -> None:
    from matplotlib import rc_context

    with rc_context({"text.usetex": True, "text.latex.preamble": "\\nonsense"}):
        for ax in (mg.plot(ONE, "norms"), mg.plot(ONE, "residuals", grade=1), KINDS["mesh"].draw(ONE)):
            ax.figure.draw_without_rendering()
            assert not any(text.get_usetex() for text in ax.findobj(match=lambda artist: hasattr(artist, "get_usetex")))


@pytest.mark.parametrize(("backend", "commands"), [("nonsense", 6), ("module://no.such.module", 2)])
def test_settings_that_are_none_stop_no_command(backend: str, commands: int, tmp_path: Path) -> None:
    """Each picture in a process of its own settings: a file that names no backend, and TeX that is not there."""
    lines = [
        "text.usetex: True",
        "backend: nonsense",
        "nonsense: 1",
        "path.sketch: 9, 99, 9",
        "text.latex.preamble: \\no",
    ]
    (tmp_path / "matplotlibrc").write_text("\n".join(lines), encoding="utf-8")
    code = (
        "import sys, mgdl_theory as mg\n"
        "from mgdl_theory.cli import main\n"
        "runs = ['plot x --tol 0.3 --kind norms --out a.png', 'plot x*y --tol 0.3 --kind heat --out b.pdf', "
        "'draw x --tol 0.3 --out c.png', 'animate x --tol 0.3 --out d.gif --frames 2', "
        "'report x*y --tol 0.3 --out e.html', "
        "'train x --grades 1 --width 4 --epochs 5 --points 9 --plot f.png']\n"
        f"codes = [main(run.split()) for run in runs[:{commands}]]\n"
        "assert mg.plot(mg.construct(mg.target('x'), 0.3), 'norms').figure\n"
        "sys.exit(0 if not any(codes[:5]) and {*codes} <= {0, 1, 3} else f'codes {codes}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": backend, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "an error of this program" not in done.stdout + done.stderr
    names = ("a.png", "b.pdf", "c.png", "d.gif", "e.html", "f.png")[:commands]
    assert all((tmp_path / name).stat().st_size > 500 for name in names)


def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"# \xff\n")
    done = subprocess.run(
        [sys.executable, "-m", "mgdl_theory", "plot", "x", "--tol", "0.3", "--kind", "norms", "--out", "a.png"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "MATPLOTLIBRC": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "matplotlib cannot read its file of settings" in done.stderr


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "kind", "options", "said"),
    [
        (ONE, "pie", {}, "expected a kind among approximants, residuals"),
        (ONE, "heat", {}, "'heat' is for 2 variables, not 1; for 1 there are approximants"),
        (ONE, "slices", {}, "'slices' is for 3 variables"),
        (TWO, "slices", {}, "for 2 there are .*heat, surface"),
        (THREE, "residuals", {}, "'residuals' is for 1 or 2 variables, not 3; for 3 there are norms, network, slices"),
        (THREE, "mesh", {}, "1 or 2 variables"),
        (ONE, "norms", {"grade": 2}, "'norms' takes no grade"),
    ],
)
def test_what_cannot_be_drawn_is_said_with_what_can(report: Report, kind: str, options: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        mg.plot(report, kind, **options)


def test_grades_endings_and_things_that_there_are_not_are_refused(tmp_path: Path) -> None:
    for kind in ("approximants", "residuals"):
        with pytest.raises(SchemeError, match="grade must be from 0 to"):
            drawn(ONE, kind, grade=99)
    with pytest.raises(OptionError, match="grade 99 has no atoms"):
        drawn(ONE, "atoms", grade=99)
    with pytest.raises(OptionError, match=r"\.svg, \.pdf, \.png, got"):
        save_plot(ONE, "norms", tmp_path / "a.jpeg")
    with pytest.raises(OptionError, match="expected a Scheme or a Report, got str"):
        mg.plot("x**2", "norms")  # type: ignore[arg-type]
    vector = mg.construct(mg.target(["x", "x**2"]), 0.1)
    with pytest.raises(OptionError, match=r"got VectorScheme; each of its components .*components\[0\]"):
        mg.plot(vector, "norms")  # type: ignore[arg-type]
    drawn(vector.components[1], "approximants")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("d", [1, 2])
def test_no_picture_of_a_function_known_at_samples_only_says_that_a_bound_is_proved(d: int) -> None:
    from matplotlib.text import Text

    f = mg.target(lambda *x: sum(x), domain=[0, 1] * d)
    weights = np.ones((1, d)), np.zeros(1), np.array([0.75])
    model = TrainedModel(f.box, (TrainedGrade(weights[:1], weights[1:2], weights[2], 0.0, {"history": [[1, 0.5]]}),))
    for record, name in ((mg.verify(mg.construct(f, 0.3)), "scheme"), (mg.verify(model.on(f)), "trained model")):
        for kind in KINDS:
            if name in KINDS[kind].of and d in KINDS[kind].dims:
                texts = [text.get_text() for text in drawn(record, kind).findobj(Text)]
                said = [text for text in texts if re.search("proved|certified", text, re.IGNORECASE)]
                assert all(re.search("not certified|nothing of it is proved", text) for text in said), (kind, said)


def test_a_scheme_without_grades_can_be_drawn() -> None:
    report = mg.verify(Scheme.of(mg.target("x"), 0.0, [], tol=2.0))
    for kind in ("approximants", "residuals", "norms", "mesh", "activity"):
        drawn(report, kind)
    with pytest.raises(OptionError, match="no atoms"):
        drawn(report, "atoms")


def test_an_exact_scheme_can_be_drawn() -> None:
    """A residual that is 0 has no logarithm and no scale."""
    exact = Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[1]], [1.0])], tol=1.0)
    report = mg.verify(exact)
    for kind in ("approximants", "residuals", "norms", "mesh", "atoms", "activity"):
        drawn(report, kind)
    drawn(report, "norms").draw_without_rendering()
    plane = Scheme.of(mg.target("x+y"), 0.0, [mg.Atoms(0, [[1, 0], [0, 1], [1, 1]], [1.0, 1.0, 2.0])], tol=1.0)
    report = mg.verify(plane)
    for kind in ("residuals", "heat", "mesh"):
        drawn(report, kind)
    drawn(report, "surface", size=3)


# -- files -----------------------------------------------------------------------------------------


def test_every_format_is_written_and_the_same_picture_gives_the_same_file(tmp_path: Path) -> None:
    starts = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}
    for ending, start in starts.items():
        for k in "ab" if ending == "svg" else "a":
            save_plot(MOVED, "mesh", tmp_path / f"{k}.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes().startswith(start)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert not re.search(r'(href|src)="(?!#|data:)', text)
    assert "<dc:date>" not in text


def test_an_svg_element_goes_into_a_page_beside_others() -> None:
    one, other = svg(MOVED, "mesh", "a-"), svg(MOVED, "mesh", "b-")
    page = ElementTree.fromstring(f"<div>{one}{other}</div>")
    identifiers = [element.attrib["id"] for element in page.iter() if "id" in element.attrib]
    assert len(set(identifiers)) == len(identifiers)
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', one + other)
    assert {a or b for a, b in used} <= set(identifiers)


def test_many_cells_are_stored_as_an_image(tmp_path: Path) -> None:
    report = built("sin(6*x)*cos(5*y)+exp(-x*y)", 0.01)
    assert report.leaf_count > cells.VECTORS
    save_plot(report, "mesh", tmp_path / "mesh.svg")
    assert (tmp_path / "mesh.svg").stat().st_size < 200_000


def test_every_figure_of_the_documentation_is_made_by_one_command_and_loads_quickly() -> None:
    spec = importlib.util.spec_from_file_location("make_figures", ROOT / "docs" / "make_figures.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    files = {path.name: path.stat().st_size for path in (ROOT / "docs" / "figures").iterdir()}
    assert set(files) == {*maker.MAKERS, *maker.MEASURED}
    assert max(size for name, size in files.items() if name in maker.MAKERS) < maker.LARGEST
    assert max(files.values()) < 300_000
    assert all((ROOT / command[0]).exists() for command in maker.MEASURED.values())
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    shown = {name for page in pages for name in re.findall(r"figures/([\w.-]+)\)", page.read_text(encoding="utf-8"))}
    assert shown == set(files)


# -- colours ---------------------------------------------------------------------------------------


def luminance(code: Any) -> float:
    from matplotlib.colors import to_rgb

    c = np.array(to_rgb(code))
    return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def test_colour_maps_rise_in_lightness() -> None:
    from matplotlib import colormaps

    for name in (style.SEQUENTIAL, "viridis"):
        assert np.all(np.diff([luminance(colormaps[name](v)) for v in np.linspace(0, 1, 64)]) > 0)


def test_states_of_cells_differ_in_lightness_alone() -> None:
    lights = sorted(luminance(colour) for _, _, colour in cells.STATES)
    assert min(b - a for a, b in itertools.pairwise(lights)) > 0.08


def test_lines_differ_without_colour() -> None:
    ax = drawn(ONE, "approximants").axes[0]
    kinds = [(str(line.get_linestyle()), line._dash_pattern, line.get_linewidth()) for line in ax.get_lines()[:6]]
    assert len(set(map(str, kinds))) == 6
    bars = drawn(built("x**2+1", 0.05, lift="none"), "norms").axes[0]
    marks = [line.get_marker() for line in bars.get_lines() if line.get_marker() not in ("_", "None", "")]
    assert len(set(marks)) == len(marks) >= 4


# -- command line ----------------------------------------------------------------------------------


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def test_plot_draws_a_verified_scheme_of_a_formula_or_a_certificate(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = str(tmp_path / "a.svg")
    code, out, err = called(
        capsys, "plot", "x**2", "--tol", "1e-2", "--kind", "residuals", "--out", name, "--grade", "1"
    )
    assert (code, err) == (0, "")
    assert out[0] == f"{name}: residuals, {Path(name).stat().st_size} bytes"
    assert out[-1].startswith("PROVED: x**2 on")
    certificate = str(tmp_path / "c.json")
    mg.construct(mg.target("x**2"), 1e-2).certificate().save(certificate)
    again = str(tmp_path / "b.svg")
    code, out, _ = called(capsys, "plot", certificate, "--kind", "residuals", "--out", again, "--grade", "1", "--quiet")
    assert (code, len(out)) == (0, 1)
    assert Path(name).read_bytes() == Path(again).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "pie", "--out", "a.svg"], "got 'pie'"),
        (["--kind", "heat", "--out", "a.svg"], "'heat' is for 2 variables"),
        (["--kind", "norms", "--out", "a.bmp"], "got 'a.bmp'"),
        (["--kind", "norms", "--out", "no/such/a.svg"], "no/such"),
        (["--kind", "norms", "--out", "a.svg", "--grade", "1"], "takes no grade"),
        (["--kind", "residuals", "--out", "a.svg", "--grade", "99"], "99"),
    ],
)
def test_plot_refuses_in_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = called(capsys, "plot", "x", "--tol", "0.5", *arguments)
    assert (code, out) == (2, [])
    assert said in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_undecided_picture_is_drawn_and_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    name = str(tmp_path / "a.png")
    code, out, _ = called(capsys, "plot", "sin(10*x)", "--max-level", "5", "--kind", "norms", "--out", name)
    assert code == 3
    assert out[-1].startswith("UNDECIDED:")
    assert Path(name).exists()
