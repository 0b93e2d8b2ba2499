"""How near past events are to a request's circumstances."""

import torch
from torch import Tensor

from penchant.models.blocks.context.likeness import Likeness

CONTEXT = {"weather": torch.tensor([[2, 3, 0]]), "city": torch.tensor([[5, 5, 0]])}  # three targets of one user
PAST = {"weather": torch.tensor([[2, 3]]), "city": torch.tensor([[5, 0]])}  # two events


def likeness(worth: list[list[float]]) -> Likeness:
    block = Likeness(("weather", "city"), heads=len(worth))
    block.worth.weight.data = torch.tensor(worth)
    return block


def near(worth: list[list[float]]) -> Tensor:
    result: Tensor = likeness(worth)(CONTEXT, PAST)
    return result


def test_that_agreeing_circumstances_add_up_per_head_by_hand() -> None:
    expected = [[[0.0, 11.0, 0.0], [0.0, 10.0, 1.0], [0.0, 0.0, 0.0]], [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [0.0, 0.0, 0.0]]]
    torch.testing.assert_close(near([[1.0, 10.0], [-1.0, 0.0]])[0], torch.tensor(expected))


def test_that_two_unknown_values_do_not_agree() -> None:
    assert not near([[1.0, 10.0]])[0, 0, 2].any()


def test_that_it_begins_by_preferring_the_event_that_agrees_most() -> None:
    begun = Likeness(("weather", "city"), heads=2)(CONTEXT, PAST)
    assert (begun[0, :, 0, 1] > begun[0, :, 0, 2]).all()
    assert (begun[..., 0] == 0).all()  # the profile has no circumstances
