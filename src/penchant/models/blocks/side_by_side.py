"""Products of many small matrices beside one another, without copies.

Torch's batched product wants its matrices laid out one after the other, and copies them when they are not: a layer's output
`[rows, many * width]` read as `[many, rows, width]` costs more to copy than to multiply. Here each matrix is multiplied where it lies.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def side_by_side(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each layer's product with its own input, plus its bias, `[many, rows, width_out]`.

    Args:
        values: `[many, rows, width_in]`, in any layout.
        weight: `[many, width_in, width_out]`, of any floating type.
        bias: `[many, 1, width_out]`.
    """
    result: Tensor = _SideBySide.apply(values, weight.to(values.dtype), bias.to(values.dtype))  # type: ignore[no-untyped-call]
    return result


def rectified(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """ReLU of a wide linear layer, `[..., width_out]`, which reads and writes its output once less on each way than torch's two steps.

    Args:
        values: `[..., width_in]`.
        weight: `[width_out, width_in]`, of any floating type.
        bias: `[width_out]`.
    """
    if torch.is_autocast_enabled("cpu"):
        values = values.to(torch.get_autocast_dtype("cpu"))
    flat: Tensor = _Rectified.apply(values.flatten(0, -2), weight.to(values.dtype), bias.to(values.dtype))  # type: ignore[no-untyped-call]
    return flat.view(*values.shape[:-1], -1)


def mixture(weights: Tensor, experts: Tensor) -> Tensor:
    """Each task's weighted sum of the experts, `[rows, tasks, width]`.

    Args:
        weights: `[rows, tasks, experts]`, of any floating type.
        experts: `[experts, rows, width]`.
    """
    columns = weights.to(experts.dtype).permute(1, 2, 0).contiguous().unsqueeze(-1)  # [tasks, experts, rows, 1]
    mixed: Tensor = _Mixture.apply(columns, experts)  # type: ignore[no-untyped-call]
    return mixed.transpose(0, 1)


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        result = _product(values, weight, bias)
        ctx.save_for_backward(values, weight, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values, weight, result = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(gradient, result, 0)
        return passed @ weight, passed.T @ values, (passed.new_ones(1, len(passed)) @ passed)[0]  # a product sums columns fastest


def _product(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`relu(values @ weight.T + bias)`; by oneDNN in one go where torch offers it for this type, which is no part of its public face."""
    fused = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None  # type: ignore[no-untyped-call]
    if fused is not None and values.dtype == torch.bfloat16 and values.device.type == "cpu":
        found: Tensor = fused(values, weight, bias, "relu", [], "")
        return found
    return torch.mm(values, weight.T).add_(bias).relu_()


class _SideBySide(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(values, weight)
        result = values.new_empty(len(values), values.shape[1], weight.shape[2])
        for place in range(len(values)):
            torch.addmm(bias[place], values[place], weight[place], out=result[place])
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values, weight = ctx.saved_tensors
        by_values, by_weight = torch.empty_like(values), torch.empty_like(weight)  # in the layout of the values
        for place in range(len(values)):
            torch.mm(gradient[place], weight[place].T, out=by_values[place])
            torch.mm(values[place].T, gradient[place], out=by_weight[place])
        return by_values, by_weight, gradient.sum(1, keepdim=True)


class _Mixture(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, experts: Tensor) -> Tensor:
        ctx.save_for_backward(weights, experts)
        mixed = experts.new_empty(len(weights), *experts.shape[1:])
        for told, sums in zip(weights, mixed, strict=True):
            torch.mul(experts[0], told[0], out=sums)
            for expert, weight in zip(experts[1:], told[1:], strict=True):
                sums.addcmul_(expert, weight)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        weights, experts = ctx.saved_tensors
        by_weights, by_experts = torch.empty_like(weights), torch.empty_like(experts)
        for expert, sums, place in zip(experts, by_experts, range(len(experts)), strict=True):
            torch.mul(gradient[0], weights[0, place], out=sums)
            for task in range(1, len(gradient)):
                sums.addcmul_(gradient[task], weights[task, place])
            for task in range(len(gradient)):
                torch.sum(gradient[task] * expert, dim=1, keepdim=True, out=by_weights[task, place])
        return by_weights, by_experts
