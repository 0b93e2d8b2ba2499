"""Who asks, when, and what is known of them by then."""

import numpy as np
import polars as pl

from penchant.models.queries import Queries, moment_columns
from tests.small_data import NEXT, NOON, dataset

EVENTS = {
    "user_id": list("aaabbc"),
    "item_id": list("xyzxyx"),
    "timestamp": [NOON, NOON, NOON + 1, NOON, NOON + 1, NOON],
    "event": ["click", "buy", "click", "click", "buy", "buy"],
    "page": list("pqpqpq"),
}
LINES = (
    NEXT
    + """
[history]
where = "event == 'click'"
[scenario]
column = "page"
[features]
context.hour = { kind = "time", column = "timestamp" }
"""
)
DATA = dataset(EVENTS, LINES)


def test_that_a_moment_knows_its_context_and_scenario_but_no_outcome() -> None:
    assert moment_columns(DATA.recipe) == ["page", "timestamp"]
    assert Queries.at_events(DATA, np.array([2])).moment.rows() == [("p", NOON + 1)]


def test_that_what_was_seen_is_what_happened_strictly_before_oldest_first() -> None:
    queries = Queries.at_events(DATA, DATA.rows)
    query, item = queries.seen()
    assert list(zip(query.tolist(), DATA.log.items["item_id"].gather(item), strict=True)) == [(2, "x"), (2, "y"), (4, "x")]


def test_that_a_history_holds_only_events_of_the_rule() -> None:
    start, length = Queries.at_events(DATA, DATA.rows).history(5)
    assert length.tolist() == [0, 0, 1, 0, 1, 0]
    assert DATA.log.history_rows[start[[2, 4]]].tolist() == [0, 3]


def test_that_a_request_now_knows_everything_and_of_strangers_nothing() -> None:
    queries = Queries.now(DATA.log, ["b", "nobody", "a"], pl.DataFrame({"timestamp": [NOON] * 3}))
    assert queries.user.tolist() == [1, -1, 0]
    query, item = queries.seen()
    assert (query.tolist(), DATA.log.items["item_id"].gather(item).to_list()) == ([0, 0, 2, 2, 2], list("xyxyz"))
    assert queries.history(1)[1].tolist() == [1, 0, 1]
    assert queries.history(5)[1].tolist() == [1, 0, 2]


def test_that_each_user_of_a_part_asks_once_at_the_first_event_in_it() -> None:
    queries = Queries.first_of_each_user(DATA.part(np.array([1, 2, 4])))
    assert (queries.user.tolist(), queries.before.tolist()) == ([0, 1], [0, 4])


def test_that_blocks_are_the_whole_in_order() -> None:
    queries = Queries.at_events(DATA, DATA.rows)
    blocks = list(queries.blocks(4))
    assert [len(block) for block in blocks] == [4, 2]
    assert np.concatenate([block.before for block in blocks]).tolist() == queries.before.tolist()
    assert pl.concat([block.moment for block in blocks]).equals(queries.moment)


def test_that_pasts_may_lie_anywhere_in_a_log_whoever_the_user_is() -> None:
    where = {"user": np.array([1, -1, 0]), "before": np.array([2, 3, 3]), "start": np.array([0, 2, 3])}
    queries = Queries(DATA.log, moment=pl.DataFrame({"timestamp": [NOON] * 3}), **where)
    for asked in (queries, queries.take(np.array([0, 1, 2])), next(queries.blocks(3))):
        query, rows = asked.known()
        assert (query.tolist(), rows.tolist()) == ([0, 0, 1], [0, 1, 2])
        start, length = asked.history(5)
        assert [DATA.log.history_rows[one : one + many].tolist() for one, many in zip(start, length, strict=True)] == [[0], [2], []]
    assert queries.take(np.array([1])).known()[1].tolist() == [2]
