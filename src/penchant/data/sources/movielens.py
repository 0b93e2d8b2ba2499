"""MovieLens as its authors give it: 100k (`u.data`), 1m and 10m (`ratings.dat`), 20m, 25m, 32m and latest (`ratings.csv`).

F. M. Harper and J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import polars as pl

from penchant.data.sources.delimited import as_utf8, read_delimited
from penchant.data.sources.formats import Format, Keep, SourceFile
from penchant.data.sources.layouts import Layout
from penchant.data.sources.names import Role, listed
from penchant.data.sources.separated import read_separated
from penchant.schema.errors import DataError

GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir",
    "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""In the order of the flags in `u.item`."""
_RATINGS = ("user_id", "item_id", "rating", "timestamp")
_NO_GENRES = "(no genres listed)"


def _as_it_is(lazy: pl.LazyFrame) -> pl.LazyFrame:
    return lazy


def _split_genres(lazy: pl.LazyFrame) -> pl.LazyFrame:
    none = pl.lit([], dtype=pl.List(pl.String))
    return lazy.with_columns(pl.when(pl.col("genres") == _NO_GENRES).then(none).otherwise(pl.col("genres").str.split("|")).alias("genres"))


def _flags_to_genres(lazy: pl.LazyFrame) -> pl.LazyFrame:
    named = [pl.when(pl.col(genre) == 1).then(pl.lit(genre)) for genre in GENRES]
    return lazy.with_columns(pl.concat_list(named).list.drop_nulls().alias("genres")).drop(*GENRES)


@dataclass(frozen=True)
class _Table:
    """How one of the files is read: its separator, its names when it has no header, its encoding, and what becomes of its genres."""

    separator: str
    names: tuple[str, ...] | None = None
    encoding: str = "utf8"
    genres: Callable[[pl.LazyFrame], pl.LazyFrame] = _as_it_is


_TABLES = {
    "u.data": _Table("\t", _RATINGS),
    "u.user": _Table("|", ("user_id", "age", "gender", "occupation", "zip_code")),
    "u.item": _Table("|", ("item_id", "title", "release_date", "video_release_date", "link", *GENRES), "latin1", _flags_to_genres),
    "ratings.dat": _Table("::", _RATINGS),
    "users.dat": _Table("::", ("user_id", "gender", "age", "occupation", "zip_code")),
    "movies.dat": _Table("::", ("item_id", "title", "genres"), "latin1", _split_genres),
    "ratings.csv": _Table(","),
    "movies.csv": _Table(",", genres=_split_genres),
    "tags.csv": _Table(","),
}
_LAYOUTS: tuple[dict[Role, str], ...] = (
    {"events": "u.data", "users": "u.user", "items": "u.item"},
    {"events": "ratings.dat", "users": "users.dat", "items": "movies.dat"},
    {"events": "ratings.csv", "items": "movies.csv"},
)


def names_of(file_name: str, width: int) -> tuple[str, ...] | None:
    """The columns of a MovieLens file without header; None for other files, or one of another width."""
    table = _TABLES.get(file_name.lower())
    return table.names if table and table.names and len(table.names) == width else None


def _files(names: Collection[str]) -> dict[Role, str]:
    for roles in _LAYOUTS:
        if {roles["events"], roles["items"]} <= set(names):
            return {role: name for role, name in roles.items() if name in names}
    return {}


def _read(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    table = _TABLES.get(file.name)
    if table is None:
        do = "Name one of them, or the folder."
        raise DataError(file.shown, must=f"one of MovieLens' tables {listed(_TABLES)}", came=f"'{file.path.name}'", do=do)
    own = file.settings.model_fields_set
    told = {"names": table.names, "separator": table.separator, "encoding": table.encoding}
    file = file.told(**{name: value for name, value in told.items() if name not in own})

    def with_genres(lazy: pl.LazyFrame) -> pl.LazyFrame:
        return keep(table.genres(lazy))

    if table.separator == "::":
        return read_separated(file, with_genres)
    # Titles hold quotes; only the later sets quote fields that need it.
    return read_delimited(file, as_utf8(file), table.separator, with_genres, quote='"' if table.names is None else None)


FORMATS = (Format("movielens", (), lambda file: 0.0, _read),)
LAYOUTS = (Layout("movielens", _files),)
