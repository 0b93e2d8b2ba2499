"""Lists over all items, and how good they are: one query per user, one value per user and metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.average_precision import average_precision
from penchant.evaluation.metrics.hit_rate import hit_rate
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.evaluation.metrics.recall import recall
from penchant.evaluation.metrics.reciprocal_rank import reciprocal_rank
from penchant.evaluation.slices import Slices, by_activity, by_scenario, by_training_events
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender

LIST_METRICS = {"ndcg": ndcg, "recall": recall, "hit_rate": hit_rate, "mrr": reciprocal_rank, "map": average_precision}

PerUser = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Lists:
    """List metrics of every model, one value per user.

    Attributes:
        values: `{model: {metric: [users]}}`.
        slices: Named masks `[users]`.
    """

    values: dict[str, PerUser]
    slices: Slices


def measure_lists(models: Mapping[str, Recommender], test: Dataset, cutoffs: Sequence[int] = (10, 5, 20)) -> Lists:
    """Every model's list metrics, all items ranked, one query per user at the user's first wanted event of the part."""
    positives = test.part(test.positives)
    queries = Queries.first_of_each_user(positives)
    place = np.searchsorted(queries.user, test.log.user[positives.rows])
    item = test.log.item[positives.rows]
    values = {}
    for name, model in models.items():
        found, _ = model.top(queries, max(cutoffs), exclude_seen=test.recipe.serving.exclude_seen)
        hits, relevant = find_hits(found, place, item)
        values[name] = {
            f"{metric}@{k}": function(hits, relevant, k) for k in cutoffs for metric, function in LIST_METRICS.items() if k <= hits.shape[1]
        }
    return Lists(values, _query_slices(test, queries))


def _query_slices(test: Dataset, queries: Queries) -> Slices:
    events = queries.before - test.log.offsets[queries.user]
    scenario = test.recipe.scenario.column
    slices = by_scenario(queries.moment[scenario].to_list()) if scenario else {}
    return slices | by_training_events(events) | by_activity(events)
