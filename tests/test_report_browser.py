"""The page of a report in a real browser: what is shown agrees with the record, by mouse, by keys, and on paper."""

from __future__ import annotations

import base64
import http.server
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import mgdl_theory as mg
from mgdl_theory.reports import render
from mgdl_theory.reports.content import content
from mgdl_theory.reports.trained import trained_content
from mgdl_theory.training import Adam, sample, train
from mgdl_theory.verification.record import Report

pytest.importorskip("selenium", reason="the browser tests need the package selenium")

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no browser: the programs chromium and chromedriver are not installed"
)

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
)

FORMULA = "sin(10*x)*exp(-x)"


class Browser:
    """Chromium with an own empty profile, and what it has complained about."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, Service(DRIVER))
        self.driver.get("about:blank")  # whatever the first page of the browser asks for is over

    def open(self, page: Path, width: int = 1200, *, dark: bool = False, media: str = "") -> None:
        """Open a file in a window of this width."""
        self.console()
        self.requests()
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.cdp("Emulation.setEmulatedMedia", features=features, media=media)
        self.driver.get(page.as_uri())

    def cdp(self, command: str, **arguments: Any) -> Any:
        """A command of the Chrome DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, arguments)

    def js(self, code: str, *arguments: Any) -> Any:
        """The value of a piece of JavaScript."""
        return self.driver.execute_script(code, *arguments)

    def by_id(self, name: str) -> Any:
        """An element."""
        return self.driver.find_element(By.ID, name)

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        webdriver.ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def console(self) -> list[str]:
        """Messages since the last call: errors of scripts, violations of the policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses asked for since the last call; what the browser's own first page loads from itself is left out."""
        events = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("chrome://")]

    def shown(self) -> dict[str, str]:
        """The numbers of the current grade."""
        found: dict[str, str] = self.js(
            "return Object.fromEntries(Array.from(document.querySelectorAll('#now [data-name]'), "
            "(slot) => [slot.dataset.name, slot.textContent.trim()]))"
        )
        return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.driver.quit()


@pytest.fixture(scope="module")
def report() -> Report:
    return mg.verify(mg.construct(mg.target(FORMULA), 1e-4))


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = report.save(tmp_path_factory.mktemp("page") / "report.html")
    return path


def test_the_numbers_of_every_grade_are_those_of_the_record(browser: Browser, page: Path, report: Report) -> None:
    """By arrow keys on the slider, by arrow keys on the page, by the buttons, and to the ends."""
    browser.open(page)
    said = content(report)
    slider = browser.by_id("grade")
    slider.send_keys(Keys.HOME)
    for row in said.rows:
        numbers = browser.shown()
        assert {"level", "atoms", "lower", "upper", "balanced", "falls"} <= set(numbers)
        assert numbers == {name: row.cells[name] for name in numbers}
        valuetext, spoken, current = browser.js(
            "return [arguments[0].getAttribute('aria-valuetext'), document.getElementById('spoken').textContent, "
            "document.querySelector('tr[aria-current]').dataset.k]",
            slider,
        )
        assert (valuetext, current) == (f"grade {row.number}", str(row.number))
        assert all(row.cells[name] in spoken for name in ("lower", "upper"))
        slider.send_keys(Keys.ARROW_RIGHT)
    last = said.rows[-1].number
    assert browser.shown()["upper"] == said.rows[-1].cells["upper"]
    browser.js("document.activeElement.blur()")
    browser.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert browser.shown()["upper"] == said.row(last - 2).cells["upper"]
    browser.by_id("next").click()
    assert browser.shown()["upper"] == said.row(last - 1).cells["upper"]
    assert browser.by_id("spoken").get_attribute("aria-live") == "polite"
    assert browser.console() == []
    assert browser.requests() == [page.as_uri()]


