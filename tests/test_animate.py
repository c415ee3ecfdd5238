"""Moving pictures: the steps are those of the scheme, |e| rises in no frame, and the page asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory import OptionError, Scheme
from mgdl_theory.cli import main
from mgdl_theory.pictures import drawn
from mgdl_theory.pictures.animation import FORMATS, animate, frames, player, steps
from mgdl_theory.pictures.style import COLOURS, SIGNS
from mgdl_theory.reports import TEMPLATES
from mgdl_theory.verification.verdict import Verdict

ONE = mg.verify(mg.construct(mg.target("x**2-0.3"), 0.02))
TWO = mg.verify(mg.construct(mg.target("x*y+0.2", [0, 2]), 0.3))
THREE = mg.verify(mg.construct(mg.target("x*y*z+x"), 0.5))
REPORTS = {"one": ONE, "two": TWO, "three": THREE}


def points(scheme: Scheme, count: int = 300) -> np.ndarray:
    return scheme.target.box.from_unit(np.random.default_rng(0).random((count, scheme.dim)))


# -- steps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_steps_are_the_grades_in_order(name: str) -> None:
    scheme = REPORTS[name].scheme
    x = points(scheme)
    found = list(steps(scheme, x))
    assert [s.last for s in found] == list(range(len(scheme.grades) + 1))
    for s in found:
        assert np.array_equal(s.after, scheme(x, s.last))
        assert np.array_equal(s.before, scheme(x, max(s.last - 1, 0)))


@pytest.mark.parametrize("name", REPORTS)
def test_atom_by_atom_the_residual_rises_nowhere_and_ends_where_the_grades_end(name: str) -> None:
    scheme = REPORTS[name].scheme
    x = points(scheme)
    f, found = scheme.target(x), list(steps(scheme, x, unit=True, most=10**6))
    assert len(found) == scheme.atoms + 1
    for s in found:
        assert np.all(np.abs(f - s.after) <= np.abs(f - s.before) + 1e-12)
    assert found[-1].after == pytest.approx(scheme(x), abs=1e-12)


def test_a_grade_that_makes_it_worse_is_seen() -> None:
    bad = Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[1]], [2.5])], tol=1.0)
    assert mg.verify(bad).verdict is Verdict.REFUTED
    x = points(bad)
    (*_, s) = steps(bad, x)
    assert np.any(np.abs(x[:, 0] - s.after) > np.abs(x[:, 0] - s.before))


@pytest.mark.parametrize("most", [2, 3, 5])
def test_fewer_frames_add_more_at_a_time_and_lose_nothing(most: int) -> None:
    scheme = ONE.scheme
    x = points(scheme)
    found = list(steps(scheme, x, unit=True, most=most))
    assert len(found) == most
    assert [s.first for s in found[1:]] == [s.last + 1 for s in found[:-1]]
    assert sum(len(g) for s in found for g in s.added) == scheme.atoms
    assert all(np.array_equal(a.after, b.before) for a, b in itertools.pairwise(found))
    assert found[-1].after == pytest.approx(scheme(x), abs=1e-12)


# -- frames ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_every_frame_has_the_same_size_and_says_what_it_adds(name: str) -> None:
    report = REPORTS[name]
    found = list(frames(report, most=2))
    total = len(report.scheme.grades)
    assert len(found) == 2
    assert len({image.shape for image, _ in found}) == 1
    assert all(image.dtype == np.uint8 for image, _ in found)
    assert found[0][1].startswith("start: ")
    assert re.match(rf"grades? .*{total} of {total} \(level \d+, \d+ atoms?\); the sup-norm", found[-1][1])


@pytest.mark.parametrize("d", [1, 2])
def test_what_is_no_proof_is_not_called_one(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a function that is known at samples only the bound is an estimate, in the picture and in its sentence."""
    from matplotlib.text import Text

    drawn: list[str] = []
    draw = Text.draw
    monkeypatch.setattr(Text, "draw", lambda self, *a, **k: (drawn.append(self.get_text()), draw(self, *a, **k))[1])
    report = mg.verify(mg.construct(mg.target(lambda *x: sum(x), domain=[0, 1] * d), 0.3))
    assert report.verdict is Verdict.EVIDENCE
    found = [text for _, text in frames(report, most=2)]
    bounds = [text for text in drawn + found if "leq" in text or "at most" in text]
    assert len(bounds) >= 4
    assert all("not certified" in text for text in bounds)


def test_frames_atom_by_atom_name_the_atoms() -> None:
    sentences = [text for _, text in frames(ONE.scheme, unit=True, most=3)]
    assert sentences[1:] == [
        f"atoms 1 to {(n := ONE.scheme.atoms) // 2} of {n} (level 3)",
        f"atoms {n // 2 + 1} to {n} of {n} (level 5)",
    ]


