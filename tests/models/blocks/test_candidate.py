"""What a candidate finds in the past: by itself, whoever stands beside it."""

import pytest
import torch

from penchant.models.blocks.candidate import CrossAttention, CrossAttentionSettings, NoAttention, NoAttentionSettings

AGE = torch.tensor([[[2, 1, 0, -1], [3, 2, 1, 0]], [[0, -1, -1, -1], [1, 0, -1, -1]]])  # [batch, targets, positions]


@pytest.fixture
def part() -> CrossAttention:
    torch.manual_seed(0)
    return CrossAttention(CrossAttentionSettings(heads=2), 8, 0.0)


@pytest.mark.parametrize("targets", [1, 2])
def test_that_each_candidate_finds_what_it_would_find_alone(part: CrossAttention, targets: int) -> None:
    candidates, context, history = torch.randn(2, targets, 3, 8), torch.randn(2, targets, 8), torch.randn(2, 4, 8)
    found = part(candidates, context, history, AGE[:, :targets])
    for user in range(2):
        for target in range(targets):
            for place in range(3):
                seen = AGE[user, target] >= 0  # what lies ahead is taken away, not hidden
                alone = part(
                    candidates[user, target, place].view(1, 1, 1, 8),
                    context[user, target].view(1, 1, 8),
                    history[user : user + 1, seen],
                    AGE[user, target, seen].view(1, 1, -1),
                )
                torch.testing.assert_close(found[user, target, place], alone[0, 0, 0])


def test_that_without_attention_nothing_is_found() -> None:
    part = NoAttention(NoAttentionSettings(), 8, 0.0)
    assert not part(torch.randn(2, 1, 3, 8), torch.randn(2, 1, 8), torch.randn(2, 4, 8), AGE[:, :1]).any()
