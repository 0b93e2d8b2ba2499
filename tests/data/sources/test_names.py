"""Column names are mapped to the canonical ones, the settings first, and only where the canonical name is absent."""

from pathlib import Path

import pytest

from penchant.data.sources.names import mapping
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings
from tests.data.sources.given import read

PLAIN = SourceSettings(path="a.csv")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["userId", "movieId", "rating", "timestamp"], {"user_id": "userId", "item_id": "movieId"}),
        (["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE"],
         {"user_id": "USER_ID", "item_id": "ITEM_ID", "timestamp": "TIMESTAMP", "event": "EVENT_TYPE", "value": "EVENT_VALUE"}),
        (["uid", "asin", "unixReviewTime"], {"user_id": "uid", "item_id": "asin", "timestamp": "unixReviewTime"}),
        (["user_id", "video_id", "date", "time_ms"], {"item_id": "video_id", "timestamp": "time_ms"}),
        (["user_id", "item_id", "time", "behavior", "weight"], {"timestamp": "time", "event": "behavior", "value": "weight"}),
        (["user_id", "userId", "item_id"], {}),
    ],
)  # fmt: skip
def test_that_names_of_the_field_are_known(columns: list[str], expected: dict[str, str]) -> None:
    assert mapping(columns, PLAIN, "events") == expected


def test_that_a_rating_is_never_taken_for_the_value() -> None:
    assert "value" not in mapping(["user_id", "item_id", "rating"], PLAIN, "events")


def test_that_user_and_item_tables_only_map_their_own_id() -> None:
    assert mapping(["id", "date", "weight"], PLAIN, "items") == {"item_id": "id"}
    assert mapping(["uid", "time"], PLAIN, "users") == {"user_id": "uid"}


def test_that_the_settings_win_and_their_column_serves_no_second_name() -> None:
    settings = SourceSettings(path="a.csv", columns={"item_id": "user"})
    assert mapping(["user", "item"], settings, "events") == {"item_id": "user"}


def test_that_a_column_the_file_lacks_is_refused_with_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'viewer'"):
        mapping(["viewer", "film"], SourceSettings(path="a.csv", columns={"user_id": "viewr"}), "events")


def test_that_one_note_says_what_was_mapped(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "userId,movieId,timestamp\n1,2,3\n")
    assert table.mapped == {"user_id": "userId", "item_id": "movieId"}
    assert table.notes == ["file 'a.csv': read userId as user_id, movieId as item_id"]


def test_that_a_displaced_column_stays_under_a_second_name(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "user_id,item_id,timestamp,rank\n1,2,978300760,9\n", columns={"timestamp": "rank"})
    assert table.frame["timestamp"].to_list() == [9.0]
    assert table.frame["timestamp_original"].to_list() == [978300760]
