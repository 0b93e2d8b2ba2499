"""The final score online: the weights of the scenario that asks, calibrated chances, and what is told of both; offline says the same."""

from pathlib import Path

import numpy as np
import pytest
from tests import small_data

from penchant.models.by_scenario import ByScenario
from penchant.models.calibration import Calibration
from penchant.models.final_score import FinalScore
from penchant.models.network_recommender import NetworkRecommender
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RankRequest, RecommendationRequest

NOW = {"daypart": "night", "timestamp": small_data.FILM_NOW}
BY_SCENARIO = {"search": {"stars": -1.0}}


def film_network(folder: Path) -> NetworkRecommender:
    """Likes order everywhere; on the tab "search" the films of fewest stars come first."""
    model = small_data.copy_of(small_data.film_network(), folder)
    weights = {"rank_by": {"like": 1.0}, "rank_by_scenario": BY_SCENARIO, "candidates": 30}
    model.recipe = model.recipe.model_copy(update={"serving": model.recipe.serving.model_copy(update=weights)})
    model.calibration = Calibration({"like": ByScenario((1.0, 0.0), {("search",): (0.5, -2.0)})})
    return model


def asked(tab: str | None, user: str = "u3") -> RecommendationRequest:
    return RecommendationRequest(user_id=user, n=6, scenario=tab, context=NOW)


@pytest.mark.parametrize("tab", ["home", "search", "never seen"])
def test_that_online_and_offline_order_alike_in_every_scenario(tab: str, tmp_path: Path) -> None:
    model = film_network(tmp_path)
    online = BundleEngine(model, "7").recommend(asked(tab)).items
    offline = model.recommend(["u3"], k=6, context={"time": small_data.FILM_NOW, "daypart": "night"}, scenario=tab)
    assert [item.item_id for item in online] == offline["item_id"].to_list()
    np.testing.assert_allclose([item.score for item in online], offline["score"].to_numpy(), rtol=1e-5)


def test_that_the_scenario_that_asks_decides_by_its_own_weights_and_any_other_by_those_of_all(tmp_path: Path) -> None:
    engine = BundleEngine(film_network(tmp_path), "7")
    home, search, other = (engine.recommend(asked(tab)).items for tab in ("home", "search", "never seen"))
    assert [item.score for item in home] == pytest.approx([np.log(item.tasks["like"]) for item in home], rel=1e-3, abs=1e-5)
    assert [item.score for item in other] == pytest.approx([np.log(item.tasks["like"]) for item in other], rel=1e-3, abs=1e-5)
    stars = [item.tasks["stars"] for item in search]
    assert stars == sorted(stars)
    assert [item.score for item in search] == sorted([item.score for item in search], reverse=True)


def test_that_requests_of_different_scenarios_answered_together_keep_their_own(tmp_path: Path) -> None:
    engine = BundleEngine(film_network(tmp_path), "7")
    requests = [asked("home"), asked("search", "u4"), asked("search"), asked(None, "u5")]
    alone, together = [engine.recommend(request) for request in requests], engine.recommend_many(requests)
    for one, other in zip(alone, together, strict=True):
        assert [item.item_id for item in one.items] == [item.item_id for item in other.items]
        np.testing.assert_allclose([item.score for item in one.items], [item.score for item in other.items], rtol=1e-4)


def test_that_chances_are_told_calibrated_where_the_scenario_has_its_own_line(tmp_path: Path) -> None:
    model = film_network(tmp_path)
    plain = small_data.copy_of(small_data.film_network(), tmp_path / "plain")
    items = ("a1", "a2", "b3")

    def likes(of: NetworkRecommender, tab: str) -> np.ndarray:
        found = BundleEngine(of, "7").rank(RankRequest(user_id="u3", items=items, n=3, scenario=tab, context=NOW)).items
        chances = {item.item_id: item.tasks["like"] for item in found}
        return np.array([chances[name] for name in items])

    np.testing.assert_allclose(likes(model, "home"), likes(plain, "home"), rtol=1e-5)
    own = likes(plain, "search")
    logit = 0.5 * np.log(own / (1 - own)) - 2.0
    np.testing.assert_allclose(likes(model, "search"), 1 / (1 + np.exp(-logit)), rtol=1e-3)


def test_that_an_engine_tells_what_orders_its_answers(tmp_path: Path) -> None:
    model = film_network(tmp_path)
    told = BundleEngine(model, "7").describe()["final_score"]
    assert told == {"everywhere": {"like": 1.0, "stars": 0.0}, "search": {"like": 0.0, "stars": -1.0}}
    model.learnt_score = FinalScore.from_weights({"like": 0.25}, {})
    assert BundleEngine(model, "7").describe()["final_score"] == {"everywhere": {"like": 0.25}}
