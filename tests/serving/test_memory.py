"""What is known of each user's past: the log's events and every event since, in time order, as many as a history holds."""

from collections.abc import Sequence
from copy import copy

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import small_data

from penchant.data.records import frame_of
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.event import Event
from penchant.serving import memory as memory_module
from penchant.serving.memory import Memory, UserPast
from penchant.serving.served_network import HistoryReader

ROWS = {name: row for row, name in enumerate(small_data.film_network().items["item_id"])}


READER = HistoryReader(small_data.film_network())


def memory_of(model: NetworkRecommender, rows: dict[str, int]) -> Memory:
    """A memory of what this network reads."""
    return Memory(model.log_, model.recipe, HistoryReader(model), rows)


@pytest.fixture
def memory() -> Memory:
    return memory_of(small_data.film_network(), ROWS)


def joined(model: NetworkRecommender, rows: dict[str, int], names: Sequence[str]) -> None:
    """These items come into the catalogue, as the engine takes them in."""
    rows |= {name: len(rows) + place for place, name in enumerate(names)}
    model.catalogue = pl.concat([model.catalogue, model.features.catalogue(pl.DataFrame({"item_id": names}))])


def event(item: str, time: float, user: str = "new", value: float = 5) -> Event:
    return Event("", user, item, time, "rating", value, "home", {})


def test_that_a_known_users_past_is_the_newest_of_the_log_that_histories_keep(memory: Memory) -> None:
    rows = small_data.film_events().filter(pl.col("user_id") == "u3").sort("timestamp")
    kept = rows.filter(pl.col("rating") >= 2)[-9:]  # length = 8, and the one before
    past = memory.of("u3")
    assert past.items == [ROWS[name] for name in kept["item_id"]]
    assert past.times == kept["timestamp"].to_list()
    assert past.seen == {ROWS[name] for name in rows["item_id"]}
    assert memory.knows("u3")


def test_that_somebody_unknown_has_an_empty_past(memory: Memory) -> None:
    assert memory.of(None) == memory.of("nobody") == UserPast()
    assert not memory.knows("nobody")


def test_that_events_come_into_the_order_of_their_times(memory: Memory) -> None:
    memory.apply([event("a1", 30), event("a2", 10), event("a3", 20), event("a4", 10)])
    assert memory.of("new").items == [ROWS[name] for name in ("a2", "a4", "a3", "a1")]
    assert memory.of("new").times == [10, 10, 20, 30]


def test_that_each_event_keeps_its_own_columns_when_order_changes(memory: Memory) -> None:
    memory.apply([event("a1", 30, value=2), event("a2", 10, value=5), event("a3", 20, value=4)])
    encoded = [memory.of("new").columns[place]["rating"][0] for place in range(3)]
    feature = small_data.film_network().features.features["history"]["rating"]
    assert encoded == pytest.approx(feature.transform(pl.Series([5, 4, 2]))[:, 0])


def test_that_only_the_newest_are_kept_but_everything_seen_is_known(memory: Memory) -> None:
    memory.apply([event(f"a{number}", 100 - number) for number in range(12)])  # length = 8, and the one before
    assert memory.of("new").times == [92, 93, 94, 95, 96, 97, 98, 99, 100]
    assert len(memory.of("new").columns) == 9
    assert len(memory.of("new").seen) == 12


def test_that_an_event_histories_leave_out_is_seen_and_no_more(memory: Memory) -> None:
    memory.apply([event("a1", 1, value=1)])
    assert (memory.of("new").items, memory.of("new").seen) == ([], {ROWS["a1"]})


def test_that_users_do_not_mix(memory: Memory) -> None:
    memory.apply([event("a1", 1, "x"), event("b1", 2, "y"), event("a2", 3, "x")])
    assert memory.of("x").items == [ROWS["a1"], ROWS["a2"]]
    assert memory.of("y").items == [ROWS["b1"]]


def test_that_unknown_items_make_nobody_known(memory: Memory) -> None:
    memory.apply([event("nothing", 1)])
    assert not memory.knows("new")


def test_that_an_event_waits_for_its_item_and_then_takes_its_place_in_time() -> None:
    rows, model = dict(ROWS), copy(small_data.film_network())
    memory = memory_of(model, rows)
    memory.apply([event("a1", 30), event("later", 20), event("never", 10), event("a2", 5)])
    assert memory.of("new").items == [rows["a2"], rows["a1"]]
    joined(model, rows, ["later"])
    memory.welcome(["later", "a1"])
    memory.welcome(["later"])  # once is enough
    assert memory.of("new").times == [5, 20, 30]
    assert memory.of("new").seen == {rows["a1"], rows["a2"], rows["later"]}


def test_that_what_waits_is_bounded_and_the_longest_waiting_items_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "MOST_WAITING", 3)
    rows, model = dict(ROWS), copy(small_data.film_network())
    memory = memory_of(model, rows)
    memory.apply([event("first", 1), event("first", 2), event("second", 3), event("third", 4), event("fourth", 5)])
    joined(model, rows, ["first", "second", "third", "fourth"])
    memory.welcome(["first", "second", "third", "fourth"])
    assert memory.of("new").times == [3, 4, 5]
    memory.apply([event(f"more{number}", 10 + number, "other") for number in range(3)])
    joined(model, rows, [f"more{number}" for number in range(3)])
    memory.welcome(["more0", "more1", "more2"])
    assert memory.of("other").times == [10, 11, 12]


