"""Dropout by random bytes does what dropout does."""

import torch

from penchant.models.blocks.dropout import Dropout


def test_that_a_share_is_zeroed_and_the_mean_is_kept() -> None:
    torch.manual_seed(0)
    dropped = Dropout(0.25)(torch.ones(1000, 100))
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(4 / 3).item()}
    assert abs((dropped == 0).float().mean().item() - 0.25) < 0.005
    assert abs(dropped.mean().item() - 1) < 0.01


def test_that_units_are_dropped_independently() -> None:
    torch.manual_seed(0)
    zero = (Dropout(0.5)(torch.ones(4000, 16)) == 0).float()
    correlation = torch.corrcoef(zero.T) - torch.eye(16)
    assert correlation.abs().max() < 0.08


def test_that_nothing_is_dropped_when_answering_or_when_the_share_is_zero() -> None:
    values = torch.randn(7, 3)
    assert Dropout(0.5).eval()(values) is values
    assert Dropout(0.0)(values) is values