def pages(monkeypatch: pytest.MonkeyPatch, source: Any, **options: Any) -> list[Any]:
    """The figures of a film."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    found: list[Any] = []
    draw = FigureCanvasAgg.draw
    monkeypatch.setattr(FigureCanvasAgg, "draw", lambda self: (found.append(self.figure), draw(self))[1])
    assert len(list(frames(source, **options))) == len(found)
    return found


@pytest.mark.parametrize(("name", "options"), [("two", {}), ("two", {"unit": True, "most": 3}), ("three", {"most": 2})])
def test_no_frame_shows_a_value_outside_of_its_scale(name: str, options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    report = REPORTS[name]
    for source in (report, replace(report.scheme, lift=-3.0)):
        ends = set()
        for page in pages(monkeypatch, source, **options):
            shown = [(image.get_array(), *image.get_clim()) for ax in page.axes for image in ax.get_images()]
            assert len(shown) == 3
            assert all(low <= values.min() and values.max() <= high for values, low, high in shown)
            assert len(page.axes) == 5  # each scale has its bar
            ends.add(shown[0][1:])
        assert len(ends) == 1
    assert ends.pop()[0] <= -2.9


def test_no_curve_of_a_frame_leaves_its_panel() -> None:
    bad = Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[1]], [2.5]), mg.Atoms(1, [[1]], [-4.0])], tol=1.0)
    with pytest.MonkeyPatch.context() as patch:
        for page in pages(patch, bad):
            for ax in page.axes:
                low, high = ax.get_ylim()
                for line in ax.get_lines():
                    assert low <= np.min(line.get_ydata())
                    assert np.max(line.get_ydata()) <= high


def test_atoms_of_one_sign_have_one_colour_in_films_plots_and_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.colors import to_hex

    report = mg.verify(mg.construct(mg.target("x-1/2"), 0.1))
    film = pages(monkeypatch, report)[1]
    plot = drawn(report, "atoms")
    for page in (film, plot):
        seen = {to_hex(c) for ax in page.axes for part in ax.collections for c in part.get_facecolor()}
        assert {SIGNS[1].lower(), SIGNS[-1].lower()} <= seen
    assert COLOURS["blue"] not in SIGNS.values()  # that is |e| after
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    for name, sign in (("plus", 1), ("minus", -1)):
        (colour,) = re.findall(rf"svg \.{name} {{ fill: var\(--(\w+)\)", style)
        assert COLOURS[colour] == SIGNS[sign]
    assert any("not to scale" in text.get_text() for ax in film.axes for text in ax.get_legend().get_texts())


def test_settings_of_the_user_change_no_frame() -> None:
    from matplotlib import rc_context

    for report in (ONE, TWO):
        own = next(frames(report, most=2))[0]
        with rc_context(
            {"text.usetex": True, "path.sketch": (9.0, 99.0, 9.0), "savefig.bbox": "tight", "image.lut": 4}
        ):
            assert np.array_equal(next(frames(report, most=2))[0], own)


# -- files -----------------------------------------------------------------------------------------


def shades() -> set[tuple[int, ...]]:
    """The colours of both maps."""
    from matplotlib import colormaps

    maps = [colormaps[name].resampled(64)(np.arange(64), bytes=True)[:, :3] for name in ("viridis", "cividis")]
    return {tuple(map(int, colour)) for part in maps for colour in part}


@pytest.mark.parametrize("ending", [".gif", ".html"])
def test_the_colours_of_maps_and_of_their_bars_are_exact_in_every_frame(ending: str, tmp_path: Path) -> None:
    """A bar is a scale only if it has all of its shades, though a frame may show few of them."""
    from PIL import Image, ImageSequence

    path = tmp_path / f"film{ending}"
    animate(TWO, path)
    if ending == ".gif":
        with Image.open(path) as film:
            shown = [np.asarray(page.convert("RGB")) for page in ImageSequence.Iterator(film)]
    else:
        raw = re.findall(r"base64,([^\"]+)", path.read_text(encoding="utf-8"))
        shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(part))).convert("RGB")) for part in raw]
    found = [image for image, _ in frames(TWO)]
    assert len(shown) == len(found)
    known = shades()
    for page, image in zip(shown, found, strict=True):
        flat, true = page.reshape(-1, 3), image.reshape(-1, 3)
        colours, at = np.unique(true, axis=0, return_inverse=True)
        is_shade = np.array([tuple(map(int, colour)) in known for colour in colours])[at.ravel()]
        assert np.array_equal(flat[is_shade], true[is_shade])
        assert len(known & {tuple(map(int, c)) for c in np.unique(flat, axis=0)}) >= 0.95 * len(known)
        assert np.abs(flat.astype(int) - true).max() <= 48


def test_a_gif_has_as_many_pictures_as_there_are_frames(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "film.gif"
    count = animate(ONE, path, most=4, seconds=0.5)
    with Image.open(path) as film:
        assert (film.n_frames, count) == (4, 4)
        assert film.info["duration"] == 500
        first = np.asarray(film.convert("RGB"))
    assert first.shape == next(frames(ONE))[0].shape


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg on this machine")
def test_an_mp4_lasts_as_long_as_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    assert animate(ONE, path, most=3, seconds=1.0) == 3
    assert path.read_bytes()[4:8] == b"ftyp"
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)]
    assert float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) == pytest.approx(
        3.0, abs=0.3
    )


def test_without_ffmpeg_an_mp4_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(OptionError, match=r"needs the program ffmpeg.*\.gif and \.html need nothing"):
        animate(ONE, tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


class Page(HTMLParser):
    """Elements, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.inside, []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def policy(page: Page) -> dict[str, list[str]]:
    (content,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    return {words[0]: words[1:] for words in (rule.split() for rule in str(content).split(";"))}


def digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_the_page_forbids_itself_everything_but_its_own_parts(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "film.html"
    count = animate(ONE, path, most=3)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    allowed = policy(page)
    assert allowed["default-src"] == ["'none'"]
    assert allowed["img-src"] == ["data:"]
    assert allowed["style-src"] == [digest("".join(page.texts["style"]))]
    assert allowed["script-src"] == [digest("".join(page.texts["script"]))]
    for tag, attributes in page.elements:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")}, tag
        for name in ("src", "href"):
            assert str(attributes.get(name) or "data:").startswith("data:"), tag
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert "import" not in "".join(page.texts["style"])
    pictures = page.all("img")
    assert len(pictures) == count == 3
    for attributes in pictures:
        raw = base64.b64decode(str(attributes["src"]).partition(",")[2])
        assert Image.open(io.BytesIO(raw)).size == (704, 550)
    assert [a["alt"] for a in pictures] == [sentence for _, sentence in frames(ONE, most=3)]


def test_texts_of_the_page_are_escaped() -> None:
    page = Page(player("<script>alert(1)</script>", [(b"", '"><img src=x>')]))
    assert len(page.all("script")) == 1
    assert [a["alt"] for a in page.all("img")] == ['"><img src=x>']


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="no browser on this machine")
def test_a_browser_obeys_the_policy_and_shows_the_frame_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "film.html").write_text(player("x", [(b"", f"picture {k}") for k in range(4)]), encoding="utf-8")
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom",
        f"--user-data-dir={tmp_path / 'profile'}", f"file://{tmp_path / 'film.html'}#frame-2",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    page = Page(done.stdout)
    assert ["hidden" in a for a in page.all("figure")] == [True, True, False, True]
    assert not any("hidden" in a for a in page.all("div"))
    (slider,) = page.all("input")
    assert slider["aria-valuetext"] == "picture 2"


