"""Tables of relations: two columns of ids of the same kind, as of friends or of things that go together."""

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from penchant.data.averages import mean
from penchant.data.guess.words import OF_USERS, words

_ENDS = (("from", "to"), ("source", "target"), ("src", "dst"), ("head", "tail"), ("a", "b"), ("left", "right"))
_BETWEEN = frozenset({
    "friend", "friends", "follow", "follows", "follower", "followers", "followee", "trust", "trustor", "trustee", "social", "edge", "edges",
    "graph", "network", "relation", "relations", "relationship", "related", "similar", "also", "neighbour", "neighbours", "neighbor",
    "neighbors", "link", "linked",
})  # fmt: skip
_OF_PEOPLE = OF_USERS | {
    "friend",
    "friends",
    "follow",
    "follows",
    "follower",
    "followers",
    "followee",
    "trust",
    "trustor",
    "trustee",
    "social",
}
_WEIGHTS = frozenset({"weight", "strength", "similarity", "times"})
_MOST = 0.5


@dataclass(frozen=True)
class Relation:
    """Whom a table relates, and by which of its columns.

    Attributes:
        owner: Whose ids stand at both ends.
        ends: The columns of the two ends.
        weight: A column of positive weights, if there is one.
    """

    owner: Literal["user", "item"]
    ends: tuple[str, str]
    weight: str | None

    def feature(self, path: str, separator: str | None) -> dict[str, Any]:
        """The recipe's keys."""
        told = {"path": path, "from": self.ends[0], "to": self.ends[1], "weight": self.weight, "separator": separator}
        return {"kind": "graph", "column": f"{self.owner}_id", "edges": {name: value for name, value in told.items() if value is not None}}


def relation_of(name: str, table: pl.DataFrame, users: pl.Series, items: pl.Series) -> Relation | None:
    """What a table relates; None when it is no table of relations.

    It must be named like one, itself or in its columns, and both its columns must mostly hold ids of users, or of items; where numbers
    could be either, the names decide, and items are taken where they say nothing.

    Args:
        name: The file's name.
        table: Its first rows.
        users, items: The ids of the events.
    """
    numbers = [column.name for column in table if column.dtype.is_float() or _WEIGHTS & set(words(column.name))]
    ends = [column for column in table.columns if column not in numbers][:2]
    if len(ends) < 2 or table.width > 4 or any(table[end].dtype.is_nested() for end in ends):
        return None
    said = {*words(name), *words(ends[0]), *words(ends[1])}
    if not (_BETWEEN & said or tuple(end.lower() for end in ends) in _ENDS):
        return None
    shares = {owner: min(_share_known(table[end], ids) for end in ends) for owner, ids in (("item", items), ("user", users))}
    owner: Literal["user", "item"] = "user" if shares["user"] > shares["item"] or (_OF_PEOPLE & said and shares["user"] > _MOST) else "item"
    if shares[owner] <= _MOST:
        return None
    weight = next((each for each in numbers if _WEIGHTS & set(words(each)) and table[each].dtype.is_numeric()), None)
    positive = weight is not None and table[weight].null_count() == 0 and bool((table[weight] > 0).all())
    return Relation(owner, (ends[0], ends[1]), weight if positive else None)


def _share_known(column: pl.Series, ids: pl.Series) -> float:
    different = column.drop_nulls().cast(pl.String).unique()
    return mean(different.is_in(ids.unique().implode()))
