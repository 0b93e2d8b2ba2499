"""The page of a check."""

from penchant.data.check import check
from penchant.data.clean import clean
from penchant.data.page import page
from penchant.report.page import render
from penchant.schema.recipe import CleanSettings
from tests.data.defects.given import NOW, events
from tests.data.test_check import dirty


def test_that_the_page_shows_findings_cleaning_and_reading() -> None:
    report = check(dirty(), None, None, now=NOW)
    actions = clean(dirty(), None, None, CleanSettings(), now=NOW).actions
    made = page(report, actions, ["file 'a.csv': read uid as user_id"])
    assert [section.title for section in made.sections] == [
        "Errors", "Warnings", "Good to know", "What cleaning did", "How the files were read",
    ]  # fmt: skip
    assert made.lead == "First to look at: events without user_id: 1 of 4 rows (25 %), first at row 4."
    assert [(figure.name, figure.value) for figure in made.figures] == [
        ("events", "4"), ("users", "2"), ("items", "2"), ("errors", "2"), ("warnings", "1"),
    ]  # fmt: skip


def test_that_names_from_the_data_cannot_become_markup() -> None:
    frame = events(**{"<script>alert(1)</script>": [None, 1, 2]})
    html = render(page(check(frame, None, None, now=NOW)))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_that_clean_data_makes_a_short_page() -> None:
    made = page(check(events(), None, None, now=NOW))
    assert (made.sections, made.lead) == ([], "No defect was found.")
