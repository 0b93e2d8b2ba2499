"""Leave one out, exactly, of the network: a request made again without each cause, all of them and all items in one batch.

Nothing is read off the network's inside. What a cause is worth is the score with it less the score without it, and the score without it is
what the network answers to a request that lacks it: a history without that event, with the event before it where histories are full;
counters that have not counted it; a profile, circumstances or an item of which that column says nothing. Each such request is encoded once,
whatever the number of items.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from penchant.data.records import series_of
from penchant.features.feature import Without
from penchant.features.feature_set import FeatureSet, Owner
from penchant.models.batch import Batch, Moments, Past, assemble
from penchant.models.explanation.cause import Cause, Effect, by_size
from penchant.models.explanation.removals import Removal, parts, removals, said
from penchant.models.explanation.request import Array, ItemsAsked, Request
from penchant.models.network import Items

if TYPE_CHECKING:
    from penchant.models.network_recommender import NetworkRecommender

MOST_SCORES = 2_000_000
"""Scores of the whole catalogue, one list a cause, up to which the share of `next_item` is told anew for each of them."""


@torch.inference_mode()
def network_effects(
    recommender: "NetworkRecommender", request: Request, asked: ItemsAsked, one_by_one: int, usual: dict[str, Any]
) -> list[list[Effect]]:
    """What each cause adds to each item's score and predictions, the strongest first, `[n]` lists.

    Args:
        recommender: Fitted.
        request: Who asks, when.
        asked: The items.
        one_by_one: How many of the newest events are causes by themselves.
        usual: The scenario of requests that name none, by column.
    """
    taken = removals(recommender.recipe, recommender.features, request, one_by_one, usual)
    if not recommender.network.history.reads and not _counts(recommender.features):
        taken = [each for each in taken if not each.cause.events]
    untold = parts(recommender.features, "item")
    without_nothing = Removal(Cause("history"), tuple(range(len(request.past)))[-recommender.recipe.history.length :])
    scores, tasks = _judged(recommender, _Variants(recommender, request, [without_nothing, *taken]), asked, untold)
    less = (scores[:1] - scores)[1:].T.tolist()
    fell = {name: (told[:1] - told)[1:].T.tolist() for name, told in tasks.items()}
    effects = []
    for place, record in enumerate(asked.records):
        causes = [each.cause for each in taken] + [Cause("item", name, said(record, columns)) for name, columns in untold.items()]
        own = [
            Effect(cause, less[place][at], {name: told[place][at] for name, told in fell.items()})
            for at, cause in enumerate(causes)
            if cause.kind != "item" or cause.value is not None
        ]
        effects.append(by_size(own))
    return effects


def _counts(features: FeatureSet) -> bool:
    return bool(features.counters("context") or features.counters("candidate"))


@dataclass(frozen=True)
class _Variants:
    """A request again and again, `[requests]`, each time with something taken out."""

    recommender: "NetworkRecommender"
    request: Request
    removals: Sequence[Removal]

    def batch(self) -> Batch:
        """As the network reads them."""
        times = np.full((len(self.removals), 1), float(self.request.moment["timestamp"]))
        past = self._past()
        context = {name: self._context(name) for name in self.recommender.features.features["context"]}
        scenario = {name: self._told("scenario", name) for name in self.recommender.features.features["scenario"]}
        batch = assemble(
            {name: self._profile(name, array) for name, array in self.request.profile.items()},
            past,
            Moments(
                times=times,
                visible=past.length[:, None],
                present=np.ones((len(self.removals), 1), dtype=bool),
                context={name: array[:, None] for name, array in context.items()},
                scenario={name: array[:, None] for name, array in scenario.items()},
            ),
        )
        return replace(batch, alike=True)

    def moments(self, rows: Sequence[int], names: Sequence[str]) -> pl.DataFrame:
        """Columns of their circumstances, for some of them."""
        told = [{**self.request.moment, **self.removals[row].moment} for row in rows]
        return pl.DataFrame({name: series_of([each.get(name) for each in told]) for name in names})

    def without(self, owner: Owner, name: str, each: int) -> Without:
        """The events that a counter must not count of each variant, of which there are `each` rows in a row."""
        counted = [place for place, event in enumerate(self.request.past) if event.counted]
        places = {place: number for number, place in enumerate(counted)}
        pairs = [(row, places[place]) for row, removal in enumerate(self.removals) for place in removal.gone if place in places]
        row, event = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True)) if pairs else (np.zeros(0, np.int64),) * 2
        features, log = self.recommender.features, self.recommender.log_
        told = [self._event(place) for place in counted]
        return Without(
            (row[:, None] * each + np.arange(each)).ravel(), np.repeat(event, each), features.counted_events(owner, name, log, told)
        )

    def _event(self, place: int) -> Any:
        event = self.request.past[place]
        if isinstance(event.told, int):
            return event.told
        item = self.recommender.catalogue.row(event.item, named=True)
        return {**event.told, "user_id": self.request.moment.get("user_id"), **item}

    def _past(self) -> Past:
        events, counts = self.request.past, np.array([len(removal.places) for removal in self.removals])
        places = np.zeros((len(counts), max(int(counts.max()), 1)), dtype=np.int64)
        for row, removal in enumerate(self.removals):
            places[row, : counts[row]] = removal.places
        inside = np.arange(places.shape[1]) < counts[:, None]
        items, times = np.array([event.item for event in events] or [0]), np.array([event.time for event in events] or [0.0])
        columns = {}
        for name in self.recommender.features.features["history"]:
            told = np.stack([event.columns[name] for event in events]) if events else self.recommender.features.missing("history", name)
            columns[name] = told[np.where(inside, places, 0)] * inside.reshape(*inside.shape, *[1] * (told.ndim - 1)).astype(told.dtype)
        return Past(np.where(inside, items[places], 0).astype(np.int64), np.where(inside, times[places], 0.0), columns, counts)

    def _profile(self, name: str, array: Array) -> Array:
        features = self.recommender.features
        columns = frozenset(features.parts["user"][name].reads(name))
        found = np.repeat(array, len(self.removals), axis=0)
        for row, removal in enumerate(self.removals):
            if removal.record & columns:
                left = {column: value for column, value in self.request.record.items() if column not in removal.record}
                found[row] = self._of_rest("user", name, left)[0]
        return found

    def _context(self, name: str) -> Array:
        features = self.recommender.features
        counter = features.counters("context").get(name)
        if counter is None:
            return self._told("context", name)
        table = self.moments(range(len(self.removals)), features.parts["context"][name].reads(name))
        times = np.full(len(table), float(self.request.moment["timestamp"]))
        return counter.as_of(counter.keys(table), times, self.without("context", name, 1))

    def _told(self, owner: Owner, name: str) -> Array:
        features, moment = self.recommender.features, self.request.moment
        columns = frozenset(features.parts[owner][name].reads(name))
        given = self.request.given if owner == "context" and name in features.pretrained(owner) else None
        array = features.one(owner, name, moment) if given is None else given.get(name, features.missing(owner, name))
        found = np.repeat(array, len(self.removals), axis=0)
        for row, removal in enumerate(self.removals):
            if (owner, name) in removal.clocks:
                found[row] = features.missing(owner, name)[0]
            elif removal.moment.keys() & columns:
                found[row] = self._of_rest(owner, name, {**moment, **removal.moment})[0]
        return found

    def _of_rest(self, owner: Owner, name: str, record: dict[str, Any]) -> Array:
        """A feature of what is left; nothing of what a pretrained network has read together."""
        features = self.recommender.features
        return features.missing(owner, name) if name in features.pretrained(owner) else features.one(owner, name, record)


def _judged(
    recommender: "NetworkRecommender", variants: _Variants, asked: ItemsAsked, untold: dict[str, frozenset[str]]
) -> tuple[Array, dict[str, Array]]:
    """Scores and each task's predictions, `[1 + removals + columns, n]`: with everything, without each removal, without each column."""
    requests, items = len(variants.removals), len(asked.rows)
    encoding = recommender.encode(variants.batch())
    who = [*range(requests), *([0] * len(untold))]
    what = np.tile(np.arange(items), (len(who), 1))
    what[requests:] += items * np.arange(1, len(untold) + 1)[:, None]
    known = Items.cat([recommender.known.at(torch.from_numpy(asked.rows)), asked.untold])
    rows = np.tile(asked.rows, (len(who), 1))
    judged = encoding.take(torch.tensor(who))
    outputs = recommender.judge_told(
        judged, known.at(torch.from_numpy(what).unsqueeze(1)), rows, _standing(recommender, variants, asked, untold, who, what)
    )
    network = recommender.network
    tasks = {name: task.predict(outputs[name]).float().numpy() for name, task in network.ranking_tasks.items()}
    if network.retrieval is not None and requests * len(recommender.item_vectors) <= MOST_SCORES:
        scores = torch.from_numpy(recommender.retrieve(encoding, variants.moments(range(requests), _counted_by(recommender))))
        tasks = {network.retrieval.name: _shares(outputs[network.retrieval.name], scores.logsumexp(1, keepdim=True)).numpy()} | tasks
    return recommender.combine(outputs, judged), tasks


