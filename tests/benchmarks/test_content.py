"""What is learnt and what is asked in the studies of items by their content, on the real data."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.real_data import real_data


@pytest.fixture(scope="module", params=["ml-1m-content", "ml-100k-content", "frappe-content"])
def content(request: pytest.FixtureRequest) -> Any:
    from studies.content import study

    return study(request.param, real_data("ml-1m").parent)


def test_that_nothing_is_learnt_of_new_items_and_only_they_are_asked_as_such(content: Any) -> None:
    warm, cold = content.asked["warm"], content.asked["cold"]
    assert np.array_equal(warm.ranked, ~cold.ranked)
    assert cold.ranked.mean() == pytest.approx(0.1, abs=1e-3)
    assert cold.ranked[cold.item].all()
    assert warm.ranked[warm.item].all()
    for stage in (0.0, 1.0):
        part = content.part(stage)
        assert not cold.ranked[part.log.item[part.rows]].any()
    _, known = cold.queries.known()
    assert not cold.ranked[cold.queries.log.item[known]].any()


def test_that_every_network_is_one_recipe_of_its_own(content: Any) -> None:
    marks = [content.mark(model) for model in content.networks]
    assert len(set(marks)) == len(marks)
    for changes in content.networks.values():
        recipe = content.recipe(changes)
        assert "stage" not in recipe.history.columns


def test_that_the_quick_form_asks_a_few_of_the_same_questions_and_reads_names_alone(content: Any) -> None:
    from studies.content import FEW, few

    for asked in content.asked.values():
        some = few(asked)
        assert len(some.queries) == min(FEW, len(asked.queries))
        wanted = {(user, item) for user, item in zip(asked.queries.user[asked.query], asked.item, strict=True)}
        assert {(user, item) for user, item in zip(some.queries.user[some.query], some.item, strict=True)} <= wanted
        assert np.array_equal(np.unique(some.query), np.arange(len(some.queries)))
    told = content.told(content._names_alone("network_side"))
    assert told["features"]["item"]["about"]["columns"] == [content.catalogue.columns[0]]
    assert content._names_alone("network_id_only") == {}


def test_that_the_films_of_both_movielens_are_told_by_the_same_plots() -> None:
    from studies.content import few_films, study

    folder = real_data("ml-100k")
    events, users, items = few_films(folder, study("ml-100k-content", folder.parent).recipe({}))
    told = dict(items.select("title", "plot").iter_rows())
    assert (len(events), len(users), len(items)) == (100_000, 943, 1682)
    assert "Woody" in told["Toy Story (1995)"]
    assert items["plot"].null_count() < 80
    moments = events.group_by("user_id", "timestamp").agg(pl.col("stage").n_unique())
    assert (moments["stage"] == 1).all()
