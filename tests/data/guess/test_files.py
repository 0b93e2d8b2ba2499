"""Which file is what."""

from pathlib import Path

import polars as pl
import pytest

from penchant.data.guess.files import roles_of, tables_in
from penchant.schema.errors import DataError
from tests.data.sources.given import written


def test_that_events_users_and_items_are_told_by_their_ids_whatever_their_names(tmp_path: Path) -> None:
    written(tmp_path, "one.csv", "uid,sku,time\n" + "\n".join(f"{n % 3},{n % 4},{n}" for n in range(12)))
    written(tmp_path, "two.csv", "uid,age\n0,30\n1,40\n2,50\n")
    written(tmp_path, "three.csv", "sku,colour\n0,red\n1,blue\n2,red\n3,blue\n")
    written(tmp_path, "four.csv", "sku,colour\n77,red\n78,blue\n")
    written(tmp_path, "README.md", "user_id,item_id\n1,2\n")
    written(tmp_path, "notes.txt", "One line.\nAnother line.\n")
    roles = roles_of(tables_in(tmp_path), tmp_path)
    assert roles.events.settings.path == "one.csv"
    assert roles.users is not None
    assert roles.users.settings.path == "two.csv"
    assert roles.items is not None
    assert roles.items.settings.path == "three.csv"
    assert [one.settings.path for one in roles.unused] == ["four.csv"]


def test_that_a_table_without_header_is_named_by_its_content(tmp_path: Path) -> None:
    rows = [(user, item, 1 + item % 5, 978_300_760 + item) for user in (1, 2) for item in range(10, 20)]
    written(tmp_path, "log.dat", "\n".join("::".join(map(str, row)) for row in rows))
    (found,) = tables_in(tmp_path)
    assert found.settings.names == ("user_id", "item_id", "rating", "timestamp")
    assert found.settings.format == "separated"


def test_that_a_file_that_is_not_utf8_is_read_as_latin1(tmp_path: Path) -> None:
    written(tmp_path, "movies.dat", "1::Amélie::Comedy\n2::Heat::Crime\n".encode("latin1"))
    (found,) = tables_in(tmp_path)
    assert found.settings.encoding == "latin1"
    assert found.raw["title"].to_list() == ["Amélie", "Heat"]


def test_that_an_order_stands_in_for_a_time_that_is_largely_missing(tmp_path: Path) -> None:
    rows = [f"{n % 3},{n % 4},{978300760 + n if n < 5 else ''},{n}" for n in range(12)]
    written(tmp_path, "log.csv", "user_id,item_id,timestamp,chron_rank\n" + "\n".join(rows))
    events = roles_of(tables_in(tmp_path), tmp_path).events
    assert events.settings.columns == {"timestamp": "chron_rank"}


def test_that_lists_of_the_events_items_are_more_events(tmp_path: Path) -> None:
    pl.DataFrame({"user_id": [1, 2, 1], "item_id": [5, 6, 7], "time": [1_650_000_000] * 3}).write_parquet(tmp_path / "log.parquet")
    before = {"user_id": [1, 2], "last_time": [1_640_000_000, 1_640_000_001], "liked": [[5], []], "seen": [[5, 6], [7]], "n": [[99], [99]]}
    pl.DataFrame(before).write_parquet(tmp_path / "before.parquet")
    (sequence,) = roles_of(tables_in(tmp_path), tmp_path).sequences
    assert sequence.settings.item_list == "seen"
    assert sequence.settings.columns == {"timestamp": "last_time"}


def test_that_a_folder_without_events_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "items.csv", "item_id,colour\n1,red\n2,blue\n")
    with pytest.raises(DataError, match="names a user and an item"):
        roles_of(tables_in(tmp_path), tmp_path)
