"""Sphinx: the pages of docs/, the executed notebooks, and a reference that leaves no public name out.

Math is rendered while the pages are built (Node and KaTeX), so a built page asks nothing of any other host.
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ConfigError

import mgdl_theory

HERE = Path(__file__).parent
BUILD = HERE / "_build"
GENERATED = HERE / "_generated"
KATEX = Path(os.environ.get("KATEX_DIST", BUILD / "npm" / "node_modules" / "katex" / "dist"))

project = "mgdl_theory"
author = "The mgdl_theory developers"
copyright = "The mgdl_theory developers; BSD-3-Clause"
release = version = mgdl_theory.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    "sphinxcontrib.katex",
]
exclude_patterns = ["_build", "Thumbs.db"]
suppress_warnings = ["mystnb.unknown_mime_type"]
nitpicky = False

myst_enable_extensions = ["amsmath", "dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
nb_execution_mode = "cache" if os.environ.get("NB_CACHE") else "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"

katex_prerender = True
katex_css_path = "katex/katex.min.css"
katex_options = r"{throwOnError: true, strict: 'ignore'}"

html_theme = "furo"
html_title = "mgdl_theory"
html_static_path = ["_build/static", "_css"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_theme_options = {"source_edit_link": "", "top_of_page_buttons": []}


def _math_files() -> None:
    """KaTeX's style sheet and fonts, as npm delivered them, become static files of the pages."""
    style = KATEX / "katex.min.css"
    if not style.is_file() or shutil.which("node") is None:
        raise ConfigError("the formulas need Node and KaTeX: run `make docs`, which fetches KaTeX with npm")
    target = BUILD / "static" / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    shutil.copy(style, target)
    for font in (KATEX / "fonts").glob("*.woff2"):
        shutil.copy(font, target / "fonts")


def _notebooks() -> None:
    """The notebooks stand at the top level; Sphinx reads only below docs/."""
    target = GENERATED / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for notebook in [*sorted((HERE.parent / "notebooks").glob("*.ipynb")), HERE.parent / "notebooks" / "lessons.py"]:
        shutil.copy(notebook, target)


def _command_line() -> None:
    """The help texts of the command line, as a page."""
    from mgdl_theory.cli import help_texts

    parts = [f"## {name}\n\n```text\n{text.rstrip()}\n```\n" for name, text in help_texts(columns=100)]
    page = "# Command line\n\nThe help texts of the program, as it prints them.\n\n" + "\n".join(parts)
    (GENERATED / "cli.md").write_text(page, encoding="utf-8")


def _require_documented() -> None:
    """A public name without a place in the reference, or without a docstring, fails the build."""
    reference = (HERE / "api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\.\. (?:auto\w+|py:data):: [\w.]*?(\w+)$", reference, re.MULTILINE))
    missing = [name for name in mgdl_theory.__all__ if name not in listed]
    bare = [name for name in mgdl_theory.__all__ if not inspect.getdoc(getattr(mgdl_theory, name))]
    if missing or bare:
        raise ConfigError(f"public names without a place in docs/api.md: {missing}; without a docstring: {bare}")


def _tidy(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """In docstrings |e| is a magnitude, not a substitution, and an example after a section is no part of it."""
    found: list[str] = []
    example = section = False
    for line in lines:
        starts = line.lstrip().startswith(">>>")
        if starts and section and not example:
            found += ["Examples", "--------"]
            section = False
        section = section or (len(line) > 2 and set(line) == {"-"})
        example = starts or (example and bool(line.strip()))
        if not example:
            parts = line.split("``")
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            line = "``".join(parts)
        found.append(line)
    lines[:] = found


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _tidy, priority=400)
    GENERATED.mkdir(exist_ok=True)
    _math_files()
    _notebooks()
    _command_line()
    _require_documented()
