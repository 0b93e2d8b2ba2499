"""Vectors kept by content: computed once, also after a kill, damage and company."""

import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from penchant.features import kept_vectors
from penchant.features.kept_vectors import FILE, Progress, vectors_of


class Encoder:
    """Vectors `[place, place]`, in batches of two; remembers what it computed and stops where it is told."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.computed: list[int] = []
        self.stop_at = stop_at

    def __call__(self, places: list[int]) -> Iterator[tuple[list[int], Any]]:
        for start in range(0, len(places), 2):
            some = places[start : start + 2]
            if self.stop_at in some:
                raise KeyboardInterrupt
            self.computed += some
            yield some, np.array([[place, place] for place in some], dtype=np.float32)


def keys(*names: str) -> list[bytes]:
    return [name.encode() for name in names]


def vectors(folder: Path, names: list[bytes], encoder: Encoder, **more: Any) -> Any:
    return vectors_of(names, 2, folder, encoder, what="things", **more)


def test_that_equal_contents_are_computed_once(tmp_path: Path) -> None:
    first, again = Encoder(), Encoder()
    assert vectors(tmp_path, keys("a", "b", "a"), first).tolist() == [[0, 0], [1, 1], [0, 0]]
    assert vectors(tmp_path, keys("b", "a"), again).tolist() == [[1, 1], [0, 0]]
    assert (first.computed, again.computed) == ([0, 1], [])


def test_that_ctrl_c_keeps_what_was_computed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        vectors(tmp_path, keys(*"abcdef"), Encoder(stop_at=4))
    again = Encoder()
    vectors(tmp_path, keys(*"abcdef"), again)
    assert again.computed == [4, 5]


def test_that_an_altered_vector_is_computed_anew(tmp_path: Path) -> None:
    vectors(tmp_path, keys("a", "b"), Encoder())
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("update vectors set vector = ? where key = ?", (np.array([7, 7], dtype="<f4").tobytes(), b"b"))
    again = Encoder()
    assert vectors(tmp_path, keys("a", "b"), again).tolist() == [[0, 0], [1, 1]]
    assert again.computed == [1]


def test_that_a_vector_of_another_width_is_computed_anew(tmp_path: Path) -> None:
    def wide(places: list[int]) -> Iterator[tuple[list[int], Any]]:
        yield places, np.ones((len(places), 3), dtype=np.float32)

    vectors(tmp_path, keys("a"), Encoder())
    assert vectors_of(keys("a"), 3, tmp_path, wide, what="things").tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("damage", [b"this is no database" * 100, None], ids=["other bytes", "torn pages"])
def test_that_a_damaged_file_is_moved_aside(tmp_path: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    vectors(tmp_path, keys(*(f"{n}" for n in range(500))), Encoder())
    file = tmp_path / FILE
    raw = bytearray(file.read_bytes())
    raw[4096 : 4096 * 3] = b"\xff" * 4096 * 2
    file.write_bytes(damage or bytes(raw))
    again = Encoder()
    assert vectors(tmp_path, keys("a", "b"), again).tolist() == [[0, 0], [1, 1]]
    assert again.computed == [0, 1]
    assert len(list(tmp_path.glob("*damaged*"))) == 1
    assert "damaged" in caplog.text


def test_that_a_folder_without_writing_costs_the_keeping_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert vectors(tmp_path / "file", keys("a"), Encoder()).tolist() == [[0, 0]]
    assert "not kept" in caplog.text


def test_that_several_may_write_at_once(tmp_path: Path) -> None:
    names = keys(*(f"{n}" for n in range(200)))
    threads = [Thread(target=vectors, args=(tmp_path, names, Encoder())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Encoder()
    assert vectors(tmp_path, names, again)[:, 0].tolist() == list(range(200))
    assert again.computed == []


def test_that_no_keys_give_no_rows(tmp_path: Path) -> None:
    assert vectors(tmp_path, [], Encoder()).shape == (0, 2)


def test_that_the_progress_tells_rate_and_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10_000, 6))
    monkeypatch.setattr(kept_vectors.time, "monotonic", lambda: next(now))
    told: list[Progress] = []
    vectors(tmp_path, keys(*"abcdef"), Encoder(), report=told.append)
    assert [(one.done, one.total) for one in told] == [(2, 6), (4, 6), (6, 6)]
    assert (told[1].rate, told[1].left) == (4 / told[1].seconds, 2 / (4 / told[1].seconds))
    assert str(Progress("texts", 1200, 4800, 6.0)) == "texts: 1,200 of 4,800 encoded, 200 a second, 18 s left"


def test_that_what_a_kill_costs_is_bounded_by_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are on disk before the run ends: a second connection sees them while the first goes on."""
    monkeypatch.setattr(kept_vectors, "WRITE_EVERY", 0.0)
    seen: list[int] = []

    def looking(places: list[int]) -> Iterator[tuple[list[int], Any]]:
        for batch in Encoder()(places):
            with sqlite3.connect(tmp_path / FILE) as database:
                seen.append(database.execute("select count(*) from vectors").fetchone()[0])
            yield batch

    vectors_of(keys(*"abcdef"), 2, tmp_path, looking, what="things")
    assert seen == [0, 2, 4]


# How much is kept.


def kept(folder: Path) -> set[bytes]:
    with sqlite3.connect(folder / FILE) as database:
        return {key for (key,) in database.execute("select key from vectors")}


def test_that_the_oldest_go_when_the_file_is_full(tmp_path: Path) -> None:
    def wide(places: list[int]) -> Iterator[tuple[list[int], Any]]:
        yield places, np.ones((len(places), 250), dtype=np.float32)  # a kilobyte each

    for start in range(0, 1000, 50):
        names = [sha256(f"{number}".encode()).digest() for number in range(start, start + 50)]  # hashes come in no order
        vectors_of(names, 250, tmp_path, wide, what="things", gigabytes=0.0003)
    left = kept(tmp_path)
    newest = [sha256(f"{number}".encode()).digest() for number in range(1000 - len(left), 1000)]
    assert left == {*newest}
    assert 150 < len(left) < 280
    assert (tmp_path / FILE).stat().st_size < 450_000  # the room is used again


def test_that_vectors_of_an_earlier_version_are_used(tmp_path: Path) -> None:
    vectors(tmp_path, keys("a", "b"), Encoder())
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("create table kept (key blob primary key, vector blob not null, sum integer not null) without rowid")
        database.execute("insert into kept select key, vector, sum from vectors")
        database.execute("drop table vectors")
    again = Encoder()
    assert vectors(tmp_path, keys("b", "a", "c"), again).tolist() == [[1, 1], [0, 0], [2, 2]]
    assert again.computed == [2]
    assert kept(tmp_path) == {*keys("a", "b", "c")}


def test_that_opening_the_file_does_not_read_it_all(tmp_path: Path) -> None:
    """A request's text must not wait for gigabytes; damage elsewhere in the file is met when it is met."""
    names = keys(*(f"{n:05}" for n in range(5000)))
    vectors(tmp_path, names, Encoder())
    raw = bytearray((tmp_path / FILE).read_bytes())
    raw[-4096:] = b"\xff" * 4096
    (tmp_path / FILE).write_bytes(bytes(raw))
    again = Encoder()
    vectors(tmp_path, names[:1], again)
    assert again.computed == []
