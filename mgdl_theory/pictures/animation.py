"""The grades of a scheme one after another: moving pictures as GIF, MP4, and a page that plays offline.

Every frame shows |e| before in light and after in dark: no frame has a point where the dark curve lies above the
light one, which is what the claims ``nonincreasing`` and ``unit-grades`` say of every point of the domain.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgdl_theory.archive import write_atomic
from mgdl_theory.atom import Atoms
from mgdl_theory.errors import OptionError
from mgdl_theory.pictures.cells import hats, stars
from mgdl_theory.pictures.curves import sample_points, sup_upper
from mgdl_theory.pictures.fields import Plane, top_of
from mgdl_theory.pictures.style import (
    COLOURS,
    SEQUENTIAL,
    SIGNS,
    Source,
    bound_text,
    caption,
    chosen,
    math_text,
    name_of,
    own_settings,
    scheme_of,
    span,
    variables,
    with_margin,
)
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import FloatArray
from mgdl_theory.text import float_text, near_text, up_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".gif", ".mp4", ".html")
"""Definition: what :func:`animate` writes."""

FRAMES = 60
"""Experience: frames of an animation; of more steps, so many evenly spread, and every caption says so."""

MOST = 2000
"""Experience: frames that memory holds."""

SECONDS = 1.0
"""Experience: seconds for each frame of a grade; half of it for one atom."""

DPI = 110
"""Experience: dots per inch of a frame."""

COLOUR_COUNT = 255
"""Definition: colours of a film, as many as GIF holds beside a transparent one."""

SHADES = 64
"""Experience: shades of a colour map in a film; all of them are in the palette, so that maps and bars are exact."""

SOLID = 32
"""Experience: colours beside those of maps that a film shows most, which are exact too; lines and texts blend them."""

PIXELS = 128
"""Experience: points of a heat map along each axis."""

MIDDLE = 0.5
"""Definition: of three variables the section through the middle of the third is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What one frame shows.

    Attributes
    ----------
    first, last : int
        Numbers of the grades (or atoms) that this frame adds; first = last + 1 = 1 for the start.
    total : int
        Number of all grades (or atoms).
    grade : int
        The block grade that the last of them belongs to.
    added : tuple of Atoms
        What is added.
    before, after : float64 (n,)
        The approximant at the points of the picture.
    """

    first: int
    last: int
    total: int
    grade: int
    added: tuple[Atoms, ...]
    before: FloatArray
    after: FloatArray


def steps(scheme: Scheme, x: FloatArray, *, unit: bool = False, most: int = FRAMES) -> Iterator[Frame]:
    """The start, then grade by grade (or atom by atom), at points x (n, d); at most so many, evenly spread.

    Where steps are left out the next one adds all of them at once: nothing is lost, and |e| still never rises.

    >>> import mgdl_theory as mg
    >>> scheme = mg.Scheme.of(mg.target("x"), 0.0, [mg.Atoms(0, [[0], [1]], [0.25, 0.5])], tol=1.0)
    >>> [(s.first, s.last, s.after.tolist()) for s in steps(scheme, np.array([[1.0]]), unit=True)]
    [(1, 0, [0.0]), (1, 1, [0.0]), (2, 2, [0.5])]
    """
    parts = [(g.number, u) for g in scheme.grades for u in (g.units() if unit else [g.atoms])]
    shown = set(chosen(range(len(parts) + 1), max(most, 2)))
    t = np.clip(scheme.target.box.to_unit(x), 0.0, 1.0)
    after = np.full(len(t), scheme.lift)
    yield Frame(1, 0, len(parts), 0, (), after, after)
    before, first = after, 1
    for k, (number, part) in enumerate(parts, 1):
        after = after + part(t)
        if k in shown:
            added = tuple(g for _, g in parts[first - 1 : k])
            yield Frame(first, k, len(parts), number, added, before, after)
            before, first = after, k + 1


def animate(
    source: Source,
    path: str | os.PathLike[str],
    *,
    unit: bool = False,
    most: int = FRAMES,
    seconds: float | None = None,
) -> int:
    """Write a moving picture of a scheme of one, two or three variables, grade by grade or atom by atom.

    Parameters
    ----------
    source : Report or Scheme
        The captions of a report say what is certified of every grade.
    path : str or path
        Ends in .gif, .mp4 (needs the program ffmpeg) or .html (a page with a slider; one file, no outside request).
    unit : bool
        One atom for each step instead of one grade.
    most : int
        Frames at most.
    seconds : float
        For each frame; 1 by default, 0.5 with ``unit``.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    OptionError
        For more than three variables, another ending, or a machine without ffmpeg.
    """
    ending = check_options(path, scheme_of(source).dim, most)
    seconds = (SECONDS / 2 if unit else SECONDS) if seconds is None else seconds
    if not 0.02 <= seconds <= 60:
        raise OptionError(f"animate: expected from 0.02 to 60 seconds for a frame, got {seconds}")
    pictures = list(frames(source, unit=unit, most=most))
    images = [image for image, _ in pictures]
    if ending == ".gif":
        write_atomic(path, _gif(_paletted(images), seconds))
    elif ending == ".mp4":
        write_atomic(path, _mp4(images, seconds))
    else:
        shown = [(_png(page), text) for page, (_, text) in zip(_paletted(images), pictures, strict=True)]
        write_atomic(path, player(name_of(scheme_of(source)).replace(r"\$", "$"), shown, seconds))
    return len(pictures)


def check_options(path: str | os.PathLike[str], dim: int, most: int = FRAMES) -> str:
    """The ending of the name, after a check that such a file of so many variables can be written here."""
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise OptionError(f"animate: expected a name ending in {', '.join(FORMATS)}, got {os.fspath(path)!r}")
    if ending == ".mp4" and shutil.which("ffmpeg") is None:
        raise OptionError("animate: .mp4 needs the program ffmpeg, which is not installed; .gif and .html need nothing")
    if dim > 3:
        raise OptionError(f"animate: there are moving pictures for 1, 2 and 3 variables, not for {dim}")
    if not 2 <= most <= MOST:
        raise OptionError(f"animate: expected from 2 to {MOST} frames, got {most}")
    return ending


def frames(source: Source, *, unit: bool = False, most: int = FRAMES) -> Iterator[tuple[Any, str]]:
    """Frames as uint8 arrays (height, width, 3), each with a sentence that says what it shows."""
    scheme = scheme_of(source)
    x = sample_points(scheme)[:, None] if scheme.dim == 1 else _plane(scheme).x
    f, shown = scheme.target(x), list(steps(scheme, x, unit=unit, most=most))
    ends = span(f, *(step.after for step in shown))  # one scale for the target and its approximants in all frames
    for step in shown:
        with own_settings():
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure

            page = Figure(dpi=DPI)
            canvas: Any = FigureCanvasAgg(page)
            (_curves if scheme.dim == 1 else _maps)(page, source, step, x, f, ends, unit)
            canvas.draw()
            yield np.asarray(canvas.buffer_rgba())[:, :, :3].copy(), _sentence(source, step, unit)


# -- one frame -------------------------------------------------------------------------------------


def _plane(scheme: Scheme) -> Plane:
    return Plane.of(scheme, [Fraction(MIDDLE)] * (scheme.dim - 2), PIXELS)


def _reach(source: Source, step: Frame, f: FloatArray) -> float:
    """Top of the scale of |e|: what is certified before the last grade, or what is seen where that is more."""
    return top_of(sup_upper(source, max(step.grade - 1, 0)), np.abs(f - step.before), np.abs(f - step.after))


def _curves(
    page: Figure, source: Source, step: Frame, x: FloatArray, f: FloatArray, ends: tuple[float, float], unit: bool
) -> None:
    scheme = scheme_of(source)
    page.set_size_inches(6.4, 5.0)
    top, bottom = page.subplots(2, 1, sharex=True)
    page.subplots_adjust(left=0.1, right=0.98, bottom=0.1, top=0.89, hspace=0.08)
    scale = _reach(source, step, f)
    at, k = x[:, 0], step.grade
    top.plot(at, f, color=COLOURS["pale"], linewidth=5.0, label="$f$")
    top.plot(at, step.after, color=COLOURS["blue"], label="approximant")
    low, high = ends
    room = 0.1 * (high - low) or 1.0
    top.set(ylim=(low - room, high + room), xlim=with_margin(at[0], at[-1]))
    top.legend(loc="upper right", ncols=2)
    before, after = np.abs(f - step.before), np.abs(f - step.after)
    bottom.fill_between(at, before, color="#D9D9D9", linewidth=0, label="$|e|$ before")
    bottom.fill_between(at, after, color=COLOURS["blue"], linewidth=0, label="$|e|$ after")
    bottom.plot(at, before, color="#9A9A9A", linewidth=0.9)
    _added(bottom, scheme, step, 0.35 * scale)
    upper = sup_upper(source, k)
    if np.isfinite(upper) and not unit:
        known = "proved" if scheme.target.certified else "not certified"
        text = f"{known}: $\\Vert e_{{{k}}}\\Vert \\leq {bound_text(upper)}$"
        bottom.axhline(upper, color=COLOURS["vermillion"], linestyle=(0, (6, 1.5)), linewidth=1.0, label=text)
    bottom.set(ylim=(-0.42 * scale, 1.3 * scale), xlabel=f"${variables(scheme)[0]}$", ylabel="$|e|$")
    bottom.set_yticks([y for y in bottom.get_yticks() if 0 <= y <= 1.3 * scale])
    bottom.legend(loc="upper right", ncols=3)
    page.suptitle(_title(source, step, unit))


def _added(ax: Any, scheme: Scheme, step: Frame, height: float) -> None:
    """The atoms just added, hanging below the axis; those of a level have the height of the largest of them."""
    from matplotlib.collections import PolyCollection

    for g in (g for g in step.added if len(g)):
        shapes = hats(scheme.target.box, g, 1.0, 0.0)
        shapes[:, :, 1] = -height * np.abs(shapes[:, :, 1])
        for sign, colour in SIGNS.items():
            kept = np.sign(g.coefficients) == sign
            last = kept.any() and g is step.added[-1]
            name = f"added, $c_v {'>' if sign > 0 else '<'} 0$ (not to scale)" if last else None
            style: Any = {"facecolor": colour, "edgecolor": colour, "alpha": 0.7, "linewidth": 0.8, "label": name}
            ax.add_collection(PolyCollection(list(shapes[kept]), **style), autolim=False)
    ax.axhline(0.0, color="black", linewidth=0.7)


def _maps(
    page: Figure, source: Source, step: Frame, x: FloatArray, f: FloatArray, ends: tuple[float, float], unit: bool
) -> None:
    from matplotlib import colormaps
    from matplotlib.collections import PolyCollection

    scheme = scheme_of(source)
    plane = _plane(scheme)
    page.set_size_inches(9.6, 3.5)
    axes = [page.add_axes((left, 0.13, 0.23, 0.63)) for left in (0.06, 0.4, 0.655)]
    scale = _reach(source, step, f)
    shown = (
        (step.after, "viridis", *ends, "approximant"),
        (np.abs(f - step.before), SEQUENTIAL, 0.0, scale, "$|e|$ before"),
        (np.abs(f - step.after), SEQUENTIAL, 0.0, scale, "$|e|$ after"),
    )
    names = variables(scheme)
    for ax, (values, colours, bottom, top, text) in zip(axes, shown, strict=True):
        drawn = ax.imshow(
            plane.square(values), origin="lower", extent=plane.extent, cmap=colormaps[colours].resampled(SHADES),
            vmin=bottom, vmax=top, aspect="auto", interpolation="nearest",
        )  # fmt: skip
        ax.set(title=text, xlabel=f"${names[0]}$")
        if ax is not axes[1]:
            bar = page.add_axes((ax.get_position().x1 + 0.01, 0.13, 0.012, 0.63))
            page.colorbar(drawn, cax=bar, label="" if ax is axes[0] else "$|e|$")
    axes[0].set_ylabel(f"${names[1]}$")
    axes[2].tick_params(labelleft=False)
    if unit and scheme.dim == 2:
        for g in step.added:
            star = stars(scheme.target.box, g.level, g.nodes)
            axes[2].add_collection(PolyCollection(list(star), facecolor="none", edgecolor="white", linewidth=0.8))
    page.suptitle(_title(source, step, unit))


def _title(source: Source, step: Frame, unit: bool) -> str:
    scheme, k = scheme_of(source), step.grade
    claim = ("unit-grades", "no atom increases $|e|$") if unit else ("nonincreasing", "no grade increases $|e|$")
    section = f" at ${variables(scheme)[2]} = {math_text(near_text(_middle(scheme), 4))}$" if scheme.dim == 3 else ""
    text = f"{name_of(scheme)}{section}\n{_what(scheme, step, unit)}; {caption(source, *claim)}"
    upper = sup_upper(source, k)
    if scheme.dim == 1 or unit or not np.isfinite(upper):
        return text
    return f"{text}\n$\\Vert e_{{{k}}}\\Vert \\leq {bound_text(upper)}${_doubt(scheme)}"


def _doubt(scheme: Scheme) -> str:
    return "" if scheme.target.certified else " (not certified)"


def _middle(scheme: Scheme) -> float:
    return float(scheme.target.box.lower[2] + scheme.target.box.upper[2]) / 2


def _what(scheme: Scheme, step: Frame, unit: bool) -> str:
    """Which grades or atoms a frame adds, out of how many."""
    if not step.last:
        return (
            f"start: {f'lift {float_text(scheme.lift)}' if scheme.lift else '0'}, "
            f"{step.total} {_noun(unit, step.total)} to come"
        )
    numbers = str(step.last) if step.first == step.last else f"{step.first} to {step.last}"
    atoms = sum(len(g) for g in step.added)
    level = step.added[-1].level
    more = "" if unit else f", {atoms} atom{'' if atoms == 1 else 's'}"
    return f"{_noun(unit, 1 + (step.first < step.last))} {numbers} of {step.total} (level {level}{more})"


def _noun(unit: bool, count: int) -> str:
    return ("atom" if unit else "grade") + ("" if count == 1 else "s")


def _sentence(source: Source, step: Frame, unit: bool) -> str:
    """The caption of a frame as plain text, for those who do not see it."""
    upper = sup_upper(source, step.grade)
    scheme = scheme_of(source)
    known = f"; the sup-norm of the residual after grade {step.grade} is at most {up_text(upper, 3)}{_doubt(scheme)}"
    return _what(scheme, step, unit) + (known if np.isfinite(upper) and not unit else "")


# -- files -----------------------------------------------------------------------------------------


def _paletted(images: list[Any]) -> list[Any]:
    """The frames as pictures of one palette: all shades of the maps, the commonest other colours, and blends."""
    from matplotlib import colormaps
    from PIL import Image

    found = [np.unique(_packed(image), return_inverse=True, return_counts=True) for image in images]
    maps = [colormaps[name](np.linspace(0.0, 1.0, SHADES), bytes=True)[:, :3] for name in ("viridis", SEQUENTIAL)]
    exact = _packed(np.concatenate(maps))
    seen, at = np.unique(np.concatenate([colours for colours, *_ in found]), return_inverse=True)
    count = np.bincount(at, weights=np.concatenate([counts for *_, counts in found]))
    exact = exact[np.isin(exact, seen)]
    other = ~np.isin(seen, exact)
    seen = seen[other][np.argsort(-count[other], kind="stable")]
    exact = np.concatenate([exact, seen[:SOLID]])
    room = COLOUR_COUNT - len(exact)
    blends = (
        Image.fromarray(_unpacked(seen[SOLID:])[None]).quantize(room, dither=Image.Dither.NONE)
        if len(seen) > SOLID
        else None
    )
    rest = np.array(blends.getpalette()).reshape(-1, 3)[:room] if blends else np.zeros((0, 3))
    palette = np.concatenate([_unpacked(exact), rest]).astype(np.uint8)
    pages = []
    for image, (colours, inverse, _) in zip(images, found, strict=True):
        page = Image.fromarray(_nearest(_unpacked(colours), palette)[inverse].reshape(image.shape[:2]))
        page.putpalette(palette.tobytes())
        pages.append(page)
    return pages


def _packed(colours: Any) -> Any:
    """Colours (..., 3) of bytes as numbers (n,)."""
    return colours.reshape(-1, 3).astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)


def _unpacked(numbers: Any) -> Any:
    """The bytes (n, 3) of such numbers."""
    return ((numbers[:, None] >> np.array([16, 8, 0])) & 255).astype(np.uint8)


def _nearest(colours: Any, palette: Any) -> Any:
    """(n,): the entry of the palette nearest to each colour, itself if it is one."""
    apart = colours[:, None].astype(np.int32) - palette[None].astype(np.int32)
    return np.argmin((apart**2).sum(axis=2), axis=1).astype(np.uint8)


def _gif(pages: list[Any], seconds: float) -> bytes:
    times = [round(1000 * seconds)] * (len(pages) - 1) + [round(2500 * seconds)]
    out = io.BytesIO()
    pages[0].save(out, "GIF", save_all=True, append_images=pages[1:], duration=times, loop=0)
    return out.getvalue()


def _png(page: Any) -> bytes:
    out = io.BytesIO()
    page.save(out, "PNG", optimize=True)
    return out.getvalue()


def _mp4(images: list[Any], seconds: float) -> bytes:
    with own_settings():
        return _filmed(images, seconds)


def _filmed(images: list[Any], seconds: float) -> bytes:
    from matplotlib.animation import FFMpegWriter
    from matplotlib.figure import Figure

    height, width, _ = images[0].shape
    page = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-r", str(max(10, round(1 / seconds))), "-pix_fmt", "yuv420p"]
    writer = FFMpegWriter(fps=1 / seconds, codec="h264", extra_args=even)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        name = Path(folder) / "film.mp4"
        with writer.saving(page, str(name), DPI):
            for image in images:
                page.figimage(image, resize=False)
                writer.grab_frame()
                page.clear()
        return name.read_bytes()


PLAYER_STYLE = """
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { max-width: 60rem; margin: 1rem auto; padding: 0 1rem; }
h1 { font-size: 1.1rem; }
figure { margin: 0 0 1rem; }
img { width: 100%; height: auto; background: #fff; }
#controls { display: flex; gap: .5rem; align-items: center; flex-wrap: wrap; }
#controls[hidden] { display: none; }
input[type=range] { flex: 1; min-width: 10rem; }
button { font: inherit; padding: .3rem .8rem; }
@media print { #controls { display: none; } figure[hidden] { display: block; } }
"""

PLAYER_SCRIPT = """
"use strict";
const frames = Array.from(document.querySelectorAll("figure"));
const slider = document.getElementById("frame");
const play = document.getElementById("play");
let timer = 0;
function show(k) {
  k = Math.max(0, Math.min(frames.length - 1, k));
  frames.forEach((f, n) => { f.hidden = n !== k; });
  slider.value = k;
  slider.setAttribute("aria-valuetext", frames[k].querySelector("figcaption").textContent);
}
function at() { return Number(slider.value); }
function stop() { clearInterval(timer); timer = 0; play.textContent = "Play"; }
function start() {
  if (at() === frames.length - 1) show(0);
  play.textContent = "Pause";
  timer = setInterval(() => {
    if (at() === frames.length - 1) stop(); else show(at() + 1);
  }, Number(play.dataset.pause));
}
play.addEventListener("click", () => timer ? stop() : start());
document.getElementById("back").addEventListener("click", () => { stop(); show(at() - 1); });
document.getElementById("next").addEventListener("click", () => { stop(); show(at() + 1); });
slider.addEventListener("input", () => { stop(); show(at()); });
document.addEventListener("keydown", (event) => {
  if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
  const to = { ArrowLeft: at() - 1, ArrowRight: at() + 1, Home: 0, End: frames.length - 1 }[event.key];
  if (to !== undefined) { stop(); show(to); event.preventDefault(); }
  if (event.key === " " && event.target.tagName !== "BUTTON") { play.click(); event.preventDefault(); }
});
document.getElementById("controls").hidden = false;
const asked = Number((location.hash.match(/^#frame-(\\d+)$/) || [])[1]);
show(Number.isFinite(asked) ? asked : 0);
"""


def player(title: str, pictures: list[tuple[bytes, str]], seconds: float = SECONDS) -> str:
    """A page that plays PNG pictures with their captions: one file without outside requests.

    The page forbids itself everything but its own style, script and pictures.  Without JavaScript, and in print, the
    pictures stand one below the other.  ``#frame-3`` opens picture 3, from 0.

    >>> page = player("f < g", [(b"", "start"), (b"", "grade 1")])
    >>> "f &lt; g" in page, page.count("<figure")
    (True, 2)
    """
    from html import escape

    shown = "\n".join(
        f'<figure><img alt="{escape(text)}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
        for png, text in pictures
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy(PLAYER_STYLE, PLAYER_SCRIPT)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{PLAYER_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<div id="controls" hidden>
<button id="back" type="button" aria-label="previous">&#8249;</button>
<button id="play" type="button" data-pause="{round(1000 * seconds)}">Play</button>
<button id="next" type="button" aria-label="next">&#8250;</button>
<input id="frame" type="range" min="0" max="{len(pictures) - 1}" value="0" step="1" aria-label="frame">
</div>
<main aria-live="polite">
{shown}
</main>
<script>{PLAYER_SCRIPT}</script>
</body>
</html>
"""


def policy(style: str, script: str) -> str:
    """The content security policy of a page that has this style, this script, pictures of its own, and nothing else."""
    parts = (
        "default-src 'none'", "img-src data:", f"style-src '{_hash(style)}'", f"script-src '{_hash(script)}'",
        "base-uri 'none'", "form-action 'none'",
    )  # fmt: skip
    return "; ".join(parts)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
