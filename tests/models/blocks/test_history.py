"""A past as a row of events and as a set."""

import pytest
import torch
from torch import Tensor, nn

from penchant.models.blocks.history import Transformer, TransformerSettings

WIDTH, LENGTH = 8, 4


def encoder(**settings: bool) -> Transformer:
    torch.manual_seed(0)
    history = Transformer(TransformerSettings(layers=1, **settings), {}, WIDTH, LENGTH, dropout=0.0).eval()
    for parameter in history.parameters():  # past the start, where the layers add nothing
        nn.init.normal_(parameter, std=0.3)
    return history


def encoded(history: Transformer, items: Tensor, gap: Tensor) -> Tensor:
    result: Tensor = history(torch.ones(1, WIDTH), items, {}, gap)
    return result


def test_that_ages_count_events_back_from_the_last_visible_one() -> None:
    assert encoder().age(torch.tensor([[2, 0]]), 4).tolist() == [[[2, 1, 0, -1], [0, -1, -2, -3]]]


def test_that_a_set_has_no_ages_but_still_hides_what_comes_later() -> None:
    assert encoder(order=False).age(torch.tensor([[2, 0]]), 4).tolist() == [[[0, 0, 0, -1], [0, -1, -2, -3]]]


@pytest.mark.parametrize("order", [True, False])
def test_that_only_a_row_of_events_tells_its_last_one_which_order_the_others_came_in(order: bool) -> None:
    history, items, gap = encoder(order=order), torch.randn(1, LENGTH, WIDTH), torch.tensor([[0, 3, 9, 20]])
    turned = torch.tensor([2, 0, 1, 3])  # the last stays
    same = torch.allclose(encoded(history, items, gap)[:, -1], encoded(history, items[:, turned], gap[:, turned])[:, -1], atol=1e-5)
    assert same is not order


@pytest.mark.parametrize("order", [True, False])
def test_that_no_position_sees_what_follows_it(order: bool) -> None:
    history, items, gap = encoder(order=order), torch.randn(1, LENGTH, WIDTH), torch.zeros(1, LENGTH, dtype=torch.long)
    other = items.clone()
    other[:, 2:] = torch.randn(1, 2, WIDTH)
    torch.testing.assert_close(encoded(history, items, gap)[:, :3], encoded(history, other, gap)[:, :3])


@pytest.mark.parametrize(("order", "places"), [(True, [2, 0, 4]), (False, [0, 0, 0])])
def test_that_a_user_stands_after_the_last_visible_event_and_in_a_set_at_the_profile(order: bool, places: list[int]) -> None:
    states = torch.randn(1, LENGTH + 1, WIDTH)
    latest = encoder(order=order).latest(states, torch.tensor([[2, 0, 4]]))
    torch.testing.assert_close(latest, states[:, places])


@pytest.mark.parametrize("order", [True, False])
def test_that_a_set_does_not_know_how_long_lay_between_its_events(order: bool) -> None:
    history, items = encoder(order=order), torch.randn(1, LENGTH, WIDTH)
    short, long = (torch.full((1, LENGTH), gap) for gap in (1, 20))
    assert torch.allclose(encoded(history, items, short), encoded(history, items, long)) is not order
