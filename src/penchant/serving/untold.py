"""Items without some of their columns, kept from one explanation to the next: they are the same for everybody."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from penchant.data.records import frame_of
from penchant.models.explanation.of_log import item_arrays
from penchant.models.explanation.untold import untold_items
from penchant.models.network import Items
from penchant.models.network_recommender import NetworkRecommender
from penchant.serving.protocol import Given
from penchant.serving.served import Rows

MOST = 10_000
"""Items kept; those asked about longest ago give way."""


class UntoldItems:
    """What `models.explanation.untold` makes of items, those put since the log was made as they are now.

    Args:
        recommender: Whose catalogue.
    """

    def __init__(self, recommender: NetworkRecommender) -> None:
        self._recommender = recommender
        self._put: dict[int, dict[str, Any]] = {}  # what the network reads of items put since, by row
        self._kept: OrderedDict[int, Items] = OrderedDict()

    def tell(self, rows: Rows, arrays: Given) -> None:
        """These items are told anew: what the network reads of them `{name: [rows, *]}`."""
        for place, row in enumerate(rows.tolist()):
            self._put[row] = {name: array[place] for name, array in arrays.items()}
            self._kept.pop(row, None)

    def of(self, rows: Rows, records: Sequence[Mapping[str, Any]]) -> Items:
        """All of them without the first part of their columns, then all without the second, `[parts * n]`.

        Args:
            rows: Of the items `[n]`.
            records: Their columns.
        """
        fresh = [place for place, row in enumerate(rows.tolist()) if row not in self._kept]
        if fresh:
            self._make(rows[fresh], [records[place] for place in fresh])
        for row in rows.tolist():
            self._kept.move_to_end(row)
        found = Items.cat([self._kept[row] for row in rows.tolist()])
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return found.at(torch.arange(len(found.vectors)).view(len(rows), -1).T.flatten())

    def _make(self, rows: Rows, records: Sequence[Mapping[str, Any]]) -> None:
        in_log = len(self._recommender.log_.items)
        arrays = item_arrays(self._recommender, np.minimum(rows, in_log - 1))
        for place, row in enumerate(rows.tolist()):
            for name, array in self._put.get(row, {}).items():
                arrays[name][place] = array
        made = untold_items(self._recommender, frame_of(records), arrays)
        for place, row in enumerate(rows.tolist()):
            self._kept[row] = made.at(torch.arange(place, len(made.vectors), len(rows)))
