"""Parquet files."""

from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from penchant.schema.errors import DataError
from tests.data.sources.given import read


def packed(frame: pl.DataFrame) -> bytes:
    content = BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


def test_that_a_frame_comes_back_with_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": [7], "item_id": ["x"], "timestamp": [1.5], "score": pl.Series([2], dtype=pl.Int8)})
    table = read(tmp_path, "a.parquet", packed(frame))
    assert table.frame.rows() == [("7", "x", 1.5, 2)]
    assert table.frame.schema["score"] == pl.Int8


def test_that_a_cut_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="whole Parquet file"):
        read(tmp_path, "a.parquet", packed(pl.DataFrame({"user_id": [7]}))[:-9])
