"""compile, fit, predict."""

import numpy as np
import pytest

from penchant.schema.errors import NotFittedError, RecipeError, TargetError
from penchant.training.keras_style import Model
from penchant.training.trainer import fit_network
from tests.small_data import NEXT, SMALL, dataset, weather

LINES = NEXT + '[tasks.outside]\nkind = "binary"\nlabel = "outside"\n[history]\nlength = 6\n[training]\nbatch_events = 64\n' + SMALL


def test_that_it_trains_as_the_recipe_that_says_the_same() -> None:
    train, valid, test = dataset(weather(users=8), LINES).split_last(1, 1)
    model = Model(train.recipe).compile(optimizer={"learning_rate": 0.01}, loss_weights={"outside": 2})
    history = model.fit(train, valid, epochs=2)
    lines = LINES.replace('label = "outside"\n', 'label = "outside"\nweight = 2\n')
    same = dataset(weather(users=8), lines.replace("batch_events = 64", "batch_events = 64\nlearning_rate = 0.01\nepochs = 2"))
    told = fit_network(same.recipe, train, valid)
    np.testing.assert_array_equal(model.predict(test)["outside"], told.predict(test)["outside"])
    assert history["epoch"] == [1, 2]
    assert {"loss.next", "loss.outside", "outside.auc"} <= history.keys()


def test_that_what_is_not_there_is_refused() -> None:
    recipe = dataset(weather(users=2), LINES).recipe
    with pytest.raises(TargetError, match=r"loss_weights 'outsid' must be a weight.* Did you mean 'outside'"):
        Model(recipe).compile(loss_weights={"outsid": 1})
    with pytest.raises(TargetError, match="loss_weights 'outside' must be a weight, at least 0, of a task of the recipe; found -1"):
        Model(recipe).compile(loss_weights={"outside": -1})
    with pytest.raises(RecipeError, match="compile, key 'lerning_rate'"):
        Model(recipe).compile(optimizer={"lerning_rate": 1})
    with pytest.raises(RecipeError, match="fit, key 'epochs'"):
        Model(recipe).fit(dataset(weather(users=2), LINES), epochs=0)
    with pytest.raises(NotFittedError):
        Model(recipe).predict(dataset(weather(users=2), LINES))
