"""Events a batch at a time: the rows that reading whole gives, or a refusal where batches would be read differently."""

import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.data.sources import delimited, parquet, read_events, sql
from penchant.data.sources.stream import EventStream
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings

ROWS = 2000
EVENTS = pl.DataFrame(
    {
        "user": [f"u{number % 7}" for number in range(ROWS)],
        "item": [f"i{number % 11}" for number in range(ROWS)],
        "ts": [1_600_000_000 + number for number in range(ROWS)],
        "price": [number / 2 for number in range(ROWS)],
    }
)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (delimited, parquet):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 300)
    monkeypatch.setattr(sql, "BATCH_ROWS", 300)


def source(path: str, **more: Any) -> SourceSettings:
    return SourceSettings(path=path, **more)


def streamed(folder: Path, *sources: SourceSettings) -> tuple[pl.DataFrame, int, list[str]]:
    """Everything, the number of batches, and the notes."""
    stream = EventStream(sources, folder)
    batches = list(stream)
    assert stream.rows == sum(map(len, batches))
    return pl.concat(batches, how="diagonal_relaxed"), len(batches), stream.notes


def write(frame: pl.DataFrame, folder: Path) -> dict[str, SourceSettings]:
    frame.write_parquet(folder / "e.parquet")
    frame.write_csv(folder / "e.csv")
    frame.write_csv(folder / "e.tsv", separator="\t")
    frame.write_ndjson(folder / "e.jsonl")
    (folder / "many").mkdir()
    frame[:900].write_csv(folder / "many" / "a.csv")
    frame[900:].write_csv(folder / "many" / "b.csv")
    with sqlite3.connect(folder / "e.db") as database:
        database.execute("create table e (user, item, ts, price)")
        database.executemany("insert into e values (?, ?, ?, ?)", frame.rows())
    database.close()
    return {
        "parquet": source("e.parquet"), "csv": source("e.csv"), "tsv": source("e.tsv"), "jsonl": source("e.jsonl"),
        "pattern": source("many/*.csv"), "folder": source("many"),
        "sql": SourceSettings(url="sqlite:///e.db", query="select * from e"),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "csv", "tsv", "jsonl", "pattern", "folder", "sql"])
def test_that_batches_hold_the_rows_of_reading_whole_in_their_order(kind: str, tmp_path: Path) -> None:
    settings = write(EVENTS, tmp_path)[kind]
    found, batches, notes = streamed(tmp_path, settings)
    assert found.equals(read_events(settings, tmp_path).frame)
    assert (batches > 1) == (kind != "jsonl")
    assert any("was read whole, as jsonl files are" in note for note in notes) == (kind == "jsonl")
    assert any("read user as user_id" in note for note in notes)


def test_that_a_condition_on_what_is_read_or_on_converted_columns_chooses_rows(tmp_path: Path) -> None:
    EVENTS.write_parquet(tmp_path / "e.parquet")
    for where, rows in (("price < 100", 200), ("timestamp < 1600000500", 500)):
        settings = source("e.parquet", where=where)
        found, _, _ = streamed(tmp_path, settings)
        assert len(found) == rows
        assert found.equals(read_events(settings, tmp_path).frame)


def test_that_rows_without_times_are_numbered_through(tmp_path: Path) -> None:
    EVENTS.drop("ts").write_parquet(tmp_path / "e.parquet")
    found, _, notes = streamed(tmp_path, source("e.parquet"))
    assert found["timestamp"].to_list() == [float(number) for number in range(ROWS)]
    assert sum("has no time column" in note for note in notes) == 1


def test_that_a_list_of_items_is_one_event_each(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["a", "b"], "basket": [["x", "y"], ["z"]]}).write_parquet(tmp_path / "e.parquet")
    found, _, _ = streamed(tmp_path, source("e.parquet", item_list="basket"))
    assert found.select("user_id", "item_id", "timestamp").rows() == [("a", "x", 0.0), ("a", "y", 1.0), ("b", "z", 2.0)]


def test_that_a_type_that_first_shows_in_the_last_row_of_a_text_holds_for_all_of_it(tmp_path: Path) -> None:
    code = pl.Series([str(number) for number in range(ROWS - 1)] + ["x1"])
    EVENTS.with_columns(code=code).write_csv(tmp_path / "e.csv")
    found, batches, _ = streamed(tmp_path, source("e.csv"))
    assert batches > 1
    assert found["code"].equals(code.alias("code"))


