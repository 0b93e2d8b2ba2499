"""The network behind the engine: histories to a batch, retrieval, ranking."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from penchant.data.records import frame_of
from penchant.features.feature import Feature
from penchant.funnel.candidates import Candidates
from penchant.funnel.funnel import Funnel, Proposer
from penchant.funnel.union import Limit, limit_of
from penchant.models.batch import Moments, Past, assemble
from penchant.models.candidate_source import CandidateSource
from penchant.models.explanation.cause import Effect
from penchant.models.explanation.of_network import network_effects
from penchant.models.explanation.request import ItemsAsked, PastEvent, Request
from penchant.models.network import Encoding, Items
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.recommender import usual_factors
from penchant.models.similar.likeness import Likeness
from penchant.models.similar.spaces import By, Owner, Space
from penchant.schema.event import Event
from penchant.schema.expression import Expression
from penchant.schema.sections.features import COUNTERS
from penchant.serving.live_users import LiveUsers
from penchant.serving.memory import Memory, UserPast
from penchant.serving.pasts import WholePast
from penchant.serving.protocol import ColumnDescription, Given, TaskDescription
from penchant.serving.served import Person, Rows
from penchant.serving.untold import UntoldItems

Array = NDArray[Any]
TOLD = " told"
"""Where an event's row of the log, or its columns, stand among what is kept of it; no column has such a name."""
MOST_VALUES = 200
SHARE_SHOWN = 0.05  # the next-item share a full bar stands for


@dataclass(frozen=True)
class Asked:
    """Requests, encoded.

    Attributes:
        recommender: Whom they are asked.
        encoding: What does not depend on a candidate.
        moments: What candidates are counted by beside the item, `[requests]`.
        queries: The same requests as sources take them; None where there are no sources.
        people: Who asks.
    """

    recommender: NetworkRecommender
    encoding: Encoding
    moments: pl.DataFrame
    queries: Queries | None
    people: Sequence[Person]

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Retrieval's score of every catalogue item `[requests, items]`; where nothing retrieves all go through the ranking path."""
        return self.recommender.retrieve(self.encoding, self.moments)


