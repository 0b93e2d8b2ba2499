"""One way of being alike, ready to be asked: what a model gives for a space and a measure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch

from penchant.models.similar.neighbours import Neighbours, Vectors
from penchant.models.similar.spaces import By, Floats, Mask, Owner, Rows, Space
from penchant.schema.errors import UnsupportedError

AT_ONCE = 1024  # rows whose likenesses to everything are held at one time

Found = Callable[[], tuple[Rows, Floats]]
"""Looks when it is called, in any thread: rows `[asked, k]`, the most alike first, -1 where fewer are left, and how alike."""


class Likeness(Protocol):
    """How alike items are to items, or users to users.

    Attributes:
        space: In what.
        by: How that is measured; None is the model's own way.
        related: Pairs of user rows who are known to belong together `[m]`, `[m]`; none for items.
    """

    @property
    def space(self) -> Space: ...
    @property
    def by(self) -> By | None: ...
    @property
    def related(self) -> tuple[Rows, Rows]: ...

    def of_rows(self, rows: Rows) -> Any:
        """What is asked with `[n, *]`, of rows `[n]`."""

    def of_records(self, records: Sequence[dict[str, Any]]) -> Any:
        """The same of the columns of items or users that the model need not know. Raises UnsupportedError when it must."""

    def knows(self, asked: Any) -> Mask:
        """Which of these have a place in the space `[n]`."""

    def search(self, asked: Any, k: int, excluded: tuple[Rows, Rows]) -> Found:
        """The k most alike, without the excluded pairs (places in `asked`, and rows)."""

    def among(self, asked: Any, k: int, pairs: tuple[Rows, Rows]) -> Found:
        """The same of these pairs only. Raises UnsupportedError when the model cannot."""


NOBODY: tuple[Rows, Rows] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
Describe = Callable[[Sequence[dict[str, Any]]], Vectors]


@dataclass(frozen=True)
class ByVectors:
    """A `Likeness` of vectors.

    Attributes:
        neighbours: The vectors.
        described: Makes vectors of records; None for a model that knows nothing but ids.
    """

    neighbours: Neighbours
    space: Space
    by: By
    described: Describe | None = None
    related: tuple[Rows, Rows] = NOBODY

    def of_rows(self, rows: Rows) -> Floats:
        """Vectors of length 1 in either space `[n, width]`."""
        return self.neighbours.at(rows, self.by)

    def of_records(self, records: Sequence[dict[str, Any]]) -> Floats:
        """The same, of what the features read of the records."""
        if self.described is None:
            raise knows_ids_only()
        return self.neighbours.units_of(self.described(records), self.by)

    def knows(self, asked: Floats) -> Mask:
        """Where the vector is not 0."""
        return self.neighbours.knows(asked, self.space)

    def search(self, asked: Floats, k: int, excluded: tuple[Rows, Rows]) -> Found:
        """By every product."""
        return self.neighbours.search(asked, k, self.space, self.by, excluded)

    def among(self, asked: Floats, k: int, pairs: tuple[Rows, Rows]) -> Found:
        """By the products of the pairs."""
        return self.neighbours.among(asked, k, self.space, self.by, pairs)


@dataclass(frozen=True)
class ByModel:
    """A `Likeness` of items as a model holds them against each other, in its own way; what has nothing in common is not alike.

    Attributes:
        similarities: As `Recommender.item_similarities`.
    """

    similarities: Callable[[Rows], Floats]
    space: Space = "behaviour"
    by: By | None = None
    related: tuple[Rows, Rows] = NOBODY

    def of_rows(self, rows: Rows) -> Rows:
        """The rows."""
        return rows

    def of_records(self, records: Sequence[dict[str, Any]]) -> Rows:
        """Raises UnsupportedError."""
        raise knows_ids_only()

    def knows(self, asked: Rows) -> Mask:
        """Everything that was learnt of."""
        return np.ones(len(asked), dtype=bool)

    def search(self, asked: Rows, k: int, excluded: tuple[Rows, Rows]) -> Found:
        """By the model's likenesses above 0."""
        return lambda: self._search(asked, k, excluded)

    def among(self, asked: Rows, k: int, pairs: tuple[Rows, Rows]) -> Found:
        """Raises UnsupportedError: items have no friends."""
        raise unsupported("user", "a model of kind 'item_knn' or 'ease'")

    def _search(self, asked: Rows, k: int, excluded: tuple[Rows, Rows]) -> tuple[Rows, Floats]:
        rows, scores = np.full((len(asked), k), -1, dtype=np.int64), np.full((len(asked), k), -np.inf, dtype=np.float32)
        for start in range(0, len(asked), AT_ONCE):
            alike = self.similarities(asked[start : start + AT_ONCE]).astype(np.float32)
            own = (excluded[0] >= start) & (excluded[0] < start + AT_ONCE)
            alike[excluded[0][own] - start, excluded[1][own]] = -np.inf
            best = torch.from_numpy(np.where(alike > 0, alike, -np.inf)).sort(dim=1, descending=True, stable=True)
            found = min(k, alike.shape[1])
            values = best.values[:, :found].numpy()
            rows[start : start + AT_ONCE, :found] = np.where(np.isfinite(values), best.indices[:, :found].numpy(), -1)
            scores[start : start + AT_ONCE, :found] = values
        return rows, scores


def knows_ids_only() -> UnsupportedError:
    """What to say of a record where a model has learnt ids alone."""
    return UnsupportedError(
        "the model", must="one that reads features", came="one that knows ids only", do="Ask by an id, or train the network."
    )


def unsupported(of: Owner, came: str, do: str = "Train the network, or a model of products such as 'als'.") -> UnsupportedError:
    """What to say where a model does not hold items (users) against each other."""
    return UnsupportedError("the model", must=f"one that holds {of}s against each other", came=came, do=do)


def frame_of(records: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Records as a frame; a column that a record lacks is missing there."""
    return pl.DataFrame(list(records), infer_schema_length=None, strict=False)
