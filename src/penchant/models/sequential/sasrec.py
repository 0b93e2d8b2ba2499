"""Self-attention over what came before, asked what comes next.

SASRec (Kang and McAuley 2018) with what was learnt since: layers normed in front, attention that fades with age beside learnt places, a
softmax over many negatives (Klenitskiy and Vasilev 2023) or gBCE (Petrov and Macdonald 2023), one set of negatives for a whole batch, item
vectors that start from what is used together, and cuts of long histories that fall elsewhere in every epoch.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.data.windows import Windows, cut_windows
from penchant.fitting.loop import Progress, train
from penchant.models.blocks.cooccurrence import cooccurrence_vectors
from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.embedding import DENSE_ROWS, SCALE
from penchant.models.blocks.history import Layer
from penchant.models.blocks.row_table import RowTable
from penchant.models.collaborative.similarity import cosines
from penchant.models.packs import mixed_packs
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.models.validation import list_quality
from penchant.schema.errors import DataError
from penchant.schema.sections.training import TrainingSettings

TOGETHER = 20  # events in a row that count as used together, for the vectors' start
WATCHED = "ndcg@10"
QUERIES_AT_ONCE = 128  # histories encoded together when answering

Rows = NDArray[np.int64]


class SASRec(Recommender):
    """A causal transformer over item vectors; a candidate's score is its vector times the state after the last event.

    A user without history is answered from the learnt state before any event.

    Args:
        width: Numbers per item vector and state.
        layers, heads: Of the transformer.
        length: Most recent events that are read.
        dropout: Share of units left out in training.
        loss: `softmax` over the wanted item and the negatives, or `gbce`.
        negatives: Items drawn per batch, alike for all its events; the whole catalogue when it has no more.
        calibration: gBCE's t, from 0 (scores too high, as negatives are few) to 1 (scores are probabilities); not used by `softmax`.
        start: Where item vectors begin: `together` from what is used together, `random` near zero.
        epochs: Most passes over the training events; the learning rate falls over so many.
        seconds: Stop after so long, whatever the epoch.
        patience: Epochs without a better NDCG@10 on the validation part before stopping.
        batch_events: Events per batch.
        learning_rate, weight_decay: Of AdamW.
        precision: Of matrix products in training; bfloat16 is faster where the processor has it.
        judged: Most users of the validation part asked after each epoch.
        seed: Of all random choices.

    Attributes:
        network_: The fitted network.
        progress_: How training went; absent on a model that was loaded.
    """

    kind: ClassVar[str] = "sasrec"
    network_: "SelfAttention"
    progress_: Progress

    def __init__(
        self,
        width: Annotated[int, Field(ge=1)] = 64,
        layers: Annotated[int, Field(ge=1)] = 2,
        heads: Annotated[int, Field(ge=1)] = 2,
        length: Annotated[int, Field(ge=1)] = 200,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
        loss: Literal["softmax", "gbce"] = "softmax",
        negatives: Annotated[int, Field(ge=1)] = 1024,
        calibration: Annotated[float, Field(ge=0, le=1)] = 0.75,
        start: Literal["together", "random"] = "together",
        epochs: Annotated[int, Field(ge=1)] = 20,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        patience: Annotated[int, Field(ge=1)] = 3,
        batch_events: Annotated[int, Field(ge=16)] = 4096,
        learning_rate: Annotated[float, Field(gt=0)] = 0.002,
        weight_decay: Annotated[float, Field(ge=0)] = 1e-4,
        precision: Literal["float32", "bfloat16"] = "float32",
        judged: Annotated[int, Field(ge=1)] = 1000,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    ) -> None:
        self.width, self.layers, self.heads, self.length, self.dropout = width, layers, heads, length, dropout
        self.loss, self.negatives, self.calibration, self.start = loss, negatives, calibration, start
        self.epochs, self.seconds, self.patience, self.batch_events = epochs, seconds, patience, batch_events
        self.learning_rate, self.weight_decay, self.precision, self.judged, self.seed = learning_rate, weight_decay, precision, judged, seed

    def _learn(self, data: Dataset) -> None:
        torch.manual_seed(self.seed)
        self._build()
        if self.start == "together":
            self._start_together(data)
        self.progress_ = train(NextEvent(self, data), TrainingSettings.of(self))
        self.network_.eval()

    def _build(self) -> None:
        self.network_ = SelfAttention(len(self.items), self.width, self.layers, self.heads, self.length, self.dropout)

    def _start_together(self, data: Dataset) -> None:
        rows = data.positives
        user, item = data.log.user[rows].astype(np.int64), data.log.item[rows]
        stretch = (np.arange(len(rows)) - np.searchsorted(user, user)) // TOGETHER
        vectors = cooccurrence_vectors(user * len(rows) + stretch, item, len(self.items), self.width)
        with torch.no_grad():
            self.network_.items.weight.add_(vectors)

    @torch.inference_mode()
    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Item vectors times the state after each history's last event, `[queries, items]`."""
        self.network_.eval()
        start, length = queries.history(self.length)
        result = np.empty((len(queries), len(self.items)), dtype=np.float32)
        order = np.argsort(length, kind="stable")
        for place in range(0, len(order), QUERIES_AT_ONCE):
            chosen = order[place : place + QUERIES_AT_ONCE]
            states = self.network_(_histories(queries.log, start[chosen], length[chosen]))
            last = states[torch.arange(len(chosen)), torch.from_numpy(length[chosen])]
            result[chosen] = (last @ self.network_.items.weight[: len(self.items)].T).numpy()
        return result

    def item_similarities(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Cosines of the items' vectors, `[rows, items]`."""
        return cosines(self.network_.items.weight[: len(self.items)].detach().numpy(), rows)

    def state(self) -> dict[str, NDArray[Any]]:
        """The network's weights."""
        return {name: tensor.numpy() for name, tensor in self.network_.state_dict().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self._build()
        self.network_.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        self.network_.eval()


class SelfAttention(nn.Module):
    """Item vectors, and a causal transformer that reads them in order; what it says before any event is learnt too."""

    def __init__(self, items: int, width: int, layers: int, heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.items = RowTable(items, width, still=None, fused=False) if items > DENSE_ROWS else nn.Embedding(items, width)
        self.place = nn.Embedding(length + 1, width)
        for table in (self.items, self.place):
            nn.init.normal_(table.weight, std=SCALE)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList([Layer(width, heads, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, history: Tensor) -> Tensor:
        """States `[batch, 1 + length, width]` after the first 0, 1, 2, ... events of histories of item rows `[batch, length]`.

        A state knows only the events before it, so that padding belongs at the end and is never read.
        """
        events = self.items(history) * math.sqrt(self.items.weight.shape[1])
        places = torch.arange(history.shape[1] + 1)
        tokens = self.dropout(F.pad(events, (0, 0, 1, 0)) + self.place(places))  # in front stands no event, only its place
        age = (places.unsqueeze(1) - places).unsqueeze(0)
        for layer in self.layers:
            tokens = layer(tokens, age)
        states: Tensor = self.norm(tokens)
        return states


class NextEvent:
    """Every wanted event of the training part is told from the events before it; all events of a window learn at once.

    Args:
        model: With a fresh network and the validation part.
        data: What is learnt from.

    Raises:
        DataError: when no event is wanted.
    """

    def __init__(self, model: SASRec, data: Dataset) -> None:
        if not len(data.positives):
            raise DataError("the training part", must="at least one wanted event", came="none", do="Relax the task's positive_where.")
        self.model, self.network, self.log, self.rows = model, model.network_, data.log, data.positives
        valid = model.valid_
        self.valid = None if valid is None or not len(valid.positives) else valid

    def weights(self) -> dict[str, float]:
        """One task."""
        return {"next": 1.0}

    def epoch(self, number: int) -> list[Windows]:
        """Windows of like length together, each event a target once; where long histories are cut depends on the epoch."""
        random = np.random.default_rng((self.model.seed, number))
        windows = cut_windows(self.log, self.rows, self.model.length, random.integers(self.model.length, size=len(self.log.users)))
        sizes = np.maximum(windows.length + 1, windows.targets)
        return [windows.take(chosen) for chosen in mixed_packs(sizes, self.model.batch_events, random)]

    def losses(self, batch: Windows, step: int) -> dict[str, Tensor]:
        """The mean loss over the batch's targets."""
        states = self.network(_histories(self.log, batch.start, batch.length))
        window = np.repeat(np.arange(len(batch)), batch.targets)
        asked = states[torch.from_numpy(window), torch.from_numpy(batch.visible)]
        wanted = torch.from_numpy(self.log.item[batch.rows].astype(np.int64))
        return {"next": self._loss(asked, wanted, self._drawn(step))}

    def _drawn(self, step: int) -> Tensor:
        """Different item rows, alike likely; all of them where the catalogue has no more than are asked for."""
        count = len(self.model.items)
        if self.model.negatives >= count:
            return torch.arange(count)
        random = np.random.default_rng((self.model.seed, 1, step))
        return torch.from_numpy(np.unique(random.integers(count, size=self.model.negatives)))

    def _loss(self, asked: Tensor, wanted: Tensor, drawn: Tensor) -> Tensor:
        vectors, softmax = self.network.items(drawn), self.model.loss == "softmax"
        if softmax and len(drawn) == len(self.model.items):
            return F.cross_entropy((asked @ vectors.T).float(), wanted)
        own = (asked * self.network.items(wanted)).sum(-1).float()
        others = (asked @ F.pad(vectors, (0, 0, 0, 1)).T).float()  # a last column of zeros, for the wanted item's own score
        others = _without(others, wanted, drawn)
        share = max(len(drawn) - 1, 1) / max(len(self.model.items) - 1, 1)
        return sampled_softmax(own, others, share) if softmax else gbce(own, others[:, :-1], share, self.model.calibration)

    def validate(self) -> dict[str, float]:
        """NDCG@10 over all items on the validation part; empty without one."""
        return {} if self.valid is None else {WATCHED: list_quality(self.model, self.valid, self.model.judged)}


def sampled_softmax(own: Tensor, others: Tensor, share: float) -> Tensor:
    """Mean softmax loss of wanted items among drawn ones, which stand for 1 / share as many (Bengio and Senécal 2008).

    Args:
        own: Scores of wanted items `[n]`.
        others: Scores of drawn ones, and a last column that is overwritten, `[n, k + 1]`; minus infinity where one must not count.
        share: Of the other items that are drawn.
    """
    others[:, -1] = own + math.log(share)
    return F.cross_entropy(others, torch.full((len(own),), others.shape[1] - 1))


def gbce(own: Tensor, others: Tensor, share: float, calibration: float) -> Tensor:
    """Mean generalised binary cross-entropy (Petrov and Macdonald 2023, equations 17 and 19).

    Args:
        own: Scores of wanted items `[n]`.
        others: Scores of drawn ones `[n, k]`; minus infinity costs nothing.
        share: Of the other items that are drawn.
        calibration: 0 leaves plain binary cross-entropy, 1 makes scores of sampled negatives as calibrated as those of all.
    """
    power = share * (calibration * (1 - 1 / share) + 1 / share)
    return ((F.softplus(others).sum(1) + power * F.softplus(-own)) / (others.shape[1] + 1)).mean()


def _without(scores: Tensor, wanted: Tensor, drawn: Tensor) -> Tensor:
    """The scores `[n, at least k]` of drawn items (ascending, `[k]`), now minus infinity where one is the wanted item."""
    place = torch.searchsorted(drawn, wanted).clamp(max=len(drawn) - 1)
    hit = (drawn[place] == wanted).nonzero().squeeze(1)
    scores[hit, place[hit]] = -math.inf
    return scores


def _histories(log: Log, start: Rows, length: Rows) -> Tensor:
    """Item rows of slices of `log.history_rows`, padded at the end with row 0, `[n, longest]`."""
    places = np.arange(int(length.max(initial=0)))
    inside = places < length[:, None]
    if not inside.any():
        return torch.zeros(inside.shape, dtype=torch.int64)
    events = log.history_rows[np.where(inside, start[:, None] + places, 0)]
    return torch.from_numpy(np.where(inside, log.item[events], 0).astype(np.int64))
