"""Where a user or an item stands among others: friends, followers, things bought together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy.linalg import eigh
from scipy.sparse import csr_matrix, diags_array
from scipy.sparse.linalg import eigsh

from penchant.data.edges import EdgesSettings, read_edges
from penchant.features.feature import Array, Form, as_number, as_text
from penchant.schema.errors import DataError
from penchant.schema.settings import Settings

SMALL = 500  # nodes up to which all eigenvectors are computed at once
BOUND = 6.0
GAPPED = ("own", "means")  # arrays in which a number may be missing


class GraphSettings(Settings):
    """Which relations, and what is taken from them."""

    edges: EdgesSettings
    width: int = Field(16, ge=0, le=512)
    """Numbers that place a node by the spectrum of the graph."""
    neighbours: str | None = None
    """One of the feature's columns, with a new node's neighbours as a list or separated by |; for nodes that came after training."""
    directory: Path = Path(".")
    """Where a relative path starts."""

    def within(self, directory: Path) -> "GraphSettings":
        """The same with relative paths starting at `directory`."""
        return self.model_copy(update={"directory": directory / self.directory})


class Graph:
    """`[n, 2 + width + 2 · columns]`: known, neighbours, place in the graph, and of each further numeric column the neighbours' mean.

    The first column is the node's id. `known` is 1 for nodes of the graph, and for others that name a neighbour in it: these stand at the
    mean of their neighbours. Anything else is all 0 but for the masks. `neighbours` is log(1 + their number), and the means are those of
    training values, in standard deviations within ±6, followed by 1 where no neighbour has one. Places are eigenvectors of the normalised
    adjacency D^-½ A D^-½ with the largest eigenvalues (Ng, Jordan and Weiss, NIPS 2001), scaled to mean square 1.

    Relations carry no time here: a table of relations must hold only what was known when training ends.
    """

    kind: ClassVar[str] = "graph"
    settings_class: ClassVar[type[Settings]] = GraphSettings

    def __init__(self, settings: GraphSettings) -> None:
        self.settings = settings
        self._know([], [], {name: np.zeros((0, 0)) for name in ("degrees", "places", "own", "means")} | {"scale": np.zeros((2, 0))})

    def _know(self, nodes: Sequence[str], columns: Sequence[str], arrays: Mapping[str, Array]) -> None:
        """Nodes `[m]`, numeric columns `[c]`; degrees `[m]`, places `[m, width]`, own and neighbours' values `[m, c]`, scale `[2, c]`."""
        self.nodes_, self.columns_, self._arrays = list(nodes), list(columns), dict(arrays)
        self._rows = {node: row for row, node in enumerate(nodes)}

    @property
    def form(self) -> Form:
        """A vector of `2 + width + 2 · columns` numbers."""
        return Form("vector", 2 + self.settings.width + 2 * len(self.columns_))

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Read the relations, place their nodes, and learn the neighbours' means from `[n]` training rows; `events` play no part.

        Raises:
            DataError: when the table cannot be read, or a weight is not a positive number.
            RecipeError: when a column is not in it.
        """
        nodes, adjacency = read_graph(self.settings.edges, self.settings.directory)
        ids, numbers, _ = self._taken(values)
        columns = [name for name in _fields(values)[1:] if name != self.settings.neighbours]
        own = _mean_by_node(nodes, ids, numbers)
        scale = np.stack([_over(own, np.nanmean, 0.0), _over(own, np.nanstd, 1.0)])
        arrays = {
            "degrees": np.diff(adjacency.indptr).astype(np.float64),
            "places": spectral(adjacency, self.settings.width),
            "own": own,
            "means": _neighbours_mean(adjacency, own),
            "scale": scale,
        }
        self._know(nodes, columns, arrays)
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, 2 + width + 2 · columns]`, float32, as the class describes them."""
        ids, _, friends = self._taken(values)
        result = np.zeros((len(ids), self.form.size), dtype=np.float64)
        result[:, 3 + self.settings.width :: 2] = 1
        known = np.array([self._rows.get(node, -1) if node is not None else -1 for node in ids], dtype=np.int64)
        found = known >= 0
        if found.any():
            result[found] = self._told(*(self._arrays[name][known[found]] for name in ("degrees", "places", "means")))
        for row in np.flatnonzero(~found):
            at = [self._rows[friend] for friend in friends[row] if friend in self._rows]
            if at:
                arrays = self._arrays
                means = _over(arrays["own"][at], np.nanmean, np.nan)
                result[row] = self._told(np.array([float(len(at))]), arrays["places"][at].mean(axis=0)[None], means[None])[0]
        return result.astype(np.float32)

    def _told(self, degrees: Array, places: Array, means: Array) -> Array:
        """The feature's numbers of nodes that stand in the graph."""
        mean, deviation = self._arrays["scale"]
        standard = np.clip((means - mean) / deviation, -BOUND, BOUND)
        missing = np.isnan(standard)
        pairs = np.stack([np.where(missing, 0, standard), missing], axis=2).reshape(len(means), -1)
        return np.concatenate([np.ones((len(degrees), 1)), np.log1p(degrees)[:, None], places, pairs], axis=1)

    def _taken(self, values: pl.Series) -> tuple[list[str | None], Array, list[list[str]]]:
        """Ids `[n]`, numeric columns `[n, c]` and named neighbours `[n]` of the feature's columns."""
        if values.dtype != pl.Struct:
            return as_text(values).to_list(), np.zeros((len(values), 0)), [[]] * len(values)
        first, *rest = _fields(values)
        numbers = [as_number(values.struct.field(name)) for name in rest if name != self.settings.neighbours]
        named = values.struct.field(self.settings.neighbours) if self.settings.neighbours in rest else None
        friends = [[]] * len(values) if named is None else [_listed(cell) for cell in named.to_list()]
        columns = np.stack(numbers, axis=1) if numbers else np.zeros((len(values), 0))
        return as_text(values.struct.field(first)).to_list(), columns, friends

    def names(self) -> list[str]:
        """What each number of the vector is."""
        places = [f"place {number} in the graph" for number in range(1, self.settings.width + 1)]
        means = [name for column in self.columns_ for name in (f"neighbours' mean {column}", f"no neighbour's {column}")]
        return ["known in the graph", "number of neighbours", *places, *means]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Nodes and columns; the arrays of `_know`, missing numbers as 0 beside a mask of those known."""
        known = {f"{name}_known": ~np.isnan(self._arrays[name]) for name in GAPPED}  # arrays without NaN compare as they should
        return {"nodes": self.nodes_, "columns": self.columns_}, {
            name: np.nan_to_num(array) for name, array in self._arrays.items()
        } | known

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`; the table of relations is read no more."""
        gapped = {name: np.where(arrays[f"{name}_known"], arrays[name], np.nan) for name in GAPPED}
        plain = {name: arrays[name] for name in ("degrees", "places", "scale")}
        self._know(facts["nodes"], facts["columns"], plain | gapped)
        return self


