"""Who belongs to whom: friends, followers. One user's vector against another's; no part of item ranking."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from penchant.data.edges import EdgesSettings, read_edges
from penchant.data.sources.ids import as_ids
from penchant.schema.errors import DataError
from penchant.schema.sections.tasks import TaskPart
from penchant.schema.settings import Settings


class RelationSettings(Settings):
    """Which relations, and how they are learnt."""

    edges: EdgesSettings
    """The table: `{ path = "friends.csv", from = "a", to = "b" }`; its weights are not read."""
    head: Literal["dot", "bilinear"] = "dot"
    """`dot`: a relation counts for both ends alike (friend); `bilinear`: from one to the other (follow)."""
    pairs: int = Field(64, ge=1)
    """Relations learnt from per step."""
    negatives: int = Field(64, ge=1)
    """Users drawn per step, against whom all its relations stand."""
    held_out: float = Field(0.1, ge=0, lt=1)
    """Share of the relations that nothing is learnt from; validation and reports ask for them."""


@dataclass(frozen=True)
class Relations:
    """Pairs of user rows `[m, 2]`, from and to: those that may be learnt from, and those held out."""

    known: NDArray[np.int64]
    held_out: NDArray[np.int64]


class Relation(nn.Module):
    """The relation task: softmax over the other user and users drawn at random."""

    kind: ClassVar[str] = "relation"
    face: ClassVar[Literal["relation"]] = "relation"
    settings_class = RelationSettings

    def __init__(self, name: str, part: TaskPart, settings: RelationSettings, width: int) -> None:
        super().__init__()
        self.name, self.part, self.settings, self.width = name, part, settings, width
        self.turn = nn.Linear(width, width, bias=False) if settings.head == "bilinear" else nn.Identity()
        if isinstance(self.turn, nn.Linear):
            nn.init.eye_(self.turn.weight)

    @property
    def mutual(self) -> bool:
        """Whether a relation counts for both ends alike."""
        return self.settings.head == "dot"

    def forward(self, users: Tensor, others: Tensor) -> Tensor:
        """Scores `[...]` of users' vectors with others' `[..., width]`."""
        products: Tensor = self.turn(users) * others
        return products.sum(-1) / sqrt(self.width)

    def against_all(self, users: Tensor, others: Tensor) -> Tensor:
        """Scores `[m, n]` of users `[m, width]` with every other `[n, width]`."""
        turned: Tensor = self.turn(users)
        return turned @ others.T / sqrt(self.width)

    def loss(self, users: Tensor, others: Tensor, drawn: Tensor, counted: Tensor) -> Tensor:
        """Surprise in nats that it is this other user and none of those drawn.

        Args:
            users, others: Vectors of the two ends `[m, width]`.
            drawn: Vectors of the users drawn `[n, width]`.
            counted: Which of them stand against each relation `[m, n]`; nobody who is related, or the user's own self.

        Returns:
            Loss `[m]`.
        """
        wanted: Tensor = self(users, others)
        rivals = self.against_all(users, drawn).masked_fill(~counted, float("-inf"))
        return torch.cat([wanted.unsqueeze(1), rivals], dim=1).logsumexp(1) - wanted

    def relations(self, users: pl.Series, directory: Path, seed: int) -> Relations:
        """The table's relations between users of the log, each once; of a user with no one, or with itself, none.

        Args:
            users: User ids by row.
            directory: Where a relative path starts.
            seed: Of the choice of those held out.

        Raises:
            DataError: when the table cannot be read, or relates nobody the log knows to anybody it knows.
            RecipeError: when a column is not in it.
        """
        told = self.settings.edges
        frame = read_edges(told, directory)
        rows = pl.Series(range(len(users)), dtype=pl.Int64)
        ends = [as_ids(frame[name], f"the edges in '{told.path}'") for name in (told.source, told.target)]
        found = [end.replace_strict(users, rows, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy() for end in ends]
        pairs = np.stack(found, axis=1)
        pairs = np.sort(pairs, axis=1) if self.mutual else pairs
        pairs = np.unique(pairs[(pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])], axis=0)
        if not len(pairs):
            came, do = f"none of {len(frame):,}", f"Compare the ids of column '{told.source}' with the events' user_id."
            raise DataError(f"the edges of task '{self.name}'", must="relations between users of the log", came=came, do=do)
        held = np.zeros(len(pairs), dtype=bool)
        held[np.random.default_rng(seed).permutation(len(pairs))[: int(len(pairs) * self.settings.held_out)]] = True
        return Relations(pairs[~held], pairs[held])

    def both_ways(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pairs as they may be asked for: in both directions where a relation counts for both ends `[m or 2 m, 2]`."""
        return np.concatenate([pairs, pairs[:, ::-1]]) if self.mutual else pairs


def key(pairs: NDArray[np.integer[Any]], users: int) -> NDArray[np.int64]:
    """One number for each pair of user rows `[..., 2]`."""
    return pairs[..., 0].astype(np.int64) * users + pairs[..., 1]
