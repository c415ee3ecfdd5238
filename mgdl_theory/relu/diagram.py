"""The stair shape of a network as plain geometry, and as TikZ text.

Each grade is one stair: a block of layers that reads only the hidden state of the block below it, and a
readout that falls to the line of partial sums.  A unit is drawn for every channel of a layer, a line for
every weight that is not 0.  Large networks are folded: of a grade the first atom and the last layer are
drawn, of the grades the first ones and the last, with dots for what lies between.

Lengths are centimetres, on the page too if the drawing is not scaled.  Texts are LaTeX, within the part of it
that matplotlib sets as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mgdl_theory.relu.network import Network
from mgdl_theory.text import count

COLOURS = {
    "coordinate": "0072B2",
    "gadget": "D55E00",
    "sum": "009E73",
    "text": "000000",
    "quiet": "767676",
    "frame": "F4F4F4",
}
"""Definition: the blue, the vermillion and the green of Okabe and Ito, told apart by the colour-blind; beside
the colour every kind of unit has its own shape, for prints without colour."""

SIZES = {"normal": 9.0, "small": 7.5}
"""Experience: points; readable when the drawing is printed to scale or at two thirds of it."""

TEX_SIZES = {"normal": r"\fontsize{9}{11}\selectfont", "small": r"\fontsize{8}{9.5}\selectfont"}
"""Definition: the same in LaTeX, whose letters are narrower and which has fonts of whole points only."""

POINTS_PER_CM = 72 / 2.54
"""Definition: points (1/72 inch) per centimetre."""

STEP_X, STEP_Y = 0.62, 0.46
"""Experience: centimetres from layer to layer and from channel to channel."""

RADIUS = 0.11
"""Experience: centimetres from the centre of a unit to its edge."""

IDLE = 0.035
"""Experience: the same for a unit that is always 0."""

GAP, FOLD = 0.9, 2.2
"""Experience: centimetres between two grades that are drawn, and where grades are left out."""

SHOWN_GRADES = 4
"""Experience: that many grades are drawn one by one; of more, the first two and the last."""

SHOWN_LAYERS = 4
"""Experience: an atom of more layers is drawn as its first two and its last."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """A unit: circle, square, diamond, dot or adder (a circle with a plus) about a point."""

    kind: str
    at: Point
    colour: str
    filled: bool = False
    radius: float = RADIUS


@dataclass(frozen=True, slots=True)
class Line:
    """A broken line through points, perhaps dotted, perhaps with an arrow head at its end."""

    points: tuple[Point, ...]
    colour: str
    dotted: bool = False
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle with rounded corners behind everything else."""

    low: Point
    high: Point


@dataclass(frozen=True, slots=True)
class Label:
    """Text at a point; the anchor is the side of the text that lies there (c, w, e, n, s)."""

    text: str
    at: Point
    anchor: str = "c"
    size: str = "small"
    colour: str = "text"


@dataclass(frozen=True, slots=True)
class Diagram:
    """A drawing: frames lie behind lines, lines behind shapes, labels on top; ``low`` and ``high`` bound it."""

    frames: tuple[Frame, ...]
    lines: tuple[Line, ...]
    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]
    low: Point
    high: Point


def diagram(network: Network) -> Diagram:
    """The stair shape of a network.

    >>> import mgdl_theory as mg
    >>> from mgdl_theory.relu.compile import compile_network
    >>> scheme = mg.Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[1]], [1.0])], tol=1.0)
    >>> drawing = diagram(compile_network(scheme, "unit"))  # two layers of two units, and the input
    >>> sum(shape.radius == RADIUS for shape in drawing.shapes) >= 5
    True
    """
    return _Stair(network).drawing()


def text_width(label: Label) -> float:
    """Estimated width of a label in centimetres; an upper estimate for ordinary text."""
    plain = label.text.replace("$", "").replace("\\cdots", "...").replace("\\varphi", "f").replace("\\,", " ")
    plain = plain.replace("\\ldots", "...").replace("_", "").replace("{", "").replace("}", "").replace("\\", "")
    return 0.56 * len(plain) * SIZES[label.size] / POINTS_PER_CM


def text_height(label: Label) -> float:
    """Estimated height of a label in centimetres."""
    return 1.25 * SIZES[label.size] / POINTS_PER_CM


