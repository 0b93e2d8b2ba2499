"""MeLU's four states: nothing asked for is learnt, and what is known of new users and films is what the names say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.models.recommender import Recommender
from tests.real_data import real_data


@pytest.fixture(scope="module")
def cold() -> Any:
    from studies.cold import study

    return study("ml-1m-cold", real_data("ml-1m-cold").parent)


def test_that_only_the_warm_state_is_learnt_and_no_query(cold: Any) -> None:
    log = cold.data.log
    state = log.series("state").to_numpy()
    for model in ("multi_level_mf", "network", "network_text_image"):
        rows = cold.learnt(model)
        assert set(state[rows]) == {"warm"}
        assert len(rows) == ((state == "warm") & (log.time < 2)).sum()


def test_that_first_ratings_are_a_few_of_each_new_film_by_people_training_knows(cold: Any) -> None:
    from studies.cold import FIRST

    log = cold.data.log
    more = np.setdiff1d(cold.learnt("network_text_image_first"), cold.learnt("network_text_image"))
    assert set(log.series("state", more).to_list()) == {"item_cold"}
    assert (log.time[more] < 2).all()
    support = (log.series("state").to_numpy() == "item_cold") & (log.time < 2)
    given, held = (np.bincount(log.item[rows], minlength=len(log.items)) for rows in (more, np.flatnonzero(support)))
    assert np.array_equal(given, np.minimum(held, FIRST))
    film = log.item[more[0]]
    assert log.time[more[log.item[more] == film]].max() <= np.sort(log.time[support & (log.item == film)])[:FIRST].max()


@pytest.mark.parametrize("state", ["warm", "user_cold", "item_cold", "both_cold"])
def test_that_each_query_knows_what_its_name_says_and_never_what_is_asked(cold: Any, state: str) -> None:
    part, asked = cold.asked(state)
    log = part.log
    assert set(log.series("state", part.rows).to_list()) == {state}
    for queries in asked.values():
        _, rows = queries.known()
        assert (log.time[rows] < 2).all()
    query, rows = asked[""].known()
    own = np.bincount(query, minlength=len(asked[""]))
    if state in ("warm", "item_cold"):
        assert list(asked) == [""]
        return
    assert (log.time[rows] >= 1).all()
    assert list(asked) == ["", " nothing", " profile", " profile + 1", " profile + 3", " profile + 5"]
    assert (asked[" nothing"].user < 0).all()
    for known, most in ((" nothing", 0), (" profile", 0), (" profile + 1", 1), (" profile + 5", 5)):
        counts = np.bincount(asked[known].known()[0], minlength=len(own))
        assert np.array_equal(counts, np.minimum(own, most))
        assert len(asked[known]) == len(asked[""])


def test_that_the_same_films_are_ranked_whatever_is_known(cold: Any) -> None:
    """A model that scores by the film alone reaches the same with and without the support."""

    class ByCount(Recommender):
        def _learn(self, data: Any) -> None:
            self.counts = np.bincount(data.log.item[data.rows], minlength=len(data.log.items)).astype(np.float32)

        def scores(self, queries: Any) -> Any:
            return np.tile(self.counts, (len(queries), 1))

    found = cold._reached(ByCount().fit(cold.data.part(cold.learnt("network"))), "user_cold")
    for metric in ("ndcg@3", "ndcg@10"):
        everything = found[f"user_cold.{metric}"]
        assert everything.mean() > 0
        for known in (" nothing", " profile", " profile + 3"):
            assert np.array_equal(found[f"user_cold.{metric}{known}"], everything)
    assert not any("rmse" in name for name in found)


def test_that_every_model_is_one_of_its_own_and_its_recipe_reads(cold: Any) -> None:
    from studies.cold import NETWORKS, RECIPE_OF_NETWORKS

    from penchant.schema.recipe import Recipe
    from penchant.schema.settings import read_settings

    marks = [cold.mark(model) for model in NETWORKS]
    assert len(set(marks)) == len(marks)
    for model in NETWORKS:
        recipe = read_settings(Recipe, cold.told(model) | {"directory": Path()}, RECIPE_OF_NETWORKS)
        assert "user_id" not in recipe.features.user
        assert ("item_id" in recipe.features.item) == (model != "network_content_only")
        assert ("poster" in recipe.features.item) == ("image" in model)
        assert ("genres" in recipe.features.item) == (model in ("network", "network_content_only", "network_image"))


@pytest.mark.slow
def test_that_the_network_answers_every_question_of_every_state_and_is_held_against_what_ran_before(cold: Any, tmp_path: Path) -> None:
    from studies.kept import Kept

    cold.kept = Kept(tmp_path, "cold")
    means = cold.run("means", 0, None)
    assert means.differences == {}
    outcome = cold.run("network_id_only", 0, 1.0)
    assert "at most 1 s" in outcome.setting
    assert {name.partition(".")[0] for name in outcome.metrics} == {"warm", "user_cold", "item_cold", "both_cold"}
    assert set(means.metrics) == set(outcome.metrics)
    assert 0.85 < outcome.metrics["warm.rmse"]["value"] < 1.2
    low, value, high = (outcome.metrics["warm.rmse"][edge] for edge in ("low", "value", "high"))
    assert low < value < high
    again = cold.run("popularity", 0, None)
    gaps = again.differences["means"]
    assert "warm.rmse" not in gaps
    found = again.metrics["warm.ndcg@10"]["value"] - means.metrics["warm.ndcg@10"]["value"]
    assert gaps["warm.ndcg@10"]["value"] == pytest.approx(found, abs=1e-4)
