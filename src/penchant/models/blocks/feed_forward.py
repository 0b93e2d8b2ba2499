"""Small feed-forward stacks."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from penchant.models.blocks.dropout import Dropout

Activation = Literal["gelu", "relu"]
BENDS: dict[Activation, Callable[[Tensor], Tensor]] = {"gelu": functional.gelu, "relu": functional.relu}


def feed_forward(width_in: int, hidden: int, width_out: int, dropout: float = 0.0) -> nn.Sequential:
    """Linear, GELU, dropout, linear: `[..., width_in]` to `[..., width_out]`."""
    return nn.Sequential(nn.Linear(width_in, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, width_out))


def layers(width_in: int, sizes: Sequence[int], dropout: float = 0.0, activation: Activation = "gelu") -> nn.Sequential:
    """Linear, activation, dropout for each size: `[..., width_in]` to `[..., sizes[-1]]`; nothing at all where there are no sizes."""
    bend = nn.GELU if activation == "gelu" else nn.ReLU
    steps = ((nn.Linear(one, other), bend(), Dropout(dropout)) for one, other in pairwise([width_in, *sizes]))
    return nn.Sequential(*(step for each in steps for step in each))


def start_at_zero(*layers: nn.Module) -> None:
    """Let layers that add to a sum begin by adding nothing."""
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
