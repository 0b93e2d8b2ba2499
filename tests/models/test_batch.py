"""What the network reads: the same tensors offline and online, and nothing from padding or from the future."""

import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.data.windows import latest_windows, windows_of
from penchant.models.batch import Batch, gap_class, gather
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.packs import packs
from penchant.models.queries import Queries
from tests.small_data import DAY, NOON, SMALL, dataset

LINES = (
    """
[data.clean]
duplicates = "keep_all"
[features]
user.age = { kind = "number" }
item.item_id = { kind = "category" }
context.hour = { kind = "time", column = "timestamp" }
context.device = { kind = "category" }
[history]
length = 4
columns.rating = { kind = "category" }
columns.device = { kind = "category" }
[scenario]
column = "page"
[tasks.next]
kind = "next_item"
[tasks.like]
kind = "binary"
label = "rating >= 4"
"""
    + SMALL
)


def events(count: int = 36, seed: int = 0) -> pl.DataFrame:
    """Events of six users; every third shares its moment with the one before."""
    random = np.random.default_rng(seed)
    place = np.arange(count)
    return pl.DataFrame(
        {
            "user_id": [f"u{n}" for n in place % 6],
            "item_id": [f"i{n}" for n in random.integers(7, size=count)],
            "timestamp": NOON + 3000.0 * (place // 6 - (place // 6 % 3 == 2)),
            "rating": random.integers(1, 6, count),
            "device": random.choice(["phone", "tv"], count),
            "page": random.choice(["home", "search"], count),
            "arrival": place,
        }
    )


def small(frame: pl.DataFrame | None = None, lines: str = LINES) -> Dataset:
    users = {"user_id": [f"u{n}" for n in range(6)], "age": [20, 30, 40, None, 60, 70]}
    return dataset(events() if frame is None else frame, lines, users)


def built(data: Dataset) -> NetworkRecommender:
    """A network as it comes into the world: random weights are enough to see what it depends on."""
    model = NetworkRecommender(data.recipe)
    model.features.fit(data)
    torch.manual_seed(0)
    model.build().eval()
    for parameter in model.network.parameters():  # some weights begin at zero and would hide a dependence
        torch.nn.init.normal_(parameter, std=0.3)
    model.log_, model.recipe_ = data.log, data.recipe
    model.refresh()
    return model


def visible_part(batch: Batch) -> dict[str, Tensor]:
    """The tensors of a batch of single targets with everything behind what is visible set to 0."""
    shown = torch.arange(batch.history.shape[1]) < batch.visible
    tensors: dict[str, Tensor] = {"visible": batch.visible, "recency": batch.recency, "present": batch.present}
    past: dict[str, Tensor] = {"history": batch.history, "gap": batch.gap} | {
        f"column {name}": t for name, t in batch.history_columns.items()
    }
    tensors |= {name: values * shown.view(*shown.shape, *[1] * (values.ndim - 2)) for name, values in past.items()}
    for group in ("profile", "context", "scenario"):
        tensors |= {f"{group} {name}": values for name, values in getattr(batch, group).items()}
    return tensors


@pytest.mark.parametrize("where", ["", 'where = "rating >= 3"\n'])
def test_that_the_log_and_a_request_give_the_same_tensors(where: str) -> None:
    data = small(lines=LINES.replace("[history]\n", f"[history]\n{where}"))
    model, log = built(data), data.log
    windows = latest_windows(log, data.rows, log.history_end(data.rows), 4)
    offline = visible_part(gather(log, model.encoded(log), windows, data.rows))
    online = visible_part(model.batch_of(Queries.at_events(data, data.rows)))
    assert offline.keys() == online.keys()
    for name, values in offline.items():
        assert torch.equal(values, online[name]), name


def test_that_a_request_after_everything_sees_the_whole_log() -> None:
    data = small()
    model = built(data)
    moment = pl.DataFrame({"timestamp": [NOON + DAY] * 2, "device": ["tv", None], "page": ["home", "home"]})
    batch = model.batch_of(Queries.now(data.log, ["u1", "a stranger"], moment))
    mine = data.log.item[data.log.user == 1]
    assert batch.history[0].tolist() == mine[-4:].tolist()
    assert batch.visible.tolist() == [[4], [0]]
    assert batch.recency[1].tolist() == [0]
    assert batch.profile["age"][1].tolist() == [0, 1]  # missing


def test_that_gaps_are_classes_that_double_by_hand() -> None:
    assert gap_class(np.array([-5.0, 0.0, 1.0, 2.9, 3.0, 7.0, 1e12])).tolist() == [1, 1, 2, 2, 3, 4, 33]
    data = small()
    windows = windows_of(data.log, data.rows[:6], 10)  # user 0: after 0, 3000, 3000, 9000, 12000 and 12000 seconds
    batch = gather(data.log, built(data).encoded(data.log), windows, np.array([0]))
    assert batch.visible.tolist() == [[0, 1, 1, 3, 4, 4]]
    assert batch.gap.tolist() == [[0, 12, 1, 13]]  # 3000 s: 1 + 11.55; 6000 s: 1 + 12.55
    assert batch.recency.tolist() == [[0, 12, 12, 13, 12, 12]]


def test_that_padding_has_no_gap() -> None:
    data = small()
    windows = windows_of(data.log, data.rows[:8], 10)  # six events of user 0, two of user 1
    batch = gather(data.log, built(data).encoded(data.log), windows, np.array([0, 1]))
    assert batch.visible[1].tolist() == [0, 1, 0, 0, 0, 0]
    assert batch.gap[1].tolist() == [0, 0, 0, 0]
    assert batch.history[1, 1:].tolist() == [0, 0, 0]


def outputs(model: NetworkRecommender, data: Dataset, rows: Any) -> dict[str, np.ndarray]:
    """What the network says of these events: predictions, and retrieval scores of all items."""
    part = data.part(rows)
    return {**model.predict(part), "next": model.scores(Queries.at_events(part, part.rows))}


def test_that_company_and_padding_change_nothing() -> None:
    data = small()
    model = built(data)
    together = outputs(model, data, data.rows)
    for row in data.rows[::5]:
        alone = outputs(model, data, np.array([row]))
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], together[name][row], atol=1e-5)
    lone, _ = model.top(Queries.first_of_each_user(data), 3)
    pairs = [model.top(block, 3)[0] for block in Queries.first_of_each_user(data).blocks(1)]
    assert np.array_equal(lone, np.concatenate(pairs))


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10_000))
def test_that_nothing_an_event_is_told_comes_from_later_ones(cut: int, seed: int) -> None:
    """Whatever happens from the cut on, what the same network says of earlier events stays the same to the last bit."""
    now = events()
    late = pl.col("timestamp") >= NOON + 3000.0 * cut
    other = events(seed=seed)
    shuffled = [pl.when(late).then(other[name]).otherwise(pl.col(name)).alias(name) for name in ("item_id", "rating", "device", "page")]
    data, changed = small(now), small(now.with_columns(shuffled))
    model = built(small())
    early = data.rows[data.log.time < NOON + 3000.0 * cut]
    for log in (data.log, changed.log):
        assert log.items["item_id"].to_list() == [f"i{n}" for n in range(7)]
    before, after = outputs(model, data, early), outputs(model, changed, early)
    for name, values in before.items():
        np.testing.assert_allclose(values, after[name], atol=1e-6)


