"""The contrasts: a query finds its own answer among the batch's, and what is frequent is not pushed away for it."""

import numpy as np
import torch

from penchant.training.tuning.contrast import Contrast, in_batch
from penchant.training.tuning.preferences import Preferences
from penchant.training.tuning.settings import TuningSettings
from tests.small_data import NOON, dataset


def test_that_the_loss_is_the_softmax_over_the_batch_with_the_correction() -> None:
    """By hand: cosines (1, 0; 0, 1) at temperature 1/2, shares 1/4 and 3/4, one other each: own score 2, the other's log 4/3 or log 4."""
    axes, share = torch.eye(2), torch.tensor([0.25, 0.75]).log()
    expected = -np.log([np.exp(2) / (np.exp(2) + 4 / 3), np.exp(2) / (np.exp(2) + 4)]).mean()
    torch.testing.assert_close(
        in_batch(axes, axes, share, torch.eye(2, dtype=torch.bool), 0.5), torch.tensor(expected, dtype=torch.float32)
    )


def test_that_what_the_user_wanted_too_is_no_wrong_answer() -> None:
    axes, share = torch.eye(2), torch.zeros(2)
    assert in_batch(axes, axes, share, torch.ones(2, 2, dtype=torch.bool), 0.5).item() == 0
    assert in_batch(axes, axes, share, torch.eye(2, dtype=torch.bool), 0.5).item() > 0.1


def test_that_the_correction_takes_popularity_out_of_what_is_learnt() -> None:
    """Answers drawn ten to one, with nothing to tell them apart: without correction the frequent one would be pushed down."""
    random = np.random.default_rng(0)
    weights = torch.zeros(2, requires_grad=True)  # the score of either answer, whoever asks
    chances = np.array([10, 1]) / 11
    for _ in range(600):
        drawn = torch.from_numpy(random.choice(2, 64, p=chances))
        answers = torch.stack([weights[drawn], torch.zeros(64)], dim=1)
        same = drawn[:, None] == drawn
        loss = in_batch(torch.tensor([[1.0, 0.0]]).expand(64, -1), answers, torch.from_numpy(np.log(chances)).float()[drawn], same, 1.0)
        weights.data -= 0.1 * torch.autograd.grad(loss, weights)[0]
    told = (weights[0] - weights[1]).item()
    assert abs(told - np.log(10)) < 0.5  # the scores learn how often each is wanted, as a softmax over the catalogue would


def contrast(**settings: float) -> tuple[Contrast, list[list[int]]]:
    rows = [(user, item, NOON + step) for user in "abcd" for step, item in enumerate("xyzvw")]
    part = dataset(dict(zip(("user_id", "item_id", "timestamp"), zip(*rows, strict=True), strict=True)))
    return Contrast(Preferences(part, np.ones(5, dtype=bool)), TuningSettings(batch=8, **settings)), []


def test_that_an_item_is_read_once_a_step_and_both_contrasts_are_told() -> None:
    own, asked = contrast()

    def read(rows: np.ndarray) -> torch.Tensor:
        asked.append(rows.tolist())
        return torch.nn.functional.normalize(torch.randn(len(rows), 4), dim=-1)

    losses = own.losses(np.random.default_rng(0), read)
    assert {*losses} == {"next item", "co-preference"}
    assert asked == [sorted({*asked[0]})]


def test_that_a_contrast_without_weight_costs_nothing() -> None:
    for weight, kept in (("next_item", "co-preference"), ("co_preference", "next item")):
        own, _ = contrast(**{weight: 0.0})
        assert {*own.losses(np.random.default_rng(0), lambda rows: torch.eye(len(rows)))} == {kept}
