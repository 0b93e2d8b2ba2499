"""Tasks behind other tasks."""

import numpy as np
import pytest
import torch

from penchant.schema.errors import RecipeError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.steps import both, through_steps
from tests.small_data import recipe

CLICK = '[tasks.click]\nkind = "binary"\nlabel = "is_click"\n'


def behind(name: str, before: str, more: str = "") -> str:
    return f'[tasks.{name}]\nkind = "binary"\nlabel = "is_{name}"\nafter = "{before}"\n{more}'


def test_that_the_logit_of_both_is_that_of_the_product_by_hand() -> None:
    odds = torch.tensor([1.0, 3.0, 1 / 4])  # 1/2 and 2/3, 3/4 and 2/3, 1/5 and 2/3
    product = torch.tensor([1 / 3, 1 / 2, 2 / 15])
    torch.testing.assert_close(torch.sigmoid(both(odds.log(), torch.tensor(2.0).log().expand(3))), product)


def test_that_it_is_finite_with_its_gradient_however_sure_either_is() -> None:
    a, b = torch.meshgrid(*[torch.tensor([-1e4, -30.0, 0.0, 30.0, 1e4])] * 2, indexing="ij")
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    logits = both(a, b)
    gradients = torch.autograd.grad(logits.sum(), [a, b])
    assert all(torch.isfinite(each).all() for each in (logits, *gradients))
    assert (logits <= torch.minimum(a, b)).all()
    assert logits[4, 4].item() == pytest.approx(1e4 - np.log(2))


def test_that_a_chain_multiplies_every_step_and_leaves_others_alone() -> None:
    parts = {
        "buy": TaskPart(kind="binary", after="cart"),
        "click": TaskPart(kind="binary"),
        "cart": TaskPart(kind="binary", after="click"),
        "stars": TaskPart(kind="regression"),
    }
    half = torch.zeros(2)
    told = through_steps(dict.fromkeys(parts, half), parts)
    assert list(told) == list(parts)
    assert torch.sigmoid(told["click"]).tolist() == pytest.approx([1 / 2] * 2)
    assert torch.sigmoid(told["cart"]).tolist() == pytest.approx([1 / 4] * 2)
    assert torch.sigmoid(told["buy"]).tolist() == pytest.approx([1 / 8] * 2)
    assert told["stars"] is half


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (CLICK + behind("like", "clik"), r"found 'like' after 'clik', which is not in \[tasks\]. Did you mean 'click'"),
        (behind("like", "click") + behind("click", "like"), "found a circle: like after click after like"),
        (behind("like", "like"), "found a circle: like after like"),
        (behind("like", "stars") + '[tasks.stars]\nkind = "regression"\n', "found 'like' after 'stars', of kind 'regression'"),
        (CLICK + '[tasks.stars]\nkind = "regression"\nafter = "click"\n', "must be of kind 'binary' when it stands after another"),
        (CLICK + 'funnel = "masked"\n', "must be given the task it stands after when it has a funnel"),
        (CLICK + behind("like", "click", 'funnel = "half"\n'), "'whole_space' or 'masked'"),
    ],
)
def test_that_steps_that_lead_nowhere_are_refused(lines: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(lines)


def test_that_a_chain_in_any_order_is_taken() -> None:
    told = recipe(behind("buy", "cart") + CLICK + behind("cart", "click", 'funnel = "masked"\n'))
    assert [told.tasks[name].after for name in ("buy", "click", "cart")] == ["cart", None, "click"]
    assert np.array_equal([told.tasks[name].funnel for name in ("buy", "cart")], [None, "masked"])
