"""A classic model behind the engine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates
from penchant.funnel.funnel import exclude
from penchant.models.explanation.cause import Cause, Effect
from penchant.models.explanation.of_past import past_effects
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.models.similar.likeness import Likeness
from penchant.models.similar.spaces import By, Owner, Space
from penchant.schema.errors import TargetError
from penchant.schema.event import Event
from penchant.serving.memory import Memory
from penchant.serving.pasts import IN_HISTORY, WholePast
from penchant.serving.protocol import ColumnDescription, Given, TaskDescription
from penchant.serving.served import Person, Rows


class ServedClassic:
    """A `serving.served.Served` over a model that scores the items it has learnt from each person's whole past.

    Items added since can be neither recommended nor ranked. Somebody of whom the model can tell nothing (it scores all items alike)
    gets what most have had.

    Args:
        recommender: Read from a verified bundle.
        item_rows: Item rows by id; shared with the engine, who adds items.
    """

    reads_profiles = False
    together = True

    def __init__(self, recommender: Recommender, item_rows: Mapping[str, int]) -> None:
        self.recommender = recommender
        self.pasts = WholePast(recommender.log_, recommender.recipe_)
        self.memory = Memory(recommender.log_, recommender.recipe_, self.pasts, item_rows)
        self._rows = item_rows
        self._user_rows = {name: row for row, name in enumerate(recommender.log_.users["user_id"])}
        self._popular = np.bincount(recommender.log_.item, minlength=len(recommender.items)).astype(np.float32)

    @property
    def sources(self) -> Sequence[str]:
        """The model itself."""
        return [self.recommender.kind or type(self.recommender).__name__]

    def recommend(
        self, people: Sequence[Person], wanted: Sequence[int], excluded: Sequence[Rows], explained: bool = False
    ) -> list[Candidates]:
        """For each person the best `wanted` of the items learnt, without the excluded rows."""
        everything = np.arange(len(self.recommender.items))
        asked = zip(self._scores(people), wanted, excluded, strict=True)
        found = [exclude(Candidates(everything, scores), rows).best(n) for scores, n, rows in asked]
        return [replace(each, sources=np.ones(len(each), dtype=np.int64)) for each in found] if explained else found

    def vectors_of(self, rows: Rows) -> NDArray[np.float32] | None:
        """As learnt; none where an item was added since."""
        return self.recommender.vectors_of(rows) if rows.max(initial=-1) < len(self.recommender.items) else None

    def past_items(self, person: Person) -> list[int]:
        """Those of events that histories keep."""
        return [item for item, told in zip(person.past.items, person.past.columns, strict=True) if told.get(IN_HISTORY, True)]

    def rank(self, person: Person, rows: Rows) -> Candidates:
        """The learnt ones of these items with their scores."""
        learnt = rows[rows < len(self.recommender.items)]
        return Candidates(learnt, self._scores([person])[0, learnt])

    def explain(
        self, person: Person, record: Mapping[str, Any], rows: Rows, records: Sequence[Mapping[str, Any]], one_by_one: int
    ) -> list[list[Effect]]:
        """Of the past alone: a model of who had what reads nothing else."""
        found = past_effects(self._scores_of, self.pasts.queries([person], [person.past]), rows, one_by_one)
        told = self._told(person)
        return [[replace(effect, cause=_of_event(effect.cause, told)) for effect in effects] for effects in found]

    def _told(self, person: Person) -> list[int | Mapping[str, Any]]:
        """Each event that a query holds: its row in the log, or what is kept of it."""
        past, log = person.past, iter(self.pasts.rows(person.row).tolist() if person.row >= 0 else [])
        told = [next(log) if arrival < 0 else columns for arrival, columns in zip(past.arrivals, past.columns, strict=True)]
        return [each for each, item in zip(told, past.items, strict=True) if item < len(self.recommender.items)]

    def likeness(self, of: Owner, space: Space | None, by: By | None) -> Likeness:
        """As the model holds learnt items, or users as of its training, against each other."""
        return self.recommender.likeness(of, space, by)

    def place(self, of: Owner, name: str) -> int | None:
        """The row of an item or user that was learnt of."""
        row = (self._rows if of == "item" else self._user_rows).get(name)
        if of == "item" and row is not None and row >= len(self.recommender.items):
            must, came = "among those the model has learnt of", "one that was added since"
            raise TargetError("the item", must=must, came=came, do="Train again with events of it.")
        return row

    def user_name(self, row: int) -> str:
        """Whom a row of the log's users is of."""
        name: str = self.recommender.log_.users["user_id"][row]
        return name

    def upsert_users(self, records: Mapping[str, Mapping[str, Any]], given: Mapping[str, Given] | None = None) -> None:
        """Nothing is learnt of a record."""

    def apply_events(self, events: Sequence[Event]) -> None:
        """Take in events; the very next answer knows of them."""
        self.memory.apply(events)

    def upsert_items(self, items: pl.DataFrame, places: Rows, given: Given | None = None) -> None:
        """Nothing is learnt of a record."""

    def welcome(self, items: Iterable[str]) -> None:
        """Take in the events that waited for these items."""
        self.memory.welcome(items)

    def describe_tasks(self) -> list[TaskDescription]:
        """None: it orders items and predicts nothing of them."""
        return []

    def describe_score(self) -> dict[str, dict[str, float]]:
        """None: it has no tasks to weigh."""
        return {}

    def describe_columns(self, owner: Literal["context", "user"]) -> list[ColumnDescription]:
        """None: it reads who had what, and when."""
        return []

    def _scores(self, people: Sequence[Person]) -> NDArray[np.float32]:
        return self._scores_of(self.pasts.queries(people, [person.past for person in people]))

    def _scores_of(self, queries: Queries) -> NDArray[np.float32]:
        scores = self.recommender.scores(queries)
        tells_nothing = scores.min(axis=1) == scores.max(axis=1)
        scores[tells_nothing] = self._popular
        return scores


def _of_event(cause: Cause, told: Sequence[int | Mapping[str, Any]]) -> Cause:
    """The cause by the event itself, where it was named by its place in a query."""
    return replace(cause, told=told[cause.told]) if isinstance(cause.told, int) else cause
