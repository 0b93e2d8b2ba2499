"""What the objective learns from: which rows, of which task, and at what cost."""

import numpy as np
import pytest
import torch
from torch import Tensor

from penchant.models.network import Encoding, Items
from penchant.models.network_recommender import NetworkRecommender
from penchant.training.objective import NetworkObjective
from penchant.training.trainer import NetworkTrainer
from tests.small_data import NEXT, SMALL, dataset, weather

OUTSIDE = '[tasks.outside]\nkind = "binary"\nlabel = "outside"\n'
RAIN = '[tasks.rain]\nkind = "binary"\nlabel = "sky == \'rain\'"\n'


def objective(lines: str, seed: int = 0) -> NetworkObjective:
    data = dataset(weather(users=30), lines + SMALL + f"[training]\nepochs = 1\nseed = {seed}\n")
    recommender = NetworkRecommender(data.recipe, NetworkTrainer())
    recommender.features.fit(data)
    torch.manual_seed(0)
    recommender.build()
    return NetworkObjective(recommender, data, None, data.recipe.training)


def test_that_tasks_of_one_share_learn_from_the_same_part_of_their_rows() -> None:
    learnt = objective(OUTSIDE + "share = 0.3\n" + RAIN + "share = 0.3\n[tasks.all]\nkind = 'binary'\nlabel = 'outside'\n")
    rows = learnt.data.rows
    part = learnt.known["outside"][rows]
    assert part.mean() == pytest.approx(0.3, abs=0.08)
    assert np.array_equal(part, learnt.known["rain"][rows])
    assert learnt.known["all"][rows].all()
    assert not np.array_equal(part, objective(OUTSIDE + "share = 0.3\n", seed=1).known["outside"][rows])
    alone = objective(OUTSIDE + "share = 0.3\n")
    assert alone.windows.targets.sum() == alone.known["outside"][rows].sum()  # rows that nobody learns from are no targets


def test_that_only_targets_with_a_label_are_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = objective(NEXT + OUTSIDE + "only_where = \"sky == 'rain'\"\n")
    asked: list[int] = []
    rank = learnt.network.rank

    def watched(encoding: Encoding, items: Items, standing: dict[str, Tensor], judged: Tensor) -> dict[str, Tensor]:
        asked.append(int(judged.sum()))
        return rank(encoding, items, standing, judged)

    monkeypatch.setattr(learnt.network, "rank", watched)
    losses = [learnt.losses(batch, step) for step, batch in enumerate(learnt.epoch(0))]
    assert {"next", "outside"} == set().union(*losses)
    rows = learnt.data.rows
    assert 0 < sum(asked) == learnt.known["outside"][rows].sum() < learnt.wanted[rows].sum()