# -- what is refused, and the command line ---------------------------------------------------------


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=", ".join(FORMATS).replace(".", r"\.")):
        animate(ONE, tmp_path / "film.webm")
    with pytest.raises(OptionError, match="from 2 to 2000 frames, got 1"):
        animate(ONE, tmp_path / "film.gif", most=1)
    with pytest.raises(OptionError, match="seconds"):
        animate(ONE, tmp_path / "film.gif", seconds=0.0)
    four = Scheme.of(mg.target("x*y*z*w"), 0.0, [], tol=1.0)
    with pytest.raises(OptionError, match="for 1, 2 and 3 variables, not for 4"):
        animate(four, tmp_path / "film.gif")
    assert list(tmp_path.iterdir()) == []


def test_grades_without_atoms_are_shown_as_such(tmp_path: Path) -> None:
    empty = mg.Atoms(1, np.zeros((0, 1), dtype=np.int64), [])
    scheme = Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[1]], [0.5]), empty], tol=1.0)
    (*_, (_, text)) = frames(scheme)
    assert text == "grade 2 of 2 (level 1, 0 atoms)"


def test_animate_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "film.html"
    code = main(["animate", "x**2", "--tol", "0.05", "--out", str(path), "--unit", "--frames", "3"])
    out = capsys.readouterr().out.splitlines()
    assert code == 0
    atoms = mg.construct(mg.target("x**2"), "0.05").atoms
    assert out[0] == f"{path}: 3 frames; {atoms} atoms, several to a frame, {path.stat().st_size} bytes"
    assert out[-1].startswith("PROVED: x**2 on")
    for arguments, said in ((["x", "--out", "a.avi"], "a.avi"), (["x1*x2*x3*x4", "--out", "a.gif"], "not for 4")):
        assert main(["animate", *arguments]) == 2
        assert said in capsys.readouterr().err
