"""What it is worth that the user has chosen an item before."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.models.blocks.context.likeness import Likeness
from penchant.schema.settings import Settings


class NoRepeatsSettings(Settings):
    """Nothing to set."""


class NoRepeats(nn.Module):
    """An item chosen before is an item like any other."""

    kind: ClassVar[str] = "none"
    settings_class = NoRepeatsSettings

    def __init__(self, settings: NoRepeatsSettings, shared: Sequence[str], order: bool) -> None:
        super().__init__()

    def weigh(self, age: Tensor, context: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> None:
        """Nothing to weigh."""


class CountedRepeatsSettings(Settings):
    """Nothing to set."""


class CountedRepeats(nn.Module):
    """Adds `strength * log(1 + sum of the weights of the user's visible events with that item)` to retrieval's score.

    An event weighs more in the circumstances of the request, and less the older it is where order tells something; with weights of 1
    it is the log of a count. Only items of the history are moved, so that one static index still finds all others.

    Args:
        settings: Nothing.
        shared: Circumstances that are columns of the history too.
        order: Whether the history is a sequence.
    """

    kind: ClassVar[str] = "counts"
    settings_class = CountedRepeatsSettings

    def __init__(self, settings: CountedRepeatsSettings, shared: Sequence[str], order: bool) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.ones(()))
        self.likeness = Likeness(shared, 1) if shared else None
        self.fading = nn.Parameter(torch.tensor(-3.0)) if order else None

    def weigh(self, age: Tensor, context: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """The weight of each past event for each target `[batch, targets, length]`, 0 where it is not visible.

        Args:
            age: As attention reads it, the profile at position 0 included, `[batch, targets, 1 + length]`.
            context: Index features of the targets `{name: [batch, targets]}`.
            columns: The same of the past events `{name: [batch, length]}`.
        """
        past = age[..., 1:]
        logits = torch.zeros(past.shape, device=past.device)
        if self.likeness is not None:
            logits = logits + self.likeness(context, columns)[:, 0, :, 1:]
        if self.fading is not None:
            logits = logits - functional.softplus(self.fading) * past
        return logits.exp().masked_fill(past < 0, 0.0)

    def everywhere(self, history: Tensor, weights: Tensor, items: int) -> Tensor:
        """What is added to the score of every item `[n, items]`.

        Args:
            history: Items of the past events `[n, length]`, below `items`.
            weights: What `weigh` gave for one target each `[n, length]`.
            items: How many items there are.
        """
        total = torch.zeros(len(history), items, device=weights.device).scatter_add(1, history, weights.float())
        return self.strength * total.log1p()

    def at(self, history: Tensor, weights: Tensor, rows: Tensor) -> Tensor:
        """The same for some items only: `[n, k]` for item rows `[n, k]`."""
        same = (rows.unsqueeze(-1) == history.unsqueeze(1)).to(weights.dtype)
        return self.strength * (same @ weights.unsqueeze(-1)).squeeze(-1).log1p()
