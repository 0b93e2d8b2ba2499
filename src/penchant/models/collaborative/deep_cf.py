"""DeepCF: a representation tower and a matching tower, fused.

Deng, Huang, Wang, Lai and Yu, DeepCF: A unified framework of representation learning and matching function learning in recommender
system (AAAI 2019), there CFNet. Without attributes it reads rows and columns of the interaction matrix alone, as published; with the
recipe's `user.*` and `item.*` features, one-hot portraits and description vectors are embedded and added in each tower. Where the paper
learns single pairs against four drawn ones by binary cross-entropy, this learns lists by softmax (`held_back`), which also keeps a pair out
of the rows that it is told from. Where the paper trains each tower by itself first, the representation towers start from the strongest
directions of the interaction matrix, on a path beside their layers, and the matching tower counts nothing until it is worth something.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from torch import Tensor, nn

from penchant.data.dataset import Dataset
from penchant.models.collaborative.attributes import attributes
from penchant.models.collaborative.held_back import Hidden, Hiding, Learning, ListModel, Lists, list_softmax
from penchant.models.collaborative.interactions import interactions, past, sparse_from, sparse_state
from penchant.models.collaborative.pure_svd import right_singular_vectors
from penchant.models.collaborative.towers import SparseLinear, Tower, rows_or_none, scaled_rows
from penchant.models.queries import Queries
from penchant.schema.sections.training import TrainingSettings

PAIRS = 500_000  # user-item pairs in the matching tower at one time while answering
ROUNDS = 6  # of power iterations to the directions that training starts from
SAMPLE = 512  # users whose scores tell how large they are at the start
DEVIATION = 2.0  # of the scores at the start: what a softmax over some hundred items takes as an opinion


class DeepCF(ListModel):
    """Scores of what two towers make of a user's history and portrait and an item's audience and content.

    New users are served by portrait, history or both; items without events by their content.

    Args:
        width: Of the representation tower's vectors and of the matching tower's embeddings.
        hidden: Of the representation tower's first layer.
        matching: Of the matching tower's layers behind the embeddings.
        towers: Both, or one of them alone (CFNet-rl, CFNet-ml).
        told: Whether portraits and contents are read; without them this is the published form.
        dropout: Share of first-layer units left out in training.
        start: Where the representation towers start: from the `spectral` directions of who had what, or at `random`.
        row_scaling: Rows and columns of the interaction matrix are divided by their length to this power: 1 = all of one length, so
            that how often an item was had is not told.
        user_scaling: Each user's loss is divided by the number of items asked to this power, so that those who had nearly everything
            do not decide alone.
        hidden_items: What is hidden and asked for: `any` of a user's items, or those `later` than a drawn moment.
        hide: The share of them: each item's chance, or that of the user's events asked for from the moment on.
        recency: What an event weighs in a history, to the power of the events since; 1 = all alike.
        negatives: Items drawn per batch, of which the lists are made.
        batch_users: Users per batch.
        epochs: Most passes over the users; the learning rate falls over so many.
        seconds: Stop after so long, whatever the epoch.
        patience: Epochs without a better NDCG@10 on the validation part before stopping; a good start is first lost and then surpassed.
        learning_rate, weight_decay: Of AdamW.
        judged: Most users of the validation part asked after each epoch.
        seed: Of all random choices.
    """

    kind: ClassVar[str] = "deep_cf"
    network_: "CFNet"

    def __init__(
        self,
        width: Annotated[int, Field(ge=1)] = 64,
        hidden: Annotated[int, Field(ge=1)] = 256,
        matching: Annotated[int, Field(ge=1)] = 32,
        towers: Literal["both", "representation", "matching"] = "both",
        told: bool = True,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        start: Literal["spectral", "random"] = "spectral",
        row_scaling: Annotated[float, Field(ge=0, le=1)] = 0.5,
        user_scaling: Annotated[float, Field(ge=0, le=1)] = 0.5,
        hidden_items: Hidden = "any",
        hide: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        recency: Annotated[float, Field(gt=0, le=1)] = 1.0,
        negatives: Annotated[int, Field(ge=2)] = 512,
        batch_users: Annotated[int, Field(ge=1)] = 256,
        epochs: Annotated[int, Field(ge=1)] = 40,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        patience: Annotated[int, Field(ge=1)] = 10,
        learning_rate: Annotated[float, Field(gt=0)] = 0.001,
        weight_decay: Annotated[float, Field(ge=0)] = 0.01,
        judged: Annotated[int, Field(ge=1)] = 2000,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    ) -> None:
        self.width, self.hidden, self.matching, self.towers, self.told = width, hidden, matching, towers, told
        self.dropout, self.start, self.row_scaling, self.user_scaling = dropout, start, row_scaling, user_scaling
        self.hidden_items, self.hide, self.recency = hidden_items, hide, recency
        self.negatives, self.batch_users = negatives, batch_users
        self.epochs, self.seconds, self.patience = epochs, seconds, patience
        self.learning_rate, self.weight_decay, self.judged, self.seed = learning_rate, weight_decay, judged, seed

    def _learn(self, data: Dataset) -> None:
        portraits, contents = attributes(data) if self.told else (csr_array((len(table), 0)) for table in (data.log.users, data.log.items))
        self.portraits_, self.contents_ = portraits, contents
        self.audience_ = csr_array(interactions(data).T)
        torch.manual_seed(self.seed)
        self._build()
        if self.start == "spectral":
            self.network_.start(csr_array(self.audience_.T), self.seed)
        hiding = Hiding(self.hidden_items, self.hide, self.recency)
        self.learn_lists(data, Learning(TrainingSettings.of(self), self.batch_users, hiding, self.judged))

    def _build(self) -> None:
        shapes = (len(self.items), self.portraits_.shape[1]), (len(self.log_.users), self.contents_.shape[1])
        layers = {"representation": (self.hidden, self.width), "matching": (self.width, self.matching)}
        chosen = {name: widths for name, widths in layers.items() if self.towers in (name, "both")}
        self.network_ = CFNet(*shapes, chosen, self.dropout, self.row_scaling, direct=self.start == "spectral")

    def list_loss(self, lists: Lists, draw: np.random.Generator) -> Tensor:
        """Cross-entropy of the softmax over each list."""
        users = self.network_.users(lists.histories, self.portraits_[lists.owners])
        items = self.network_.items(lists.columns, self.contents_[lists.items])
        return list_softmax(self.network_(users, items), lists, self.user_scaling)

    @torch.inference_mode()
    def settle(self) -> None:
        """Work out what the towers make of every item."""
        self.network_.eval()
        self.items_ = self.network_.items(self.audience_, self.contents_)

    @torch.inference_mode()
    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """What the fused towers say of each query and item, `[queries, items]`."""
        users = self.network_.users(past(queries, self.recency), rows_or_none(self.portraits_, queries.user))
        return torch.cat([self.network_(part, self.items_) for part in self._parts(users)]).numpy()

    def _parts(self, users: Tensor) -> Iterator[Tensor]:
        size = max(PAIRS // max(len(self.items), 1), 1)
        return (users[start : start + size] for start in range(0, max(len(users), 1), size))

    def state(self) -> dict[str, NDArray[Any]]:
        """The network's weights, and the matrices that are told of users and items."""
        arrays = self.weights()
        arrays |= {"widths": np.array([self.portraits_.shape[1], self.contents_.shape[1]])}
        told = {"portraits": self.portraits_, "contents": self.contents_, "audience": self.audience_}
        return arrays | {key: array for name, matrix in told.items() for key, array in sparse_state(name, matrix).items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        users, items = len(self.log_.users), len(self.items)
        widths = [int(width) for width in arrays["widths"]]
        self.portraits_ = sparse_from("portraits", arrays, (users, widths[0]))
        self.contents_ = sparse_from("contents", arrays, (items, widths[1]))
        self.audience_ = sparse_from("audience", arrays, (items, users))
        self._build()
        self.take_weights(arrays)


class CFNet(nn.Module):
    """Both towers of both sides, and the layer that fuses them.

    Args:
        user, item: Columns of the interaction rows and of the attributes of each side.
        layers: Widths of each tower there is, `representation`, `matching` or both.
        dropout: Share of first-layer units left out in training.
        scaling: See `Tower`.
        direct: Whether the representation towers have a path beside their layers.
    """

    def __init__(
        self,
        user: tuple[int, int],
        item: tuple[int, int],
        layers: Mapping[str, tuple[int, int]],
        dropout: float,
        scaling: float,
        *,
        direct: bool,
    ) -> None:
        super().__init__()
        sides = {"user": user, "item": item}
        self.towers = nn.ModuleDict(
            {
                f"{tower}_{side}": Tower(*shape, widths, dropout, scaling=scaling, direct=direct and tower == "representation")
                for tower, widths in layers.items()
                for side, shape in sides.items()
            }
        )
        self.width, matching = (layers.get(tower, (0, 0))[1] for tower in ("representation", "matching"))
        self.scaling, self.match = scaling, nn.Linear(matching, matching) if matching else None
        self.fuse = nn.Parameter(torch.cat([torch.ones(self.width), torch.randn(matching) * 0.1]))

    @torch.no_grad()
    def start(self, matrix: csr_array, seed: int) -> None:
        """Let the representation towers begin as the strongest directions of who had what `[users, items]`, and the other add nothing.

        A user's vector is then the row projected on them, an item's its place in them, divided by its length as `Tower` has it, so
        that much-had items take less; both are scaled so that scores deviate by `DEVIATION`.
        """
        if not self.width:
            return
        directions = right_singular_vectors(matrix, self.width, ROUNDS, seed)
        seen = matrix @ directions
        ways = {"user": directions, "item": seen / np.maximum((seen**2).sum(axis=0), np.finfo(np.float32).tiny)}
        rows = {"user": csr_array(matrix[:SAMPLE]), "item": csr_array(matrix.T)}
        vectors = {}
        for side, weights in ways.items():
            self._direct(side).weight.zero_()[: len(weights), : weights.shape[1]] = torch.from_numpy(weights)
            vectors[side] = self._direct(side)(scaled_rows(rows[side], self.scaling))
        scale = (DEVIATION / (vectors["user"] @ vectors["item"].T).std().clamp(min=1e-9)).sqrt()
        for side in ways:
            self._direct(side).weight.mul_(scale)
        self.fuse[self.width :] = 0

    def _direct(self, side: str) -> SparseLinear:
        direct = self.towers[f"representation_{side}"].direct
        assert isinstance(direct, SparseLinear)
        return direct

    def users(self, rows: csr_array, portraits: csr_array) -> Tensor:
        """What the towers make of users `[n, width + matching]`."""
        return self._side("user", rows, portraits)

    def items(self, rows: csr_array, contents: csr_array) -> Tensor:
        """What the towers make of items `[n, width + matching]`."""
        return self._side("item", rows, contents)

    def _side(self, side: str, rows: csr_array, told: csr_array) -> Tensor:
        names = [name for name in self.towers if name.endswith(f"_{side}")]
        return torch.cat([self.towers[name](rows, told) for name in names], dim=1)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of all pairs `[users, items]`.

        The matching tower's first layer over a pair's joined embeddings is the sum of a user's and an item's part.
        """
        fuse_representation, fuse_match = self.fuse[: self.width], self.fuse[self.width :]
        scores = (users[:, : self.width] * fuse_representation) @ items[:, : self.width].T
        if self.match is not None:
            joined = torch.relu(users[:, None, self.width :] + items[None, :, self.width :])
            scores = scores + torch.relu(self.match(joined)) @ fuse_match
        return scores
