"""Every kind of feature on random logs: an event's arrays never depend on what comes after it, and a request gives what the log gives."""

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.features.feature_set import FeatureSet
from penchant.schema.kinds import kinds_in
from tests.small_data import DAY, NOON, dataset

LINES = {
    "category": ['context.device = { kind = "category" }', 'context.bucket = { kind = "category", column = "device", hash = 9 }'],
    "categories": ['context.tags = { kind = "categories" }'],
    "number": [
        'context.price = { kind = "number", logarithm = true }',
        'context.rank = { kind = "number", column = "price", encoding = "quantile", bins = 3 }',
        'context.level = { kind = "number", column = "price", encoding = "piecewise_linear", bins = 3 }',
    ],
    "period": ['context.part_of_day = { kind = "period", column = "timestamp", parts = 4 }'],
    "time": ['context.clock = { kind = "time", columns = ["timestamp", "since"], age = true, recency = true }'],
    "place": [
        'context.cell = { kind = "place", columns = ["latitude", "price"] }',
        'context.way = { kind = "place", columns = ["latitude", "price"], tells = "distance", to = [1.0, 2.0] }',
    ],
    "vector": ['context.pair = { kind = "vector", columns = ["price", "latitude"] }'],
    "gaussian": ['context.usual = { kind = "gaussian", columns = ["price", "device"] }'],
    "counters": [
        'user.likes = { kind = "counters", of = "price", windows = ["36h", "all"], rate = true }',
        'user.shown = { kind = "counters", of = "liked == 1", rate = true }',
        'context.crowd = { kind = "counters", by = ["device", "latitude"], windows = ["1d"] }',
        'item.sold = { kind = "counters", of = "liked == 1", windows = ["36h", "all"], rate = true }',
        'item.again = { kind = "counters", by = ["user_id", "item_id"] }',
        'item.there = { kind = "counters", of = "price", by = ["maker", "device"], rate = true }',
        'item.maker = { kind = "category" }',
    ],
}
OF_TABLES = {"text", "topics", "image", "graph"}
"""Kinds that need weights or relations: they read no past, and their contract says that a row never depends on those after it."""
RECIPE = "[features]\n" + "\n".join(line for lines in LINES.values() for line in lines) + '\n[tasks.like]\nkind = "binary"\nlabel = "liked"'
COLUMNS = ("user_id", "item_id", "timestamp", "device", "tags", "price", "since", "latitude", "liked")

event = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from(["x", "y"]),
    st.integers(0, 5).map(lambda step: NOON + step * DAY / 2),
    st.sampled_from(["phone", "tv", None]),
    st.sampled_from(["p|q", "q", "", None]),
    st.floats(-100, 100) | st.none(),
    st.floats(NOON - 9 * DAY, NOON) | st.none(),
    st.sampled_from([0.0, 48.9, None]),
    st.sampled_from([0, 1, None]),
)
Events = list[tuple[Any, ...]]
ITEMS = {"item_id": ["x", "y", "z"], "maker": ["m", None, "m"]}
TRAINING: Events = [
    ("a", "x", NOON - DAY, "phone", "p|q", 1.0, NOON - 3 * DAY, 48.9, 1),
    ("a", "y", NOON - 2 * DAY, "tv", "q", 30.0, None, 0.0, 0),
    ("b", "x", NOON - 3 * DAY, "phone", "", -5.0, NOON - 4 * DAY, None, None),
]


def log_of(events: Events) -> Any:
    """A log whose every event is told by its place in `events`, kept in the column `place`."""
    columns: dict[str, Any] = {name: [each[number] for each in events] for number, name in enumerate(COLUMNS)}
    types = {"device": pl.String, "tags": pl.String, "price": pl.Float64, "since": pl.Float64, "latitude": pl.Float64, "liked": pl.Int64}
    frame = pl.DataFrame(columns, schema_overrides=types, strict=False)
    return dataset(frame, RECIPE + '\n[data.clean]\nduplicates = "keep_all"\n', None, ITEMS)


