"""The block of one atom is the hat, exactly, for every level and node at once (theory.md, Section 5).

A gadget reads the coordinates only through t_a = 2^l x_a - i_a, so its channels are functions of t alone and
its entries are small integers.  A *form* is an integer vector (u_0, u_1, ..., u_d) that stands for
u_0 + u_1 t_1 + ... + u_d t_d.

*Minimum of forms.*  Every working channel is kept as z - min A, z a form and A a finite set of forms:

    ReLU(z - min A) = z - min(A with z),    min A + min B = min {a + b}.

So the last pre-activation is min B for a finite set B, and phi(t) = ReLU(min B) is the hat if min B is the
minimum of all 1 - t_a + t_b (t_0 = 0), which is 1 - max(0, t) - max(0, -t).

*Order cones.*  On {t : t_s(0) >= t_s(1) >= ... >= t_s(d)}, s an order of 0, ..., d, the gaps between neighbours
are coordinates >= 0.  If all coefficients of a pre-activation there have one sign, its ReLU is decided; if all
are, the block is one affine map of the gaps, to be compared with 1 - (max - min) = 1 - sum of the gaps.
The (d + 1)! cones cover the space.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np

from mgdl_theory.relu.gadgets import Gadget
from mgdl_theory.targets.base import IntArray

CONES = 720
"""Experience: order cones that are enumerated (d = 5); beyond, the minimum of forms is the only argument."""

Form = tuple[int, ...]


class BlockProof(NamedTuple):
    """Whether a gadget is the hat, and by what argument (or what is missing)."""

    proved: bool
    text: str


@cache
def prove_block(g: Gadget) -> BlockProof:
    """Decide whether a gadget computes the hat for every level and node.

    >>> from mgdl_theory.relu.gadgets import gadget
    >>> prove_block(gadget(2)).proved
    True
    """
    if not reads_t_only(g):
        return BlockProof(False, "the block reads its coordinates otherwise than through t, or does not carry them")
    if not is_hat_by_minima(g):
        return BlockProof(False, "the last pre-activation is not the minimum of the forms 1 - t_a + t_b")
    text = f"the block is the hat: a minimum of forms in {g.depth} layers"
    cones = int(np.prod(np.arange(1, g.dim + 2)))
    if cones <= CONES and is_hat_on_order_cones(g):
        text += f", and affine on each of the {cones} order cones"
    return BlockProof(True, text)


def reads_t_only(g: Gadget) -> bool:
    """Whether coordinates are carried and every other row reads them as u t, with integers u."""
    d = g.dim
    arrays = (g.scaled, g.fixed, g.index, g.bias)
    carried = np.zeros((d, g.width))
    carried[np.arange(d), np.arange(d)] = 1.0
    return bool(
        all(np.array_equal(array, np.rint(array)) for array in arrays)
        and np.array_equal(g.index, -g.scaled[:, :, :d])
        and not g.scaled[:, :, d:].any()
        and (g.fixed[:, :d] == carried).all()
        and not (g.scaled[:, :d].any() or g.bias[:, :d].any() or g.fixed[:, d:, :d].any())
        and not g.fixed[0, d:].any()
    )


# -- minimum of forms ------------------------------------------------------------------------------


class _Less(NamedTuple):
    """The function z - min A."""

    z: Form
    least: frozenset[Form]


def is_hat_by_minima(g: Gadget) -> bool:
    """Whether the block is the hat, by minima of forms; False also where the argument does not apply.

    >>> from mgdl_theory.relu.gadgets import gadget
    >>> is_hat_by_minima(gadget(3, "narrow"))
    True
    """
    zero = (0,) * (g.dim + 1)
    channels = [_Less(zero, frozenset([zero]))] * (g.width - g.dim)
    for j in range(g.depth - 1):
        rows = [_relu(*_row(g, j, row), channels) for row in range(g.dim, g.width)]
        channels = [value for value in rows if value is not None]
        if len(channels) < len(rows):
            return False
    pieces = _sum_of_minima(*_row(g, g.depth - 1, g.phi), channels)
    return pieces is not None and _is_minimum_of_hat(pieces, g.dim)


def _row(g: Gadget, j: int, row: int) -> tuple[Form, list[int]]:
    """The form of a row in t and its weights on the working channels."""
    form = (int(g.bias[j, row]), *(int(u) for u in g.scaled[j, row, : g.dim]))
    return form, [int(w) for w in g.fixed[j, row, g.dim :]]


def _relu(form: Form, weights: list[int], channels: list[_Less]) -> _Less | None:
    """ReLU(form + h) for at most one channel h of weight 1."""
    used = [h for w, h in zip(weights, channels, strict=True) if w]
    if not used:
        return _Less(form, frozenset([form, (0,) * len(form)]))
    if len(used) > 1 or sum(weights) != 1:
        return None
    z = _plus(form, used[0].z)
    return _Less(z, used[0].least | {z})


def _sum_of_minima(form: Form, weights: list[int], channels: list[_Less]) -> set[Form] | None:
    """The forms whose minimum is form - h - h' - ..., for channels of weight -1."""
    used = [h for w, h in zip(weights, channels, strict=True) if w]
    if any(w not in (0, -1) for w in weights):
        return None
    start = _plus(form, *(tuple(-u for u in h.z) for h in used))
    return {_plus(start, *choice) for choice in itertools.product(*(h.least for h in used))}