class ServedNetwork:
    """A `serving.served.Served` over the network.

    Args:
        recommender: Read from a verified bundle.
        item_rows: Item rows by id; shared with the engine, who adds items.
    """

    reads_profiles = True

    def __init__(self, recommender: NetworkRecommender, item_rows: Mapping[str, int]) -> None:
        self.recommender = recommender
        self.histories = HistoryReader(recommender)
        self.memory = Memory(recommender.log_, recommender.recipe, self.histories, item_rows)
        self._whole = WholePast(recommender.log_, recommender.recipe)
        self._whole_memory = Memory(recommender.log_, recommender.recipe, self._whole, item_rows) if recommender.sources else None
        self._funnel: Funnel[Asked] = Funnel(self._retrieve, self._rank_in_time, self._width(), self._proposers())
        serving = recommender.recipe.serving
        self._limited = any(each.ranked is not None for each in (serving, *serving.scenarios.values()))
        self._rows = item_rows
        self._untold = UntoldItems(recommender)
        self._item_neighbours = recommender.similar.neighbours("item")
        self._users = LiveUsers(recommender, self.memory)
        self._counted = sorted(recommender.recipe.features.candidate_moment)

    @property
    def together(self) -> bool:
        """Where nothing retrieves each request fills a pass by itself."""
        return self.recommender.network.retrieval is not None

    @property
    def sources(self) -> Sequence[str]:
        """Retrieval, the recipe's sources, and items added since where nothing retrieves."""
        return self._funnel.names

    def recommend(
        self, people: Sequence[Person], wanted: Sequence[int], excluded: Sequence[Rows], explained: bool = False
    ) -> list[Candidates]:
        """For each person the best `wanted` items without the excluded rows."""
        return self._funnel.run(self._ask(people), wanted, excluded, self._limits(people), explained)

    def _limits(self, people: Sequence[Person]) -> list[Limit | None] | None:
        """How many candidates of each person are ranked, by scenario; None where the recipe has no limit."""
        recipe = self.recommender.recipe
        if not self._limited:
            return None
        return [limit_of(recipe.serving.funnel(recipe.scenario.name(person.moment)), self._funnel.names) for person in people]

    def vectors_of(self, rows: Rows) -> NDArray[np.float32]:
        """The items as they are for nobody in particular, those added since among them."""
        return self.recommender.vectors_of(rows)

    def past_items(self, person: Person) -> list[int]:
        """Those of the history that the network reads."""
        return person.past.items[-self.histories.read :]

    def rank(self, person: Person, rows: Rows) -> Candidates:
        """These items with their scores and every task's prediction."""
        (ranked,) = self._rank(self._ask([person]), [Candidates(rows, np.zeros(len(rows), dtype=np.float32))])
        return ranked

    def explain(
        self, person: Person, record: Mapping[str, Any], rows: Rows, records: Sequence[Mapping[str, Any]], one_by_one: int
    ) -> list[list[Effect]]:
        """Of events, profile, circumstances and the items' own columns."""
        past, stored = person.past, self.memory.stored(person.past)
        events = [
            PastEvent(item, time, columns, columns[TOLD], counted)
            for item, time, columns, counted in zip(past.items, past.times, past.columns, stored, strict=True)
        ]
        request = Request(record, self._profile(person), person.moment, _given(person, "context"), events)
        asked = ItemsAsked(rows, records, self._untold.of(rows, records))
        return network_effects(self.recommender, request, asked, one_by_one, usual_factors(self.recommender.features))

    def likeness(self, of: Owner, space: Space | None, by: By | None) -> Likeness:
        """Items and users as they are now, those added since included."""
        similar = self.recommender.similar
        neighbours = self._item_neighbours if of == "item" else self._users.neighbours()
        return similar.likeness_among(neighbours, of, space or similar.usual_space(of), by or "cosine")

    def place(self, of: Owner, name: str) -> int | None:
        """The row of an item or user, also of one added since."""
        return self._rows.get(name) if of == "item" else self._users.row(name)

    def user_name(self, row: int) -> str:
        """Whom a row of users is of."""
        return self._users.names[row]

    def upsert_users(self, records: Mapping[str, Mapping[str, Any]], given: Mapping[str, Given] | None = None) -> None:
        """What is told of users counts when they are held against each other."""
        self._users.tell(records, given)

    def apply_events(self, events: Sequence[Event]) -> None:
        """Take in events; the very next answer knows of them."""
        self.memory.apply(events)
        self._users.acted(event.user_id for event in events)
        if self._whole_memory is not None:
            self._whole_memory.apply(events)

    def upsert_items(self, items: pl.DataFrame, places: Rows, given: Given | None = None) -> None:
        """New items get vectors by their content, changed ones other vectors."""
        features = self.recommender.features
        arrays = features.encode("item", items, given)
        fresh = self.recommender.items_of(arrays)
        before = len(self._item_neighbours)
        changed = np.flatnonzero(places >= before)
        told = self.recommender.similar.encoded("item", arrays, len(items))
        self.recommender.catalogue = pl.concat([self.recommender.catalogue, features.catalogue(items)])[places]
        self.recommender.known = Items.cat([self.recommender.known, fresh]).at(torch.from_numpy(places))
        self._untold.tell(changed, {name: array[places[changed] - before] for name, array in arrays.items()})
        self._item_neighbours.tell(changed, told.content[places[changed] - before])

    def welcome(self, items: Iterable[str]) -> None:
        """Take in the events that waited for these items."""
        self.memory.welcome(items)
        if self._whole_memory is not None:
            self._whole_memory.welcome(items)

    def describe_tasks(self) -> list[TaskDescription]:
        """The recipe's tasks, each with what it predicts as a rule."""
        network = self.recommender.network
        return [self._describe_task(name) for name in self.recommender.recipe.tasks if name not in network.relation_tasks]

    def describe_score(self) -> dict[str, dict[str, float]]:
        """The recipe's weights, or those learnt."""
        return self.recommender.final_score.told(self.recommender.scenario_codes)

    def describe_columns(self, owner: Literal["context", "user"]) -> list[ColumnDescription]:
        """The columns of the owner's features; counters are counted, not chosen."""
        features = self.recommender.features
        parts = getattr(self.recommender.recipe.features, owner)
        return [
            _column(part.reads(name)[0], part.kind, features.features[owner][name]) for name, part in parts.items() if part.kind != COUNTERS
        ]

    def _width(self) -> int | None:
        serving = self.recommender.recipe.serving
        if not self.recommender.ranks_by_retrieval:
            return serving.candidates
        # where retrieval alone decides the order, only the items shown need their tasks' predictions
        return None if self._proposes_alone else 1

    @property
    def _proposes_alone(self) -> bool:
        return self.recommender.network.retrieval is None and bool(self.recommender.sources)

    def _proposers(self) -> list[Proposer[Asked]]:
        own = [Proposer(partial(self._propose, source), source.candidates, name) for name, source in self.recommender.sources.items()]
        newest = Proposer(self._newcomers, self.recommender.recipe.serving.candidates, "newest")
        return [*own, newest] if self._proposes_alone else own

    def _propose(self, source: CandidateSource, asked: Asked) -> list[Candidates]:
        assert asked.queries is not None
        scores = source.scores(asked.queries)
        everything = np.arange(scores.shape[1])
        return [Candidates(everything, own) for own in scores]

    def _newcomers(self, asked: Asked) -> list[Candidates]:
        """Items added since training, of which no source can know, the newest first."""
        rows = np.arange(len(self.recommender.items), len(self.recommender.item_vectors))
        return [Candidates(rows, rows.astype(np.float32))] * len(asked.encoding.users)

    def _queries(self, people: Sequence[Person]) -> Queries | None:
        if self._whole_memory is None:
            return None
        return self._whole.queries(people, [self._whole_memory.with_visit(person.user_id, person.visit) for person in people])

    def _ask(self, people: Sequence[Person]) -> Asked:
        recommender, features = self.recommender, self.recommender.features
        arrays = self.histories.arrays([person.past for person in people])
        moments = [person.moment for person in people]
        batch = assemble(
            {name: array[:, 0] for name, array in _stacked([self._profile(person) for person in people]).items()},
            arrays,
            Moments(
                times=np.array([[moment["timestamp"]] for moment in moments]),
                visible=arrays.length[:, None],
                present=np.ones((len(people), 1), dtype=bool),
                context=_stacked([features.encode_one("context", person.moment, _given(person, "context")) for person in people]),
                scenario=_stacked([features.encode_one("scenario", moment) for moment in moments]),
            ),
        )
        encoding = recommender.encode(batch)
        counted = frame_of([{name: moment.get(name) for name in self._counted} for moment in moments])
        return Asked(recommender, encoding, counted, self._queries(people), people)

    def _profile(self, person: Person) -> dict[str, Array]:
        if person.row >= 0 and not person.profile:
            return {
                name: array[person.row : person.row + 1] for name, array in self.recommender.encoded(self.recommender.log_).user.items()
            }
        nobody = {"user_id": person.user_id or ""}  # an id that is unknown, not missing
        stored = self.recommender.log_.users.row(person.row, named=True) if person.row >= 0 else nobody
        return self.recommender.features.encode_one("user", {**stored, **person.profile}, _given(person, "user"))

    def _retrieve(self, asked: Asked) -> list[Candidates]:
        everything = np.arange(asked.scores.shape[1])
        return [Candidates(everything, scores) for scores in asked.scores]

    def _rank_in_time(self, asked: Asked, candidates: list[Candidates]) -> list[Candidates]:
        """Ranked, unless it is too late for everybody: then whoever asked has been answered with what is left here."""
        in_time = [person.retrieved(each) for person, each in zip(asked.people, candidates, strict=True)]
        return self._rank(asked, candidates) if any(in_time) else candidates

    def _rank(self, asked: Asked, candidates: list[Candidates]) -> list[Candidates]:
        longest = max(map(len, candidates))
        if not longest:
            return candidates
        network = self.recommender.network
        rows = np.zeros((len(candidates), longest), dtype=np.int64)
        for place, one in enumerate(candidates):
            rows[place, : len(one)] = one.items
        with torch.inference_mode():
            outputs = self.recommender.judge(asked.encoding, rows, asked.moments)
            tasks = {name: task.predict(outputs[name]).float().numpy() for name, task in network.ranking_tasks.items()}
            if network.retrieval is not None:
                totals = torch.from_numpy(asked.scores).logsumexp(1, keepdim=True)
                tasks = {network.retrieval.name: (outputs[network.retrieval.name] - totals).exp().numpy()} | tasks
            scores = self.recommender.combine(outputs, asked.encoding)
        return [
            replace(one, scores=scores[place, : len(one)], tasks={name: values[place, : len(one)] for name, values in tasks.items()})
            for place, one in enumerate(candidates)
        ]

    def _describe_task(self, name: str) -> TaskDescription:
        task = self.recommender.network.ranking_tasks.get(name)
        if task is None:
            return TaskDescription(name=name, kind="next_item", low=0.0, high=SHARE_SHOWN)
        low, high = task.range
        return TaskDescription(name=name, kind=task.part.kind, low=low, high=high)


