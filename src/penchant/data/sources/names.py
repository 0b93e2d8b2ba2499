"""Column names of the field and the canonical names they are mapped to."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from penchant.schema.errors import DataError, did_you_mean
from penchant.schema.sections.data import SourceSettings

Role = Literal["events", "users", "items"]

# Compared in lower case without separators, earlier names first. `rating` is missing on purpose: it keeps its own name.
ALIASES: dict[str, tuple[str, ...]] = {
    "user_id": ("userid", "uid", "user", "reviewerid", "customerid", "visitorid", "memberid", "accountid"),
    "item_id": (
        "itemid", "iid", "item", "movieid", "videoid", "productid", "asin", "parentasin", "articleid", "newsid", "goodsid", "bookid",
        "songid", "trackid", "appid", "businessid", "sku",
    ),
    "timestamp": ("timestamp", "time", "timems", "unixtime", "unixreviewtime", "eventtime", "datetime", "ts", "createdat", "date"),
    "event": ("event", "eventtype", "feedbacktype", "behavior", "behaviour", "behaviortype", "action"),
    "value": ("value", "eventvalue", "weight"),
}  # fmt: skip
_OF_ROLE: dict[Role, tuple[str, ...]] = {"events": tuple(ALIASES), "users": ("user_id",), "items": ("item_id",)}
_BARE_ID = "id"
"""In a user or item table a column `id` can only mean one thing."""


def plain(name: str) -> str:
    """A name in lower case, letters and digits only: `USER_ID`, `userId` and `user id` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def mapping(columns: Sequence[str], settings: SourceSettings, role: Role) -> dict[str, str]:
    """Canonical name -> the file's column, for every column that is to be renamed.

    What the settings say wins; then a column with the canonical name itself; then the first alias.

    Raises:
        DataError: when the settings name a column that the file lacks.
    """
    for column in settings.columns.values():
        if column not in columns:
            do = did_you_mean(column, columns)
            raise DataError(f"column '{column}'", must=f"in {settings.shown}", came=f"columns {listed(columns)}", do=do)
    guessed = {name: _alias(name, columns, role) for name in _OF_ROLE[role] if name not in settings.columns and name not in columns}
    taken = set(settings.columns.values())
    found = {name: column for name, column in guessed.items() if column is not None and column not in taken}
    return {name: column for name, column in (settings.columns | found).items() if name != column}


def id_columns(columns: Sequence[str], settings: SourceSettings) -> set[str]:
    """The file's columns that hold ids, whatever its role; they are read as text so that `007` stays `007`."""
    ids = {"user_id", "item_id"}
    named = {column for name, column in settings.columns.items() if name in ids}
    return named | {column for column in columns if any(plain(column) in ALIASES[name] for name in ids)} | ({_BARE_ID} & set(columns))


def listed(names: Iterable[str], at_most: int = 12) -> str:
    """Names for a sentence, cut after `at_most`."""
    given = [f"'{name}'" for name in names]
    return ", ".join(given[:at_most]) + (f" and {len(given) - at_most} more" if len(given) > at_most else "")


def _alias(name: str, columns: Sequence[str], role: Role) -> str | None:
    known = (*ALIASES[name], _BARE_ID) if role != "events" else ALIASES[name]
    by_name = {plain(column): column for column in reversed(columns)}
    return next((by_name[alias] for alias in known if alias in by_name), None)
