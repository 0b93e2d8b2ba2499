"""[data]: the tables, where they lie, how they are read and cleaned."""

import re
from difflib import get_close_matches
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, Secret, field_validator, model_validator

from penchant.schema.sections.part import ExpressionText
from penchant.schema.settings import ContradictionError, Settings


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
