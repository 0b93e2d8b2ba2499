"""Graphs kept between runs."""

from pathlib import Path

import pytest

from penchant.exported.kept import kept_graph


def test_that_a_graph_is_made_once_and_another_for_other_weights(tmp_path: Path) -> None:
    assert kept_graph(tmp_path / "new", "one", lambda: b"first") == b"first"
    assert kept_graph(tmp_path / "new", "one", lambda: pytest.fail("made again")) == b"first"
    assert kept_graph(tmp_path / "new", "other", lambda: b"second") == b"second"
    assert not [path for path in (tmp_path / "new").iterdir() if path.name.startswith(".")]


def test_that_a_folder_that_cannot_be_written_costs_only_the_keeping(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert kept_graph(tmp_path / "file" / "graphs", "one", lambda: b"made") == b"made"