def test_the_curve_stays_in_its_envelope_and_nearly_fills_it(browser: Browser, page: Path, report: Report) -> None:
    """The picture itself: the highest point of the path over that of the line of the certified bound."""
    browser.open(page)
    found = browser.js("""
        const slider = document.getElementById("grade");
        const y = (d) => Array.from(d.matchAll(/[ML]([-\\d.]+) ([-\\d.]+)/g), (m) => Number(m[2]));
        const at = (css) => Number(document.querySelector(`#residual ${css}`).getAttribute("y1"));
        return Array.from({ length: Number(slider.max) + 1 }, (_, k) => {
          slider.value = k;
          slider.dispatchEvent(new Event("input"));
          const now = y(document.querySelector("#residual path.now").getAttribute("d"));
          const zero = at(".zero");
          return [Math.max(...now.map((v) => Math.abs(v - zero))), Math.abs(at(".bound") - zero), zero];
        });
    """)
    for row, (peak, bound, zero) in zip(report.rows, found, strict=True):
        assert peak <= bound + 0.11  # coordinates have one digit after the point
        assert peak >= bound * row.residual_sup_lower / row.residual_sup_upper * 0.9 - 0.11
        assert zero - bound >= 4  # the line of the bound lies in the picture


TICKS = "return Array.from(document.querySelectorAll('#mesh text.tick'), (t) => t.textContent)"


def test_zoom_by_buttons_keys_wheel_and_drag(browser: Browser, page: Path) -> None:
    browser.open(page)
    whole = browser.js(TICKS)
    browser.by_id("zoom-in").click()
    half = browser.js(TICKS)
    assert half != whole
    browser.by_id("whole").click()
    assert browser.js(TICKS) == whole
    charts = browser.by_id("charts")
    browser.js("arguments[0].focus()", charts)
    browser.press("+")
    assert browser.js(TICKS) == half
    chain = webdriver.ActionChains(browser.driver, duration=0)
    chain.key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    moved = browser.js(TICKS)
    assert moved != half
    browser.press("0")
    assert browser.js(TICKS) == whole
    chain = webdriver.ActionChains(browser.driver, duration=0)
    chain.scroll_from_origin(webdriver.common.actions.wheel_input.ScrollOrigin.from_element(charts), 0, -120).perform()
    zoomed = browser.js(TICKS)
    assert zoomed != whole
    svg = browser.by_id("residual")
    webdriver.ActionChains(browser.driver, duration=0).drag_and_drop_by_offset(svg, -200, 0).perform()
    assert browser.js(TICKS) != zoomed
    browser.press("0")
    browser.js("arguments[0].blur()", charts)
    browser.by_id("probe").send_keys("0.25")
    values = browser.by_id("values").text
    assert re.search(r"f ≈ 0\.4661,", values)  # sin(2.5) exp(-0.25) = 0.46609...
    assert "floating point" in values
    browser.js("for (let n = 0; n < 60; n += 1) document.getElementById('zoom-in').click()")  # the deepest still draws
    assert browser.js("return document.querySelector('#residual path.now').getAttribute('d').includes('NaN')") is False
    assert browser.console() == []


def test_theme_follows_the_system_and_the_button(browser: Browser, page: Path) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    browser.open(page, dark=True)
    dark = browser.js(background)
    assert browser.by_id("theme").get_attribute("aria-pressed") == "true"
    browser.open(page)
    light = browser.js(background)
    assert light != dark
    browser.by_id("theme").click()
    assert browser.js(background) == dark
    assert browser.by_id("theme").get_attribute("aria-pressed") == "true"
    browser.by_id("theme").click()
    assert browser.js(background) == light


