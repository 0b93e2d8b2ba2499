"""How far user and context move items."""

import torch
from torch import Tensor, nn

from penchant.models.blocks.feed_forward import feed_forward, start_at_zero

FRESH = 0.05  # of the usual gates that each step of training brings: those of about the last 20 steps


class MovementGates(nn.Module):
    """Numbers of any size and sign, made from user and context; no softmax, as nothing says that they share anything out.

    Args:
        width: Of users and contexts.
        start: The gates at which nothing moves `[gates]`, where they begin.
        constant: Whether they are learnt numbers that know nobody, made by as many parameters: the same layers, reading ones.
    """

    start: Tensor
    seen: Tensor

    def __init__(self, width: int, start: Tensor, constant: bool = False) -> None:
        super().__init__()
        self.constant, self.width = constant, width
        self.register_buffer("start", start, persistent=False)
        self.register_buffer("seen", start.clone())
        self.layers = feed_forward(2 * width, width, len(start))
        start_at_zero(self.layers[-1])

    def forward(self, users: Tensor, context: Tensor, present: Tensor) -> Tensor:
        """Gates `[batch, targets, gates]`.

        Args:
            users, context: `[batch, targets, width]`.
            present: Which targets are real `[batch, targets]`; the others are not counted as usual.
        """
        read = torch.cat([users, context], dim=-1)
        gates: Tensor = self.start + self.layers(torch.ones_like(read) if self.constant else read)
        if self.training and not self.constant and present.any():
            self.seen.lerp_(gates.detach()[present].float().mean(0), FRESH)
        return gates

    @property
    def usual(self) -> Tensor:
        """The mean gates `[gates]` of those who asked of late in training."""
        if not self.constant:
            return self.seen
        found: Tensor = self.start + self.layers(torch.ones(2 * self.width, device=self.start.device))
        return found
