"""`explain` in Python: the same numbers by another road, for every model."""

import sys

import numpy as np
import polars as pl
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.models.blocks.history import Transformer, TransformerSettings
from penchant.models.classic import classic
from penchant.models.explanation.gradients import _Gated
from penchant.models.explanation.of_log import item_arrays
from penchant.models.explanation.untold import untold_items
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.errors import NotFittedError, RecipeError, TargetError, UnsupportedError
from penchant.schema.sections.part import Part
from penchant.training.trainer import fit_network
from tests import small_data

WHEN = {"time": small_data.FILM_NOW, "daypart": "night"}
KINDS = ["user_id", "item_id", "kind", "name", "value", "time", "events", "effect", "share", "text"]


def classic_model(kind: str = "ease") -> Recommender:
    settings = {"regularisation": 5.0} if kind == "ease" else {"factors": 4, "seed": 0}
    return classic(Part.model_validate({"kind": kind, **settings})).fit(small_data.film_dataset())


def without(network: NetworkRecommender, user: str, time: float) -> NetworkRecommender:
    """The network over a log that lacks an event."""
    data = small_data.film_dataset()
    events = small_data.film_events().filter(~((pl.col("user_id") == user) & (pl.col("timestamp") == time)))
    other = NetworkRecommender(network.recipe)
    other.features, other.network = network.features, network.network
    log = type(data).from_frames(events, small_data.viewers(), small_data.films(), network.recipe, now=small_data.FILM_NOW).log
    other.log_, other.recipe_ = log, network.recipe
    other.refresh()
    return other


def test_that_an_event_that_is_not_in_the_log_changes_the_score_as_was_said() -> None:
    """Of a full history: eleven events, of which eight are read."""
    network = small_data.film_network()
    score = network.score(["u0"], ["a2"], WHEN)[0]
    told = network.explain(["u0"], ["a2"], WHEN, share=0, history=8).filter(pl.col("kind") == "history")
    assert len(told) == 8
    for row in told.iter_rows(named=True):
        left = without(network, "u0", row["time"]).score(["u0"], ["a2"], WHEN)[0]
        assert row["effect"] == pytest.approx(score - left, abs=1e-5)
        network.encoded(network.log_)


def test_the_table() -> None:
    network = small_data.film_network()
    told = network.explain(["u0", "nobody"], ["a2", "b3"], WHEN, "search", share=0, history=3)
    assert told.columns == [*KINDS, "effect_next", "effect_like", "effect_stars"]
    assert told["user_id"].unique(maintain_order=True).to_list() == ["u0", "nobody"]
    mine, other = (told.filter(pl.col("user_id") == user) for user in ("u0", "nobody"))
    assert sorted(mine["kind"].unique()) == ["context", "earlier_history", "history", "item", "profile", "scenario"]
    assert sorted(other["kind"].unique()) == ["context", "item", "scenario"]
    assert mine.filter(pl.col("kind") == "earlier_history")["events"].to_list() == [5]
    assert other["effect"].abs().is_sorted(descending=True)
    for own in (mine, other):
        for side in (pl.col("kind") == "item", pl.col("kind") != "item"):
            assert own.filter(side)["share"].sum() == pytest.approx(1)
    assert network.explain([], [], WHEN).columns == KINDS


def test_that_lists_of_recommend_have_the_same_reasons() -> None:
    network = small_data.film_network()
    listed = network.recommend(["u0", "u1"], 3, context=WHEN, explain=True)
    for row in listed.iter_rows(named=True):
        told = network.explain([row["user_id"]], [row["item_id"]], WHEN)
        summary, *causes = row["reasons"]
        assert summary["kind"] == "summary"
        assert [(cause["kind"], cause["text"]) for cause in causes] == list(told.select("kind", "text").iter_rows())
        assert [cause["effect"] for cause in causes] == pytest.approx(told["effect"].to_list(), abs=1e-4)


@pytest.mark.parametrize("kind", ["ease", "als"])
def test_that_a_classic_model_is_asked_again_without_each_event(kind: str) -> None:
    model = classic_model(kind)
    told = model.explain(["u0"], ["a2"], share=0, history=4)
    assert set(told["kind"]) <= {"history", "earlier_history"}
    assert told.filter(pl.col("kind") == "earlier_history")["events"].to_list() == [8]
    assert model.tells == ["history"]
    assert not [name for name in told.columns if name.startswith("effect_")]


def test_bad_questions() -> None:
    network = small_data.film_network()
    for asked, named in (({"share": 1.5}, "share"), ({"history": 0}, "history"), ({"method": "guess"}, "method")):
        with pytest.raises(TargetError, match=named):
            network.explain(["u0"], ["a2"], WHEN, **asked)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="item 'zz'"):
        network.explain(["u0"], ["zz"], WHEN)
    with pytest.raises(UnsupportedError, match="gradients"):
        classic_model().explain(["u0"], ["a2"], method="gradients")
    with pytest.raises(NotFittedError):
        NetworkRecommender(network.recipe).explain(["u0"], ["a2"])


