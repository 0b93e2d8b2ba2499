"""SQLite and what every database has in common: a query becomes a table, and what is wrong is told without secrets."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.sources import Role, Table, read_table
from penchant.data.sources import sql as module
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.data import SourceSettings, public_url

ROWS = [(1, "a", "2024-05-01 00:00:01", None), ("x", "b", "2024-05-01T02:00:02+02:00", 2.5), (3, "c", None, 3)]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE log (who, item_id, at, stars)")
        database.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", ROWS)
    database.close()
    return tmp_path


def read(folder: Path, query: str = "select * from log", url: str = "sqlite:///shop.db", role: Role = "events", **more: Any) -> Table:
    return read_table(SourceSettings(url=url, query=query, **more), folder, role)


def test_that_a_query_is_a_table_with_mixed_values_as_text(shop: Path) -> None:
    table = read(shop, columns={"user_id": "who", "timestamp": "at"})
    assert table.frame.rows() == [
        ("1", "a", 1_714_521_601.0, None), ("x", "b", 1_714_521_602.0, 2.5), ("3", "c", None, 3.0),
    ]  # fmt: skip
    assert table.notes == ["query at 'sqlite:///shop.db': read who as user_id, at as timestamp"]


def test_that_rows_and_where_are_kept_as_in_files(shop: Path) -> None:
    table = read(shop, columns={"user_id": "who"}, where="stars > 2.9")
    assert table.frame["item_id"].to_list() == ["c"]
    source = SourceSettings(url="sqlite:///shop.db", query="select who as user_id, item_id from log")
    assert read_table(source, shop, "events", rows=2).frame.height == 2


def test_that_batches_with_nothing_or_other_numbers_in_a_column_are_one_table(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 1)
    frame = read(shop, "select item_id, stars, 7 as user_id from log").frame
    assert frame["stars"].to_list() == [None, 2.5, 3.0]
    assert (frame.schema["item_id"], frame["user_id"].to_list()) == (pl.String, ["7", "7", "7"])


def test_that_percent_signs_and_colons_belong_to_the_query(shop: Path) -> None:
    assert read(shop, "select who as user_id, item_id from log where item_id like 'a%' and ':x' <> '%s'").frame.height == 1


@pytest.mark.parametrize(
    ("query", "url", "must", "came"),
    [
        ("select 1", "sqlite:///absent.db", "at a database file", "nothing there"),
        ("select 1", "sqlite:///notes.txt", "at a SQLite file", "a file of another kind"),
        ("select * from lgo", "sqlite:///shop.db", "SQL that this database can answer", "no such table: lgo"),
        ("delete from log", "sqlite:///shop.db", "SQL that this database can answer", "attempt to write a readonly database"),
        ("pragma foreign_keys = on", "sqlite:///shop.db", "a query that gives rows", "a statement that gives none"),
        ("select who, who from log", "sqlite:///shop.db", "of different names", "'who' twice"),
        ("select * from log where 0", "sqlite:///shop.db", "with at least one row", "none"),
        ("select 1", "ann:secret", "at a database's URL", "text that is none"),
        ("select 1", "klingon://ann:secret@host/shop", "readable with an installed package", "no SQLAlchemy dialect for klingon"),
        ("select 1", "oracle://ann:secret@host/shop", "readable with an installed package", "no oracledb"),
        ("select 1", "postgresql://ann:secret@127.0.0.1:1/shop", "at a database that answers", "Connection refused"),
    ],
)
def test_that_what_is_wrong_is_told(shop: Path, query: str, url: str, must: str, came: str) -> None:
    (shop / "notes.txt").write_text("a note that is longer than a header", encoding="utf8")
    with pytest.raises(DataError) as caught:
        read(shop, query, url)
    assert caught.value.must == must
    assert came in caught.value.came
    assert "secret" not in str(caught.value)
    assert "ann" not in str(caught.value).split()


def test_that_nothing_is_written_or_made(shop: Path) -> None:
    with pytest.raises(DataError):
        read(shop, "delete from log")
    with pytest.raises(DataError):
        read(shop, url="sqlite:///new.db")
    assert read(shop, "select count(*) as user_id, 1 as item_id from log").frame["user_id"].to_list() == ["3"]
    assert not (shop / "new.db").exists()


def test_that_a_missing_package_is_named_with_its_remedy(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    with pytest.raises(DataError, match=r"found no SQLAlchemy\. Install it with: pip install 'penchant\[sql\]'"):
        read(shop)


SECRET = st.text(st.sampled_from("qz@/:?#%[]& "), min_size=1, max_size=8).map(lambda text: f"Qz{text}Qz")


@settings(deadline=None)
@given(SECRET, st.sampled_from(["postgresql://ann:{}@host:5432/shop", "mysql+pymysql://{}@host/shop", "postgresql://host/shop?password={}",
                                "ann:{}://host", "duckdb:{}@", ":{}", "postgresql://ann:{}@[::1]/shop#x"]))  # fmt: skip
def test_that_no_url_however_wrong_is_shown_with_its_secret(secret: str, form: str) -> None:
    source = SourceSettings(url=form.format(secret), query="select 1")
    for shown in (public_url(form.format(secret)), source.shown, repr(source), source.model_dump_json(), str(source)):
        assert "Qz" not in shown


def test_that_a_well_formed_url_keeps_all_but_its_secrets() -> None:
    assert public_url("postgresql+psycopg://ann:p%40ss@db.example.org:5432/shop?sslmode=require") == (
        "postgresql+psycopg://db.example.org:5432/shop"
    )
    assert public_url("sqlite:////srv/shop.db") == "sqlite:////srv/shop.db"


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ('"postgresql://ann:secret@host/shop"', "must be a table of keys; found a bare URL"),
        ('{ url = ["postgresql://ann:secret@host"], query = "select 1" }', "must be text; found a value of type list"),
        ('{ url = "postgresql://ann:secret@host" }', "must be with both url and query, or with neither; found only url. Add query."),
        ('{ path = "a", query = "select 1" }', "must be with both url and query, or with neither; found only query. Add url."),
        ('{ path = "a", url = "postgresql://ann:secret@host", query = "q" }', "must be with either a path or a url; found both"),
        ('{ format = "csv" }', "key 'data.events.path' must be given, or a url with a query; found neither"),
        ('{ path = "" }', "must be with either a path or a url; found an empty path"),
    ],
)
def test_that_a_recipe_that_names_no_one_place_is_refused_without_secrets(events: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(f'data.events = {events}\ntasks.next = {{ kind = "next_item" }}')
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_that_what_is_kept_of_a_recipe_has_no_credentials_and_can_be_read_again() -> None:
    text = 'data.events = { url = "postgresql://ann:secret@host/shop", query = "q" }\ntasks.next = { kind = "next_item" }'
    kept = Recipe.parse(text).model_dump_json()
    assert "secret" not in kept
    assert '"postgresql://host/shop"' in kept
    again = SourceSettings.model_validate(json.loads(kept)["data"]["events"])
    assert again.shown == "query at 'postgresql://host/shop'"


def test_that_a_driver_that_repeats_secrets_is_silenced() -> None:
    url = sqlalchemy.make_url("mysql://ann:p%40ss@host/shop?ssl_key=abc")
    error = ValueError("cannot log in ann with p@ss (or p%40ss) and abc at host; annual limit\nsecond line p@ss")
    assert module.without_secrets(error, url) == "cannot log in *** with *** (or ***) and *** at host; annual limit"
