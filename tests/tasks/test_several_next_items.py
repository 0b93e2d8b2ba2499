"""A moment may be asked for several next items at once."""

import numpy as np
import torch

from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.task import build


def test_that_the_loss_is_the_mean_cross_entropy_of_the_wanted_items() -> None:
    task = build("next", TaskPart.model_validate({"kind": "next_item"}), 4)
    random = torch.Generator().manual_seed(0)
    queries, items = torch.randn(2, 4, generator=random), torch.randn(6, 4, generator=random)
    wanted = torch.tensor([[1, 4, -1], [0, 2, 5]])  # the first query wants two only
    loss = task.loss(queries, items[wanted.clamp(min=0)], wanted, items, torch.arange(6), torch.zeros(6))
    logs = torch.log_softmax(queries @ items.T, dim=1)
    torch.testing.assert_close(loss, torch.stack([-(logs[0, 1] + logs[0, 4]) / 2, -(logs[1, 0] + logs[1, 2] + logs[1, 5]) / 3]))


def test_that_a_wanted_item_that_was_drawn_counts_once() -> None:
    task = build("next", TaskPart.model_validate({"kind": "next_item"}), 4)
    items = torch.eye(4)
    query, wanted = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[0, 1]])
    whole = task.loss(query, items[wanted], wanted, items, torch.arange(4), torch.zeros(4))
    others = task.loss(query, items[wanted], wanted, items[2:], torch.tensor([2, 3]), torch.zeros(2))
    torch.testing.assert_close(whole, others)
    np.testing.assert_allclose(whole.item(), np.log(np.exp([1, 2, 3, 4]).sum()) - 1.5, rtol=1e-5)
