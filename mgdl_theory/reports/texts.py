r"""Texts for each format: whatever they say, they print as they stand and command nothing.

HTML is escaped by jinja2 itself; here are LaTeX, Markdown, shell commands, and the labels of drawings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from mgdl_theory.text import plain

if TYPE_CHECKING:
    from markupsafe import Markup


class Raw(str):
    """A text that is of its format already, and is not escaped again."""

    __slots__ = ()


def pretty(text: str) -> str:
    """The text of a claim with the signs of inequalities that a page can show.

    >>> pretty("|e| <= tol")
    '|e| ≤ tol'
    """
    return text.replace("<=", "≤").replace(">=", "≥")


def ascii_signs(text: str) -> str:
    """The text with the signs that every terminal has.

    >>> ascii_signs("|e| ≤ tol")
    '|e| <= tol'
    """
    return text.translate(SIGNS)


SIGNS = str.maketrans({"≤": "<=", "≥": ">=", "–": "-", "−": "-", "₀": "0"})
"""Definition: signs that a page has, and what stands for them on a terminal."""

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+(?:e-?\d+)?|e-?\d+)(?![\w.]*\w)")
"""Definition: a decimal with a point or an exponent; nothing may break it."""


def unbroken(text: str) -> Markup:
    """HTML of a text, in which no line ends within a number.

    >>> print(unbroken("<= 9.38e-5"))
    &lt;= <span class="number">9.38e-5</span>
    """
    from markupsafe import Markup, escape

    return Markup(NUMBER.sub(r'<span class="number">\g<0></span>', str(escape(text))))


# -- LaTeX -----------------------------------------------------------------------------------------

TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "'": r"\textquotesingle{}", "`": r"\textasciigrave{}", "-": "-{}",
    "≤": r"\ensuremath{\leq}", "≥": r"\ensuremath{\geq}", "‖": r"\ensuremath{\Vert}", "–": r"\textendash{}",
    "−": r"\ensuremath{-}", "₀": r"\ensuremath{{}_{0}}", "⁻": r"\ensuremath{{}^{-}}", "ˡ": r"\ensuremath{{}^{l}}",
    "×": r"\ensuremath{\times}", "é": r"\'e", "ä": r"\"a",
}  # fmt: skip
"""Definition: characters that mean something to LaTeX, or that it lacks in a typewriter font, and what prints them."""


def tex(value: object) -> Raw:
    r"""LaTeX that prints a text and breaks no number; a character that is not known here is printed as its number.

    >>> print(tex("50% of \\input{x} ☃"))
    50\% of \textbackslash{}input\{x\} [U+2603]
    >>> print(tex("tol 1.5e-7"))
    tol \mbox{1.5e-{}7}
    """
    if isinstance(value, Raw):
        return value
    text, start, written = plain(str(value)), 0, ""
    for found in NUMBER.finditer(text):
        written += _tex(text[start : found.start()]) + r"\mbox{" + _tex(found[0]) + "}"
        start = found.end()
    return Raw(written + _tex(text[start:]))


def _tex(text: str) -> str:
    return "".join(TEX.get(c, c if c.isascii() else f"[U+{ord(c):04X}]") for c in text)


def tex_code(text: str) -> Raw:
    r"""LaTeX that prints a formula or a command in typewriter letters and may break it after a sign or in a long word.

    >>> print(tex_code("x*(y)"))
    \texttt{x*\allowbreak{}(\allowbreak{}y)}
    """
    parts = re.split(r"(?<=[,(*+/=;|&<>])|(?<=\w{16})(?=\w)", plain(text))
    return Raw(r"\texttt{" + r"\allowbreak{}".join(map(tex, parts)) + "}")


# -- Markdown --------------------------------------------------------------------------------------


def markdown(value: object) -> Raw:
    r"""Markdown that prints a text: no tag, no link, no emphasis, no new cell.

    >>> print(markdown("|e| <b> [a](b)"))
    \|e\| \<b\> \[a\](b)
    """
    if isinstance(value, Raw):
        return value
    text = re.sub(r"([\\`*_\[\]<>|~&$#!@])", r"\\\1", plain(str(value)))
    return Raw(re.sub(r"(?i)(www)\.|:(?=//)", lambda m: f"{m[1]}\\." if m[1] else r"\:", text))


def code_span(text: str) -> Raw:
    """Markdown that prints a formula or a command as code.

    >>> print(code_span("a`b"))
    `` a`b ``
    """
    text = plain(text)
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    room = " " if "`" in text or text != text.strip() else ""
    return Raw(f"{fence}{room}{text}{room}{fence}")


# -- labels of drawings ----------------------------------------------------------------------------


class Span(NamedTuple):
    """A piece of a label; ``sub`` says that it stands lower and smaller, ``italic`` that it is a symbol."""

    text: str
    italic: bool
    sub: bool


SYMBOLS = {r"\cdots": "⋯", r"\ldots": "…", r"\varphi": "φ", r"\,": " ", r"\leq": "≤"}
"""Definition: the commands that labels of drawings use."""


def spans(label: str) -> list[Span]:
    r"""The pieces of a label that is text with formulas between dollar signs.

    >>> [s.text for s in spans(r"hat $c\,\varphi$ of $f_{6}$")]
    ['hat ', 'c φ', ' of ', 'f', '6']
    """
    found: list[Span] = []
    for number, part in enumerate(label.split("$")):
        if number % 2 == 0:
            found += [Span(part, False, False)] if part else []
            continue
        part = re.sub(r"\\(?:[A-Za-z]+|,)", lambda m: SYMBOLS[m[0]], part)
        for k, piece in enumerate(re.split(r"_(?:\{([^}]*)\}|(\w))", part)):
            if piece:
                found.append(Span(piece, not piece.isdigit(), k % 3 != 0))
    return found
