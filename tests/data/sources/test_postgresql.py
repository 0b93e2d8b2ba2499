"""PostgreSQL, with a real server: types are kept, nothing is written, and no secret is told."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import polars as pl
import psycopg
import pytest

from penchant.data.sources import Table, read_table, sql
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings
from tests.data.sources.postgresql import PASSWORD, USER, server

pytestmark = pytest.mark.database

ROWS = 30_003
TABLES = f"""
CREATE TABLE events AS
SELECT 'u' || n % 97 AS who, (n % 1009)::bigint AS item_id, '2024-05-01 00:00:00+02'::timestamptz + n * interval '1 second' AS at,
       (n % 9)::numeric / 2 AS stars, n % 2 = 0 AS liked, CASE WHEN n > 20000 THEN 'late' END AS note
FROM generate_series(0, {ROWS - 1}) AS n;
CREATE SEQUENCE counter;
CREATE TABLE items (item_id uuid, tags text[], price real, published date, facts jsonb, seen timestamp);
INSERT INTO items VALUES ('00000000-0000-0000-0000-000000000007', '{{a,b}}', 1.5, '2024-05-01', '{{"colour": "red"}}', '2024-05-01 10:00');
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server() as port:
        with psycopg.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres") as connection:
            connection.execute(TABLES)
        yield port


def read(port: int, query: str, password: str = PASSWORD, database: str = "postgres", role: str = "events", **settings: object) -> Table:
    url = f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{port}/{database}"
    return read_table(SourceSettings(url=url, query=query, **settings), Path(), role)


def test_that_all_rows_of_several_batches_come_with_their_types(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "BATCH_ROWS", 10_000)
    table = read(port, "select * from events order by at", columns={"user_id": "who", "timestamp": "at"})
    assert table.frame.height == ROWS
    assert table.frame.row(21_001) == ("u49", "821", 1_714_514_400.0 + 21_001, 0.0 + (21_001 % 9) / 2, False, "late")
    assert dict(table.frame.schema) | {"note": pl.String} == {
        "user_id": pl.String, "item_id": pl.String, "timestamp": pl.Float64, "stars": pl.Float64, "liked": pl.Boolean, "note": pl.String,
    }  # fmt: skip
    assert table.notes == [f"query at 'postgresql://127.0.0.1:{port}/postgres': read who as user_id, at as timestamp"]


def test_that_uuids_arrays_dates_and_json_are_read(port: int) -> None:
    frame = read(port, "select * from items", role="items").frame
    assert frame.schema == {
        "item_id": pl.String, "tags": pl.List(pl.String), "price": pl.Float64, "published": pl.Date,
        "facts": pl.Struct({"colour": pl.String}), "seen": pl.Datetime("us"),
    }  # fmt: skip
    assert frame["item_id"][0] == "00000000-0000-0000-0000-000000000007"
    assert frame["tags"][0].to_list() == ["a", "b"]


def test_that_percent_signs_and_colons_belong_to_the_query(port: int) -> None:
    table = read(port, "select who as user_id, item_id from events where who like 'u9%' and who <> ':x' and item_id::int < 300")
    assert set(table.frame["user_id"]) <= {"u9", *(f"u{n}" for n in range(90, 97))}
    assert table.frame.height > 0


def test_that_nothing_can_be_written(port: int) -> None:
    with pytest.raises(DataError, match="read-only transaction"):
        read(port, "select nextval('counter') as user_id, 1 as item_id")
    with pytest.raises(DataError):
        read(port, "delete from items returning *")
    assert read(port, "select * from items", role="items").frame.height == 1


@pytest.mark.parametrize(
    ("query", "password", "database", "must", "came"),
    [
        ("select 1", "another p@ss", "postgres", "at a database that answers", "password authentication failed"),
        ("select 1", PASSWORD, "nowhere", "at a database that answers", 'database "nowhere" does not exist'),
        ("select * from absent", PASSWORD, "postgres", "SQL that this database can answer", 'relation "absent" does not exist'),
        ("selct", PASSWORD, "postgres", "SQL that this database can answer", "syntax error"),
        ("select current_user || 'x'::int", PASSWORD, "postgres", "SQL that this database can answer", "invalid input syntax"),
    ],
)
def test_that_what_is_wrong_is_told_without_secrets(port: int, query: str, password: str, database: str, must: str, came: str) -> None:
    with pytest.raises(DataError) as caught:
        read(port, query, password, database)
    error = caught.value
    assert (error.thing, error.must) == (f"query at 'postgresql://127.0.0.1:{port}/{database}'", must)
    assert came in error.came
    for secret in (password, quote(password, safe=""), USER):
        assert secret not in str(error).split()
        assert f'"{secret}"' not in str(error)
