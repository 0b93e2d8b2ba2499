"""Positives that come without the step before them."""

import numpy as np
import pytest

from penchant.data.dataset import Dataset
from penchant.data.skipped import skipped_steps
from penchant.schema.recipe import Recipe
from tests.real_data import real_data
from tests.small_data import NOON, dataset

TASKS = (
    '[tasks.click]\nkind = "binary"\nlabel = "click"\n'
    '[tasks.cart]\nkind = "binary"\nlabel = "cart"\nafter = "click"\n'
    '[tasks.buy]\nkind = "binary"\nlabel = "buy"\nafter = "cart"\n'
)


def test_that_skipped_steps_are_counted_by_hand() -> None:
    """Of four carts one has no click and of one the click is not known; of two purchases both have a cart."""
    events = {
        "user_id": list("abcde"),
        "item_id": list("ppppp"),
        "timestamp": NOON + np.arange(5.0),
        "click": [1, 1, 0, None, 1],
        "cart": [1, 1, 1, 1, 0],
        "buy": [1, 0, 0, 1, 0],
    }
    cart, buy = skipped_steps(dataset(events, TASKS))
    assert (cart.task, cart.after, cart.positives, cart.skipped) == ("cart", "click", 4, 2)
    assert (buy.task, buy.after, buy.positives, buy.skipped) == ("buy", "cart", 2, 0)
    assert (cart.too_many, buy.too_many) == (True, False)
    assert cart.sentence == "task 'cart' stands after 'click'; 2 of 4 positives (50.0%) come without it"
    assert "take `after` out of [tasks.cart], or let the label of 'click' count these events too" in cart.warning
    assert skipped_steps(dataset(events, TASKS).part(np.array([0])))[0].share == 0
    assert skipped_steps(dataset(events, TASKS).part(np.array([4])))[0].share == 0  # no positive at all


def test_that_a_tenth_is_not_too_many_and_more_is() -> None:
    clicks = np.ones(20)
    clicks[:2] = 0
    events = {"user_id": ["a"] * 20, "item_id": ["p"] * 20, "timestamp": NOON + np.arange(20.0), "click": clicks, "cart": 1, "buy": 0}
    assert not skipped_steps(dataset(events, TASKS))[0].too_many
    assert skipped_steps(dataset(events | {"click": np.where(np.arange(20) < 3, 0, 1)}, TASKS))[0].too_many


def test_that_a_recipe_without_steps_skips_none() -> None:
    events = {"user_id": ["a"], "item_id": ["p"], "timestamp": [NOON], "click": [1]}
    assert skipped_steps(dataset(events, TASKS[: TASKS.index("[tasks.cart]")])) == []


def test_that_more_than_a_tenth_of_the_real_likes_come_without_a_click() -> None:
    path = real_data("kuairand") / "impressions_0425_0505.parquet"
    lines = f'[data]\nevents = {{ path = "{path}" }}\n'
    tasks = '[tasks.click]\nkind = "binary"\nlabel = "is_click"\n[tasks.like]\nkind = "binary"\nlabel = "is_like"\nafter = "click"\n'
    (like,) = skipped_steps(Dataset.read(Recipe.parse(lines + '[data.clean]\nduplicates = "keep_all"\n' + tasks)))
    assert (like.positives, like.skipped, like.too_many) == (3184, 566, True)
    assert pytest.approx(0.178, abs=0.001) == like.share
