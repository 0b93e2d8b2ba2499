"""Requests over a log, with everything they are made of."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from penchant.models.explanation.request import ItemsAsked, PastEvent, Request
from penchant.models.explanation.untold import untold_items
from penchant.models.queries import Queries

if TYPE_CHECKING:
    from penchant.models.network_recommender import NetworkRecommender


def request_of(recommender: "NetworkRecommender", query: Queries) -> Request:
    """One query as what it is made of."""
    log, features = query.log, recommender.features
    encoded = recommender.encoded(log)
    start, count = query.history(recommender.recipe.history.length + 1)
    rows = log.history_rows[start[0] : start[0] + count[0]]
    columns = {name: array[rows] for name, array in encoded.history.items()}
    past = [
        PastEvent(int(log.item[row]), float(log.time[row]), {name: array[place] for name, array in columns.items()}, int(row))
        for place, row in enumerate(rows.tolist())
    ]
    user = int(query.user[0])
    record = log.users.row(user, named=True) if user >= 0 else {"user_id": ""}
    profile = {name: array[[user]] for name, array in encoded.user.items()} if user >= 0 else features.encode_one("user", record)
    return Request(record, profile, query.moment.row(0, named=True), None, past)


def items_asked(recommender: "NetworkRecommender", rows: NDArray[np.int64]) -> ItemsAsked:
    """Items of the log."""
    table = recommender.items[rows]
    return ItemsAsked(rows, table.to_dicts(), untold_items(recommender, table, item_arrays(recommender, rows)))


def item_arrays(recommender: "NetworkRecommender", rows: NDArray[np.int64]) -> dict[str, Any]:
    """What the network reads of items of the log `{name: [n, *]}`; of a bundle that does not keep it, made anew."""
    known = recommender.encoded(recommender.log_).item
    return {name: array[rows] for name, array in known.items()} if known else recommender.features.encode("item", recommender.items[rows])
