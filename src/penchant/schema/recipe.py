"""The recipe: what the data mean, what is to be learnt, and how it is served.

A recipe is a TOML file or the same classes in Python. Unknown keys are refused with the nearest known one.
Parts that own their settings (a feature kind, a task kind, a network part) are named here by `kind` and keep
the rest of their keys unread; the part itself checks them.
"""

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Secret,
    field_validator,
    model_validator,
)

from penchant.schema.errors import RecipeError, TargetError, did_you_mean
from penchant.schema.expression import Expression
from penchant.schema.settings import ContradictionError, S, Settings, read_settings
from penchant.schema.space import Range

COUNTERS = "counters"
"""The feature kind that reads the events before, where others read columns of the present one."""


def _expression(value: Any) -> Any:
    if isinstance(value, str):
        try:
            Expression(value)
        except RecipeError as error:
            raise ContradictionError(error.must, f"'{value[:200]}', with {error.came}", error.do) from None
    return value


ExpressionText = Annotated[str, BeforeValidator(_expression)]


class Part(BaseModel):
    """A part chosen by `kind`; its other keys belong to the part, which checks them."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    kind: str

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that belong to the part itself."""
        return dict(self.__pydantic_extra__ or {})

    def read(self, kind: type[S], where: str) -> S:
        """This part's own keys as `kind`, or a `RecipeError` that names `where` and the nearest known key."""
        for name in sorted(self.settings.keys() - kind.model_fields.keys()):
            known = {*type(self).model_fields, *kind.model_fields}  # a key of every such part may be what was misspelt
            raise RecipeError(f"{where}, key '{name}'", must="a known key", came="an unknown one", do=did_you_mean(name, known))
        return read_settings(kind, self.settings, where)


class LimitSettings(Settings):
    """The values a column of numbers may have; a bound that is absent does not bind."""

    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ContradictionError("given a minimum or a maximum", "neither", "Write { minimum = 0 } for amounts.")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            came = f"minimum {self.minimum:g} above maximum {self.maximum:g}"
            raise ContradictionError("such that minimum is not above maximum", came, "Swap them.")
        return self


_URL = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]*)://([^/?#]*@)?(?P<host>[\w.-]*|\[[0-9A-Fa-f:.]+\])(?P<port>:\d+)?(?P<path>/[^@?#]*)?(\?[^@]*)?"
)


def public_url(url: str) -> str:
    """A database's URL without user, password and options; of one that is not well formed only the scheme.

    >>> public_url("postgresql://ann:secret@host:5432/shop?sslpassword=x"), public_url("mysql://ann:a/b@host/shop")
    ('postgresql://host:5432/shop', 'mysql://...')
    """
    found = _URL.fullmatch(url)
    if found:
        return f"{found['scheme']}://{found['host']}{found['port'] or ''}{found['path'] or ''}"
    scheme, mark, _ = url.partition("://")
    return f"{scheme}://..." if mark and scheme.replace("+", "").isalnum() else "..."


class DatabaseURL(Secret[str]):
    """A database's URL; shown and written out, in a bundle too, without credentials."""

    def _display(self) -> str:
        return public_url(self.get_secret_value())


