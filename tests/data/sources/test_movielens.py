"""MovieLens in its three forms: a folder is enough, and every role has its table."""

from pathlib import Path

import pytest

from penchant.data.sources import Role, read_table
from penchant.data.sources.movielens import GENRES
from penchant.schema.errors import DataError
from penchant.schema.recipe import SourceSettings
from tests.data.sources.given import written

FLAGS = ["1" if genre in ("Comedy", "Drama") else "0" for genre in GENRES]
FILES = {
    "100k": {
        "u.data": "196\t242\t3\t881250949\n",
        "u.user": "1|24|M|technician|05711\n",
        "u.item": f'2|"Amélie" (2001)|01-Jan-1995||http://x/?q=Am%E9lie|{"|".join(FLAGS)}\n3|unknown||||1{"|0" * 18}\n',
        "u.genre": "unknown|0\n",
    },
    "1m": {
        "ratings.dat": "196::242::3::881250949\n",
        "users.dat": "1::M::24::technician::05711\n",
        "movies.dat": '2::"Amélie" (2001)::Comedy|Drama\n3::unknown::unknown\n',
    },
    "latest": {
        "ratings.csv": "userId,movieId,rating,timestamp\n196,242,3.0,881250949\n",
        "movies.csv": 'movieId,title,genres\n2,"""Amélie"" (2001)",Comedy|Drama\n3,unknown,(no genres listed)\n',
        "tags.csv": "userId,movieId,tag,timestamp\n1,2,sweet,1\n",
        "links.csv": "movieId,imdbId,tmdbId\n2,0211915,194\n",
    },
}


@pytest.fixture(params=FILES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder in each form; its name is that of the form."""
    made = tmp_path / str(request.param)
    made.mkdir()
    for name, text in FILES[request.param].items():
        written(made, name, text.encode("utf8" if name.endswith(".csv") else "latin1"))
    return made


def read(folder: Path, role: Role, **settings: str) -> list[tuple[object, ...]]:
    return read_table(SourceSettings(path=folder.name, **settings), folder.parent, role).frame.rows()


@pytest.mark.parametrize("settings", [{}, {"format": "movielens"}])
def test_that_each_role_has_its_table(folder: Path, settings: dict[str, str]) -> None:
    assert read(folder, "events", **settings) == [("196", "242", 3, 881_250_949.0)]
    items = read_table(SourceSettings(path=folder.name, **settings), folder.parent, "items").frame
    none = [] if folder.name == "latest" else ["unknown"]
    assert items.select("item_id", "title", "genres").rows() == [("2", '"Amélie" (2001)', ["Comedy", "Drama"]), ("3", "unknown", none)]
    if folder.name != "latest":
        assert {"M", "technician", "05711"} < set(read(folder, "users", **settings)[0])


def test_that_a_role_without_a_table_is_refused(tmp_path: Path) -> None:
    for name, text in FILES["latest"].items():
        written(tmp_path, name, text)
    with pytest.raises(DataError, match=r"users of folder '\.' must be in it; found only 'ratings\.csv', 'movies\.csv'\. Take `users` out"):
        read_table(SourceSettings(path="."), tmp_path, "users")


def test_that_the_guess_is_told_and_a_name_is_not(folder: Path) -> None:
    for settings, count in ((SourceSettings(path=folder.name), 1), (SourceSettings(path=folder.name, format="movielens"), 0)):
        notes = read_table(settings, folder.parent, "items").notes
        assert sum("is laid out as movielens" in note for note in notes) == count


def test_that_another_folder_is_refused_when_the_layout_is_named(tmp_path: Path) -> None:
    written(tmp_path, "a.csv", "1,2\n")
    with pytest.raises(DataError, match=r"must be a folder in the layout of movielens; found files 'a\.csv'"):
        read_table(SourceSettings(path=".", format="movielens"), tmp_path, "events")
    with pytest.raises(DataError, match=r"file 'a\.csv' must be one of MovieLens' tables"):
        read_table(SourceSettings(path="a.csv", format="movielens"), tmp_path, "events")


def test_that_a_single_table_can_be_named(tmp_path: Path) -> None:
    written(tmp_path, "tags.csv", FILES["latest"]["tags.csv"])
    table = read_table(SourceSettings(path="tags.csv", format="movielens"), tmp_path, "events")
    assert table.frame.rows() == [("1", "2", "sweet", 1.0)]
