"""The flagship's training: repeatable, resumable, and of the training part alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.fitting.loop import Interrupted, Progress
from penchant.models.blocks import embedding
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import DataError, RecipeError
from penchant.training.objective import NetworkObjective
from penchant.training.trainer import NetworkTrainer, fit_network
from tests.small_data import NEXT, NOON, SMALL, dataset, weather

LINES = (
    NEXT
    + '[tasks.outside]\nkind = "binary"\nlabel = "outside"\nonly_where = "sky != \'snow\'"\n'
    + '[history]\nlength = 6\ncolumns.outside = { kind = "category" }\n[training]\nepochs = 3\nbatch_events = 64\nnegatives = 2\n'
    + SMALL.replace("dropout = 0.0", "dropout = 0.3")
)


def small(lines: str = LINES) -> Dataset:
    return dataset(weather(users=12), lines)


def weights_of(model: NetworkRecommender) -> dict[str, torch.Tensor]:
    return model.network.state_dict()


def same(one: NetworkRecommender, other: NetworkRecommender) -> bool:
    return all(torch.equal(value, weights_of(other)[name]) for name, value in weights_of(one).items())


def test_that_the_same_seed_gives_the_same_network() -> None:
    train, valid, _ = small().split_last(1, 1)
    first = fit_network(train.recipe, train, valid)
    torch.rand(9)
    assert same(first, fit_network(train.recipe, train, valid))
    other = train.recipe.model_copy(update={"training": train.recipe.training.model_copy(update={"seed": 5})})
    assert not same(first, fit_network(other, train, valid))


@pytest.mark.parametrize("step", [2, 7])
@pytest.mark.parametrize("rows", [embedding.DENSE_ROWS, 3], ids=["dense tables", "tables by rows"])
@pytest.mark.parametrize("balance", ["fixed", "uncertainty", "famo"])
def test_that_an_interrupted_network_resumes_bit_for_bit(
    tmp_path: Path, step: int, rows: int, balance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "DENSE_ROWS", rows)
    train, valid, _ = small(LINES.replace("[training]\n", f'[training]\nbalance.kind = "{balance}"\n')).split_last(1, 1)

    def interrupt(progress: Progress, *_: int) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    whole = fit_network(train.recipe, train, valid)
    with pytest.raises(Interrupted):
        fit_network(train.recipe, train, valid, checkpoint=tmp_path, report=interrupt)
    resumed = fit_network(train.recipe, train, valid, checkpoint=tmp_path, resume=True)
    assert same(whole, resumed)
    assert torch.equal(whole.item_vectors, resumed.item_vectors)


def test_that_validation_gives_a_curve_for_every_task() -> None:
    train, valid, _ = small().split_last(1, 1)
    trainer = NetworkTrainer(valid)
    NetworkRecommender(train.recipe, trainer).fit(train)
    assert trainer.progress is not None
    assert len(trainer.progress.curves) == 3
    row = trainer.progress.curves[-1]
    assert {"loss.next", "loss.outside", "next.ndcg@10", "outside.auc", "epoch", "seconds"} <= row.keys()


def test_that_every_balance_teaches_all_tasks_and_gives_another_network_than_the_others() -> None:
    networks: dict[str, NetworkRecommender] = {}
    for balance in ("fixed", "uncertainty", "famo"):
        train, valid, _ = small(LINES.replace("[training]\n", f'[training]\nbalance.kind = "{balance}"\n')).split_last(1, 1)
        trainer = NetworkTrainer(valid)
        networks[balance] = NetworkRecommender(train.recipe, trainer).fit(train)
        assert trainer.progress is not None
        first, last = trainer.progress.curves[0], trainer.progress.curves[-1]
        assert last["loss.next"] < first["loss.next"], balance
        assert last["loss.outside"] < first["loss.outside"], balance
    assert not any(same(networks["fixed"], other) for balance, other in networks.items() if balance != "fixed")


def test_that_equal_is_what_fixed_is_without_weights() -> None:
    train, valid, _ = small().split_last(1, 1)
    equal, weighted = (
        small(LINES.replace("[training]\n", '[training]\nbalance.kind = "equal"\n')),
        small(LINES.replace('only_where = "sky', 'weight = 0.25\nonly_where = "sky')),
    )
    found = fit_network(train.recipe, train, valid)
    assert same(found, fit_network(equal.recipe, *equal.split_last(1, 1)[:2]))
    assert not same(found, fit_network(weighted.recipe, *weighted.split_last(1, 1)[:2]))


def test_that_the_agreement_of_gradients_is_a_curve_from_minus_one_to_one() -> None:
    train, valid, _ = small().split_last(1, 1)
    trainer = NetworkTrainer(valid)
    NetworkRecommender(train.recipe, trainer).fit(train)
    assert trainer.progress is not None
    assert all(-1 <= row["conflict.outside.next"] <= 1 for row in trainer.progress.curves)


def test_that_an_unknown_balance_is_refused_with_the_known_ones_near() -> None:
    train, _, _ = small(LINES.replace("[training]\n", '[training]\nbalance.kind = "uncertain"\n')).split_last(1, 1)
    with pytest.raises(RecipeError, match="uncertainty"):
        fit_network(train.recipe, train)


def test_that_what_comes_after_the_training_part_does_not_change_the_network() -> None:
    """The same training rows in two logs that differ only later give the same weights, to the last bit."""
    frame = weather(users=12)
    train = small().split_last(1, 1)[0]
    newest = frame["timestamp"] >= frame["timestamp"].min() + 60 * 10
    later = frame.with_columns(frame["sky"].reverse(), frame["outside"].reverse()).filter(newest)
    changed = dataset(frame.filter(~newest).vstack(later), LINES).split_last(1, 1)[0]
    assert np.array_equal(train.rows, changed.rows)
    assert train.log.series("sky").to_list() != changed.log.series("sky").to_list()
    keep = train.rows[train.log.time[train.rows] < float(frame["timestamp"].min()) + 60 * 10]
    assert same(fit_network(train.recipe, train.part(keep)), fit_network(changed.recipe, changed.part(keep)))


def objective(data: Dataset) -> NetworkObjective:
    model = NetworkRecommender(data.recipe)
    model.features.fit(data)
    torch.manual_seed(0)
    model.build()
    model.log_, model.recipe_ = data.log, data.recipe
    return NetworkObjective(model, data, None, data.recipe.training)


def test_that_an_epoch_visits_every_window_once_in_another_order_each_time() -> None:
    one = objective(small())
    first, again, second = (one.epoch(number) for number in (0, 0, 1))
    assert sorted(np.concatenate(first).tolist()) == list(range(len(one.windows)))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again] != [batch.tolist() for batch in second]
    assert one.windows.rows.tolist() == one.data.rows.tolist()


def test_that_losses_have_a_gradient_for_every_weight_that_is_used() -> None:
    one = objective(small())
    losses = one.losses(one.epoch(0)[0], 0)
    assert sorted(losses) == ["next", "outside"]
    sum(losses.values(), torch.zeros(())).backward()
    without = [name for name, parameter in one.network.named_parameters() if parameter.grad is None]
    assert without == []


def test_that_a_label_outside_its_rows_is_not_learnt_from() -> None:
    one = objective(small())
    snow = one.data.log.series("sky").to_numpy() == "snow"
    assert np.array_equal(np.isnan(one.labels["outside"]), snow)


def test_that_a_task_without_anything_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="task 'next', positive_where must be true for some training events; found none"):
        objective(small(LINES.replace(NEXT, NEXT + "positive_where = \"sky == 'hail'\"\n")))
    with pytest.raises(RecipeError, match="task 'outside', key 'label'"):
        objective(small(LINES.replace('label = "outside"\n', "")))


@pytest.mark.parametrize("horizon", [1, 2, 4, 9])
def test_that_what_follows_a_wanted_event_is_the_users_next_wanted_ones_by_hand(horizon: int) -> None:
    """a wants p, r and s, and t outside the part; b wants q and r. What is not wanted (a's q, b's p) stands between and is left out."""
    events = {
        "user_id": list("aaaaabbb"),
        "item_id": list("pqrstqpr"),
        "timestamp": NOON + np.arange(8.0),
        "stars": [5, 1, 5, 5, 5, 5, 1, 5],
    }
    data = dataset(events, f'{NEXT}horizon = {horizon}\npositive_where = "stars > 3"\n{SMALL}')
    part = data.part(np.array([0, 1, 2, 3, 5, 6, 7]))
    p, q, r, s, none = 0, 1, 2, 3, -1
    expected = [[p, r, s], [r, s, none], [s, none, none], [q, r, none], [r, none, none]]
    padded = np.array([[*row, *[none] * 6] for row in expected])[:, :horizon]
    one = objective(part)
    assert one._following(np.array([0, 2, 3, 5, 7])).tolist() == padded.tolist()
    assert one._following(np.array([7, 0])).tolist() == padded[[4, 0]].tolist()
    assert one._following(np.array([], dtype=np.int64)).shape == (0, horizon)
