"""The stair drawing: true to the weights, without overlaps, folded when large, in every format."""

from __future__ import annotations

import io
import itertools
import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory import Network, OptionError, Scheme
from mgdl_theory.pictures import draw_network, save_drawing
from mgdl_theory.relu import diagram as geometry
from mgdl_theory.relu.diagram import COLOURS, RADIUS, Diagram, Label, Line, Shape, diagram, extent, tikz


def built(text: str, tol: float, lift: str = "auto") -> Scheme:
    return mg.construct(mg.target(text), tol=tol, lift=lift)


def corners(d: int) -> Scheme:
    """Two grades in d variables."""
    ones = [mg.Atoms(0, [[0] * d, [1] * d], [1.0, 2.0]), mg.Atoms(1, [[2] * d], [1.0])]
    return Scheme.of(mg.target("+".join(f"x{a + 1}" for a in range(d))), 0.0, ones, 1.0)


NETWORKS = {
    "no grade": built("x-x", 1).network(),
    "one grade": built("x+y", 0.3).network(),
    "three grades": built("x*y", 0.2, "none").network(),
    "many grades": built("sin(10*x)*exp(-x)", 1e-3).network(),
    "unit grades": built("x*y", 0.05).network("unit"),
    "unit grades of one variable": built("x*(1-x)", 0.02).network("unit"),
    "narrow": built("x*y", 0.05).network("block", "narrow"),
    "narrow unit": corners(3).network("unit", "narrow"),
    "five variables": corners(5).network(),
    "an empty grade": Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[0]], [1.0]), mg.Atoms(1, np.zeros((0, 1), int), []),
                                                      mg.Atoms(2, [[1]], [1.0])], 1.0).network(),
}  # fmt: skip


each = pytest.mark.parametrize("name", NETWORKS)


# -- what is drawn ---------------------------------------------------------------------------------


def units(drawing: Diagram) -> list[Shape]:
    """The shapes inside blocks."""
    return [s for s in drawing.shapes if any(inside(s.at, f.low, f.high) for f in drawing.frames)]


def inside(p: Any, low: Any, high: Any) -> bool:
    return bool(low[0] <= p[0] <= high[0] and low[1] <= p[1] <= high[1])


def test_a_small_grade_shows_every_unit_and_every_weight() -> None:
    network = Scheme.of(mg.target("x"), 0.0, [mg.Atoms(1, [[1], [2]], [1.0, 2.0])], 1.0).network()  # 4 layers
    drawing = diagram(network)
    found = units(drawing)
    assert len(found) == network.depth * network.width
    assert sum(s.kind == "circle" for s in found) == network.depth * network.dim
    assert sum(s.kind == "diamond" for s in found) == network.depth
    assert sum(s.filled and s.kind == "square" for s in found) == network.atoms  # the hats
    idle = ~(network.weights.any(axis=2) | (network.biases != 0))
    assert sum(s.kind == "dot" for s in found) == int(idle.sum()) == network.atoms
    places = sorted({round(s.at[0], 6) for s in found})
    between = {
        (places.index(round(line.points[0][0], 6)), places.index(round(line.points[1][0], 6)))
        for line in drawing.lines
        if len(line.points) == 2 and all(round(p[0], 6) in places for p in line.points) and line.colour != "quiet"
    }
    assert between == {(0, 1), (1, 2), (2, 3)}
    for j in range(1, network.depth):
        drawn = [
            line
            for line in drawing.lines
            if [round(p[0], 6) for p in line.points] == places[j - 1 : j + 1] and line.colour != "quiet"
        ]
        assert len(drawn) == np.count_nonzero(network.weights[j])


def test_grades_touch_only_by_carried_coordinates_and_readouts() -> None:
    drawing = diagram(NETWORKS["three grades"])
    first, second, _ = drawing.frames
    crossing = [
        line
        for line in drawing.lines
        if any(inside(p, first.low, first.high) for p in line.points)
        and any(inside(p, second.low, second.high) for p in line.points)
    ]
    assert len(crossing) == 2
    assert {line.colour for line in crossing} == {"coordinate"}


