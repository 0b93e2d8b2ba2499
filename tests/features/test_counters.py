"""What happened before, counted."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.features.contract import FeatureContract
from penchant.features.counters import Counters, CountersSettings, CountersState, Tally
from penchant.features.feature import Array, Feature, Without
from penchant.features.feature_set import FeatureSet
from penchant.models.queries import Queries, moment_columns
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.sections.features import FeaturePart
from tests.small_data import DAY, NOON, dataset, recipe

LIKES = {"kind": "counters", "of": "liked", "by": ["user_id"], "windows": ["1d", "all"], "rate": True}
PAST = pl.DataFrame(
    {
        "user_id": ["a", "a", "b", "a", None, "a", "b"],
        "timestamp": [NOON, NOON, NOON, NOON + 2 * DAY, NOON, NOON + 2.5 * DAY, None],
        "liked": [1, 0, 1, 1, 1, None, 1],
    }
)


def structs(frame: pl.DataFrame) -> pl.Series:
    return frame.select(pl.struct(pl.all())).to_series()


class TestCounters(FeatureContract):
    part, values = FeaturePart.model_validate(LIKES), structs(PAST)

    def shown(self, feature: Feature) -> Feature:
        assert isinstance(feature, Counters)
        feature.remember(self.values)
        return feature


class TestCountersOfEventsByTwo(TestCounters):
    part = FeaturePart.model_validate({"kind": "counters", "by": ["user_id", "tab"]})
    values = structs(PAST.with_columns(tab=pl.Series([1, 1, 2, 1, 1, None, 2])))


def sums(by_row: list[tuple[Array, Array]]) -> list[list[tuple[int, float]]]:
    return [list(zip(seen.tolist(), total.tolist(), strict=True)) for seen, total in by_row]


def tally(frame: pl.DataFrame) -> Tally:
    return Tally(
        frame["user_id"],
        frame["timestamp"].fill_null(float("nan")).to_numpy(),
        frame["liked"].cast(float).fill_null(float("nan")).to_numpy(),
    )


def test_that_windows_are_counted_strictly_before_the_moment_by_hand() -> None:
    asked = pl.Series(["a", "a", "a", "a", "b", None, "c"])
    times = np.array([NOON, NOON + 1, NOON + DAY, NOON + DAY + 1, NOON + 3 * DAY, NOON + 9, NOON + 9])
    day, ever = sums(tally(PAST).read(asked, times, [DAY, np.inf]))
    assert day == [(0, 0), (2, 1), (2, 1), (0, 0), (0, 0), (0, 0), (0, 0)]  # a day reaches back to its first second, and no further
    assert ever == [(0, 0), (2, 1), (2, 1), (2, 1), (1, 1), (0, 0), (0, 0)]


def test_that_the_rate_is_the_log_odds_of_a_smoothed_share() -> None:
    counters = Counters(CountersSettings(of="liked", by=("user_id",), rate=True, prior=2.0)).fit(structs(PAST))
    assert counters.names() == ["sum of liked, ever", "events, ever", "rate, ever"]
    counters.mean_, counters.deviation_ = [0.0] * 3, [1.0] * 3
    asked = pl.DataFrame({"user_id": ["a", "c"], "timestamp": [NOON + 9 * DAY] * 2})
    likely = 5 / 6  # five of the six outcomes that are known
    expected = [[np.log(3), np.log(4), np.log((2 + 2 * likely) / (1 + 2 * (1 - likely)))], [0, 0, np.log(likely / (1 - likely))]]
    np.testing.assert_allclose(counters.transform(structs(asked)), expected, rtol=1e-6)


def test_that_the_mean_of_amounts_is_drawn_towards_that_of_training() -> None:
    frame = PAST.with_columns(liked=pl.Series([10, 20, 60, 30, None, None, None]))
    counters = Counters(CountersSettings(of="liked", by=("user_id",), rate=True, prior=3.0)).fit(structs(frame))
    counters.mean_, counters.deviation_ = [0.0] * 3, [100.0] * 3
    asked = pl.DataFrame({"user_id": ["b"], "timestamp": [NOON + DAY]})
    np.testing.assert_allclose(counters.transform(structs(asked))[0, 2], (60 + 3 * 30) / 4 / 100, rtol=1e-6)


def test_that_how_counters_spread_is_told_by_enough_events(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = CountersSettings(by=("user_id",))
    part = Counters(settings).fit(structs(PAST))
    monkeypatch.setattr("penchant.features.counters.ENOUGH", 3)
    few = Counters(settings).fit(structs(PAST))
    part.mean_, part.deviation_ = [0.0], [1.0]
    seen = part.transform(structs(PAST))[:: -(-len(PAST) // 3), 0]
    assert len(seen) == 3
    assert (few.mean_, few.deviation_) == ([pytest.approx(seen.mean(), rel=1e-6)], [pytest.approx(seen.std(), rel=1e-6)])


KEYS = st.sampled_from(["a", "b", None])
TIMES = st.sampled_from([NOON + step * DAY / 2 for step in range(6)])
EVENTS = st.lists(st.tuples(KEYS, TIMES, st.sampled_from([0.0, 1.0, 2.5, float("nan")])), max_size=20)
WINDOWS = [DAY / 2, DAY, np.inf]


def naive(events: list[tuple[Any, float, float]], key: str | None, time: float, window: float) -> tuple[int, float]:
    mine = [amount for who, when, amount in events if who == key is not None and time - window <= when < time and amount == amount]
    return len(mine), sum(mine)


@given(EVENTS, EVENTS)
def test_that_a_log_and_a_state_that_grew_event_by_event_count_as_one_does_by_hand(
    before: list[tuple[Any, float, float]], since: list[tuple[Any, float, float]]
) -> None:
    """Events come late, too: `since` is in no order of time."""

    def of(events: list[tuple[Any, float, float]]) -> Tally:
        keys, times, amounts = zip(*events, strict=True) if events else ((), (), ())
        return Tally(pl.Series(keys, dtype=pl.String), np.array(times, dtype=float), np.array(amounts, dtype=float))

    state = CountersState(of(before))
    for key, time, amount in since:
        if key is not None:
            state.observe(key, time, amount)
    asked = [(key, NOON + step * DAY / 4) for key in ("a", "b", None, "c") for step in range(12)]
    keys, times = pl.Series([key for key, _ in asked]), np.array([time for _, time in asked])
    expected = [[naive(before + since, key, time, window) for key, time in asked] for window in WINDOWS]
    assert sums(of(before + since).read(keys, times, WINDOWS)) == expected
    assert sums(state.read(keys, times, WINDOWS)) == expected


RECIPE = """
[features]
user.likes = { kind = "counters", of = "rating >= 4", windows = ["1d", "7d", "all"], rate = true }
user.age = { kind = "number" }
context.shown = { kind = "counters", by = ["user_id", "device"], windows = ["12h", "all"] }
[tasks.next]
kind = "next_item"
"""


def log_of(events: list[tuple[str, float, str, int]]) -> Any:
    users, times, devices, ratings = zip(*events, strict=True)
    columns = {"user_id": users, "item_id": [f"i{n}" for n in range(len(events))], "timestamp": times, "device": devices, "rating": ratings}
    return dataset(columns, RECIPE, {"user_id": ["a", "b"], "age": [20, 40]})


ROWS = st.lists(st.tuples(st.sampled_from(["a", "b"]), TIMES, st.sampled_from(["phone", "tv"]), st.integers(1, 5)), min_size=1, max_size=15)


@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_that_one_request_after_another_sees_what_the_log_shows_of_each_event(events: list[tuple[str, float, str, int]]) -> None:
    """Offline the whole log at once; online each event is asked about, then observed, its moment's twins after all were asked."""
    data = log_of(events)
    features = FeatureSet(data.recipe).fit(data)
    offline = features.encode_log(data.log).context
    features.encode_events(data.log.__class__.pack(*_empty(data.log)))
    lines = data.log.take(["user_id", "item_id", "timestamp", "device", "rating"], slice(None)).to_dicts()
    for row in np.argsort(data.log.time, kind="stable").tolist():
        twins = [line for line in lines if line["timestamp"] == lines[row]["timestamp"]]
        told = {name: value for name, value in lines[row].items() if name != "rating"}
        for name, array in features.encode_one("context", told).items():
            np.testing.assert_allclose(array[0], offline[name][row], atol=1e-6)
        if lines[row] is twins[0]:
            for twin in twins:
                features.observe(twin)


