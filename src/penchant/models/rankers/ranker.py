"""What judges candidates: the network itself, its graph, or a student of it."""

from typing import Protocol

from torch import Tensor

from penchant.models.network import Encoding, Items


class Ranker(Protocol):
    """The ranking path, or what stands for it."""

    def rank(self, encoding: Encoding, candidates: Items, standing: dict[str, Tensor]) -> dict[str, Tensor]:
        """Raw outputs `{task: [batch, 1, k]}`.

        Args:
            encoding: Who asks, one target each.
            candidates: Items `[batch, 1, k]`.
            standing: What is counted of each candidate `{name: [batch, 1, k, *]}`; empty where nothing is.
        """
