"""What is fitted to a network after training: chances that come true, and the weights of the final score."""

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.schema.errors import DataError, RecipeError
from penchant.studies.evaluate import evaluate
from penchant.training.calibration import LEAST_SLOPE, codes_of_rows, fit_calibration, scenario_lines
from penchant.training.final_score import fit_final_score
from penchant.training.trainer import NetworkTrainer, fit_network
from tests.small_data import NEXT, SMALL, copy_of, dataset, recipe

TASKS = (
    '[tasks.click]\nkind = "binary"\nlabel = "click"\n[tasks.like]\nkind = "binary"\nlabel = "like"\n'
    '[scenario]\ncolumn = "tab"\n[history]\nlength = 4\n'
)
LINES = TASKS + "[training]\nepochs = 6\nbatch_events = 512\nlearning_rate = 0.01\ncalibrate = true\n" + SMALL


def events(users: int = 400) -> pl.DataFrame:
    """Whoever sees i0 clicks and likes it more. In the newest three of eight events each everything is clicked far less, on "home" above
    all: what was learnt before is too high there."""
    random = np.random.default_rng(5)
    place = np.tile(np.arange(8), users)
    user, item = np.repeat(np.arange(users), 8), random.integers(4, size=8 * users)
    tab = np.where(random.random(8 * users) < 0.5, "home", "search")
    new = place >= 5
    logit = np.where(item == 0, 2.0, -0.5) + np.where(new, np.where(tab == "home", -2.5, -0.5), 0.0)
    click = random.random(8 * users) < 1 / (1 + np.exp(-logit))
    return pl.DataFrame(
        {
            "user_id": [f"u{one}" for one in user],
            "item_id": [f"i{one}" for one in item],
            "timestamp": 1.65e9 + user + 60.0 * place,
            "tab": tab,
            "click": click,
            "like": random.random(8 * users) < np.where(item == 1, 0.6, 0.1),
            "noise": random.random(8 * users) < 0.5,
        }
    )


@cache
def parts() -> tuple[Dataset, Dataset, Dataset]:
    return dataset(events(), LINES + '[serving]\nrank_by_learnt = "noise"\nrank_by = { click = 1.0 }\n').split_last(2, 1)


@cache
def fitted() -> NetworkRecommender:
    train, valid, _ = parts()
    return NetworkRecommender(train.recipe, NetworkTrainer(valid)).fit(train)


def without(model: NetworkRecommender, folder: Path) -> NetworkRecommender:
    """The same network as it says things itself."""
    again = copy_of(model, folder)
    again.calibration = type(again.calibration)()
    return again


def test_that_calibrated_chances_come_true_in_every_scenario(tmp_path: Path) -> None:
    _, _, test = parts()
    raw, told = without(fitted(), tmp_path).predict(test)["click"], fitted().predict(test)["click"]
    click, tab = test.values("click"), test.log.series("tab", test.rows).to_numpy()
    for name, least_error in (("home", 0.15), ("search", 0.04)):
        here = tab == name
        assert abs(raw[here].mean() - click[here].mean()) > least_error, name
        assert abs(told[here].mean() - click[here].mean()) < 0.06, name
    for name in ("home", "search"):
        here = tab == name
        assert np.array_equal(np.argsort(raw[here], kind="stable"), np.argsort(told[here], kind="stable")), "the order is another"


def test_that_a_bundle_keeps_the_calibration_and_one_without_it_has_none(tmp_path: Path) -> None:
    again = copy_of(fitted(), tmp_path / "with")
    assert again.calibration.lines.keys() == {"click", "like"}
    assert set(again.calibration.lines["click"].own) == {("home",), ("search",)}
    np.testing.assert_array_equal(again.predict(parts()[2])["click"], fitted().predict(parts()[2])["click"])
    (tmp_path / "with" / "calibration.json").unlink()
    from penchant.models.saved import read_network

    assert read_network(tmp_path / "with").calibration.lines == {}


def test_that_a_scenario_with_few_events_is_drawn_to_the_tasks_own_line(tmp_path: Path) -> None:
    model, valid = without(fitted(), tmp_path), parts()[1]
    tab = valid.log.series("tab", valid.rows).to_numpy()
    few = valid.part(np.append(valid.rows[tab == "search"], valid.rows[tab == "home"][:3]))
    most, least = (fit_calibration(model, part).lines["click"] for part in (valid, few))

    def gone(line: object, name: str) -> float:
        return float(np.abs(np.array(line.own[(name,)]) - line.everywhere).max())  # type: ignore[attr-defined]

    assert gone(least, "home") < gone(most, "home") / 3
    assert all(numbers[0] >= LEAST_SLOPE * 0.99 * least.everywhere[0] for numbers in least.own.values())


def test_that_every_scenario_with_many_events_gets_the_line_that_made_them() -> None:
    """Labels drawn from lines far apart; the line of all lies between."""
    random, truth = np.random.default_rng(2), {"home": (2.0, 1.0), "search": (0.5, -1.0)}
    scenarios, logit = fitted().scenario_codes, random.normal(size=40_000)
    codes = np.repeat([scenarios.code_of((name,)) for name in truth], 20_000)
    line = np.repeat(list(truth.values()), 20_000, axis=0)
    label = (random.random(40_000) < 1 / (1 + np.exp(-(line[:, 0] * logit + line[:, 1])))).astype(float)
    found = scenario_lines(scenarios, logit, label, codes)
    for name, expected in truth.items():
        assert found.own[(name,)] == pytest.approx(expected, abs=0.1)
    assert 0.5 < found.everywhere[0] < 2.0


