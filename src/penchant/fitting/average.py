"""The running mean of a network's weights: smoother than where the last step left them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

YOUNG = 10.0  # at step n at most (1 + n) / (YOUNG + n) of the past is kept, so that the beginning is soon forgotten


class Average:
    """An exponential mean of weights over the steps (Polyak and Juditsky 1992; the warm-up as TensorFlow's).

    Args:
        parameters: What is averaged; tables that are fitted row by row are not among them.
        past: How much of the mean each step keeps; .998 = about the last 500 steps. 0 = the weights as they are.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], past: float) -> None:
        self.parameters: list[Tensor] = list(parameters)
        self.past = past
        self.mean = [parameter.detach().clone() for parameter in parameters] if past else []

    def follow(self, step: int) -> None:
        """Take the weights after this step, counted from 0, into the mean."""
        if self.past:
            kept = min(self.past, (1 + step) / (YOUNG + step))
            with torch.no_grad():
                torch._foreach_lerp_(self.mean, self.parameters, 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While it lasts the network has the mean for weights."""
        own = [parameter.detach().clone() for parameter in self.parameters] if self.past else []
        self._put(self.mean)
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, weights: Sequence[Tensor]) -> None:
        for parameter, weight in zip(self.parameters, weights, strict=False):
            parameter.copy_(weight)

    def tensors(self) -> dict[str, Tensor]:
        """The mean, by place; nothing where there is none."""
        return {str(place): mean for place, mean in enumerate(self.mean)}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take `tensors` again; a mean begins anew at the network's weights where there are none."""
        for place, mean in enumerate(self.mean):
            mean.copy_(tensors.get(str(place), self.parameters[place].detach()))
