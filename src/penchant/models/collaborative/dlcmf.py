"""DLCMF: multi-level matrix factorisation with encoders in place of free vectors.

A survey of multi-task collaborative filtering names DLCMF without saying what it is, and no paper of that name was found. Here it is the
loss of `multi_level_mf` with a user's vector read by an encoder from history and portrait, an item's from audience and content; the nearest
published form is Li, Kawale and Fu, Deep collaborative filtering via marginalized denoising auto-encoder (CIKM 2015).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from torch import Tensor, nn

from penchant.data.dataset import Dataset
from penchant.models.collaborative.attributes import attributes
from penchant.models.collaborative.held_back import Hidden, Hiding, Learning, ListModel, Lists
from penchant.models.collaborative.interactions import interactions, past, sparse_from, sparse_state
from penchant.models.collaborative.towers import Tower, rows_or_none
from penchant.models.queries import Queries
from penchant.models.vector_recommender import VectorRecommender
from penchant.schema.sections.training import TrainingSettings


class DLCMF(ListModel, VectorRecommender):
    """Encoded users and items whose products are near 1 for what a user has had and near 0 elsewhere, and which tell their attributes.

    The loss is the mean over hidden pairs of `(1 - x y)^2`, `unobserved_weight` times the squared products of all pairs asked about, per
    hidden pair, and the weighted means over users and items of `|portrait - A x - a|^2` and `|content - B y - b|^2`. New users are
    served by portrait, history or both; items without events by their content.

    Args:
        width: Numbers per vector.
        hidden: Of the encoders' first layer.
        unobserved_weight: How much a pair without an event counts beside one with.
        portrait_weight, content_weight: Of the mean squared errors of portraits and contents.
        dropout: Share of first-layer units left out in training.
        hidden_items: What is hidden and asked for: `any` of a user's items, or those `later` than a drawn moment.
        hide: The share of them: each item's chance, or that of the user's events asked for from the moment on.
        recency: What an event weighs in a history, to the power of the events since; 1 = all alike.
        negatives: Items drawn per batch, of which the pairs are made.
        batch_users: Users per batch.
        epochs: Most passes over the users; the learning rate falls over so many.
        seconds: Stop after so long, whatever the epoch.
        patience: Epochs without a better NDCG@10 on the validation part before stopping.
        learning_rate, weight_decay: Of AdamW.
        judged: Most users of the validation part asked after each epoch.
        seed: Of all random choices.
    """

    kind: ClassVar[str] = "dlcmf"
    network_: "Levels"

    def __init__(
        self,
        width: Annotated[int, Field(ge=1)] = 64,
        hidden: Annotated[int, Field(ge=1)] = 128,
        unobserved_weight: Annotated[float, Field(gt=0)] = 0.1,
        portrait_weight: Annotated[float, Field(ge=0)] = 0.1,
        content_weight: Annotated[float, Field(ge=0)] = 0.1,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        hidden_items: Hidden = "any",
        hide: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        recency: Annotated[float, Field(gt=0, le=1)] = 1.0,
        negatives: Annotated[int, Field(ge=2)] = 512,
        batch_users: Annotated[int, Field(ge=1)] = 256,
        epochs: Annotated[int, Field(ge=1)] = 40,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        patience: Annotated[int, Field(ge=1)] = 5,
        learning_rate: Annotated[float, Field(gt=0)] = 0.003,
        weight_decay: Annotated[float, Field(ge=0)] = 0.01,
        judged: Annotated[int, Field(ge=1)] = 2000,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    ) -> None:
        self.width, self.hidden, self.unobserved_weight, self.dropout = width, hidden, unobserved_weight, dropout
        self.portrait_weight, self.content_weight = portrait_weight, content_weight
        self.hidden_items, self.hide, self.recency = hidden_items, hide, recency
        self.negatives, self.batch_users = negatives, batch_users
        self.epochs, self.seconds, self.patience = epochs, seconds, patience
        self.learning_rate, self.weight_decay, self.judged, self.seed = learning_rate, weight_decay, judged, seed

    def _learn(self, data: Dataset) -> None:
        self.portraits_, self.contents_ = attributes(data)
        self.audience_ = csr_array(interactions(data).T)
        torch.manual_seed(self.seed)
        self._build()
        hiding = Hiding(self.hidden_items, self.hide, self.recency)
        self.learn_lists(data, Learning(TrainingSettings.of(self), self.batch_users, hiding, self.judged))

    def _build(self) -> None:
        user, item = (len(self.items), self.portraits_.shape[1]), (len(self.log_.users), self.contents_.shape[1])
        self.network_ = Levels(user, item, (self.hidden, self.width), self.dropout)

    def list_loss(self, lists: Lists, draw: np.random.Generator) -> Tensor:
        """The three levels' losses, weighted."""
        portraits, contents = self.portraits_[lists.owners], self.contents_[lists.items]
        users, items = self.network_.user(lists.histories, portraits), self.network_.item(lists.columns, contents)
        behaviour = squared_lists((users @ items.T).float(), lists, self.unobserved_weight)
        told = self.portrait_weight * self.network_.portrait_error(users, portraits)
        return behaviour + told + self.content_weight * self.network_.content_error(items, contents)

    @torch.inference_mode()
    def settle(self) -> None:
        """Encode every item."""
        self.network_.eval()
        self.vectors_: NDArray[np.float32] = self.network_.item(self.audience_, self.contents_).numpy()

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """`[items, width]`."""
        return self.vectors_

    @torch.inference_mode()
    def query_vectors(self, queries: Queries) -> NDArray[np.float32]:
        """Encoded histories and portraits, `[queries, width]`."""
        users = self.network_.user(past(queries, self.recency), rows_or_none(self.portraits_, queries.user))
        result: NDArray[np.float32] = users.numpy()
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The network's weights, and the matrices that are told of users and items."""
        told = {"portraits": self.portraits_, "contents": self.contents_, "audience": self.audience_}
        arrays = self.weights() | {"widths": np.array([self.portraits_.shape[1], self.contents_.shape[1]])}
        return arrays | {key: array for name, matrix in told.items() for key, array in sparse_state(name, matrix).items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        users, items = len(self.log_.users), len(self.items)
        portraits, contents = (int(width) for width in arrays["widths"])
        self.portraits_ = sparse_from("portraits", arrays, (users, portraits))
        self.contents_ = sparse_from("contents", arrays, (items, contents))
        self.audience_ = sparse_from("audience", arrays, (items, users))
        self._build()
        self.take_weights(arrays)


class Levels(nn.Module):
    """Encoders of users and items, and what their vectors tell of the attributes.

    Args:
        user, item: Columns of the interaction rows and of the attributes of each side.
        layers: Widths of the encoders.
        dropout: Share of first-layer units left out in training.
    """

    def __init__(self, user: tuple[int, int], item: tuple[int, int], layers: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.user, self.item = Tower(*user, layers, dropout), Tower(*item, layers, dropout)
        self.tells_portrait, self.tells_content = (nn.Linear(layers[-1], max(side[1], 1)) for side in (user, item))

    def portrait_error(self, users: Tensor, portraits: csr_array) -> Tensor:
        """Mean squared distance of portraits `[n, attributes]` from what the users' vectors tell; 0 where nothing is told."""
        return _error(self.tells_portrait, users, portraits)

    def content_error(self, items: Tensor, contents: csr_array) -> Tensor:
        """The same of items."""
        return _error(self.tells_content, items, contents)


def _error(tells: nn.Module, vectors: Tensor, told: csr_array) -> Tensor:
    if not told.shape[1]:
        return vectors.new_zeros(())
    error: Tensor = (tells(vectors) - torch.from_numpy(told.toarray())).square().sum(dim=1).mean()
    return error


def squared_lists(scores: Tensor, lists: Lists, unobserved_weight: float) -> Tensor:
    """Squared errors of hidden pairs from 1 and of all pairs not seen from 0, the latter at their weight, per hidden pair.

    Args:
        scores: `[users, items asked]`.
        lists: Which of them were hidden, which wanted; wanted ones that were not hidden count nothing.
        unobserved_weight: Of a pair's square.
    """
    asked = ~lists.wanted | lists.hidden
    hidden = ((1 - scores).square() * lists.hidden).sum()
    return (hidden + unobserved_weight * (scores.square() * asked).sum()) / lists.hidden.sum().clamp(min=1)
