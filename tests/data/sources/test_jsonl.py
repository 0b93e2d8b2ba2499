"""JSON lines."""

from pathlib import Path

import pytest

from penchant.schema.errors import DataError
from tests.data.sources.given import read


def test_that_objects_become_rows_and_lists_stay_lists(tmp_path: Path) -> None:
    text = '{"item_id": 1, "tags": ["a", "b"]}\n{"item_id": 2, "tags": []}\n{"item_id": 3}\n'
    assert read(tmp_path, "a.jsonl", text, "items").frame.rows() == [("1", ["a", "b"]), ("2", []), ("3", None)]


def test_that_a_type_that_shows_late_is_found(tmp_path: Path) -> None:
    lines = [f'{{"item_id": "{n}", "size": {n}}}' for n in range(1500)] + ['{"item_id": "last", "size": 0.5}']
    assert read(tmp_path, "a.jsonl", "\n".join(lines), "items").frame["size"][-1] == 0.5


def test_that_a_broken_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one JSON object per line"):
        read(tmp_path, "a.jsonl", '{"item_id": 1}\n{"item_id": \n', "items")


def test_that_a_key_that_first_comes_late_is_a_column(tmp_path: Path) -> None:
    lines = [f'{{"item_id": {n}, "facts": {{"size": {n}}}}}' for n in range(1500)] + [
        '{"item_id": 1500, "facts": {"colour": "red"}, "old": true}'
    ]
    items = read(tmp_path, "a.jsonl", "\n".join(lines), "items").frame
    assert items.row(1500) == ("1500", {"size": None, "colour": "red"}, True)


def test_that_a_byte_order_mark_is_no_part_of_the_first_object(tmp_path: Path) -> None:
    assert read(tmp_path, "a.jsonl", b'\xef\xbb\xbf{"item_id": 1}\n', "items").frame.rows() == [("1",)]