def fitted() -> FeatureSet:
    data = log_of(TRAINING)
    return FeatureSet(data.recipe).fit(data)


FEATURES = fitted()


def told(events: Events) -> tuple[Any, dict[str, Any]]:
    log = log_of(events).log
    encoded = FEATURES.encode_log(log)
    return log, {**encoded.context, **encoded.candidate}


def asked(line: dict[str, Any]) -> dict[str, Any]:
    """What a request is told that asks of the event's own item; the outcome is never needed."""
    catalogue = FEATURES.catalogue(pl.DataFrame(ITEMS))
    moment = pl.DataFrame({name: pl.Series([value], strict=False) for name, value in line.items() if name not in ("liked", "item_id")})
    row = ITEMS["item_id"].index(line["item_id"])
    candidates = FEATURES.encode_candidates(moment, catalogue, np.array([[2, row]]))
    return {**FEATURES.encode_one("context", line), **{name: array[:, 1] for name, array in candidates.items()}}


def test_that_every_kind_is_tried_here() -> None:
    assert set(kinds_in("penchant.features")) - OF_TABLES == set(LINES)


@settings(max_examples=40, deadline=None)
@given(st.lists(event, min_size=1, max_size=10), st.lists(event, max_size=6), st.integers(0, 5))
def test_that_an_event_never_depends_on_what_comes_after_it(events: Events, others: Events, step: int) -> None:
    """From some moment on, events are changed, taken away or added; all those until then are told as before."""
    cut = NOON + step * DAY / 2
    begun = [each for each in events if each[2] <= cut]
    later = [each for each in others if each[2] > cut]
    if not begun:
        return
    log, whole = told([*begun, *(each for each in events if each[2] > cut)])
    early = log.time <= cut
    for changed in (begun, [*begun, *later]):
        other_log, other = told(changed)
        for name, array in whole.items():
            np.testing.assert_allclose(other[name][other_log.time <= cut], array[early], atol=1e-6, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(st.lists(event, min_size=1, max_size=8))
def test_that_what_is_counted_of_an_event_itself_or_of_its_moment_is_never_told_to_it(events: Events) -> None:
    """The outcome of all events of one moment is turned round: their own counters stay."""
    moment = events[0][2]
    turned = [(*each[:-1], None if each[-1] is None else 1 - each[-1]) if each[2] == moment else each for each in events]
    log, one = told(events)
    _, other = told(turned)
    now = log.time == moment
    for name in ("user.shown", "sold"):
        np.testing.assert_allclose(other[name][now], one[name][now], atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(event, min_size=1, max_size=8))
def test_that_a_request_in_the_moment_of_an_event_is_told_what_the_log_tells_of_it(events: Events) -> None:
    """The log as it lies is the state; each event is asked about without its outcome."""
    log, whole = told(events)
    lines = log.take([name for name in COLUMNS if name in log.columns or name.endswith(("_id", "stamp"))], slice(None)).to_dicts()
    for row, line in enumerate(lines):
        for name, array in asked({name: value for name, value in line.items() if name != "liked"}).items():
            np.testing.assert_allclose(array[0], whole[name][row], atol=1e-6, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(st.lists(event, min_size=1, max_size=8))
def test_that_what_was_observed_since_counts_as_if_the_log_had_held_it(events: Events) -> None:
    log, whole = told([*TRAINING, *events])
    told(TRAINING)
    lines = log.take([name for name in COLUMNS if name in log.columns or name.endswith(("_id", "stamp"))], slice(None)).to_dicts()
    for line in lines:
        if line["timestamp"] >= NOON:
            FEATURES.observe(line, FEATURES.catalogue(pl.DataFrame(ITEMS)).row(ITEMS["item_id"].index(line["item_id"]), named=True))
    for row, line in enumerate(lines):
        for name, array in asked(line).items():
            np.testing.assert_allclose(array[0], whole[name][row], atol=1e-6, err_msg=name)
