"""The worst inputs: how each is made, and what a person then reads. `python -m tests.cli.worst_inputs` writes docs/messages.md anew."""

import gzip
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tests import small_data
from tests.cli.given import FAST, Ran, penchant

PAGE = Path(__file__).resolve().parents[2] / "docs" / "messages.md"
INTRODUCTION = """# What Penchant says when something is wrong

Every message says which thing, what it must be, what was found, and what to do. Nothing ends in a traceback; the exit code
says what kind of mistake it was (2 recipe, 3 data, 4 target). These are the worst inputs as `penchant` answers them.
A test keeps this page true; `python -m tests.cli.worst_inputs` writes it anew.
"""


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        name: What is wrong.
        spoil: Makes a sound, trained folder bad; told the recipe's path.
        command: The command and its options, without the recipe.
        code: The exit code.
        said: What the message must name: the thing, what it must be, what came, what to do.
    """

    name: str
    spoil: Callable[[Path], object]
    command: tuple[str, ...]
    code: int
    said: tuple[str, str, str, str]

    def run(self, recipe: Path) -> Ran:
        """Spoil the folder of this recipe and run the command there."""
        self.spoil(recipe)
        name, *options = self.command
        return penchant(name, recipe, *options)

    def message(self, ran: Ran, recipe: Path) -> str:
        """What a person reads of it, with the folder left out."""
        told = [line for line in (ran.out + ran.err).splitlines() if line.startswith(("error", "  error", "  warning", "clean", "note"))]
        return "\n".join(told).replace(f"{recipe.parent}", "DIR")


def recipe_with(old: str, new: str) -> Callable[[Path], object]:
    """The recipe with one line changed."""
    return lambda recipe: recipe.write_text(FAST.replace(old, new), encoding="utf8")


def nothing(_: Path) -> None:
    """The folder is sound."""


def seventh(column: str, value: object) -> pl.Expr:
    """The column with another value in the seventh row of every hundred."""
    text = isinstance(value, str)
    kept = pl.col(column).cast(pl.String) if text else pl.col(column)
    return pl.when(pl.int_range(pl.len()) % 100 == 6).then(pl.lit(value)).otherwise(kept).alias(column)


def events_with(column: str, value: object) -> Callable[[Path], None]:
    """Events with a bad value here and there."""
    return lambda recipe: small_data.film_events().with_columns(seventh(column, value)).write_csv(recipe.parent / "events.csv")


def daypart(line: str) -> Callable[[Path], object]:
    """The recipe with another kind, and its keys, for the part of the day."""
    return recipe_with('context.daypart = { kind = "category" }', f"context.daypart = {{ kind = {line} }}")


def source(kind: str, line: str = "", rank_by: str = "") -> Callable[[Path], object]:
    """The recipe with a candidate source."""
    own = f'{rank_by}\n[serving.sources.neighbours]\nkind = "{kind}"\n{line}\n'
    return lambda recipe: recipe.write_text(FAST + own, encoding="utf8")


def label_2(recipe: Path) -> None:
    recipe.write_text(FAST.replace('label = "rating >= 4"', 'label = "liked"'), encoding="utf8")
    liked = (pl.col("rating") >= 4).cast(pl.Int64).alias("liked")
    small_data.film_events().with_columns(liked).with_columns(seventh("liked", 2)).write_csv(recipe.parent / "events.csv")


def item_twice(recipe: Path) -> None:
    pl.concat([small_data.films(), small_data.films().head(1)]).write_csv(recipe.parent / "films.csv")


def cleaning(*rules: str) -> Callable[[Path], object]:
    """The recipe with these rules."""
    return recipe_with("[features]\n", "[data.clean]\n" + "\n".join(rules) + "\n\n[features]\n")


def refused_id(recipe: Path) -> None:
    cleaning('missing_ids = "refuse"')(recipe)
    events_with("user_id", "")(recipe)


def capitals(recipe: Path) -> None:
    cleaning('ids = "casefold"')(recipe)
    events_with("item_id", "A1")(recipe)


EVENTS = 'events = { path = "events.csv" }'


def events_from(source: str) -> Callable[[Path], object]:
    """The recipe with its events elsewhere."""
    return recipe_with(EVENTS, f"events = {{ {source} }}")


def in_a_database(query: str) -> Callable[[Path], None]:
    """Events in a SQLite file, asked for like this."""

    def spoil(recipe: Path) -> None:
        with sqlite3.connect(recipe.parent / "shop.db") as database:
            database.execute("CREATE TABLE log (user_id, item_id)")
        database.close()
        events_from(f'url = "sqlite:///shop.db", query = "{query}"')(recipe)

    return spoil


def cut_short(recipe: Path) -> None:
    events_from('path = "events.csv.gz"')(recipe)
    whole = gzip.compress((recipe.parent / "events.csv").read_bytes())
    (recipe.parent / "events.csv.gz").write_bytes(whole[: len(whole) // 2])


def of_another_encoding(recipe: Path) -> None:
    films = (recipe.parent / "films.csv").read_text(encoding="utf8")
    (recipe.parent / "films.csv").write_bytes(films.replace("Beta 3", "Bêta 3").encode("latin1"))


def of_two_minds(recipe: Path) -> None:
    events_from('path = "log-*.parquet"')(recipe)
    small_data.film_events().write_parquet(recipe.parent / "log-1.parquet")
    small_data.film_events().with_columns(pl.concat_list("rating")).write_parquet(recipe.parent / "log-2.parquet")


def movielens_without_users(recipe: Path) -> None:
    recipe_with('users = { path = "users.csv" }', 'users = { path = "ml-latest" }')(recipe)
    folder = recipe.parent / "ml-latest"
    folder.mkdir()
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,2,3,4\n", encoding="utf8")
    (folder / "movies.csv").write_text("movieId,title,genres\n2,a,b\n", encoding="utf8")


def film_feature(line: str) -> Callable[[Path], object]:
    """The recipe with one more feature of the films."""
    return lambda recipe: recipe.write_text(FAST.replace("item.year", f"item.{line}\nitem.year", 1), encoding="utf8")


def folder_without_weights(recipe: Path) -> None:
    (recipe.parent / "model").mkdir()
    (recipe.parent / "model" / "config.json").write_text("{}", encoding="utf8")
    film_feature(f"words = {{ kind = 'text', column = 'title', model = '{recipe.parent / 'model'}' }}")(recipe)


def relations(line: str, table: str = "who,whom,times\na0,a1,1\na1,a2,0\n") -> Callable[[Path], None]:
    def spoil(recipe: Path) -> None:
        (recipe.parent / "alike.csv").write_text(table, encoding="utf8")
        path = recipe.parent / "alike.csv"
        film_feature(f"alike = {{ kind = 'graph', column = 'item_id', edges = {{ path = '{path}', {line} }} }}")(recipe)

    return spoil


def packed_log(recipe: Path) -> None:
    """A packed log in the home."""
    penchant("pack", recipe)


def packed_without(column: str) -> Callable[[Path], None]:
    """A log that was packed when the recipe did not yet speak of this column."""

    def spoil(recipe: Path) -> None:
        recipe.write_text(FAST.replace(f'context.{column} = {{ kind = "category" }}\n', ""), encoding="utf8")
        packed_log(recipe)
        recipe.write_text(FAST, encoding="utf8")

    return spoil


def packed_then(*rules: str) -> Callable[[Path], None]:
    """A packed log, and a recipe that has got these cleaning rules since."""

    def spoil(recipe: Path) -> None:
        packed_log(recipe)
        cleaning(*rules)(recipe)

    return spoil


def milliseconds_below(recipe: Path) -> None:
    """Two files, the second of which counts time in milliseconds."""
    events_from('path = "log-*.csv"')(recipe)
    events = small_data.film_events()
    events[:400].write_csv(recipe.parent / "log-1.csv")
    events[400:].with_columns(pl.col("timestamp") * 1000).write_csv(recipe.parent / "log-2.csv")


def split_in(*lines: str) -> Callable[[Path], object]:
    """The recipe with these lines in [split]."""
    return recipe_with("[network]\n", "[split]\n" + "\n".join(lines) + "\n\n[network]\n")


CASES = (
    Case("A column that is not there", recipe_with('"rating >= 4"', '"ratng >= 4"'), ("train",), 3,
         ("column 'ratng' of the events (asked for by [tasks.like])", "in the events", "rating, tab", "Did you mean 'rating'?")),
    Case("A label of 2 for a yes-or-no task", label_2, ("train",), 3,
         ("label 'liked' of task 'like'", "0 or 1", "2 in 5 of 576 rows", "kind = 'regression'")),
    Case("A user nobody knows", nothing, ("recommend", "--users", "nobody", "-k", "3"), 0,
         ("user 'nobody'", "in the log to be known", "1 of 1 users it does not hold", "get what suits everybody")),
    Case("No items asked for", nothing, ("recommend", "--users", "u1", "-k", "0"), 4,
         ("k", "a whole number from 1 to 30", "0", "Ask for at least one item.")),
    Case("A scenario without a name", nothing, ("recommend", "--users", "u1", "--scenario", ""), 4,
         ("scenario ''", "a scenario of the training data", "an empty name", "Known: home, search.")),
    Case("Text where numbers are needed", events_with("rating", "good"), ("train",), 3,
         ("expression 'rating >= 2'", "numbers or true/false", "texts such as 'good'", "Mend the values")),
    Case("A misspelling in the recipe", recipe_with("label = ", "lable = "), ("train",), 2,
         ("task 'like', key 'lable'", "a known key", "an unknown one", "Did you mean 'label'?")),
    Case("A candidate source of a kind that is not there", source("item_kn", rank_by="rank_by = { like = 1.0 }"), ("train",), 2,
         ("serving.sources.neighbours, kind", "a known kind", "'item_kn'", "Did you mean 'item_knn'?")),
    Case("A candidate source that proposes nothing", source("item_knn", "candidates = 0", "rank_by = { like = 1.0 }"), ("train",), 2,
         ("serving.sources.neighbours.candidates", "greater than or equal to 1", "0", "Change it in the recipe.")),
    Case("Candidate sources where retrieval alone decides the order", source("item_knn"), ("train",), 2,
         ("recipe.toml", "a task beside next_item", "'next' alone", "take the sources out")),
    Case("Events in the future", events_with("timestamp", 4e9), ("check",), 0,
         ("events later than now", "future_times: left out 8 events", "8 of 720 rows", "[data.clean] future_times decides")),
    Case("An item twice in the items' table", item_twice, ("check",), 0,
         ("items that repeat an earlier row", "duplicates: left out 1 items", "1 of 31 rows", "[data.clean] duplicates decides")),
    Case("A file that is not there", lambda recipe: (recipe.parent / "events.csv").unlink(), ("train",), 3,
         ("file 'events.csv'", "a file", "nothing there", "Correct `path` in the recipe")),
    Case("A pattern that fits no file", events_from('path = "logs/*.csv.gz"'), ("train",), 3,
         ("files 'logs/*.csv.gz'", "at least one file", "none that fits the pattern", "Correct `path` in the recipe")),
    Case("A packed file that was cut short", cut_short, ("train",), 3,
         ("file 'events.csv.gz'", "readable to its end", "ended before the end-of-stream", "that it is whole")),
    Case("Letters of another encoding", of_another_encoding, ("train",), 3,
         ("file 'films.csv'", "text in utf8", "byte 0xea in line 20", "latin1")),
    Case("Files that do not go together", of_two_minds, ("train",), 3,
         ("files 'log-*.parquet'", "alike in the columns they share", "types that do not go together", "Export them with the same types.")),
    Case("A folder without that table", movielens_without_users, ("train",), 3,
         ("users of folder 'ml-latest'", "in it", "only 'ratings.csv', 'movies.csv'", "Take `users` out of [data]")),
    Case("A database server that does not answer",
         events_from('url = "postgresql://ann:secret@127.0.0.1:1/shop", query = "select * from log"'), ("train",), 3,
         ("query at 'postgresql://127.0.0.1:1/shop'", "at a database that answers", "Connection refused", "Check that it runs")),
    Case("A query the database cannot answer", in_a_database("select * from lgo"), ("train",), 3,
         ("query at 'sqlite:///shop.db'", "SQL that this database can answer", "no such table: lgo", "Mend `query`")),
    Case("A query without rows", in_a_database("select * from log"), ("train",), 3,
         ("query at 'sqlite:///shop.db'", "with at least one row", "none", "Change `query`")),
    Case("A database file that is not there", events_from('url = "duckdb:///shop.duckdb", query = "select 1"'), ("train",), 3,
         ("query at 'duckdb:///shop.duckdb'", "at a database file", "nothing there", "Correct `url` in the recipe")),
    Case("A database nobody here can read", events_from('url = "klingon://ann:secret@host/shop", query = "select 1"'), ("train",), 3,
         ("query at 'klingon://host/shop'", "readable with an installed package", "no SQLAlchemy dialect for klingon", "Install it")),
    Case("A database without a query", events_from('url = "postgresql://ann:secret@host/shop"'), ("train",), 2,
         ("key 'data.events'", "with both url and query", "only url", "Add query.")),
    Case("A time zone that does not exist", events_from('path = "events.csv", time_zone = "Europe/Berlim"'), ("train",), 2,
         ("key 'data.events.time_zone'", "the name of a time zone", "'Europe/Berlim'", "Did you mean 'Europe/Berlin'?")),
    Case("A cleaning rule that does not exist", cleaning('duplicate = "keep_last"'), ("check",), 2,
         ("key 'data.clean.duplicate'", "one of the known keys", "an unknown key", "Did you mean 'duplicates'?")),
    Case("A cleaning rule with another word", cleaning('ids = "lowercase"'), ("check",), 2,
         ("key 'data.clean.ids'", "'keep', 'strip' or 'casefold'", "'lowercase'", "Change it in the recipe.")),
    Case("Cleaning rules that contradict one another", cleaning('conflicts = "drop"', 'duplicates = "keep_all"'), ("check",), 2,
         ("key 'data.clean'", "of one mind", "conflicts = 'drop' with duplicates = 'keep_all'", "take one of the two out")),
    Case("Limits that let nothing through", cleaning("limits.rating = { minimum = 5, maximum = 1 }"), ("check",), 2,
         ("key 'data.clean.limits.rating'", "minimum is not above maximum", "minimum 5 above maximum 1", "Swap them.")),
    Case("Limits of an id", cleaning("limits.item_id = { minimum = 0 }"), ("check",), 2,
         ("key 'data.clean'", "free of limits on ids and times", "limits.item_id", "`where`")),
    Case("Impossible values without limits", cleaning('impossible_values = "drop"'), ("check",), 2,
         ("key 'data.clean'", "given limits", "impossible_values = 'drop' without any", "limits.price = { minimum = 0 }")),
    Case("Limits of a column that is not there", cleaning("limits.ratng = { minimum = 1 }"), ("check",), 3,
         ("data.clean.limits.ratng", "of a column of the tables", "no column 'ratng'", "Did you mean 'rating'?")),
    Case("Limits of a column of words", cleaning("limits.tab = { minimum = 1 }"), ("check",), 3,
         ("data.clean.limits.tab", "of a column of numbers", "column 'tab' of the events, which is String", "Take the limit out")),
    Case("Nothing left after cleaning", cleaning("minimum_events_per_user = 1000"), ("check",), 3,
         ("events", "left after cleaning", "left out 720 events of users with fewer than 1,000", "Loosen the rules")),
    Case("Events without a user where that is refused", refused_id, ("check",), 3,
         ("events", "complete in user_id and item_id", "8 of 720 rows without user_id or item_id, first row 7", 'missing_ids = "drop"')),
    Case("Items in capitals here and there", capitals, ("check",), 0,
         ("events whose item_id differs", "written another way (such as 'A1')", "8 of 720 rows", "[data.clean] ids decides")),
    Case("Buckets and a threshold for rare values", daypart('"category", hash = 100, minimum_count = 2'), ("train",), 2,
         ("features, context.daypart", "without minimum_count", "hash and minimum_count", "Take minimum_count out, or hash.")),
    Case("A number cut into one bin", daypart('"number", encoding = "piecewise_linear", bins = 1'), ("train",), 2,
         ("features, context.daypart, key 'bins'", "greater than or equal to 2", "1", "Change it in the recipe.")),
    Case("Latitude and longitude the wrong way round", daypart('"place", tells = "distance", to = [151.2, -33.9]'), ("train",), 2,
         ("features, context.daypart", "within 90 degrees of latitude", "to = [151.2, -33.9]", "Latitude is first.")),
    Case("Vectors that are not there", daypart('"vector", file = "no-such-vectors.parquet"'), ("train",), 2,
         ("/no-such-vectors.parquet'", "a .parquet file", "no file there", "with the ids in vectors.txt")),
    Case("A rate of nothing", daypart('"counters", by = ["user_id"], rate = true'), ("train",), 2,
         ("features, context.daypart", "given 'of' when it has a rate", "rate = true alone", 'of = "is_like"')),
    Case("Counters of a candidate", daypart('"counters", by = ["item_id"]'), ("train",), 2,
         ("features, context.daypart", "before an item is chosen", "by item_id", "Write [features] item.daypart, which")),
    Case("A window nobody can read", daypart('"counters", by = ["user_id"], windows = ["a week"]'), ("train",), 2,
         ("features, context.daypart", "windows are as '90s'", "'a week'", "Write seconds, minutes, hours, days or weeks so.")),
    Case("A model folder without weights", folder_without_weights, ("train",), 2,
         ("language model", "a folder with a Hugging Face model", "a folder without model.safetensors (config.json)",
          "in safetensors form")),
    Case("A language model by no known name", film_feature("words = { kind = 'text', column = 'title', model = 'englisch' }"),
         ("train",), 2,
         ("language model 'englisch'", "one of english, multilingual", "no such folder, package or name", "Give the folder of a model")),
    Case("Images that are not there", film_feature("poster = { kind = 'image', column = 'item_id', path = '/posters' }"), ("train",), 3,
         ("images '/posters'", "a folder or a zip file", "nothing there", "Correct `path` of the feature")),
    Case("A file name without a place for the value",
         film_feature("poster = { kind = 'image', column = 'item_id', path = '.', pattern = 'a.jpg' }"),
         ("train",), 2, ("key 'pattern'", "a file name with {} where the value goes", "'a.jpg'", "For example '{}.jpg'.")),
    Case("Relations between columns that are not there", relations("from = 'who', to = 'wohm'"), ("train",), 2,
         ("column 'wohm' of the edges", "in '", "columns who, whom, times", "Did you mean 'whom'?")),
    Case("Relations that weigh nothing", relations("from = 'who', to = 'whom', weight = 'times'"), ("train",), 3,
         ("column 'times' of the edges", "positive numbers", "1 of 2 that are not, first at relation 2", "Leave such rows out")),
    Case("A packed log that is not there", nothing, ("train", "--packed"), 3,
         ("penchant/packed'", "the folder of a packed log", "a folder without log.json", "penchant pack RECIPE")),
    Case("A packed log that is there already", packed_log, ("pack",), 3,
         ("penchant/packed'", "free for a new packed log", "one that is there already", "--append FILE")),
    Case("A packed log without a column", packed_without("daypart"), ("train", "--packed"), 3,
         ("column 'daypart' of the events", "in the events", "columns item_id, rating, tab, timestamp, user_id", "Known: item_id")),
    Case("A cleaning rule that packing cannot follow", cleaning('ids = "casefold"'), ("pack",), 3,
         ("cleaning while packing", "row by row or user by user", "data.clean.ids = 'casefold'", "Take it out, or read the data whole.")),
    Case("A minimum for events that are appended", packed_then("minimum_events_per_user = 2"), ("pack", "--append", "day.csv"), 3,
         ("cleaning of events that are appended", "row by row or user by user", "minimum_events_per_user = 2", "Pack all events anew")),
    Case("Newer events that are not there", packed_log, ("pack", "--append", "no-such-day.csv"), 3,
         ("file 'no-such-day.csv'", "a file", "nothing there", "Correct `path`")),
    Case("Seconds in one file and milliseconds in the next", milliseconds_below, ("pack",), 3,
         ("numbers for times of files 'log-*.csv'", "of one unit", "first s, later ms", "Set time_unit")),
    Case("Folds that the recipe does not ask for", nothing, ("evaluate", "--folds"), 2,
         ("key 'split.folds'", "present for cross-validation", "nothing", "folds = 5")),
    Case("A way to fold without a number of folds", split_in('fold_by = "time"'), ("evaluate", "--folds"), 2,
         ("key 'split'", "with folds when it has fold_by", "only fold_by = 'time'", "folds = 5")),
    Case("More folds than users", split_in("folds = 61"), ("evaluate", "--folds"), 3,
         ("61 folds", "filled by as many users", "60", "Ask for fewer folds.")),
    Case("A graph without relations", film_feature("alike = { kind = 'graph', column = 'item_id' }"), ("train",), 2,
         ("key 'edges'", "present", "nothing", "Add it to the recipe.")),
)  # fmt: skip


def page(messages: list[tuple[Case, str]]) -> str:
    """`docs/messages.md`."""
    parts = [INTRODUCTION]
    for case, message in messages:
        name, *options = case.command
        shown = " ".join(option or "''" for option in options)
        parts.append(
            f"## {case.name}\n\n```\n$ penchant {name} DIR/recipe.toml {shown}".rstrip() + f"\n{message}\n```\nExit code {case.code}.\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sound = small_data.write_film_files(Path(folder) / "sound")
        penchant("train", sound)
        found = []
        for place, case in enumerate(CASES):
            recipe = Path(shutil.copytree(sound.parent, Path(folder) / str(place))) / sound.name
            found.append((case, case.message(case.run(recipe), recipe)))
    PAGE.write_text(page(found), encoding="utf8")
