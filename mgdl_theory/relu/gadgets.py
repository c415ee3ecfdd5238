"""The atom as a block of ReLU layers of fixed width (theory.md, Section 5), as data.

Hidden states are vectors of ``width`` channels; channels 0, ..., d-1 carry the unit coordinates
x_1, ..., x_d >= 0 from layer to layer.  A *gadget* turns them into phi(t), t_a = 2^l x_a - i_a, in a
fixed number of layers.  Its weights depend on the atom in one way only:

    W_j = 2^l scaled_j + fixed_j,    b_j = index_j i + bias_j,

so one record serves every level l and every node i.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.targets.base import FloatArray

GADGETS = ("wide", "general", "narrow")


@dataclass(frozen=True, slots=True, eq=False)
class Gadget:
    """Layers that compute one hat from carried coordinates.

    Attributes
    ----------
    name : "general" or "narrow"
    scaled, fixed : float64 (depth, width, width)
    index : float64 (depth, width, d)
    bias : float64 (depth, width)
        All entries are small integers.  ``scaled`` and ``index`` belong together: a row with the weights
        2^l u on the coordinates has the offset -u i, so it reads u t.
    phi : int
        Channel that holds phi(t) after the last layer.
    words : tuple (depth) of tuples (width - d) of str
        What each channel behind the coordinates carries after each layer.
    """

    name: str
    scaled: FloatArray
    fixed: FloatArray
    index: FloatArray
    bias: FloatArray
    phi: int
    words: tuple[tuple[str, ...], ...]

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return int(self.index.shape[2])

    @property
    def depth(self) -> int:
        """Hidden layers per atom."""
        return len(self.bias)

    @property
    def width(self) -> int:
        """Channels per hidden layer."""
        return int(self.bias.shape[1])


@cache
def gadget(d: int, name: str = "wide") -> Gadget:
    """The block of one atom in d variables.

    "general" keeps the two running maxima S_a = max(0, t_1..t_a) and U_a = max(0, -t_1..-t_a) by

        S_a = t_a + ReLU(S_{a-1} - t_a),    U_a = -t_a + ReLU(U_{a-1} + t_a),

    so that phi = ReLU(1 - S_d - U_d): width d + 2, depth d + 1.  "narrow" keeps a running minimum M of the
    d (d + 1) affine pieces L = 1 - t_a + t_b (t_0 = 0) by min(L, M) = L - ReLU(L - M): width d + 1, depth
    d (d + 1).  "wide" is "general" from d = 2 on; for d = 1 it is "narrow", of width 2 and depth 2: as deep
    and less wide.

    >>> g = gadget(2); (g.width, g.depth)
    (4, 3)
    >>> g = gadget(1); (g.width, g.depth)
    (2, 2)
    """
    if d < 1 or name not in GADGETS:
        raise OptionError(f"gadget: expected d >= 1 and one of {', '.join(GADGETS)}, got d = {d} and {name!r}")
    if name == "general" or (name == "wide" and d > 1):
        return _running_maxima(d)
    return _running_minimum(d)


class _Rows:
    """Fills the weights of a gadget row by row, as affine expressions in t and in the channels before."""

    def __init__(self, d: int, depth: int, width: int) -> None:
        self.scaled, self.fixed = np.zeros((depth, width, width)), np.zeros((depth, width, width))
        self.index, self.bias = np.zeros((depth, width, d)), np.zeros((depth, width))
        self.words: list[tuple[str, ...]] = []
        for a in range(d):
            self.fixed[:, a, a] = 1.0  # x_a = ReLU(x_a)

    def t(self, layer: int, row: int, axis: int, factor: float) -> None:
        """Add factor * t_axis, t = 2^l x - i; axis -1 is t_0 = 0."""
        if axis >= 0:
            self.scaled[layer, row, axis] += factor
            self.index[layer, row, axis] -= factor

    def done(self, name: str, phi: int) -> Gadget:
        scaled, fixed, index, bias = map(_immutable, (self.scaled, self.fixed, self.index, self.bias))
        return Gadget(name, scaled, fixed, index, bias, phi, tuple(self.words))


def _immutable(array: FloatArray) -> FloatArray:
    """A copy that nobody can make writable: the record is kept, and so is the proof of it."""
    return np.frombuffer(array.tobytes()).reshape(array.shape)


def _running_maxima(d: int) -> Gadget:
    rows = _Rows(d, d + 1, d + 2)
    upper, lower = d, d + 1
    for a in range(d):
        rows.t(a, upper, a, -1.0)  # ReLU(S_{a-1} - t_a)
        rows.t(a, lower, a, 1.0)  # ReLU(U_{a-1} + t_a)
        if a:
            rows.t(a, upper, a - 1, 1.0)  # S_{a-1} = t_{a-1} + the channel before
            rows.fixed[a, upper, upper] = 1.0
            rows.t(a, lower, a - 1, -1.0)  # U_{a-1} = -t_{a-1} + the channel before
            rows.fixed[a, lower, lower] = 1.0
        before = ", ".join(["0", *(f"t{b + 1}" for b in range(a))])
        rows.words.append(
            (
                f"ReLU(max({before}) - t{a + 1})" if a else "ReLU(-t1)",
                f"ReLU(max({before.replace('t', '-t')}) + t{a + 1})" if a else "ReLU(t1)",
            )
        )
    rows.bias[d, upper] = 1.0  # 1 - S_d - U_d: the two t_d cancel
    rows.fixed[d, upper, [upper, lower]] = -1.0
    rows.words.append(("phi(t), the hat", "0, idle"))
    return rows.done("general", upper)


def _running_minimum(d: int) -> Gadget:
    pieces = [(a, b) for a in range(-1, d) for b in range(-1, d) if a != b]  # 1 - t_a + t_b
    rows = _Rows(d, len(pieces), d + 1)
    for j, (a, b) in enumerate(pieces):
        # M_j = L_j - R_{j-1} is the minimum of the first pieces; R_j = ReLU(L_{j+1} - M_j), at the end ReLU(M_n)
        last = j == len(pieces) - 1
        sign = 1.0 if last else -1.0
        rows.t(j, d, a, -sign)
        rows.t(j, d, b, sign)
        rows.bias[j, d] += sign
        if j:
            rows.fixed[j, d, d] = -sign
        if last:
            rows.words.append(("phi(t), the hat",))
        else:
            rows.t(j, d, pieces[j + 1][0], -1.0)
            rows.t(j, d, pieces[j + 1][1], 1.0)
            rows.bias[j, d] += 1.0
            rows.words.append((f"ReLU({_piece(*pieces[j + 1])} - {_least(pieces[: j + 1])})",))
    return rows.done("narrow", d)


def _least(pieces: list[tuple[int, int]]) -> str:
    words = [_piece(*piece) for piece in pieces]
    return f"({words[0]})" if len(words) == 1 else f"min({', '.join(words)})"


def _piece(a: int, b: int) -> str:
    return "1" + (f" - t{a + 1}" if a >= 0 else "") + (f" + t{b + 1}" if b >= 0 else "")
