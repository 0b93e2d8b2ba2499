"""What the network reads: histories with the targets asked about, gathered from packed columns or from requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.data.log import Log
from penchant.data.windows import Windows
from penchant.features.feature_set import Encoded
from penchant.models.blocks.history import GAPS

Array = NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """Some users' pasts and, for each, some moments at which something is asked.

    Attributes:
        profile: User features `{name: [batch, *]}`.
        history: Item rows of past events, oldest first, padded at the end with row 0, `[batch, length]`.
        history_columns: What is known of them `{name: [batch, length, *]}`.
        gap: Class of the time since the event before `[batch, length]`.
        context: Circumstances of each target `{name: [batch, targets, *]}`.
        scenario: Scenario of each target `{name: [batch, targets]}`.
        recency: Class of the time since the last visible event `[batch, targets]`.
        visible: How many past events each target may see `[batch, targets]`; padding targets see none.
        present: Which targets are real `[batch, targets]`.
        rows: Event rows of the targets, 0 where padded, `[batch, targets]` (empty for requests).
        candidate: What was counted of each target's own item by then `{name: [batch, targets, *]}` (empty for requests, which have many).
        alike: Whether all are the first one again, changed here and there.
    """

    profile: dict[str, Tensor]
    history: Tensor
    history_columns: dict[str, Tensor]
    gap: Tensor
    context: dict[str, Tensor]
    scenario: dict[str, Tensor]
    recency: Tensor
    visible: Tensor
    present: Tensor
    rows: Array = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    candidate: dict[str, Tensor] = field(default_factory=dict)
    alike: bool = False

    @property
    def size(self) -> int:
        """How many users."""
        return len(self.history)

    @property
    def standing(self) -> dict[str, Tensor]:
        """`candidate` of the targets' own items as of one candidate each, `{name: [batch, targets, 1, *]}`."""
        return {name: told.unsqueeze(2) for name, told in self.candidate.items()}

    def with_history(self, history: Tensor) -> "Batch":
        """The same batch with history items numbered otherwise."""
        return replace(self, history=history)

    def without_past(self) -> "Batch":
        """The same batch as if nothing had happened before."""
        nothing = {name: told[:, :0] for name, told in self.history_columns.items()}
        visible, recency = torch.zeros_like(self.visible), torch.zeros_like(self.recency)
        return replace(self, history=self.history[:, :0], history_columns=nothing, gap=self.gap[:, :0], visible=visible, recency=recency)

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        moved: dict[str, Any] = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved |= {name: {key: t.to(device) for key, t in value.items()} for name, value in vars(self).items() if isinstance(value, dict)}
        return replace(self, **moved)


@dataclass(frozen=True)
class Past:
    """Histories as arrays, from wherever they come.

    Attributes:
        items: Item rows, oldest first, padded at the end, `[batch, length]`.
        times: Seconds since 1970 `[batch, length]`.
        columns: `{name: [batch, length, *]}`.
        length: Real events `[batch]`.
    """

    items: Array
    times: Array
    columns: Mapping[str, Array]
    length: Array


@dataclass(frozen=True)
class Moments:
    """Targets as arrays.

    Attributes:
        times: Seconds since 1970 `[batch, targets]`.
        visible: Past events each may see `[batch, targets]`.
        present: Which are real `[batch, targets]`.
        context, scenario: `{name: [batch, targets, *]}`.
        candidate: The same of each target's own item; none for requests.
    """

    times: Array
    visible: Array
    present: Array
    context: Mapping[str, Array]
    scenario: Mapping[str, Array]
    candidate: Mapping[str, Array] = field(default_factory=dict)


def assemble(profile: Mapping[str, Array], past: Past, moments: Moments, rows: Array | None = None) -> Batch:
    """The one road from arrays to a batch, for training, evaluation and serving alike."""
    gap = np.zeros(past.items.shape, dtype=np.int64)
    gap[:, 1:] = gap_class(np.diff(past.times, axis=1))
    gap[np.arange(past.items.shape[1]) >= past.length[:, None]] = 0
    if past.items.shape[1]:
        last = np.take_along_axis(past.times, np.maximum(moments.visible - 1, 0), axis=1)
        recency = np.where(moments.visible > 0, gap_class(moments.times - last), 0)
    else:
        recency = np.zeros(moments.visible.shape, dtype=np.int64)
    return Batch(
        profile=_tensors(profile),
        history=torch.from_numpy(past.items),
        history_columns=_tensors(past.columns),
        gap=torch.from_numpy(gap),
        context=_tensors(moments.context),
        scenario=_tensors(moments.scenario),
        recency=torch.from_numpy(recency),
        visible=torch.from_numpy(moments.visible),
        present=torch.from_numpy(moments.present),
        rows=np.zeros((0, 0), dtype=np.int64) if rows is None else rows,
        candidate=_tensors(moments.candidate),
    )


def gather(log: Log, encoded: Encoded, windows: Windows, chosen: Array) -> Batch:
    """The chosen windows `[batch]` of a log as a batch; only gathers, nothing per row.

    Args:
        log, encoded, windows: Where the arrays come from.
        chosen: Windows `[batch]`.
    """
    length = windows.length[chosen]
    places = np.arange(max(int(length.max(initial=0)), 1))
    inside = places < length[:, None]
    events = log.history_rows[np.where(inside, windows.start[chosen][:, None] + places, 0)] if len(log.history_rows) else inside.astype(int)
    past = Past(
        items=np.where(inside, log.item[events], 0).astype(np.int64),
        times=np.where(inside, log.time[events], 0.0),
        columns={name: array[events] for name, array in encoded.history.items()},
        length=length,
    )
    counts = windows.offsets[chosen + 1] - windows.offsets[chosen]
    places = np.arange(int(counts.max(initial=1)))
    present = places < counts[:, None]
    targets = np.where(present, windows.offsets[chosen][:, None] + places, 0)
    rows = np.where(present, windows.rows[targets], 0)
    moments = Moments(
        times=log.time[rows],
        visible=np.where(present, windows.visible[targets], 0),
        present=present,
        context={name: array[rows] for name, array in encoded.context.items()},
        scenario={name: array[rows] for name, array in encoded.scenario.items()},
        candidate={name: array[rows] for name, array in encoded.candidate.items()},
    )
    profile = {name: array[windows.user[chosen]] for name, array in encoded.user.items()}
    return assemble(profile, past, moments, rows)


def gap_class(seconds: Array) -> Array:
    """Logarithmic class of a time difference, from 1 (none or negative) up, one per factor 2; 0 is kept for "nothing before"."""
    classes: NDArray[np.int64] = np.minimum(1 + np.log2(np.maximum(seconds, 0) + 1), GAPS - 1).astype(np.int64)
    return classes


def _tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
