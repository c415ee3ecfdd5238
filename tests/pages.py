"""Reading reports in tests: the elements and words of a page, and a target whose every text is hostile."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

HOSTILE = (
    "f </title></script><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} {% raw %} \\input{secret} "
    "\\write18{x} %$&#_^~{} `code` ``` | cell \n# heading\r[link](javascript:x) ![i](http://a/b.png) www.example.org "
    "https://example.org --> ]]> \u202e gnp.\x1b[31m\x00 é ☃"
)
"""Definition: a text that tries to be markup in every format."""


class Stranger:
    """A target without modulus whose every text is hostile."""

    certified, text = False, HOSTILE

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, x: Any) -> Any:
        return self.inner(x)

    def describe(self) -> dict[str, Any]:
        """What it tells of itself."""
        more = {"variables": [HOSTILE], "assumptions": [HOSTILE], HOSTILE: HOSTILE, "value_error": HOSTILE}
        return {"kind": "stranger", "text": HOSTILE, "box": self.inner.describe()["box"], **more}


class Page(HTMLParser):
    """Elements, attributes and texts of a page; the content of style and script is not text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.inside = ""

    @classmethod
    def of(cls, text: str) -> Page:
        page = cls()
        page.feed(text)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
        elif not self.inside:
            self.texts.append(data)


def words(text: str) -> str:
    """The letters and digits of a text, which no format escapes."""
    return re.sub(r"[^A-Za-z0-9]", "", text)


def flat(text: str, kind: str) -> str:
    if kind == ".html":
        text = "".join(Page.of(text).texts)
    elif kind == ".tex":
        text = re.sub(r"\\(?:textbackslash|textasciicircum|textasciitilde|textless|textgreater|textbar|textquotedbl|"
                      r"textquotesingle|textasciigrave|textendash|allowbreak)\{\}|\\ensuremath\{[^}]*\}+|\\texttt|\\mbox",
                      "", text)  # fmt: skip
    return words(text)