def test_that_a_task_of_one_answer_and_a_recipe_that_does_not_ask_stay_as_they_are(tmp_path: Path) -> None:
    model, valid = without(fitted(), tmp_path), parts()[1]
    assert "click" not in fit_calibration(model, valid.part(valid.rows[valid.values("click") == 0])).lines
    plain = dataset(events(20), LINES.replace("calibrate = true\n", "").replace("epochs = 6", "epochs = 1")).split_last(2, 1)
    assert fit_network(plain[0].recipe, plain[0], plain[1]).calibration.lines == {}


def test_that_rows_are_in_the_scenario_they_name() -> None:
    model, valid = fitted(), parts()[1]
    names = [model.scenario_codes.values_of(code) for code in codes_of_rows(model, valid).tolist()]
    assert [name for (name,) in names] == valid.log.series("tab", valid.rows).to_list()


def test_that_learnt_weights_say_which_task_tells_what_is_good() -> None:
    model, valid = fitted(), parts()[1]
    likes = fit_final_score(model, valid, "like")
    assert likes is not None
    assert likes.weights["like"].everywhere[0] > 3 * likes.weights["click"].everywhere[0]
    assert set(likes.weights["like"].own) == {("home",), ("search",)}
    clicks = fit_final_score(model, valid, "click == 1")
    assert clicks is not None
    assert clicks.weights["click"].everywhere[0] > 3 * clicks.weights["like"].everywhere[0]
    assert all(weight >= 0 for by in clicks.weights.values() for (weight,) in [by.everywhere, *by.own.values()])


def test_that_what_no_task_tells_leaves_the_recipes_weights_and_what_is_no_label_is_refused() -> None:
    model, valid = fitted(), parts()[1]
    assert fit_final_score(model, valid, "1 - like - click > 5 or (1 - like) * (1 - click) == 1") is None
    with pytest.raises(DataError, match=r"serving.rank_by_learnt 'like \* 3' must be 0 for some and 1 for other validation events"):
        fit_final_score(model, valid, "like * 3")
    with pytest.raises(DataError, match="found 0"):
        fit_final_score(model, valid, "like > 5")


def test_that_a_scenario_with_few_good_events_has_no_weights_of_its_own() -> None:
    model, valid = fitted(), parts()[1]
    tab = valid.log.series("tab", valid.rows).to_numpy()
    few = valid.part(np.append(valid.rows[tab == "search"], valid.rows[tab == "home"][:40]))
    found = fit_final_score(model, few, "like")
    assert found is not None
    assert set(found.weights["like"].own) == {("search",)}


def test_that_learnt_weights_order_and_are_kept(tmp_path: Path) -> None:
    """Likes are for i1, clicks for i0: learnt from likes the first item is i1, by the recipe's clicks i0."""
    model = copy_of(fitted(), tmp_path / "one")
    model.learnt_score = None
    queries = Queries.now(model.log_, ["u0", "u1"], model._moment(2, None, "search"))
    assert model.items["item_id"].gather(model.top(queries, 1, exclude_seen=False)[0][:, 0]).to_list() == ["i0", "i0"]
    model.learnt_score = fit_final_score(model, parts()[1], "like")
    again = copy_of(model, tmp_path / "two")
    for each in (model, again):
        assert each.items["item_id"].gather(each.top(queries, 1, exclude_seen=False)[0][:, 0]).to_list() == ["i1", "i1"]


def test_that_an_evaluation_tells_how_true_chances_are_in_every_scenario() -> None:
    train, _, test = parts()
    evaluation = evaluate(fitted(), test, train=train, bootstrap=Bootstrap(draws=20))
    told = evaluation.tables["penchant"]["click"]
    assert list(told["home"]) == list(told["search"]) == ["auc", "log_loss", "calibration_error"]
    assert "calibration_error · home" in str(evaluation)
    assert evaluation.sliced("click") == ["auc", "log_loss", "calibration_error"]


def test_that_weights_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"free of unknown tasks in serving.rank_by_scenario.home; found 'clik'"):
        recipe(TASKS + "[serving.rank_by_scenario]\nhome = { clik = 1 }\n")
    with pytest.raises(RecipeError, match="given a scenario when it is ranked by scenario"):
        recipe(TASKS.replace('[scenario]\ncolumn = "tab"\n', "") + "[serving.rank_by_scenario]\nhome = { click = 1 }\n")
    with pytest.raises(RecipeError, match="ranked by weights that are told or learnt"):
        recipe(TASKS + '[serving]\nrank_by_learnt = "like"\n[serving.rank_by_scenario]\nhome = { click = 1 }\n')
    with pytest.raises(RecipeError, match=r"given a task that ranks when serving.rank_by_learnt weighs them"):
        recipe(NEXT + '[serving]\nrank_by_learnt = "like"\n')
    with pytest.raises(DataError, match=r"column 'lik' of the events \(asked for by \[serving\] rank_by_learnt\)"):
        dataset(events(3), TASKS + '[serving]\nrank_by_learnt = "lik == 1"\n')
