"""Tasks behind other tasks: click, then cart, then buy. What follows a step is only learnt given the step; what is told is the product.

Ma et al. 2018, "Entire Space Multi-Task Model": p(task) = p(step before) · p(task | step before), trained on all rows as that product
(`funnel = "whole_space"`), or p(task | step before) trained where the step was taken (`"masked"`).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from penchant.schema.sections.tasks import TaskPart


def through_steps(outputs: Mapping[str, Tensor], parts: Mapping[str, TaskPart]) -> dict[str, Tensor]:
    """Logits of the tasks themselves from logits given the step before; of any shape, those of tasks without one as they are.

    Args:
        outputs: Raw outputs by task; those of a task's steps are among them.
        parts: The recipe's tasks; none stands behind itself.
    """
    told: dict[str, Tensor] = {}

    def tell(name: str) -> Tensor:
        if name not in told:
            before = parts[name].after
            told[name] = outputs[name] if before is None else both(tell(before), outputs[name])
        return told[name]

    return {name: tell(name) for name in outputs}


def both(first: Tensor, then: Tensor) -> Tensor:
    """The logit of the product of two probabilities, from their logits.

    1 / p − 1 = (1 + e⁻ᵃ)(1 + e⁻ᵇ) − 1 = e⁻ᵃ + e⁻ᵇ + e⁻ᵃ⁻ᵇ, whose log is finite, and so is its gradient, however sure either is.
    """
    return -torch.stack([-first, -then, -first - then]).logsumexp(0)
