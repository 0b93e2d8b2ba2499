"""Models whose scores are products of a query's vector with the items': they answer through an index."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.exact import Exact
from penchant.funnel.index import Index, index_of
from penchant.models.collaborative.similarity import cosines
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender

Floats = NDArray[np.float32]
TRIED = 256  # users whose vectors an index is measured on


class VectorRecommender(Recommender):
    """A model that has a vector for every query and every item. A subclass fills in both; lists then never need every score.

    Attributes:
        base: What is added to every product.
    """

    base: float = 0.0
    _index: tuple[Floats, Index] | None = None

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

    def item_similarities(self, rows: NDArray[np.integer]) -> Floats:
        """Cosines of some items' vectors with all items', `[rows, items]`; 0 for a vector without length."""
        return cosines(self.item_vectors, rows)
