"""What depends on the model that answers; the engine sees to the rest: catalogue, titles, exclusion, what to do when a model fails."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates
from penchant.models.explanation.cause import Effect
from penchant.models.similar.likeness import Likeness
from penchant.models.similar.spaces import By, Owner, Space
from penchant.schema.event import Event
from penchant.serving.memory import Memory, UserPast
from penchant.serving.protocol import ColumnDescription, Given, TaskDescription

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Person:
    """Who asks, and when.

    Attributes:
        user_id: Known or not; None = nobody in particular.
        row: The row in the log's users; -1 when it does not hold the user.
        past: What `Served.memory` knows of the user, this visit included.
        visit: Events of this visit, oldest first.
        profile: Columns told of the user since the log was made.
        moment: What is known of now: `timestamp` (seconds), `user_id`, context columns and the scenario's.
        given: Arrays of words and pictures by "user" and "context", one row each, where another process makes them; None = made here.
        unread: Whether words or pictures of theirs are missing there.
        retrieved: Is told what is about to be ranked, and says whether there is time to; a list that goes unranked comes too late anyway.
    """

    user_id: str | None
    row: int
    past: UserPast
    visit: tuple[Event, ...]
    profile: Mapping[str, Any]
    moment: Mapping[str, Any]
    given: Mapping[str, Given] | None = None
    unread: bool = False
    retrieved: Callable[[Candidates], bool] = lambda _: True


class Served(Protocol):
    """A fitted model, asked by people whose pasts change with every event.

    Attributes:
        memory: Their pasts.
        reads_profiles: Whether what is told of a user's profile changes the answer.
    """

    memory: Memory
    reads_profiles: bool

    @property
    def together(self) -> bool:
        """Whether several requests cost less together than one by one."""

    @property
    def sources(self) -> Sequence[str]:
        """Names of those that propose, in the order of the bits of `Candidates.sources`."""

    def recommend(
        self, people: Sequence[Person], wanted: Sequence[int], excluded: Sequence[Rows], explained: bool = False
    ) -> list[Candidates]:
        """For each person the best `wanted` items without the excluded rows; with their sources where they are `explained`."""

    def vectors_of(self, rows: Rows) -> NDArray[np.float32] | None:
        """Vectors of some items, by which they are alike `[rows, width]`; None where the model has none, or not of all of them."""

    def past_items(self, person: Person) -> list[int]:
        """Item rows of the person's history, an item as often as it was had."""

    def rank(self, person: Person, rows: Rows) -> Candidates:
        """These items with their scores, in any order; those the model cannot judge are left out."""

    def explain(
        self, person: Person, record: Mapping[str, Any], rows: Rows, records: Sequence[Mapping[str, Any]], one_by_one: int
    ) -> list[list[Effect]]:
        """What each cause adds to the score of each of these items, the strongest first, `[rows]` lists.

        Args:
            person: Who asks.
            record: All columns that are known of them.
            rows: Of the items, which the model can judge.
            records: Their columns.
            one_by_one: How many of the newest events are causes by themselves; those before them are one together.
        """

    def likeness(self, of: Owner, space: Space | None, by: By | None) -> Likeness:
        """How items, or users, are held against each other as things are now. Raises UnsupportedError when the model cannot say."""

    def place(self, of: Owner, name: str) -> int | None:
        """The row of an item or user in a `likeness`; None for one it does not hold."""

    def user_name(self, row: int) -> str:
        """Whom a row of users is of."""

    def upsert_users(self, records: Mapping[str, Mapping[str, Any]], given: Mapping[str, Given] | None = None) -> None:
        """Take in the columns told of users; each replaces what was told before.

        Args:
            records: By id.
            given: What another process made of each user's words and pictures, `{feature: [1, *]}`; None = made here.
        """

    def apply_events(self, events: Sequence[Event]) -> None:
        """Take in events; the very next answer knows of them."""

    def upsert_items(self, items: pl.DataFrame, places: Rows, given: Given | None = None) -> None:
        """Take in new and changed items, before the engine does; when this fails, nothing has changed.

        Args:
            items: Their records, one row each, with `item_id`.
            places: For each row of the catalogue, as it now is, where to find the item: in the catalogue before, followed by `items`.
            given: What another process made of their words and pictures, a row per item; None = made here.
        """

    def welcome(self, items: Iterable[str]) -> None:
        """Take in the events that waited for these items, now that the catalogue holds them."""

    def describe_tasks(self) -> list[TaskDescription]:
        """What it predicts of each item."""

    def describe_score(self) -> dict[str, dict[str, float]]:
        """Weights of the tasks in what orders candidates, "everywhere" and by scenario; none where it has no tasks."""

    def describe_columns(self, owner: Literal["context", "user"]) -> list[ColumnDescription]:
        """The columns of circumstances or of users that it reads and people may choose."""