def _is_minimum_of_hat(pieces: set[Form], d: int) -> bool:
    """Whether min pieces is the minimum of all 1 - t_a + t_b: nothing else, and what lacks is a mean of two present."""
    wanted = {_difference(b, a, d, 1) for a in range(d + 1) for b in range(d + 1)}
    means = {tuple(u + v for u, v in zip(p, q, strict=True)) for p, q in itertools.combinations(pieces, 2)}
    return pieces <= wanted and all(tuple(2 * u for u in p) in means for p in wanted - pieces)


def _difference(a: int, b: int, d: int, constant: int = 0) -> Form:
    """Constant + t_a - t_b, t_0 = 0."""
    form = [constant] + [0] * d
    if a:
        form[a] += 1
    if b:
        form[b] -= 1
    return tuple(form)


def _plus(*forms: Iterable[int]) -> Form:
    return tuple(map(sum, zip(*forms, strict=True)))


# -- order cones -----------------------------------------------------------------------------------


def is_hat_on_order_cones(g: Gadget) -> bool:
    """Whether every ReLU before the last is decided on every order cone, and the last one is the hat's there.

    >>> from mgdl_theory.relu.gadgets import gadget
    >>> is_hat_on_order_cones(gadget(2)), is_hat_on_order_cones(gadget(2, "narrow"))
    (True, False)
    """
    wanted = np.array([1] + [-1] * g.dim)
    for order in itertools.permutations(range(g.dim + 1)):
        last = _on_cone(g, _gaps(order))
        if last is None or not np.array_equal(last, wanted):
            return False
    return True


def _gaps(order: tuple[int, ...]) -> IntArray:
    """(d, d + 1): t_1, ..., t_d as forms in (1, gaps), gap k = t_order(k) - t_order(k+1) >= 0.

    >>> _gaps((1, 0)).tolist(), _gaps((0, 1)).tolist()  # t_1 >= 0 and t_1 <= 0
    ([[0, 1]], [[0, -1]])
    """
    d = len(order) - 1
    place = {axis: k for k, axis in enumerate(order)}
    # t_a = (gaps from a down to the end) - (gaps from 0 down to the end)
    below = np.array([[0] + [int(k >= place[axis]) for k in range(d)] for axis in range(d + 1)])
    return np.asarray(below[1:] - below[0])


def _on_cone(g: Gadget, t: IntArray) -> IntArray | None:
    """The last pre-activation as a form in (1, gaps), or None where a ReLU is not decided."""
    d = g.dim
    one = np.array([1] + [0] * d)
    h = np.zeros((g.width - d, d + 1), dtype=np.int64)
    for j in range(g.depth):
        rows = g.scaled[j, d:, :d].astype(np.int64) @ t + g.fixed[j, d:, d:].astype(np.int64) @ h
        rows += np.outer(g.bias[j, d:].astype(np.int64), one)
        if j == g.depth - 1:
            return np.asarray(rows[g.phi - d])
        low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
        if ((low < 0) & (high > 0)).any():
            return None
        h = np.where(low < 0, 0, rows)
    return None
