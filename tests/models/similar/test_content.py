"""What features tell, as vectors: each feature alike, ids and what is missing for nothing."""

import numpy as np
import polars as pl
import pytest

from penchant.features.category import FIRST
from penchant.features.feature_set import FeatureSet
from penchant.models.similar.content import WIDE, Content, of_values
from penchant.models.similar.spaces import Floats
from tests.small_data import NOON, dataset

FEATURES = """
[features]
item.item_id = { kind = "category" }
item.genre = { kind = "category" }
item.tags = { kind = "categories" }
item.place = { kind = "vector", columns = ["x", "y"] }
[tasks.next]
kind = "next_item"
"""
ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "genre": ["noir", "noir", "song", None],
        "tags": ["slow|dark", "dark", None, None],
        "x": [1.0, 1.0, -2.0, None],
        "y": [2.0, 0.0, -2.0, None],
    }
)


def fitted() -> tuple[FeatureSet, Content]:
    data = dataset(
        {"user_id": list("uuuu"), "item_id": list("abcd"), "timestamp": [NOON + step for step in range(4)]}, FEATURES, items=ITEMS
    )
    features = FeatureSet(data.recipe).fit(data)
    return features, Content(features, "item", features.encode("item", data.log.items))


def vectors(table: pl.DataFrame) -> Floats:
    features, content = fitted()
    return content.vectors(features.encode("item", table), len(table))


def test_that_every_feature_has_the_same_share_of_the_length_and_an_id_none() -> None:
    features, content = fitted()
    assert content.width == features.forms("item")["genre"].size + features.forms("item")["tags"].size + 2
    squares = np.square(vectors(ITEMS))
    genre, tags, place = np.split(squares, [features.forms("item")["genre"].size, content.width - 2], axis=1)
    for own in (genre, tags, place):
        present = own.sum(axis=1)[own.any(axis=1)]
        assert present.mean() == pytest.approx(1 / 3, rel=1e-5)


def test_that_products_are_what_is_shared_by_hand() -> None:
    both = vectors(pl.DataFrame({"item_id": ["p", "q"], "genre": ["noir", "noir"], "tags": ["slow|dark", "dark"]}))
    assert both[0] @ both[1] == pytest.approx(1 / 3 + 0.5**0.5 / 3, rel=1e-5)


@pytest.mark.parametrize(
    "record", [{"item_id": "d"}, {"item_id": "new", "genre": "opera", "tags": "new|strange"}, {"item_id": "a"}, {"item_id": None}]
)
def test_that_what_is_missing_or_unknown_says_nothing(record: dict[str, str]) -> None:
    assert not vectors(pl.DataFrame([record], schema={"item_id": pl.String, "genre": pl.String, "tags": pl.String})).any()


def test_that_one_nobody_has_seen_has_the_vector_of_its_like() -> None:
    twin = ITEMS.filter(item_id="a").with_columns(item_id=pl.lit("nobody has seen it"))
    np.testing.assert_allclose(vectors(twin)[0], vectors(ITEMS)[0], rtol=1e-6)


def test_that_of_many_values_products_are_nearly_those_of_the_values() -> None:
    size = 40 * WIDE
    values = np.random.default_rng(0).integers(FIRST, size, size=(300, 2))
    coded = of_values(values, size)
    exact = np.zeros((300, size))
    np.add.at(exact, (np.arange(300)[:, None], values), 0.5**0.5)
    difference = coded @ coded.T - exact @ exact.T
    assert coded.shape == (300, WIDE)
    assert np.abs(difference).max() < 6 / 16
    assert 0.8 / 16 < difference[np.triu_indices(300, 1)].std() < 1.2 / 16
    assert np.array_equal(coded[7:9], of_values(values[7:9], size)), "a value has the same signs in whatever company"
    assert not of_values(np.zeros((2, 3), dtype=np.int64), size).any()
