"""What a balance is, and the gradients of single tasks, by which reports tell how far they agree."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import BaseModel
from torch import Tensor, nn
from torch.nn import functional

Losses = Mapping[str, Tensor]
"""Mean loss of each task that the batch says something about."""


class Balance(nn.Module):
    """Turns the tasks' losses into gradients. What it learns by itself are its parameters, which checkpoints carry.

    A subclass sets `kind` and `settings_class` and says what the total is.

    Args:
        settings: Its own keys of the recipe.
        weights: The recipe's weight of each task, at least 0; the losses are multiplied by them before they are balanced.

    Attributes:
        optimiser: Fits its parameters; None where it has none. Checkpoints carry its state.
    """

    kind: ClassVar[str]
    settings_class: ClassVar[type[BaseModel]]

    def __init__(self, settings: Any, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.settings, self.weights = settings, dict(weights)
        self.names = tuple(name for name, weight in weights.items() if weight)
        self.optimiser: torch.optim.Optimizer | None = None

    def weighted(self, losses: Losses) -> dict[str, Tensor]:
        """The losses times the recipe's weights, in the recipe's order; without tasks of weight 0 and those the batch does not know."""
        return {name: self.weights[name] * losses[name] for name in self.names if name in losses}

    def total(self, losses: Losses) -> Tensor:
        """What is descended, a scalar, from losses that are weighted already and not empty."""
        raise NotImplementedError

    def backward(self, losses: Losses) -> None:
        """Leave gradients in all parameters, its own included, and use the losses' graph up; nothing where no loss counts."""
        counted = self.weighted(losses)
        if counted:
            self.total(counted).backward()  # type: ignore[no-untyped-call]  # torch does not type it

    def settle(self, again: Callable[[], Losses]) -> None:
        """Learn from the step just made.

        Args:
            again: Computes the same batch's losses with the network as it is now, without gradients.
        """

    def places(self, losses: Losses) -> list[int]:
        """Where the parameters of these tasks stand."""
        return [self.names.index(name) for name in losses]


def gradients(losses: Losses, shared: Sequence[Tensor]) -> Tensor:
    """Each loss's gradient by the shared tensors, one after the other, `[tasks, numbers]`; zeros where a loss does not depend on them."""
    rows = []
    for loss in losses.values():
        found = torch.autograd.grad(loss, list(shared), retain_graph=True, allow_unused=True)
        parts = [torch.zeros_like(part) if one is None else one for one, part in zip(found, shared, strict=True)]
        rows.append(torch.cat([part.flatten().float() for part in parts]))
    return torch.stack(rows)


def cosines(by_task: Tensor) -> Tensor:
    """How far the tasks want the same, from -1 (the opposite) over 0 to 1, `[tasks, tasks]`, of their gradients `[tasks, numbers]`."""
    directions = functional.normalize(by_task)
    found: Tensor = directions @ directions.T
    return found
