"""MovieLens in its three forms: a folder is enough, and every role has its table."""

from pathlib import Path

import pytest

from penchant.data.sources import Role, movielens, read_table
from penchant.data.sources.movielens import GENRES
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings
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


TAGS = """userId,movieId,tag,timestamp
1,2,Sweet,1
2,2, sweet ,2
3,2,paris,3
3,2,zoo,3
4,3,Paris,4
4,3,,5
5,9,nobody's,6
"""


def latest(folder: Path, **files: str) -> Path:
    made = folder / "latest"
    made.mkdir()
    for name, text in (FILES["latest"] | {"tags.csv": TAGS} | {f"{name}.csv": text for name, text in files.items()}).items():
        written(made, name, text)
    return made


def test_that_tags_are_joined_to_the_movies_commonest_first(tmp_path: Path) -> None:
    """Two people said "sweet" of movie 2; "paris" stands before "zoo" because two movies have it."""
    table = read_table(SourceSettings(path="latest"), latest(tmp_path, links="movieId,imdbId\n2,1\n").parent, "items")
    assert dict(table.frame.select("item_id", "tags").rows()) == {"2": ["sweet", "paris", "zoo"], "3": ["paris"]}
    assert table.frame["item_id"].to_list() == ["2", "3"]
    assert any("7 tags" in note and "column 'tags'" in note for note in table.notes)


def test_that_the_commonest_tags_are_kept_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movielens, "MOST_TAGS", 3)
    monkeypatch.setattr(movielens, "TAGS_EACH", 2)
    rows = [(1, "a"), (2, "a"), (3, "a"), (1, "b"), (2, "b"), (1, "c"), (2, "c"), (3, "d")]
    many = "userId,movieId,tag,timestamp\n" + "".join(f"{user},{movie},{tag},1\n" for movie, tag in rows for user in range(9))
    movies = "movieId,title,genres\n" + "".join(f"{movie},Film {movie},Drama\n" for movie in (3, 4, 2, 1))
    table = read_table(SourceSettings(path="latest"), latest(tmp_path, tags=many, movies=movies).parent, "items")
    assert table.frame.select("item_id", "tags").rows() == [("3", ["a"]), ("4", None), ("2", ["a", "b"]), ("1", ["a", "b"])]


def test_that_what_is_not_read_is_named(tmp_path: Path) -> None:
    folder = latest(tmp_path, **{"genome-scores": "movieId,tagId,relevance\n2,1,0.5\n", "genome-tags": "tagId,tag\n1,x\n"})
    notes = read_table(SourceSettings(path="latest"), tmp_path, "items").notes
    assert any(note.endswith("'links.csv', 'genome-scores.csv', 'genome-tags.csv' beside it are not read") for note in notes)
    assert not any("not read" in note for note in read_table(SourceSettings(path="latest"), tmp_path, "events").notes)
    (folder / "tags.csv").unlink()
    assert "tags" not in read_table(SourceSettings(path="latest"), tmp_path, "items").frame.columns


def test_that_a_table_of_tags_that_is_none_is_left_alone(tmp_path: Path) -> None:
    latest(tmp_path, tags="name,colour\nx,red\n")
    table = read_table(SourceSettings(path="latest"), tmp_path, "items")
    assert "tags" not in table.frame.columns
    assert any("'tags.csv' beside it has no columns movieId and tag" in note for note in table.notes)


def test_that_tags_of_the_older_form_are_joined_too(tmp_path: Path) -> None:
    for name, text in (FILES["1m"] | {"tags.dat": "7::2::sweet::1\n7::3::odd::1\n"}).items():
        written(tmp_path, name, text.encode("latin1"))
    assert read_table(SourceSettings(path="."), tmp_path, "items").frame["tags"].to_list() == [["sweet"], ["odd"]]


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