def extent(label: Label) -> tuple[Point, Point]:
    """Estimated corners (low, high) of a label."""
    w, h = text_width(label), text_height(label)
    x = label.at[0] - {"w": 0.0, "e": w}.get(label.anchor, w / 2)
    y = label.at[1] - {"s": 0.0, "n": h}.get(label.anchor, h / 2)
    return (x, y), (x + w, y + h)


# -- layout ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Column:
    """A layer that is drawn, at a place; dots stand before it where layers are left out."""

    layer: int
    x: float
    folded: bool


class _Stair:
    """Lays out one network from left to right, each grade a stair above the one before."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.frames: list[Frame] = []
        self.lines: list[Line] = []
        self.shapes: list[Shape] = []
        self.labels: list[Label] = []
        self.height = (network.width - 1) * STEP_Y
        self.rise = self.height + 1.45
        self.base = -2.05 if network.grades else 0.0  # the line of partial sums
        self.tops: list[tuple[float, float, float]] = []  # left, right, top of every block
        self.atom = 0  # that the last layer drawn belongs to

    def drawing(self) -> Diagram:
        network = self.network
        state = self._inputs()
        x, y, total = 0.5, 0.0, 0.3
        self._label("lift $c_0$", (total - 0.12, self.base), "e", size="normal")
        before = 0
        for k in _shown(network.grades):
            folded = k != before + 1
            if before:
                x += FOLD if folded else GAP
                y += self.rise * (1.6 if folded else 1.0)
            state, right, total = self._grade(k, x, y, state, total, folded, before)
            x, before = right, k
        end = max(x, total) + 0.4
        self._line([(total, self.base), (end, self.base)], "text", arrow=True)
        self._label(f"$f_{{{network.grades}}}$", (end + 0.1, self.base), "w", size="normal")
        self._caption()
        self._legend()
        return self._done()

    def _inputs(self) -> list[tuple[int, Point]]:
        """The input coordinates; returns the (channel, place) of every channel that a first layer may read."""
        state: list[tuple[int, Point]] = []
        for a in range(self.network.dim if self.network.grades else 0):
            at = (-0.25, self._y(0.0, a))
            self._label(f"$x_{{{a + 1}}}$", (at[0] - 0.22, at[1]), "e", size="normal")
            self.shapes.append(Shape("circle", at, "coordinate", filled=True, radius=0.07))
            state.append((a, at))
        return state

    def _grade(
        self, k: int, x: float, y: float, state: list[tuple[int, Point]], total: float, folded: bool, before: int
    ) -> tuple[list[tuple[int, Point]], float, float]:
        """One block with its readout; returns its hidden state, its right end, and the end of the partial sum."""
        network = self.network
        layers = network.layers_of_grade(k)
        columns = _columns(layers, network.layers_per_atom, x + STEP_X)
        last = columns[-1].x if columns else x
        span = Label(_size_of_grade(network, layers), (x + 0.05, y + self.height + 0.9), "w", colour="quiet")
        right, bottom, top = max(last + 0.85, x + text_width(span)), y - 0.34, y + self.height + 0.66
        self.frames.append(Frame((x, bottom), (right, top)))
        self.tops.append((x, right, top))
        self.labels.append(span)
        self._captions(k, x, top, columns)
        if folded and before:
            self._fold_of_grades(before, k, x, y)
        if columns:
            state = self._ports(columns[0].layer, state, (x, y), dotted=folded and bool(before))
        for column in columns:
            state = self._layer(column, y, state)
        total = self._readout(k, state, (last, y), bottom, total, folded and bool(before))
        return [(r, at) for r, at in state if r < network.dim], right, total

    def _ports(
        self, layer: int, state: list[tuple[int, Point]], corner: Point, *, dotted: bool
    ) -> list[tuple[int, Point]]:
        """Channels that the block's first layer reads, led to its left edge: along their lane, then up."""
        x, y = corner
        right = self.tops[-2][1] if len(self.tops) > 1 else None
        ports = []
        for r, (start, lane) in state:
            if not self.network.weights[layer, :, r].any():
                continue
            port = (x, self._y(y, r))
            bend = [] if right is None else [(right, lane)]
            self._line([(start, lane), *bend], "coordinate") if bend else None
            self._line([*(bend or [(start, lane)]), port], self._kind(r), dotted=dotted)
            ports.append((r, port))
        return ports

    def _captions(self, k: int, x: float, top: float, columns: list[_Column]) -> None:
        """Above the block its number; inside, which atom the layers belong to."""
        self._label(f"grade {k}", (x + 0.05, top + 0.6), "w", size="normal")
        drawn = [int(self.network.atom_of_layer[c.layer]) for c in columns]
        for m in sorted(set(drawn)):
            at = [c.x for c, atom in zip(columns, drawn, strict=True) if atom == m]
            low, high, y = min(at) - RADIUS, max(at) + RADIUS, top - 0.27
            self._line([(low, y - 0.12), (low, y - 0.06), (high, y - 0.06), (high, y - 0.12)], "quiet")
            text = f"atom {m + 1}" if m == 0 or len(at) > 1 else f"{m + 1}"
            self._label(text, ((low + high) / 2, y + 0.1), "c", colour="quiet")

    def _layer(self, column: _Column, y: float, state: list[tuple[int, Point]]) -> list[tuple[int, Point]]:
        """The units of a layer and a line for every weight that is not 0; dots where layers are left out."""
        network, j = self.network, column.layer
        width = network.width
        own = [(r, (column.x, self._y(y, r))) for r in range(width)]
        if column.folded:
            inside = self.atom == network.atom_of_layer[j]
            if not inside:
                self._label("$\\cdots$", (column.x - STEP_X, y + self.height + 0.49), "c", colour="quiet")
            for (r, at), (_, place) in zip(state, own, strict=True):
                if (inside or self._kind(r) != "gadget") and not self._idle(j, r):
                    self._line([at, place], self._kind(r), dotted=True)
        else:
            for source, at in state:
                for r, place in own:
                    if network.weights[j, r, source]:
                        self._line([at, place], self._kind(r))
        self.shapes += [self._unit(j, r, at) for r, at in own]
        self.atom = int(network.atom_of_layer[j])
        return own

    def _idle(self, j: int, r: int) -> bool:
        """Whether a unit is 0 for every input because all its weights are."""
        return not self.network.weights[j, r].any() and not self.network.biases[j, r]

    def _unit(self, j: int, r: int, at: Point) -> Shape:
        """Coordinates are circles, the gadget squares (the hat a full one), the running sum a diamond."""
        network = self.network
        if self._idle(j, r):
            return Shape("dot", at, "quiet", filled=True, radius=IDLE)
        kind = self._kind(r)
        hat = r == network.gadget.phi and j % network.layers_per_atom == network.layers_per_atom - 1
        return Shape({"coordinate": "circle", "gadget": "square", "sum": "diamond"}[kind], at, kind, filled=hat)

    def _readout(
        self, k: int, state: list[tuple[int, Point]], corner: Point, bottom: float, total: float, folded: bool
    ) -> float:
        """The weights of the readout meet in one point and fall to the line of partial sums."""
        last, y = corner
        used = self.network.readouts[k - 1].any(axis=0)
        read = [(r, at) for r, at in state if used[r] and at[0] == last]
        x = last + 0.5
        meet = (x, min((at[1] for _, at in read), default=y))
        for r, at in read:
            self._line([at, meet], self._kind(r))
        here = self.base
        self._line([meet, (x, bottom - 0.28)], "text")
        self._label(f"$A_{{{k}}}$", (x, bottom - 0.5), "c", size="normal")
        self._line([(x, bottom - 0.72), (x, here + 0.2)], "text", arrow=True)
        self._label(f"$g_{{{k}}}$", (x + 0.12, here + 0.45), "w", size="normal")
        if folded:
            middle = (total + x) / 2
            self._line([(total, here), (middle - 0.35, here)], "text")
            self._label("$\\cdots$", (middle, here), "c", size="normal")
            self._line([(middle + 0.35, here), (x - 0.2, here)], "text", arrow=True)
        else:
            self._line([(total, here), (x - 0.2, here)], "text", arrow=True)
        self.shapes.append(Shape("adder", (x, here), "text", radius=0.18))
        return x + 0.18

    def _fold_of_grades(self, before: int, k: int, x: float, y: float) -> None:
        """Dots along the stair for the grades that are left out."""
        _, right, _ = self.tops[-2]
        number = f"grades {before + 1} to {k - 1}" if k - before > 2 else f"grade {before + 1}"
        below = y - 1.6 * self.rise
        middle = (right + x) / 2 + 0.35, (below + y) / 2 + self.height / 2 - 0.35
        for step in (-1, 0, 1):
            at = middle[0] + 0.2 * step, middle[1] + 0.35 * step
            self.shapes.append(Shape("dot", at, "text", filled=True, radius=0.045))
        self._label(number, (middle[0] + 0.3, middle[1] - 0.1), "w", colour="quiet")

    def _caption(self) -> None:
        network = self.network
        grades = count(network.grades, f"{network.granularity} grade")
        size = f"width {network.width}, depth {network.depth}, {grades}, {count(network.atoms, 'atom')}"
        size += f", vectors of {count(network.outputs, 'component')}" if network.is_vector else ""
        last = network.grades
        shown = [f"g_{{{k}}}" for k in _shown(last)]
        total = " + ".join(["c_0", *shown[:-1], *([r"\ldots"] if len(shown) < last else []), shown[-1]]) if last else ""
        meaning = f"readouts $g_k = A_k(h)$; approximant $f_{{{last}}} = {total}$"
        for row, text in enumerate((size, meaning, "$x$ in unit coordinates") if network.grades else (size,)):
            self._label(text, (-0.65, self.base - 0.7 - 0.4 * row), "w", colour="quiet")

    def _legend(self) -> None:
        """Above the stairs, at the left, where there is room; on top where there is not."""
        if not self.network.grades:
            return
        extreme = "maximum" if self.network.gadget_name == "general" else "minimum"
        entries = [
            ("circle", "coordinate", False, "carried coordinate"),
            ("square", "gadget", False, f"running {extreme}"),
            ("square", "gadget", True, "the hat $\\varphi$"),
        ]
        if self.network.granularity == "block":
            entries.append(("diamond", "sum", False, "running sum of $c\\,\\varphi$"))
        if any(shape.kind == "dot" and shape.radius == IDLE for shape in self.shapes):
            entries.append(("dot", "quiet", True, "idle unit, always 0"))
        texts = [Label(text, (0.0, 0.0), "w") for *_, text in entries]
        left, width = -0.5, 0.3 + max(text_width(t) for t in texts)
        base = max(top for low, _, top in self.tops if low < left + width + 0.3) + 1.15
        for row, (kind, colour, filled, text) in enumerate(reversed(entries)):
            y = base + row * 0.42
            radius = IDLE if kind == "dot" else RADIUS
            self.shapes.append(Shape(kind, (left, y), colour, filled, radius))
            self._label(text, (left + 0.3, y), "w")

    def _done(self) -> Diagram:
        corners = [p for f in self.frames for p in (f.low, f.high)]
        corners += [p for line in self.lines for p in line.points]
        corners += [(s.at[0] + dx, s.at[1] + dx) for s in self.shapes for dx in (-s.radius, s.radius)]
        corners += [p for label in self.labels for p in extent(label)]
        low = min(p[0] for p in corners) - 0.15, min(p[1] for p in corners) - 0.15
        high = max(p[0] for p in corners) + 0.15, max(p[1] for p in corners) + 0.15
        return Diagram(tuple(self.frames), tuple(self.lines), tuple(self.shapes), tuple(self.labels), low, high)

    def _y(self, y: float, channel: int) -> float:
        """Channel 0 on top."""
        return y + (self.network.width - 1 - channel) * STEP_Y

    def _kind(self, channel: int) -> str:
        if channel < self.network.dim:
            return "coordinate"
        return "sum" if channel >= self.network.gadget.width else "gadget"

    def _line(self, points: Sequence[Point], colour: str, *, dotted: bool = False, arrow: bool = False) -> None:
        self.lines.append(Line(tuple(points), colour, dotted, arrow))

    def _label(self, text: str, at: Point, anchor: str, *, size: str = "small", colour: str = "text") -> None:
        self.labels.append(Label(text, at, anchor, size, colour))


