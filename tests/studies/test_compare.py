"""Comparisons: the same questions to all, or a refusal; and what a reader should be wary of."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.evaluation.intervals import Bootstrap
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.collaborative.popularity import Popularity
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.recipe import Recipe
from penchant.studies.compare import Budget, compare
from penchant.studies.leakage import warnings_of
from penchant.studies.lists import measure_lists
from tests.small_data import NEXT, NOON, dataset, two_worlds

FEW = Bootstrap(draws=50)
LAST = '[split]\nkind = "last"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    two_worlds(users=40, items=24, events=10).write_csv(tmp_path / "events.csv")
    return tmp_path


def recipe(folder: Path, kind: str, more: str = LAST, events: str = "events.csv") -> Recipe:
    return Recipe.parse(f'[data.events]\npath = "{events}"\n{NEXT}[model]\nkind = "{kind}"\n{more}', folder)


def test_that_models_are_judged_as_they_would_be_one_by_one(folder: Path) -> None:
    recipes = {"knn": recipe(folder, "item_knn"), "popular": recipe(folder, "popularity")}
    evaluation = compare(recipes, bootstrap=FEW)
    train, _, test = (part for part in dataset(two_worlds(users=40, items=24, events=10), NEXT + LAST).split())
    alone = measure_lists({"knn": ItemKNN().fit(train), "popular": Popularity().fit(train)}, test).values
    for name, values in alone.items():
        assert evaluation.tables[name]["next"]["all"]["ndcg@10"].value == pytest.approx(values["ndcg@10"].mean())
    (comparison,) = evaluation.comparisons
    gap = alone["knn"]["ndcg@10"].mean() - alone["popular"]["ndcg@10"].mean()
    assert (comparison.model, comparison.baseline) == ("knn", "popular")
    assert comparison.difference.metric.value == pytest.approx(gap)
    assert [(run.model, run.seed) for run in evaluation.runs] == [("knn", 0), ("popular", 0)]
    assert "neighbours 100" in evaluation.runs[0].settings
    assert "Settings are the recipes' own." in evaluation.protocol


def test_that_all_have_the_same_number_of_trials_and_drawing_models_run_with_every_seed(folder: Path) -> None:
    network = '[network]\nwidth = 8\nhistory = { kind = "transformer", layers = 1 }\n[training]\nepochs = 1\n' + LAST
    heard: list[tuple[str, str]] = []
    recipes = {"knn": recipe(folder, "item_knn"), "net": recipe(folder, "network", network)}
    evaluation = compare(recipes, Budget(2, 2, folder / "trials"), bootstrap=FEW, say=lambda word, text: heard.append((word, text)))
    assert [text.split(":")[0] for word, text in heard if word == "tune"] == ["knn", "knn", "net", "net"]
    assert [(run.model, run.seed) for run in evaluation.runs] == [("knn", 0), ("net", 0), ("net", 1)]
    means = [run.value for run in evaluation.runs if run.model == "net"]
    assert evaluation.tables["net"]["next"]["all"]["ndcg@10"].value == pytest.approx(np.mean(means))
    assert any("2 trials" in line for line in evaluation.protocol)
    assert any("2 seeds" in line for line in evaluation.protocol)


def test_that_recipes_that_ask_different_questions_are_refused(folder: Path) -> None:
    knn, two = recipe(folder, "item_knn"), two_worlds(users=40, items=24, events=10)
    with pytest.raises(RecipeError, match="a comparison must be of at least two recipes"):
        compare({"knn": knn})
    with pytest.raises(RecipeError, match=r"\[split\] of recipe 'b' must be as in recipe 'knn'"):
        compare({"knn": knn, "b": recipe(folder, "popularity", '[split]\nkind = "ratio"\n')})
    with pytest.raises(RecipeError, match=r"serving\.exclude_seen of recipe 'b'"):
        compare({"knn": knn, "b": recipe(folder, "popularity", LAST + "[serving]\nexclude_seen = false\n")})
    two.with_columns(timestamp=pl.col("timestamp") + 1).write_csv(folder / "later.csv")
    with pytest.raises(DataError, match="the data of recipe 'b' must be the same events"):
        compare({"knn": knn, "b": recipe(folder, "popularity", events="later.csv")})
    no_lists = knn.model_copy(update={"tasks": {"like": knn.tasks["next"].model_copy(update={"kind": "binary", "label": "1"})}})
    with pytest.raises(RecipeError, match="recipe 'b' must be given a next_item task"):
        compare({"knn": knn, "b": no_lists})


def test_that_a_random_split_of_timed_data_is_warned_of_and_one_by_time_is_not() -> None:
    drawn, by_time = (dataset(two_worlds(users=30, items=24, events=8), NEXT + f'[split]\nkind = "{kind}"\n') for kind in ("ratio", "time"))
    (warning,) = warnings_of(*drawn.split()[::2])
    assert "draws at random from data that have times" in warning
    assert warnings_of(*by_time.split()[::2]) == ()


def test_that_pairs_learnt_from_and_judged_are_warned_of_and_common_events_refused() -> None:
    events = {"user_id": list("aaab"), "item_id": list("xyxx"), "timestamp": NOON + np.arange(4.0)}
    data = dataset(events)
    train, test = data.part(np.array([0, 1])), data.part(np.array([2, 3]))
    assert "1 of 2 judged pairs" in warnings_of(train, test)[0]
    assert "no model can find them" in warnings_of(train, test)[0]
    stay = data.recipe.model_copy(update={"serving": data.recipe.serving.model_copy(update={"exclude_seen": False})})
    assert "repeating a history finds them" in warnings_of(train, type(test)(stay, test.log, test.rows))[0]
    with pytest.raises(DataError, match="without common events; found 1 events in both, first at row 1"):
        warnings_of(train, data.part(np.array([1, 2])))