def _counted_by(recommender: "NetworkRecommender") -> list[str]:
    return sorted({"timestamp"} | recommender.recipe.features.candidate_moment)


def _shares(scores: Tensor, totals: Tensor) -> Tensor:
    """Shares of the whole catalogue `[rows, n]`, which for an item told otherwise holds that item as it is told."""
    others, own = scores[: len(totals)], scores[len(totals) :]
    with_it = totals[:1] + torch.log1p((own - totals[:1]).exp() - (others[:1] - totals[:1]).exp())
    return torch.cat([(others - totals).exp(), (own - with_it).exp()])


def _standing(
    recommender: "NetworkRecommender",
    variants: _Variants,
    asked: ItemsAsked,
    untold: dict[str, frozenset[str]],
    who: list[int],
    what: Array,
) -> dict[str, Tensor]:
    """What is counted of each candidate, `{name: [rows, 1, n, *]}`."""
    counters = recommender.features.counters("candidate")
    if not counters or not recommender.network.tasks:
        return {}
    own = recommender.catalogue[asked.rows]
    told = [own.with_columns(pl.lit(None, dtype=pl.String).alias(each) for each in columns & {*own.columns}) for columns in untold.values()]
    without = {name: variants.without("candidate", name, len(asked.rows)) for name in counters}
    counted = recommender.features.encode_candidates(
        variants.moments(who, _counted_by(recommender)), pl.concat([own, *told]), what, without
    )
    return {name: torch.from_numpy(array).unsqueeze(1) for name, array in counted.items()}
