"""The best items by every product, a block at a time."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

QUERIES_AT_ONCE = 256
CELLS = 1_000_000  # products held at one time: 4 MB, near the processor


class Exact:
    """Every item's product with every query; no more than `CELLS` products are held at one time.

    Args:
        vectors: Of the items `[items, width]`, some columns of a wider table too; not copied.
    """

    def __init__(self, vectors: Floats) -> None:
        self.vectors = torch.from_numpy(np.asarray(vectors, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, queries: Floats, k: int, excluded: tuple[Rows, Rows] | None = None, ranked: Mask | None = None) -> tuple[Rows, Floats]:
        """The k items with the largest products, equal ones by item row.

        Args:
            queries: `[n, width]`.
            k: Items per query; may be more than there are.
            excluded: Pairs that must not be listed: places in `queries` and item rows, each `[m]`.
            ranked: Which items may be listed `[items]`; all when absent.

        Returns:
            Item rows `[n, k]`, best first, and their products; -1 and minus infinity where fewer are left.
        """
        asked = torch.from_numpy(np.ascontiguousarray(queries, dtype=np.float32))
        rows, scores = torch.full((len(asked), k), -1), torch.full((len(asked), k), -torch.inf)
        barred = _by_item(excluded)
        for start in range(0, len(asked), QUERIES_AT_ONCE):
            part = slice(start, start + QUERIES_AT_ONCE)
            self._fill(asked[part], rows[part], scores[part], _of_queries(barred, part), ranked)
        return rows.numpy(), scores.numpy()

    def _fill(self, asked: Tensor, rows: Tensor, scores: Tensor, barred: tuple[Tensor, Tensor], ranked: Mask | None) -> None:
        """Each block of items leaves what may be among the best; sorted in, in place, whenever twice as many items were looked at."""
        size = max(CELLS // max(len(asked), 1), 1)
        room = torch.empty(len(asked) * min(size, len(self)))
        waiting, sort_at = [], 0
        for start in range(0, len(self), size):
            block = self.vectors[start : start + size]
            products = torch.mm(asked, block.T, out=room[: len(asked) * len(block)].view(len(asked), len(block)))
            own = slice(*torch.searchsorted(barred[1], torch.tensor([start, start + len(block)])).tolist())
            products[barred[0][own], barred[1][own] - start] = -torch.inf
            if ranked is not None:
                products[:, torch.from_numpy(~ranked[start : start + len(block)])] = -torch.inf
            query, item = _hopeful(products, scores, start == 0)
            waiting.append((query, item + start, products[query, item]))
            if start + len(block) >= sort_at or start + size >= len(self):
                _sort_in(rows, scores, waiting)
                waiting, sort_at = [], 2 * (start + len(block))


def _hopeful(products: Tensor, scores: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    """Places `[m]`, `[m]` of a block's products that may be among the best k, k being the width of `scores`, the best before it.

    Of the first block nothing is known yet. But the largest products of k groups of its items are k products, so that the k-th best is
    no smaller than the smallest of them.
    """
    k = scores.shape[1]
    if not first:
        query, item = (products > scores[:, -1:]).nonzero(as_tuple=True)  # equals have lower rows before this block
    elif products.shape[1] < 2 * k:
        query, item = (products > -torch.inf).nonzero(as_tuple=True)
    else:
        group = products.shape[1] // k
        edge = products[:, : k * group].view(len(products), k, group).amax(2).amin(1, keepdim=True)
        query, item = ((products >= edge) & (products > -torch.inf)).nonzero(as_tuple=True)
    return query, item


def _sort_in(rows: Tensor, scores: Tensor, waiting: list[tuple[Tensor, Tensor, Tensor]]) -> None:
    """Take what waits in among the best so far `[n, k]`, in place.

    It has higher rows than they, and each part higher ones than the part before, so that a stable sort leaves equals in the order of rows.
    """
    query, item, products = (torch.cat(parts) for parts in zip(*waiting, strict=True))
    if not len(query):
        return
    order = query.argsort(stable=True)
    query, item, products = query[order], item[order], products[order]
    k, counts = scores.shape[1], torch.bincount(query, minlength=len(scores))
    place = k + torch.arange(len(query)) - (counts.cumsum(0) - counts)[query]
    width = k + int(counts.max())
    joined, known = torch.full((len(scores), width), -torch.inf), torch.full((len(scores), width), -1)
    joined[:, :k], known[:, :k] = scores, rows
    joined[query, place], known[query, place] = products, item
    best = joined.sort(dim=1, descending=True, stable=True)
    scores.copy_(best.values[:, :k])
    rows.copy_(known.gather(1, best.indices[:, :k]))


def _by_item(excluded: tuple[Rows, Rows] | None) -> tuple[Rows, Rows]:
    """The pairs in the order of items."""
    if excluded is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    order = np.argsort(excluded[1], kind="stable")
    return excluded[0][order], excluded[1][order]


def _of_queries(barred: tuple[Rows, Rows], part: slice) -> tuple[Tensor, Tensor]:
    """The pairs of a block of queries, counted from its first."""
    own = (barred[0] >= part.start) & (barred[0] < part.stop)
    return torch.from_numpy(barred[0][own] - part.start), torch.from_numpy(np.ascontiguousarray(barred[1][own]))