def _shown(grades: int) -> list[int]:
    """Numbers of the grades that are drawn."""
    return list(range(1, grades + 1)) if grades <= SHOWN_GRADES else [1, 2, grades]


def _columns(layers: range, per_atom: int, x: float) -> list[_Column]:
    """The layers drawn: those of the first atom, one of the second, the last one; all where they are few."""
    if len(layers) <= SHOWN_LAYERS:
        chosen = list(layers)
    else:
        first = list(layers[:per_atom])
        first = first if per_atom <= SHOWN_LAYERS else [*first[:2], first[-1]]
        chosen = first if len(layers) == per_atom else [*first, layers[per_atom], layers[-1]]
    columns: list[_Column] = []
    for layer in chosen:
        folded = bool(columns) and layer != columns[-1].layer + 1
        if columns:
            x += 2 * STEP_X if folded else STEP_X
        columns.append(_Column(layer, x, folded))
    return columns


def _size_of_grade(network: Network, layers: range) -> str:
    """How many atoms and which layers; a unit grade has one atom."""
    span = f"layers {layers.start} to {layers.stop - 1}" if layers else "no layers"
    return span if network.granularity == "unit" else f"{count(len(layers) // network.layers_per_atom, 'atom')}, {span}"


# -- TikZ ------------------------------------------------------------------------------------------


