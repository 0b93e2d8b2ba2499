"""Popularity in each scenario apart."""

from pathlib import Path

import numpy as np
import pytest

from penchant.models.collaborative.popularity import Popularity
from penchant.models.contract import check_recommender
from penchant.models.saved import read, write
from tests.small_data import NEXT, NOON, dataset, weather

SKY = NEXT + '[scenario]\ncolumn = "sky"\n'


def sky() -> dict[str, object]:
    """x leads in the sun, y in the rain, z everywhere; one event has no scenario."""
    rows = [("sun", "x")] * 3 + [("sun", "z")] * 2 + [("rain", "y")] * 3 + [("rain", "z")] * 2 + [(None, "w")]
    return {
        "user_id": [f"u{number}" for number in range(len(rows))],
        "item_id": [item for _, item in rows],
        "timestamp": NOON + np.arange(float(len(rows))),
        "sky": [each for each, _ in rows],
    }


def test_that_each_scenario_has_its_own_order(tmp_path: Path) -> None:
    model = Popularity(per_scenario=True).fit(dataset(sky(), SKY))
    write(model, tmp_path)
    for fitted in (model, read(tmp_path)):
        first = {name: fitted.recommend(["new"], 4, scenario=name)["item_id"].to_list() for name in ("sun", "rain", "fog", None)}
        assert first["sun"] == ["x", "z", "y", "w"]  # what was never had in the sun comes by its count everywhere
        assert first["rain"] == ["y", "z", "x", "w"]
        assert first["fog"][0] == "z"
        assert first[None][0] == "z"


def test_that_scenarios_are_not_told_apart_unasked_and_need_a_column() -> None:
    assert Popularity().fit(dataset(sky(), SKY)).recommend(["new"], 1, scenario="sun")["item_id"].to_list() == ["z"]
    assert Popularity(per_scenario=True).fit(dataset(sky())).recommend(["new"], 1)["item_id"].to_list() == ["z"]


@pytest.mark.parametrize("per_scenario", [False, True])
def test_that_popularity_keeps_the_contract_in_scenarios(per_scenario: bool) -> None:
    check_recommender(Popularity(window_days=30, per_scenario=per_scenario), dataset(weather(users=8), SKY))


def test_that_a_second_fit_starts_from_its_own_scenarios() -> None:
    model = Popularity(per_scenario=True).fit(dataset(weather(users=8), SKY))
    assert model.fit(dataset(sky(), SKY)).recommend(["new"], 1, scenario="sun")["item_id"].to_list() == ["x"]
