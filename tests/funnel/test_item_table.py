"""Filters over the catalogue's columns: what passes, what is missing, what cannot be asked, and items that change."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.funnel.condition import Told
from penchant.funnel.item_table import ItemTable
from penchant.schema.errors import FilterError
from penchant.schema.filter import read_filter

FRAME = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "genres": ["Drama| War", "Comedy", None, "War"],
        "price": pl.Series([1, 20, None, 5], dtype=pl.Int8),
        "until": ["2024-05-01", "2030-01-01T00:00:00Z", None, "soon"],
        "seen": [datetime(2020, 1, 1), None, datetime(2021, 1, 1), datetime(2022, 1, 1)],
        "day": [date(1970, 1, 2)] * 4,
        "tags": [["x"], ["y", "x"], [], None],
        "sizes": [[1.0, 2.0], [3.0], None, []],
        "ok": [True, False, None, True],
        "*": [1, 2, 3, 4],
    }
)
USERS = pl.DataFrame({"user_id": ["u"], "age": [30], "likes": ["War"], "kinds": [["War", "Drama"]]})
TOLD = Told({"age": 7, "likes": "War", "kinds": ["Drama", "Comedy"]}, {"device": "phone", "timestamp": 1.8e9, "mixed": [1, "a"]})


def table() -> ItemTable:
    return ItemTable(FRAME, {"genres": "|"}, USERS, ["device", "mixed", "absent"])


def passing(text: str, told: Told = TOLD, of: ItemTable | None = None) -> str:
    """The ids that pass, in order."""
    chosen = of or table()
    mask = chosen.mask(read_filter(text), told)
    ids: list[str] = chosen.column("item_id").to_list()
    return "".join(name for name, passes in zip(ids, mask, strict=True) if passes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price < 10", "ad"),
        ("item.price < 10", "ad"),
        ("1 < price <= 20", "bd"),
        ("not price < 10", "b"),
        ("price != 5", "ab"),
        ("price * 100 > 400", "bd"),
        ("price / 0 > 1 or price == 1", "a"),
        ("-price < -1", "bd"),
        ("price + ok > 5", "bd"),
        ("missing(price)", "c"),
        ("not missing(price) and price > 1", "bd"),
        ("price == null", ""),
        ("price", "abd"),
        ("ok", "ad"),
        ("not ok", "b"),
        ("ok == 1", "ad"),
        ("true", "abcd"),
        ("false", ""),
        ("null", ""),
        ("ok or missing(ok)", "acd"),
        ("'War' in genres", "ad"),
        ("'War' not in genres", "b"),
        ("genres in ('Drama', 'Comedy')", "ab"),
        ("genres not in ('Drama', 'Comedy')", "d"),
        ("'x' in tags", "ab"),
        ("'x' not in tags", "c"),
        ("2 in sizes", "a"),
        ("sizes in (2, 3)", "ab"),
        ("item_id in ('a', 'd', 'z')", "ad"),
        ("item_id in ('a', null)", "a"),
        ("item_id not in ('a', null)", ""),
        ("item_id not in ('a',)", "bcd"),
        ("price in (1, 'a', 5)", "ad"),
        ("price in [1, -20, true]", "a"),
        ("item_id < 'c'", "ab"),
        ("time(until) > context.timestamp", "b"),
        ("time(until) == 1714521600", "a"),
        ("seen >= time('2021-01-01')", "cd"),
        ("day == 86400", "abcd"),
        ("user.age > price", "ad"),
        ("user.age > 5", "abcd"),
        ("user.age > 50", ""),
        ("user.likes in genres", "ad"),
        ("genres in user.kinds", "ab"),
        ("context.device == 'phone' and price < 3", "a"),
        ("context.absent == 'x'", ""),
        ("context.absent != 'x'", ""),
        ("missing(context.absent) and price < 3", "a"),
        ("context.device > 3", ""),
        ("price < context.device", ""),
        ("context.device + 1 > 0", ""),
        ("not context.device", ""),
        ("price in context.mixed", ""),
        ("price in context.device", ""),
        ("item['*'] > 3", "d"),
        ("'a' == item_id", "a"),
        ("context.device in genres", ""),
        ("user.age in genres", ""),
        ("user.age in tags", ""),
    ],
)
def test_what_passes_by_hand(text: str, expected: str) -> None:
    assert passing(text) == expected


@pytest.mark.parametrize(
    ("text", "place", "code", "do"),
    [
        ("prize < 3", 1, "filter_column", "Did you mean 'price'?"),
        ("price < 3 and age > 3", 15, "filter_column", "Did you mean 'user.age'?"),
        ("user.agee > 3", 1, "filter_column", "Did you mean 'age'?"),
        ("context.devise == 'x'", 1, "filter_column", "Did you mean 'device'?"),
        ("price < '3'", 9, "filter_types", "quotes"),
        ("item_id == 3", 12, "filter_types", "quotes"),
        ("genres == 'War'", 1, "filter_types", "in item.genres"),
        ("3 in genres", 1, "filter_types", "quotes"),
        ("'x' in sizes", 1, "filter_types", "quotes"),
        ("'x' in item_id", 8, "filter_types", "=="),
        ("tags in ('x', 3)", 9, "filter_types", "only"),
        ("item_id + 1 > 0", 1, "filter_types", "numbers"),
        ("item_id and price > 1", 1, "filter_types", "=="),
        ("genres", 1, "filter_types", "=="),
        ("time(genres) > 3", 6, "filter_types", "time("),
    ],
)
def test_that_what_columns_cannot_answer_is_refused_before_and_when_asked(text: str, place: int, code: str, do: str) -> None:
    for ask in (lambda: table().check(read_filter(text)), lambda: table().mask(read_filter(text), TOLD)):
        with pytest.raises(FilterError) as caught:
            ask()
        assert (caught.value.place, caught.value.code) == (place, code)
        assert do in caught.value.do


def test_that_a_user_column_against_another_kind_is_refused_before_and_missing_when_told() -> None:
    with pytest.raises(FilterError, match="a text, as what it is compared with"):
        table().check(read_filter("user.likes == 3"))
    assert passing("user.likes == 3") == passing("user.likes != 3") == ""


def test_that_a_request_may_tell_circumstances_and_columns_of_its_own() -> None:
    asked = read_filter("context.coupon == 'x' and user.vip")
    with pytest.raises(FilterError):
        table().check(asked, {"coupon": "x"})
    table().check(asked, {"coupon": "x"}, {"vip": True})
    assert passing(asked.text, Told({"vip": True}, {"coupon": "x"})) == "abcd"
    assert passing(asked.text, Told({"vip": True}, {"coupon": "y"})) == ""


def test_that_changed_and_new_items_pass_by_what_they_are_now() -> None:
    live = table()
    texts = ("price < 10", "'War' in genres", "missing(until)")
    assert [passing(text, of=live) for text in texts] == ["ad", "ad", "c"]
    live.tell(0, {"item_id": "a", "price": 100, "stock": 3})
    live.tell(4, {"item_id": "e", "price": 2, "genres": ["War", "Love"], "stock": 0})
    live.tell(5, {"item_id": "f", "genres": "War|Peace", "price": "cheap"})
    assert [passing(text, of=live) for text in texts] == ["de", "def", "acef"]
    assert passing("stock > 0", of=live) == "a"
    assert passing("stock > 0 and user.age > 1", of=live) == "a"
    live.tell(0, {"item_id": "a", "price": 1, "stock": 0})
    assert passing("stock > 0", of=live) == ""
    assert passing("price < 10", of=live) == "ade"


def test_that_changes_that_are_forgotten_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.funnel.item_table.MOST_CHANGES", 3)
    live = table()
    assert passing("price < 10", of=live) == "ad"
    for price in range(10):
        live.tell(price % 4, {"item_id": "abcd"[price % 4], "price": price})
        assert passing("price >= 0", of=live) == "".join(name for name in "abcd" if name != "c" or price >= 2)
    assert passing("price >= 8", of=live) == "ab"


def test_that_only_so_many_answers_are_kept_and_a_mask_of_one_row_is_that_of_all() -> None:
    live = table()
    for bound in range(200):
        assert passing(f"price < {bound % 7}", of=live) == ("" if bound % 7 < 2 else "a" if bound % 7 < 6 else "ad")
    asked, rows = read_filter("price < 10 and user.age > 3"), np.array([3, 1, 0])
    assert live.passes(asked, rows, TOLD).tolist() == live.mask(asked, TOLD)[rows].tolist() == [True, False, True]


def test_that_what_reads_the_moment_or_the_user_is_asked_anew() -> None:
    live = table()
    for device, age in (("phone", 7), ("desk", 7), ("phone", 3)):
        told = Told({"age": age}, {"device": device})
        assert passing("context.device == 'phone' and price < 10", told, live) == ("ad" if device == "phone" else "")
        assert passing("price < user.age", told, live) == ("ad" if age == 7 else "a")


def test_that_a_copy_forgets_what_was_told() -> None:
    live = table()
    live.tell(0, {"item_id": "a", "stock": 1})
    fresh = live.copy()
    assert passing("price < 10", of=fresh) == "ad"
    fresh.check(read_filter("user.age > 3 and context.device == 'x'"))
    with pytest.raises(FilterError):
        fresh.check(read_filter("stock > 0"))


def test_that_shares_of_kinds_add_up() -> None:
    shares = table().shares("genres", np.array([0, 2, 3, 0]))
    assert shares.tolist() == [[0.5, 0.5], [0, 0], [0, 1], [0.5, 0.5]]
    assert table().kinds_of("tags", np.array([1, 3])) == [["y", "x"], []]
    assert table().kinds_of("price", np.array([1, 2])) == [["20.0"], []]


VALUE = st.one_of(st.none(), st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["a", "b", "War"]), st.booleans())
RECORD = st.fixed_dictionaries({"price": VALUE, "kind": VALUE, "tags": st.one_of(VALUE, st.lists(VALUE, max_size=3))})
LEAF = st.sampled_from(
    ["price < 1", "kind == 'a'", "'a' in tags", "missing(price)", "price in (1, 2)", "tags in ('a', 'b')", "price", "user.x > price"]
)


@given(
    st.lists(RECORD, min_size=1, max_size=6),
    st.recursive(
        LEAF,
        lambda inner: st.one_of(st.tuples(inner, inner).map(" and ".join).map("({})".format), inner.map("not ({})".format)),
        max_leaves=6,
    ),
    VALUE,
)
def test_that_live_rows_pass_as_learnt_ones_and_one_by_one_as_together(records: list[dict[str, Any]], text: str, told: Any) -> None:
    seed = pl.DataFrame({"price": [1.0], "kind": ["a"], "tags": [["a"]]})
    users, asked = pl.DataFrame({"x": [1.0]}), read_filter(text)
    live = ItemTable(seed, users=users)
    before = live.mask(asked, Told({"x": told}, {}))
    for row, record in enumerate(records):
        live.tell(row + 1, record)
    together = live.mask(asked, Told({"x": told}, {}))
    assert together[0] == before[0]
    for row, record in enumerate(records):
        alone = ItemTable(seed, users=users)
        alone.tell(0, record)
        assert alone.mask(asked, Told({"x": told}, {}))[0] == together[row + 1]


def test_that_moments_told_as_datetimes_are_seconds() -> None:
    assert passing("seen < context.timestamp", Told({}, {"timestamp": datetime(2021, 6, 1, tzinfo=UTC).timestamp()})) == "ac"
