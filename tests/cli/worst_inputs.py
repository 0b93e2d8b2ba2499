"""The worst inputs: how each is made, and what a person then reads. `python -m tests.cli.worst_inputs` writes docs/messages.md anew."""

import shutil
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


def label_2(recipe: Path) -> None:
    recipe.write_text(FAST.replace('label = "rating >= 4"', 'label = "liked"'), encoding="utf8")
    liked = (pl.col("rating") >= 4).cast(pl.Int64).alias("liked")
    small_data.film_events().with_columns(liked).with_columns(seventh("liked", 2)).write_csv(recipe.parent / "events.csv")


def item_twice(recipe: Path) -> None:
    pl.concat([small_data.films(), small_data.films().head(1)]).write_csv(recipe.parent / "films.csv")


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
    Case("Events in the future", events_with("timestamp", 4e9), ("check",), 0,
         ("events later than now", "future_times: left out 8 events", "8 of 720 rows", "[data.clean] future_times decides")),
    Case("An item twice in the items' table", item_twice, ("check",), 0,
         ("items that repeat an earlier row", "duplicates: left out 1 items", "1 of 31 rows", "[data.clean] duplicates decides")),
    Case("A file that is not there", lambda recipe: (recipe.parent / "events.csv").unlink(), ("train",), 3,
         ("file 'events.csv'", "a file", "nothing there", "Correct `path` in the recipe")),
    Case("Buckets and a threshold for rare values", daypart('"category", hash = 100, minimum_count = 2'), ("train",), 2,
         ("features, context.daypart", "without minimum_count", "hash and minimum_count", "Take minimum_count out, or hash.")),
    Case("A number cut into one bin", daypart('"number", encoding = "piecewise_linear", bins = 1'), ("train",), 2,
         ("features, context.daypart, key 'bins'", "greater than or equal to 2", "1", "Change it in the recipe.")),
    Case("Latitude and longitude the wrong way round", daypart('"place", tells = "distance", to = [151.2, -33.9]'), ("train",), 2,
         ("features, context.daypart", "within 90 degrees of latitude", "to = [151.2, -33.9]", "Latitude is first.")),
    Case("Vectors that are not there", daypart('"vector", file = "no-such-vectors.parquet"'), ("train",), 2,
         ("vectors 'no-such-vectors.parquet'", "a .parquet file", "no file there", "with the ids in vectors.txt")),
    Case("A rate of nothing", daypart('"counters", by = ["user_id"], rate = true'), ("train",), 2,
         ("features, context.daypart", "given 'of' when it has a rate", "rate = true alone", 'of = "is_like"')),
    Case("Counters of a candidate", daypart('"counters", by = ["item_id"]'), ("train",), 2,
         ("features, context.daypart", "before an item is chosen", "by item_id", "Count by user_id")),
    Case("A window nobody can read", daypart('"counters", by = ["user_id"], windows = ["a week"]'), ("train",), 2,
         ("features, context.daypart", "windows are as '90s'", "'a week'", "Write seconds, minutes, hours, days or weeks so.")),
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
