"""All features together: fitted on the training part, the same for a log and for a request, and never from the future."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.dataset import Dataset
from penchant.features import feature_set
from penchant.features.contract import check_form
from penchant.features.feature_set import Encoded, FeatureSet
from penchant.schema.errors import RecipeError
from tests.small_data import NOON, dataset, recipe

LINES = """
[features]
user.age = { kind = "number" }
item.item_id = { kind = "category" }
item.genres = { kind = "categories" }
context.hour = { kind = "time", column = "timestamp" }
context.device = { kind = "category" }
context.tags = { kind = "categories" }
[history]
columns.rating = { kind = "category" }
columns.seconds = { kind = "number" }
[scenario]
column = "page"
[tasks.next]
kind = "next_item"
"""
OWNERS: tuple[Any, ...] = ("user", "item", "context", "history", "scenario", "candidate")


def events(count: int = 8) -> pl.DataFrame:
    """Four users with two events each; the last two users and items are rare and dear."""
    return pl.DataFrame(
        {
            "user_id": [f"u{n // 2}" for n in range(count)],
            "item_id": [f"i{n}" for n in range(count)],
            "timestamp": [NOON + 3600.0 * n for n in range(count)],
            "device": ["phone", "tv", None, "phone", "car", "car", "car", "car"][:count],
            "tags": [["a", "b"], [], None, ["b|c"], ["z"], ["z"], ["z"], ["z"]][:count],
            "rating": [5, 4, 3, 5, 1, 1, 1, None][:count],
            "seconds": [1.0, None, 3.0, 2.0, 900.0, 900.0, 900.0, 900.0][:count],
            "page": ["home", "home", "search", None, "new", "new", "new", "new"][:count],
        }
    )


USERS = {"user_id": [f"u{n}" for n in range(4)], "age": [20, 40, 1000, None]}
ITEMS = {"item_id": [f"i{n}" for n in range(8)], "genres": ["a", "a|b", "", None, "x", "x", "x", "x"]}


def small(frame: pl.DataFrame | None = None) -> Dataset:
    return dataset(events() if frame is None else frame, LINES, USERS, ITEMS)


def fitted() -> tuple[Dataset, FeatureSet]:
    data = small()
    return data, FeatureSet(data.recipe).fit(data.part(np.arange(4)))


def arrays_of(encoded: Encoded) -> dict[str, Any]:
    return {f"{owner}.{name}": array for owner in OWNERS for name, array in getattr(encoded, owner).items()}


def test_that_features_are_fitted_on_the_training_rows_only() -> None:
    data, features = fitted()
    encoded = features.encode_log(data.log)
    np.testing.assert_allclose(encoded.user["age"], [[-1, 0], [1, 0], [6, 0], [0, 1]])  # mean 30, deviation 10 of the two in training
    assert encoded.item["item_id"].tolist() == [2, 3, 4, 5, 0, 0, 0, 0]
    assert encoded.context["device"].tolist() == [2, 3, 1, 2, 0, 0, 0, 0]
    assert encoded.scenario["page"].tolist() == [2, 2, 3, 1, 0, 0, 0, 0]
    assert encoded.history["seconds"][0].tolist() == pytest.approx([-(1.5**0.5), 0], rel=1e-6)  # mean 2, variance 2/3
    assert features.forms("item")["genres"].size == 4  # padding, unknown, a, b: x is of items that are not in training


def test_that_a_users_and_an_items_values_are_rare_by_their_training_events() -> None:
    """Training has x three times, y twice, z once, and v, whom u0 alone knows, once. The test part would make z and v frequent."""
    pairs = ["u0 x", "u1 x", "u1 x", "u1 y", "u2 y", "u2 z", "u0 v", "u0 z", "u0 z", "u0 v", "u0 v"]
    frame = {
        "user_id": [pair[:2] for pair in pairs],
        "item_id": [pair[3:] for pair in pairs],
        "timestamp": [NOON + 60.0 * place for place in range(len(pairs))],
    }
    least = """
    [features]
    user.user_id = { kind = "category", minimum_count = 3 }
    user.land = { kind = "category", minimum_count = 3 }
    item.item_id = { kind = "category", minimum_count = 2 }
    item.maker = { kind = "category", minimum_count = 3 }
    item.genres = { kind = "categories", minimum_count = 4 }
    [tasks.next]
    kind = "next_item"
    """
    users = {"user_id": ["u0", "u1", "u2", "u3"], "land": ["hill", "shore", "hill", "hill"]}
    items = {"item_id": list("vwxyz"), "maker": ["M", "M", "L", "M", "M"], "genres": ["g", "g", "g|h", "h", "g"]}
    data = dataset(frame, least, users, items)
    features = FeatureSet(data.recipe).fit(data.part(np.flatnonzero(data.log.time < NOON + 60.0 * 7)))
    encoded = features.encode_log(data.log)
    assert encoded.user["user_id"].tolist() == [0, 2, 0, 0]  # u1 has 3 events, u0 and u2 have 2 each, u3 none
    assert encoded.user["land"].tolist() == [2, 3, 2, 2]  # hill 4 events of two users, shore 3 of one
    assert encoded.item["item_id"].tolist() == [0, 0, 2, 3, 0]  # v, w, x, y, z
    assert encoded.item["maker"].tolist() == [2, 2, 3, 2, 2]  # M 4 events of three items, L 3 of one
    assert encoded.item["genres"][:, 0].tolist() == [2, 2, 2, 3, 2]  # g 5 events of v, x, z; h 5 of x and y


def test_that_every_array_is_what_its_form_promises_for_the_whole_log() -> None:
    data, features = fitted()
    encoded = features.encode_log(data.log)
    rows = {"user": 4, "item": 8, "context": 8, "history": 8, "scenario": 8, "candidate": 8}
    for owner in OWNERS:
        for name, form in features.forms(owner).items():
            check_form(form, getattr(encoded, owner)[name], rows[owner])


def test_that_a_request_and_the_log_give_the_same_arrays() -> None:
    data, features = fitted()
    encoded = features.encode_log(data.log)
    for row, event in enumerate(events().to_dicts()):  # the log is in the same order
        request = pl.DataFrame([event])
        for owner in OWNERS[2:]:
            for name, array in features.encode(owner, request).items():
                assert np.allclose(array[0], getattr(encoded, owner)[name][row]), (owner, name, row)


def test_that_columns_a_request_lacks_are_missing_values() -> None:
    _, features = fitted()
    only_time = pl.DataFrame({"timestamp": [NOON]})
    empty = pl.DataFrame({"timestamp": [NOON], "device": [None], "tags": [None]})
    lacking, given_none = features.encode("context", only_time), features.encode("context", empty)
    assert all(np.array_equal(lacking[name], given_none[name]) for name in lacking)
    assert lacking["device"].tolist() == [1]


def test_that_saved_features_load_the_same(tmp_path: Path) -> None:
    data, features = fitted()
    features.save(tmp_path)
    loaded = FeatureSet(data.recipe).load(tmp_path)
    ours, theirs = arrays_of(features.encode_log(data.log)), arrays_of(loaded.encode_log(data.log))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert [loaded.forms(owner) for owner in OWNERS] == [features.forms(owner) for owner in OWNERS]


def test_that_a_wrong_kind_or_setting_is_answered_with_the_features_name() -> None:
    with pytest.raises(RecipeError, match=r"features, item\.year, kind must be a known kind"):
        FeatureSet(recipe('[features]\nitem.year = { kind = "nmber" }\n[tasks.next]\nkind = "next_item"'))
    with pytest.raises(RecipeError, match=r"features, item\.year, key 'logaritm'"):
        FeatureSet(recipe('[features]\nitem.year = { kind = "number", logaritm = true }\n[tasks.next]\nkind = "next_item"'))


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(1, 7))
def test_that_an_events_arrays_never_depend_on_later_events(data: st.DataObject, cut: int) -> None:
    """What was known at noon is the same whatever happened afterwards, however the tables of values look by then."""
    features = FeatureSet(recipe(LINES)).fit(small().part(np.arange(4)))
    value = st.sampled_from(["phone", "tv", "new", None])
    changed = [
        event | {"device": data.draw(value), "rating": data.draw(st.integers(0, 5)), "seconds": data.draw(st.floats(0, 1e6)), "tags": ["q"]}
        if row >= cut
        else event
        for row, event in enumerate(events().to_dicts())
    ]
    before, after = (features.encode_log(small(frame).log) for frame in (events(), pl.DataFrame(changed, schema=events().schema)))
    for owner in OWNERS[2:]:
        for name, array in getattr(before, owner).items():
            assert np.array_equal(array[:cut], getattr(after, owner)[name][:cut]), (owner, name)


def test_that_arrays_of_a_large_log_hold_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    data, features = fitted()
    whole = arrays_of(features.encode_log(data.log))
    monkeypatch.setattr(feature_set, "LARGE", 3)
    large = arrays_of(features.encode_log(data.log))
    assert isinstance(large["context.device"], feature_set.Gathered)
    for name, array in ((name, array) for name, array in whole.items() if not name.startswith(("user", "item"))):
        for rows in (slice(None), slice(2, 5), np.array([[7, 0], [3, 3]]), 4, np.zeros((0, 2), dtype=np.int64)):
            np.testing.assert_allclose(large[name][rows], array[rows], rtol=1e-6)
            assert large[name][rows].shape == array[rows].shape
        assert (large[name].shape, large[name].dtype, len(large[name])) == (array.shape, array.dtype, len(array))
    np.testing.assert_array_equal(large["history.rating"] + 1, whole["history.rating"] + 1)
