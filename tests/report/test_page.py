"""The page: self-contained, escaped, readable by machine and by eye."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from penchant.report.charts import Bar, BarChart, LineChart, Series
from penchant.report.page import Cell, Charts, Figure, KeyFigures, Page, Section, Table, Text, render

VOID = {"meta", "br", "hr", "img", "link", "input", "wbr"}


def full_page() -> Page:
    chart = LineChart("Loss", "epoch", "loss", [Series("train", [1, 2, 3], [0.6, 0.5, 0.4]), Series("valid", [1, 2, 3], [0.7, 0.6, 0.6])])
    bars = BarChart("Rows", [Bar("a very long name of a column that people gave", 12_000), Bar("price", 9)])
    table = Table(
        ["column", "missing", "share"], [["price", 1200, 0.25], [Cell("title", "text", "warn", strong=True), None, "–"]], "Defects"
    )
    words = [Text(["One.", "Two."], points=True), Text("Mind this.", tone="bad"), KeyFigures([Figure("rows", "12", "all", "good")])]
    sections = [Section("Words", words, "An intro."), Section("Table", [table]), Section("Charts", [Charts([chart, bars], "A note.")])]
    return Page("Data & <check>", sections, "All is well.", [Figure("users", "943")], "Penchant")


class Balance(HTMLParser):
    """Collects tags that are closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def test_every_tag_is_closed() -> None:
    balance = Balance()
    balance.feed(render(full_page()))
    assert (balance.faults, balance.open) == ([], [])


def test_the_page_fetches_and_runs_nothing() -> None:
    html = render(full_page())
    balance = Balance()
    balance.feed(html)
    names = {name for name, _ in balance.attributes}
    assert not names & {"src", "srcset", "style", "action"}
    assert not [name for name in names if name.startswith("on")]
    assert all(value.startswith("#") for name, value in balance.attributes if name == "href")
    assert "<script" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_words_given_are_escaped_everywhere() -> None:
    evil = "<script>alert(1)</script>\"'"
    parts = [Text(evil), Table([evil], [[evil], [Cell(evil, evil)]], evil, evil), KeyFigures([Figure(evil, evil, evil)])]
    charts = Charts([LineChart(evil, evil, evil, [Series(evil, [1], [1]), Series("b", [1], [1])]), BarChart(evil, [Bar(evil, 1)])], evil)
    html = render(Page(evil, [Section(evil, [*parts, charts], evil)], evil, [Figure(evil, evil, evil)], evil))
    assert "<script" not in html


def test_numbers_are_grouped_and_missing_ones_are_dashes() -> None:
    html = render(full_page())
    assert ">1,200<" in html
    assert ">0.25<" in html
    cells = Table(["a", "b"], [["x", None]]).cells
    assert cells[0][1].text == "–"


def test_contents_are_listed_from_three_sections_on() -> None:
    page = full_page()
    assert render(page).count('href="#part-') == 3
    assert "<nav" not in render(Page("Short", page.sections[:2]))


def test_the_language_of_the_page_is_told() -> None:
    html = render(Page("数据检查", [Section(str(n), [Table(["a"], [["b"]])]) for n in range(3)], language="zh"))
    assert '<html lang="zh">' in html
    assert 'aria-label="目录"' in html


def test_the_same_page_is_the_same_text() -> None:
    assert render(full_page()) == render(full_page())


def test_every_class_that_is_used_has_a_style() -> None:
    html = render(full_page())
    style, body = html.split("</style>")
    used = {name for names in re.findall(r'class="([^"]*)"', body) for name in names.split()} - {"plain"}
    assert {name for name in used if f".{name}" not in style} == set()


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_screen_and_can_be_read_in_the_browser(tmp_path: Path, width: int, scheme: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    path = tmp_path / "page.html"
    path.write_text(render(full_page()), encoding="utf8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        paper, ink = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
        page.get_by_role("img", name="Loss").wait_for()
        browser.close()
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")
    assert messages == []