def _empty(log: Any) -> tuple[Any, ...]:
    none = log.take(["user_id", "item_id", "timestamp", *log.columns], np.zeros(0, dtype=int))
    return none, log.users, log.items, list(log.columns)


def test_that_queries_are_asked_with_the_users_id_and_never_with_what_is_counted() -> None:
    data = log_of([("a", NOON, "phone", 5), ("a", NOON + DAY, "tv", 1), ("b", NOON, "tv", 4)])
    assert moment_columns(data.recipe) == ["device", "timestamp", "user_id"]
    features = FeatureSet(data.recipe).fit(data)
    offline = features.encode_log(data.log).context
    asked = Queries.at_events(data, data.rows).moment
    for name, array in features.encode("context", asked).items():
        np.testing.assert_allclose(array, offline[name])
    now = Queries.now(data.log, ["a", "nobody"], pl.DataFrame({"timestamp": [NOON + DAY] * 2, "device": ["tv", "tv"]})).moment
    np.testing.assert_allclose(features.encode("context", now)["user.likes"][0], offline["user.likes"][1])


def test_that_a_saved_feature_knows_of_nothing_until_it_is_shown_a_log() -> None:
    part = CountersSettings(by=("user_id",))
    fitted = Counters(part).fit(structs(PAST))
    again = Counters(part).restore(json.loads(json.dumps(fitted.state()[0])), {})
    asked = structs(pl.DataFrame({"user_id": ["a"], "timestamp": [NOON + DAY]}))
    assert again.transform(asked)[0, 0] < fitted.transform(asked)[0, 0]
    known = fitted.transform(asked)
    assert np.array_equal(fitted.restore(*fitted.state()).transform(asked), again.transform(asked))  # also one that knew of something
    fitted.remember(structs(PAST))
    assert np.array_equal(fitted.transform(asked), known)


