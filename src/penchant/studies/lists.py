"""Lists of every model for the same questions, and how good they are: one value per query and metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.average_precision import average_precision
from penchant.evaluation.metrics.hit_rate import hit_rate
from penchant.evaluation.metrics.hits import Integers, Ties, find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.evaluation.metrics.recall import recall
from penchant.evaluation.metrics.reciprocal_rank import reciprocal_rank
from penchant.evaluation.slices import Slices, by_activity, by_training_events
from penchant.models.queries import Queries
from penchant.models.recommender import BLOCK, Recommender
from penchant.studies.scenarios import scenario_slices

LIST_METRICS = {"ndcg": ndcg, "recall": recall, "hit_rate": hit_rate, "mrr": reciprocal_rank, "map": average_precision}

PerUser = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Lists:
    """List metrics of every model, one value per query.

    Attributes:
        values: `{model: {metric: [queries]}}`; the first metric is the headline.
        slices: Named masks `[queries]`.
        found: The lists themselves, `{model: [queries, longest cutoff]}`, item rows; -1 where a list is shorter.
        user: User row of each query `[queries]`.
    """

    values: dict[str, PerUser]
    slices: Slices
    found: dict[str, Integers]
    user: Integers


@dataclass(frozen=True)
class Asked:
    """What every model is asked alike.

    Attributes:
        queries: Who asks, and when.
        query, item: Relevant pairs: places in `queries` and item rows, each `[n]`.
        exclude_seen: Whether items that the user has had are left out.
        ranked: Which items are ranked `[items]`; all when absent.
    """

    queries: Queries
    query: Integers
    item: Integers
    exclude_seen: bool
    ranked: NDArray[np.bool_] | None = None

    @classmethod
    def at_first_wanted(cls, part: Dataset, ranked: NDArray[np.bool_] | None = None) -> "Asked":
        """One query per user, at the user's first wanted event of the part; every wanted event of the part is relevant."""
        positives = part.part(part.positives)
        queries = Queries.first_of_each_user(positives)
        query = np.searchsorted(queries.user, part.log.user[positives.rows])
        return cls(queries, query, part.log.item[positives.rows], part.recipe.serving.exclude_seen, ranked)


def measure_lists(models: Mapping[str, Recommender], test: Dataset, cutoffs: Sequence[int] = (10, 5, 20)) -> Lists:
    """Every model's list metrics, all items ranked, one query per user at the user's first wanted event of the part."""
    asked = Asked.at_first_wanted(test)
    return measure(models, asked, cutoffs, slices_of(test, asked.queries))


def measure(models: Mapping[str, Recommender], asked: Asked, cutoffs: Sequence[int], slices: Slices) -> Lists:
    """Every model's lists for the same questions."""
    values: dict[str, PerUser] = {}
    found: dict[str, Integers] = {}
    for name, model in models.items():
        longest = max(cutoffs)
        rows, scores = model.top(asked.queries, longest + 1, exclude_seen=asked.exclude_seen, ranked=asked.ranked)
        found[name] = rows[:, :longest]
        hits, relevant = find_hits(found[name], asked.query, asked.item, _ties(model, asked, rows, scores))
        values[name] = {f"{metric}@{k}": function(hits, relevant, k) for k in cutoffs for metric, function in LIST_METRICS.items()}
    return Lists(values, slices, found, asked.queries.user)


def joined(parts: Mapping[str, Lists]) -> Lists:
    """Lists of several questionings as one, each of them a slice."""
    sizes = [len(lists.user) for lists in parts.values()]
    origin = np.repeat(np.arange(len(sizes)), sizes)
    models = next(iter(parts.values())).values if parts else {}

    def values(model: str) -> PerUser:
        return {name: np.concatenate([lists.values[model][name] for lists in parts.values()]) for name in models[model]}

    return Lists(
        {model: values(model) for model in models},
        {name: origin == place for place, name in enumerate(parts)},
        {model: np.concatenate([lists.found[model] for lists in parts.values()]) for model in models},
        np.concatenate([np.zeros(0, dtype=np.int64), *(lists.user for lists in parts.values())]),
    )


def _ties(model: Recommender, asked: Asked, rows: Integers, scores: NDArray[np.float32]) -> Ties | None:
    """What is tied in and beyond lists that are one place longer than wanted; None where no two scores are equal.

    Only where that one place is tied with the last wanted one are the other items looked at.
    """
    equal = (scores[:, 1:] == scores[:, :-1]) & (rows[:, 1:] >= 0)
    if not equal.any():
        return None
    left, left_relevant = (np.zeros(len(rows), dtype=np.int64) for _ in range(2))
    over = np.flatnonzero(equal[:, -1])
    for start in range(0, len(over), BLOCK):
        chosen = over[start : start + BLOCK]
        beyond = _tied_beyond(model, asked, chosen, rows[chosen, :-1])
        left[chosen] = beyond.sum(axis=1)
        place = np.full(len(rows), -1)
        place[chosen] = np.arange(len(chosen))
        pairs = np.unique(np.stack([place[asked.query], asked.item])[:, place[asked.query] >= 0], axis=1)
        left_relevant[chosen] = np.bincount(pairs[0], weights=beyond[tuple(pairs)], minlength=len(chosen)).astype(np.int64)
    return Ties(scores[:, :-1], left, left_relevant)


def _tied_beyond(model: Recommender, asked: Asked, chosen: Integers, listed: Integers) -> NDArray[np.bool_]:
    """Ranked items outside these lists whose score is that of the list's last, `[chosen, items]`."""
    queries = asked.queries.take(chosen)
    scores = model.scores(queries)
    tied: NDArray[np.bool_] = scores == np.take_along_axis(scores, listed[:, -1:], axis=1)
    np.put_along_axis(tied, listed, False, axis=1)
    if asked.exclude_seen:
        tied[queries.seen()] = False
    return tied if asked.ranked is None else tied & asked.ranked


def slices_of(test: Dataset, queries: Queries) -> Slices:
    """Queries by scenario, by whether the user has a past, and by how long it is."""
    events = queries.before - test.log.offsets[queries.user]
    return scenario_slices(test.recipe, queries.moment) | by_training_events(events) | by_activity(events)
