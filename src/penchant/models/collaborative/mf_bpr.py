"""MF-BPR: portraits by a factorisation machine, descriptions by a CNN and an LSTM, joined by attention, learnt pair by pair.

The form that a survey of multi-task collaborative filtering names without detail; its parts are Rendle, Factorization machines (ICDM
2010), here over the portrait and the history's items; Kim, Convolutional neural networks for sentence classification (EMNLP 2014) with
a long short-term memory behind it; and Rendle et al., BPR: Bayesian personalized ranking from implicit feedback (UAI 2009), whose unwanted
item is the one scored highest of some drawn ones (Zhang et al., Optimizing top-n collaborative filtering via dynamic negative item
sampling, SIGIR 2013).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array, hstack
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.data.dataset import Dataset
from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.embedding import SCALE
from penchant.models.collaborative.attributes import attributes
from penchant.models.collaborative.descriptions import word_sequences
from penchant.models.collaborative.held_back import Hidden, Hiding, Learning, ListModel, Lists
from penchant.models.collaborative.interactions import interactions, past, sparse_from, sparse_state
from penchant.models.collaborative.towers import SparseLinear, product, rows_or_none, scaled_rows
from penchant.models.queries import Queries
from penchant.schema.sections.training import TrainingSettings

ITEMS_AT_ONCE = 2048  # descriptions read together while answering
POOL = 4  # words that become one step of the LSTM


class MFBPR(ListModel):
    """A user's vector times an item's, which is a mixture of its id's, its content's and its description's vector.

    The mixture's weights depend on the user. An item without events has no vector of an id, one without words none of a description; the
    others share its weight. New users are served by portrait, history or both.

    Args:
        width: Numbers per vector.
        words: Most words known.
        length: Words of a description that are read.
        dropout: Share of a user's vector left out in training.
        hidden_items: What is hidden and asked for: `any` of a user's items, or those `later` than a drawn moment.
        hide: The share of them: each item's chance, or that of the user's events asked for from the moment on.
        recency: What an event weighs in a history, to the power of the events since; 1 = all alike.
        negatives: Items drawn per batch, among which are the wanted and the unwanted ones.
        draws: The unwanted item of a pair is the one scored highest of so many; 1 = BPR as published.
        batch_users: Users per batch.
        epochs: Most passes over the users; the learning rate falls over so many.
        seconds: Stop after so long, whatever the epoch.
        patience: Epochs without a better NDCG@10 on the validation part before stopping.
        learning_rate, weight_decay: Of AdamW.
        judged: Most users of the validation part asked after each epoch.
        seed: Of all random choices.
    """

    kind: ClassVar[str] = "mf_bpr"
    network_: "AttentiveBPR"

    def __init__(
        self,
        width: Annotated[int, Field(ge=1)] = 64,
        words: Annotated[int, Field(ge=1)] = 5000,
        length: Annotated[int, Field(ge=POOL)] = 48,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        hidden_items: Hidden = "any",
        hide: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        recency: Annotated[float, Field(gt=0, le=1)] = 1.0,
        negatives: Annotated[int, Field(ge=2)] = 512,
        draws: Annotated[int, Field(ge=1)] = 16,
        batch_users: Annotated[int, Field(ge=1)] = 256,
        epochs: Annotated[int, Field(ge=1)] = 40,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        patience: Annotated[int, Field(ge=1)] = 5,
        learning_rate: Annotated[float, Field(gt=0)] = 0.003,
        weight_decay: Annotated[float, Field(ge=0)] = 0.01,
        judged: Annotated[int, Field(ge=1)] = 2000,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    ) -> None:
        self.width, self.words, self.length, self.dropout = width, words, length, dropout
        self.hidden_items, self.hide, self.recency = hidden_items, hide, recency
        self.negatives, self.draws, self.batch_users = negatives, draws, batch_users
        self.epochs, self.seconds, self.patience = epochs, seconds, patience
        self.learning_rate, self.weight_decay, self.judged, self.seed = learning_rate, weight_decay, judged, seed

    def _learn(self, data: Dataset) -> None:
        self.portraits_, self.contents_ = attributes(data)
        self.sequences_, self.known_words_ = word_sequences(data, self.length, self.words)
        self.warm_ = interactions(data).sum(axis=0) > 0
        torch.manual_seed(self.seed)
        self._build()
        hiding = Hiding(self.hidden_items, self.hide, self.recency)
        self.learn_lists(data, Learning(TrainingSettings.of(self), self.batch_users, hiding, self.judged))

    def _build(self) -> None:
        shapes = self.portraits_.shape[1], self.contents_.shape[1]
        self.network_ = AttentiveBPR(len(self.items), *shapes, self.known_words_, self.width, self.dropout)

    def list_loss(self, lists: Lists, draw: np.random.Generator) -> Tensor:
        """The mean of -log sigmoid of how much higher a hidden item is scored than an unwanted one."""
        users = self.network_.users(lists.histories, self.portraits_[lists.owners])
        parts, present, bias = self._items(lists.items)
        return pairwise(self.network_(users, parts, present, bias).float(), lists, self.draws, draw)

    def _items(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        words, warm = torch.from_numpy(self.sequences_[rows]), torch.from_numpy(self.warm_[rows])
        return self.network_.items(torch.from_numpy(rows), warm, self.contents_[rows], words)

    @torch.inference_mode()
    def settle(self) -> None:
        """Work out every item's parts."""
        self.network_.eval()
        starts = range(0, len(self.items), ITEMS_AT_ONCE)
        blocks = [self._items(np.arange(start, min(start + ITEMS_AT_ONCE, len(self.items)))) for start in starts]
        self.parts_ = tuple(torch.cat(each) for each in zip(*blocks, strict=True))

    @torch.inference_mode()
    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Products of users' vectors with what each makes of every item, `[queries, items]`."""
        users = self.network_.users(past(queries, self.recency), rows_or_none(self.portraits_, queries.user))
        result: NDArray[np.float32] = self.network_(users, *self.parts_).numpy()
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The network's weights, and what is told of users and items."""
        arrays: dict[str, NDArray[Any]] = self.weights()
        arrays |= {"sequences": self.sequences_, "warm": self.warm_}
        arrays |= {"sizes": np.array([self.portraits_.shape[1], self.contents_.shape[1], self.known_words_])}
        return arrays | sparse_state("portraits", self.portraits_) | sparse_state("contents", self.contents_)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        portraits, contents, self.known_words_ = (int(size) for size in arrays["sizes"])
        self.portraits_ = sparse_from("portraits", arrays, (len(self.log_.users), portraits))
        self.contents_ = sparse_from("contents", arrays, (len(self.items), contents))
        self.sequences_, self.warm_ = arrays["sequences"], arrays["warm"]
        self._build()
        self.take_weights(arrays)


