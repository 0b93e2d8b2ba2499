"""Items as the network reads them when some of their columns say nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from penchant.models.explanation.removals import parts
from penchant.models.explanation.request import Array
from penchant.models.network import Items

if TYPE_CHECKING:
    from penchant.models.network_recommender import NetworkRecommender


def untold_items(recommender: "NetworkRecommender", table: pl.DataFrame, arrays: Mapping[str, Array]) -> Items:
    """All items without the first part of their columns, then all without the second, `[parts * n]`.

    Args:
        recommender: Fitted.
        table: The items' columns, `[n]` rows.
        arrays: What the network reads of them `{name: [n, *]}`.
    """
    features, found = recommender.features, []
    for columns in parts(features, "item").values():
        left = table.with_columns(pl.lit(None).alias(column) for column in columns)
        told = dict(arrays)
        for name, part in features.parts["item"].items():
            own = {*part.reads(name)}
            if columns >= own or (columns & own and name in features.pretrained("item")):
                told[name] = features.missing("item", name, len(table))
            elif columns & own:
                told[name] = features.features["item"][name].transform(features.values("item", name, left))
        found.append(told)
    return recommender.items_of({name: np.concatenate([told[name] for told in found]) for name in arrays})
