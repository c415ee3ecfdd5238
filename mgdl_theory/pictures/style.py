"""What all pictures share: colours, sizes, panels, captions that state a claim with its verdict, and files."""

from __future__ import annotations

import functools
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import write_atomic
from mgdl_theory.errors import OptionError
from mgdl_theory.grade import Grade
from mgdl_theory.relu.trained import Fit, TrainedModel
from mgdl_theory.scheme import Approximation, Scheme
from mgdl_theory.targets.base import FloatArray
from mgdl_theory.text import up_text
from mgdl_theory.vector import VectorScheme
from mgdl_theory.verification.approximation import verify
from mgdl_theory.verification.record import Record, Report
from mgdl_theory.verification.trained import ModelReport
from mgdl_theory.verification.verdict import Verdict, Witness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, FigureBase

    Place = Axes | FigureBase | None
else:
    Place = Any
    """Where to draw: Axes, a Figure, a SubFigure, or None for a new figure of pyplot."""

Source = Scheme | Fit | Report | ModelReport | TrainedModel
"""What a picture may be made of; of a trained model without a target only its training can be shown."""

COLOURS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#767676",
    "pale": "#E4E4E4",
}
"""Definition: the palette of Okabe and Ito, which the colour-blind tell apart, and two greys."""

SIGNS = {1: COLOURS["orange"], -1: COLOURS["purple"]}
"""Definition: colours of atoms by the sign of c; f_k and e_k are blue, certified bounds and tolerances vermillion."""

LINES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (3, 1.2, 1, 1.2)), (0, (1, 1.1)), (0, (6, 1.5, 1, 1.5, 1, 1.5)))
"""Definition: kinds of lines, used beside colours, in turn."""

SEQUENTIAL = "cividis"
"""Definition: the colour map of fields; its lightness rises evenly, for the colour-blind and in print."""

STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "figure.titlesize": 9.0,
    "lines.linewidth": 1.3,
    "svg.hashsalt": "mgdl-theory",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}
"""Definition: what this package sets beside matplotlib's own defaults, see :func:`own_settings`."""

FORMATS = (".svg", ".pdf", ".png")
"""Definition: what :func:`save_figure` writes."""

DPI = 200
"""Experience: dots per inch of a PNG, and of the parts of a vector file that are stored as images."""

SCREEN = 100
"""Definition: dots per inch of a figure while it is laid out off the screen."""

NAME = 60
"""Experience: characters of a formula that fit on a line."""


# -- what is drawn ---------------------------------------------------------------------------------


def fold_of(source: Any) -> Scheme | Fit:
    """What a source is about: the scheme, or the trained model on its target."""
    found = source.approximation if isinstance(source, Record) else source
    if isinstance(found, TrainedModel):
        raise OptionError("plot: a trained model alone shows its training only; give it a target, model.on(f)")
    return found if isinstance(found, Fit) else scheme_of(source)


def scheme_of(source: Any) -> Scheme:
    """The scheme, of a report too."""
    found = source.approximation if isinstance(source, Record) else source
    if isinstance(found, Scheme):
        return found
    vector = "; each of its components has pictures of its own: components[0], ..."
    trained = "; a trained network has no atoms on a mesh"
    more = {VectorScheme: vector, Fit: trained, TrainedModel: trained}.get(type(found), "")
    raise OptionError(f"plot: expected a Scheme or a Report, got {type(source).__name__}{more}")


def report_of(source: Source) -> Report:
    """The report; a scheme is verified first."""
    return source if isinstance(source, Report) else verify(scheme_of(source))


def record_of(source: Source) -> Report | ModelReport:
    """The report on a scheme or a trained model, which is verified first where nobody has done so."""
    return source if isinstance(source, Report | ModelReport) else verify(fold_of(source))


def chosen(numbers: Sequence[int], most: int) -> list[int]:
    """At most so many of the numbers, evenly spread, with the first and the last of them.

    >>> chosen(range(10), 4)
    [0, 3, 6, 9]
    """
    if len(numbers) <= most:
        return list(numbers)
    return [numbers[round(k)] for k in np.linspace(0, len(numbers) - 1, most)]


# -- where it is drawn -----------------------------------------------------------------------------