class AttentiveBPR(nn.Module):
    """Users' vectors, items' parts, and the attention that mixes the parts for a user."""

    def __init__(self, items: int, portraits: int, contents: int, words: int, width: int, dropout: float) -> None:
        super().__init__()
        self.machine = FactorisationMachine(portraits + items, width)
        self.dropout = Dropout(dropout)
        self.ids, self.bias = nn.Embedding(items, width), nn.Parameter(torch.zeros(items))
        nn.init.normal_(self.ids.weight, std=SCALE)
        self.content = SparseLinear(contents, width) if contents else None
        self.reader = Reader(words, width) if words else None
        self.keys = nn.Parameter(torch.randn(3, width, width) * SCALE * width**-0.5)
        self.likes = nn.Parameter(torch.zeros(3))

    def users(self, histories: csr_array, portraits: csr_array) -> Tensor:
        """Vectors `[n, width]` of histories `[n, items]` and portraits `[n, attributes]`."""
        fields = csr_array(hstack([portraits, scaled_rows(histories)], format="csr", dtype=np.float32))
        vectors: Tensor = self.dropout(self.machine(fields))
        return vectors

    def items(self, rows: Tensor, warm: Tensor, contents: csr_array, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The parts of items `[n, 3, width]`, which of them there are `[n, 3]`, and biases `[n]`, 0 of items without events."""
        ids, none = self.ids(rows), self.ids.weight.new_zeros(len(rows), self.ids.embedding_dim)
        told = none if self.content is None else self.content(contents)
        read = none if self.reader is None else self.reader(words)
        has_content = torch.from_numpy(np.diff(contents.indptr) > 0)
        present = torch.stack([warm, has_content, (words > 0).any(dim=1)], dim=1)
        return torch.stack([ids, told, read], dim=1), present, self.bias[rows] * warm

    def forward(self, users: Tensor, parts: Tensor, present: Tensor, bias: Tensor) -> Tensor:
        """Scores of all pairs `[users, items]`: `sum over parts of attention(user, part) * user . part`, and the item's bias."""
        asks = torch.einsum("uw,kwv->kuv", users, self.keys)
        attention = torch.einsum("kuv,ikv->kui", asks, parts) + self.likes[:, None, None]
        attention = attention.masked_fill(~present.T[:, None, :], -1e9).softmax(dim=0)
        agree = torch.einsum("uw,ikw->kui", users, parts) * present.T[:, None, :]
        return (attention * agree).sum(dim=0) + bias


class FactorisationMachine(nn.Module):
    """The sum of the fields' vectors and of all their pairwise products, `[n, width]` of sparse fields `[n, fields]`."""

    def __init__(self, fields: int, width: int) -> None:
        super().__init__()
        self.single, self.paired = SparseLinear(fields, width), SparseLinear(fields, width)

    def forward(self, rows: csr_array) -> Tensor:
        """The pairs come by the square of the sum less the sum of squares."""
        squared = csr_array((rows.data**2, rows.indices, rows.indptr), shape=rows.shape)
        squares = product(squared, self.paired.weight**2)
        vectors: Tensor = self.single(rows) + 0.5 * (self.paired(rows) ** 2 - squares)
        return vectors


class Reader(nn.Module):
    """A description's vector `[n, width]` of its words `[n, length]`: three words at a time, then in order; 0 without words."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words + 1, width, padding_idx=0)
        nn.init.normal_(self.words.weight, std=SCALE * 4)
        with torch.no_grad():
            self.words.weight[0].zero_()
        self.phrases = nn.Conv1d(width, width, kernel_size=3, padding=1)
        self.order = nn.LSTM(width, width, batch_first=True)

    def forward(self, words: Tensor) -> Tensor:
        """The state after the last step that holds a word."""
        phrases = F.max_pool1d(torch.relu(self.phrases(self.words(words).transpose(1, 2))), POOL)
        states, _ = self.order(phrases.transpose(1, 2))
        steps = ((words > 0).sum(dim=1) - 1).div(POOL, rounding_mode="floor").clamp(0, states.shape[1] - 1)
        last: Tensor = states[torch.arange(len(words)), steps] * (words > 0).any(dim=1, keepdim=True)
        return last


def pairwise(scores: Tensor, lists: Lists, draws: int, draw: np.random.Generator) -> Tensor:
    """BPR's loss over the hidden items of the lists, each against the highest scored of some drawn items never wanted.

    Args:
        scores: `[users, items asked]`.
        lists: Which items were hidden, which wanted.
        draws: Items drawn per hidden item, with replacement; the wanted ones among them do not count, and a pair of none is left out.
        draw: Where chance comes from.
    """
    user, wanted = lists.hidden.nonzero(as_tuple=True)
    drawn = torch.from_numpy(draw.integers(scores.shape[1], size=(len(user), draws)))
    against = scores[user[:, None], drawn].masked_fill(lists.wanted[user[:, None], drawn], -torch.inf).amax(dim=1)
    there = against.isfinite()
    gap = scores[user, wanted][there] - against[there]
    return -F.logsigmoid(gap).sum() / max(len(gap), 1)