def read_graph(settings: EdgesSettings, directory: Path) -> tuple[list[str], csr_matrix]:
    """Nodes `[m]` in text order and the symmetric weights `[m, m]` between them, from a table of relations.

    Rows without both ends and relations of a node with itself are left out.

    Raises:
        DataError: when the table cannot be read, or a weight is not a positive number.
        RecipeError: when a column is not in the table.
    """
    frame = read_edges(settings, directory)
    ends = pl.DataFrame({"a": as_text(frame[settings.source]), "b": as_text(frame[settings.target])})
    weights = as_number(frame[settings.weight]) if settings.weight else np.ones(len(frame))
    sound = ends.select(pl.col("a").is_not_null() & pl.col("b").is_not_null() & (pl.col("a") != pl.col("b"))).to_series().fill_null(False)
    ends, weights = ends.filter(sound), weights[sound.to_numpy()]
    _check_weights(settings, weights)
    nodes = pl.concat([ends["a"], ends["b"]]).unique().sort()
    rows = pl.DataFrame({"node": nodes}).with_row_index("row")
    a, b = (ends.join(rows, left_on=end, right_on="node", how="left", maintain_order="left")["row"].to_numpy() for end in ("a", "b"))
    one_way = csr_matrix((weights, (a, b)), shape=(len(nodes), len(nodes)))
    return nodes.to_list(), csr_matrix(one_way + one_way.T)


