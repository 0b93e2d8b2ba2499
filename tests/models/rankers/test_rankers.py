"""What stands for the ranking path, beside the path itself."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.rankers.chosen import chosen_ranker
from penchant.models.rankers.graph_ranker import GraphRanker
from penchant.models.rankers.student import Student
from penchant.models.saved import read_network, write_network
from penchant.schema.errors import BundleError, RecipeError
from penchant.schema.rankers import RankerName
from penchant.schema.recipe import Recipe
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RecommendationRequest
from penchant.training.trainer import fit_network
from tests import small_data

RANKED = (
    small_data.FILM_RECIPE.replace("candidates = 20", "candidates = 20\nrank_by = { like = 1.0, stars = 0.5 }")
    + "[distillation]\nepochs = 40\n"
)
WIDE = RANKED.replace("width = 16", "width = 32").replace("epochs = 8", "epochs = 3")


@pytest.fixture(scope="module")
def fitted() -> NetworkRecommender:
    data = small_data.film_dataset(RANKED)
    return fit_network(data.recipe, data)


@pytest.fixture(scope="module")
def folder(fitted: NetworkRecommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle")
    write_network(fitted, place)
    return place


def outputs(recommender: NetworkRecommender, rows: slice = slice(100, 108), k: int = 30) -> dict[str, torch.Tensor]:
    """What a recommender's ranker says of k items at some events."""
    data = small_data.film_dataset(RANKED)
    queries = Queries.at_events(data, data.rows[rows])
    items = np.tile(np.arange(k), (len(queries), 1))
    return recommender.judge(recommender.encode(recommender.batch_of(queries)), items, queries.moment)


def graphs_in(folder: Path, recommender: NetworkRecommender, name: RankerName) -> NetworkRecommender:
    """The same recommender judging by a graph that is kept in a folder."""
    recommender.ranker = chosen_ranker(recommender, name, folder)
    return recommender


@torch.inference_mode()
def test_that_the_student_says_nearly_what_its_teacher_says(fitted: NetworkRecommender) -> None:
    said, wanted = fitted.student.rank(*asked(fitted)), fitted.network.rank(*asked(fitted))  # type: ignore[union-attr]
    for name in ("like", "stars"):
        assert (said[name] - wanted[name]).square().mean() < 0.05 * wanted[name].var()
        assert not torch.equal(said[name], wanted[name])


@torch.inference_mode()
def asked(recommender: NetworkRecommender) -> tuple:
    data = small_data.film_dataset(RANKED)
    queries = Queries.at_events(data, data.rows[::9])
    items = np.tile(np.arange(30), (len(queries), 1))
    return (recommender.encode(recommender.batch_of(queries)), *recommender.judged(items, queries.moment))


def test_that_a_bundle_keeps_its_student_and_judges_by_what_its_recipe_or_the_caller_names(
    fitted: NetworkRecommender, folder: Path
) -> None:
    plain, distilled = read_network(folder), read_network(folder, ranker="distilled")
    assert plain.ranker is plain.network
    assert isinstance(distilled.ranker, Student)
    assert all(
        torch.equal(one, other)
        for one, other in zip(fitted.student.state_dict().values(), distilled.student.state_dict().values(), strict=True)
    )  # type: ignore[union-attr]
    teacher, student = outputs(plain), outputs(distilled)
    assert not torch.equal(teacher["like"], student["like"])
    assert torch.equal(teacher["next"], student["next"])  # retrieval is no ranker's
    named = (folder / "recipe.json").read_text(encoding="utf8").replace('"ranker": "torch"', '"ranker": "distilled"')
    other = folder.parent / "other"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "recipe.json").write_text(named, encoding="utf8")
    assert torch.equal(outputs(read_network(other))["like"], student["like"])


def test_that_the_service_answers_by_the_student_in_the_same_form(folder: Path) -> None:
    request = RecommendationRequest(user_id="u1", n=5, scenario="home")
    one, other = (BundleEngine(read_network(folder, ranker=name), "1").recommend(request) for name in ("torch", "distilled"))
    assert not one.degraded
    assert not other.degraded
    assert [set(item.tasks) for item in one.items] == [set(item.tasks) for item in other.items]
    assert {item.item_id for item in one.items} & {item.item_id for item in other.items}
    assert [item.score for item in one.items] != [item.score for item in other.items]


def test_that_a_bundle_without_a_student_is_told_what_to_do(tmp_path: Path) -> None:
    write_network(small_data.film_network(), tmp_path)
    with pytest.raises(BundleError, match=r"found one without. Add an empty table \[distillation\]"):
        read_network(tmp_path, ranker="distilled")


