"""What the items and users of a fitted network are alike in: its features, and who had what."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.features.feature import Array
from penchant.models.collaborative.friends import friends
from penchant.models.similar.behaviour import Behaviour, newest
from penchant.models.similar.content import Content
from penchant.models.similar.likeness import NOBODY, ByVectors, frame_of
from penchant.models.similar.neighbours import Neighbours, Vectors
from penchant.models.similar.spaces import By, Owner, Rows, Space
from penchant.schema.errors import UnsupportedError

if TYPE_CHECKING:
    from penchant.models.network_recommender import NetworkRecommender


class Similar:
    """Vectors of a network's items and users, and who is related to whom.

    Behaviour is learnt from the events that enter histories, of the part that the network was fitted on. A user's is that of the newest
    of them, as many as the network reads.

    Args:
        recommender: Fitted or loaded.
        behaviour: Learnt anew when absent.
        related: Pairs of user rows, both ways `[m, 2]`; read from the recipe's relations when absent.
    """

    def __init__(
        self, recommender: "NetworkRecommender", behaviour: Behaviour | None = None, related: NDArray[np.int64] | None = None
    ) -> None:
        self._recommender, self._related = recommender, related
        self.behaviour = _learnt(recommender) if behaviour is None else behaviour

    @cached_property
    def content(self) -> dict[Owner, Content]:
        """What features tell."""
        features = self._recommender.features
        return {"item": Content(features, "item", self._arrays("item")), "user": Content(features, "user", self._arrays("user"))}

    def _arrays(self, owner: Owner) -> Mapping[str, Array]:
        """Features of the log's items or users `{name: [n, *]}`."""
        recommender = self._recommender
        encoded = recommender.encoded(recommender.log_)
        table = recommender.log_.items if owner == "item" else recommender.log_.users
        return (encoded.item if owner == "item" else encoded.user) or recommender.features.encode(owner, table)

    def described(self, owner: Owner, table: pl.DataFrame) -> Vectors:
        """Vectors of items or users by their columns alone; nothing has been done with them."""
        return self.encoded(owner, self._recommender.features.encode(owner, table), len(table))

    def encoded(self, owner: Owner, arrays: Mapping[str, Array], count: int) -> Vectors:
        """The same, by their features `{name: [count, *]}`."""
        return Vectors(self.content[owner].vectors(arrays, count), np.zeros((count, self.behaviour.into.shape[1]), dtype=np.float32))

    def neighbours(self, owner: Owner) -> Neighbours:
        """The log's items or users, ready to be searched; made anew, so that whoever asks may add to them."""
        log = self._recommender.log_
        if owner == "item":
            content = self.content["item"].vectors(self._arrays("item"), len(log.items))
            return Neighbours(Vectors(content, self.behaviour.items), self.behaviour.among_users)
        who, places = newest(log.history_offsets, self._recommender.recipe.history.length)
        behaviour = self.behaviour.users(who, log.item[log.history_rows[places]], len(log.users))
        content = self.content["user"].vectors(self._arrays("user"), len(log.users))
        return Neighbours(Vectors(content, behaviour), self.behaviour.among_items)

    @cached_property
    def _own(self) -> dict[Owner, Neighbours]:
        return {}

    def usual_space(self, owner: Owner) -> Space:
        """The space that is meant when none is named: both where there are both."""
        return "joint" if self.content[owner].width else "behaviour"

    def likeness(self, owner: Owner, space: Space, by: By) -> ByVectors:
        """The log's items or users, held against each other.

        Raises:
            UnsupportedError: where the recipe tells nothing of them but ids, and content is asked for.
        """
        if owner not in self._own:
            self._own[owner] = self.neighbours(owner)
        return self.likeness_among(self._own[owner], owner, space, by)

    def likeness_among(self, neighbours: Neighbours, owner: Owner, space: Space, by: By) -> ByVectors:
        """The same of others, that began as `neighbours` gave them."""
        if space != "behaviour" and not self.content[owner].width:
            do = f'Add one to the recipe, for example [features] {owner}.about = {{ kind = "text" }}, and train again; or ask by behaviour.'
            raise UnsupportedError(f"space '{space}'", must=f"told by a feature of {owner}s", came="ids only", do=do)

        def described(records: Sequence[dict[str, Any]]) -> Vectors:
            return self.described(owner, frame_of(records))

        return ByVectors(neighbours, space, by, described, self.related if owner == "user" else NOBODY)

    @cached_property
    def related(self) -> tuple[Rows, Rows]:
        """Who is known to be related to whom, by the recipe's relation tasks and graph features of users, both ways `[m]`, `[m]`."""
        pairs = self._pairs if self._related is None else self._related
        return pairs[:, 0], pairs[:, 1]

    @property
    def _pairs(self) -> NDArray[np.int64]:
        recommender = self._recommender
        found = friends(Dataset(recommender.recipe, recommender.log_, np.zeros(0, dtype=np.int64))).tocoo()
        told = [np.stack([found.row, found.col], axis=1), *recommender.related.values()]
        pairs = np.concatenate(told).astype(np.int64)
        return np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that a bundle needs beside log and features: what was learnt of who had what, and who is related."""
        return self.behaviour.state() | {"related": np.stack(self.related, axis=1)}

    @classmethod
    def restored(cls, recommender: "NetworkRecommender", arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `state`."""
        return cls(recommender, Behaviour.restored(arrays), arrays["related"])


def _learnt(recommender: "NetworkRecommender") -> Behaviour:
    log = recommender.log_
    rows = log.history_rows
    fitted_on = getattr(recommender, "data_", None)
    if fitted_on is not None:
        rows = np.intersect1d(rows, fitted_on.rows, assume_unique=True)
    return Behaviour.learn(log.user[rows], log.item[rows], len(log.users), len(log.items))