def tikz(drawing: Diagram, *, document: bool = False) -> str:
    r"""The drawing as a ``tikzpicture``, or as a document of its own.

    The picture needs ``\usepackage{tikz}`` and no TikZ library.

    >>> picture = tikz(Diagram((), (Line(((0, 0), (1, 0)), "text", arrow=True),), (), (), (0, 0), (1, 0)))
    >>> print(picture.splitlines()[-2].strip())
    \draw[color=mgdltext, ->] (0,0) -- (1,0);
    """
    body = [rf"  \definecolor{{mgdl{name}}}{{HTML}}{{{code}}}" for name, code in COLOURS.items()]
    body += [
        rf"  \fill[mgdlframe, draw=mgdlquiet, rounded corners=3pt] {_at(f.low)} rectangle {_at(f.high)};"
        for f in drawing.frames
    ]
    body += [_tikz_line(line) for line in drawing.lines]
    body += [_tikz_shape(shape) for shape in drawing.shapes]
    body += [_tikz_label(label) for label in drawing.labels]
    picture = [r"\begin{tikzpicture}[x=1cm, y=1cm, line width=0.5pt, >=stealth]", *body, r"\end{tikzpicture}"]
    if document:
        picture = [r"\documentclass[tikz, border=2mm]{standalone}", r"\begin{document}", *picture, r"\end{document}"]
    return "\n".join(picture) + "\n"


