"""One evaluation: hand-made models whose numbers are known beforehand."""

import math

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.summary import Evaluation
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.collaborative.popularity import Popularity
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.errors import TargetError
from penchant.studies.baselines import PRIOR, ItemMean, fit_baselines, tune_item_knn
from penchant.studies.evaluate import ITEM_MEAN, _charts, _Findings, evaluate
from penchant.studies.lists import measure_lists
from penchant.studies.workflow import evaluate as evaluate_named
from penchant.studies.workflow import train as train_recipe
from tests.small_data import NEXT, NOON, SMALL, dataset, two_worlds, weather

FEW = Bootstrap(draws=50)


class Fortune(Recommender):
    """Knows what each user wants in a part, and likes it (sign = 1) or avoids it (sign = -1)."""

    def __init__(self, future: Dataset, sign: float = 1.0) -> None:
        self.future, self.sign = future, sign

    def _learn(self, data: Dataset) -> None:
        log = self.future.log
        self.wanted = np.zeros((len(log.users), len(log.items)), dtype=np.float32)
        self.wanted[log.user[self.future.positives], log.item[self.future.positives]] = self.sign

    def scores(self, queries: Queries) -> np.ndarray:
        return self.wanted[queries.user].copy()


def parts() -> tuple[Dataset, Dataset, Dataset]:
    return dataset(two_worlds(users=12, items=24, events=8)).split_last(1, 2)


def test_that_a_perfect_model_gets_one_and_its_opposite_nothing() -> None:
    train, _, test = parts()
    evaluation = evaluate(Fortune(test).fit(train), test, {"never": Fortune(test, -1.0).fit(train)}, bootstrap=FEW, cutoffs=(2, 10))
    best, worst = (evaluation.tables[name]["next"]["all"] for name in ("penchant", "never"))
    for metric in ("ndcg@2", "recall@2", "hit_rate@2", "mrr@2", "map@2", "ndcg@10"):
        assert (best[metric].value, best[metric].low, best[metric].high, best[metric].n) == (1, 1, 1, 12), metric
        assert worst[metric].value == 0, metric
    (comparison,) = evaluation.comparisons
    assert (comparison.metric, comparison.difference.metric.value, comparison.difference.verdict) == ("ndcg@2", 1, "better")


def test_that_a_model_beside_itself_differs_by_nothing() -> None:
    train, _, test = parts()
    evaluation = evaluate(Popularity().fit(train), test, {"popularity": Popularity().fit(train)}, bootstrap=FEW)
    (comparison,) = evaluation.comparisons
    difference = comparison.difference
    assert (difference.metric.value, difference.metric.low, difference.metric.high, difference.p_value) == (0, 0, 0, 1)
    assert difference.verdict == "unclear"


def test_that_one_list_is_measured_by_hand() -> None:
    """Popularity ranks x (3), y (2), z (1); the user wants y and z, having had x."""
    events = [("a", "x"), ("b", "x"), ("b", "y"), ("c", "x"), ("c", "y"), ("c", "z"), ("a", "z"), ("a", "y")]
    frame = pl.DataFrame(
        [(user, item, NOON + place) for place, (user, item) in enumerate(events)], schema=["user_id", "item_id", "timestamp"], orient="row"
    )
    data = dataset(frame)
    is_test = (data.log.user == 0) & (data.log.time > NOON + 5)
    train, test = data.part(np.flatnonzero(~is_test)), data.part(np.flatnonzero(is_test))
    values = measure_lists({"p": Popularity().fit(train)}, test, (1, 2)).values["p"]
    assert values["ndcg@2"].tolist() == [1]
    assert values["ndcg@1"].tolist() == [1]
    assert values["recall@1"].tolist() == [0.5]
    seen_too = test.recipe.model_copy(update={"serving": test.recipe.serving.model_copy(update={"exclude_seen": False})})
    test = Dataset(seen_too, test.log, test.rows)
    values = measure_lists({"p": Popularity().fit(train)}, test, (1, 2, 3)).values["p"]
    assert values["hit_rate@1"].tolist() == [0]
    assert values["mrr@3"].tolist() == [0.5]
    ideal = 1 + 1 / math.log2(3)
    assert values["ndcg@2"].tolist() == pytest.approx([1 / math.log2(3) / ideal])
    assert values["ndcg@3"].tolist() == pytest.approx([(1 / math.log2(3) + 1 / 2) / ideal])


