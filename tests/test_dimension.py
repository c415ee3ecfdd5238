"""Many variables: nothing but cost depends on their number, and the estimate of that cost is fair."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.construction import live_bytes
from mgdl_theory.mesh import Mesh, cells_around


def ridge(d: int) -> mg.Target:
    return mg.target(f"sin(3*({' + '.join(f'x{k + 1}' for k in range(d))})/{d})", [0, 1])


@pytest.mark.parametrize("d", range(1, 10))
def test_a_ridge_is_certified_in_up_to_nine_variables(d: int) -> None:
    report = mg.verify(mg.construct(ridge(d), "0.5"))
    assert str(report.verdict) == "PROVED"
    corners = np.array([[0.0] * d, [0.5] * d, [1.0] * d])
    assert np.abs(report.scheme.residual(corners)).max() <= 0.5
    assert report.rows[-1].width == d + 3


def test_a_budget_too_small_for_the_next_level_ends_undecided_with_the_best_bound() -> None:
    report = mg.verify(mg.construct(ridge(6), "0.01", budget=mg.Budget(bytes=1 << 27)))
    assert str(report.verdict) == "UNDECIDED"
    assert "GiB allowed" in report.last_line()
    assert report.residual_sup_upper < 0.1
    assert report.result("balanced").verdict is mg.Verdict.PROVED


@pytest.mark.parametrize(("d", "tol"), [(1, "1e-6"), (2, "1e-3"), (3, "1e-2"), (4, "0.05"), (5, "0.1")])
def test_the_memory_of_a_run_is_near_its_estimate(d: int, tol: str) -> None:
    """Within a factor of 2 or 3, in any dimension; an estimate far too high would stop runs for nothing."""
    f = ridge(d)
    scheme = mg.construct(f, tol)
    meshes = [(record.level, record.cells) for record in scheme.history]
    level, cells = max(meshes, key=lambda pair: pair[1])
    nodes = min(cells * 3**d >> d, (2**level + 1) ** d)
    tracemalloc.start()
    mg.verify(mg.construct(f, tol))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / 2 <= live_bytes(d, cells, nodes) + 2**22
    assert live_bytes(d, cells, nodes) <= 3 * peak


def some_cells(d: int, level: int) -> np.ndarray:
    """Distinct cells, those at the two ends of the domain among them."""
    rng = np.random.default_rng(d)
    low = rng.integers(0, min(3, 1 << level), (12, d))
    return np.unique(np.concatenate([low, (1 << level) - 1 - low]), axis=0)


@pytest.mark.parametrize(("d", "level"), [(1, 4), (2, 3), (3, 2), (5, 2), (6, 1), (1, 52), (2, 40), (3, 25), (6, 12)])
def test_meshes_are_what_a_dictionary_of_corners_says(d: int, level: int) -> None:
    """Both ways of numbering nodes, packed bit by bit and by ranks."""
    cells = some_cells(d, level)
    mesh = Mesh.of(level, cells)
    masks = [tuple(mask >> a & 1 for a in range(d)) for mask in range(1 << d)]
    corners = [[tuple(int(x) + b for x, b in zip(cell, m, strict=True)) for m in masks] for cell in cells]
    assert [tuple(node) for node in mesh.nodes.tolist()] == sorted(set(itertools.chain(*corners)))
    assert all(
        tuple(mesh.nodes[mesh.corner_node[i, k]]) == node for i, row in enumerate(corners) for k, node in enumerate(row)
    )
    around = {
        cell
        for node in mesh.nodes.tolist()
        for cell in (tuple(x - b for x, b in zip(node, m, strict=True)) for m in masks)
        if all(0 <= x < 1 << level for x in cell)
    }
    assert [tuple(cell) for cell in cells_around(mesh.nodes, level).tolist()] == sorted(around)
    whole = {tuple(cell) for cell in cells.tolist()}
    for node, flag in zip(mesh.nodes.tolist(), mesh.star_is_whole.tolist(), strict=True):
        star = (tuple(x - b for x, b in zip(node, m, strict=True)) for m in masks)
        assert flag == all(c in whole for c in star if all(0 <= x < 1 << level for x in c))
