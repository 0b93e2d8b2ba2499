"""Patterns and folders: many files become one table, and one note says in what they differ."""

import gzip
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from backports import zstd

from penchant.data.sources import Role, Table, read_table
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings
from tests.data.sources.given import written


def table(folder: Path, path: str, role: Role = "events", **settings: Any) -> Table:
    return read_table(SourceSettings(path=path, **settings), folder, role)


def parquet(frame: pl.DataFrame) -> bytes:
    content = BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


def logs(folder: Path) -> None:
    """Three days, packed in three ways, with another column, order, separator and type here and there."""
    (folder / "logs").mkdir()
    written(folder, "logs/2.csv.gz", gzip.compress(b"userId,itemId,timestamp,stars\n2,y,20,4.5\n"))
    written(folder, "logs/10.csv.zst", zstd.compress(b"itemId,userId,timestamp\nz,3,30\n"))
    written(folder, "logs/1.csv", "userId;itemId;timestamp;stars\n007;x;10;4\n")


def test_that_files_come_in_the_order_of_their_names_with_columns_brought_together(tmp_path: Path) -> None:
    logs(tmp_path)
    read = table(tmp_path, "logs/*.csv*")
    assert read.frame.select("user_id", "item_id", "timestamp", "stars").rows() == [
        ("007", "x", 10.0, 4.0), ("3", "z", 30.0, None), ("2", "y", 20.0, 4.5),
    ]  # fmt: skip
    assert read.mapped == {"user_id": "userId", "item_id": "itemId"}
    assert read.notes == [
        "files 'logs/*.csv*': read userId as user_id, itemId as item_id",
        "files 'logs/*.csv*': 3 files read as one table; 'stars' is missing in 1; 'stars' is Int64 in 1 and Float64 in 1",
    ]


def test_that_a_pattern_may_reach_into_folders_or_start_at_the_root(tmp_path: Path) -> None:
    logs(tmp_path)
    assert table(tmp_path, "**/*.csv").frame["user_id"].to_list() == ["007"]
    assert table(tmp_path, f"{tmp_path}/logs/1*.csv").frame["user_id"].to_list() == ["007"]


def test_that_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    written(tmp_path, "a[1].csv", "user_id,item_id\n1,x\n")
    written(tmp_path, "a[1].jsonl", '{"user_id": 1, "item_id": "x"}')
    assert table(tmp_path, "a[1].jsonl").frame["item_id"].to_list() == ["x"]
    read = table(tmp_path, "a[1].csv")
    assert read.notes == ["file 'a[1].csv': has no time column; the order of its rows stands for the time"]


def test_that_a_folder_of_parquet_files_is_one_table_with_what_its_paths_say(tmp_path: Path) -> None:
    for day, item in (("2024-05-01", 1), ("2024-05-02", 2)):
        (tmp_path / "log" / f"day={day}").mkdir(parents=True)
        frame = pl.DataFrame({"user_id": [item], "item_id": [item], "timestamp": [1.5], "tags": [["a"]]})
        written(tmp_path, f"log/day={day}/part-0.parquet", parquet(frame))
    written(tmp_path, "log/_SUCCESS", "")
    written(tmp_path, "log/.part-0.parquet.crc", "x")
    read = table(tmp_path, "log", where="day != '2024-05-01'")
    assert read.frame.rows() == [("2", "2", 1.5, ["a"], "2024-05-02")]
    assert read.notes == ["files 'log': 2 files read as one table"]


def test_that_ids_of_two_types_are_one_text(tmp_path: Path) -> None:
    written(tmp_path, "a1.parquet", parquet(pl.DataFrame({"item_id": [7], "n": [1]})))
    written(tmp_path, "a2.parquet", parquet(pl.DataFrame({"item_id": ["7b"], "n": [None]})))
    read = table(tmp_path, "a*.parquet", "items")
    assert read.frame.rows() == [("7", 1), ("7b", None)]
    assert "'item_id' is Int64 in 1 and String in 1" in read.notes[-1]
    assert "'n'" not in read.notes[-1]


def test_that_times_counted_in_one_file_and_written_in_another_are_both_read(tmp_path: Path) -> None:
    written(tmp_path, "a1.csv", "user_id,item_id,time\n1,x,1714521600\n")
    written(tmp_path, "a2.csv", "user_id,item_id,time\n1,x,2024-05-01T00:00:01Z\n")
    assert table(tmp_path, "a*.csv").frame["timestamp"].to_list() == [1_714_521_600.0, 1_714_521_601.0]


def test_that_only_the_commonest_kind_of_a_folder_is_read_and_the_rest_told(tmp_path: Path) -> None:
    logs(tmp_path)
    written(tmp_path, "logs/readme.txt", "what this is")
    read = table(tmp_path, "logs")
    assert read.frame.height == 3
    assert "folder 'logs': 1 files that do not end in .csv were left out" in read.notes


def test_that_only_the_first_rows_of_all_are_kept_when_asked(tmp_path: Path) -> None:
    logs(tmp_path)
    assert read_table(SourceSettings(path="logs/*"), tmp_path, "events", rows=2).frame["user_id"].to_list() == ["007", "3"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("logs/*.tsv", r"files 'logs/\*.tsv' must be at least one file; found none that fits the pattern"),
        ("empty", "folder 'empty' must be with tables in it; found none"),
        (
            "bad/*.csv",
            r"column 'item_id' of files 'bad/\*.csv', in file 'bad/2.csv', must be in a table of events; found columns 'user_id'",
        ),
        ("types/*", r"files 'types/\*' must be alike in the columns they share; found types that do not go together"),
        ("cut/*", "file 'cut/2.parquet' must be a whole Parquet file"),
    ],
)
def test_that_what_is_wrong_is_told_with_the_file_it_is_in(tmp_path: Path, path: str, told: str) -> None:
    logs(tmp_path)
    for name in ("empty", "bad", "types", "cut"):
        (tmp_path / name).mkdir()
    written(tmp_path, "bad/1.csv", "user_id,item_id\n1,x\n")
    written(tmp_path, "bad/2.csv", "user_id,n\n1,2\n")
    for number, values in enumerate((["a"], [["a"]])):
        content = parquet(pl.DataFrame({"user_id": [1], "item_id": [2], "tags": values}))
        written(tmp_path, f"types/{number}.parquet", content)
        written(tmp_path, f"cut/{number + 1}.parquet", content[: -9 * number or None])
    with pytest.raises(DataError, match=told):
        table(tmp_path, path)
