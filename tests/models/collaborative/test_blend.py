"""Several models heard together."""

import numpy as np
import polars as pl
import pytest

from penchant.models.collaborative.blend import Blend
from penchant.models.collaborative.ease import EASE
from penchant.models.collaborative.popularity import Popularity
from penchant.models.queries import Queries
from penchant.schema.errors import RecipeError
from tests.small_data import NOON, dataset, two_worlds


def test_that_a_blend_is_the_weighted_sum_of_standardised_scores() -> None:
    data = dataset(two_worlds(events=5))
    queries = Queries.now(data.log, ["u0", "u7"], pl.DataFrame({"timestamp": [NOON + 9e5] * 2}))
    one, other = (model.fit(data).scores(queries) for model in (EASE(9.0), Popularity()))
    expected = sum(weight * (each - each.mean(axis=1)[:, None]) / each.std(axis=1)[:, None] for weight, each in ((1.0, one), (0.25, other)))
    blend = Blend(parts={"ease": {"regularisation": 9.0}, "popularity": {}}, weights={"popularity": 0.25})
    np.testing.assert_allclose(blend.fit(data).scores(queries), expected, atol=1e-4)


def test_that_a_part_without_an_opinion_adds_nothing() -> None:
    data = dataset(two_worlds(events=5))
    stranger = Queries.now(data.log, ["nobody"], pl.DataFrame({"timestamp": [NOON]}))
    scores = Blend(parts={"ease": {}, "popularity": {}}).fit(data).scores(stranger)[0]
    counts = Popularity().fit(data).scores(stranger)[0]
    np.testing.assert_allclose(scores, (counts - counts.mean()) / counts.std(), atol=1e-5)


def test_that_a_part_with_a_wrong_setting_is_named() -> None:
    with pytest.raises(RecipeError, match="model 'blend', part 'ease', key 'regularisation'"):
        Blend(parts={"ease": {"regularisation": -1}}).fit(dataset(two_worlds()))


def test_that_parts_that_draw_take_the_blends_seed() -> None:
    data = dataset(two_worlds(events=5))
    queries = Queries.now(data.log, ["u0"], pl.DataFrame({"timestamp": [NOON + 9e5]}))
    parts = {"als": {"factors": 4, "iterations": 2}, "popularity": {}}
    one, same, other = (Blend(parts=parts, seed=seed).fit(data).scores(queries) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    named = {"als": {"factors": 4, "iterations": 2, "seed": 1}, "popularity": {}}
    np.testing.assert_array_equal(Blend(parts=named, seed=2).fit(data).scores(queries), one)
