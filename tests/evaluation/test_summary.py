"""The evaluation record: read, compared, written, printed."""

from math import nan

import pytest

from penchant.evaluation.summary import Comparison, Difference, Evaluation, Metric, best
from penchant.schema.errors import DataError
from tests.evaluation.given import given_evaluation


def test_the_model_in_question_comes_first() -> None:
    evaluation = given_evaluation()
    assert evaluation.models == ["penchant", "chance", "popularity"]
    assert evaluation.tasks == ["next", "click"]
    assert evaluation.measured("next") == ["penchant", "popularity"]
    assert evaluation.slices("next") == ["all", "cold"]
    assert evaluation.metrics("next") == ["ndcg@10", "recall@10"]


def test_what_was_not_measured_is_none() -> None:
    evaluation = given_evaluation()
    assert evaluation.metric("popularity", "next", "recall@10") is None
    assert evaluation.metric("nobody", "next", "ndcg@10") is None
    assert evaluation.row("next", "recall@10")["popularity"] is None


def test_json_and_back_changes_nothing() -> None:
    evaluation = given_evaluation()
    again = Evaluation.from_json(evaluation.to_json())
    assert repr(again) == repr(evaluation), "repr, because nan is not equal to itself"


def test_json_has_no_nan(tmp_path) -> None:
    text = given_evaluation().to_json()
    assert "NaN" not in text
    path = tmp_path / "evaluation.json"
    path.write_text(text, encoding="utf8")
    assert Evaluation.read(path).title == "Films <b>&</b> clicks"


@pytest.mark.parametrize("text", ["{}", "[", '{"title": "x", "model": "m", "tables": {"m": 3}}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="an evaluation file must be JSON as written by to_json"):
        Evaluation.from_json(text)


def test_printing_puts_the_baselines_beside_the_model() -> None:
    lines = str(given_evaluation()).splitlines()
    assert lines[2].split() == ["task", "next", "penchant", "popularity"]
    assert lines[4] == "ndcg@10         0.231 [0.220, 0.242]  0.148 [0.140, 0.156]"
    assert "ndcg@10 · cold  0.200 [0.150, 0.250]  0.100 [0.050, 0.150]" in lines
    assert lines[-1].split()[-5:] == ["[+0.0750,", "+0.0910]", "<", "0.001", "better"]


def test_a_small_value_lends_its_decimals_to_its_interval() -> None:
    assert str(Metric(0.098, 0.094, 0.1021)) == "0.0980 [0.0940, 0.1021]"
    assert str(Metric(nan)) == "–"


def test_the_best_of_a_loss_is_the_lowest() -> None:
    loss = {"a": Metric(0.5, lower_is_better=True), "b": Metric(0.4, lower_is_better=True), "c": None, "d": Metric(nan)}
    assert best(loss) == "b"
    assert best({"a": Metric(0.5), "b": Metric(0.4)}) == "a"


def test_equals_and_loners_have_no_best() -> None:
    assert best({"a": Metric(0.5), "b": Metric(0.5)}) is None
    assert best({"a": Metric(0.5)}) is None


@pytest.mark.parametrize(
    ("low", "high", "lower_is_better", "verdict"),
    [(0.1, 0.2, False, "better"), (-0.2, -0.1, False, "worse"), (0.1, 0.2, True, "worse"), (-0.2, -0.1, True, "better"),
     (-0.1, 0.1, False, "unclear"), (0.0, 0.1, False, "unclear"), (nan, nan, True, "unclear")],
)  # fmt: skip
def test_the_verdict_follows_the_interval(low: float, high: float, lower_is_better: bool, verdict: str) -> None:
    assert Difference(Metric(0.0, low, high, 9, lower_is_better)).verdict == verdict


def test_a_comparison_within_a_slice_is_not_that_of_all_rows() -> None:
    difference = Difference(Metric(0.1))
    evaluation = Evaluation("t", "m", comparisons=(Comparison("m", "b", "next", "ndcg@10", difference, slice="cold"),))
    assert evaluation.comparison("b", "next", "ndcg@10") is None