def test_that_a_text_to_be_mended_or_of_another_encoding_is_read_whole_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "ragged.csv").write_text("user,item\na,x\nb,y,z\n")
    (tmp_path / "old.csv").write_bytes("user,item\nä,x\n".encode("latin1"))
    found, _, notes = streamed(tmp_path, source("ragged.csv"))
    assert found["item_id"].to_list() == ["x", "y"]
    assert "file 'ragged.csv': was read whole, because its text must be mended" in notes
    assert any("1 rows have too many fields" in note for note in notes)
    found, _, notes = streamed(tmp_path, source("old.csv", encoding="latin1"))
    assert found["user_id"].to_list() == ["ä"]
    assert "file 'old.csv': was read whole, because its text is in latin1" in notes


def test_that_a_column_that_a_later_source_lacks_is_missing_there(tmp_path: Path) -> None:
    EVENTS[:3].write_parquet(tmp_path / "a.parquet")
    EVENTS[3:5].drop("price").write_parquet(tmp_path / "b.parquet")
    found, _, notes = streamed(tmp_path, source("a.parquet"), source("b.parquet"))
    assert found["price"].to_list() == [0.0, 0.5, 1.0, None, None]
    assert any("'price' count as missing" in note for note in notes)


def test_that_unreadable_times_are_told_with_where_their_batch_begins(tmp_path: Path) -> None:
    times = [f"2024-01-01T00:00:{number % 60:02}" for number in range(ROWS)]
    times[-1] = "yesterday"
    EVENTS.with_columns(ts=pl.Series(times)).write_parquet(tmp_path / "e.parquet")
    found, _, notes = streamed(tmp_path, source("e.parquet"))
    assert found["timestamp"].null_count() == 1
    (note,) = [note for note in notes if "could not be read" in note]
    assert note.startswith("after 1,")


@pytest.mark.parametrize(
    ("column", "first", "later", "message"),
    [
        ("ts", 1_600_000_000, 1_600_000_000_000, "numbers for times of file 'e.parquet' must be of one unit; found first s, later ms"),
        ("ts", 20240101, 1_600_000_000, "must be of one unit; found first days, later s"),
        ("item", "7.0", "8", "'item_id' of file 'e.parquet' must be ids written one way; found first as '7.0' throughout, later"),
        ("user", "u", "7.0", "'user_id' of file 'e.parquet' must be ids written one way"),
    ],
)  # fmt: skip
def test_that_what_later_rows_say_otherwise_is_refused(column: str, first: Any, later: Any, message: str, tmp_path: Path) -> None:
    EVENTS.with_columns(pl.Series(column, [first] * 1500 + [later] * 500)).write_parquet(tmp_path / "e.parquet")
    with pytest.raises(DataError, match=message):
        streamed(tmp_path, source("e.parquet"))
    if column == "ts":
        assert len(streamed(tmp_path, source("e.parquet", time_unit="s"))[0]) == ROWS


def test_that_a_time_column_is_in_all_files_or_in_none(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    EVENTS.write_csv(tmp_path / "many" / "a.csv")
    EVENTS.drop("ts").write_csv(tmp_path / "many" / "b.csv")
    with pytest.raises(DataError, match=r"times of folder 'many'|times of files 'many'"):
        streamed(tmp_path, source("many"))


def test_that_a_damaged_file_and_an_empty_answer_are_told_as_in_reading_whole(tmp_path: Path) -> None:
    settings = write(EVENTS, tmp_path)
    whole = (tmp_path / "e.parquet").read_bytes()
    (tmp_path / "e.parquet").write_bytes(whole[:-200])
    with pytest.raises(DataError, match="must be a whole Parquet file"):
        streamed(tmp_path, settings["parquet"])
    (tmp_path / "many" / "b.csv").write_bytes(b"user,item\n\xff\xfe,x\n")
    with pytest.raises(DataError, match=r"many/b.csv'.* text in utf8"):
        streamed(tmp_path, settings["pattern"])
    with pytest.raises(DataError, match="with at least one row"):
        streamed(tmp_path, SourceSettings(url="sqlite:///e.db", query="select * from e where 0"))


def test_that_progress_is_told_after_every_batch(tmp_path: Path) -> None:
    EVENTS.write_parquet(tmp_path / "e.parquet")
    told: list[int] = []
    list(EventStream(source("e.parquet"), tmp_path, told.append))
    assert told[-1] == ROWS
    assert told == sorted(told)
    assert len(told) > 1
