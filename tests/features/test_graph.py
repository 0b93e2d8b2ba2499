"""Relations between users or items."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.features.contract import FeatureContract
from penchant.features.feature import build
from penchant.features.feature_set import FeatureSet
from penchant.features.graph import Graph, GraphSettings, spectral
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.features import FeaturePart

#   a - b - c - d - e    and a relation of f with itself, and one without an end
PATH = "who,whom,times\na,b,1\nb,c,2\nc,d,1\nd,e,1\nf,f,1\ng,,1\n"


@pytest.fixture
def edges(tmp_path: Path) -> Path:
    (tmp_path / "edges.csv").write_text(PATH, encoding="utf8")
    return tmp_path / "edges.csv"


def graph(file: Path, /, **settings: Any) -> Graph:
    told = {"edges": {"path": str(file), "from": "who", "to": "whom"}, "width": 0, **settings}
    return Graph(GraphSettings.model_validate(told))


def people(**columns: list[Any]) -> pl.Series:
    return pl.DataFrame(columns).to_struct("user")


class TestGraph(FeatureContract):
    values = pl.Series(["a", "b", None, "z"])

    @pytest.fixture(autouse=True)
    def _edges(self, edges: Path) -> None:
        self.part = FeaturePart.model_validate({"kind": "graph", "edges": {"path": str(edges), "from": "who", "to": "whom"}, "width": 2})


class TestGraphWithColumns(TestGraph):
    values = people(user_id=["a", "b", None, "c"], age=[10.0, None, 3.0, 30.0], friends=["a|b", None, "", "d"])
    strangers = (people(user_id=["z", None, "a"], age=["x", None, "1e999"], friends=["a|e", "c", None]),)

    @pytest.fixture(autouse=True)
    def _edges(self, edges: Path) -> None:
        told = {"kind": "graph", "edges": {"path": str(edges), "from": "who", "to": "whom"}, "width": 1, "neighbours": "friends"}
        self.part = FeaturePart.model_validate(told)


def test_that_nodes_tell_how_many_neighbours_they_have_and_others_nothing(edges: Path) -> None:
    told = graph(edges).fit(pl.Series(["a"])).transform(pl.Series(["a", "c", "f", "g", "stranger", None]))
    np.testing.assert_allclose(told, [[1, np.log(2)], [1, np.log(3)], *[[0, 0]] * 4], rtol=1e-6)


def test_that_the_neighbours_mean_is_weighted_and_leaves_missing_ones_out(edges: Path) -> None:
    feature = graph(edges, edges={"path": str(edges), "from": "who", "to": "whom", "weight": "times"})
    feature.fit(people(user_id=["a", "c", "d"], age=[10, 40, None]))  # mean 25, deviation 15
    told = feature.transform(people(user_id=["b", "c", "e"], age=[None, None, None]))
    mean_of_b = (1 * 10 + 2 * 40) / 3
    np.testing.assert_allclose(told[:, 2:], [[(mean_of_b - 25) / 15, 0], [0, 1], [0, 1]], atol=1e-6)


def test_that_a_nodes_own_value_is_not_in_its_neighbours_mean(edges: Path) -> None:
    training = {"user_id": ["a", "b"], "age": [1.0, 2.0]}
    feature = graph(edges).fit(people(**training))
    same = feature.transform(people(**training))
    assert np.array_equal(feature.transform(people(user_id=["a", "b"], age=[99.0, -99.0])), same)
    np.testing.assert_allclose(same[0], [1, np.log(2), (2 - 1.5) / 0.5, 0], rtol=1e-6)


def test_that_a_new_node_stands_at_the_mean_of_the_neighbours_it_names(edges: Path) -> None:
    feature = graph(edges, width=2, neighbours="friends")
    feature.fit(people(user_id=["a", "b"], age=[1.0, 3.0], friends=[None, None]))
    nodes = feature.transform(people(user_id=["a", "b"], age=[None, None], friends=[None, None]))
    for friends in ("a|b|nobody", ["a", "b"]):
        new = feature.transform(people(user_id=["new"], age=[None], friends=[friends]))[0]
        np.testing.assert_allclose(new, [1, np.log(3), *nodes[:, 2:4].mean(axis=0), 0, 0], atol=1e-6)
    friend_of_a = feature.transform(people(user_id=["new"], age=[None], friends=["a"]))[0]
    assert friend_of_a[4:].tolist() == [(1 - 2) / 1, 0]  # a's own value, not that of a's neighbours
    stranger = feature.transform(people(user_id=["new"], age=[None], friends=["nobody"]))[0]
    assert stranger.tolist() == [0, 0, 0, 0, 0, 1]


def test_that_two_groups_are_told_apart_by_the_spectrum(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pairs = [(a, b) for a in range(60) for b in range(a) if random.random() < (0.5 if a // 30 == b // 30 else 0.02)]
    pl.DataFrame(pairs, schema=["who", "whom"], orient="row").write_csv(tmp_path / "edges.csv")
    feature = graph(tmp_path / "edges.csv", width=2).fit(pl.Series([0]))
    second = feature.transform(pl.Series(range(60)))[:, 3]
    assert set(second[:30] > 0) != set(second[30:] > 0)
    assert len(set(second[:30] > 0)) == len(set(second[30:] > 0)) == 1


def test_that_places_are_the_leading_eigenvectors_whichever_way_they_are_computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from scipy.sparse import csr_matrix

    random = np.random.default_rng(1)
    matrix = np.triu((random.random((40, 40)) < 0.2) * random.random((40, 40)), 1)
    matrix += matrix.T + np.eye(40, k=1) + np.eye(40, k=-1)
    exact = spectral(csr_matrix(matrix), 3)
    monkeypatch.setattr("penchant.features.graph.SMALL", 0)
    np.testing.assert_allclose(spectral(csr_matrix(matrix), 3), exact, atol=1e-6)
    roots = 1 / np.sqrt(matrix.sum(axis=1))
    moved = (roots[:, None] * matrix * roots) @ exact
    np.testing.assert_allclose(moved[:, 0], exact[:, 0], atol=1e-6)  # the largest eigenvalue of a connected graph is 1
    np.testing.assert_allclose((exact**2).mean(axis=0), 1)


def test_that_relations_count_for_both_ends_and_repeated_ones_as_one_neighbour(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("who,whom\na,b\nb,a\na,b\nc,a\n", encoding="utf8")
    told = graph(tmp_path / "edges.csv").fit(pl.Series(["a"])).transform(pl.Series(["a", "b"]))
    np.testing.assert_allclose(np.expm1(told[:, 1]), [2, 1], rtol=1e-6)


def test_that_names_say_what_each_number_is(edges: Path) -> None:
    feature = graph(edges, width=1).fit(people(user_id=["a"], age=[1]))
    assert feature.names() == [
        "known in the graph", "number of neighbours", "place 1 in the graph", "neighbours' mean age", "no neighbour's age",
    ]  # fmt: skip
    assert len(feature.names()) == feature.form.size


def test_that_a_fitted_graph_needs_its_file_no_more(edges: Path) -> None:
    feature = graph(edges, width=2).fit(pl.Series(["a"]))
    edges.unlink()
    again = graph(edges, width=2).restore(*feature.state())
    assert np.array_equal(again.transform(pl.Series(["a"])), feature.transform(pl.Series(["a"])))


def test_that_a_relative_path_starts_where_it_is_told(edges: Path) -> None:
    settings = GraphSettings.model_validate({"edges": {"path": edges.name, "from": "who", "to": "whom"}}).within(edges.parent)
    assert Graph(settings).fit(pl.Series(["a"])).nodes_ == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("told", "error", "message"),
    [
        ({"from": "woh", "to": "whom"}, RecipeError, r"column 'woh' of the edges must be in .*whom, times\. Did you mean 'who'\?"),
        ({"from": "who", "to": "whom", "weight": "none"}, RecipeError, "column 'none' of the edges"),
        (
            {"from": "who", "to": "times", "weight": "whom"},
            DataError,
            "column 'whom' of the edges .* must be positive numbers; found 6 of 6",
        ),
    ],
)
def test_that_an_edge_table_that_cannot_be_used_is_named(edges: Path, told: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        graph(edges, edges={"path": str(edges), **told}).fit(pl.Series(["a"]))


def test_that_absent_edges_are_named_and_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be a file; found nothing there"):
        graph(tmp_path / "none.csv").fit(pl.Series(["a"]))
    with pytest.raises(RecipeError, match=r"item\.graph, key 'edges' must be present"):
        build(FeaturePart(kind="graph"), "features, item.graph")


def test_that_relative_paths_of_a_recipe_start_at_its_folder(edges: Path) -> None:
    lines = "item.alike = { kind = 'graph', edges = { path = 'edges.csv', from = 'who', to = 'whom' } }"
    text = f"[features]\n{lines}\n[data]\nevents = {{ path = 'events.csv' }}\n[tasks.next]\nkind = 'next_item'\n"
    feature = FeatureSet(Recipe.parse(text, edges.parent)).features["item"]["alike"]
    assert feature.fit(pl.Series(["a"])).transform(pl.Series(["a", "z"]))[:, 0].tolist() == [1, 0]