def test_that_cutoffs_beyond_the_catalogue_are_measured_all_the_same() -> None:
    train, _, test = dataset(weather(users=6)).split_last(0, 1)
    evaluation = evaluate(Fortune(test).fit(train), test, bootstrap=FEW, cutoffs=(10, 100))
    assert {"ndcg@10", "ndcg@100"} <= evaluation.tables["penchant"]["next"]["all"].keys()


def test_that_a_part_without_wanted_events_has_no_lists() -> None:
    data = dataset(weather(users=6), NEXT + "positive_where = \"sky == 'hail'\"\n")
    assert evaluate(Fortune(data).fit(data), data, bootstrap=FEW).tables == {"penchant": {}}


def test_that_slices_tell_users_without_a_past_apart() -> None:
    data = dataset(two_worlds(users=12, items=24, events=8))
    train, test = data.part(data.rows[data.log.user > 2]), data.part(data.rows[data.log.user <= 2])
    table = evaluate(Fortune(test).fit(train), test, bootstrap=FEW).tables["penchant"]["next"]
    assert table["cold"]["ndcg@10"].n == 3
    assert "warm" not in table


LINES = (
    NEXT
    + '[tasks.outside]\nkind = "binary"\nlabel = "outside"\n[tasks.cold]\nkind = "regression"\nlabel = "cold"\n'
    + '[features]\nitem.item_id = { kind = "category" }\ncontext.sky = { kind = "category" }\n[scenario]\ncolumn = "sky"\n'
    + SMALL
    + "[training]\nepochs = 2\nbatch_events = 128\n"
)


def test_that_a_network_is_measured_on_every_task_beside_the_item_mean() -> None:
    frame = weather(users=16).with_columns(pl.when(pl.col("sky") == "snow").then(2.0).otherwise(1.0).alias("cold"))
    train, valid, test = dataset(frame, LINES).split_last(1, 2)
    model = train_recipe(train.recipe, train, valid)
    evaluation = evaluate_named(model, test, ["popularity"], bootstrap=FEW)
    assert evaluation.tasks == ["next", "outside", "cold"]
    assert evaluation.models == ["penchant", "popularity", "item mean"]
    item_mean = evaluation.tables["item mean"]
    assert item_mean["outside"]["all"]["auc"].value == 1  # the item tells the weather, and the weather the label
    amounts = ItemMean(train, "cold").predict(test)
    truth = frame["cold"].mean()
    assert item_mean["cold"]["all"]["mae"].value == pytest.approx(float(np.abs(amounts - test.values("cold")).mean()))
    assert 0 < item_mean["cold"]["all"]["mae"].value < np.abs(test.values("cold") - truth).mean()
    assert set(evaluation.tables["penchant"]["outside"]) >= {"all", "sun", "rain", "snow"}
    assert set(evaluation.calibration) == {"outside"}
    assert {(each.task, each.baseline) for each in evaluation.comparisons} == {
        ("next", "popularity"), ("outside", "item mean"), ("cold", "item mean"),
    }  # fmt: skip
    titles = [chart.title for chart in evaluation.training]
    assert {"Training loss of next", "Training loss of outside", "Training loss of cold"} <= set(titles)
    assert "Validation ndcg@10 of next" in titles
    assert evaluation.training[0].curves[0].x == (1.0, 2.0)
    assert Evaluation.from_json(evaluation.to_json()).tables.keys() == evaluation.tables.keys()