AUDIT = """
const problems = [];
const say = (what, node) => problems.push(`${what}: ${node.outerHTML.slice(0, 120)}`);
const visible = (node) => node.checkVisibility();
if (!document.documentElement.lang) problems.push("no language");
if (!document.title) problems.push("no title");
if (document.querySelectorAll("h1").length !== 1) problems.push("not one h1");
if (document.querySelectorAll("main").length !== 1) problems.push("not one main");
let level = 1;
for (const h of document.querySelectorAll("h1, h2, h3, h4")) {
  if (Number(h.tagName[1]) > level + 1) say("a level of headings is left out", h);
  level = Number(h.tagName[1]);
}
const ids = Array.from(document.querySelectorAll("[id]"), (n) => n.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) problems.push(`id twice: ${id}`);
for (const name of ["aria-labelledby", "aria-describedby", "for"]) {
  for (const node of document.querySelectorAll(`[${name}]`)) {
    for (const id of node.getAttribute(name).split(" ")) {
      if (!document.getElementById(id)) say(`${name} leads nowhere`, node);
    }
  }
}
for (const node of document.querySelectorAll("a[href^='#']")) {
  if (!document.querySelector(node.hash)) say("link leads nowhere", node);
}
for (const node of document.querySelectorAll("input")) if (!node.labels.length) say("no label", node);
for (const node of document.querySelectorAll("button, a")) {
  if (!(node.getAttribute("aria-label") || node.textContent).trim()) say("no name", node);
}
for (const node of document.querySelectorAll("img")) if (!node.alt && !node.closest("[hidden]")) say("no alt", node);
for (const node of document.querySelectorAll("svg")) {
  if (node.getAttribute("role") !== "img" || !node.getAttribute("aria-label")) say("a picture without name", node);
}
for (const node of document.querySelectorAll("[role=region], [role=group], section, nav")) {
  if (!node.getAttribute("aria-label") && !node.getAttribute("aria-labelledby")) say("a region without name", node);
}
for (const node of document.querySelectorAll("th")) if (!node.scope) say("th without scope", node);
for (const node of document.querySelectorAll("table")) if (!node.caption) say("no caption", node);
for (const node of document.querySelectorAll("body *")) {
  const scrolls = node.scrollWidth > node.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(node).overflowX);
  if (scrolls && visible(node) && node.tabIndex < 0) say("scrolls, but keys cannot reach it", node);
}
// contrast of texts, after WCAG
const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const known = new Map();
const numbers = (colour) => { // any colour as red, green, blue from 0 to 255, and opacity
  if (!known.has(colour)) {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    known.set(colour, Array.from(pen.getImageData(0, 0, 1, 1).data));
  }
  return known.get(colour);
};
const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const seen = new Map();
for (const node of document.querySelectorAll("body *")) {
  const own = Array.from(node.childNodes).some((child) => child.nodeType === 3 && child.textContent.trim());
  if (!own || !visible(node) || node.closest("script, style, noscript")) continue;
  let back = node;
  while (back && numbers(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
  const style = getComputedStyle(node);
  const front = node.closest("svg") ? style.fill : style.color;
  const pair = `${front} on ${getComputedStyle(back || document.body).backgroundColor}`;
  if (!seen.has(pair)) seen.set(pair, node);
}
for (const [pair, node] of seen) {
  const [a, b] = pair.split(" on ").map((colour) => light(numbers(colour)));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) say(`contrast ${ratio.toFixed(2)} of ${pair}`, node);
}
return [problems, seen.size];
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("formula", [FORMULA, "x*y*z"])
def test_the_page_can_be_read_by_all(browser: Browser, page: Path, formula: str, dark: bool, tmp_path: Path) -> None:
    """Names, labels, headings, tables, contrast of texts: what can be checked by machine."""
    if formula != FORMULA:
        page = mg.verify(mg.construct(mg.target(formula), 0.1)).save(tmp_path / "r.html")
    browser.open(page, dark=dark)
    problems, pairs = browser.js(AUDIT)
    assert problems == []
    assert pairs >= 4
    browser.js("document.querySelector('button').focus()")
    browser.press(Keys.TAB)
    assert browser.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_audit_sees_planted_defects(browser: Browser, page: Path, tmp_path: Path) -> None:
    text, planted = page.read_text(encoding="utf-8"), tmp_path / "planted.html"
    defects = (
        ('<label for="grade">', '<label for="next">', "no label"),
        ('id="zoom-in" type="button">Zoom in', 'id="zoom-in" type="button">', "no name"),
        ('<th scope="row"', "<th", "th without scope"),
        ("<h2 ", "<h4 ", "a level of headings"),
        ("<caption>", "<p>", "no caption"),
        ('id="overview" aria', 'id="cite" aria', "id twice"),
    )
    for old, new, _ in defects:
        assert old in text
        text = text.replace(old, new)
    planted.write_text(text, encoding="utf-8")
    browser.open(planted)
    browser.js("document.querySelector('.domain').style.color = '#aaa'")
    problems = browser.js(AUDIT)[0]
    for seen in (*(defect[2] for defect in defects), "contrast 2."):
        assert any(seen in problem for problem in problems), seen


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_window_needs_no_sideways_scrolling(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    assert browser.js("return document.documentElement.scrollWidth") <= width
    box = browser.js("const b = document.getElementById('grade').getBoundingClientRect(); return [b.left, b.right]")
    assert 0 <= box[0] < box[1] <= width


class Listener(http.server.BaseHTTPRequestHandler):
    """Counts who asks."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Nothing is here."""
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Silence."""


def test_the_policy_bites(browser: Browser, page: Path, tmp_path: Path) -> None:
    """What somebody smuggles into the page neither runs nor asks anyone; without the policy it would do both."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}"
        smuggled = (
            f"<script>window.smuggled = 1</script><img src='{host}/a.png' onerror='window.smuggled = 2'>"
            f"<link rel=stylesheet href='{host}/a.css'><iframe src='{host}/'></iframe><p style='color: red'>x</p>"
        )
        bad = tmp_path / "bad.html"
        text = page.read_text(encoding="utf-8").replace("</main>", smuggled + "</main>")
        for policy in ("Content-Security-Policy", "none"):
            bad.write_text(text.replace("Content-Security-Policy", policy), encoding="utf-8")
            Listener.asked.clear()
            browser.open(bad)
            refused = sum("Content Security Policy" in message for message in browser.console())
            if policy == "none":
                assert refused == 0
                assert browser.js("return window.smuggled") is not None
                assert set(Listener.asked) >= {"/a.png", "/a.css", "/"}
            else:
                assert refused >= 5
                assert browser.js("return window.smuggled") is None
                assert Listener.asked == []
        server.shutdown()