class SourceSettings(Settings):
    """Where a table lies and how it is read: a `path`, or a `url` with a `query`."""

    path: str = ""
    """A file, a pattern of files (`logs/*.csv.gz`) or a folder, relative to the recipe."""
    url: DatabaseURL | None = None
    """A database, as in SQLAlchemy: `sqlite:///shop.db`, `duckdb:///shop.db`, `postgresql://host/shop`. Written out without credentials."""
    query: str | None = None
    """The SQL that gives the table; the database is only read."""
    format: Literal["csv", "tsv", "parquet", "jsonl", "separated", "recbole", "movielens", "personalize", "gorse"] | None = None
    """Guessed from the name and the first line when absent. `separated`: a text separator such as `::`, no header."""
    separator: str | None = None
    names: tuple[str, ...] | None = None
    """Column names, for files without a header."""
    columns: dict[str, str] = Field({})
    """Canonical name (`user_id`, `item_id`, `timestamp`, `event`, `value`) = the file's column."""
    encoding: str = "utf8"
    decimal: Literal[".", ","] | None = None
    """The decimal mark of numbers in text tables; when absent a point, or a comma where the separator is `;` and the numbers show one."""
    where: ExpressionText | None = None
    """Rows to read; all when absent."""
    item_list_apart: float = Field(0.0, ge=0)
    """With `item_list`: seconds between two items of a list, the last of which stands at the row's time, so that each can be
    learnt from those before it; with 0 all are of one moment."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of a numeric timestamp; guessed from its size when absent."""
    time_zone: str | None = None
    """Zone of times that name none (`Europe/Berlin`); UTC when absent."""
    item_list: str | None = None
    """A column that holds a list of items in time order: one event is made of each, all at the row's time.

    An item that stands in a list twice is a duplicate event, one moment with one item; keep both with `clean.duplicates = "keep_all"`.
    """
    item_list_marks: dict[str, str] = Field({})
    """With `item_list`: column = another column of lists of the row (`liked = "like_seq"`); 1 for items that stand there too, else 0."""

    @property
    def shown(self) -> str:
        """What is read, as errors and notes name it: without credentials."""
        return f"file '{self.path}'" if self.url is None else f"query at '{self.url}'"

    @model_validator(mode="before")
    @classmethod
    def _some_place(cls, given: Any) -> Any:
        if isinstance(given, str) and "://" in given:  # the usual message would show it, and its password
            do = 'For example { url = "postgresql://host/shop", query = "select ..." }.'
            raise ContradictionError("a table of keys", "a bare URL", do)
        return given | {"path": None} if isinstance(given, dict) and not {"path", "url"} & given.keys() else given

    @field_validator("path", mode="before")
    @classmethod
    def _given(cls, path: Any) -> Any:
        if path is None:
            raise ContradictionError("given, or a url with a query", "neither", 'For example { path = "events.csv" }.')
        return path

    @field_validator("url", mode="before")
    @classmethod
    def _a_text(cls, url: Any) -> Any:
        if not isinstance(url, str | DatabaseURL | None):
            raise ContradictionError("text", f"a value of type {type(url).__name__}", 'For example "postgresql://host/shop".')
        return url

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        known = available_timezones()
        if zone is not None and known and zone not in known:
            near = get_close_matches(zone, known, n=1)
            raise ContradictionError(
                "the name of a time zone", f"'{zone}'", f"Did you mean '{near[0]}'?" if near else "For example 'Europe/Berlin'."
            )
        return zone

    @model_validator(mode="after")
    def _marks_of_a_list(self) -> Self:
        for name in ("item_list_marks", "item_list_apart"):
            if getattr(self, name) and self.item_list is None:
                do = 'Name the column of lists whose items become events: item_list = "seen".'
                raise ContradictionError(f"with item_list when it has {name}", f"{name} alone", do)
        return self

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.path) == (self.url is not None):
            came = "both" if self.path else "an empty path"
            raise ContradictionError("with either a path or a url", came, 'For example { path = "events.csv" }.')
        if (self.url is None) != (self.query is None):
            present, absent = ("query", "url") if self.url is None else ("url", "query")
            raise ContradictionError("with both url and query, or with neither", f"only {present}", f"Add {absent}.")
        return self


