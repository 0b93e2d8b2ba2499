"""A ladder beside the encoder, on its kept states."""

import pytest
import torch
from torch import nn

from penchant.features.feature import Form
from penchant.models.blocks.adaptor.side import Side, SideSettings
from penchant.schema.errors import RecipeError


def side(states: int = 3, each: int = 4, width: int = 2) -> Side:
    torch.manual_seed(0)
    return Side(SideSettings(size=6, dropout=0.0), Form("vector", states * each, states=states), width).eval()


def test_that_it_begins_as_a_line_on_the_last_state() -> None:
    part, vectors = side(), torch.randn(5, 12)
    torch.testing.assert_close(part(vectors), part.direct(vectors[:, 8:]))
    part.quieten(0.1)
    torch.testing.assert_close(part(vectors), part.direct(vectors[:, 8:]))


def test_that_once_it_has_learnt_it_reads_every_layer() -> None:
    part = side()
    nn.init.normal_(part.up.weight)
    vectors = torch.randn(5, 12, requires_grad=True)
    part(vectors).square().sum().backward()
    assert vectors.grad is not None
    assert (vectors.grad.unflatten(-1, (3, 4)).abs().sum((0, 2)) > 0).all()


def test_that_a_rung_keeps_what_the_ladder_holds_and_what_the_encoder_says() -> None:
    """By hand: nothing in the rungs' adapters, states brought down to themselves, μ = 1/2, then 1/4: ((s₀ + s₁)/2)/4 + 3/4·s₂."""
    part = Side(SideSettings(size=2, dropout=0.0), Form("vector", 6, states=3), 2)
    with torch.no_grad():
        part.down.weight.copy_(torch.eye(2).expand(3, 2, 2))
        part.up.weight.copy_(torch.eye(2))
        part.direct.weight.zero_()
        part.keep.copy_(torch.tensor([0.5, 0.25]).logit())
    found = part(torch.tensor([[1.0, 0, 0, 1, 4, 8]]))
    torch.testing.assert_close(found, torch.tensor([[0.125 + 3, 0.125 + 6]]))


def test_that_any_shape_is_read_row_by_row() -> None:
    part, vectors = side(), torch.randn(2, 7, 12)
    nn.init.normal_(part.up.weight)
    torch.testing.assert_close(part(vectors)[1, 3], part(vectors[1, 3]))


def test_that_what_only_a_lower_layer_tells_is_learnt() -> None:
    part, vectors = side(), torch.randn(256, 12)
    wanted = vectors[:, :2]  # the first state's first numbers; the last state knows nothing of them
    optimiser = torch.optim.Adam(part.train().parameters(), lr=0.01)
    for _ in range(200):
        optimiser.zero_grad()
        (part(vectors) - wanted).square().mean().backward()
        optimiser.step()
    assert (part(vectors) - wanted).square().mean() < 0.1 * wanted.var()


@pytest.mark.parametrize("states", [0, 1])
def test_that_a_feature_without_layers_is_refused(states: int) -> None:
    with pytest.raises(RecipeError, match=r"must be told several states of an encoder; found \d in a vector of 8 numbers"):
        Side(SideSettings(), Form("vector", 8, states=states), 4)
