"""Item vectors from what is used together: where the ids' vectors start."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SPARE = 8  # directions sought beyond those kept, without which the random search misses strong ones (Halko et al. 2011, section 4.2)
SHRINKAGE = 5.0  # added to every count, so that items seen a few times start near zero


def cooccurrence_vectors(session: NDArray[np.integer], item: NDArray[np.integer], items: int, width: int) -> Tensor:
    """Vectors `[items, width]` whose products are the cosines of the items' sessions, as near as `width` allows.

    Args:
        session: Which short stretch of a user's history each event lies in `[events]`.
        item: Its item, below `items`, `[events]`.
        items: How many items there are; those without events get the zero vector.
        width: Numbers per vector; missing ones are zero when there are fewer sessions or items.
    """
    sessions, place = np.unique(session, return_inverse=True)
    count = np.bincount(item, minlength=items)
    values = torch.from_numpy((count[item] + SHRINKAGE) ** -0.5).float()
    cells = torch.from_numpy(np.stack([place, item]).astype(np.int64))
    matrix = torch.sparse_coo_tensor(cells, values, (len(sessions), items), check_invariants=True).coalesce()
    rank = min(width, len(sessions), items)
    if not rank:
        return torch.zeros(items, width)
    spare = min(rank + SPARE, len(sessions), items)
    _, strength, directions = torch.svd_lowrank(matrix, q=spare, niter=4)
    vectors = torch.zeros(items, width)
    vectors[:, :rank] = (directions * strength)[:, :rank]
    turn = torch.linalg.qr(torch.randn(width, width)).Q  # spreads every direction over all numbers, for heads that read a part of them
    turned: Tensor = vectors @ turn
    return turned
