import pytest
import torch
from torch import nn

from penchant.fitting.average import Average


def test_that_each_step_moves_the_mean_by_what_it_does_not_keep() -> None:
    weight = nn.Parameter(torch.tensor([0.0]))
    average = Average([weight], 0.75)
    means = []
    for step, value in enumerate((1.0, 3.0)):
        weight.data.fill_(value)
        average.follow(step + 1000)  # long after the beginning
        means.append(float(average.mean[0]))
    assert means == pytest.approx([0.25, 0.75 * 0.25 + 0.25 * 3])


def test_that_the_beginning_is_soon_forgotten() -> None:
    weight = nn.Parameter(torch.tensor([5.0]))
    average = Average([weight], 0.999)
    weight.data.fill_(0.0)
    average.follow(0)
    assert float(average.mean[0]) == pytest.approx(0.5)  # 1 of 10 parts is kept


def test_that_the_network_has_the_mean_only_while_it_is_in_place() -> None:
    weight = nn.Parameter(torch.tensor([2.0]))
    average = Average([weight], 0.5)
    weight.data.fill_(4.0)
    with average.in_place():
        assert weight.tolist() == [2.0]
    assert weight.tolist() == [4.0]


def test_that_without_a_past_the_weights_are_as_they_are() -> None:
    weight = nn.Parameter(torch.tensor([2.0]))
    average = Average([weight], 0.0)
    average.follow(0)
    with average.in_place():
        assert weight.tolist() == [2.0]
    assert average.tensors() == {}


def test_that_a_mean_is_carried_on() -> None:
    weight = nn.Parameter(torch.tensor([2.0]))
    again = Average([weight], 0.5)
    again.restore({"0": torch.tensor([7.0])})
    assert again.mean[0].tolist() == [7.0]
    again.restore({})
    assert again.mean[0].tolist() == [2.0]
