"""A table too big for dense gradients: only the rows that a batch asks for are touched."""

import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

EPSILON = 1e-8
STEP = 10.0
"""How many times the network's learning rate a row's first step is long: unlike Adam's, its steps shorten with every visit."""


class RowTable(nn.Module):
    """Rows fitted by row-wise Adagrad: one number of state per row (Duchi et al. 2011, shared within a row as in FBGEMM).

    With every step a row's state grows by the mean square of its gradient, summed over the batch; the row moves against the gradient by
    the rate over the state's root. FBGEMM's fused kernel does this where it is installed, plain torch elsewhere; both work on the same
    weights and states, so that a checkpoint of one goes on with the other.

    Args:
        size, width: Of the table.
        still: A row that stays as it is; None where all move.
        fused: Whether FBGEMM is used where it is installed. A table that is asked several times in a step does without: the kernel
            would make a step of each.

    Attributes:
        weight: `[size, width]`; zeros at first.
        squares: Each row's state `[size]`; no part of what is saved with the network.
    """

    squares: Tensor

    def __init__(self, size: int, width: int, *, still: int | None = 0, fused: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size, width), requires_grad=False)
        self.register_buffer("squares", torch.zeros(size), persistent=False)
        self.still, self.fused = still, fused and fbgemm() is not None
        self.rate = 0.0
        self._anchor = torch.empty(0, requires_grad=True)  # autograd goes only where something wants a gradient
        self._asked: list[tuple[Tensor, Tensor]] = []
        self._kernel: list[Any] = []  # in a list, so that it is no part of the network

    def forward(self, rows: Tensor) -> Tensor:
        """The vectors `[..., width]` of rows `[...]`."""
        if not (self.training and torch.is_grad_enabled()):
            return functional.embedding(rows, self.weight)
        if not self.fused:
            vectors: Tensor = _Asked.apply(self._anchor, rows, self)  # type: ignore[no-untyped-call]
            return vectors
        flat = rows.flatten()
        found: Tensor = self.kernel()(flat, torch.arange(len(flat) + 1))
        if self.still is not None:
            moves = (flat != self.still).unsqueeze(-1)
            found = found.where(moves, found.detach())
        return found.view(*rows.shape, -1)

    def begin(self, rate: float) -> None:
        """A step begins, at this learning rate."""
        self.rate = rate * STEP
        self._asked.clear()
        if self._kernel:
            self._kernel[0].set_learning_rate(self.rate)

    def finish(self) -> None:
        """Move the rows whose gradients have come; the fused kernel has already done so."""
        if not self._asked:
            return
        asked, gradients = (torch.cat(parts) for parts in zip(*self._asked, strict=True))
        self._asked.clear()
        rows, place = torch.unique(asked, return_inverse=True)
        sums = gradients.new_zeros(len(rows), gradients.shape[1]).index_add_(0, place, gradients)
        if self.still is not None:
            sums[rows == self.still] = 0
        squares = self.squares.index_select(0, rows) + sums.square().mean(1)
        self.squares.index_copy_(0, rows, squares)
        self.weight.index_add_(0, rows, sums * (-self.rate / (squares.sqrt() + EPSILON)).unsqueeze(1))

    def take(self, rows: Tensor, gradients: Tensor) -> None:
        """Gradients `[n, width]` of rows `[n]`."""
        self._asked.append((rows, gradients))

    def kernel(self) -> Any:
        """FBGEMM's, on this table's memory."""
        if not self._kernel or self._kernel[0].weights_host.data_ptr() != self.weight.data_ptr():
            self._kernel[:] = [_kernel(self.weight.detach(), self.squares, self.rate)]
        return self._kernel[0]


class _Asked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, anchor: Tensor, rows: Tensor, table: RowTable) -> Tensor:
        ctx.rows, ctx.table = rows, table
        return functional.embedding(rows, table.weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        ctx.table.take(ctx.rows.flatten(), gradient.reshape(-1, gradient.shape[-1]))
        return None, None, None


@cache
def fbgemm() -> Any:
    """FBGEMM's training module, None where it is not installed or does not load with this torch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of kernels for other devices
        try:
            from fbgemm_gpu import split_table_batched_embeddings_ops_training
        except (ImportError, OSError, RuntimeError, AttributeError):
            return None
    return split_table_batched_embeddings_ops_training


def _kernel(weight: Tensor, squares: Tensor, rate: float) -> Any:
    module = fbgemm()
    kernel = module.SplitTableBatchedEmbeddingBagsCodegen(
        [(*weight.shape, module.EmbeddingLocation.HOST, module.ComputeDevice.CPU)],
        optimizer=module.OptimType.EXACT_ROWWISE_ADAGRAD,
        learning_rate=rate,
        eps=EPSILON,
    )
    kernel.weights_host.data = weight.view(-1)
    kernel.momentum1_host.data = squares
    return kernel