def test_that_events_of_one_moment_do_not_see_each_other() -> None:
    data = small()
    log = data.log
    twins = data.rows[log.first_of_moment < data.rows]
    assert len(twins) > 5
    firsts = log.first_of_moment[twins]
    late, early = Queries.at_events(data, twins), Queries.at_events(data, firsts)
    assert np.array_equal(late.before, early.before)
    assert np.array_equal(late.history(4)[1], early.history(4)[1])


def test_that_a_past_does_change_what_is_said() -> None:
    """The checks above would also pass for a network that looks at nothing."""
    data = small()
    model = built(data)
    turned = small(events().with_columns(pl.col("item_id").reverse()))
    for name, values in outputs(model, data, data.rows).items():
        assert np.abs(values - outputs(model, turned, data.rows)[name]).max() > 0.01, name


def test_that_packs_hold_all_and_no_more_than_the_limit() -> None:
    sizes = np.array([1, 1, 2, 2, 3, 9])
    cuts = packs(sizes, 6)
    assert [sizes[cut].tolist() for cut in cuts] == [[1, 1, 2], [2, 3], [9]]
    assert packs(np.zeros(0, dtype=int), 6) == []


def test_that_a_batch_moves_whole_to_a_device() -> None:
    data = small()
    batch = gather(data.log, built(data).encoded(data.log), windows_of(data.log, data.rows, 4), np.array([0, 1]))
    moved = batch.to(torch.device("meta"))
    for field in dataclasses.fields(Batch):
        value = getattr(moved, field.name)
        tensors = value.values() if isinstance(value, dict) else [value]
        assert field.name in ("rows", "alike") or all(tensor.device.type == "meta" for tensor in tensors)
