"""Item vectors, ready to be searched: by every product up to a size, by an inverted file beyond it.

An index is made from vectors whenever they are loaded or change; none is ever read from a file.
"""

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol

from penchant.funnel.exact import Exact, Floats, Mask, Rows

logger = logging.getLogger(__name__)
EXACT_UP_TO = 50_000
"""Items; up to here all products take less time than an answer needs anyway."""


class Index(Protocol):
    """Finds the items whose vectors have the largest products with a query's."""

    def __len__(self) -> int:
        """How many items."""

    def search(self, queries: Floats, k: int, excluded: tuple[Rows, Rows] | None = None, ranked: Mask | None = None) -> tuple[Rows, Floats]:
        """As `Exact.search`."""


def index_of(vectors: Floats, tried: Callable[[], Floats]) -> Index:
    """The index of item vectors `[items, width]`.

    Without the faiss library it is exact whatever their number, and a line in the log says so.

    Args:
        vectors: Of the items.
        tried: Gives queries like those to come `[m, width]`, at least one; an index that is not exact is measured on them.
    """
    if len(vectors) <= EXACT_UP_TO:
        return Exact(vectors)
    if find_spec("faiss") is None:
        logger.warning("%d items are searched by every product; faster with: pip install 'penchant[index]'", len(vectors))
        return Exact(vectors)
    from penchant.funnel.near import Near

    near = Near(vectors, tried())
    logger.info("index of %d items: %d lists read, recall@100 %.3f", len(near), near.probes, near.recall)
    return near
