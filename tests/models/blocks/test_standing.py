"""How a candidate stands at the moment."""

import torch

from penchant.features.feature import Form
from penchant.models.blocks.standing import Standing


def test_that_it_begins_as_the_sum_of_what_is_counted_by_hand() -> None:
    block = Standing({"clicks": Form("vector", 2), "own": Form("vector", 1)}, 3, 0.0)
    weights = ([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]], [[10.0], [0.0], [-1.0]])
    for table, weight in zip(block.embedding.tables.values(), weights, strict=True):
        table.load_state_dict({"weight": torch.tensor(weight), "bias": torch.zeros(3)})
    counted = {"clicks": torch.tensor([[[1.0, 1.0], [0.0, 2.0]]]), "own": torch.tensor([[[1.0], [0.0]]])}
    torch.testing.assert_close(block(counted)[0], torch.tensor([[[13.0, 1.0, 2.0], [4.0, 2.0, 0.0]]]))


def test_that_the_joint_reading_adds_to_the_sum() -> None:
    block = Standing({"clicks": Form("vector", 2)}, 3, 0.0)
    counted = {"clicks": torch.tensor([1.0, -1.0])}
    before = block(counted)[0]
    torch.nn.init.ones_(block.mix[-1].bias)
    torch.testing.assert_close(block(counted)[0], before + 1)
