"""DuckDB files."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from penchant.data.sources import duckdb_file, read_table
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings
from tests.data.sources.given import written


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "shop.db")) as database:
        database.execute(
            "create table log as select range::int as user_id, 'i' || range as item_id, "
            "timestamp '2024-05-01' + to_seconds(range) as time, (range / 2)::decimal(9, 2) as stars, [range, 7] as list from range(2500)"
        )
    return tmp_path


def test_that_a_query_in_batches_is_a_table_with_its_types(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_file, "BATCH_ROWS", 1000)
    frame = read_table(SourceSettings(url="duckdb:///shop.db", query="select * from log order by time"), shop, "events").frame
    assert frame.height == 2500
    assert frame.row(2499) == ("2499", "i2499", 1_714_521_600.0 + 2499, 1249.5, [2499, 7])
    assert frame.schema["stars"] == pl.Float64


def test_that_files_beside_the_recipe_can_be_queried(tmp_path: Path) -> None:
    written(tmp_path, "a.csv", "user_id,item_id,n\n1,x,3\n2,y,5\n")
    settings = SourceSettings(url="duckdb://", query="select * from 'a.csv' where n > 4")
    assert read_table(settings, tmp_path, "events").frame["item_id"].to_list() == ["y"]


@pytest.mark.parametrize(
    ("query", "name", "must", "came"),
    [
        ("select 1", "absent.db", "at a database file", "nothing there"),
        ("select 1", "a.txt", "at a DuckDB file that can be opened", "not a valid DuckDB database file"),
        ("select * from lgo", "shop.db", "SQL that this database can answer", "lgo does not exist"),
        ("delete from log", "shop.db", "a query that gives rows", "a statement that gives none"),
        ("select 1 as a, 2 as a", "shop.db", "of different names", "'a' twice"),
        ("select * from log where false", "shop.db", "with at least one row", "none"),
    ],
)
def test_that_what_is_wrong_is_told(shop: Path, query: str, name: str, must: str, came: str) -> None:
    written(shop, "a.txt", "x" * 5000)
    with pytest.raises(DataError) as caught:
        read_table(SourceSettings(url=f"duckdb:///{name}", query=query), shop, "events")
    assert caught.value.must == must
    assert came in caught.value.came


@pytest.mark.parametrize("query", ["create table log (user_id int)", "set threads = 1", ""])
def test_that_a_statement_that_gives_no_table_is_refused(tmp_path: Path, query: str) -> None:
    with pytest.raises(DataError, match="must be a query that gives rows; found a statement that gives none"):
        read_table(SourceSettings(url="duckdb://", query=query), tmp_path, "events")


def test_that_a_query_may_be_written_in_duckdbs_own_ways(tmp_path: Path) -> None:
    settings = SourceSettings(url="duckdb://", query="from (values (1, 'x')) as log(user_id, item_id)")
    assert read_table(settings, tmp_path, "events").frame["item_id"].to_list() == ["x"]


def test_that_the_file_is_opened_for_reading_only(shop: Path) -> None:
    with duckdb.connect(str(shop / "shop.db")) as database:
        database.execute("create sequence counter")
    with pytest.raises(DataError, match="read-only"):
        read_table(SourceSettings(url="duckdb:///shop.db", query="select nextval('counter') as user_id, 1 as item_id"), shop, "events")