def _check_weights(settings: EdgesSettings, weights: Array) -> None:
    wrong = ~(weights > 0)
    if wrong.any():
        came = f"{int(wrong.sum())} of {len(weights):,} that are not, first at relation {int(wrong.argmax()) + 1}"
        do = "Leave such rows out of the table, or take `weight` out of the recipe."
        raise DataError(f"column '{settings.weight}' of the edges in '{settings.path}'", must="positive numbers", came=came, do=do)


def spectral(adjacency: csr_matrix, width: int) -> Array:
    """Places `[m, width]` by the eigenvectors of the largest eigenvalues, largest first; 0 where there are fewer nodes than that.

    Each vector has mean square 1 and its largest entry positive, so that two fits give the same.
    """
    nodes = adjacency.shape[0]
    places = np.zeros((nodes, width))
    if not nodes or not width:
        return places
    roots = diags_array(1 / np.sqrt(np.asarray(adjacency.sum(axis=1)).ravel()))
    normalised = roots @ adjacency @ roots
    if nodes <= max(SMALL, width + 1):
        values, vectors = eigh(normalised.toarray())
    else:
        values, vectors = eigsh(normalised, k=width, which="LA", v0=np.linspace(1, 2, nodes))
    vectors = vectors[:, np.argsort(-values, kind="stable")[:width]]
    signs = np.sign(np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0))
    places[:, : vectors.shape[1]] = vectors * signs * np.sqrt(nodes)
    return places


def _mean_by_node(nodes: Sequence[str], ids: Sequence[str | None], numbers: Array) -> Array:
    """Training values by node `[m, c]`; NaN where there is none."""
    rows = {node: row for row, node in enumerate(nodes)}
    at = np.array([rows.get(node, -1) if node is not None else -1 for node in ids], dtype=np.int64)
    numbers, at = numbers[at >= 0], at[at >= 0]
    sums, counts = np.zeros((len(nodes), numbers.shape[1])), np.zeros((len(nodes), numbers.shape[1]))
    np.add.at(sums, at, np.nan_to_num(numbers))
    np.add.at(counts, at, ~np.isnan(numbers))
    result: Array = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return result


def _neighbours_mean(adjacency: csr_matrix, own: Array) -> Array:
    """Weighted mean of the neighbours' own values `[m, c]`; NaN where none has one."""
    total = adjacency @ np.nan_to_num(own)
    weight = adjacency @ (~np.isnan(own)).astype(np.float64)
    result: Array = np.divide(total, weight, out=np.full_like(own, np.nan), where=weight > 0)
    return result


def _over(values: Array, statistic: Any, otherwise: float) -> Array:
    """A statistic of each column's present values `[c]`; `otherwise` where there is none, and for a spread of 0."""
    present = [column[~np.isnan(column)] for column in values.T]
    found = [float(statistic(column)) if len(column) else otherwise for column in present]
    return np.array([otherwise if statistic is np.nanstd and one == 0 else one for one in found], dtype=np.float64)


def _fields(values: pl.Series) -> list[str]:
    return list(values.struct.fields) if values.dtype == pl.Struct else [""]


def _listed(cell: Any) -> list[str]:
    if cell is None:
        return []
    parts = cell.replace("\x1f", "|").split("|") if isinstance(cell, str) else cell
    return [text for text in as_text(pl.Series(list(parts))).cast(pl.String).drop_nulls().str.strip_chars().to_list() if text]
