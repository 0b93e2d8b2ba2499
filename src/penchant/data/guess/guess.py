"""From the files of a folder to a first recipe: every guess with its reason."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl

from penchant.data.averages import mean, median
from penchant.data.defects.defect import DAY
from penchant.data.guess.features import feature_of, is_counter, is_long
from penchant.data.guess.files import Found, Roles, roles_of, tables_in
from penchant.data.guess.labels import Labels, labels_of
from penchant.data.guess.pictures import keyed_by, named_in
from penchant.data.guess.places import places_in
from penchant.data.guess.toml import key, toml
from penchant.data.guess.words import SCENARIOS, TIMES, TITLES, words
from penchant.schema.errors import DataError
from penchant.schema.expression import Expression
from penchant.schema.recipe import Recipe

Confidence = Literal["sure", "likely", "unsure"]
Features = dict[str, tuple[dict[str, Any], str]]
"""Name -> the feature's keys and why."""
_CLOCK = 1e8
_YEAR = 365 * DAY
_WARM = 0.5
_OFTEN = 0.1


@dataclass(frozen=True)
class GuessLine:
    """One guess: of what, which, why, and how far to trust it."""

    what: str
    guessed: str
    why: str
    confidence: Confidence


@dataclass(frozen=True)
class Guess:
    """A recipe's text, which `Recipe.parse` accepts, and the guesses it is made of in the order of the text."""

    recipe_text: str
    lines: list[GuessLine] = field(default_factory=list)


def guess(directory: Path) -> Guess:
    """A first recipe for the tables directly in a folder; reads at most two million rows of each.

    Args:
        directory: The folder; the recipe's paths are relative to it.

    Raises:
        DataError: when it is no folder, or no table in it names a user and an item.
    """
    if not directory.is_dir():
        raise DataError(f"folder '{directory}'", must="a folder with tables", came="none there", do="Give the folder with the event log.")
    roles = roles_of(tables_in(directory), directory)
    writer = _Writer(roles, directory)
    for part in (writer.data, writer.features, writer.scenario, writer.tasks, writer.history, writer.repeats, writer.split, writer.rest):
        part()
    text = "\n".join(writer.text).strip() + "\n"
    Recipe.parse(text, directory, "guessed recipe")
    return Guess(text, writer.lines)


