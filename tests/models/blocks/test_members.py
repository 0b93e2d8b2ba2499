import torch
from torch import Tensor, nn

from penchant.models.blocks.members import Members


class Sum(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values.sum(-1)


def two() -> Members:
    members = Members(2, 2, 3, 1)
    members.signs.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    with torch.no_grad():
        members.scales.copy_(torch.tensor([[[1.0, 1.0, 1.0], [2.0, 0.0, 0.0]]]))
        members.biases.copy_(torch.tensor([[0.0, 10.0]]))
    return members


def test_that_each_member_reads_every_candidate_with_its_own_signs() -> None:
    values = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])  # one user, one target, two candidates
    assert two().spread(values).tolist() == [[[[1.0, 2.0], [1.0, -2.0], [3.0, 4.0], [3.0, -4.0]]]]


def test_that_members_answer_apart_in_training_and_together_by_their_mean() -> None:
    members = two()
    told = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])  # one candidate as both members represent it
    assert members.train().answer(told, 0, Sum()).tolist() == [[[6.0]], [[18.0]]]  # 1 + 2 + 3, and 2 · 4 + 10
    assert members.eval().answer(told, 0, Sum()).tolist() == [[[12.0]]]


def test_that_signs_are_kept_with_the_weights() -> None:
    kept = Members(4, 16, 3, 1).state_dict()
    again = Members(4, 16, 3, 1)
    again.load_state_dict(kept)
    assert set(kept["signs"].unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(again.signs, kept["signs"])