class HistoryReader:
    """A `serving.memory.Reader`: the newest events that the recipe lets into histories, as the network's features encode them."""

    def __init__(self, recommender: NetworkRecommender) -> None:
        self._recommender, self._log = recommender, recommender.log_
        self.read = recommender.recipe.history.length
        self.length: int | None = self.read + 1  # what a history holds when one of its events is taken out
        where = recommender.recipe.history.where
        self._where = Expression(where) if where else None
        self._empty = {name: array[:0] for name, array in recommender.encoded(self._log).history.items()}

    def rows(self, user: int) -> NDArray[np.integer[Any]]:
        """Log rows of the user's events that histories hold."""
        return self._log.history_rows[self._log.history_offsets[user] : self._log.history_offsets[user + 1]]

    def of_log(self, rows: NDArray[np.integer[Any]]) -> list[dict[str, Any]]:
        """History features of these events, each `{name: [*]}`."""
        encoded = self._recommender.encoded(self._log).history
        return [{name: array[row] for name, array in encoded.items()} | {TOLD: int(row)} for row in rows]

    def of_lines(self, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """The same of new events; None for one that the recipe keeps out of histories."""
        arrays = self._columns(lines) if self._empty else {}
        kept = [self._where is None or self._where.holds(line) for line in lines]
        return [
            {name: array[place] for name, array in arrays.items()} | {TOLD: lines[place]} if keep else None
            for place, keep in enumerate(kept)
        ]

    def observe(self, line: Mapping[str, Any], item: int) -> None:
        """Counters count it, by what the catalogue says of its item too."""
        self._recommender.features.observe(line, self._recommender.catalogue.row(item, named=True))

    def arrays(self, pasts: Sequence[UserPast]) -> Past:
        """Pasts as a batch, each padded at its end to the longest, which has one place at least."""
        lengths = np.minimum([len(past.items) for past in pasts], self.read)
        shape = (len(pasts), max(int(lengths.max()), 1))
        items, times = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        columns = {name: np.zeros((*shape, *array.shape[1:]), dtype=array.dtype) for name, array in self._empty.items()}
        for place, past in enumerate(pasts):
            if past.items:
                newest = slice(-self.read, None)
                items[place, : lengths[place]], times[place, : lengths[place]] = past.items[newest], past.times[newest]
                for name, column in columns.items():
                    column[place, : lengths[place]] = [event[name] for event in past.columns[newest]]
        return Past(items, times, columns, lengths)

    def _columns(self, lines: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
        features = self._recommender.features
        return features.encode_one("history", lines[0]) if len(lines) == 1 else features.encode("history", frame_of(lines))


def _stacked(records: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Arrays `{name: [1, *]}` of each record as `{name: [records, 1, *]}`."""
    return {name: np.stack([record[name] for record in records]) for name in records[0]}


def _given(person: Person, owner: str) -> Given | None:
    return None if person.given is None else person.given.get(owner, {})


def _column(name: str, kind: str, feature: Feature) -> ColumnDescription:
    values = getattr(feature, "values_", None)
    return ColumnDescription(name=name, kind=kind, values=[] if values is None else values.head(MOST_VALUES).to_list())
