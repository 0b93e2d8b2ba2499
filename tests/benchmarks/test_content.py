"""What is learnt and what is asked in the studies of items by their content, on the real data."""

from typing import Any

import numpy as np
import pytest

from tests.real_data import real_data


@pytest.fixture(scope="module", params=["ml-1m-content", "frappe-content"])
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