@contextmanager
def own_settings() -> Iterator[None]:
    """Matplotlib's defaults with STYLE over them, whatever its user has set: everything is drawn and saved in here.

    Settings of the user may need programs that are not there (``text.usetex``), show what is not so
    (``path.simplify_threshold``), or be none at all.  What concerns windows stays: backend, interactive mode, dpi.
    """
    _load()
    from matplotlib import interactive, is_interactive, rcParams, style

    with style.context(["default", {**STYLE, "figure.dpi": rcParams["figure.dpi"]}]):
        yield
        chosen = is_interactive()  # a notebook chooses it when the first figure is made
    interactive(chosen)


def _load() -> None:
    """Import matplotlib, also where MPLBACKEND names no backend: what is written to files needs none."""
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    except UnicodeDecodeError as error:
        raise OptionError(f"plot: matplotlib cannot read its file of settings, {error}; save it as UTF-8") from error
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend


_Draw = TypeVar("_Draw", bound=Callable[..., Any])


def drawing(draw: _Draw) -> _Draw:
    """A function (source, ax=None, ...) that draws in :func:`own_settings`.

    A figure that it has made is laid out before it is returned, since ticks too take the settings they are made in.
    """

    @functools.wraps(draw)
    def settled(*given: Any, **options: Any) -> Any:
        with own_settings():
            found = draw(*given, **options)
            if given[1:] in ((), (None,)) and options.get("ax") is None:
                found.figure.draw_without_rendering()
        return found

    return cast(_Draw, settled)


def figure(on: Place, width: float, height: float) -> FigureBase:
    """The figure to draw on: the one given, or a new one of this size in inches."""
    from matplotlib.axes import Axes

    if on is None:
        from matplotlib import pyplot
        from matplotlib.figure import Figure

        size: Any = {"figsize": (width, height), "layout": "constrained"}
        try:
            return pyplot.figure(**size)
        except ImportError:  # the user's backend is none that works here; nothing is shown, but all is drawn
            return Figure(**size)
    if isinstance(on, Axes):
        raise OptionError("plot: this picture has several panels and needs a Figure or nothing as ax, got Axes")
    if getattr(on, "mgdl_fits_its_picture", False):
        on.set_size_inches(width, height)  # type: ignore[attr-defined]
    return on


def off_screen() -> Figure:
    """A figure that no window shows; :func:`figure` and :func:`place` give it the size of what is drawn on it."""
    with own_settings():
        from matplotlib.figure import Figure

        page = Figure(layout="constrained", dpi=SCREEN)
    page.mgdl_fits_its_picture = True  # type: ignore[attr-defined]
    return page


def place(on: Place, width: float, height: float, **options: Any) -> Axes:
    """The Axes to draw on: those given, or the only ones of a figure."""
    from matplotlib.axes import Axes

    if isinstance(on, Axes):
        return on
    found: Axes = figure(on, width, height).add_subplot(**options)
    return found