def test_hostile_texts_do_nothing(browser: Browser, tmp_path: Path) -> None:
    from pages import HOSTILE, Stranger

    path = mg.verify(mg.construct(Stranger(mg.target(FORMULA)), 1e-2)).save(tmp_path / "hostile.html")
    browser.open(path)
    browser.by_id("grade").send_keys(Keys.ARROW_RIGHT)
    assert "<script>alert(1)</script>" in browser.driver.find_element(By.TAG_NAME, "h1").text
    assert browser.js("return document.querySelectorAll('script').length") == 2
    assert browser.console() == []
    assert browser.requests() == [path.as_uri()]
    assert HOSTILE not in browser.driver.title  # control characters are made visible


def test_maps_follow_the_slider(browser: Browser, tmp_path: Path) -> None:
    report = mg.verify(mg.construct(mg.target("sin(3*x)*y"), 1e-2))
    path = report.save(tmp_path / "maps.html")
    browser.open(path)
    slider, seen = browser.by_id("grade"), set()
    slider.send_keys(Keys.HOME)
    for row in content(report).rows:
        assert browser.shown()["upper"] == row.cells["upper"]
        sources = browser.js("return Array.from(document.querySelectorAll('#maps img'), (i) => i.src)")
        assert len(set(sources)) == 4
        seen.add(sources[2])
        slider.send_keys(Keys.ARROW_RIGHT)
    assert len(seen) == len(report.rows)
    assert browser.js("return Array.from(document.images).every((i) => i.closest('[hidden]') || i.naturalWidth > 0)")
    assert browser.console() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [path.as_uri()]