def test_every_grade_stands_above_and_to_the_right_of_the_one_before() -> None:
    for network in NETWORKS.values():
        frames = diagram(network).frames
        for a, b in itertools.pairwise(frames):
            assert a.high[0] < b.low[0]
            assert a.high[1] < b.low[1] + 0.5
            assert a.low[1] < b.low[1]


@each
def test_the_drawing_names_its_grades_and_sizes(name: str) -> None:
    network, texts = NETWORKS[name], [label.text for label in diagram(NETWORKS[name]).labels]
    assert any(f"width {network.width}, depth {network.depth}," in text for text in texts)
    shown = [1, 2, network.grades] if network.grades > 4 else range(1, network.grades + 1)
    for k in shown:
        assert f"grade {k}" in texts
        assert f"$A_{{{k}}}$" in texts
        assert f"$g_{{{k}}}$" in texts
    assert f"$f_{{{network.grades}}}$" in texts
    if network.grades:
        terms = ["c_0", *(f"g_{{{k}}}" for k in shown)]
        terms[3:3] = ["\\ldots"] if network.grades > 4 else []
        assert any(f"$f_{{{network.grades}}} = {' + '.join(terms)}$" in text for text in texts), "every term, or dots"


def test_what_is_left_out_is_said() -> None:
    texts = [label.text for label in diagram(NETWORKS["many grades"]).labels]
    last = NETWORKS["many grades"].grades
    assert f"grades 3 to {last - 1}" in texts
    assert f"grade {last}" in texts
    assert texts.count("$\\cdots$") >= 2


def test_a_huge_network_is_drawn_small_and_at_once() -> None:
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(8):
        nodes = np.unique(rng.integers(0, 513, (4200, 2)), axis=0)
        parts.append(mg.Atoms(9, nodes, np.ones(len(nodes))))
    scheme = Scheme.of(mg.target("x*y"), 0.0, parts, 1.0)
    for how in ("block", "unit"):
        network = scheme.network(how)
        assert network.depth > 90_000
        start = time.process_time()
        drawing = diagram(network)
        assert time.process_time() - start < 1
        assert len(drawing.shapes) + len(drawing.lines) < 300
        assert drawing.high[0] - drawing.low[0] < 25


# -- legible ---------------------------------------------------------------------------------------


def overlap(a: Any, b: Any, slack: float = 0.0) -> bool:
    (ax, ay), (bx, by) = a
    (cx, cy), (dx, dy) = b
    return bool(ax < dx - slack and cx < bx - slack and ay < dy - slack and cy < by - slack)


def real_extents(network: Network) -> tuple[Diagram, list[tuple[Label, Any]]]:
    """Every label with the box that the renderer gives it, in centimetres of the drawing."""
    drawing = diagram(network)
    ax = draw_network(network)
    figure = ax.figure
    figure.canvas.draw()  # type: ignore[union-attr]
    back = ax.transData.inverted()
    boxes = [back.transform_bbox(text.get_window_extent()) for text in ax.texts]
    assert [text.get_text() for text in ax.texts] == [label.text for label in drawing.labels]
    return drawing, [
        (label, ((box.x0, box.y0), (box.x1, box.y1))) for label, box in zip(drawing.labels, boxes, strict=True)
    ]


@each
def test_no_text_touches_another_or_leaves_the_picture(name: str) -> None:
    drawing, found = real_extents(NETWORKS[name])
    for (a, box), (b, other) in itertools.combinations(found, 2):
        assert not overlap(box, other, 0.01), (a.text, b.text)
    for label, (low, high) in found:
        assert inside(low, drawing.low, drawing.high), label.text
        assert inside(high, drawing.low, drawing.high), label.text
        (left, _), (right, _) = extent(label)
        assert low[0] >= left - 0.1, label.text  # the layout's estimates are upper estimates
        assert high[0] <= right + 0.1, label.text


