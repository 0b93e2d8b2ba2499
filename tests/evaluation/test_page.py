"""The evaluation as a page: what a reader must find."""

from dataclasses import replace

from penchant.evaluation.page import evaluation_page
from penchant.evaluation.summary import Evaluation, Metric
from penchant.report.page import Charts, Table, render
from tests.evaluation.given import given_evaluation


def test_the_lead_names_the_gain_over_the_best_baseline_and_what_was_not_tested() -> None:
    lead = evaluation_page(given_evaluation()).lead
    assert "next ndcg@10 0.231 against 0.148 (popularity)" in lead
    assert "click log_loss 0.412 against 0.690 (popularity, difference not tested)" in lead, "0.690 beats chance's 0.700"


def test_every_task_has_a_table_with_the_best_in_bold() -> None:
    sections = {section.title: section for section in evaluation_page(given_evaluation()).sections}
    assert list(sections) == ["How it was measured", "Task next", "Task click", "Paired differences", "Training"]
    table = next(part for part in sections["Task click"].parts if isinstance(part, Table))
    assert table.columns == ["metric", "penchant", "chance", "popularity"]
    assert [(cell.text, cell.strong) for cell in table.cells[0]] == [
        ("log_loss ↓", False),
        ("0.412", True),
        ("0.700", False),
        ("0.690", False),
    ]


def test_slices_say_how_small_they_are() -> None:
    section = evaluation_page(given_evaluation()).sections[1]
    cold = [part for part in section.parts if isinstance(part, Table)][1].cells[0]
    assert (cold[0].text, cold[0].note) == ("cold", "n = 40, small")
    assert cold[1].note == "0.150 to 0.250"


def test_calibration_is_drawn_against_the_diagonal() -> None:
    section = evaluation_page(given_evaluation()).sections[2]
    charts = next(part for part in section.parts if isinstance(part, Charts)).charts
    assert charts[1].diagonal


def test_a_missing_protocol_is_a_warning_and_not_a_blank() -> None:
    page = evaluation_page(replace(given_evaluation(), protocol=()))
    assert "cannot be compared" in page.sections[0].parts[0].lines[0]
    assert page.sections[0].parts[0].tone == "warn"


def test_a_page_without_a_baseline_says_so() -> None:
    page = evaluation_page(Evaluation("Alone", "m", tables={"m": {"click": {"all": {"auc": Metric(0.8)}}}}))
    assert "without a baseline" in page.lead
    assert page.figures[0].note == "no baseline"
    assert "no baseline" in render(page)


def test_the_model_may_lack_a_task_that_a_baseline_has() -> None:
    page = evaluation_page(Evaluation("Other", "m", tables={"m": {}, "b": {"click": {"all": {"auc": Metric(0.8)}}}}))
    assert "auc" in render(page)


def test_an_evaluation_without_anything_is_still_a_page() -> None:
    assert "<title>Empty</title>" in render(evaluation_page(Evaluation("Empty", "m")))


def test_names_are_escaped() -> None:
    html = render(evaluation_page(given_evaluation()))
    assert "Films &lt;b&gt;&amp;&lt;/b&gt; clicks" in html
    assert "<b>" not in html
