"""Feature arrays to vectors, whatever their form."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from penchant.features.feature import Form
from penchant.models.blocks.row_table import RowTable
from penchant.schema.kinds import choose

SCALE = 0.05  # small beginnings: scores start near zero, so that the softmax starts near uniform
DENSE_ROWS = 200_000  # above this, a dense gradient costs more than the lookups themselves


class FeatureEmbedding(nn.Module):
    """One vector per feature: `{name: [..., *]}` to `[..., features, width]`.

    Index features are looked up; bags are averaged over their non-padding values; vectors take their adaptor's road.
    Index 0 (unknown) is the zero vector and stays so; index 1 (missing) begins as zero.
    """

    def __init__(self, forms: dict[str, Form], width: int) -> None:
        super().__init__()
        self.forms, self.width = forms, width
        self.tables = nn.ModuleDict({key(name): _table(form, width) for name, form in forms.items()})
        self.together = [name for name in forms if isinstance(self.tables[key(name)], nn.Embedding)]

    def forward(self, arrays: dict[str, Tensor]) -> Tensor:
        """Vectors `[..., features, width]` of feature arrays `{name: [..., *]}`, in the order of the forms."""
        if len(self.together) == len(self.forms):
            return self._look_up(arrays, self.together)
        found = dict(zip(self.together, self._look_up(arrays, self.together).unbind(-2), strict=True)) if self.together else {}
        return torch.stack([found[name] if name in found else self.one(name, arrays[name]) for name in self.forms], dim=-2)

    def _look_up(self, arrays: dict[str, Tensor], names: list[str]) -> Tensor:
        """Several index features of dense tables, `[..., names, width]`."""
        indices = [arrays[name] for name in names]
        tables = [self.tables[key(name)].get_parameter("weight") for name in names]
        if not torch.is_grad_enabled():
            return _looked_up(indices, tables)  # a request would pay for what only gradients need
        vectors: Tensor = _Lookups.apply(indices, *tables)  # type: ignore[no-untyped-call]  # torch does not type it
        return vectors

    def start(self, name: str, vectors: Tensor) -> None:
        """Begin a table from these vectors `[size, width]`."""
        self.tables[key(name)].load_state_dict({"weight": vectors}, strict=False)

    def quieten(self, factor: float) -> None:
        """Begin all tables smaller by a factor."""
        for table in self.tables.values():
            quieten = getattr(table, "quieten", None)
            if quieten is not None:  # an adaptor of several layers knows which of them to touch
                quieten(factor)
                continue
            with torch.no_grad():
                for parameter in table.parameters():
                    parameter.mul_(factor)

    def one(self, name: str, array: Tensor) -> Tensor:
        """One feature's vectors `[..., width]`."""
        table, bag = self.tables[key(name)], self.forms[name].shape == "bag"
        if bag and isinstance(table, RowTable):
            total: Tensor = table(array).sum(-2)  # padding adds nothing
            return total / (array != 0).sum(-1, keepdim=True).clamp(min=1)
        vectors: Tensor = table(array.flatten(0, -2)).unflatten(0, array.shape[:-1]) if bag else table(array)
        return vectors


def key(name: str) -> str:
    """A feature name as a module name, which may hold no dot."""
    return "feature_" + name.replace(".", "_dot_")


class _Lookups(torch.autograd.Function):
    """One lookup in each table, side by side: torch's own, one by one, take several times as long for the gradients."""

    @staticmethod
    def forward(ctx: Any, indices: list[Tensor], *tables: Tensor) -> Tensor:
        ctx.save_for_backward(*indices)
        ctx.sizes = [len(table) for table in tables]
        return _looked_up(indices, tables)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        first = [0, *accumulate(ctx.sizes)]  # where each table's rows begin when all lie one after the other
        rows = torch.stack([index + start for index, start in zip(ctx.saved_tensors, first, strict=False)], dim=-1).flatten()
        sums = gradient.new_zeros(first[-1], gradient.shape[-1]).index_add_(0, rows, gradient.reshape(len(rows), -1))
        sums[first[:-1]] = 0  # index 0 of each
        return None, *sums.split(ctx.sizes)  # type: ignore[no-untyped-call]


def _looked_up(indices: Sequence[Tensor], tables: Sequence[Tensor]) -> Tensor:
    return torch.stack([functional.embedding(index, table) for index, table in zip(indices, tables, strict=True)], dim=-2)


def _table(form: Form, width: int) -> nn.Module:
    if form.shape == "vector":
        kind, settings = choose(form.adaptor, "penchant.models.blocks.adaptor", "network.adaptor")
        adaptor: nn.Module = kind(settings, form, width)
        return adaptor
    table: RowTable | nn.EmbeddingBag | nn.Embedding
    if form.size > DENSE_ROWS:
        table = RowTable(form.size, width)
    elif form.shape == "bag":
        table = nn.EmbeddingBag(form.size, width, mode="mean", padding_idx=0)
    else:
        table = nn.Embedding(form.size, width, padding_idx=0)
    nn.init.normal_(table.weight, std=SCALE)
    with torch.no_grad():
        table.weight[:2].zero_()  # what training never misses must add nothing when a request lacks it
    return table