def test_that_expert_use_and_agreement_of_gradients_are_drawn_together_and_losses_by_themselves() -> None:
    rows = [{"loss.like": 0.5, "use.like.1": 0.75, "use.like.2": 0.25, "use.buy.1": 1.0, "conflict.like.buy": -0.5, "epoch": 1.0}]
    rows += [rows[0] | {"epoch": 2.0}]
    del rows[0]["conflict.like.buy"]  # an epoch may end between two looks
    charts = {chart.title: chart for chart in _charts(rows)}
    agreement = "Agreement of the tasks' gradients"
    assert list(charts) == ["Training loss of like", "Experts that like uses", "Experts that buy uses", agreement]
    assert [(line.name, line.y) for line in charts["Experts that like uses"].curves] == [
        ("expert 1", (0.75,) * 2),
        ("expert 2", (0.25,) * 2),
    ]
    (pair,) = list(charts.values())[-1].curves
    assert (pair.name, pair.x) == ("like and buy", (1.0, 2.0))
    assert math.isnan(pair.y[0])
    assert pair.y[1] == -0.5


def test_that_rows_without_a_label_are_left_out_and_the_model_comes_before_the_item_mean_by_hand() -> None:
    """The model is right and the item mean one too high wherever there is a label; where there is none both are far off."""
    events = {"user_id": list("abcd"), "item_id": list("xxyy"), "timestamp": NOON + np.arange(4.0), "rating": [1, 2, None, 4]}
    data = dataset(events, '[tasks.stars]\nkind = "regression"\nlabel = "rating"')
    slices = {"all": np.ones(4, dtype=bool), "last": np.arange(4) > 1}
    found = _Findings("ours", FEW)
    found.add_task("stars", {"ours": np.array([1.0, 2, 9, 4]), ITEM_MEAN: np.array([2.0, 3, 99, 5])}, data, slices)
    ours, mean = (found.tables[name]["stars"] for name in ("ours", ITEM_MEAN))
    assert [(part["rmse"].value, part["rmse"].n) for part in (ours["all"], ours["last"])] == [(0, 3), (0, 1)]
    assert [(part["rmse"].value, part["rmse"].n) for part in (mean["all"], mean["last"])] == [(1, 3), (1, 1)]
    assert ("mae" in ours["all"], "mae" in ours["last"]) == (True, False)
    (comparison,) = found.comparisons
    assert (comparison.model, comparison.baseline, comparison.metric) == ("ours", ITEM_MEAN, "rmse")
    assert (comparison.difference.metric.value, comparison.difference.verdict) == (-1, "better")
    assert found.calibration == {}


def test_that_an_items_mean_is_drawn_towards_the_overall_mean_by_hand() -> None:
    events = {"user_id": list("abcd"), "item_id": list("xxyz"), "timestamp": NOON + np.arange(4.0), "rating": [5, 3, 1, 3]}
    data = dataset(events, '[tasks.stars]\nkind = "regression"\nlabel = "rating"')
    train = data.part(np.arange(3))  # mean 3: x has 5 and 3, y has 1, z none
    assert ItemMean(train, "stars").predict(data).tolist() == pytest.approx(
        [(8 + PRIOR * 3) / (2 + PRIOR)] * 2 + [(1 + PRIOR * 3) / (1 + PRIOR), 3.0]
    )


def test_that_baselines_are_known_by_name_and_need_a_training_part() -> None:
    train, valid, _ = parts()
    assert {name: type(model) for name, model in fit_baselines(train, ["item_knn", "popularity"]).items()} == {
        "item_knn": ItemKNN, "popularity": Popularity,
    }  # fmt: skip
    with pytest.raises(TargetError, match=r"baseline 'itemknn' must be a known baseline; .* Did you mean 'item_knn'\?"):
        fit_baselines(train, ["itemknn"])
    with pytest.raises(TargetError, match="Pass train="):
        fit_baselines(None, ["popularity"], Popularity())
    assert isinstance(tune_item_knn(train, valid), ItemKNN)
