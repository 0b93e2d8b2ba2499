"""Dropout from random bytes: torch draws one float per unit on a CPU, which costs more than the products beside it."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Zeroes a share of units in training and scales the rest up (Srivastava et al. 2014); the share is rounded to 1/256."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.level = round(share * 256)

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape; the same tensor when answering, or when the share is 0."""
        if not self.training or not self.level:
            return values
        words = torch.empty(values.numel() // 8 + 1, dtype=torch.int64, device=values.device).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: values.numel()].view(values.shape) >= self.level
        return values * kept * (256 / (256 - self.level))
