"""Which file is what."""

from pathlib import Path

import polars as pl
import pytest
from backports import zstd

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


LOG = "userId,itemId,time\n" + "\n".join(f"{n % 3},{n % 4},{1_650_000_000 + n}" for n in range(12)) + "\n"


def test_that_files_whose_names_differ_in_digits_are_one_table(tmp_path: Path) -> None:
    for day in (1, 2, 11):
        written(tmp_path, f"log_{day}.csv.zst", zstd.compress(LOG.encode()))
    written(tmp_path, "log_old.csv", LOG)
    log, old = tables_in(tmp_path)
    assert (log.settings.path, log.raw.height, old.settings.path) == ("log_[0-9]*.csv.zst", 36, "log_old.csv")
    assert log.why.startswith("3 files of the same columns")
    assert log.read(tmp_path, "events").frame.height == 36


def test_that_like_named_files_of_other_columns_or_without_names_stay_apart(tmp_path: Path) -> None:
    written(tmp_path, "a1.csv", "user_id,item_id\n1,2\n")
    written(tmp_path, "a2.csv", "user_id,colour\n1,red\n")
    written(tmp_path, "b1.csv", "1,2\n3,4\n")
    written(tmp_path, "b2.csv", "1,2\n3,4\n")
    assert [one.settings.path for one in tables_in(tmp_path)] == ["a1.csv", "a2.csv", "b1.csv", "b2.csv"]


def test_that_a_pattern_that_would_take_in_others_is_not_written(tmp_path: Path) -> None:
    for name in ("a1.csv", "a2.csv"):
        written(tmp_path, name, LOG)
    written(tmp_path, "a3x.csv", LOG)
    assert [one.settings.path for one in tables_in(tmp_path)] == ["a1.csv", "a2.csv", "a3x.csv"]


def test_that_a_folder_of_like_files_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for part in range(2):
        written(tmp_path, f"log/part-{part}.csv", LOG)
    (tmp_path / "other").mkdir()
    written(tmp_path, "other/a.csv", LOG)
    written(tmp_path, "other/b.csv", LOG)
    (found,) = tables_in(tmp_path)
    assert (found.settings.path, found.raw.height) == ("log", 24)


@pytest.mark.parametrize("inside", ["", "ml-100k"])
def test_that_a_movielens_folder_is_read_as_one_here_or_below(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    for name, text in movielens_files().items():
        written(folder, name, text)
    roles = roles_of(tables_in(tmp_path), tmp_path)
    assert roles.users is not None
    assert roles.items is not None
    paths = [one.settings.path for one in (roles.events, roles.users, roles.items)]
    assert paths == [str(Path(inside, name)) for name in ("u.data", "u.user", "u.item")]
    assert roles.items.settings.format == "movielens"
    assert roles.items.read(tmp_path, "items").frame["genres"].to_list() == [["Comedy"]] * 5


def movielens_files() -> dict[str, str]:
    flags = "|".join("1" if place == 5 else "0" for place in range(19))
    return {
        "u.data": "".join(f"{n % 7}\t{n % 5}\t{n % 5 + 1}\t{881_250_949 + n}\n" for n in range(60)),
        "u.user": "".join(f"{n}|24|M|writer|05711\n" for n in range(7)),
        "u.item": "".join(f"{n}|Film {n}|01-Jan-1995|||{flags}\n" for n in range(5)),
    }


def test_that_a_gorse_export_and_personalize_tables_are_known(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    rows = [f'{{"FeedbackType":"click","UserId":"{n % 3}","ItemId":"{n % 4}","Timestamp":"2020-01-01T00:00:01Z"}}' for n in range(12)]
    written(tmp_path, "export/feedback.jsonl", "\n".join(rows))
    written(tmp_path, "items.csv", "ITEM_ID,GENRES\n" + "".join(f"{n},a|b\n" for n in range(4)))
    roles = roles_of(tables_in(tmp_path), tmp_path)
    assert (roles.events.settings.path, roles.events.settings.format) == ("export/feedback.jsonl", "gorse")
    assert roles.items is not None
    assert roles.items.settings.format == "personalize"


def test_that_a_mark_tells_the_encoding(tmp_path: Path) -> None:
    written(tmp_path, "log.csv", LOG.encode("utf-16"))
    (found,) = tables_in(tmp_path)
    assert (found.settings.encoding, found.read(tmp_path, "events").frame.height) == ("utf-16", 12)


def test_that_what_a_layout_reads_along_or_leaves_is_no_table_of_its_own(tmp_path: Path) -> None:
    """`links.csv` has one row per movie too, and comes first by name."""
    movies = range(1, 40)
    written(tmp_path, "ratings.csv", "userId,movieId,rating,timestamp\n" + "\n".join(f"{n % 7},{n},3,{1_600_000_000 + n}" for n in movies))
    written(tmp_path, "movies.csv", "movieId,title,genres\n" + "\n".join(f"{n},Film {n},Drama" for n in movies))
    written(tmp_path, "links.csv", "movieId,imdbId,tmdbId\n" + "\n".join(f"{n},{n + 7},{n + 9}" for n in movies))
    written(tmp_path, "tags.csv", "userId,movieId,tag,timestamp\n" + "\n".join(f"{n % 7},{n},sweet,1" for n in movies))
    roles = roles_of(tables_in(tmp_path), tmp_path)
    assert (roles.events.settings.path, roles.items.settings.path if roles.items else None) == ("ratings.csv", "movies.csv")
    assert roles.unused == roles.relations == ()
    assert roles.items is not None
    assert roles.items.read(tmp_path, "items").frame["tags"].to_list() == [["sweet"]] * 39