# A history of which many begin alike is encoded once.


def test_that_sharing_a_beginning_changes_nothing() -> None:
    torch.manual_seed(0)
    for order in (True, False):
        block = Transformer(TransformerSettings(layers=2, order=order), {}, 16, 12, dropout=0.0).eval()
        with torch.no_grad():
            for parameter in block.parameters():
                parameter.normal_(std=0.2)
        profile, items = torch.randn(1, 16).repeat(6, 1), torch.randn(1, 10, 16).repeat(6, 1, 1)
        profile[4] += 1.0  # one that begins otherwise
        for row, place in enumerate((9, 7, 8, 6, 3), start=1):
            items[row, place] += 1.0
        gap = torch.ones(6, 10, dtype=torch.int64)
        wanted = torch.cat([block(profile[row : row + 1], items[row : row + 1], {}, gap[row : row + 1]) for row in range(6)])
        np.testing.assert_allclose(block(profile, items, {}, gap, alike=True).detach(), wanted.detach(), atol=1e-5)
        same = block(profile[:1].repeat(3, 1), items[:1].repeat(3, 1, 1), {}, gap[:3], alike=True)
        np.testing.assert_allclose(same.detach(), wanted[:1].detach().repeat(3, 1, 1), atol=1e-5)


def test_that_a_feature_of_several_columns_reads_those_that_are_left() -> None:
    items = small_data.films().with_columns(north=pl.col("year") * 86_400.0, east=pl.col("year") * 80_000.0)
    recipe = small_data.recipe(
        small_data.NEXT + '[features]\nitem.since = { kind = "time", columns = ["north", "east"], recency = true }\n'
    )
    data = Dataset.from_frames(small_data.film_events(), small_data.viewers(), items, recipe, now=small_data.FILM_NOW)
    network = fit_network(recipe, data)
    rows = np.arange(3)
    made = untold_items(network, network.items[rows], item_arrays(network, rows))
    for place, column in enumerate(("north", "east")):
        left = network.items[rows].with_columns(pl.lit(None).alias(column))
        wanted = network.items_of(network.features.encode("item", left))
        np.testing.assert_allclose(made.vectors[3 * place : 3 * place + 3], wanted.vectors, atol=1e-6)
    assert not np.allclose(made.vectors[:3], made.vectors[3:])


# Gradients.


def test_that_gradients_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(RecipeError, match=r"penchant\[gradients\]"):
        small_data.film_network().explain(["u0"], ["a2"], WHEN, method="gradients")


def test_that_gradients_add_up_and_agree_with_asking_again() -> None:
    """Attributions are the score less that of a request whose embeddings are all zero, whatever the network is made of."""
    pytest.importorskip("captum")
    fares, again = 'item.fares = { kind = "counters", windows = ["all"] }\n', 'repeats = { kind = "counts" }\n'
    for lines, network_lines, item in (("", "", "a2"), (fares, "", "a2"), ("", again, "a12")):
        recipe = small_data.FILM_RECIPE.replace("context.daypart", f"{lines}context.daypart").replace(
            "[training]", f"{network_lines}[training]"
        )
        recipe += "rank_by = { next = 1.0, stars = 0.5 }\n"
        data = small_data.film_dataset(recipe)
        network = fit_network(data.recipe, data)
        if network_lines:
            torch.nn.init.constant_(network.network.repeats.strength, 2.0)
        told = network.explain(["u0"], [item], WHEN, "search", share=0, method="gradients")
        query = Queries.now(network.log_, ["u0"], network._moment(1, WHEN, "search"))
        row = np.array([network.item_rows[item]])
        gated = _Gated(network, network.batch_of(query), query, row, item_arrays(network, row))
        gates = torch.stack([torch.ones(len(told)), torch.zeros(len(told))])
        whole, nothing = gated.score(gates, "").tolist()
        assert whole == pytest.approx(float(network.scores_of(query, row[None])[0, 0]), abs=1e-4)
        assert told["effect"].sum() == pytest.approx(whole - nothing, rel=5e-3, abs=5e-3)
        assert told["effect_stars"].sum() == pytest.approx(float(np.subtract(*gated.score(gates, "stars").tolist())), rel=5e-3, abs=5e-3)
        if network_lines:
            had = told.filter((pl.col("kind") == "history") & (pl.col("name") == item))
            assert had["effect"].sum() > 1, "that it was had before is worth 2 log(1 + times)"
        asked = network.explain(["u0"], [item], WHEN, "search", share=0)
        strongest = told.filter(pl.col("kind") == "item").row(0, named=True)["name"]
        assert strongest in asked.filter(pl.col("kind") == "item")["name"].to_list()[:2]