def whole(on: Place, width: float, height: float) -> Axes:
    """The Axes given, or Axes that fill a whole figure."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if isinstance(on, Axes):
        return on
    page = figure(on, width, height)
    if isinstance(page, Figure):
        page.set_layout_engine("none")
    found: Axes = page.add_axes((0.0, 0.0, 1.0, 1.0))
    return found


def panels(on: Place, count: int, across: int, width: float, height: float, **options: Any) -> list[Axes]:
    """So many Axes of this size, ``across`` of them in a row."""
    across = min(across, count)
    rows = -(-count // across)
    page = figure(on, width * across, height * rows + 0.35)
    return [page.add_subplot(rows, across, k + 1, **options) for k in range(count)]


def outer(axes: Sequence[Axes], across: int) -> None:
    """Labels of the axes at the outer panels only; all panels show the same domain."""
    for k, one in enumerate(axes):
        if k % min(across, len(axes)):
            one.set_ylabel("")
            one.tick_params(labelleft=False)
        if k + across < len(axes):
            one.set_xlabel("")
            one.tick_params(labelbottom=False)


def with_margin(low: float, high: float) -> tuple[float, float]:
    """A little more than an interval, so that what lies at its ends is seen."""
    return low - 0.012 * (high - low), high + 0.012 * (high - low)


def span(*values: FloatArray) -> tuple[float, float]:
    """Ends of one scale for all these values: whatever shares its colours is shown without clipping.

    >>> span(np.array([0.0, 1.0]), np.array([-2.0]))
    (-2.0, 1.0)
    """
    return float(min(v.min() for v in values)), float(max(v.max() for v in values))


def colours(count: int) -> list[Any]:
    """So many colours from light to dark, the last one darkest, all of them legible on white."""
    from matplotlib import colormaps

    shades: Colormap = colormaps["viridis"]
    return [shades(v) for v in (np.linspace(0.82, 0.0, count) if count > 1 else [0.0])]


# -- what is said ----------------------------------------------------------------------------------


def heading(on: FigureBase, source: Source, *lines: str) -> None:
    """The title of a figure: the target and its domain, then these lines."""
    on.suptitle("\n".join([name_of(fold_of(source)), *(line for line in lines if line)]))


def name_of(scheme: Approximation) -> str:
    """The target and its domain as one line of text."""
    text = scheme.target.text if len(scheme.target.text) <= NAME else scheme.target.text[: NAME - 3] + "..."
    return f"f = {text} on {scheme.target.box}".replace("$", r"\$")


def caption(source: Source, claim: str, text: str) -> str:
    """The text of a claim with its verdict; of a scheme, which nobody has verified yet, the text says so."""
    if not isinstance(source, Report | ModelReport):
        return f"{text}: not verified here"
    found = [str(result.verdict) for result in source.results if result.claim == claim]
    return f"{text}: {found[0] if found else 'not asked'}"


def grade_text(grade: Any) -> str:
    """What tells one grade from another: the level of its atoms, or how wide and deep it was trained."""
    if isinstance(grade, Grade):
        return f"level {grade.level}"
    return f"width {grade.width}" + (f", {grade.depth} layers" if grade.depth > 1 else "")


def witnesses(record: Report | ModelReport, k: int) -> list[Witness]:
    """The points that refute a claim about grade k."""
    found = [r.witness for r in record.results if r.witness is not None]
    if isinstance(record, ModelReport):
        found += [row.witness for row in record.rows if row.witness is not None]
    return list(dict.fromkeys(w for w in found if w.grade == k))


def grew(record: Report | ModelReport, k: int, before: FloatArray, after: FloatArray) -> NDArray[np.bool_]:
    """(n,): where |e_k| > |e_(k-1)| in floating point; nowhere if the contrary is proved."""
    open_ = 0 < k < len(record.rows) and record.rows[k].nonincreasing is not Verdict.PROVED
    return np.asarray(open_ & (np.abs(after) > np.abs(before)))


def bound_name(fold: Approximation) -> str:
    """What a bound of the residual is called: without a modulus of continuity it proves nothing."""
    return "proved bound" if fold.target.certified else "bound (not certified)"


def bound_text(value: float) -> str:
    """A certified upper bound, rounded up to three digits, for mathtext.

    >>> bound_text(0.0012341), bound_text(1.0)
    ('0.00124', '1')
    """
    if not np.isfinite(value):
        return r"\infty"
    return math_text(up_text(value, 3))


def math_text(number: str) -> str:
    r"""A number as mathtext.

    >>> math_text("0.25"), math_text("-1.5e-7")
    ('0.25', '-1.5\\times 10^{-7}')
    """
    mantissa, _, exponent = number.partition("e")
    return rf"{mantissa}\times 10^{{{exponent}}}" if exponent else mantissa


def variables(scheme: Approximation) -> list[str]:
    """Names of the coordinates, for mathtext: those of a formula, else x or x_1, ..., x_d."""
    given = scheme.target.describe().get("variables")
    if given and all(isinstance(v, str) and v.isalnum() for v in given):
        return [v if len(v) == 1 else f"{v[0]}_{{{v[1:]}}}" for v in given]
    return ["x"] if scheme.dim == 1 else [f"x_{{{a + 1}}}" for a in range(scheme.dim)]


# -- files -----------------------------------------------------------------------------------------


def save_figure(page: Figure, path: str | os.PathLike[str], dpi: float = DPI) -> None:
    """Write a figure by the ending of the name; the same figure gives the same file, whole or not at all."""
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise OptionError(f"plot: expected a name ending in {', '.join(FORMATS)}, got {os.fspath(path)!r}")
    write_atomic(path, rendered(page, ending[1:], dpi))


def svg_of(page: Figure, prefix: str = "") -> str:
    """The figure as an ``svg`` element to put into a page: without declaration, date and outside references.

    A page that holds several of them gives each its own prefix, so that no identifier occurs twice.
    """
    text = rendered(page, "svg", DPI).decode()
    text = text[text.index("<svg") :]
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", text) if prefix else text


def rendered(page: Figure, kind: str, dpi: float) -> bytes:
    """The bytes of a figure as ``svg``, ``pdf`` or ``png``."""
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    buffer = io.BytesIO()
    with own_settings():
        page.savefig(buffer, format=kind, dpi=dpi, metadata=undated)
    return buffer.getvalue()
