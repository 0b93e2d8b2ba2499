"""Several small networks side by side."""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.feed_forward import BENDS, Activation
from penchant.models.blocks.side_by_side import side_by_side

Size = Annotated[int, Field(ge=1)]
Hidden = Size | Annotated[tuple[Size, ...], Field(min_length=1)]
"""One hidden layer of this size before the network's width; or the sizes of all layers, the last of which the tasks read."""


def width_of(hidden: Hidden, width: int) -> int:
    """One hidden layer ends in the network's width; of a list of layers the last is what the experts give."""
    return width if isinstance(hidden, int) else hidden[-1]


class Several(nn.Module):
    """Networks of the same layers and different weights, each with an input of its own.

    Args:
        many: How many.
        width_in: What they read.
        hidden: Their layers; after those of a list comes the activation, after the last one of a single number none.
        width: Width of the network.
        dropout, activation: After each hidden layer.
    """

    def __init__(self, many: int, width_in: int, hidden: Hidden, width: int, dropout: float, activation: Activation) -> None:
        super().__init__()
        sizes = [width_in, hidden] if isinstance(hidden, int) else [width_in, *hidden]
        self.layers = nn.ModuleList([ManyLinear(many, one, other) for one, other in pairwise(sizes)])
        self.leave = ManyLinear(many, hidden, width) if isinstance(hidden, int) else None
        self.dropout, self.bend = Dropout(dropout), BENDS[activation]

    def forward(self, values: Tensor) -> Tensor:
        """`[many, rows, width_out]`."""
        for layer in self.layers:
            values = self.dropout(self.bend(layer(values)))
        return values if self.leave is None else self.leave(values)


class ManyLinear(nn.Module):
    """Linear layers side by side, each with an input of its own: `[many, rows, width_in]` to `[many, rows, width_out]`, in one product."""

    def __init__(self, many: int, width_in: int, width_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(many, width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(many, 1, width_out))
        nn.init.uniform_(self.weight, -(width_in**-0.5), width_in**-0.5)  # as torch.nn.Linear begins

    def forward(self, values: Tensor) -> Tensor:
        """`[many, rows, width_out]`."""
        return side_by_side(values, self.weight, self.bias)
