"""What makes a scenario, and what it is called."""

from typing import Any

import polars as pl
import pytest

from penchant.data.scenario import scenario_names
from penchant.schema.errors import RecipeError, TargetError
from penchant.schema.sections.scenario import ScenarioSettings
from tests.small_data import recipe

ONE, TWO = ScenarioSettings(column="tab"), ScenarioSettings(columns=("device", "tab"), buckets={"hour": 4})


def test_that_factors_are_the_columns_and_the_clock() -> None:
    assert list(ONE.parts) == ["tab"]
    assert {name: part.kind for name, part in TWO.parts.items()} == {"device": "category", "tab": "category", "hour": "period"}
    assert TWO.parts["hour"].settings == {"cycle": "hour", "parts": 4, "hours_from_utc": 0.0}
    assert (TWO.parts["hour"].reads("hour"), TWO.named) == (("timestamp",), ("device", "tab"))


@pytest.mark.parametrize(
    ("settings", "named", "values"),
    [
        (ONE, "home", {"tab": "home"}),
        (ONE, "a=b, c", {"tab": "a=b, c"}),
        (ONE, {"tab": 3}, {"tab": 3}),
        (TWO, "device=phone,tab=1", {"device": "phone", "tab": "1"}),
        (TWO, " tab = 1 ", {"tab": "1"}),
        (TWO, {"tab": 1, "device": None}, {"tab": 1, "device": None}),
        (TWO, None, {}),
        (ScenarioSettings(), "anything", {}),
    ],
)
def test_that_a_scenario_may_be_named_in_words_or_by_its_columns(settings: ScenarioSettings, named: Any, values: dict[str, Any]) -> None:
    assert settings.values(named) == values


@pytest.mark.parametrize(
    ("named", "told"),
    [("phone", "must be of the form 'device=..., tab=...'"), ("device=phone,page=2", "column 'page'"), ({"tabb": 1}, "Did you mean 'tab'")],
)
def test_that_what_names_no_scenario_is_told(named: Any, told: str) -> None:
    with pytest.raises(TargetError, match=told):
        TWO.values(named)


def test_that_a_scenario_is_called_by_its_values() -> None:
    assert (ONE.name({"tab": "home", "other": 1}), ONE.name({"tab": None})) == ("home", None)
    assert TWO.name({"tab": 1, "device": "phone", "hour": 3}) == "device=phone, tab=1"
    assert (TWO.name({"tab": 1}), TWO.name({})) == ("tab=1", None)


def test_that_events_and_requests_are_called_alike() -> None:
    frame = pl.DataFrame({"device": ["phone", None, None], "tab": [1, 2, None]})
    assert scenario_names(TWO, frame).to_list() == ["device=phone, tab=1", "tab=2", None]
    assert [TWO.name(row) for row in frame.iter_rows(named=True)] == scenario_names(TWO, frame).to_list()
    assert scenario_names(ONE, frame).to_list() == [1, 2, None]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('column = "tab"\ncolumns = ["device"]', "given a column or columns; found both"),
        ('columns = ["tab", "tab"]', "found 'tab' twice"),
        ('columns = ["hour"]\nbuckets = { hour = 4 }', "found 'hour' twice"),
        ("buckets = { hours = 4 }", "hour"),
        ("buckets = { hour = 1 }", "greater than or equal to 2"),
    ],
)
def test_that_a_recipe_with_muddled_scenarios_is_told(lines: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        recipe(f'[tasks.next]\nkind = "next_item"\n[scenario]\n{lines}\n')
