"""Tasks from outcomes."""

import polars as pl

from penchant.data.guess.labels import labels_of


def test_that_a_rating_makes_stars_like_and_next() -> None:
    labels = labels_of(pl.DataFrame({"rating": [1, 2, 3, 4, 5]}))
    assert labels.tasks == {
        "stars": {"kind": "regression", "label": "rating"},
        "like": {"kind": "binary", "label": "rating >= 4"},
        "next": {"kind": "next_item", "positive_where": "rating >= 4"},
    }
    assert labels.says == {"rating": {"rating": "value"}}
    assert labels.columns == ["rating"]


def test_that_ten_stars_are_liked_from_eight() -> None:
    assert labels_of(pl.DataFrame({"stars": list(range(1, 11))})).tasks["like"]["label"] == "stars >= 8"


def test_that_flags_make_tasks_in_the_order_people_act() -> None:
    flag = [0, 1] * 30
    frame = pl.DataFrame({"buy": flag, "is_like": flag, "long_view": flag, "is_click": flag, "is_weekend": flag, "comment": [0] * 60})
    labels = labels_of(frame)
    assert list(labels.tasks) == ["click", "long_view", "like", "buy", "next"]
    assert labels.tasks["next"]["positive_where"] == "is_click == 1"
    assert labels.says["like"] == {"is_like": 1}
    assert labels.columns == ["is_click", "long_view", "is_like", "buy"]


def test_that_a_flag_with_too_few_positives_is_no_task_but_still_an_outcome() -> None:
    labels = labels_of(pl.DataFrame({"is_follow": [1] * 19 + [0] * 81}))
    assert list(labels.tasks) == ["next"]
    assert labels.outcomes == ["is_follow"]


def test_that_kinds_of_events_make_tasks_and_impressions_make_none() -> None:
    kinds = ["impression"] * 50 + ["click"] * 30 + ["add to cart"] * 25 + ["rare"] * 3
    labels = labels_of(pl.DataFrame({"event": kinds}))
    assert labels.tasks["click"] == {"kind": "binary", "label": "event == 'click'"}
    assert list(labels.tasks) == ["click", "add_to_cart", "next"]
    assert labels.tasks["next"]["positive_where"] == "event in ('click', 'add to cart',)"
    assert labels.says["add to cart"] == {"event": "add to cart"}


def test_that_a_kind_called_next_does_not_replace_the_next_item() -> None:
    labels = labels_of(pl.DataFrame({"event": ["next", "play"] * 30}))
    assert labels.tasks["next"]["kind"] == "next_item"
    assert labels.tasks["next_event"]["kind"] == "binary"


def test_that_outcomes_are_told_by_their_names() -> None:
    frame = pl.DataFrame({"play_time_ms": [5], "watch_ratio": [0.5], "profile_stay_time": [1], "finish": [1], "price": [2], "hour": [3]})
    assert labels_of(frame).outcomes == ["play_time_ms", "watch_ratio", "profile_stay_time", "finish"]


def test_that_a_log_without_outcomes_has_next_alone() -> None:
    assert labels_of(pl.DataFrame({"user_id": ["a"]})).tasks == {"next": {"kind": "next_item"}}
