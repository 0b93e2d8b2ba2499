"""Attention that counts by age."""

import pytest
import torch

from penchant.models.blocks.attention import Attention
from penchant.schema.errors import RecipeError


def test_that_it_starts_as_the_mean_weighted_by_age_by_hand() -> None:
    attention = Attention(2, 1)  # one head: a key counts half as many e-folds per event
    attention.start_as_average()
    keys = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    found = attention(torch.randn(1, 1, 2), keys, torch.tensor([[[1, 0]]]))
    old = torch.exp(torch.tensor(-0.5))
    torch.testing.assert_close(found[0, 0], torch.stack([old, torch.ones(())]) / (1 + old))


def test_that_an_invisible_key_changes_nothing() -> None:
    torch.manual_seed(0)
    attention = Attention(8, 2)
    queries, keys, age = torch.randn(1, 3, 8), torch.randn(1, 4, 8), torch.tensor([[[2, 1, 0, -1]] * 3])
    other = keys.clone()
    other[:, 3] = 100.0
    torch.testing.assert_close(attention(queries, keys, age), attention(queries, other, age))
    other[:, 2] = 100.0
    assert not torch.allclose(attention(queries, keys, age), attention(queries, other, age))


def test_that_heads_reach_differently_far() -> None:
    slopes = Attention(16, 4).slopes
    assert slopes[0] == pytest.approx(0.5)
    assert slopes[-1] == pytest.approx(1 / 64)
    assert (slopes.diff() < 0).all()


def test_that_heads_must_share_the_width_evenly() -> None:
    with pytest.raises(RecipeError, match="multiple of its 3"):
        Attention(8, 3)


def test_that_nearness_outweighs_age_by_hand() -> None:
    attention = Attention(2, 1)
    attention.start_as_average()
    keys, age = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), torch.tensor([[[1, 0]]])
    near = torch.tensor([[[[0.5, 0.0]]]])  # makes up for the one event of age at a slope of a half
    torch.testing.assert_close(attention(torch.randn(1, 1, 2), keys, age, near)[0, 0], torch.tensor([0.5, 0.5]))