def segments(line: Line) -> Iterator[tuple[Any, Any]]:
    yield from itertools.pairwise(line.points)


def crosses(segment: Any, box: Any) -> bool:
    (p, q), (low, high) = segment, box
    s = np.linspace(0, 1, 200)[:, None]
    points = (1 - s) * np.array(p) + s * np.array(q)
    return bool(np.all((np.array(low) <= points) & (points <= np.array(high)), axis=1).any())


@each
def test_no_line_or_unit_runs_through_a_text(name: str) -> None:
    drawing, found = real_extents(NETWORKS[name])
    for label, (low, high) in found:
        smaller = (low[0] + 0.03, low[1] + 0.03), (high[0] - 0.03, high[1] - 0.03)
        for line in drawing.lines:
            assert not any(crosses(s, smaller) for s in segments(line)), (label.text, line)
        for frame in drawing.frames:
            within = inside(low, frame.low, frame.high) and inside(high, frame.low, frame.high)
            assert within or not overlap((frame.low, frame.high), smaller), label.text
        for shape in drawing.shapes:
            (x, y), r = shape.at, shape.radius
            assert not overlap(((x - r, y - r), (x + r, y + r)), smaller), (label.text, shape)


@each
def test_units_do_not_overlap(name: str) -> None:
    shapes = diagram(NETWORKS[name]).shapes
    for a, b in itertools.combinations(shapes, 2):
        assert np.hypot(a.at[0] - b.at[0], a.at[1] - b.at[1]) > 2.6 * min(a.radius, b.radius)


