"""What lists are beside being right: how much of the catalogue they show, how novel, various and like the user's past they are."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.metrics.categories import intra_list_diversity, miscalibration
from penchant.evaluation.metrics.exposure import coverage, gini
from penchant.evaluation.metrics.hits import Integers
from penchant.evaluation.metrics.novelty import novelty, popularity_lift
from penchant.evaluation.metrics.rows import divide
from penchant.evaluation.summary import Metric, Metrics
from penchant.models.collaborative.interactions import interactions

KINDS = {"category": None, "categories": "|"}
"""Kinds of item features that say what kind of thing an item is, and what stands between several."""


def beyond_accuracy(found: Integers, user: Integers, train: Dataset, bootstrap: Bootstrap, k: int = 10) -> Metrics:
    """Measures of the lists' first k places.

    Args:
        found: Item rows `[queries, at least k]`; -1 where a list is shorter.
        user: User row of each query `[queries]`.
        train: What popularity and users' pasts are counted in.
        bootstrap: Of the intervals; coverage and Gini, which are of all lists together, have none.
        k: Places, or as many as the lists have.
    """
    k = min(k, found.shape[1])
    matrix, items, lists = interactions(train), len(train.log.items), found[:, :k]
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    past = matrix[user]
    size = np.asarray(past.sum(axis=1)).ravel()
    measured = {
        f"coverage@{k}": Metric(coverage(lists, items), n=len(lists)),
        f"gini@{k}": Metric(gini(lists, items), n=len(lists), lower_is_better=True),
        f"novelty@{k}": bootstrap.mean(novelty(lists, counts, len(np.unique(train.log.user[train.rows])))),
        f"popularity_lift@{k}": _less_is_better(bootstrap.mean(popularity_lift(lists, counts, divide(past @ counts, size)))),
    }
    kinds = kinds_of(train)
    if kinds is None:
        return measured
    kind_share = kinds.toarray()
    return measured | {
        f"diversity@{k}": bootstrap.mean(intra_list_diversity(lists, kind_share)),
        f"miscalibration@{k}": _less_is_better(bootstrap.mean(miscalibration(lists, kind_share, (past @ kinds).toarray()))),
    }


def kinds_of(data: Dataset) -> csr_array | None:
    """How much each item belongs to each kind `[items, kinds]`, by the first item feature that tells; None where none does."""
    for name, part in data.recipe.features.item.items():
        column = part.reads(name)[0]
        if part.kind in KINDS and column != "item_id":
            return _shares(data.log.items[column].to_list(), part.settings.get("separator", KINDS[part.kind]))
    return None


def _shares(told: list[object], separator: str | None) -> csr_array:
    names = [[] if each is None else str(each).split(separator) if separator else [str(each)] for each in told]
    known = {name: place for place, name in enumerate(sorted({name for own in names for name in own}))}
    item = np.repeat(np.arange(len(names)), [len(own) for own in names])
    kind = np.array([known[name] for own in names for name in own], dtype=np.int64)
    weight: NDArray[np.float64] = 1 / np.array([len(own) for own in names for _ in own], dtype=float)
    return csr_array((weight, (item, kind)), shape=(len(names), len(known)))


def _less_is_better(metric: Metric) -> Metric:
    return replace(metric, lower_is_better=True)
