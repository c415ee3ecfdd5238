"""Reports: verdicts, grades, network and evidence of one verification as a page, as Markdown, and as LaTeX.

A report reads a record and proves nothing new.  The page is one file that asks nothing of any other host, forbids
itself to do so, and says the same without its script.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgdl_theory.archive import write_atomic
from mgdl_theory.errors import OptionError
from mgdl_theory.pictures.animation import policy
from mgdl_theory.pictures.style import chosen, fold_of, witnesses
from mgdl_theory.relu.diagram import Diagram, diagram, tikz
from mgdl_theory.relu.network import Network
from mgdl_theory.reports import figures
from mgdl_theory.reports.content import PAPER, Content
from mgdl_theory.reports.figures import Record
from mgdl_theory.reports.texts import Raw, code_span, markdown, spans, tex, tex_code, unbroken
from mgdl_theory.reports.trained import content_of
from mgdl_theory.scheme import Scheme
from mgdl_theory.text import near_text, up_text
from mgdl_theory.verification import record
from mgdl_theory.verification.record import Report
from mgdl_theory.verification.trained import ModelReport

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["FORMATS", "check_name", "network_of", "render", "save_report"]

FORMATS = {".html": "report.html", ".md": "report.md", ".tex": "report.tex"}
"""Definition: endings of files, and the template that each has; that of a trained model extends it (trained.html)."""

TEMPLATES = Path(__file__).parent / "templates"

NETWORK_BYTES = 1 << 28
"""Experience: weights up to which the network is made for its drawing."""


def save_report(report: record.Record, path: str | os.PathLike[str]) -> Path:
    """Write a report as a page (.html), as Markdown (.md) or as LaTeX (.tex), by the ending of the name.

    Parameters
    ----------
    report : Report or ModelReport
        On a scheme, or on a trained model.
    path : str or path

    Returns
    -------
    Path
        The file, whole or not at all.

    Raises
    ------
    OptionError
        For another ending.
    """
    kind = check_name(path)
    if not isinstance(report, Record):
        raise OptionError(
            f"report: expected a Report of one function, got {type(report).__name__}; of a vector, save "
            "each of report.components"
        )
    write_atomic(path, render(report, kind))
    return Path(path)


def check_name(path: str | os.PathLike[str]) -> str:
    """The ending of a name that can be written here, else an error.

    >>> check_name("report.HTML")
    '.html'
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise OptionError(f"report: expected a name ending in {', '.join(FORMATS)}, got {os.fspath(path)!r}")
    return ending


def render(report: Record, kind: str = ".html") -> str:
    """The text of a report as ``.html``, ``.md`` or ``.tex``.

    >>> import mgdl_theory as mg
    >>> text = render(mg.verify(mg.construct(mg.target("x**2-0.3"), 0.1)), ".md")
    >>> print(text.splitlines()[0])
    # Multigrade ReLU approximation of `x**2-0.3`
    """
    said, name = content_of(report), FORMATS[kind]
    more = {".html": _page, ".md": _nothing, ".tex": _drawing}[kind](report, said)
    template = name.replace("report", "trained") if isinstance(report, ModelReport) else name
    return _environment(kind).get_template(template).render(said=said, paper=PAPER, **more)


# -- what the formats add --------------------------------------------------------------------------


def _nothing(report: Record, said: Content) -> dict[str, Any]:
    return {}


def _drawing(report: Record, said: Content) -> dict[str, Any]:
    """The network as TikZ."""
    found = _diagram(report)
    return {"tikz": Raw(tikz(found)) if found else ""}


def _page(report: Record, said: Content) -> dict[str, Any]:
    """The pictures of the page, its style and script, and what it allows itself."""
    style, script = (_source(name) for name in ("report.css", "report.js"))
    target, rows = fold_of(report).target, said.rows
    dim, shown = target.dim, [row.number for row in rows]
    overview = [rows[n] for n in chosen(range(len(rows)), figures.THUMBS)]
    names = target.describe().get("variables") or [f"x{a + 1}" for a in range(dim)]
    data: dict[str, Any] = {"dim": dim, "shown": shown, "tol": report.tol}
    found: dict[str, Any] = {"maps": None, "thumbnails": []}
    if dim == 1:
        data |= {"name": names[0], "curves": figures.curves(report, shown)}
        data |= {"upper": [_number(row.upper) for row in rows], "certified": target.certified}
        points = dict.fromkeys((w.grade, w.x) for k in shown for w in witnesses(report, k))
        data["witness"] = [[k, float(x)] for k, point in points for x in point]
        found["thumbnails"] = figures.thumbnails(report, overview)
    else:
        found["maps"] = figures.maps(report, rows, names)
        data["maps"] = {k: [[f, third] for f, _, third in shots] for k, shots in found["maps"].grades.items()}
        data["tops"] = [up_text(found["maps"].tops[k], 4) for k in shown]
    if isinstance(report, ModelReport):
        found |= {"squares": figures.squares_chart(report, rows), "losses": figures.loss_chart(report)}
        found["noted"] = sum(bool(len(grade.history)) for grade in report.model.grades)
    return found | {
        "data": data,
        "dim": dim,
        "names": names,
        "overview": overview,
        "chart": figures.norm_chart(report, rows),
        "size": figures.CHART,
        "drawing": _diagram(report),
        "style": style,
        "script": script,
        "policy": policy(style, script),
    }


def _number(value: float) -> float | None:
    return value if value < float("inf") else None


def network_of(scheme: Scheme) -> Network | None:
    """The network of a scheme; None if it has no layers, or its weights would take more than NETWORK_BYTES."""
    if not 0 < 8 * scheme.depth * (scheme.dim + 3) ** 2 <= NETWORK_BYTES:
        return None
    network: Network = scheme.network()
    return network


def _diagram(report: Record) -> Diagram | None:
    """The drawing of the network of a scheme, where it can be made."""
    network = network_of(report.scheme) if isinstance(report, Report) else None
    return diagram(network) if network else None


# -- templates -------------------------------------------------------------------------------------


@cache
def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment(kind: str) -> Environment:
    """Templates of one format, in which every value is escaped unless it says that it is of the format already."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    loader = FileSystemLoader(TEMPLATES)
    if kind == ".html":
        page = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        page.filters |= {
            "spans": spans,
            "raw": Markup,
            "px": lambda value: f"{value:.1f}".removesuffix(".0"),
            "near": lambda value: near_text(value, 4),
            "unbroken": unbroken,
        }
        return page
    if kind == ".md":
        text = Environment(
            loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=markdown
        )  # no markup: the filters below escape, and so does whatever passes no filter
        text.filters |= {"code": code_span, "url": Raw}
        return text
    paper = Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=tex,
        block_start_string="<%", block_end_string="%>", variable_start_string="<<", variable_end_string=">>",
        comment_start_string="<#", comment_end_string="#>",
    )  # fmt: skip
    paper.filters |= {"code": tex_code, "raw": Raw}
    return paper