def linear(code: str) -> np.ndarray:
    """Linear RGB of a colour."""
    c = np.array([int(code[k : k + 2], 16) for k in (0, 2, 4)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def test_colours_stand_out_and_kinds_differ_without_colour() -> None:
    for name, code in COLOURS.items():
        if name != "frame":
            luminance = float(linear(code) @ [0.2126, 0.7152, 0.0722])
            assert 1.05 / (luminance + 0.05) >= 3.0, name  # contrast against white
    kinds = {(s.colour, s.kind, s.filled) for n in NETWORKS.values() for s in units(diagram(n))}
    assert len({(kind, filled) for _, kind, filled in kinds}) == len(kinds)


def test_kinds_are_told_apart_with_colour_blindness() -> None:
    """Deuteranopia and protanopia by the projection of Vienot, Brettel and Mollon (1999)."""
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    views = {
        "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
        "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    }
    for view in views.values():
        seen = {k: np.linalg.inv(to_lms) @ view @ to_lms @ linear(COLOURS[k]) for k in ("coordinate", "gadget", "sum")}
        for a, b in itertools.combinations(seen, 2):
            assert np.abs(seen[a] - seen[b]).max() > 0.08, (a, b)


# -- Axes ------------------------------------------------------------------------------------------


def test_draw_network_draws_into_the_axes_it_is_given_and_returns_them() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4))
    left, right = figure.subplots(1, 2)
    assert draw_network(NETWORKS["one grade"], left) is left
    assert draw_network(NETWORKS["three grades"], ax=right) is right
    sizes = {round(text.get_fontsize(), 3) for text in right.texts}
    assert max(sizes) < 6  # texts shrink with the Axes
    figure.savefig(io.BytesIO(), format="png")


def test_new_axes_have_the_size_of_the_drawing() -> None:
    ax = draw_network(NETWORKS["three grades"])
    drawing = diagram(NETWORKS["three grades"])
    inches = ax.figure.get_size_inches()  # type: ignore[union-attr]
    assert inches[0] * 2.54 == pytest.approx(drawing.high[0] - drawing.low[0])
    assert inches[1] * 2.54 == pytest.approx(drawing.high[1] - drawing.low[1])
    assert max(text.get_fontsize() for text in ax.texts) == pytest.approx(9.0)


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["no grade", "unit grades of one variable"])
def test_every_format_is_written(name: str, tmp_path: Path) -> None:
    starts = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG", "tex": b"\\documentclass"}
    for ending, start in starts.items():
        save_drawing(NETWORKS[name], tmp_path / f"net.{ending}")
        assert (tmp_path / f"net.{ending}").read_bytes().startswith(start)
    root = ElementTree.parse(tmp_path / "net.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    text = (tmp_path / "net.svg").read_text(encoding="utf-8")
    assert not re.search(r'(href|src)="(?!#)', text)  # nothing from elsewhere


def test_the_same_network_gives_the_same_file(tmp_path: Path) -> None:
    for ending in ("svg", "pdf", "tex"):
        names = [tmp_path / f"{k}.{ending}" for k in "ab"]
        for name in names:
            save_drawing(NETWORKS["one grade"], name)
        assert names[0].read_bytes() == names[1].read_bytes()


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    for name in ("net.gif", "net", "net.svg.bak"):
        with pytest.raises(OptionError, match=r"\.svg, \.pdf, \.png, \.tex"):
            save_drawing(NETWORKS["one grade"], tmp_path / name)
    assert list(tmp_path.iterdir()) == []


NUMBER = r"-?\d+(?:\.\d+)?"
POINT = rf"\({NUMBER},{NUMBER}\)"
LABEL = (
    r"\\node\[anchor=\w+, inner sep=0pt, text height=1.5ex, text depth=0.25ex, color=mgdl[a-z]+, "
    rf"font=\\fontsize\{{\d\}}\{{[\d.]+\}}\\selectfont\] at {POINT} \{{[^{{}}]*(\{{[^{{}}]*\}}[^{{}}]*)*\}};"
)
STATEMENTS = [
    r"\\definecolor\{mgdl[a-z]+\}\{HTML\}\{[0-9A-F]{6}\}",
    rf"\\fill\[mgdlframe, draw=mgdlquiet, rounded corners=3pt\] {POINT} rectangle {POINT};",
    rf"\\draw\[color=mgdl[a-z]+(, densely dotted)?(, ->)?\] {POINT}( -- {POINT})+;",
    rf"\\draw\[color=mgdl[a-z]+, fill=[a-z]+\] {POINT} circle\[radius={NUMBER}\]( {POINT} -- {POINT}){{0,2}};",
    rf"\\draw\[color=mgdl[a-z]+, fill=[a-z]+\] {POINT} rectangle {POINT};",
    rf"\\draw\[color=mgdl[a-z]+, fill=[a-z]+\] {POINT}( -- {POINT})+ -- cycle;",
    LABEL,
]


@each
def test_the_tikz_text_is_a_picture_of_known_statements(name: str) -> None:
    lines = tikz(diagram(NETWORKS[name])).splitlines()
    assert lines[0] == r"\begin{tikzpicture}[x=1cm, y=1cm, line width=0.5pt, >=stealth]"
    assert lines[-1] == r"\end{tikzpicture}"
    for line in lines[1:-1]:
        assert any(re.fullmatch(statement, line.strip()) for statement in STATEMENTS), line
        assert line.isascii()
        assert line.count("$") % 2 == 0
    defined = set(re.findall(r"definecolor\{(\w+)\}", "\n".join(lines)))
    assert set(re.findall(r"mgdl[a-z]+", "\n".join(lines))) == defined


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX on this machine")
def test_the_tikz_text_compiles(tmp_path: Path) -> None:
    if subprocess.run(["kpsewhich", "standalone.cls"], capture_output=True, check=False).returncode:
        pytest.skip("this TeX has no standalone class")
    for k, network in enumerate(NETWORKS.values()):
        save_drawing(network, tmp_path / f"net{k}.tex")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"net{k}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        assert "Font Warning" not in done.stdout


def test_radii_are_those_of_the_layout() -> None:
    shapes = units(diagram(NETWORKS["three grades"]))
    assert {s.radius for s in shapes} == {RADIUS, geometry.IDLE}
