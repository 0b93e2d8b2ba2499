"""How near past events are to a request."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.features.category import UNKNOWN

WORTH = 0.5  # of each agreeing circumstance at the start: seven of them weigh a past event e^3.5 = 33 times


class Likeness(nn.Module):
    """How near past events are to a request because their circumstances are alike: each head learns what each circumstance is worth.

    Args:
        names: Circumstances that are columns of the history too.
        heads: Heads of the attention that reads the history.
    """

    def __init__(self, names: Sequence[str], heads: int) -> None:
        super().__init__()
        self.names = tuple(names)
        self.worth = nn.Linear(len(self.names), heads, bias=False)
        nn.init.constant_(self.worth.weight, WORTH)

    def forward(self, context: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """What attention adds to each key `[batch, heads, targets, 1 + length]`, nothing to the profile before the first event.

        Args:
            context: Index features of the targets `{name: [batch, targets]}`.
            columns: The same of the past events `{name: [batch, length]}`, with the same indices.
        """
        alike = torch.stack([_agree(context[name].unsqueeze(2), columns[name].unsqueeze(1)) for name in self.names], dim=-1)
        near: Tensor = self.worth(alike.to(self.worth.weight.dtype)).permute(0, 3, 1, 2)
        return functional.pad(near, (1, 0))


def _agree(one: Tensor, other: Tensor) -> Tensor:
    return (one == other) & (one != UNKNOWN)  # two values never seen in training need not be the same
