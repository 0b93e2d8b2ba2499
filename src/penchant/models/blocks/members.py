"""Several answers from one ranking path, which together are surer than one."""

import torch
from torch import Tensor, nn


class Members(nn.Module):
    """An ensemble that shares all weights but a few: each member reads with signs of its own and answers with scales of its own.

    Gorishniy et al. 2025, "TabM", section 3.3 (TabM-mini). Members learn apart, each by its own loss; their mean answers.
    """

    signs: Tensor

    def __init__(self, members: int, width_in: int, width_out: int, tasks: int) -> None:
        super().__init__()
        self.register_buffer("signs", torch.randint(0, 2, (members, width_in)) * 2.0 - 1.0)
        self.scales = nn.Parameter(torch.ones(tasks, members, width_out))
        self.biases = nn.Parameter(torch.zeros(tasks, members))

    def spread(self, values: Tensor) -> Tensor:
        """Values `[..., k, width_in]` as each member reads them, `[..., k * members, width_in]`."""
        return (values.unsqueeze(-2) * self.signs).flatten(-3, -2)

    def answer(self, representations: Tensor, place: int, task: nn.Module) -> Tensor:
        """Raw outputs of a task, `[batch, targets, k]`; in training of each member by itself, `[members * batch, targets, k]`.

        Args:
            representations: As its tower gives them `[batch, targets, k * members, width_out]`.
            place: Which of the tasks it is.
            task: Its head.
        """
        members, width = self.scales.shape[1:]
        own = (
            representations.reshape(*representations.shape[:-2], representations.shape[-2] // members, members, width) * self.scales[place]
        )
        each: Tensor = task(own) + self.biases[place]
        return each.movedim(-1, 0).flatten(0, 1) if self.training else each.mean(-1)
