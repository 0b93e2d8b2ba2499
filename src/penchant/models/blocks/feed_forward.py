"""Small feed-forward stacks."""

from torch import nn

from penchant.models.blocks.dropout import Dropout


def feed_forward(width_in: int, hidden: int, width_out: int, dropout: float = 0.0) -> nn.Sequential:
    """Linear, GELU, dropout, linear: `[..., width_in]` to `[..., width_out]`."""
    return nn.Sequential(nn.Linear(width_in, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, width_out))


def start_at_zero(*layers: nn.Module) -> None:
    """Let layers that add to a sum begin by adding nothing."""
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
