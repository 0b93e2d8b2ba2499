"""Pictures beside the tables: named by a column, or named by id in a folder or zip file."""

from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest

from penchant.data.guess.pictures import keyed_by, named_in

ITEMS = pl.Series("item_id", [f"i{n}" for n in range(10)])


def pictures(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_that_a_column_names_pictures_of_the_folder_or_of_one_within_it(tmp_path: Path) -> None:
    pictures(tmp_path, "img/a.jpg", "img/b.PNG")
    whole, inner = (named_in(pl.Series("picture", names), tmp_path) for names in (["img/a.jpg", "img/b.PNG", None], ["a.jpg", "b.PNG"]))
    assert whole is not None
    assert inner is not None
    assert whole[0] == {"kind": "image", "path": ".", "pattern": "{}"}
    assert inner[0] == {"kind": "image", "path": "img", "pattern": "{}"}


@pytest.mark.parametrize("names", [["x.jpg", "y.jpg", "a.jpg"], ["../secret.jpg"] * 2, ["a", "b"], ["a\0.jpg"], [1, 2], []])
def test_that_names_of_no_file_here_are_no_pictures(names: list[object], tmp_path: Path) -> None:
    folder = pictures(tmp_path / "here", "img/a.jpg", "a.txt")
    pictures(tmp_path, "secret.jpg")
    assert named_in(pl.Series("picture", names, strict=False), folder) is None


def test_that_folders_and_zip_files_of_pictures_by_id_are_found(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"posters/i{n}.png" for n in range(8)), "posters/other.png")
    with ZipFile(tmp_path / "covers.zip", "w") as packed:
        for n in range(5):
            packed.writestr(f"small/i{n}.jpg", b"")
    found = {name: keys for name, (keys, _) in keyed_by(ITEMS, tmp_path).items()}
    assert found == {
        "posters": {"kind": "image", "column": "item_id", "path": "posters", "pattern": "{}.png"},
        "covers": {"kind": "image", "column": "item_id", "path": "covers.zip", "pattern": "small/{}.jpg"},
    }


def test_that_pictures_of_users_say_so(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"avatars/{n}.png" for n in range(8)), *(f"posters/{n}.png" for n in range(8)))
    numbers = [str(n) for n in range(10)]
    assert list(keyed_by(pl.Series("user_id", numbers), tmp_path)) == ["avatars"]
    assert list(keyed_by(pl.Series("item_id", numbers), tmp_path)) == ["posters"]


def test_that_other_folders_and_broken_zip_files_are_passed_over(tmp_path: Path) -> None:
    pictures(tmp_path, "plots/a.png", "plots/i1.png", "plots/c.png", ".hidden/i1.png", ".hidden/i2.png", "texts/i1.txt", "texts/i2.txt")
    pictures(tmp_path, "empty.zip")
    assert keyed_by(ITEMS, tmp_path) == {}
