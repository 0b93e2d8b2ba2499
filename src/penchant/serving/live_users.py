"""Users of the log and all who came since, as they are alike now."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from penchant.data.records import frame_of
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.similar.neighbours import Neighbours, Vectors
from penchant.models.similar.spaces import Floats
from penchant.serving.memory import Memory
from penchant.serving.protocol import Given

MOST_CHANGED = 256
"""Users whose new events wait for the next question about users, so that a question is not held up by all that happened before."""


class LiveUsers:
    """Vectors of users, made when they are first asked for; from then on, events and profiles change them.

    Args:
        recommender: Whose log and features.
        memory: What is known of each user's past, these events included before `acted` is told of them.

    Attributes:
        names: Whom each row is of: the log's users, then others in the order they came.
    """

    def __init__(self, recommender: NetworkRecommender, memory: Memory) -> None:
        self._recommender, self._memory = recommender, memory
        self.names: list[str] = recommender.log_.users["user_id"].to_list()
        self._rows = {name: row for row, name in enumerate(self.names)}
        self._in_log = len(self.names)
        self._told: dict[str, Mapping[str, Any]] = {}
        self._given: dict[str, Given] | None = None
        self._changed: dict[str, None] = {}  # in the order of their first change
        self._neighbours: Neighbours | None = None

    def acted(self, names: Iterable[str]) -> None:
        """These users have new events."""
        self._changed.update(dict.fromkeys(names))
        if self._neighbours is not None and len(self._changed) >= MOST_CHANGED:
            self._take_in(self._neighbours)

    def tell(self, records: Mapping[str, Mapping[str, Any]], given: Mapping[str, Given] | None = None) -> None:
        """These are the columns told of users since the log was made.

        Args:
            records: By id.
            given: What another process made of each one's words and pictures, `{feature: [1, *]}`; None = made here.
        """
        self._told.update(records)
        if given is not None:
            self._given = {**(self._given or {}), **given}
        self._changed.update(dict.fromkeys(records))
        if self._neighbours is not None:
            self._take_in(self._neighbours)  # texts take time to read, which whoever tells them spends, not whoever asks next

    def neighbours(self) -> Neighbours:
        """Their vectors, as of now."""
        if self._neighbours is None:
            self._neighbours = self._recommender.similar.neighbours("user")
        self._take_in(self._neighbours)
        return self._neighbours

    def row(self, name: str) -> int | None:
        """A user's row in `neighbours`; None for nobody known."""
        self.neighbours()
        return self._rows.get(name)

    def _take_in(self, neighbours: Neighbours) -> None:
        names = [name for name in self._changed if name in self._told or self._memory.knows(name)]
        self._changed.clear()
        if not names:
            return
        fresh = [name for name in names if name not in self._rows]
        self._rows.update({name: len(self.names) + place for place, name in enumerate(fresh)})
        self.names += fresh
        length = self._recommender.recipe.history.length
        pasts = [self._memory.of(name).items[-length:] for name in names]
        who = np.repeat(np.arange(len(names)), [len(past) for past in pasts])
        items = np.array([item for past in pasts for item in past], dtype=np.int64)
        behaviour = self._recommender.similar.behaviour.users(who, items, len(names))
        neighbours.put(np.array([self._rows[name] for name in names]), Vectors(self._content(names), behaviour))

    def _content(self, names: list[str]) -> Floats:
        """What is told of users `[names, width]`: the log's columns, and what was told since in their place."""
        similar, log = self._recommender.similar, self._recommender.log_
        content = np.zeros((len(names), similar.content["user"].width), dtype=np.float32)
        rows = np.array([self._rows[name] for name in names])
        told = np.array([name in self._told for name in names])
        stored = np.flatnonzero(~told & (rows < self._in_log))
        if len(stored):
            arrays = {name: array[rows[stored]] for name, array in self._recommender.encoded(log).user.items()}
            content[stored] = similar.encoded("user", arrays, len(stored)).content
        if told.any():
            records = [self._record(names[place]) for place in np.flatnonzero(told)]
            content[told] = self._described(records).content
        return content

    def _described(self, records: list[dict[str, Any]]) -> Vectors:
        similar, features = self._recommender.similar, self._recommender.features
        table = frame_of(records)
        if self._given is None:
            return similar.described("user", table)
        own = [self._given[record["user_id"]] for record in records]
        given = {
            name: np.concatenate([each[name] if name in each else features.missing("user", name) for each in own])
            for name in features.pretrained("user")
        }
        return similar.encoded("user", features.encode("user", table, given), len(records))

    def _record(self, name: str) -> dict[str, Any]:
        row = self._rows[name]
        stored = self._recommender.log_.users.row(row, named=True) if row < self._in_log else {}
        return {**stored, **self._told[name], "user_id": name}