class CleanSettings(Settings):
    """What is done with defects; every rule that changes rows says so in the report.

    The rules are applied in the order of the keys. Rows that are left out are kept with their reason and their number.
    """

    ids: Literal["keep", "strip", "casefold"] = "keep"
    """Spelling of ids in every table. `strip`: one Unicode form, no outer, no invisible space; `casefold`: lower case too."""
    stand_ins: Literal["keep", "missing"] = "keep"
    """Words for missing ("unknown", "N/A", an id "null") and dates that stand for none (1970-01-01) become missing."""
    spellings: Literal["keep", "commonest"] = "keep"
    """Values of a text column that differ only by case, space or Unicode form become the one most rows have."""
    limits: dict[str, LimitSettings] = Field({})
    """Column = the values it may have; others are impossible."""
    impossible_values: Literal["missing", "drop", "refuse"] = "missing"
    """What becomes of values outside `limits`."""
    time_units: Literal["keep", "mend"] = "keep"
    """Times that lie among the others when read in another unit (seconds among milliseconds) are read so."""
    missing_ids: Literal["drop", "refuse"] = "drop"
    missing_time: Literal["drop", "refuse"] = "drop"
    early_times: Literal["drop", "keep", "refuse"] = "keep"
    """Clock times before 1980."""
    future_times: Literal["drop", "keep", "refuse"] = "drop"
    bots: Literal["drop", "keep"] = "keep"
    """Events of users faster than people, without sleep, or with one item only."""
    unknown_users: Literal["drop", "keep"] = "keep"
    """Events of users that the table of users lacks."""
    unknown_items: Literal["drop", "keep"] = "keep"
    conflicts: Literal["drop", "keep"] = "keep"
    """Events that agree in what `duplicates` compares and differ in another column: `drop` believes none of them."""
    duplicates: Literal["keep_last", "keep_first", "keep_all"] = "keep_last"
    """Events with the same user, item, timestamp and kind (`event`, where there is such a column); users or items with the same id.

    Last and first are places in the table, and in an `item_list` places in the list. Users and items never keep all.
    """
    minimum_events_per_user: int = Field(1, ge=1)
    minimum_events_per_item: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        for name in ("user_id", "item_id", "timestamp"):
            if name in self.limits:
                do = "Use future_times and early_times." if name == "timestamp" else "Choose rows with the source's `where`."
                raise ContradictionError("free of limits on ids and times", f"limits.{name}", do)
        if self.impossible_values != "missing" and not self.limits:
            came = f"impossible_values = '{self.impossible_values}' without any"
            raise ContradictionError("given limits, which say what is impossible", came, "For example: limits.price = { minimum = 0 }")
        if self.conflicts == "drop" and self.duplicates == "keep_all":
            came = "conflicts = 'drop' with duplicates = 'keep_all'"
            do = "keep_all says that each is an event of its own: take one of the two out."
            raise ContradictionError("of one mind about events of the same user, item and time", came, do)
        return self


class DataSettings(Settings):
    """The tables."""

    events: SourceSettings | tuple[SourceSettings, ...]
    users: SourceSettings | None = None
    items: SourceSettings | None = None
    title: str | None = None
    """The item column shown to people."""
    clean: CleanSettings = CleanSettings()


class FeaturePart(Part):
    """One feature: its kind, the column it reads (its own name when absent) and the kind's settings."""

    column: str | None = None
    columns: tuple[str, ...] | None = None
    """Several columns read together, for kinds that join them (text)."""

    def reads(self, name: str) -> tuple[str, ...]:
        """The columns this feature reads, given its name; counters read what they count, by what, and when."""
        if self.kind == COUNTERS:
            return (*self.asks(name), *sorted(self._counted() - {*self.asks(name)}))
        return self.columns or (self.column or name,)

    def asks(self, name: str) -> tuple[str, ...]:
        """Those of them that must be known when something is asked: never what is counted."""
        by = self.settings.get("by")
        if self.kind != COUNTERS:
            return self.reads(name)
        return (*(column for column in (by if isinstance(by, list | tuple) else ()) if isinstance(column, str)), "timestamp")

    def _counted(self) -> frozenset[str]:
        counted = self.settings.get("of")
        return Expression(counted).columns if isinstance(counted, str) else frozenset()


