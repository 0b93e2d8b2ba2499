"""Tuning: the best on validation wins, the budget is kept, a stopped run goes on as if it had not been stopped."""

from pathlib import Path

import pytest

from penchant.data.dataset import Dataset
from penchant.models.classic import classic_kinds
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.schema.settings import settings_of
from penchant.studies.fit import fit
from penchant.studies.tune import Trial, own_settings, placed, quality, space_of, table, target, tune, with_settings
from tests.small_data import NEXT, dataset, two_worlds, weather

KNN = NEXT + '[model]\nkind = "item_knn"\n'
OUTSIDE = '[tasks.outside]\nkind = "binary"\nlabel = "outside"\n'


def parts(lines: str = KNN) -> tuple[Recipe, Dataset, Dataset]:
    data = dataset(two_worlds(users=30, items=24, events=8), lines)
    train, valid, _ = data.split_last(1, 1)
    return data.recipe, train, valid


def test_that_the_best_trial_is_the_recipe_and_the_recipes_own_settings_are_the_first() -> None:
    recipe, train, valid = parts()
    heard: list[Trial] = []
    tuned = tune(recipe, train, valid, trials=5, say=heard.append)
    assert tuple(heard) == tuned.trials
    assert [each.number for each in tuned.trials] == [0, 1, 2, 3, 4]
    assert tuned.trials[0].settings == {"neighbours": 100, "shrinkage": 10.0, "similarity": "cosine", "recency": 1.0}
    assert tuned.best.value == max(each.value for each in tuned.trials)
    assert tuned.metric == "next.ndcg@10"
    assert len({str(each.settings) for each in tuned.trials}) == 5, "nothing is tried twice"
    for each in tuned.trials[:2]:
        assert each.value == quality(fit(with_settings(recipe, each.settings), train, valid), valid)
    assert tuned.recipe.model.settings == tuned.best.settings
    assert table(tuned).count("<- best") == 1


def test_that_a_stopped_run_goes_on_to_the_same_trials(tmp_path: Path) -> None:
    recipe, train, valid = parts()
    whole = tune(recipe, train, valid, trials=5)

    def stop(trial: Trial) -> None:
        if trial.number == 2:
            raise KeyboardInterrupt

    journal = tmp_path / "trials" / "knn.journal"
    with pytest.raises(KeyboardInterrupt):
        tune(recipe, train, valid, trials=5, journal=journal, say=stop)
    heard: list[Trial] = []
    again = tune(recipe, train, valid, trials=5, journal=journal, say=heard.append)
    assert [each.number for each in heard] == [3, 4]
    assert again.trials == whole.trials
    other = tune(recipe, train, valid, trials=2, seed=1, journal=journal)
    assert other.trials[1] != whole.trials[1], "another seed begins anew"


def test_that_the_recipe_may_name_what_is_tried() -> None:
    recipe, train, valid = parts(KNN + "[tune]\nneighbours = { choices = [2, 3] }\nshrinkage = { low = 1, high = 2 }\n")
    tuned = tune(recipe, train, valid, trials=4)
    for each in tuned.trials[1:]:
        assert each.settings.keys() == {"neighbours", "shrinkage"}
        assert each.settings["neighbours"] in (2, 3)
        assert 1 <= each.settings["shrinkage"] <= 2
    wrong, *_ = parts(KNN + "[tune]\nneighbors = { choices = [2, 3] }\n")
    with pytest.raises(RecipeError, match=r"tune, key 'neighbors' must be a setting of model 'item_knn'; .* Did you mean 'neighbours'"):
        space_of(wrong)


def test_that_a_networks_settings_stand_in_two_tables() -> None:
    recipe, *_ = parts(NEXT)
    own = own_settings(recipe, space_of(recipe))
    assert own == {"learning_rate": 2e-3, "dropout": 0.2, "width": 64, "weight_decay": 1e-4}
    changed = with_settings(recipe, own | {"width": 32, "learning_rate": 0.01})
    assert (changed.network.width, changed.network.dropout, changed.training.learning_rate) == (32, 0.2, 0.01)
    assert placed(recipe, {"width": 32, "learning_rate": 0.01}) == {"training": {"learning_rate": 0.01}, "network": {"width": 32}}
    with pytest.raises(RecipeError, match="network, key 'width' must be greater than or equal to 8"):
        with_settings(recipe, {"width": 1})


@pytest.mark.parametrize("kind", classic_kinds())
def test_that_a_space_names_settings_and_values_that_the_model_can_have(kind: str) -> None:
    chosen = classic_kinds()[kind]
    for name, each in chosen.space.items():
        for value in each.choices or (each.low, each.high):
            settings_of(chosen, kind, {name: value})


def test_that_without_lists_the_first_task_is_chosen_by_and_something_must_be_there_to_choose_by() -> None:
    recipe = dataset(weather(users=6), OUTSIDE).recipe
    assert target(recipe) == ("outside.auc", True)
    assert target(dataset(weather(users=6), OUTSIDE.replace("binary", "regression")).recipe) == ("outside.rmse", False)
    recipe, train, valid = parts()
    with pytest.raises(DataError, match=r"the validation part must be given something to measure ndcg@10 by; found 0 events"):
        tune(recipe, train, valid.part(valid.rows[:0]), trials=1)


def test_that_a_recipes_seed_is_a_drawing_models_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    from penchant.models import classic as module
    from penchant.models.collaborative.popularity import Popularity

    class Drawn(Popularity):
        def __init__(self, seed: int = 7) -> None:
            super().__init__()
            self.seed = seed

    monkeypatch.setattr(module, "classic_kinds", lambda: {"drawn": Drawn})
    recipe, train, _ = parts()
    for settings, seed in (({}, 0), ({"seed": 3}, 3)):
        assert fit(recipe.model_copy(update={"model": Part(kind="drawn", **settings)}), train).get_params() == {"seed": seed}