class _Writer:
    """The recipe as it grows, part after part."""

    def __init__(self, roles: Roles, directory: Path) -> None:
        self.roles, self.directory = roles, directory
        self.events = roles.events.read(directory, "events").frame
        self.users = roles.users.read(directory, "users").frame if roles.users else None
        self.items = roles.items.read(directory, "items").frame if roles.items else None
        self.labels: Labels = labels_of(self.events)
        self.scenario_column = _scenario_column(self.events)
        self.clock = median(self.events["timestamp"]) >= _CLOCK
        self.text: list[str] = ["# Guessed from the files of this folder. Read it once: every line can be changed."]
        self.lines: list[GuessLine] = []

    def say(self, what: str, guessed: str, why: str, confidence: Confidence) -> None:
        self.lines.append(GuessLine(what, guessed, why, confidence))

    def heading(self, name: str, *comments: str) -> None:
        self.text += ["", *(f"# {comment}" for comment in comments), f"[{name}]"]

    def data(self) -> None:
        """The title, then a table per file."""
        title = None if self.items is None else _title(self.items)
        if title:
            self.heading("data")
            self.text.append(f"title = {toml(title)}  # shown to people")
            self.say("title", title, "the items' column of that name", "likely")
        several = bool(self.roles.sequences)
        self._source(self.roles.events, "[data.events]" if several else "data.events", "events", f"{self.roles.events.raw.height:,} rows")
        for one in self.roles.sequences:
            self._source(one, "[data.events]", "more events", one.why)
        for name, found in (("users", self.roles.users), ("items", self.roles.items)):
            if found:
                self._source(found, f"data.{name}", name, f"one row per {name[:-1]}, {found.raw.height:,} rows")
        for one in self.roles.unused:
            self.text += [
                "",
                f"# Not used: {_one_line(one.settings.path)} ({one.raw.height:,} rows: {_one_line(', '.join(one.raw.columns[:8]))})",
            ]
            self.say("not used", one.settings.path, "another table fits better, or it shares no ids", "unsure")

    def _source(self, found: Found, heading: str, what: str, why: str) -> None:
        self.heading(heading, _one_line(f"{what}: {found.why}"))
        settings = found.settings.model_dump(exclude_defaults=True)
        role: Literal["events", "users", "items"] = "users" if what == "users" else "items" if what == "items" else "events"
        renamed = {name: column for name, column in found.mapped(role).items() if name != column}
        if role != "events":
            renamed = {name: column for name, column in renamed.items() if name == f"{role[:-1]}_id"}
        self.text += [f"{name} = {toml(value)}" for name, value in (settings | ({"columns": renamed} if renamed else {})).items()]
        headless = found.settings.names is not None
        self.say(what, found.settings.path, f"{found.why}; {why}", "unsure" if headless and "column_2" in found.raw.columns else "sure")

    def features(self) -> None:
        """Features by owner; what is left out is said in comments."""
        self.text += ["", "# Features are known before the event. What an event brought (labels, play time) never is one."]
        users = pl.DataFrame() if self.users is None else self.users
        self._owner("user", users, {"user_id"}, self._beside("user", self.users) | self._counters())
        itself: Features = {"item_id": ({"kind": "category"}, "the item itself; one that is new is known by the rest")}
        items = pl.DataFrame() if self.items is None else self.items
        self._owner("item", items, {"item_id"}, itself | self._beside("item", self.items))
        outcomes = {*self.labels.columns, *self.labels.outcomes}
        self._owner("context", self.events, {"user_id", "item_id", "timestamp", *outcomes, self.scenario_column or ""}, self._hour())
        if outcomes:
            self.text.append(f"# left out, known only after the event: {_one_line(', '.join(sorted(outcomes)))}")

    def _hour(self) -> Features:
        """Hour and weekday where times are of a clock; the season where they cover a year."""
        times = self.events["timestamp"]
        if not self.clock:
            return {}
        covers = float(times.to_numpy().max()) - float(times.to_numpy().min())
        cycles = {} if covers >= _YEAR else {"cycles": ["hour", "weekday"]}
        return {"hour": ({"kind": "time", "column": "timestamp", **cycles}, f"times are of a clock and cover {covers / DAY:,.0f} days")}

    def _counters(self) -> Features:
        """How often the user acted, and how often with each outcome, where there are outcomes and times of a clock."""
        yes_or_no = {name: settings["label"] for name, settings in self.labels.tasks.items() if settings["kind"] == "binary"}
        if not (self.clock and yes_or_no):
            return {}
        counted: dict[str, Any] = {"kind": "counters", "windows": ["7d", "all"]}
        rates = {
            f"{name}_rate": (counted | {"of": label, "rate": True}, f"how often the user's past events had {label}")
            for name, label in yes_or_no.items()
        }
        return {"activity": (counted, "how many events the user had, in a week and ever, as of each moment")} | rates

    def _beside(self, owner: Literal["user", "item"], table: pl.DataFrame | None) -> Features:
        """Relations and pictures that lie beside the tables."""
        ids = self.events[f"{owner}_id"]
        found: Features = {}
        for one, relation in self.roles.relations:
            if relation.owner == owner:
                keys = relation.feature(one.settings.path, one.settings.separator)
                found[f"{Path(one.settings.path).stem}_graph"] = keys, f"relates {owner}s to {owner}s, {one.raw.height:,} times"
        return found | keyed_by(ids if table is None else pl.concat([ids, table[ids.name]]), self.directory)

    def _owner(self, owner: str, frame: pl.DataFrame, without: set[str], features: Features) -> None:
        places = {name: one for name, one in places_in(frame).items() if owner != "context" or self._are_context(frame, one[0]["columns"])}
        paired = {column for keys, _ in places.values() for column in keys["columns"]}
        taken = {*frame.columns} - without
        chosen = {f"{name}_beside" if name in taken else name: one for name, one in (features | places).items()}
        for name, (keys, why) in chosen.items():
            self.say(f"{owner} feature", f"{name}: {keys['kind']}", why, "likely")
        left_out: dict[str, list[str]] = {}
        for column in frame:
            if column.name in without | paired:
                continue
            keys, why = self._feature(owner, column)
            if keys:
                chosen[column.name] = keys, why
            else:
                left_out.setdefault(why, []).append(column.name)
            self.say(f"{owner} feature", f"{column.name}: {keys.get('kind', 'left out')}", why, "likely")
            if keys.get("kind") == "text" and is_long(column):
                chosen[f"{column.name}_topics"] = (
                    {"kind": "topics", "column": column.name},
                    "long texts have topics, which explain in words",
                )
        if chosen or left_out:
            self.heading(f"features.{owner}")
            self.text += [f"{key(name)} = {toml(keys)}  # {_one_line(why)}" for name, (keys, why) in chosen.items()]
            self.text += [f"# left out ({_one_line(why)}): {_one_line(', '.join(names))}" for why, names in left_out.items()]

    def _are_context(self, frame: pl.DataFrame, columns: list[str]) -> bool:
        return all(self._not_context(frame[column]) is None for column in columns)

    def _feature(self, owner: str, column: pl.Series) -> tuple[dict[str, Any], str]:
        if owner == "item" and is_counter(column):
            return {}, "it counts outcomes, perhaps of the future too"
        if owner == "context":
            reason = self._not_context(column)
            if reason:
                return {}, reason
        return named_in(column, self.directory) or feature_of(column)

    def _not_context(self, column: pl.Series) -> str | None:
        for name, table in (("users", self.users), ("items", self.items)):
            if table is not None and column.name in table.columns:
                return f"the {name} have it"
        if column.name == "timestamp_original" or TIMES & set(words(column.name)):
            return "another reading of the time"
        if column.n_unique() > 1 and _share_fixed_by("item_id", column, self.events) > 0.99:
            return "a property of the item; move it to the items' table to use it"
        return None

    def scenario(self) -> None:
        if self.scenario_column is None:
            return
        values = self.events[self.scenario_column].n_unique()
        self.heading("scenario", "One network serves all scenarios.")
        self.text.append(f"column = {toml(self.scenario_column)}  # {values} values")
        self.say("scenario", self.scenario_column, f"named like one, {values} values", "likely")

    def tasks(self) -> None:
        for name, settings in self.labels.tasks.items():
            self.heading(f"tasks.{key(name)}", _one_line(self.labels.why[name]))
            self.text += [f"{setting} = {toml(value)}" for setting, value in settings.items()]
            self.say(f"task {name}", settings.get("label", settings["kind"]), self.labels.why[name], "sure" if name == "next" else "likely")

    def history(self) -> None:
        self.heading("history", "How many past events are read, and what is known of each.")
        self.text.append("length = 50")
        told = dict.fromkeys(self.labels.columns, "what came of a past event")
        told |= {"event": "what was done"} if "event" in told else {}
        told |= {self.scenario_column: "where it was done"} if self.scenario_column else {}
        if told:
            self.heading("history.columns", "What is known of past events beside item and age.")
            self.text += [f"{key(name)} = {toml({'kind': 'category'})}  # {why}" for name, why in told.items()]

    def repeats(self) -> None:
        """People who come back to the same items are recommended them again."""
        chosen = self.labels.tasks["next"].get("positive_where")
        share = _share_repeated(self.events.filter(Expression(str(chosen)).polars()) if chosen else self.events)
        if share < _OFTEN:
            return
        why = f"{share:.0%} of the events come back to an item on another day."
        self.heading("network.repeats", why)
        self.text.append('kind = "counts"')
        self.heading("serving", "Items seen before are recommended again.")
        self.text.append("exclude_seen = false")
        self.say("repeats", "counted", why, "likely")

    def split(self) -> None:
        settings, why = _split(self.events, bool(self.roles.sequences))
        self.heading("split", why)
        self.text += [f"{name} = {toml(value)}" for name, value in settings.items()]
        self.say("split", settings["kind"], why, "likely")

    def rest(self) -> None:
        self.heading("training")
        self.text += ["epochs = 20  # at most; training stops early when validation stops improving", "seed = 0"]
        if self.labels.says:
            self.heading("serving.events", "What an incoming event says of the log's columns.")
            self.text += [f"{key(name)} = {toml(said)}" for name, said in self.labels.says.items()]


