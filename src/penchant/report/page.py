"""The document model of a page, and the page as one HTML text that needs nothing else.

page = Page("Data check", [Section("Events", [Text("All is well."), Table(["column", "missing"], [["price", 12]])])])
Path("check.html").write_text(render(page), encoding="utf8")
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from penchant.report.charts import BarChart, LineChart, Sketch, Strip, VectorChart
from penchant.report.words import shortened

Tone = Literal["plain", "good", "warn", "bad"]
Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Text:
    """Paragraphs, or a list of points."""

    paragraphs: str | Sequence[str]
    points: bool = False
    tone: Tone = "plain"
    """Anything but plain sets the text off in a box."""

    @property
    def lines(self) -> Sequence[str]:
        """The paragraphs, also when there is one."""
        return (self.paragraphs,) if isinstance(self.paragraphs, str) else self.paragraphs


@dataclass(frozen=True)
class Figure:
    """One number that matters, with its name and a few words on it."""

    name: str
    value: str
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True)
class KeyFigures:
    """Numbers side by side."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Cell:
    """A table cell with more than text."""

    text: str
    note: str = ""
    """Small print under the text (an interval)."""
    whole: str = ""
    """The note in full where it is cut; shown on hover or a tap."""
    tone: Tone = "plain"
    strong: bool = False
    sketch: Sketch | None = None
    """Drawn beside the note."""
    number: bool = False
    """Whether it is set right, as numbers are."""


Value = str | int | float | None | Cell


@dataclass(frozen=True)
class Table:
    """Rows under column names; the first column names the row.

    Attributes:
        columns: Names.
        rows: As wide as `columns`. Integers are grouped by thousands, None is a dash.
        caption: What the table shows.
        note: How to read it.
        numeric: Whether all columns after the first are set right; else numbers alone are.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    caption: str = ""
    note: str = ""
    numeric: bool = True

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows with every value as a cell."""
        return [[_cell(value) for value in row] for row in self.rows]


Chart = LineChart | BarChart | VectorChart | Strip


@dataclass(frozen=True)
class Charts:
    """Charts side by side where the page is wide enough."""

    charts: Sequence[Chart]
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that was found, on a card.

    Attributes:
        title: What it is.
        count: How much of it, in words ("12 of 5,000 rows"); with the share left out when empty.
        share: Of the whole, 0 to 1, drawn as a bar.
        label: Its short name.
        examples: Where, and what is there: ("row 7", "'Ann '").
        advice: What to do.
        rule: A line to copy.
        tone: How bad it is.
    """

    title: str
    count: str
    share: float
    label: str = ""
    examples: Sequence[tuple[str, str]] = ()
    advice: str = ""
    rule: str = ""
    tone: Tone = "plain"

    @property
    def width(self) -> float:
        """The share in hundredths, never invisible."""
        return round(min(100.0, max(1.0, 100 * self.share)), 1)


@dataclass(frozen=True)
class Findings:
    """Cards, one below the other."""

    findings: Sequence[Finding]


Content = Text | KeyFigures | Table | Charts | Findings


@dataclass(frozen=True)
class Section:
    """A titled part of the page."""

    title: str
    parts: Sequence[Content]
    intro: str = ""
    folded: bool = False
    """Whether it opens only when asked to."""


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: Also the browser's title.
        sections: In order; a table of contents is made of three or more.
        lead: The finding in a sentence or two, under the title.
        figures: Key figures under the lead.
        footer: Where the page is from (time, version).
        language: Of the words given; for screen readers, hyphenation and the few words the page adds.
    """

    title: str
    sections: Sequence[Section] = ()
    lead: str = ""
    figures: Sequence[Figure] = ()
    footer: str = ""
    language: Language = "en"

    @property
    def words(self) -> dict[str, str]:
        """The few words the page adds itself."""
        return _WORDS[self.language]


def render(page: Page) -> str:
    """The page as one HTML text: styles and charts inside, no script, nothing fetched."""
    return _environment().get_template("page.html").render(page=page)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("penchant.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shortened"] = shortened
    environment.tests["kind"] = lambda part, name: type(part).__name__ == name
    return environment


def _cell(value: Value) -> Cell:
    if isinstance(value, Cell):
        return value
    if value is None:
        return Cell("–")
    if isinstance(value, str):
        return Cell(value)
    return Cell(f"{value:,}" if isinstance(value, int) else f"{value:.4g}", number=True)


_WORDS: dict[Language, dict[str, str]] = {
    "en": {"contents": "Contents", "scroll": "Table, scrolls sideways", "show": "Show"},
    "zh": {"contents": "目录", "scroll": "表格，可左右滚动", "show": "显示"},
}
