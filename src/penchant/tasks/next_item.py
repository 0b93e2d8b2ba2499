"""Which item comes next: softmax over the catalogue, sampled with the log-Q correction when the catalogue is large.

Sampling and correction: Bengio and Senécal 2008; Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large
Corpus Item Recommendations", equation 3.
"""

from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from penchant.schema.sections.tasks import TaskPart
from penchant.schema.settings import Settings


class NextItemSettings(Settings):
    """How negatives are drawn."""

    horizon: int = Field(1, ge=1)
    """How many events ahead count as next: with 8, every moment is asked for the following 8 events at once."""
    exponent: float = Field(0.5, ge=0, le=1)
    """Negatives are drawn in proportion to count^exponent: 0 is uniform, 1 as often as in the log."""


class NextItem(nn.Module):
    """The retrieval task: a user vector against item vectors."""

    kind: ClassVar[str] = "next_item"
    face: ClassVar[Literal["retrieval"]] = "retrieval"
    settings_class = NextItemSettings

    def __init__(self, name: str, part: TaskPart, settings: NextItemSettings, width: int) -> None:
        super().__init__()
        self.name, self.part, self.settings = name, part, settings
        self.known: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.probability: NDArray[np.float64] = np.zeros(0)

    def fit(self, counts: NDArray[np.integer]) -> None:
        """Take the training counts of all items `[items]`; only items with a count are drawn as negatives."""
        self.known = np.flatnonzero(counts)
        weight = counts[self.known].astype(np.float64) ** self.settings.exponent
        self.probability = weight / weight.sum()

    def draw(self, random: np.random.Generator, size: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Negative item rows `[n]` and the log of how often each is expected in the draw; all known items when they fit."""
        if size >= len(self.known):
            return self.known, np.zeros(len(self.known), dtype=np.float32)
        places = random.choice(len(self.known), size, p=self.probability)
        return self.known[places], np.log(self.probability[places] * size).astype(np.float32)

    def loss(
        self,
        queries: Tensor,
        positives: Tensor,
        positive_rows: Tensor,
        negatives: Tensor,
        negative_rows: Tensor,
        expected: Tensor,
        added: Tensor | None = None,
    ) -> Tensor:
        """Softmax loss of each query, the mean over its wanted items.

        Args:
            queries: User vectors `[m, width]`.
            positives: Vectors of the wanted items `[m, width]` or `[m, h, width]`.
            positive_rows: Their rows `[m]` or `[m, h]`, -1 where a query wants fewer; every query wants at least one.
            negatives: Vectors of the drawn items `[n, width]`; their rows `negative_rows` `[n]`.
            expected: Log of each drawn item's expected count `[n]`.
            added: To the scores of the wanted and then the drawn items, `[m, h + n]`; nothing when absent.

        Returns:
            Loss `[m]`.
        """
        positives, positive_rows = positives.reshape(len(queries), -1, queries.shape[-1]), positive_rows.reshape(len(queries), -1)
        present = positive_rows >= 0
        wanted = (positives @ queries.unsqueeze(-1)).squeeze(-1)
        drawn = queries @ negatives.T - expected
        if added is not None:
            wanted, drawn = wanted + added[:, : wanted.shape[1]], drawn + added[:, wanted.shape[1] :]
        drawn = drawn.masked_fill(_among(positive_rows, negative_rows), float("-inf"))
        everything = torch.logaddexp(drawn.logsumexp(1), wanted.masked_fill(~present, float("-inf")).logsumexp(1))
        return everything - (wanted * present).sum(1) / present.sum(1)


def _among(positive_rows: Tensor, negative_rows: Tensor) -> Tensor:
    """Which drawn items a query wants, `[m, n]`."""
    known, place_of = torch.unique(negative_rows, return_inverse=True)
    place = torch.searchsorted(known, positive_rows).clamp(max=len(known) - 1)
    place = place.where(known[place] == positive_rows, len(known))
    among = torch.zeros(len(positive_rows), len(known) + 1, dtype=torch.bool, device=positive_rows.device)
    return among.scatter_(1, place, True)[:, place_of]
