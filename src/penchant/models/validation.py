"""How good a model's lists are on a validation part: what early stopping looks at."""

import numpy as np

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender


def list_quality(model: Recommender, valid: Dataset, users: int | None = None, k: int = 10) -> float:
    """Mean NDCG@k over all items, one query per user at the user's first wanted event of the part.

    Args:
        model: Able to answer.
        valid: With at least one wanted event.
        users: Most users asked, evenly spread over the part; all when None.
        k: Length of the lists.
    """
    positives = valid.part(valid.positives)
    firsts = positives.rows[np.unique(valid.log.user[positives.rows], return_index=True)[1]]
    every = 1 if users is None else -(-len(firsts) // users)
    queries = Queries.at_events(positives, firsts[::every])
    found, _ = model.top(queries, k, exclude_seen=valid.recipe.serving.exclude_seen)
    asked = positives.rows[np.isin(valid.log.user[positives.rows], queries.user)]
    hits, relevant = find_hits(found, np.searchsorted(queries.user, valid.log.user[asked]), valid.log.item[asked])
    return float(ndcg(hits, relevant, k).mean())
