"""MovieLens as its authors give it: 100k (`u.data`), 1m and 10m (`ratings.dat`), 20m, 25m, 32m and latest (`ratings.csv`).

What people tagged the movies with is read along with these, as their column `tags`.

F. M. Harper and J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import polars as pl

from penchant.data.sources.delimited import as_utf8, read_delimited
from penchant.data.sources.formats import Format, Keep, SourceFile, open_file
from penchant.data.sources.layouts import Layout
from penchant.data.sources.names import Role, listed
from penchant.data.sources.separated import read_separated
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings

GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir",
    "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""In the order of the flags in `u.item`."""
_RATINGS = ("user_id", "item_id", "rating", "timestamp")
_NO_GENRES = "(no genres listed)"
_TAGS = {"movies.csv": "tags.csv", "movies.dat": "tags.dat"}
MOST_TAGS = 1000
"""Tags that are kept: those of the most movies. People wrote tens of thousands, most of them once."""
TAGS_EACH = 10
_NOT_READ = ("links.csv", "genome-scores.csv", "genome-tags.csv")


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
    "tags.dat": _Table("::", ("user_id", "item_id", "tag", "timestamp")),
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

    tags, told_of_others = _beside(file)

    def whole(lazy: pl.LazyFrame) -> pl.LazyFrame:
        return keep(_with_tags(table.genres(lazy), tags))

    if table.separator == "::":
        frame, notes = read_separated(file, whole)
    else:
        # Titles hold quotes; only the later sets quote fields that need it.
        frame, notes = read_delimited(file, as_utf8(file), table.separator, whole, quote='"' if table.names is None else None)
    return frame, [*notes, *told_of_others]


def _beside(file: SourceFile) -> tuple[pl.LazyFrame | None, list[str]]:
    """Of movies, the tags that lie beside them (`item_id`, `tags`), and notes on these and on what is not read."""
    folder, name = file.path.parent, _TAGS.get(file.name)
    if name is None:
        return None, []
    ignored = [other for other in _NOT_READ if (folder / other).is_file()]
    notes = [f"{file.shown}: {listed(ignored)} beside it are not read"] if ignored else []
    if not (folder / name).is_file():
        return None, notes
    applied, _ = open_file(SourceSettings(path=name, format="movielens"), folder).read(_as_it_is)
    key = _key(applied.columns)
    if key is None or "tag" not in applied.columns:
        return None, [f"{file.shown}: '{name}' beside it has no columns movieId and tag and is not read", *notes]
    told = f"{applied.height:,} tags, whenever they were given, were joined as the column 'tags': of each item the {TAGS_EACH} commonest"
    commonest = _commonest(applied.select(pl.col(key).cast(pl.String).alias("item_id"), "tag"))
    return commonest.lazy(), [f"{file.shown}: {told} of the {MOST_TAGS:,} that most items have", *notes]


def _key(columns: Iterable[str]) -> str | None:
    return next((name for name in columns if name in ("movieId", "item_id")), None)


def _commonest(applied: pl.DataFrame) -> pl.DataFrame:
    """`item_id` and its `tags`, those that most people gave it first; case and outer spaces do not tell tags apart."""
    tags = applied.drop_nulls().with_columns(pl.col("tag").cast(pl.String).str.strip_chars().str.to_lowercase()).filter(pl.col("tag") != "")
    counts = tags.group_by("item_id", "tag").len("people")
    kept = counts.group_by("tag").len("items").sort("items", "tag", descending=[True, False]).head(MOST_TAGS)
    ordered = counts.join(kept, on="tag").sort("item_id", "people", "items", "tag", descending=[False, True, True, False])
    return ordered.group_by("item_id", maintain_order=True).agg(pl.col("tag").head(TAGS_EACH).alias("tags"))


def _with_tags(lazy: pl.LazyFrame, tags: pl.LazyFrame | None) -> pl.LazyFrame:
    key = _key(lazy.collect_schema().names())
    if tags is None or key is None:
        return lazy
    return lazy.join(tags.rename({"item_id": key}), on=key, how="left", maintain_order="left")


FORMATS = (Format("movielens", (), lambda file: 0.0, _read),)
LAYOUTS = (Layout("movielens", _files, frozenset({*_TAGS.values(), *_NOT_READ})),)
