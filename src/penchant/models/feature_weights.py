"""What of an item matters for a user in a context: a number for each of its features, which add up to the score.

The weights are Shapley values (Lundberg and Lee 2017, section 3): what a feature adds to the score when it becomes known, on the average
over all orders in which the item's features may become known. Nothing is read off the network's inside: it is asked again and again as it
would be about an item of which no more is known, so that the weights hold whatever the network is made of.
"""

from collections.abc import Callable, Sequence
from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from penchant.models.queries import Queries
from penchant.schema.errors import TargetError, did_you_mean

if TYPE_CHECKING:
    from penchant.models.network_recommender import NetworkRecommender

MOST_EXACT = 9  # features of which all 512 sets are asked about
ORDERS = 32  # of more features, drawn at random, each with its reverse

Sets = NDArray[np.bool_]
Scores = NDArray[np.float64]


def feature_weights(recommender: "NetworkRecommender", queries: Queries, rows: Sequence[int], task: str | None = None) -> pl.DataFrame:
    """The weights of an item's features for each who asks, the strongest of each pair first.

    Args:
        recommender: Fitted.
        queries: Who asks, when.
        rows: Of the item of each `[queries]`.
        task: Whose score; that of retrieval, or of the first task where nothing retrieves, when absent.

    Returns:
        `pair` (the query's place), `feature`, `weight`, `share` of the pair's weights without their signs, and `nothing`: the score of an
        item of which no feature is known, by which the weights fall short of the item's score.

    Raises:
        TargetError: for a task that judges no items.
    """
    name = weighed_task(recommender, task)
    features = _names(recommender)
    parts = []
    for place, row in enumerate(rows):
        weights, nothing = shapley(_asked(recommender, queries.take(np.array([place])), row, name), len(features))
        told = {"pair": place, "feature": features, "weight": weights, "nothing": nothing}
        share = pl.col("weight").abs() / pl.max_horizontal(pl.col("weight").abs().sum(), 1e-12)
        parts.append(pl.DataFrame(told).with_columns(share=share).sort("share", descending=True, maintain_order=True))
    kinds = {"pair": pl.Int64, "feature": pl.String, "weight": pl.Float64, "share": pl.Float64, "nothing": pl.Float64}
    return pl.concat(
        [pl.DataFrame(schema=kinds), *(part.select(pl.col(each).cast(kind) for each, kind in kinds.items()) for part in parts)]
    )


def shapley(score: Callable[[Sets], Scores], features: int) -> tuple[Scores, float]:
    """Each feature's weight `[features]`, and the score of the empty set; together they are the score of the full one.

    Exact up to `MOST_EXACT` features; of more the mean over drawn orders, which adds up all the same.

    >>> weights, nothing = shapley(lambda sets: 1 + 2 * sets[:, 0] + 6.0 * sets[:, 0] * sets[:, 1], 2)
    >>> weights.tolist(), nothing
    ([5.0, 3.0], 1.0)

    Args:
        score: Gives sets of known features `[n, features]` their scores `[n]`.
        features: How many there are.
    """
    return _by_sets(score, features) if features <= MOST_EXACT else _by_orders(score, features)


def _by_sets(score: Callable[[Sets], Scores], features: int) -> tuple[Scores, float]:
    codes = np.arange(2**features)
    sets = (codes[:, None] >> np.arange(features)) % 2 == 1
    scores, size = score(sets), sets.sum(axis=1)
    # of all orders, the share in which a set of this size comes first and a feature that it lacks next
    share = np.array([factorial(n) * factorial(features - n - 1) / factorial(features) for n in range(features)])
    weights = np.zeros(features)
    for feature in range(features):
        before = codes[~sets[:, feature]]
        weights[feature] = (share[size[before]] * (scores[before + (1 << feature)] - scores[before])).sum()
    return weights, float(scores[0])


def _by_orders(score: Callable[[Sets], Scores], features: int) -> tuple[Scores, float]:
    random = np.random.default_rng(0)
    drawn = [random.permutation(features) for _ in range(ORDERS)]
    weights, nothing = np.zeros(features), 0.0
    for order in [*drawn, *(each[::-1] for each in drawn)]:
        known = np.argsort(order)[None, :] < np.arange(features + 1)[:, None]  # first nothing, then one feature more each
        scores = score(known)
        weights[order] += np.diff(scores) / (2 * ORDERS)
        nothing = float(scores[0])
    return weights, nothing


def _asked(recommender: "NetworkRecommender", query: Queries, row: int, task: str) -> Callable[[Sets], Scores]:
    """The task's score for one who asks, of an item of which only some features are known."""
    encoding = recommender.encode(recommender.batch_of(query))
    told, names = _features_of(recommender, row), _names(recommender)

    def score(sets: Sets) -> Scores:
        # 0 is the unknown value of an index, the padding of a bag, and the mean of a vector
        items = recommender.items_of({name: _shown(told[name], known) for name, known in zip(names, sets.T, strict=True)})
        candidates = items.at(torch.arange(len(sets)).view(1, 1, -1))
        judged = recommender.judge_as(encoding, candidates, np.full((1, len(sets)), row), query.moment)
        scores: Scores = judged[task][0].double().numpy()
        return scores

    return score


def _names(recommender: "NetworkRecommender") -> list[str]:
    """Of the item's features, in the order of sets."""
    return list(recommender.features.features["item"])


def _shown(array: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """A feature's array of one item where it is known, else nothing, `[n, *]`."""
    return (array * known.reshape(-1, *[1] * (array.ndim - 1))).astype(array.dtype)


def _features_of(recommender: "NetworkRecommender", row: int) -> dict[str, NDArray[Any]]:
    """Item features `{name: [1, *]}`; those of a network that was loaded are made anew."""
    known = recommender.encoded(recommender.log_).item
    return {name: array[[row]] for name, array in known.items()} if known else recommender.features.encode("item", recommender.items[[row]])


def weighed_task(recommender: "NetworkRecommender", task: str | None = None) -> str:
    """The task whose score is weighed: the one asked for, that of retrieval, or the first.

    Raises:
        TargetError: for a task that judges no items.
    """
    network = recommender.network
    known = [*([network.retrieval.name] if network.retrieval is not None else []), *network.ranking_tasks]
    if not known or (task is not None and task not in known):
        came = "a network that has none" if task is None else f"'{task}'"
        raise TargetError("a task", must="one that judges items", came=came, do=did_you_mean(task or "", known))
    return known[0] if task is None else task
