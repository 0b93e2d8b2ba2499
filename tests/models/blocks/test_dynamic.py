"""How an item moves: the fold is the movement, where it starts, what is constant, what only changes the query."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from penchant.models.blocks.dynamic.facets import Facets, FacetsSettings
from penchant.models.blocks.dynamic.low_rank import LowRank, LowRankSettings
from penchant.models.blocks.dynamic.none import NoMovement, NoMovementSettings
from penchant.models.blocks.dynamic.static import StaticFacets
from penchant.schema.errors import RecipeError

WIDTH, TARGETS, ITEMS = 16, 5, 40
PARTS: dict[str, Callable[[], Any]] = {
    "none": lambda: NoMovement(NoMovementSettings(), WIDTH, 0.0),
    "facets": lambda: Facets(FacetsSettings(facets=4), WIDTH, 0.0),
    "static": lambda: StaticFacets(FacetsSettings(facets=4), WIDTH, 0.0),
    "heads": lambda: Facets(FacetsSettings(facets=3, heads=4), WIDTH, 0.0),
    "low_rank": lambda: LowRank(LowRankSettings(rank=3), WIDTH, 0.0),
}
MOVING = ["facets", "static", "heads", "low_rank"]


def built(name: str, learnt: bool = True) -> Any:
    """A part for answering; with weights far from those of the start where it has learnt."""
    torch.manual_seed(0)
    part = PARTS[name]().eval()
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(learnt * 0.4 * torch.randn_like(parameter))
    return part


def asked() -> tuple[Tensor, Tensor, Tensor]:
    """Users and contexts of one batch `[1, targets, width]`, of which the last is padding."""
    random = torch.Generator().manual_seed(1)
    users, context = (torch.randn(1, TARGETS, WIDTH, generator=random) for _ in range(2))
    return users, context, torch.arange(TARGETS).unsqueeze(0) < TARGETS - 1


def items() -> Tensor:
    return torch.randn(ITEMS, WIDTH, generator=torch.Generator().manual_seed(2))


def everywhere(part: Any, index: Tensor, gates: Tensor | None) -> Tensor:
    """Every item moved for every target, one by one `[targets, items, width]`."""
    return part.moved(index.expand(1, TARGETS, -1, -1), gates)[0].expand(TARGETS, -1, -1)


@pytest.mark.parametrize("name", PARTS)
def test_that_the_users_product_with_the_moved_item_is_the_querys_with_the_index(name: str) -> None:
    part, (users, context, present) = built(name), asked()
    index, gates = part.index(items()), part.gates(users, context, present)
    moved = (everywhere(part, index, gates) * users[0].unsqueeze(1)).sum(-1)
    assert float(moved.detach().abs().max()) > 1.0
    torch.testing.assert_close(part.query(users, gates)[0] @ index.T, moved, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", PARTS)
def test_that_squares_are_those_of_the_moved_items(name: str) -> None:
    part, (users, context, present) = built(name), asked()
    index, gates = part.index(items()), part.gates(users, context, present)
    weights = torch.rand(TARGETS, WIDTH, generator=torch.Generator().manual_seed(3))
    expected = (weights.unsqueeze(1) * everywhere(part, index, gates).square()).sum(-1)
    found = part.squares(weights, None if gates is None else gates[0], index)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PARTS)
def test_that_nothing_moves_at_first(name: str) -> None:
    part, (users, context, present) = built(name, learnt=False), asked()
    vectors = items()
    index, gates = part.index(vectors), part.gates(users, context, present)
    torch.testing.assert_close(everywhere(part, index, gates), vectors.expand(TARGETS, -1, -1), rtol=0.0, atol=0.0)
    torch.testing.assert_close(part.query(users, gates)[0] @ index.T, users[0] @ vectors.T, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(part.usual(index), vectors, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("name", MOVING)
def test_that_it_learns_to_move_from_the_first_step_and_all_of_it_from_the_second(name: str) -> None:
    part, (users, context, present) = built(name, learnt=False).train(), asked()
    optimiser = torch.optim.SGD(part.parameters(), lr=0.1)
    for step in range(2):
        optimiser.zero_grad()
        (part.query(users, part.gates(users, context, present)) @ part.index(items()).T).logsumexp(-1).sum().backward()
        learning = [bool(parameter.grad is not None and parameter.grad.any()) for parameter in part.parameters()]
        assert any(learning)
        assert step == 0 or all(learning)
        optimiser.step()


def test_that_facets_move_with_user_and_context_and_static_ones_with_neither() -> None:
    users, context, present = asked()
    for name, alike in (("facets", False), ("static", True)):
        gates = built(name).gates(users, context, present)[0]
        of_others = built(name).gates(users.flip(1), context, present)[0]
        elsewhere = built(name).gates(users, context.flip(1), present)[0]
        assert torch.equal(gates, gates[:1].expand_as(gates)) == alike
        assert torch.equal(gates, of_others) == alike
        assert torch.equal(gates, elsewhere) == alike


def test_that_static_facets_have_the_parameters_the_start_and_the_index_of_those_that_move() -> None:
    moving, static = (built(name, learnt=False) for name in ("facets", "static"))
    for (name, one), (other_name, other) in zip(moving.named_parameters(), static.named_parameters(), strict=True):
        assert name == other_name
        assert torch.equal(one, other)
    assert moving.index(items()).shape == static.index(items()).shape == (ITEMS, 4 * WIDTH)


def test_that_a_facet_is_no_linear_reading_and_the_low_rank_movement_is_one() -> None:
    """Moved for one who asks, a linear movement of a sum is the sum of the movements."""
    users, context, present = asked()
    vectors = items()
    for name, linear in (("facets", False), ("low_rank", True)):
        part = built(name)
        gates = part.gates(users, context, present)
        one, other, both = (everywhere(part, part.index(each), gates) for each in (vectors[:20], vectors[20:], vectors[:20] + vectors[20:]))
        assert torch.allclose(one + other, both, atol=1e-4) == linear


def test_that_places_of_a_head_turn_alike_and_heads_apart() -> None:
    part, (users, context, present) = built("heads"), asked()
    turned = part.query(torch.ones_like(users), part.gates(users, context, present)).reshape(TARGETS, 3, 4, WIDTH // 4)
    assert torch.equal(turned, turned[..., :1].expand_as(turned))
    assert not torch.allclose(turned[:, :, :1], turned[:, :, 1:])


def test_that_heads_divide_the_width() -> None:
    with pytest.raises(RecipeError, match=r"dynamic\.heads.*divisor of the width, 16"):
        Facets(FacetsSettings(heads=3), WIDTH, 0.0)


@pytest.mark.parametrize("name", ["none", "low_rank"])
def test_that_a_movement_that_only_changes_the_query_keeps_nothing_but_the_items(name: str) -> None:
    vectors = items()
    assert built(name).index(vectors) is vectors


def test_that_the_usual_item_is_moved_by_the_mean_of_those_who_ask() -> None:
    """Padding is nobody, and answering is not counted."""
    part, (users, context, present) = built("facets"), asked()
    before = part.gates.usual.clone()
    gates = part.gates(users, context, present)
    assert torch.equal(part.gates.usual, before)
    part.train()
    for _ in range(300):
        part.gates(users, context, present)
        part.gates(users, context, torch.zeros_like(present))
    torch.testing.assert_close(part.gates.usual, gates[present].mean(0), rtol=1e-4, atol=1e-5)
    index = part.index(items())
    expected = sum(part.gates.usual[place] * index[:, place * WIDTH : (place + 1) * WIDTH] for place in range(4))
    torch.testing.assert_close(part.usual(index), expected)


def test_that_the_usual_static_item_is_the_item_everybody_finds() -> None:
    part, (users, context, present) = built("static"), asked()
    index = part.index(items())
    found = everywhere(part, index, part.gates(users, context, present))
    torch.testing.assert_close(part.usual(index).expand(TARGETS, -1, -1), found)


def test_that_two_facets_move_by_hand() -> None:
    """Gates (2, 3), S = (1, 2), its reading (10, 20): 2 · (1, 2) + 3 · (10, 20) = (32, 64); a user (1, 1) gives 96."""
    part = Facets(FacetsSettings(facets=2), 2, 0.0)
    index, gates = torch.tensor([[[[1.0, 2.0, 10.0, 20.0]]]]), torch.tensor([[[2.0, 3.0]]])
    assert part.moved(index, gates).tolist() == [[[[32.0, 64.0]]]]
    query = part.query(torch.ones(1, 1, 2), gates)
    assert query.tolist() == [[[2.0, 2.0, 3.0, 3.0]]]
    assert (query[0] @ index[0, 0].T).tolist() == [[96.0]]