def test_that_counters_of_a_user_are_kept_with_the_circumstances_also_after_writing_the_recipe() -> None:
    told = recipe(RECIPE)
    assert list(told.features.user) == ["age"]
    assert list(told.features.context) == ["shown", "user.likes"]
    assert told.features.context["user.likes"].reads("user.likes") == ("user_id", "timestamp", "rating")
    assert type(told).model_validate_json(told.model_dump_json()).features == told.features


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('item.likes = { kind = "counters", by = ["device"] }', "item.likes must be counted by item_id, or by a column of the items"),
        ('item.likes = { kind = "counters", windows = ["7 days"] }', "item.likes, key 'windows'|item.likes must be such that its windows"),
        ('candidate.likes = { kind = "category" }', "candidate.likes must be counters; found kind 'category'. Write .features. item.likes"),
        ('context.likes = { kind = "counters", by = ["user_id", "item_id"] }', "known before an item is chosen"),
        ('user.likes = { kind = "counters", by = ["item_id"] }', "known before an item is chosen"),
        ('item.likes = { kind = "counters", by = ["item_id", "timestamp"] }', "by values that come again"),
        ('context.likes = { kind = "counters", by = ["user_id"], rate = true }', "given 'of'"),
        ('context.likes = { kind = "counters", by = ["user_id"], windows = ["7 days"] }', "windows"),
        ('context.likes = { kind = "counters", of = "device" }', "key 'by'"),
    ],
)
def test_that_counters_nobody_could_ask_for_are_refused(line: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        FeatureSet(recipe(f'[features]\n{line}\n[tasks.like]\nkind = "binary"\nlabel = "liked"'))


def test_that_counters_of_a_past_event_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"history.*counters \(likes\).* move it to \[features\], as user\.likes"):
        FeatureSet(recipe('[history.columns]\nlikes = { kind = "counters", by = ["user_id"] }\n[tasks.next]\nkind = "next_item"'))


