"""Products of many small matrices beside one another, without copies.

Torch's batched product wants its matrices laid out one after the other, and copies them when they are not: a layer's output
`[rows, many * width]` read as `[many, rows, width]` costs more to copy than to multiply. Here each matrix is multiplied where it lies.
"""

from collections.abc import Iterable, Sequence
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


def rectified(values: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What several stacks of linear layers, each with a ReLU behind it, make of the same values: of each `[rows, width_out]`.

    One stack after the other goes the whole way, there and back, so that what lies between its layers stays in the processor's cache.

    Args:
        values: `[rows, width_in]`.
        weights: Of each layer, `[many, width_out, width_in]`, of any floating type.
        biases: `[many, width_out]`.
    """
    if torch.is_autocast_enabled("cpu"):
        values = values.to(torch.get_autocast_dtype("cpu"))
    layers = [tensor.to(values.dtype) for layer in zip(weights, biases, strict=True) for tensor in layer]
    result: tuple[Tensor, ...] = _Rectified.apply(values, *layers)  # type: ignore[no-untyped-call]
    return result


def mixture(weights: Tensor, experts: Iterable[Tensor]) -> Tensor:
    """Each task's weighted sum of the experts, `[rows, tasks, width]`.

    Args:
        weights: `[rows, tasks, experts]`, of any floating type.
        experts: Of each, `[rows, width]`.
    """
    each = tuple(experts)
    columns = weights.to(each[0].dtype).permute(1, 2, 0).contiguous().unsqueeze(-1)  # [tasks, experts, rows, 1]
    mixed: Tensor = _Mixture.apply(columns, *each)  # type: ignore[no-untyped-call]
    return mixed.transpose(0, 1)


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, *layers: Tensor) -> tuple[Tensor, ...]:
        weights, biases = layers[::2], layers[1::2]
        made = []
        for place in range(len(weights[0])):
            read = values
            for weight, bias in zip(weights, biases, strict=True):
                read = _product(read, weight[place], bias[place])
                made.append(read)
        ctx.save_for_backward(values, *weights, *made)
        ctx.layers = len(weights)
        return tuple(made[ctx.layers - 1 :: ctx.layers])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        values, *rest = ctx.saved_tensors
        weights, made = rest[: ctx.layers], rest[ctx.layers :]
        by_values = torch.zeros_like(values)
        by_weights, by_biases = [torch.empty_like(weight) for weight in weights], [weight.new_empty(weight.shape[:2]) for weight in weights]
        ones = values.new_ones(1, len(values))
        for place, gradient in enumerate(gradients):
            reads = [values, *made[place * ctx.layers : (place + 1) * ctx.layers]]
            passed = torch.ops.aten.threshold_backward(gradient, reads[-1], 0)
            for layer in reversed(range(ctx.layers)):
                weight, read = weights[layer][place], reads[layer]
                _outer(passed, read, by_weights[layer][place])
                torch.mm(ones, passed, out=by_biases[layer][place : place + 1])  # a product sums columns fastest
                if layer:
                    below = passed @ weight
                    passed = torch.ops.aten.threshold_backward.grad_input(below, read, 0, grad_input=below)
                else:
                    by_values.addmm_(passed, weight)
        return by_values, *(tensor for layer in zip(by_weights, by_biases, strict=True) for tensor in layer)


def _product(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`relu(values @ weight.T + bias)`; by oneDNN in one go where torch offers it for this type, which is no part of its public face."""
    fused = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None  # type: ignore[no-untyped-call]
    if fused is not None and values.dtype == torch.bfloat16 and values.device.type == "cpu":
        found: Tensor = fused(values, weight, bias, "relu", [], "")
        return found
    return torch.mm(values, weight.T).add_(bias).relu_()


def _outer(gradient: Tensor, read: Tensor, result: Tensor) -> None:
    """Writes `gradient.T @ read`, in whichever direction the result lies."""
    if result.is_contiguous():
        torch.mm(gradient.T, read, out=result)
    else:
        torch.mm(read.T, gradient, out=result.T)


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
    def forward(ctx: Any, weights: Tensor, *experts: Tensor) -> Tensor:
        ctx.save_for_backward(weights, *experts)
        mixed = experts[0].new_empty(len(weights), *experts[0].shape)
        for told, sums in zip(weights, mixed, strict=True):
            torch.mul(experts[0], told[0], out=sums)
            for expert, weight in zip(experts[1:], told[1:], strict=True):
                sums.addcmul_(expert, weight)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        weights, *experts = ctx.saved_tensors
        by_weights, by_experts = torch.empty_like(weights), []
        for place, expert in enumerate(experts):
            sums = gradient[0] * weights[0, place]
            for task in range(1, len(gradient)):
                sums.addcmul_(gradient[task], weights[task, place])
            for task in range(len(gradient)):
                torch.sum(gradient[task] * expert, dim=1, keepdim=True, out=by_weights[task, place])
            by_experts.append(sums)
        return by_weights, *by_experts
