"""Tasks behind other tasks, in training: what each is taught, where it starts, and what is told of skipped steps."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional as F

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.models.network_recommender import NetworkRecommender
from penchant.studies.evaluate import evaluate
from penchant.training.objective import NetworkObjective
from penchant.training.trainer import fit_network
from tests import small_data
from tests.cli.given import files, penchant
from tests.small_data import SMALL, copy_of, dataset, weather

CHAIN = (
    '[tasks.buy]\nkind = "binary"\nlabel = "buy"\nafter = "cart"\nfunnel = "whole_space"\n'
    '[tasks.click]\nkind = "binary"\nlabel = "click"\n'
    '[tasks.cart]\nkind = "binary"\nlabel = "cart"\nafter = "click"\nfunnel = "masked"\n'
    "[history]\nlength = 6\n[training]\nepochs = 30\nbatch_events = 256\nlearning_rate = 0.01\n"
)


def shop(users: int = 60) -> pl.DataFrame:
    """Half is clicked, of that half put into the cart, of that half bought; by chance alone."""
    frame = weather(users=users)
    click, cart, buy = (np.random.default_rng(4).random((3, len(frame))) < 0.5).cumprod(axis=0)
    return frame.with_columns(click=pl.Series(click), cart=pl.Series(cart), buy=pl.Series(buy))


def objective(data: Dataset) -> NetworkObjective:
    model = NetworkRecommender(data.recipe)
    model.features.fit(data)
    torch.manual_seed(0)
    model.build()
    model.log_, model.recipe_ = data.log, data.recipe
    return NetworkObjective(model, data, None, data.recipe.training)


def test_that_heads_start_at_the_rate_given_the_step_before() -> None:
    data = dataset(shop(), CHAIN + SMALL)
    tasks = objective(data).network.ranking_tasks
    click, cart, buy = (data.values(name) for name in ("click", "cart", "buy"))
    rates = {"click": click.mean(), "cart": cart[click == 1].mean(), "buy": buy[cart == 1].mean()}
    for name, rate in rates.items():
        assert float(torch.sigmoid(tasks[name].head.bias.detach())) == pytest.approx(rate, abs=1e-3)


def test_that_each_task_is_taught_its_own_rows_and_the_product_or_the_factor() -> None:
    """A by hand reckoning from the raw outputs of one batch."""
    one = objective(dataset(shop(6), CHAIN + SMALL))
    raw = {}
    rank = one.network.rank

    def kept(*arguments: object) -> dict[str, torch.Tensor]:
        raw.update(rank(*arguments))  # type: ignore[arg-type]
        return raw

    one.network.rank = kept  # type: ignore[method-assign, assignment]
    one.network.eval()
    losses = one.losses(np.arange(len(one.windows)), 0)
    from penchant.models.batch import gather

    read = gather(one.data.log, one.encoded, one.windows, np.arange(len(one.windows)))
    label = {name: torch.from_numpy(one.labels[name][read.rows]) for name in raw}
    chance = {name: torch.sigmoid(output[..., 0]) for name, output in raw.items()}
    there = read.present
    assert losses["click"].item() == pytest.approx(F.binary_cross_entropy(chance["click"][there], label["click"][there]).item(), rel=1e-4)
    clicked = there & (label["click"] == 1)
    assert losses["cart"].item() == pytest.approx(F.binary_cross_entropy(chance["cart"][clicked], label["cart"][clicked]).item(), rel=1e-4)
    product = chance["click"] * chance["cart"] * chance["buy"]
    assert losses["buy"].item() == pytest.approx(F.binary_cross_entropy(product[there], label["buy"][there]).item(), rel=1e-4)


def test_that_predictions_are_of_all_rows_and_never_above_the_step_before(tmp_path: Path) -> None:
    data = dataset(shop(), CHAIN + SMALL)
    train, _, test = data.split_last(1, 3)
    model = fit_network(train.recipe, train)
    told = model.predict(test)
    assert (told["cart"] <= told["click"]).all()
    assert (told["buy"] <= told["cart"]).all()
    assert told["click"].mean() == pytest.approx(1 / 2, abs=0.15)
    assert told["cart"].mean() == pytest.approx(1 / 4, abs=0.1)
    assert told["buy"].mean() == pytest.approx(1 / 8, abs=0.08)
    again = copy_of(model, tmp_path)
    np.testing.assert_array_equal(again.predict(test)["buy"], told["buy"])


def test_that_a_masked_task_is_not_taught_where_the_step_before_was_not_taken() -> None:
    data = dataset(shop(6), CHAIN + SMALL)
    one = objective(data)
    assert np.array_equal(one.known["cart"], data.values("click") == 1)
    assert one.known["buy"].all()


def test_that_an_evaluation_tells_of_skipped_steps_and_warns_of_many() -> None:
    skipping = shop().with_columns(click=pl.lit(0))
    data = dataset(skipping, CHAIN.replace("epochs = 30", "epochs = 1") + SMALL)
    train, _, test = data.split_last(1, 3)
    evaluation = evaluate(fit_network(train.recipe, train), test, train=train, bootstrap=Bootstrap(draws=5))
    carts = int(train.values("cart").sum())
    assert f"Funnel: task 'cart' stands after 'click'; {carts} of {carts} positives (100.0%) come without it." in evaluation.protocol
    (warning,) = evaluation.warnings
    assert warning.startswith(f"task 'cart' stands after 'click'; {carts} of {carts}")
    assert "warning: task 'cart'" in str(evaluation)


def test_that_check_and_train_say_it_and_what_was_fitted_last(tmp_path: Path) -> None:
    lines = small_data.FILM_RECIPE.replace("epochs = 8", "epochs = 1\ncalibrate = true")
    lines = lines.replace("[serving]\n", '[serving]\nrank_by_learnt = "rating >= 5"\n')
    lines += '[tasks.loved]\nkind = "binary"\nlabel = "rating >= 5"\nafter = "like"\n'
    lines += '[tasks.any]\nkind = "binary"\nlabel = "rating >= 1"\nafter = "loved"\n'  # always so: without an AUC
    recipe = files(tmp_path, lines)
    said = penchant("check", recipe).out
    assert "funnel   task 'loved' stands after 'like'; 0 of " in said
    assert "warning  task 'any' stands after 'loved'; " in said
    told = penchant("check", recipe, "--json").json["funnel"]
    assert [sentence.split("'")[1] for sentence in told] == ["loved", "any"]
    trained = penchant("train", recipe).out
    assert "funnel   task 'loved' stands after 'like'; 0 of " in trained
    assert "warning  task 'any' stands after 'loved'; " in trained
    assert "calibrated like: logit times " in trained
    assert "ranked by everywhere: like " in trained
