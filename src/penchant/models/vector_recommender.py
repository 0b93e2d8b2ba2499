"""Models whose scores are products of a query's vector with the items': they answer through an index."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.exact import Exact
from penchant.funnel.index import Index, index_of
from penchant.models.collaborative.similarity import cosines
from penchant.models.queries import Queries
from penchant.models.recommender import BLOCK, Recommender, check_space, only_behaviour
from penchant.models.similar.likeness import ByVectors, Likeness
from penchant.models.similar.neighbours import Neighbours, Vectors
from penchant.models.similar.spaces import By, Owner, Space

Floats = NDArray[np.float32]
TRIED = 256  # users whose vectors an index is measured on


class VectorRecommender(Recommender):
    """A model that has a vector for every query and every item. A subclass fills in both; lists then never need every score.

    Attributes:
        base: What is added to every product.
    """

    base: float = 0.0
    _index: tuple[Floats, Index] | None = None
    _alike: tuple[Floats, dict[Owner, Neighbours]] | None = None

    @property
    @abstractmethod
    def item_vectors(self) -> Floats:
        """Vectors of the catalogue `[items, width]`; another array once they changed."""

    @abstractmethod
    def query_vectors(self, queries: Queries) -> Floats:
        """Vectors of the queries `[queries, width]`, known, new or anonymous."""

    @property
    def index(self) -> Index:
        """The item vectors, ready to be searched; made when it is first asked for and whenever they changed."""
        vectors = self.item_vectors
        if self._index is None or self._index[0] is not vectors:
            self._index = vectors, index_of(vectors, self._typical)
        return self._index[1]

    def _typical(self) -> Floats:
        """Vectors of some known users as of the log's end; somebody unknown stands for them where there are none."""
        users = self.log_.users["user_id"]
        names = users.gather(np.unique(np.linspace(0, len(users) - 1, TRIED).astype(int))).to_list() if len(users) else [""]
        last = float(self.log_.time.max()) if len(self.log_) else 0.0
        return self.query_vectors(Queries.now(self.log_, names, self._moment(len(names), {"time": last}, None)))

    def scores(self, queries: Queries) -> Floats:
        """Products of the queries' vectors with the items', `[queries, items]`."""
        products: Floats = self.query_vectors(queries) @ self.item_vectors.T
        return products + np.float32(self.base)

    def _scores_of(self, queries: Queries, rows: NDArray[np.integer]) -> Floats:
        products: Floats = np.einsum("nw,nkw->nk", self.query_vectors(queries), self.item_vectors[rows])
        return products + np.float32(self.base)

    def _top_block(
        self, queries: Queries, k: int, exclude_seen: bool, ranked: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], Floats]:
        """Equal scores in the order of item rows."""
        index = self.index if ranked is None else Exact(self.item_vectors)
        rows, products = index.search(self.query_vectors(queries), k, queries.seen() if exclude_seen else None, ranked)
        return rows, products + np.float32(self.base)

    def vectors_of(self, rows: NDArray[np.integer]) -> Floats:
        """The items' own vectors."""
        found: Floats = self.item_vectors[rows]
        return found

    def likeness(self, of: Owner, space: Space | None = None, by: By | None = None) -> Likeness:
        """Items by their vectors, users by those of their histories as of the log's end; Pearson over a vector's own numbers."""
        check_space(space, by)
        only_behaviour(self, space)
        vectors = self.item_vectors
        if self._alike is None or self._alike[0] is not vectors:
            self._alike = vectors, {}
        if of not in self._alike[1]:
            own = vectors if of == "item" else self._of_users()
            self._alike[1][of] = Neighbours(Vectors(np.zeros((len(own), 0), dtype=np.float32), own))
        return ByVectors(self._alike[1][of], "behaviour", by or "cosine")

    def _of_users(self) -> Floats:
        """Vectors `[users, width]` of all users; 0 for one without events."""
        log, vectors = self.log_, np.zeros((len(self.log_.users), self.item_vectors.shape[1]), dtype=np.float32)
        there = np.flatnonzero(np.diff(log.offsets))
        names = log.users["user_id"].gather(there).to_list()
        if names:
            queries = Queries.now(log, names, self._moment(len(names), {"time": float(log.time.max())}, None))
            vectors[there] = np.concatenate([self.query_vectors(block) for block in queries.blocks(BLOCK)])
        return vectors

    def item_similarities(self, rows: NDArray[np.integer]) -> Floats:
        """Cosines of some items' vectors with all items', `[rows, items]`; 0 for a vector without length."""
        return cosines(self.item_vectors, rows)