def test_that_texts_are_not_summed() -> None:
    frame = PAST.with_columns(liked=pl.lit("yes"))
    with pytest.raises(DataError, match="numbers or true/false"):
        Counters(CountersSettings(of="liked", by=("user_id",))).fit(structs(frame))


SHOP = """
[features]
item.item_id = { kind = "category" }
item.maker = { kind = "category" }
item.rating = { kind = "number" }
item.likes = { kind = "counters", of = "rating >= 4" }
item.own = { kind = "counters", of = "rating", by = ["user_id", "item_id"] }
item.makers = { kind = "counters", by = ["maker", "device"], windows = ["1d"] }
[tasks.like]
kind = "binary"
label = "rating >= 4"
"""
SOLD = {
    "user_id": ["a", "b", "a", "b", "a", "b"],
    "item_id": ["x", "x", "y", "z", "x", "x"],
    "timestamp": [NOON, NOON, NOON + DAY, NOON + 1.5 * DAY, NOON + 2 * DAY, NOON + 2 * DAY],
    "device": ["tv", "tv", "tv", "tv", "tv", "phone"],
    "maker": ["nonsense"] * 6,
    "rating": [5, 4, 1, 5, 2, 4],
}
WARES = {"item_id": ["x", "y", "z"], "maker": ["m", "m", "n"], "rating": [3.0, 2.0, 1.0]}


def plain(features: FeatureSet) -> None:
    """Counts as they are, without training means and deviations."""
    for feature in features.features["candidate"].values():
        assert isinstance(feature, Counters)
        feature.mean_, feature.deviation_ = [0.0] * len(feature.mean_), [0.5] * len(feature.mean_)


def test_that_counters_of_items_are_kept_with_the_candidates_also_after_writing_the_recipe() -> None:
    told = recipe(SHOP)
    assert list(told.features.item) == ["item_id", "maker", "rating"]
    assert {name: part.asks(name) for name, part in told.features.candidate.items()} == {
        "likes": ("item_id", "timestamp"),
        "own": ("user_id", "item_id", "timestamp"),
        "makers": ("maker", "device", "timestamp"),
    }
    assert moment_columns(told) == ["device", "timestamp", "user_id"]  # the item and its maker are the candidate's
    assert type(told).model_validate_json(told.model_dump_json()).features == told.features


def test_that_an_item_with_counters_alone_keeps_its_id() -> None:
    told = recipe('[features]\nitem.likes = { kind = "counters" }\n[tasks.like]\nkind = "binary"\nlabel = "liked"')
    assert list(told.features.item) == ["item_id"]


def test_that_items_are_counted_strictly_before_each_event_by_hand() -> None:
    """The rating and the maker stand in both tables: what is counted is the event's, what it is counted by the item's."""
    data = dataset(SOLD, SHOP, None, WARES)
    features = FeatureSet(data.recipe).fit(data)
    plain(features)
    encoded = features.encode_log(data.log).candidate
    order = [("a", "x", NOON), ("a", "y", NOON + DAY), ("a", "x", NOON + 2 * DAY), ("b", "x", NOON), ("b", "z", NOON + 1.5 * DAY)]
    order.append(("b", "x", NOON + 2 * DAY))
    assert data.log.take(["user_id", "item_id", "timestamp"], slice(None)).rows() == order
    likes = np.log1p([[0, 0], [0, 0], [2, 2], [0, 0], [0, 0], [2, 2]])  # liked, events: of everybody, never those of the same moment
    own = np.log1p([[0, 0], [0, 0], [5, 1], [0, 0], [0, 0], [4, 1]])
    makers = np.log1p([[0], [2], [1], [0], [0], [0]])  # of the last day, on the same device
    for name, expected in (("likes", likes), ("own", own), ("makers", makers)):
        np.testing.assert_allclose(encoded[name], expected / 0.5, rtol=1e-6, err_msg=name)