def test_that_a_graph_without_its_packages_is_told_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("penchant.exported.graph.importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"pip install 'penchant\[light\]'"):
        graphs_in(tmp_path, read_network(folder, ranker="torch"), "onnx")


@pytest.mark.slow
class TestGraphs:
    """Of a network as wide as 8-bit products begin at, exported once."""

    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        pytest.importorskip("onnxruntime")
        return tmp_path_factory.mktemp("graphs")

    @pytest.fixture(scope="class")
    @classmethod
    def wide(cls) -> NetworkRecommender:
        data = small_data.film_dataset(WIDE)
        return fit_network(data.recipe, data)

    @pytest.fixture
    def torchs(self, wide: NetworkRecommender) -> Iterator[NetworkRecommender]:
        yield wide
        wide.ranker = None

    @pytest.mark.parametrize(("name", "most"), [("onnx", 1e-4), ("onnx_int8", 0.15)])
    def test_that_a_graph_says_what_the_path_says_whatever_the_lengths(
        self, torchs: NetworkRecommender, place: Path, name: RankerName, most: float
    ) -> None:
        wanted = {k: outputs(torchs, rows, k) for k, rows in ((1, slice(0, 1)), (30, slice(96, 108)))}  # without a past, and with
        graph = graphs_in(place, torchs, name)
        assert isinstance(graph.ranker, GraphRanker)
        for k, rows in ((1, slice(0, 1)), (30, slice(96, 108))):
            found = outputs(graph, rows, k)
            for task in ("like", "stars"):
                spread = float(wanted[30][task].std())
                torch.testing.assert_close(found[task], wanted[k][task], rtol=0, atol=most * spread)
        assert torch.equal(found["next"], wanted[30]["next"])

    def test_that_a_candidates_output_depends_on_no_other_candidate_or_request(self, torchs: NetworkRecommender, place: Path) -> None:
        graph = graphs_in(place, torchs, "onnx_int8")
        together, few = outputs(graph, slice(96, 104), 30), outputs(graph, slice(100, 101), 7)
        torch.testing.assert_close(
            together["like"][4:5, :7], few["like"], rtol=0, atol=1e-4
        )  # what 8 bits take away is a hundred times as much

    def test_that_a_kept_graph_is_not_made_again_unless_a_weight_moves(
        self, torchs: NetworkRecommender, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        graphs_in(place, torchs, "onnx")
        made: list[int] = []
        monkeypatch.setattr("penchant.models.rankers.chosen.graph_of", lambda *_: made.append(1) or pytest.skip("made"))
        graphs_in(place, torchs, "onnx")
        assert not made
        with torch.no_grad():
            torchs.network.nobody[0] += 1
        try:
            with pytest.raises(pytest.skip.Exception):
                graphs_in(place, torchs, "onnx")
        finally:
            with torch.no_grad():
                torchs.network.nobody[0] -= 1

    def test_that_a_network_that_cannot_be_exported_is_told_so(
        self, torchs: NetworkRecommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            torchs.network, "rank", lambda encoding, *_: {"like": -encoding.users if encoding.users.sum() > 0 else encoding.users}
        )
        with pytest.raises(RecipeError, match="whose ranking path can be exported; found one that torch cannot export"):
            graphs_in(tmp_path, torchs, "onnx")

    def test_that_scenarios_with_weights_of_their_own_are_exported_too(self, place: Path) -> None:
        data = small_data.film_dataset(
            WIDE.replace("[network]", '[network]\nscenario = { kind = "adapters" }').replace("epochs = 3", "epochs = 1")
        )
        recommender = fit_network(data.recipe, data)
        wanted = outputs(recommender)
        found = outputs(graphs_in(place, recommender, "onnx"))
        for task in ("like", "stars"):
            torch.testing.assert_close(found[task], wanted[task], rtol=0, atol=1e-4 * float(wanted[task].std()) + 1e-6)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("[serving]\nranker = 'distilled'\n[tasks.like]\nkind = 'binary'\nlabel = 'x'\n", r"given \[distillation\] where"),
        ("[serving]\nranker = 'onnx'\n[tasks.next]\nkind = 'next_item'\n", "of a network with a task that ranks"),
        ("[distillation]\n[tasks.next]\nkind = 'next_item'\n", "of a network with a task that ranks"),
        ("[distillation]\nhidden = []\n[tasks.like]\nkind = 'binary'\nlabel = 'x'\n", "at least"),
        ("[serving]\nranker = 'onx'\n[tasks.like]\nkind = 'binary'\nlabel = 'x'\n", "'torch', 'onnx', 'onnx_int8' or 'distilled'"),
    ],
)
def test_that_a_recipe_that_cannot_be_served_so_is_refused(lines: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        small_data.recipe(lines)


def test_that_a_student_reads_features_by_themselves_numbers_and_spreads_too() -> None:
    parts = 'interaction = { kind = "fields" }\nnumbers = true\ncontext = { kind = "gaussian" }\nmembers = 2\n'
    data = small_data.film_dataset(RANKED.replace("[network]\n", f"[network]\n{parts}").replace("epochs = 8", "epochs = 1"))
    recommender = fit_network(data.recipe, data)
    encoding, candidates, standing = asked(recommender)
    assert recommender.student is not None
    before = recommender.student.rank(encoding, candidates, standing)["like"]
    for part in ("fields", "spread"):
        other = replace(encoding, **{part: getattr(encoding, part) + 1.0})
        assert not torch.equal(recommender.student.rank(other, candidates, standing)["like"], before)
    assert before.shape == (len(encoding.users), 1, 30)


def test_that_old_recipes_ask_for_no_student() -> None:
    assert Recipe.parse(small_data.FILM_RECIPE).distillation is None
    assert small_data.film_network().student is None