def test_that_a_copy_may_be_added_to_without_changing_the_original(memory: Memory) -> None:
    memory.apply([event("a1", 1)])
    copied = memory.of("new").copy()
    memory.extend(copied, [event("a2", 2)])
    assert copied.items == [ROWS["a1"], ROWS["a2"]]
    assert (memory.of("new").items, memory.of("new").seen) == ([ROWS["a1"]], {ROWS["a1"]})


def test_that_an_empty_past_is_one_padded_place_that_nothing_sees() -> None:
    arrays = READER.arrays([UserPast()])
    assert (arrays.items.shape, arrays.length.tolist(), arrays.columns["rating"].shape) == ((1, 1), [0], (1, 1, 2))


def test_that_a_past_becomes_a_batch_of_one(memory: Memory) -> None:
    memory.apply([event("a1", 5), event("a2", 7)])
    arrays = READER.arrays([memory.of("new")])
    assert arrays.items.tolist() == [[ROWS["a1"], ROWS["a2"]]]
    assert (arrays.times.tolist(), arrays.length.tolist(), arrays.columns["rating"].shape) == ([[5.0, 7.0]], [2], (1, 2, 2))


def test_that_pasts_of_different_lengths_are_padded_at_their_ends(memory: Memory) -> None:
    memory.apply([event("a1", 5, "x"), event("a2", 7, "x"), event("b1", 9, "y")])
    arrays = READER.arrays([memory.of("x"), UserPast(), memory.of("y")])
    assert arrays.items.tolist() == [[ROWS["a1"], ROWS["a2"]], [0, 0], [ROWS["b1"], 0]]
    assert (arrays.times.tolist(), arrays.length.tolist()) == ([[5, 7], [0, 0], [9, 0]], [2, 0, 1])
    rating = arrays.columns["rating"]
    assert (rating.shape, rating.dtype) == ((3, 2, 2), np.float32)
    np.testing.assert_array_equal(rating[2, 0], rating[0, 1])
    assert not rating[1].any()
    assert not rating[2, 1].any()


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 10))
def test_that_a_past_is_the_newest_in_stable_time_order_whatever_the_arrival(times: list[int], length: int) -> None:
    past = UserPast()
    for number, time in enumerate(times):
        past.add(number, time, {"n": np.array(number)}, length)
    wanted = sorted(range(len(times)), key=lambda number: times[number])[-length:]
    assert past.items == wanted
    assert past.times == [times[number] for number in wanted]
    assert [int(columns["n"]) for columns in past.columns] == wanted


def test_that_an_event_says_what_the_recipe_says_its_name_means(memory: Memory) -> None:
    line = memory._line(Event("", "u", "a1", 9, "rating", 4.0, "search", {"daypart": "night"}))
    assert line == {"daypart": "night", "event": "rating", "value": 4.0, "timestamp": 9, "rating": 4.0, "tab": "search"}
    assert "rating" not in memory._line(Event("", "u", "a1", 9, "glance", 4.0))


@pytest.mark.parametrize(
    ("named", "in_context", "wanted"), [("home", "search", "home"), (None, "search", "search"), ("home", None, "home"), (None, None, None)]
)
def test_that_an_event_may_name_its_scenario_in_its_context(
    memory: Memory, named: str | None, in_context: str | None, wanted: str | None
) -> None:
    context = {} if in_context is None else {"tab": in_context}
    assert memory._line(Event("", "u", "a1", 9, "rating", 4.0, named, context))["tab"] == wanted


def test_that_records_with_different_keys_become_one_frame() -> None:
    frame = frame_of([{"a": 1, "b": "x"}, {"b": None}])
    assert frame.to_dicts() == [{"a": 1, "b": "x"}, {"a": None, "b": None}]


def test_that_mixed_values_are_texts_that_mean_what_they_mean_alone() -> None:
    column = frame_of([{"a": value} for value in (3, 3.0, 2.5, True, "x", None, ["p", "q"])])["a"]
    assert column.to_list() == ["3", "3", "2.5", "1", "x", None, "\x1fp\x1fq"]


def test_that_numbers_and_lists_stay_what_they_are() -> None:
    frame = frame_of([{"n": 1, "l": ["p"]}, {"n": 2.5, "l": []}])
    assert frame.to_dicts() == [{"l": ["p"], "n": 1.0}, {"l": [], "n": 2.5}]


def test_that_a_visit_is_known_while_it_lasts_and_not_kept(memory: Memory) -> None:
    memory.apply([event("a1", 1)])
    visited = memory.with_visit("new", [event("a2", 2), event("nothing", 3)])
    assert visited.items == [ROWS["a1"], ROWS["a2"]]
    assert memory.of("new").items == [ROWS["a1"]]
    assert memory.with_visit(None, [event("a2", 2)]).items == [ROWS["a2"]]
