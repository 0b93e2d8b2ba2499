"""Which item comes next."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.next_item import NextItem
from penchant.tasks.task import build

COUNTS = np.array([0, 1, 4, 9, 16, 0])


def task(**settings: float) -> NextItem:
    built: NextItem = build("next", TaskPart.model_validate({"kind": "next_item"} | settings), 4)
    built.fit(COUNTS)
    return built


def vectors(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Queries `[5, 4]`, item vectors `[6, 4]`, and the rows of the wanted items `[5]`."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(5, 4, generator=random), torch.randn(6, 4, generator=random), torch.tensor([1, 2, 3, 4, 4])


def sampled_loss(next_item: NextItem, queries: Tensor, items: Tensor, wanted: Tensor, random: np.random.Generator, size: int) -> Tensor:
    drawn, expected = next_item.draw(random, size)
    rows = torch.from_numpy(drawn)
    loss: Tensor = next_item.loss(queries, items[wanted], wanted, items[rows], rows, torch.from_numpy(expected))
    return loss


def test_that_only_items_of_the_training_part_are_drawn_in_proportion_to_a_power_of_their_counts() -> None:
    assert task(exponent=0.5).known.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(task(exponent=0.5).probability, [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(task(exponent=0).probability, [0.25] * 4)
    np.testing.assert_allclose(task(exponent=1).probability, np.array([1, 4, 9, 16]) / 30)


def test_that_the_draw_follows_the_probability_and_says_how_often_an_item_is_expected() -> None:
    next_item = task(exponent=0.5)
    places = [next_item.draw(np.random.default_rng(seed), 3) for seed in range(4000)]
    drawn = np.concatenate([rows for rows, _ in places])
    share = np.bincount(drawn, minlength=6) / 4000
    np.testing.assert_allclose(share, [0, 0.3, 0.6, 0.9, 1.2, 0], atol=0.05)
    expected = {int(row): float(log) for rows, logs in places for row, log in zip(rows, logs, strict=True)}
    assert expected == pytest.approx({1: np.log(0.3), 2: np.log(0.6), 3: np.log(0.9), 4: np.log(1.2)})


def test_that_all_items_are_taken_once_when_they_fit() -> None:
    rows, expected = task().draw(np.random.default_rng(0), 4)
    assert (rows.tolist(), expected.tolist()) == ([1, 2, 3, 4], [0, 0, 0, 0])


def test_that_the_loss_over_all_items_is_the_full_softmax_cross_entropy() -> None:
    queries, items, wanted = vectors()
    ours = sampled_loss(task(), queries, items, wanted, np.random.default_rng(0), 100)
    full = F.cross_entropy(queries @ items[1:5].T, wanted - 1, reduction="none")
    torch.testing.assert_close(ours, full)


def test_that_one_wanted_and_one_other_item_give_the_logistic_loss_by_hand() -> None:
    query, good, bad = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0]]), torch.tensor([[0.5, 9.0]])
    one = task().loss(query, good, torch.tensor([1]), bad, torch.tensor([2]), torch.tensor([0.0]))
    assert one.tolist() == pytest.approx([np.log(1 + np.exp(0.5 - 2.0))])
    rarely = task().loss(query, good, torch.tensor([1]), bad, torch.tensor([2]), torch.tensor([np.log(0.5)], dtype=torch.float32))
    assert rarely.tolist() == pytest.approx([np.log(1 + 2 * np.exp(0.5 - 2.0))])  # it stands for two of its kind


def test_that_a_wanted_item_is_no_negative_of_itself() -> None:
    query, good = torch.ones(1, 2), torch.ones(1, 2)
    alone = task().loss(query, good, torch.tensor([1]), good, torch.tensor([1]), torch.zeros(1))
    assert alone.tolist() == [0.0]


def test_that_losses_and_gradients_are_finite_at_extremes() -> None:
    for scale in (0.0, 1e3, 1e6):
        queries, items, wanted = vectors()
        queries = (queries * scale).requires_grad_()
        loss = sampled_loss(task(), queries, items, wanted, np.random.default_rng(0), 3)
        (gradient,) = torch.autograd.grad(loss.sum(), queries)
        assert torch.isfinite(loss).all()
        assert torch.isfinite(gradient).all()


def gradient(loss: Tensor, items: Tensor) -> Tensor:
    return torch.autograd.grad(loss.sum(), items, retain_graph=True)[0]


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_that_the_correction_makes_a_sample_speak_for_the_whole_catalogue(exponent: float) -> None:
    """With the correction the mean gradient of many samples is near the full softmax's; without it, it is not."""
    queries, items, wanted = vectors(3)
    items.requires_grad_()
    next_item = task(exponent=exponent)
    full = gradient(F.cross_entropy(queries @ items[1:5].T, wanted - 1, reduction="none"), items)
    corrected, plain = torch.zeros_like(full), torch.zeros_like(full)
    draws = 120
    for seed in range(draws):
        random = np.random.default_rng(seed)
        drawn, expected = next_item.draw(random, 3)
        # 40 draws of 3 at once: a larger sample of the same distribution, since all four items would be taken from size 4 on
        more = np.concatenate([drawn, *(next_item.draw(random, 3)[0] for _ in range(39))])
        rows = torch.from_numpy(more)
        logs = dict(zip(next_item.known.tolist(), np.log(next_item.probability * len(more)), strict=True))
        correction = torch.tensor([logs[int(row)] for row in more], dtype=torch.float32)
        for total, term in ((corrected, correction), (plain, torch.zeros_like(correction))):
            total += gradient(next_item.loss(queries, items[wanted], wanted, items[rows], rows, term), items) / draws
        np.testing.assert_allclose(expected, [logs[int(row)] - np.log(40) for row in drawn], rtol=1e-5)
    error = float((corrected - full).norm() / full.norm())
    assert error < 0.08
    assert float((plain - full).norm() / full.norm()) > 3 * error
