"""One request's record: the same arrays as a table of it, whatever came before."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.data.records import frame_of
from penchant.features import feature_set
from penchant.features.feature_set import FeatureSet
from tests.small_data import NOON, dataset

LINES = """
[features]
context.device = { kind = "category" }
context.amount = { kind = "number" }
context.tags = { kind = "categories" }
context.hour = { kind = "time", column = "timestamp" }
[tasks.next]
kind = "next_item"
"""
LOG = {
    "user_id": ["u0", "u0", "u1", "u1"],
    "item_id": ["i0", "i1", "i0", "i2"],
    "timestamp": [NOON, NOON + 1, NOON + 2, NOON + 3],
    "device": ["1", "phone", "1.5", None],
    "amount": [1.0, 2.0, None, 7.0],
    "tags": ["a|b", "b", "", None],
}


def fitted() -> FeatureSet:
    data = dataset(LOG, LINES)
    return FeatureSet(data.recipe).fit(data)


FEATURES = fitted()
values = st.none() | st.booleans() | st.sampled_from([0, 1, 2, 1.0, 1.5, -0.0, "1", "1.0", "phone", "a|b", "", "x" * 300]) | st.text()
scalars = st.dictionaries(st.sampled_from(["device", "amount", "tags", "timestamp", "unheard of"]), values)
lists = st.fixed_dictionaries({}, optional={"tags": st.lists(st.text(), max_size=3)})


def assert_as_a_table(features: FeatureSet, record: dict[str, Any]) -> None:
    expected = features.encode("context", frame_of([record]) if record else pl.DataFrame({"timestamp": [None]}))
    found = features.encode_one("context", record)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array), name


@given(scalars, lists)
def test_that_a_record_gives_the_arrays_of_a_table_of_it(record: dict[str, Any], tags: dict[str, Any]) -> None:
    assert_as_a_table(FEATURES, record | tags)
    assert_as_a_table(FEATURES, record | tags)  # now as remembered


@pytest.mark.parametrize("order", [1, -1])
def test_that_values_which_python_holds_equal_are_told_apart(order: int) -> None:
    features = fitted()
    for value in [1, 1.0, True, "1", 0, 0.0, -0.0, False][::order]:
        for column in ("device", "amount", "tags", "timestamp"):
            assert_as_a_table(features, {column: value})


def test_that_a_value_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    features = fitted()
    device = features.features["context"]["device"]
    transform, read = device.transform, []

    def reading(values: pl.Series) -> Any:
        read.append(values[0])
        return transform(values)

    monkeypatch.setattr(device, "transform", reading)
    for value in ("phone", "tv", "phone", "x" * 300, "x" * 300):
        features.encode_one("context", {"device": value})
    assert read == ["phone", "tv", "x" * 300, "x" * 300]  # what is long is not kept


def test_that_only_so_many_values_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_set, "REMEMBERED", 10)
    features = fitted()
    for number in range(100):
        features.encode_one("context", {"amount": number})
        assert len(features._remembered) <= 10


def test_that_fitting_anew_forgets() -> None:
    data = dataset(LOG, LINES)
    features = FeatureSet(data.recipe).fit(data)
    before = features.encode_one("context", {"device": "phone"})["device"]
    other = dataset(LOG | {"device": ["phone", "phone", "tv", "tv"]}, LINES)
    features.fit(other)
    assert_as_a_table(features, {"device": "phone"})
    assert not np.array_equal(features.encode_one("context", {"device": "phone"})["device"], before)