class FeaturesSettings(Settings):
    """Features by owner. `item_id` and `user_id` are columns like any other.

    Counters change with every event. Those of a user are kept among the circumstances, as `context."user.<name>"`; those of
    an item are asked of each candidate as of the moment, for ranking alone, and are kept as `candidate.<name>`.
    """

    user: dict[str, FeaturePart] = Field({})
    item: dict[str, FeaturePart] = Field({"item_id": FeaturePart(kind="category")})
    context: dict[str, FeaturePart] = Field({})
    candidate: dict[str, FeaturePart] = Field({})

    @property
    def item_columns(self) -> frozenset[str]:
        """What candidates may be counted by: their id and the columns that features of items read; they are the items' table's."""
        return frozenset({"item_id"} | {column for name, part in self.item.items() for column in part.reads(name)})

    @property
    def candidate_moment(self) -> frozenset[str]:
        """What must be known beside the item when candidates are asked about; nothing where they are not counted."""
        return frozenset().union(*(part.asks(name) for name, part in self.candidate.items())) - self.item_columns

    @property
    def counted_columns(self) -> frozenset[str]:
        """Columns of events that counters of candidates read."""
        counted = ({*part.reads(name)} - {*part.asks(name)} for name, part in self.candidate.items())
        return self.candidate_moment.union(*counted)

    @model_validator(mode="before")
    @classmethod
    def _counters_go_with_the_event(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not all(isinstance(raw.get(owner, {}), dict) for owner in cls.model_fields):
            return raw
        return _moved(_moved(raw, "user", "context", "user."), "item", "candidate", "")


def _moved(raw: dict[str, Any], owner: str, to: str, prefix: str) -> dict[str, Any]:
    """The same features with the owner's counters kept elsewhere, by the owner's id unless they say by what."""
    counters = {name: part for name, part in raw.get(owner, {}).items() if _kind(part) == COUNTERS}
    if not counters:
        return raw
    stay = {name: part for name, part in raw[owner].items() if name not in counters}
    told = {prefix + name: {"by": [f"{owner}_id"]} | _keys(part) for name, part in counters.items()}
    kept = {key: value for key, value in raw.items() if key != owner} | ({owner: stay} if stay else {})
    return kept | {to: {**raw.get(to, {}), **told}}


def _kind(part: Any) -> Any:
    return part.get("kind") if isinstance(part, dict) else getattr(part, "kind", None)


def _keys(part: Any) -> dict[str, Any]:
    keys: dict[str, Any] = part.model_dump() if isinstance(part, FeaturePart) else part
    return keys


class ScenarioSettings(Settings):
    """What makes a scenario: one column, or several and the clock, each a *factor*; absent = one scenario.

    Every factor has weights of its own, so that a combination never seen is made of values that were.
    """

    column: str | None = None
    """The only one that names the scenario."""
    columns: tuple[str, ...] = ()
    """Several that do together, for example ["device", "tab"]."""
    buckets: dict[Literal["hour", "weekday", "month"], Annotated[int, Field(ge=2, le=366)]] = Field({})
    """The clock as a factor: `{ hour = 4 }` cuts the day into four equal parts, weekday the week, month the year."""
    hours_from_utc: float = Field(0.0, ge=-14, le=14)
    """Whose clock that is."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if self.column is not None and self.columns:
            do = f'For example columns = ["{self.column}", "{self.columns[0]}"].'
            raise ContradictionError("given a column or columns", "both", do)
        twice = next((name for name in self.named if self.named.count(name) > 1 or name in self.buckets), None)
        if twice is not None:
            raise ContradictionError("made of factors with names of their own", f"'{twice}' twice", "Take one out.")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The columns whose values name the scenario."""
        return self.columns if self.column is None else (self.column,)

    @property
    def parts(self) -> dict[str, FeaturePart]:
        """The feature that reads each factor."""
        clock = {"kind": "period", "column": "timestamp", "hours_from_utc": self.hours_from_utc}
        read = {name: FeaturePart.model_validate(clock | {"cycle": name, "parts": parts}) for name, parts in self.buckets.items()}
        return {name: FeaturePart(kind="category") for name in self.named} | read

    def values(self, scenario: str | Mapping[str, Any] | None) -> dict[str, Any]:
        """What a scenario says of the columns that name it; nothing where none is named or the recipe has one scenario.

        Args:
            scenario: The column's value; of several columns `{column: value}` or a text such as "device=phone, tab=1".

        Raises:
            TargetError: for a column that does not name scenarios, or a text that names none of several.
        """
        if scenario is None or not self.named:
            return {}
        if isinstance(scenario, str):
            scenario = {self.named[0]: scenario} if len(self.named) == 1 else self._told(scenario)
        for name in scenario:
            if name not in self.named:
                must = "a column that names scenarios"
                raise TargetError(f"scenario, column '{name}'", must=must, came="another name", do=did_you_mean(name, self.named))
        return dict(scenario)

    def _told(self, text: str) -> dict[str, str]:
        pairs = [part.partition("=") for part in text.split(",")]
        if not all(sign for _, sign, _ in pairs):
            example = ", ".join(f"{name}=..." for name in self.named)
            must = f"of the form '{example}'"
            raise TargetError(f"scenario '{text[:200]}'", must=must, came="a part without '='", do="Name the columns that matter.")
        return {name.strip(): value.strip() for name, _, value in pairs}

    def name(self, values: Mapping[str, Any]) -> str | None:
        """What the scenario with these column values is called: the only column's value, else "device=phone, tab=1"; None without any."""
        told = {name: values[name] for name in self.named if values.get(name) is not None}
        if len(self.named) == 1:
            return next((str(value) for value in told.values()), None)
        return ", ".join(f"{name}={value}" for name, value in told.items()) or None


class TaskPart(Part):
    """One task: its kind, what is predicted, on which rows, how much it weighs."""

    label: ExpressionText | None = None
    """A column or an expression over an event's columns."""
    only_where: ExpressionText | None = None
    """The rows the task is taught and judged on; all when absent."""
    positive_where: ExpressionText | None = None
    """With next_item and pairwise: the events that were wanted; all when absent."""
    censored: ExpressionText | None = None
    """With duration: where the amount is only a lower bound, because the end was not seen; nowhere when absent."""
    after: str | None = None
    """With binary: the binary task that comes first (a like after a click); p(task) = p(after) · p(task | after)."""
    funnel: Literal["whole_space", "masked"] | None = None
    """With `after`: `whole_space` learns the product from all rows, `masked` the second factor where the step before was taken.

    Either predicts the product; `whole_space` when absent.
    """
    weight: float = Field(1.0, ge=0)
    share: float = Field(1.0, gt=0, le=1)
    """Of the training rows with a label, the part that is learnt from, drawn by the seed; tasks with the same share have the same
    rows. For a task with many times the labels of the others. Nothing for next_item and relation, which draw by themselves."""

    @property
    def expressions(self) -> tuple[str, ...]:
        """What it reads of an event's columns."""
        return tuple(text for text in (self.label, self.only_where, self.positive_where, self.censored) if text is not None)

    @model_validator(mode="after")
    def _censored_durations(self) -> Self:
        if self.censored is not None and self.kind != "duration":
            raise ContradictionError("of kind 'duration' when it has censored", f"kind = '{self.kind}'", "Take censored out.")
        return self

    @model_validator(mode="after")
    def _steps_of_yes_or_no(self) -> Self:
        if self.funnel is not None and self.after is None:
            do = f'For example: after = "click", funnel = "{self.funnel}"'
            raise ContradictionError("given the task it stands after when it has a funnel", f"only funnel = '{self.funnel}'", do)
        if self.after is not None and self.kind != "binary":
            raise ContradictionError("of kind 'binary' when it stands after another", f"kind = '{self.kind}'", "Use only_where.")
        return self


class HistorySettings(Settings):
    """Which events enter a history, how many, and what is known of each."""

    length: int = Field(50, ge=1, le=1000)
    where: ExpressionText | None = None
    columns: dict[str, FeaturePart] = Field({})
    """Columns of past events (their outcomes too); never of the present one."""

    @field_validator("columns")
    @classmethod
    def _nothing_counted(cls, columns: dict[str, FeaturePart]) -> dict[str, FeaturePart]:
        """A count as of each past event would change behind it with every event that comes late, after the history was told it."""
        counted = next((name for name, part in columns.items() if part.kind == COUNTERS), None)
        if counted is not None:
            do = f"Count up to the moment of asking: move it to [features], as user.{counted}, or as context.{counted} with `by`."
            raise ContradictionError("columns of the past events themselves", f"counters ({counted}), which count such events", do)
        return columns


class NetworkSettings(Settings):
    """The flagship network. Each part names a kind; its other keys are the part's settings."""

    width: int = Field(64, ge=8, le=1024)
    dropout: float = Field(0.2, ge=0, lt=1)
    item: Part = Part(kind="content_and_id")
    history: Part = Part(kind="transformer")
    context: Part = Part(kind="point")
    candidate: Part = Part(kind="cross_attention")
    interaction: Part = Part(kind="concat")
    scenario: Part = Part(kind="gates")
    experts: Part = Part(kind="mmoe")
    tower: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Sizes of each task's own layers between the experts and the head; none when empty."""
    activation: Literal["gelu", "relu"] = "gelu"
    """Between the layers of experts that are given as a list, and of towers."""
    repeats: Part = Part(kind="none")
    numbers: bool = False
    """Whether the experts also read the numbers among the features as they are, beside their embeddings."""
    members: int = Field(1, ge=1, le=64)
    """Answers of the ranking path that are learnt apart and averaged; they share all but a few weights."""


class SplitSettings(Settings):
    """How events are divided. `time`: the newest events of all; `last`: the newest of each user; `ratio`: events drawn at random;
    `cold_user`, `cold_item`, `cold_both`: users, items or pairs of both that nothing is learnt from."""

    kind: Literal["time", "last", "ratio", "cold_user", "cold_item", "cold_both"] = "time"
    valid: float = Field(0.1, ge=0, lt=1)
    """Share of the events; with a cold kind, of the users, of the items, or of each."""
    test: float = Field(0.1, ge=0, lt=1)
    seed: int = Field(0, ge=0, lt=2**31)
    """Of the drawing, for the kinds that draw."""
    valid_from: str | None = None
    """With `time`: ISO date or time (or, with `column`, the column's value) where validation begins; replaces the fractions."""
    test_from: str | None = None
    column: str | None = None
    """With `time`: a numeric event column that tells the period (a date as 20220504) in place of the timestamp."""
    folds: int | None = Field(None, ge=2, le=100)
    """Parts of a cross-validation (`penchant evaluate --folds`), each judged by what was learnt without it. `kind`, `valid` and `seed`
    choose the validation part from what is learnt from; dates and `test` do not count."""
    fold_by: Literal["user", "record", "time"] = "user"
    """What a fold is made of: users, drawn; events, drawn; or blocks of time, each judged by what came before it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.valid + self.test >= 1:
            raise ContradictionError("such that valid + test is below 1", f"{self.valid:g} + {self.test:g}", "Leave something to train on.")
        if (self.valid_from is None) != (self.test_from is None):
            present, absent = ("valid_from", "test_from") if self.valid_from else ("test_from", "valid_from")
            raise ContradictionError("with both valid_from and test_from, or with neither", f"only {present}", f"Add {absent}.")
        if self.kind != "time" and self.valid_from:
            do = "Use kind = 'time', or take the dates out."
            raise ContradictionError(f"free of dates when kind is '{self.kind}'", f"valid_from = '{self.valid_from}'", do)
        if self.column and not self.valid_from:
            raise ContradictionError("with valid_from and test_from when it has a column", f"only column = '{self.column}'", "Add both.")
        if self.fold_by != "user" and self.folds is None:
            raise ContradictionError("with folds when it has fold_by", f"only fold_by = '{self.fold_by}'", "For example: folds = 5")
        return self


class TrainingSettings(Settings):
    """The training loop."""

    epochs: int = Field(20, ge=1)
    seconds: float | None = Field(None, gt=0)
    """Stop after so long, whatever the epoch."""
    batch_events: int = Field(4096, ge=16)
    """Events (positions of histories) per batch."""
    negatives: int = Field(1024, ge=1)
    """Sampled items per batch of a next_item task."""
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of the planned steps over which the learning rate rises."""
    average: float = Field(0.0, ge=0, lt=1)
    """How much of the past a running mean of the weights keeps in each step; the mean is what is validated and kept. .998 = about the
    last 500 steps; 0 = the weights as they are."""
    patience: int = Field(3, ge=1)
    """Validations without improvement before stopping."""
    watch: str | None = None
    """Metric of the validation part that decides, as `task.metric` ("next.ndcg@10", "click.auc"); first task when absent."""
    calibrate: bool = False
    """Fit two numbers per binary task and scenario on the validation part, so that of what is said to happen three times in ten three in
    ten do. For whoever reads the chances themselves, or adds tasks up by `serving.rank_by`; the order by one task stays as it is."""
    balance: Part = Part(kind="fixed")
    """How the losses of several tasks become one step. `fixed`: the tasks' weights; `equal`: 1 each, whatever they are."""
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = Field(0, ge=0, lt=2**31)


class SourcePart(Part):
    """A classic model that proposes items for the network to rank; its settings are the other keys."""

    candidates: int = Field(100, ge=1, le=10_000)
    """The most it proposes for one request."""


_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class ServingSettings(Settings):
    """How a request is answered."""

    candidates: int = Field(200, ge=1, le=10_000)
    """Items retrieved for ranking by the next_item task; sources propose theirs beside them."""
    sources: dict[str, SourcePart] = Field({})
    """Classic models that propose candidates too, by name. Without a next_item task only what they propose is ranked."""
    rank_by: dict[str, float] = Field({})
    """Weight of each task in the final score; the next_item task alone when absent, else the first task."""
    rank_by_scenario: dict[str, dict[str, float]] = Field({})
    """The same for scenarios that weigh tasks otherwise, `"1" = { click = 1.0, like = 3.0 }`; `rank_by` counts in all others."""
    rank_by_learnt: ExpressionText | None = None
    """What a good item is, yes or no (`"is_like or long_view"`): the weights of the ranking tasks are learnt from it on the validation
    part, for each scenario with enough such events. `rank_by` counts where there is no such part."""
    exclude_seen: bool = True
    events: dict[str, dict[str, float | str]] = Field({})
    """What an incoming event says of the log's columns: `click = {is_click = 1}`; "value" stands for the event's value."""

    @field_validator("sources")
    @classmethod
    def _names_of_folders(cls, sources: dict[str, SourcePart]) -> dict[str, SourcePart]:
        """A bundle keeps each in a folder of its name."""
        strange = next((name for name in sources if not _SOURCE_NAME.fullmatch(name)), None)
        if strange is not None:
            must = "of names of small letters, digits, '_' and '-' that begin with a letter, 40 at most"
            raise ContradictionError(must, f"'{strange[:60]}'", "For example [serving.sources.neighbours].")
        return sources


class Recipe(Settings):
    """Everything that turns logs into recommendations.

    Raises:
        RecipeError: from `read` and `parse`, naming the key, what it must be, what came and what to do.
    """

    data: DataSettings
    features: FeaturesSettings = FeaturesSettings()
    scenario: ScenarioSettings = ScenarioSettings()
    tasks: dict[str, TaskPart] = Field(min_length=1)
    history: HistorySettings = HistorySettings()
    model: Part = Part(kind="network")
    """What is fitted: the flagship network, or a classic model by its kind, whose settings are the other keys."""
    network: NetworkSettings = NetworkSettings()
    split: SplitSettings = SplitSettings()
    training: TrainingSettings = TrainingSettings()
    serving: ServingSettings = ServingSettings()
    tune: dict[str, Range] = Field({})
    """Settings that `penchant tune` tries, and from what range; the model's own `space` when absent."""
    directory: Path = Path(".")
    """Where relative paths start: the recipe file's folder."""

    @field_validator("tasks")
    @classmethod
    def _names_without_dots(cls, tasks: dict[str, TaskPart]) -> dict[str, TaskPart]:
        """A metric is named "task.metric", and so are a task's weights."""
        strange = next((name for name in tasks if not name or "." in name), None)
        if strange is not None:
            do = f"For example '{strange.replace('.', '_') or 'click'}'."
            raise ContradictionError("of names without dots", f"'{strange}'", do)
        return tasks

    @field_validator("tasks")
    @classmethod
    def _steps_lead_to_a_first_one(cls, tasks: dict[str, TaskPart]) -> dict[str, TaskPart]:
        for name in tasks:
            walked = [name]
            while (before := tasks[walked[-1]].after) is not None:
                if before not in tasks:
                    came = f"'{walked[-1]}' after '{before}', which is not in [tasks]"
                    raise ContradictionError("after tasks that there are", came, did_you_mean(before, tasks))
                if tasks[before].kind != "binary":
                    came = f"'{walked[-1]}' after '{before}', of kind '{tasks[before].kind}'"
                    raise ContradictionError("after binary tasks", came, "Use only_where for a condition on other columns.")
                if before in walked:
                    came = f"a circle: {' after '.join([*walked, before])}"
                    raise ContradictionError("after tasks that come before them", came, "Take one `after` out.")
                walked.append(before)
        return tasks

    @field_validator("tasks")
    @classmethod
    def _one_retrieval_task(cls, tasks: dict[str, TaskPart]) -> dict[str, TaskPart]:
        retrieval = [name for name, task in tasks.items() if task.kind == "next_item"]
        if len(retrieval) > 1:
            raise ContradictionError(
                "of kind 'next_item' at most once", f"{len(retrieval)} such tasks: {', '.join(retrieval)}", "Keep one of them."
            )
        return tasks

    @model_validator(mode="after")
    def _items_are_judged(self) -> Self:
        if not self._of_items:
            do = 'Add one, for example: [tasks.next] kind = "next_item"'
            raise ContradictionError("given a task that judges items", f"relation tasks alone ({', '.join(self.tasks)})", do)
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        told = {"rank_by": self.serving.rank_by}
        told |= {f"rank_by_scenario.{name}": weights for name, weights in self.serving.rank_by_scenario.items()}
        for key, task in [(key, task) for key, weights in told.items() for task in weights]:
            if task not in self.tasks:
                raise ContradictionError(
                    f"free of unknown tasks in serving.{key}", f"'{task}', which is not in [tasks]", did_you_mean(task, self.tasks)
                )
            if task not in self._of_items:
                raise ContradictionError(f"free of relation tasks in serving.{key}", f"'{task}', which judges no items", "Take it out.")
        return self

    @model_validator(mode="after")
    def _scores_are_of_one_mind(self) -> Self:
        by_scenario, learnt = self.serving.rank_by_scenario, self.serving.rank_by_learnt
        if by_scenario and not self.scenario.named:
            came = f"serving.rank_by_scenario.{next(iter(by_scenario))} without one"
            raise ContradictionError("given a scenario when it is ranked by scenario", came, 'For example: [scenario] column = "tab"')
        if by_scenario and learnt is not None:
            came, do = "serving.rank_by_scenario and serving.rank_by_learnt", "Take one of the two out; what is learnt differs by scenario."
            raise ContradictionError("ranked by weights that are told or learnt", came, do)
        if learnt is not None and all(task.kind in ("next_item", "relation") for task in self.tasks.values()):
            do = 'Add one, for example: [tasks.like] kind = "binary"'
            raise ContradictionError("given a task that ranks when serving.rank_by_learnt weighs them", "none", do)
        return self

    @model_validator(mode="after")
    def _sources_are_ranked(self) -> Self:
        if not self.serving.sources:
            return self
        if self.model.kind != "network":
            came, do = f"model.kind = '{self.model.kind}'", "Take one of the two out."
            raise ContradictionError("of kind 'network' when there are serving.sources, which the network ranks", came, do)
        if list(self.rank_by) == [self.retrieval_task] and not (self.serving.rank_by_scenario or self.serving.rank_by_learnt):
            do = "Weigh another task, for example serving.rank_by = { like = 1.0 }, or take the sources out."
            must = "given a serving.rank_by with a task beside next_item when there are serving.sources"
            raise ContradictionError(must, f"'{self.retrieval_task}' alone, which orders the whole catalogue whatever they propose", do)
        return self

    @model_validator(mode="after")
    def _candidates_are_ranked(self) -> Self:
        if self.features.candidate and all(task.kind in ("next_item", "relation") for task in self.tasks.values()):
            do = "Add a task such as [tasks.click], or count by what is known before, under user or context."
            raise ContradictionError(
                "given a task that ranks when items have counters", f"features.item.{next(iter(self.features.candidate))} without one", do
            )
        return self

    @classmethod
    def parse(cls, text: str, directory: Path | str = ".", name: str = "recipe") -> "Recipe":
        """A recipe from TOML text; relative paths start at `directory`."""
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(name, must="TOML", came=f"text that is not ({error})", do="Mend that line.") from None
        return read_settings(cls, raw | {"directory": Path(directory)}, name)

    @classmethod
    def read(cls, path: Path | str) -> "Recipe":
        """A recipe from a TOML file."""
        path = Path(path)
        if not path.is_file():
            raise RecipeError(f"recipe '{path}'", must="a TOML file", came="no file there", do="Write one with: penchant init DIR")
        try:
            text = path.read_text(encoding="utf8")
        except UnicodeDecodeError:
            raise RecipeError(f"recipe '{path}'", must="UTF-8 text", came="bytes that are not", do="Save it as UTF-8.") from None
        return cls.parse(text, path.parent, name=f"recipe '{path}'")

    @property
    def retrieval_task(self) -> str | None:
        """The name of the next_item task, if any."""
        return next((name for name, task in self.tasks.items() if task.kind == "next_item"), None)

    @property
    def rank_by(self) -> dict[str, float]:
        """Weights of the tasks in the final score."""
        return self.serving.rank_by or {self.retrieval_task or self._of_items[0]: 1.0}

    @property
    def _of_items(self) -> list[str]:
        """The tasks that judge items."""
        return [name for name, task in self.tasks.items() if task.kind != "relation"]
