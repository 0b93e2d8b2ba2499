"""The nearest of many vectors, which may grow and change while they are searched."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.exact import Exact
from penchant.models.similar.pearson import without_common, without_mean
from penchant.models.similar.spaces import By, Floats, Mask, Rows, Space

SPARE = 1.25  # room for more when they no longer fit, so that adding one by one copies each a few times at most
AT_ONCE = 1024  # rows
LEAST = 1e-6  # a vector shorter than this, of numbers around 1, is rounding


@dataclass(frozen=True)
class Vectors:
    """Items or users, by what they are and by what was done.

    Attributes:
        content: `[n, content width]`; zeros where nothing is told.
        behaviour: `[n, directions]`; zeros without events.
    """

    content: Floats
    behaviour: Floats

    def __len__(self) -> int:
        return len(self.content)


@dataclass(frozen=True)
class Search:
    """A question that any thread may have answered: it holds all that it needs. Found are rows and likenesses as of `Exact.search`."""

    held: Callable[[], tuple[Floats, Mask]]
    """Vectors, and which of them may be listed; the first question by a measure has all vectors worked out for it."""
    asked: Floats
    k: int
    excluded: tuple[Rows, Rows]

    def __call__(self) -> tuple[Rows, Floats]:
        """The nearest first."""
        vectors, listed = self.held()
        return Exact(vectors).search(self.asked, self.k, self.excluded, listed)


class Neighbours:
    """Vectors of length 1, both spaces side by side: a likeness is a product.

    Joint likeness is the mean of the two, one that is not known counting as 0. Pearson in content space takes the mean of each
    vector's own numbers off; in behaviour space, what `common` says.

    Args:
        vectors: Of those known from the beginning.
        common: See `pearson.without_common` `[directions]`; None takes the mean of each behaviour vector's own numbers off.
    """

    def __init__(self, vectors: Vectors, common: Floats | None = None) -> None:
        self._common, self._split = common, vectors.content.shape[1]
        self.width = self._split + vectors.behaviour.shape[1]
        self._count, self._changing = 0, Lock()
        self._units: dict[By, Floats] = {"cosine": np.zeros((0, self.width), dtype=np.float32)}
        self._known: dict[By, Mask] = {"cosine": np.zeros((0, 2), dtype=bool)}
        self.put(np.arange(len(vectors)), vectors)

    def __len__(self) -> int:
        return self._count

    def put(self, rows: Rows, vectors: Vectors) -> None:
        """Take these as the vectors of these rows; rows beyond those there follow them without a gap.

        A search that runs meanwhile may see some of the rows as they were and others as they are.
        """
        with self._changing:
            self._count = max(self._count, int(rows.max(initial=-1)) + 1)
            for by, units in self._units.items():
                self._units[by], self._known[by] = _with_room(units, self._count), _with_room(self._known[by], self._count)
                for part in _blocks(len(rows)):
                    fresh = self.units_of(Vectors(vectors.content[part], vectors.behaviour[part]), by)
                    self._units[by][rows[part]], self._known[by][rows[part]] = fresh, self._each_known(fresh)

    def tell(self, rows: Rows, content: Floats) -> None:
        """Take these as the content of these rows, as `put` does; what was done with them stays, and is nothing where they are new."""
        behaviour = np.zeros((len(rows), self.width - self._split), dtype=np.float32)
        known = rows < self._count
        behaviour[known] = self._units["cosine"][rows[known], self._split :]
        self.put(rows, Vectors(content, behaviour))

    def units_of(self, vectors: Vectors, by: By) -> Floats:
        """Vectors of length 1 in either space, side by side `[n, width]`; zeros where one is not known."""
        content, behaviour = vectors.content, vectors.behaviour
        if by == "pearson":
            content = without_mean(content)
            behaviour = without_mean(behaviour) if self._common is None else without_common(behaviour, self._common)
        return np.concatenate([_unit(content, vectors.content), _unit(behaviour, vectors.behaviour)], axis=1)

    def units(self, by: By) -> Floats:
        """The same of all that are held `[n, width]`; not to be written to. Worked out when first asked for."""
        with self._changing:
            if by not in self._units:
                units = np.empty((self._count, self.width), dtype=np.float32)
                known = np.empty((self._count, 2), dtype=bool)
                for part in _blocks(self._count):
                    units[part] = self._turned(self._units["cosine"][: self._count][part], by)
                    known[part] = self._each_known(units[part])
                self._units[by], self._known[by] = units, known
            return self._units[by][: self._count]

    def at(self, rows: Rows, by: By) -> Floats:
        """The same of some of them `[n, width]`, free to be changed, at no more cost than theirs."""
        return self._turned(self._units["cosine"][rows], by)

    def _turned(self, cosine: Floats, by: By) -> Floats:
        """From vectors for cosines those for another measure."""
        return cosine if by == "cosine" else self.units_of(Vectors(cosine[:, : self._split], cosine[:, self._split :]), by)

    def knows(self, units: Floats, space: Space) -> Mask:
        """Which of these `[n, width]` have a vector in the space `[n]`; in the joint one it takes either."""
        return _in(self._each_known(units), space)

    def _each_known(self, units: Floats) -> Mask:
        """Whether there is content, and behaviour `[n, 2]`."""
        return np.stack([units[:, : self._split].any(axis=1), units[:, self._split :].any(axis=1)], axis=1)

    def search(self, asked: Floats, k: int, space: Space, by: By, excluded: tuple[Rows, Rows]) -> Search:
        """The k nearest to vectors `units` or `units_of` gave, by the same measure `[asked, width]`; those of whom the space knows nothing
        are none.

        Args:
            asked: Whose neighbours.
            k: How many of each, more than there are included.
            space, by: Where, and how measured.
            excluded: Pairs that must not be listed: places in `asked`, and rows.
        """
        part, count = self._part(space), self._count
        asked = asked[:, part] / np.float32(2) if space == "joint" else asked[:, part]

        def held() -> tuple[Floats, Mask]:
            units = self.units(by)[:count, part]
            return units, _in(self._known[by][:count], space)

        return Search(held, asked, k, excluded)

    def among(self, asked: Floats, k: int, space: Space, by: By, pairs: tuple[Rows, Rows]) -> Callable[[], tuple[Rows, Floats]]:
        """As `search`, of these pairs only: places in `asked`, and rows."""
        part, (place, row) = self._part(space), pairs
        units = self.at(row, by)
        known = self.knows(units, space)
        place, row, units = place[known], row[known], units[known]
        share = np.float32(0.5 if space == "joint" else 1)
        return lambda: _best(place, row, share * np.einsum("nw,nw->n", asked[place, part], units[:, part]), len(asked), k)

    def _part(self, space: Space) -> slice:
        return {"content": slice(0, self._split), "behaviour": slice(self._split, None), "joint": slice(None)}[space]


def _best(place: Rows, row: Rows, likeness: Floats, count: int, k: int) -> tuple[Rows, Floats]:
    """The k best rows of each place `[count, k]` and their likeness; -1 and minus infinity where there are fewer."""
    order = np.lexsort((row, -likeness, place))
    place, row, likeness = place[order], row[order], likeness[order]
    rank = np.arange(len(place)) - np.searchsorted(place, place)
    rows, scores = np.full((count, k), -1, dtype=np.int64), np.full((count, k), -np.inf, dtype=np.float32)
    kept = rank < k
    rows[place[kept], rank[kept]], scores[place[kept], rank[kept]] = row[kept], likeness[kept]
    return rows, scores


def _unit(vectors: Floats, whole: Floats) -> Floats:
    """Vectors of length 1; zeros for one of which, of the `whole` vector it came from, only rounding is left."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    says = length > LEAST * np.linalg.norm(whole, axis=1, keepdims=True)
    result: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=says)
    return result


def _blocks(count: int) -> list[slice]:
    """Rows worked on together, which stay near the processor."""
    return [slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE)]


def _in(known: Mask, space: Space) -> Mask:
    """Which of `[n, 2]` are known in the space `[n]`."""
    if space == "joint":
        return known[:, 0] | known[:, 1]
    return known[:, int(space == "behaviour")].copy()


def _with_room(rows: NDArray[Any], count: int) -> NDArray[Any]:
    """The rows, and room for `count` of them at least; what lies behind those that are held means nothing."""
    if len(rows) >= count:
        return rows
    larger = np.zeros((count if not len(rows) else max(count, int(SPARE * len(rows))), rows.shape[1]), dtype=rows.dtype)
    larger[: len(rows)] = rows
    return larger