def _scenario_column(events: pl.DataFrame) -> str | None:
    fitting = (column.name for column in events if SCENARIOS & set(words(column.name)) and not column.dtype.is_nested())
    return next((name for name in fitting if 2 <= events[name].drop_nulls().n_unique() <= 50), None)


def _title(items: pl.DataFrame) -> str | None:
    named = {words(name)[-1]: name for name in reversed(items.columns) if words(name) and name != "item_id"}
    return next((named[word] for word in TITLES if word in named), None)


def _share_fixed_by(owner: str, column: pl.Series, events: pl.DataFrame) -> float:
    """Share of events whose owner has the same value in all its events, among owners with several."""
    table = events.select(owner, column.alias("value")).group_by(owner).agg(pl.len(), pl.col("value").n_unique().alias("different"))
    several = table.filter(pl.col("len") > 1)
    fixed = several.filter(pl.col("different") == 1)["len"].sum()
    return float(fixed) / float(several["len"].sum() or 1)


def _share_repeated(events: pl.DataFrame) -> float:
    """Share of events that come back to an item on another day; without a clock, at another place in the order."""
    day = DAY if median(events["timestamp"]) >= _CLOCK else 1.0
    visits = events.select("user_id", "item_id", (pl.col("timestamp") / day).floor()).unique()
    return 1 - visits.select("user_id", "item_id").n_unique() / max(visits.height, 1)


def _split(events: pl.DataFrame, several_sources: bool) -> tuple[dict[str, Any], str]:
    """By time where the newest events are still about users known before; else the newest of each user."""
    time = events["timestamp"]
    if median(time) < _CLOCK:
        return {"kind": "last", "valid": 0.1, "test": 0.1}, "There is no clock time, so the newest events of each user are held back."
    valid_from, test_from = (float(time.quantile(share) or 0) for share in (0.8, 0.9))
    known = events.filter(time < valid_from)["user_id"].unique()
    tested = events.filter(time >= test_from)["user_id"].unique()
    warm = mean(tested.is_in(known.implode()))
    if warm < _WARM:
        why = f"Only {warm:.0%} of the users in the newest tenth were there before, so the newest events of each user are held back."
        return {"kind": "last", "valid": 0.1, "test": 0.1}, why
    if several_sources:
        why = "Dates, because the sources cover different times; the last fifth of the main log is held back."
        return {"kind": "time", "valid_from": _iso(valid_from), "test_from": _iso(test_from)}, why
    return {"kind": "time", "valid": 0.1, "test": 0.1}, f"{warm:.0%} of the users in the newest tenth were there before."


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _one_line(text: str) -> str:
    """A text that cannot leave its comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