def test_a_witness_is_marked_at_its_grade(browser: Browser, tmp_path: Path) -> None:
    scheme = mg.construct(mg.target(FORMULA), 1e-2)
    parts = [grade.atoms for grade in scheme.grades]
    parts[1] = mg.Atoms(parts[1].level, parts[1].nodes, 1.5 * parts[1].coefficients)
    report = mg.verify(mg.Scheme.of(scheme.target, scheme.lift, parts, scheme.tol))
    browser.open(report.save(tmp_path / "refuted.html"))
    marks = "return document.querySelectorAll('#residual .witness-line').length"
    slider = browser.by_id("grade")
    grades = {result.witness.grade for result in report.results if result.witness}
    assert grades
    slider.send_keys(Keys.HOME)
    for row in report.rows:
        assert bool(browser.js(marks)) == (row.grade in grades)
        slider.send_keys(Keys.ARROW_RIGHT)
    assert browser.driver.find_element(By.CSS_SELECTOR, ".claim.refuted .witness").is_displayed()


def test_paper_holds_all_and_no_controls(browser: Browser, page: Path) -> None:
    browser.open(page, media="print")
    for name in ("zoom-in", "theme", "next", "grade"):
        assert not browser.by_id(name).is_displayed()
    for section in ("verdicts", "grades", "overview", "network", "assumptions", "again", "cite"):
        assert browser.by_id(section).is_displayed()
    assert browser.js("return document.querySelector('details dl').getBoundingClientRect().height") > 100
    assert browser.js("return document.documentElement.scrollWidth") <= 1200
    printed = base64.b64decode(browser.cdp("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12


def test_without_its_script_the_page_says_the_same(browser: Browser, report: Report, tmp_path: Path) -> None:
    """A page whose script the policy refuses: the slider is away, everything else is there."""
    text = render(report)
    path = tmp_path / "no-script.html"
    path.write_text(re.sub(r"script-src '[^']*'", "script-src 'none'", text), encoding="utf-8")
    browser.open(path)
    assert not browser.by_id("explore").is_displayed()
    body = browser.driver.find_element(By.TAG_NAME, "body").text
    for row in content(report).rows:
        assert row.cells["lower"] in body
        assert row.cells["upper"] in body
    for claim in content(report).claims:
        assert claim.statement in body
    thumbs = browser.driver.find_elements(By.CSS_SELECTOR, ".thumbs svg")
    assert len(thumbs) == len(report.rows)
    assert all(thumb.is_displayed() for thumb in thumbs)


@pytest.mark.parametrize("formula", ["sin(6*x)*exp(-x)", "sin(3*x)*y"])
def test_the_page_of_a_trained_model_shows_every_grade(browser: Browser, formula: str, tmp_path: Path) -> None:
    """Light and dark, wide and narrow: the numbers of the record, no complaint, no request, nothing sticks out."""
    f = mg.target(formula)
    data = sample(f, 49)
    model = mg.verify(train(data, [Adam(width=8, epochs=30)] * 2).on(f), data=data)
    path = model.save(tmp_path / "trained.html")
    for width, dark in ((1200, False), (400, True)):
        browser.open(path, width, dark=dark)
        slider = browser.by_id("grade")
        slider.send_keys(Keys.HOME)
        for row in trained_content(model).rows:
            numbers = browser.shown()
            assert {"parameters", "lower", "upper", "squares", "grown", "falls", "seconds"} == set(numbers)
            assert numbers == {name: row.cells[name] for name in numbers}
            spoken = browser.by_id("spoken").get_attribute("textContent")
            assert all(row.cells[name] in spoken for name in ("lower", "upper"))
            assert "atoms" not in spoken
            slider.send_keys(Keys.ARROW_RIGHT)
        marks = browser.js("return document.querySelectorAll('#residual .grew').length")
        assert (marks > 0) == (f.dim == 1)
        assert browser.js("return document.documentElement.scrollWidth") <= width
        assert browser.console() == []
        assert [url for url in browser.requests() if not url.startswith("data:")] == [path.as_uri()]
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(path)
        shown = browser.driver.find_element(By.TAG_NAME, "main").text
    finally:
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
    assert "The slider needs JavaScript" in shown
    for row in trained_content(model).rows:
        assert row.cells["upper"] in shown
    for claim in trained_content(model).claims:
        assert all(text in shown for text in claim.witness)
