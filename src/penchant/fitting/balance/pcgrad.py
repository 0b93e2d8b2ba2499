"""No task undoes what another does."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from penchant.fitting.balance.balance import Balance, Losses, gradients
from penchant.schema.settings import Settings


class PCGradSettings(Settings):
    """Nothing to set."""


class PCGrad(Balance):
    """Projecting conflicting gradients (Yu et al. 2020, algorithm 1), at the representation that all tasks share.

    What a task's gradient has against another's is taken out of it, the others in random order. Weights beyond the shared representation
    (experts, towers) get the plain sum.
    """

    kind: ClassVar[str] = "pcgrad"
    settings_class = PCGradSettings
    reads_gradients = True

    def backward(self, losses: Losses, shared: Sequence[Tensor]) -> None:
        """Gradients of the sum, with the projected ones from the shared tensors on."""
        counted = self.weighted(losses)
        if not counted:
            return
        joined = projected(gradients(counted, shared)).sum(0)
        parts = joined.split([tensor.numel() for tensor in shared])  # type: ignore[no-untyped-call]  # torch types neither this
        for tensor, part in zip(shared, parts, strict=True):
            tensor.register_hook(_instead(part.view_as(tensor)))  # type: ignore[no-untyped-call]  # nor this
        torch.stack(list(counted.values())).sum().backward()  # type: ignore[no-untyped-call]  # torch does not type it


def projected(by_task: Tensor) -> Tensor:
    """Each task's gradient without what it has against the others', `[tasks, numbers]` from the same."""
    found = by_task.clone()
    length = by_task.square().sum(1)
    for place, own in enumerate(found):
        for other in torch.randperm(len(by_task)).tolist():
            against = own @ by_task[other]
            if other != place and against < 0:
                own -= against / length[other] * by_task[other]
    return found


def _instead(gradient: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda given: gradient.to(given.dtype)
