"""The data check as a page for people."""

from collections import Counter
from collections.abc import Sequence

from penchant.data.check import CheckReport
from penchant.data.clean import Action
from penchant.data.defects.defect import Defect, Severity, TableName, counted, percent
from penchant.data.profile import ColumnProfile, Timeline
from penchant.report.charts import Sketch, Strip
from penchant.report.page import Cell, Charts, Figure, Finding, Findings, Page, Section, Table, Text, Tone
from penchant.report.words import shortened

_TITLES: dict[Severity, str] = {"error": "Errors", "warning": "Warnings", "information": "Good to know"}
_INTRODUCTIONS: dict[Severity, str] = {
    "error": "Cannot be learnt from as it is.",
    "warning": "Probably harms the result.",
    "information": "Nothing needs to be done.",
}
_TONES: dict[Severity, Tone] = {"error": "bad", "warning": "warn", "information": "plain"}
_TABLES: tuple[TableName, ...] = ("events", "users", "items")


def page(
    report: CheckReport, actions: Sequence[Action] = (), notes: Sequence[str] = (), *, title: str = "Data check", footer: str = ""
) -> Page:
    """The page of a check: counts, what is wrong, what cleaning did, when the events were, what each column holds, what was read.

    Args:
        report: What was found.
        actions: What cleaning did; no section when it did nothing.
        notes: What reading the files had to say; no section when there is none.
        title: The page's title.
        footer: Where the page is from.
    """
    sections = [_of_severity(severity, report.of(severity)) for severity in ("error", "warning") if report.of(severity)]
    if actions:
        rows = [(action.rule, action.sentence.removeprefix(f"{action.rule}: "), action.rows) for action in actions]
        intro = "Each rule stands in [data.clean] of the recipe. The rows that were left out lie in the folder 'rejected'."
        sections.append(Section("What cleaning did", [Table(["rule", "what it did", "rows"], rows, numeric=False)], intro=intro))
    if report.profile.timeline:
        sections.append(_when(report.profile.timeline))
    if report.of("information"):
        sections.append(_of_severity("information", report.of("information")))
    if report.profile.columns:
        sections.append(_columns(report))
    if notes:
        sections.append(Section("How the files were read", [Text(tuple(notes), points=True)]))
    return Page(title, sections, lead=_lead(report), figures=_figures(report), footer=footer)


def _figures(report: CheckReport) -> list[Figure]:
    errors, warnings = len(report.of("error")), len(report.of("warning"))
    counts = [Figure(name, f"{report.counts[name]:,}") for name in _TABLES]
    return [
        *counts,
        Figure("errors", f"{errors:,}", tone="bad" if errors else "good"),
        Figure("warnings", f"{warnings:,}", tone="warn" if warnings else "good"),
    ]


def _lead(report: CheckReport) -> str:
    worst = report.of("error", "warning")
    return f"First to look at: {worst[0].sentence}." if worst else "No defect was found."


def _of_severity(severity: Severity, defects: Sequence[Defect]) -> Section:
    cards = [_card(defect, _TONES[severity]) for defect in defects]
    title = f"{_TITLES[severity]} ({len(defects):,})"
    folded = severity == "information"
    intro = f"{_INTRODUCTIONS[severity]} {_by_kind(defects)}." if folded else _INTRODUCTIONS[severity]
    return Section(title, [Findings(cards)], intro=intro, folded=folded)


def _by_kind(defects: Sequence[Defect]) -> str:
    """How often each kind was found, the most frequent first: "8 × missing value, outlier"."""
    kinds = Counter(defect.code.replace("_", " ") for defect in defects).most_common()
    told = ", ".join(kind if number == 1 else f"{number:,} × {kind}" for kind, number in kinds)
    return told[:1].upper() + told[1:]


def _card(defect: Defect, tone: Tone) -> Finding:
    held = defect.examples if any(defect.examples) else [""] * len(defect.first_rows)
    places = [(f"row {row:,}", example) for row, example in zip(defect.first_rows, held, strict=True)]
    count = f"{counted(defect.count, 'row')} ({percent(defect.share)}) of the {defect.table}" if defect.single_rows else ""
    advice = defect.mend.replace("`", "")
    return Finding(
        defect.headline, count, defect.share, defect.code, places if defect.single_rows else (), advice, defect.recipe_line or "", tone
    )


def _when(timeline: Timeline) -> Section:
    every = "day" if timeline.days == 1 else f"{timeline.days:,} days"
    marked = " Red is a part with errors or warnings; a red mark below tells that there is any." if any(timeline.faulty) else ""
    strip = Strip(f"Events per {every} (UTC)", timeline.starts, timeline.events, timeline.faulty, "events")
    return Section("When it happened", [Charts([strip])], intro=f"A hole or a step here is often an export that broke.{marked}")


def _columns(report: CheckReport) -> Section:
    tables = []
    for table in _TABLES:
        rows = [_column(column, report) for column in report.profile.columns if column.table == table]
        if rows:
            tables.append(Table(["column", "distribution", "missing", "different"], rows, caption=table, numeric=False))
    return Section("What the columns hold", tables, intro="Numbers from the least to the greatest, texts by how common they are.")


def _column(column: ColumnProfile, report: CheckReport) -> list[str | int | Cell | None]:
    found = [defect for defect in report.of("error", "warning") if defect.table == column.table and column.name in _names(defect)]
    tone = _TONES[found[0].severity] if found else "plain"
    shown = column.labels if column.type == "number" else column.labels[:3]
    between = " … " if column.numeric else ", "
    ends, whole = (between.join(label or "''" for label in labels) for labels in ([shortened(label, 24) for label in shown], shown))
    codes = dict.fromkeys(defect.code for defect in found)
    sketch = Sketch(column.bars, not column.numeric, f"{column.name}: {ends}")
    return [
        Cell(column.name, note=", ".join((column.type, *codes)), tone=tone, strong=bool(found)),
        Cell("", note=ends, whole=whole, sketch=sketch),
        Cell(percent(column.missing) if column.missing else "–", tone="warn" if "missing_value" in codes else "plain", number=True),
        Cell(f"{column.different:,}" if column.different else "–", number=True),
    ]


def _names(defect: Defect) -> list[str]:
    return (defect.column or "").split(", ")
