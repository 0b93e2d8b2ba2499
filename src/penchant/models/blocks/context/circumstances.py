"""What a context part makes of the circumstances."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Circumstances:
    """Circumstances, read.

    Attributes:
        vector: All of them together `[..., width]`.
        each: Every one's own vector, without the time since the last event, `[..., circumstances, width]`.
        spread: Standard deviation of the vector `[..., width]`; None where it is a point.
        divergence: What its distribution costs, `[...]`; None where it is a point.
    """

    vector: Tensor
    each: Tensor
    spread: Tensor | None = None
    divergence: Tensor | None = None
