"""The data check as a page for people."""

from collections.abc import Sequence

from penchant.data.check import CheckReport
from penchant.data.clean import Action
from penchant.data.defects.defect import Defect, Severity, percent
from penchant.report.page import Cell, Content, Figure, Page, Section, Table, Text, Tone

_TITLES: dict[Severity, str] = {"error": "Errors", "warning": "Warnings", "information": "Good to know"}
_INTRODUCTIONS: dict[Severity, str] = {
    "error": "Cannot be learnt from as it is.",
    "warning": "Probably harms the result.",
    "information": "Nothing needs to be done.",
}
_TONES: dict[Severity, Tone] = {"error": "bad", "warning": "warn", "information": "plain"}


def page(
    report: CheckReport, actions: Sequence[Action] = (), notes: Sequence[str] = (), *, title: str = "Data check", footer: str = ""
) -> Page:
    """The page of a check: counts, defects by severity, what was read, what cleaning did.

    Args:
        report: What was found.
        actions: What cleaning did; no section when it did nothing.
        notes: What reading the files had to say; no section when there is none.
        title: The page's title.
        footer: Where the page is from.
    """
    sections = [_of_severity(severity, report.of(severity)) for severity in _TITLES if report.of(severity)]
    if actions:
        rows = [(action.sentence, action.table, action.rows) for action in actions]
        sections.append(Section("What cleaning did", [Table(["rule", "table", "rows left out"], rows)]))
    if notes:
        sections.append(Section("How the files were read", [Text(tuple(notes), points=True)]))
    return Page(title, sections, lead=_lead(report), figures=_figures(report), footer=footer)


def _figures(report: CheckReport) -> list[Figure]:
    errors, warnings = len(report.of("error")), len(report.of("warning"))
    counts = [Figure(name, f"{report.counts[name]:,}") for name in ("events", "users", "items")]
    return [
        *counts,
        Figure("errors", f"{errors:,}", tone="bad" if errors else "good"),
        Figure("warnings", f"{warnings:,}", tone="warn" if warnings else "good"),
    ]


def _lead(report: CheckReport) -> str:
    worst = report.of("error", "warning")
    return f"First to look at: {worst[0].sentence}." if worst else "No defect was found."


def _of_severity(severity: Severity, defects: Sequence[Defect]) -> Section:
    rows = [_row(defect, _TONES[severity]) for defect in defects]
    parts: list[Content] = [Table(["defect", "table", "rows", "share", "first rows", "what to do"], rows, numeric=False)]
    return Section(_TITLES[severity], parts, intro=_INTRODUCTIONS[severity])


def _row(defect: Defect, tone: Tone) -> list[str | int | Cell]:
    first = ", ".join(f"{row:,}" for row in defect.first_rows) or "–"
    return [
        Cell(defect.sentence, note=defect.code, tone=tone),
        defect.table,
        defect.count,
        percent(defect.share).replace(" ", "\u00a0"),
        first,
        defect.mend,
    ]
