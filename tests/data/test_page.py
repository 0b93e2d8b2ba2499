"""The page of a check."""

from penchant.data.check import check
from penchant.data.clean import clean
from penchant.data.page import page
from penchant.report.page import render
from penchant.schema.sections.data import CleanSettings
from tests.data.defects.given import NOON, NOW, events
from tests.data.test_check import dirty


def test_that_the_page_shows_findings_cleaning_and_reading() -> None:
    report = check(dirty(), None, None, now=NOW)
    actions = clean(dirty(), None, None, CleanSettings(), now=NOW).actions
    made = page(report, actions, ["file 'a.csv': read uid as user_id"])
    assert [section.title for section in made.sections] == [
        "Errors (2)", "Warnings (1)", "What cleaning did", "When it happened", "Good to know (1)", "What the columns hold",
        "How the files were read",
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
    assert [section.title for section in made.sections] == ["When it happened", "What the columns hold"]
    assert made.lead == "No defect was found."


def test_that_a_card_shows_where_what_is_there_and_the_line_that_mends_it() -> None:
    html = render(page(check(events(user_id=["NULL", "b", "c"]), None, None, now=NOW)))
    assert "<h3>events whose user_id looks like a missing value</h3>" in html
    assert "1 row (33.3 %) of the events" in html
    assert "<span>row 1 <code>&#39;NULL&#39;</code></span>" in html
    assert '<code class="rule">[data.clean] stand_ins = &#34;missing&#34;</code>' in html


def test_that_the_day_of_a_defect_is_marked_and_others_are_not() -> None:
    frame = events(user_id=["a", "b", "NULL"], timestamp=[NOON, NOON, NOON + 86_400])
    html = render(page(check(frame, None, None, now=NOW)))
    assert "<title>2022-04-25: 2 events</title>" in html
    assert "<title>2022-04-26: 1 events, 1 of them faulty</title>" in html
    assert html.count('class="faulty"') == 2


def test_that_a_long_text_is_cut_and_told_whole_on_hover() -> None:
    long = f"{'<b>' * 20}\ufffd" + "z" * 30
    html = render(page(check(events(word=[long, "b", "b"]), None, None, now=NOW)))
    assert "<b>" not in html
    assert f'title="b, {long.replace("<", "&lt;").replace(">", "&gt;")}"' in html
    assert ">b, &lt;b&gt;&lt;b&gt;&lt;b&gt;&lt;b&gt;&lt;b&gt;&lt;b&gt;&lt;b&gt;&lt;b…</span>" in html


def test_that_numbers_are_set_right_and_texts_left() -> None:
    html = render(page(check(events(), None, None, now=NOW)))
    assert '<th scope="col" class="number">different</th>' in html
    assert '<th scope="col">distribution</th>' in html
    assert '<td class="number"><span class="plain">3</span></td>' in html


def test_that_things_to_know_are_counted_by_kind_before_they_are_shown() -> None:
    made = page(check(events(a=[None, 1, 2], b=[3, None, 4], c=["x", "x", "x"]), None, None, now=NOW))
    (section,) = [each for each in made.sections if each.folded]
    assert section.intro == "Nothing needs to be done. 2 × missing value, constant column."