def _tikz_line(line: Line) -> str:
    options = [
        f"color=mgdl{line.colour}",
        *(["densely dotted"] if line.dotted else []),
        *(["->"] if line.arrow else []),
    ]
    return rf"  \draw[{', '.join(options)}] {_path(line.points)};"


def _tikz_shape(shape: Shape) -> str:
    fill = f"mgdl{shape.colour}" if shape.filled else "white"
    (x, y), r = shape.at, shape.radius
    path = f"{_at((x, y))} circle[radius={_cm(r)}]"
    if shape.kind == "square":
        path = f"{_at((x - r, y - r))} rectangle {_at((x + r, y + r))}"
    if shape.kind == "diamond":
        path = _path([(x - 1.3 * r, y), (x, y + 1.3 * r), (x + 1.3 * r, y), (x, y - 1.3 * r)]) + " -- cycle"
    if shape.kind == "adder":
        q = 0.6 * r
        path += f" {_at((x - q, y))} -- {_at((x + q, y))} {_at((x, y - q))} -- {_at((x, y + q))}"
    return rf"  \draw[color=mgdl{shape.colour}, fill={fill}] {path};"


def _tikz_label(label: Label) -> str:
    anchor = {"w": "west", "e": "east", "n": "north", "s": "south"}.get(label.anchor, "center")
    font = TEX_SIZES[label.size]
    return (
        rf"  \node[anchor={anchor}, inner sep=0pt, text height=1.5ex, text depth=0.25ex, "
        rf"color=mgdl{label.colour}, font={font}] "
        rf"at {_at(label.at)} {{{label.text}}};"
    )


def _path(points: Iterable[Point]) -> str:
    return " -- ".join(_at(p) for p in points)


def _at(point: Point) -> str:
    return f"({_cm(point[0])},{_cm(point[1])})"


def _cm(value: float) -> str:
    return np.format_float_positional(round(value, 3), trim="-")
