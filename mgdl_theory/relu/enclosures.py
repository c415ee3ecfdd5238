"""Enclosures of a trained network at nodes, and of how far it is from linear on cells.

A number known to be within r of m is carried as the pair (m, r), through the maps of ``rigor.products``.
"""

from __future__ import annotations

import numpy as np

from mgdl_theory.mesh import BoolArray, Mesh
from mgdl_theory.relu.trained import TrainedModel
from mgdl_theory.rigor.dyadic import affine, rational
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.products import TINY, Ball, affine_ball
from mgdl_theory.rigor.rounding import add_down, add_up, quiet, sub_down, sub_up
from mgdl_theory.targets.base import FloatArray, IntArray

CHUNK = 1 << 12
"""Experience: nodes or cells handled at a time."""


def grade_enclosures(model: TrainedModel, t: FloatArray) -> list[Interval]:
    """For each grade k an enclosure (n,) of g_k at the unit coordinates t (n, d), floats as the numbers they are."""
    parts = [_grade_enclosures(model, t[i : i + CHUNK]) for i in range(0, len(t), CHUNK)]
    return [Interval(np.concatenate([p.lo for p in ps]), np.concatenate([p.hi for p in ps])) for ps in zip(*parts)]  # noqa: B905


def _grade_enclosures(model: TrainedModel, t: FloatArray) -> list[Interval]:
    out, ball = [], (t, np.zeros_like(t))
    with quiet():
        for grade in model.grades:
            for w, b in zip(grade.weights, grade.biases, strict=True):
                m, r = affine_ball(w, b, ball)
                ball = (np.maximum(m, 0.0), r)  # relu moves no two numbers apart
            if not grade.readout.any():  # a constant, known exactly
                out.append(Interval(np.full(len(t), grade.constant), np.full(len(t), grade.constant)))
                continue
            m, r = affine_ball(grade.readout[None, :], np.array([grade.constant]), ball)
            lo, hi = sub_down(m[:, 0], r[:, 0]), add_up(m[:, 0], r[:, 0])
            known = np.isfinite(lo) & np.isfinite(hi)
            out.append(Interval(np.where(known, lo, -np.inf), np.where(known, hi, np.inf)))
    return out


def bends(model: TrainedModel, level: int, cells: IntArray) -> FloatArray:
    """(K, n): on each simplex T of cell i, |g_k - I_T g_k| <= bend_ki.

    The generalised gradient of g_k on the cell lies in a box with the half widths rho_a, so the bound is
    (h/2) sum_a rho_a, the first-order defect (docs/theory.md).  A neuron whose sign is certain on the cell adds
    nothing to the rho_a but rounding, so a cell without a kink has next to no bend.
    """
    parts = [_bends(model, level, cells[i : i + CHUNK]) for i in range(0, len(cells), CHUNK)]
    return np.concatenate(parts, axis=1)


def _bends(model: TrainedModel, level: int, cells: IntArray) -> FloatArray:
    n, d = cells.shape
    half = 2.0 ** -(level + 1)
    centre: FloatArray = np.ldexp((2 * cells + 1).astype(np.float64), -(level + 1))  # exact to level 51
    value: Ball = (centre, np.zeros((n, d)))
    slope: Ball = (np.tile(np.eye(d, dtype=np.float64), (n, 1, 1)), np.zeros((n, d, d)))  # [cell, axis, feature]
    out = []
    sums = 1 + (d + 4) * 2.0**-52
    with quiet():
        for grade in model.grades:
            for w, b in zip(grade.weights, grade.biases, strict=True):
                m, r = affine_ball(w, b, value)
                jm, jr = affine_ball(w, None, slope)
                reach = (r + half * (np.abs(jm) + jr).sum(axis=1)) * sums
                on, off = m > reach, m < -reach
                value = (np.maximum(m, 0.0), r)
                share: FloatArray = np.where(on, 1.0, np.where(off, 0.0, 0.5))[:, None, :]
                unsure = ~(on | off)[:, None, :]
                jr = np.asarray(
                    np.where(unsure, (0.5 * np.abs(jm) + jr) * sums, np.where(off[:, None, :], 0.0, jr)),
                    dtype=np.float64,
                )
                slope = (np.asarray(share * jm, dtype=np.float64), jr + np.where(unsure, TINY, 0.0))
            if not grade.readout.any():
                out.append(np.zeros(n))
                continue
            _, jr = affine_ball(grade.readout[None, :], None, slope)
            bend = half * jr[:, :, 0].sum(axis=1) * sums
            out.append(np.where(np.isfinite(bend), bend, np.inf))
    return np.stack(out) if out else np.zeros((0, n))


def last_on_cells(model: TrainedModel, mesh: Mesh) -> tuple[Interval, BoolArray]:
    """The last grade at the nodes (m,), exactly but for the rounding of its values, and where the network is affine.

    A neuron that is an affine function of the point on a cell has one sign there if it has one at the corners; if all
    have, layer after layer, the network is affine on the cell.  Their signs are those of integers.
    """
    h, e = mesh.nodes.T.astype(object), np.full(mesh.dim, mesh.level)
    one_piece = np.ones(len(mesh.cells), dtype=np.bool_)
    for grade in model.grades:
        for w, b in zip(grade.weights, grade.biases, strict=True):
            h, e = affine(h, e, w, b)
            at_corners = h.T[mesh.corner_node]
            both = np.any(at_corners > 0, axis=1) & np.any(at_corners < 0, axis=1)
            one_piece &= ~np.any(both, axis=1)
            h = np.maximum(h, 0)
    last = model.grades[-1]
    (values,), (power,) = affine(h, e, last.readout[None, :], np.array([last.constant]))
    ends = [Interval.exact(rational(value, int(power))) for value in values.tolist()]
    return Interval(np.concatenate([e.lo for e in ends]), np.concatenate([e.hi for e in ends])), one_piece


def add(a: Interval, b: Interval) -> Interval:
    """{x + y}."""
    return Interval(add_down(a.lo, b.lo), add_up(a.hi, b.hi))


def subtract(a: Interval, b: Interval) -> Interval:
    """{x - y}."""
    return Interval(sub_down(a.lo, b.hi), sub_up(a.hi, b.lo))