def test_that_each_candidate_of_each_query_is_told_of_itself() -> None:
    data = dataset(SOLD, SHOP, None, WARES)
    features = FeatureSet(data.recipe).fit(data)
    plain(features)
    features.encode_log(data.log)
    catalogue = features.catalogue(data.log.items)
    assert catalogue.columns == ["item_id", "maker"]
    moments = pl.DataFrame({"timestamp": [NOON + 2 * DAY, NOON + 9 * DAY], "user_id": ["a", "b"], "device": ["tv", "phone"]})
    found = features.encode_candidates(moments, catalogue, np.array([[0, 2, 1], [1, 0, 0]]))
    assert {name: array.shape for name, array in found.items()} == {"likes": (2, 3, 2), "own": (2, 3, 2), "makers": (2, 3, 1)}
    np.testing.assert_allclose(found["likes"][..., 1], np.log1p([[2, 1, 1], [1, 4, 4]]) / 0.5, rtol=1e-6)
    np.testing.assert_allclose(found["own"][..., 0], np.log1p([[5, 0, 1], [0, 8, 8]]) / 0.5, rtol=1e-6)
    np.testing.assert_allclose(found["makers"][..., 0], np.log1p([[1, 1, 1], [0, 0, 0]]) / 0.5, rtol=1e-6)
    assert features.encode_candidates(moments.clear(), catalogue, np.zeros((0, 3), dtype=int))["likes"].shape == (0, 3, 2)


def test_that_nothing_is_asked_of_candidates_where_nothing_is_counted() -> None:
    features = FeatureSet(recipe(RECIPE))
    assert features.encode_candidates(pl.DataFrame(), pl.DataFrame(), np.zeros((1, 2), dtype=int)) == {}


def test_that_counters_of_items_without_a_task_that_ranks_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"given a task that ranks when items have counters; found features\.item\.likes"):
        recipe('[features]\nitem.likes = { kind = "counters" }\n[tasks.next]\nkind = "next_item"')


def test_that_a_column_to_count_that_the_events_lack_is_asked_for_by_the_items_name() -> None:
    with pytest.raises(DataError, match=r"column 'rating' of the events \(asked for by .*\[features\] item.likes"):
        dataset({name: values for name, values in SOLD.items() if name != "rating"}, SHOP, None, WARES)


def test_that_an_event_observed_without_what_it_is_counted_by_is_nobodys() -> None:
    counters = Counters(CountersSettings(by=("user_id",))).fit(structs(PAST))
    asked = structs(pl.DataFrame({"user_id": ["", "a", None], "timestamp": [NOON + 9 * DAY] * 3}))
    before = counters.transform(asked)
    counters.observe({"timestamp": NOON})
    counters.observe({"user_id": "a", "timestamp": None})
    assert np.array_equal(counters.transform(asked), before)
    counters.observe({"user_id": "a", "timestamp": NOON})
    assert np.flatnonzero(counters.transform(asked) != before).tolist() == [1]


EVENT = st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.sampled_from([0.0, 1.0, None]))


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=12), st.data())
def test_that_events_taken_out_count_as_if_they_had_not_been(events: list[tuple[str, int, float | None]], data: st.DataObject) -> None:
    """Also events later than the moment or before the window, of somebody else, and without an amount."""
    past = pl.DataFrame(events, schema={"user_id": pl.String, "timestamp": pl.Float64, "liked": pl.Float64}, orient="row", strict=False)
    past = past.with_columns(timestamp=NOON + 3600 * pl.col("timestamp"))
    settings_of = CountersSettings.model_validate({key: value for key, value in LIKES.items() if key != "kind"})
    counters = Counters(settings_of).fit(structs(past))
    gone = data.draw(st.lists(st.integers(0, len(events) - 1), unique=True))
    user, now = data.draw(st.sampled_from("ab")), NOON + 3600.0 * data.draw(st.integers(0, 60))
    keys, times = pl.Series([user, user]), np.array([now, now])
    some = Without(np.zeros(len(gone), dtype=np.int64), np.array(gone, dtype=np.int64), structs(past))
    without, whole = counters.as_of(keys, times, some)
    np.testing.assert_allclose(whole, counters.as_of(keys, times)[1], atol=1e-5)
    left = [place for place in range(len(events)) if place not in gone]
    counters.remember(structs(past[left]))
    np.testing.assert_allclose(without, counters.as_of(keys, times)[0], atol=1e-5)
