"""Vectors of items by who had them, and of users by what they had: two items are alike when the same people had both.

The strongest directions of who had what (Deerwester et al., Indexing by latent semantic analysis, JASIS 1990), so that people with no
item in common may be alike too, and a history that grew since is folded in by one product. With as many directions as there are users
or items, the likeness of two items is the cosine (or Pearson's correlation) of their columns, exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penchant.models.collaborative.pure_svd import right_singular_vectors
from penchant.models.similar.spaces import Floats, Rows

DIRECTIONS = 64
ROUNDS = 6  # of turning towards the strongest directions
SHRINKAGE = 5.0  # added to every item's count, so that items of very few users take no direction for themselves
WEAKEST = 1e-5  # of the strongest direction's strength; below it, a direction is rounding


@dataclass(frozen=True)
class Behaviour:
    """What was learnt of who had what.

    Attributes:
        items: Vectors of the catalogue `[items, directions]`; zeros for an item without events.
        into: What the items of a history add to its vector `[items, directions]`.
        among_users: What items have in common because everybody has much or little of them `[directions]`, which Pearson takes off.
        among_items: The same of users `[directions]`.
    """

    items: Floats
    into: Floats
    among_users: Floats
    among_items: Floats

    @classmethod
    def learn(cls, user: NDArray[np.integer], item: NDArray[np.integer], users: int, items: int) -> Self:
        """From events of user rows `[events]` with item rows `[events]`; a pair counts once, however often."""
        had = who_had(user, item, (users, items))
        count = np.bincount(had.indices, minlength=items)
        weight = np.where(count > 0, (count + SHRINKAGE) ** -0.5, 0).astype(np.float32)
        weighted = csr_array((had.data * weight[had.indices], had.indices, had.indptr), shape=had.shape)
        if not weighted.nnz:
            return cls(*(np.zeros(shape, dtype=np.float32) for shape in ((items, 0), (items, 0), 0, 0)))
        directions = _directions(weighted) * (count > 0)[:, None]
        folded = weighted @ directions
        strength = np.linalg.norm(folded, axis=0)
        kept = strength > WEAKEST * strength.max()
        directions, folded, strength = directions[:, kept], folded[:, kept], strength[kept]
        return cls(
            items=np.ascontiguousarray(directions * strength, dtype=np.float32),
            into=np.ascontiguousarray(directions * weight[:, None], dtype=np.float32),
            among_users=(np.sqrt(users) * folded.mean(axis=0) / strength).astype(np.float32),
            among_items=(np.sqrt(items) * directions.mean(axis=0)).astype(np.float32),
        )

    def users(self, who: NDArray[np.integer], item: NDArray[np.integer], count: int) -> Floats:
        """Vectors `[count, directions]` of users by the items of their histories, as pairs `[m]`, `[m]`; zeros without any.

        Items beyond those learnt of, and ones without events by then, add nothing.
        """
        learnt = item < len(self.into)
        vectors: Floats = who_had(who[learnt], item[learnt], (count, len(self.into))) @ self.into
        return vectors

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return dict(vars(self))

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `state`."""
        return cls(**{name: arrays[name] for name in ("items", "into", "among_users", "among_items")})


def _directions(weighted: csr_array) -> Floats:
    """The strongest directions of items `[items, directions]`, found from the side, users or items, of which there are fewer."""
    if weighted.shape[0] >= weighted.shape[1]:
        return right_singular_vectors(weighted, DIRECTIONS, ROUNDS, seed=0)
    transposed = csr_array(weighted.T)
    directions: Floats = transposed @ right_singular_vectors(transposed, DIRECTIONS, ROUNDS, seed=0)
    strength = np.linalg.norm(directions, axis=0)
    kept = strength > WEAKEST * strength.max()
    units: Floats = directions[:, kept] / strength[kept]
    return units


def who_had(user: NDArray[np.integer], item: NDArray[np.integer], shape: tuple[int, int]) -> csr_array:
    """1 for every pair that occurs `[users, items]`, float32."""
    had = csr_array((np.ones(len(user), dtype=np.float32), (user, item)), shape=shape)
    had.data[:] = 1  # equal pairs were added up
    return had


def newest(offsets: Rows, length: int) -> tuple[Rows, Rows]:
    """Whose, and which: pairs `[m]`, `[m]` of each owner and its last `length` places, where its own begin at `offsets` `[owners + 1]`."""
    count = np.minimum(np.diff(offsets), length)
    owner = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    return owner, (offsets[1:] - count)[owner] + within
