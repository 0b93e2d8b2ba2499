"""Who stands beside whom: the relations between users that a recipe's graph features read."""

import polars as pl
from scipy.sparse import coo_array, csr_array

from penchant.data.dataset import Dataset
from penchant.features import graph  # the module: a class with a `kind` in this package would pass for a model
from penchant.features.feature import build


def friends(data: Dataset) -> csr_array:
    """Weights of the relations between the log's users `[users, users]`, symmetric, float32; those of several features add up.

    Relations with somebody the log does not know are left out. A recipe without graph features of users gives a matrix without entries.

    Raises:
        DataError: when a table of relations cannot be read.
        RecipeError: when a column is not in it.
    """
    users = data.log.users["user_id"]
    total = csr_array((len(users), len(users)), dtype="float32")
    for name, part in data.recipe.features.user.items():
        feature = build(part, f"features, user.{name}", data.recipe.directory) if part.kind == graph.Graph.kind else None
        if isinstance(feature, graph.Graph):
            total = total + _among(users, *graph.read_graph(feature.settings.edges, feature.settings.directory))
    return csr_array(total)


def _among(users: pl.Series, nodes: list[str], weights: csr_array) -> csr_array:
    """The weights between nodes as weights between users."""
    rows = dict(zip(users, range(len(users)), strict=True))
    at = pl.Series([rows.get(node, -1) for node in nodes], dtype=pl.Int64).to_numpy()
    found = coo_array(weights)
    a, b = at[found.row], at[found.col]
    known = (a >= 0) & (b >= 0)
    return csr_array((found.data[known].astype("float32"), (a[known], b[known])), shape=(len(users), len(users)))
