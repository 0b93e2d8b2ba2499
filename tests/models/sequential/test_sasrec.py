"""SASRec: its losses by hand, what it may read, and what it learns."""

import math

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional as F

from penchant.data.dataset import Dataset
from penchant.models.blocks.row_table import RowTable
from penchant.models.collaborative.popularity import Popularity
from penchant.models.contract import check_recommender
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.models.sequential import sasrec
from penchant.models.sequential.sasrec import NextEvent, SASRec, SelfAttention, gbce, sampled_softmax
from penchant.schema.errors import DataError, RecipeError
from tests.small_data import NOON, dataset, ring, two_worlds

QUICK = {"width": 16, "batch_events": 128, "learning_rate": 0.01, "dropout": 0.0}


def hits(model: Recommender, part: Dataset) -> float:
    """How often the first item is the one."""
    found, _ = model.top(Queries.at_events(part, part.rows), 1, exclude_seen=False)
    return float(np.mean(found[:, 0] == part.log.item[part.rows]))


def objective(data: Dataset, **settings: object) -> NextEvent:
    """Of a model that has not learnt yet."""
    model = SASRec(**{**QUICK, "epochs": 1, **settings}).fit(data)  # type: ignore[arg-type]  # settings of several types
    return NextEvent(model, data)


@pytest.mark.parametrize(
    "settings",
    [{"loss": "gbce", "negatives": 3}, {"negatives": 4, "precision": "bfloat16"}, {"start": "random", "length": 3, "heads": 1, "width": 7}],
)
def test_that_it_keeps_the_contract_with_other_settings(settings: dict[str, object]) -> None:
    check_recommender(SASRec(**({"epochs": 2, "batch_events": 16} | settings)), dataset(two_worlds(users=12)))  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{}, {"negatives": 5}, {"loss": "gbce", "negatives": 5}, {"loss": "gbce"}])
def test_that_it_learns_what_follows_what(settings: dict[str, object]) -> None:
    train, _, test = dataset(ring()).split_last(0, 1)
    model = SASRec(**{**QUICK, "epochs": 30, **settings}).fit(train)  # type: ignore[arg-type]
    assert hits(model, test) > 0.9
    assert hits(Popularity().fit(train), test) < 0.4


def test_that_it_learns_with_a_table_that_is_fitted_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sasrec, "DENSE_ROWS", 5)
    train, _, test = dataset(ring()).split_last(0, 1)
    model = SASRec(**{**QUICK, "epochs": 30, "negatives": 5}).fit(train)  # type: ignore[arg-type]
    assert isinstance(model.network_.items, RowTable)
    assert hits(model, test) > 0.9


def test_that_sampled_softmax_is_its_formula_by_hand() -> None:
    own, others = torch.tensor([math.log(2.0), 0.0]), torch.tensor([[math.log(3.0), 0.0, 9.0], [-math.inf, math.log(5.0), 9.0]])
    # of four others two are drawn, so that each stands for two; in the second row one of them is the wanted item itself
    expected = (-math.log(2 / (2 + 2 * (3 + 1))) - math.log(1 / (1 + 2 * 5))) / 2
    assert sampled_softmax(own, others, 0.5).item() == pytest.approx(expected)


def test_that_gbce_is_its_formula_by_hand() -> None:
    own, others = torch.tensor([math.log(3.0)]), torch.tensor([[0.0, math.log(4.0), -math.inf]])
    plain = -(math.log(3 / 4) + math.log(1 / 2) + math.log(1 / 5)) / 4
    assert gbce(own, others, 0.25, 0.0).item() == pytest.approx(plain)
    calibrated = -(0.25 * math.log(3 / 4) + math.log(1 / 2) + math.log(1 / 5)) / 4
    assert gbce(own, others, 0.25, 1.0).item() == pytest.approx(calibrated)
    between = -(0.25 * (0.6 * (1 - 4) + 4) * math.log(3 / 4) + math.log(1 / 2) + math.log(1 / 5)) / 4
    assert gbce(own, others, 0.25, 0.6).item() == pytest.approx(between)


def test_that_the_loss_is_the_softmax_over_the_catalogue_whichever_way_it_is_computed() -> None:
    torch.manual_seed(0)
    whole = objective(dataset(two_worlds(users=12)))
    asked, wanted = torch.randn(7, 16), torch.randint(12, (7,))
    expected = F.cross_entropy(asked @ whole.network.items.weight.T, wanted)
    assert whole._loss(asked, wanted, torch.arange(12)).item() == pytest.approx(expected.item(), rel=1e-5)
    own, others = (asked * whole.network.items(wanted)).sum(1), asked @ whole.network.items.weight.T
    kept = sasrec._without(F.pad(others, (0, 1)), wanted, torch.arange(12))
    assert sampled_softmax(own, kept, 1.0).item() == pytest.approx(expected.item(), rel=1e-5)


def test_that_no_loss_counts_the_wanted_item_among_the_others() -> None:
    scores = torch.arange(12.0).view(3, 4)
    left = sasrec._without(scores, torch.tensor([5, 2, 9]), torch.tensor([2, 4, 5]))
    inf = -math.inf
    assert left.tolist() == [[0, 1, inf, 3], [inf, 5, 6, 7], [8, 9, 10, 11]]


@pytest.mark.parametrize("loss", ["softmax", "gbce"])
def test_that_the_wanted_item_drawn_or_not_gives_the_same_loss_but_for_its_share(loss: str) -> None:
    torch.manual_seed(0)
    task = objective(dataset(two_worlds(users=12)), loss=loss, negatives=5)
    asked = torch.randn(1, 16)
    shares: list[float] = []

    def told(own: torch.Tensor, others: torch.Tensor, share: float, *_: float) -> torch.Tensor:
        shares.append(share)
        return torch.cat([own, others[others.isfinite()]]).sum()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sasrec, "sampled_softmax", lambda own, others, share: told(own, others[:, :-1], share))
        patch.setattr(sasrec, "gbce", told)
        with_it, without = (task._loss(asked, torch.tensor([3]), torch.tensor(drawn)).item() for drawn in ([2, 3, 8], [2, 8]))
    assert with_it == pytest.approx(without)
    assert shares == pytest.approx([2 / 11, 1 / 11])


def test_that_drawn_items_differ_from_step_to_step_and_are_all_alike_likely() -> None:
    task = objective(dataset(two_worlds(users=12)), negatives=4)
    drawn = [task._drawn(step) for step in range(600)]
    assert all(len(items.unique()) == len(items) <= 4 for items in drawn)
    assert torch.equal(task._drawn(3), drawn[3])
    counts = torch.bincount(torch.cat(drawn), minlength=12)
    assert counts.min() > 0.75 * counts.max()
    assert task.model.set_params(negatives=12) is task.model
    assert task._drawn(0).tolist() == list(range(12))


def test_that_a_state_knows_only_the_events_before_it() -> None:
    torch.manual_seed(0)
    network = SelfAttention(items=9, width=8, layers=2, heads=2, length=5, dropout=0.0).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)  # layers begin by adding nothing
    one, other = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[1, 2, 3, 8, 0]])
    states, changed = network(one)[0], network(other)[0]
    assert torch.allclose(states[:4], changed[:4], atol=1e-5)
    assert not torch.allclose(states[4], changed[4], atol=1e-2)
    assert torch.allclose(network(torch.tensor([[1, 2]]))[0], states[:3], atol=1e-5)
    assert not torch.allclose(network(torch.tensor([[2, 1]]))[0, 2], states[2], atol=1e-2), "the order tells"
    with torch.no_grad():
        network.place.weight[2, 0] += 3  # not all numbers alike, for the norm takes that away
    moved = network(one)[0]
    assert torch.allclose(moved[:2], states[:2], atol=1e-5)
    assert not torch.allclose(moved[2], states[2], atol=1e-2), "and so does the place"


def test_that_an_epoch_asks_for_every_event_once_from_what_lies_before_it() -> None:
    data = dataset(ring(users=20))
    train, _, _ = data.split_last(0, 2)
    task = objective(train, length=4, batch_events=32)
    first, again, second = task.epoch(0), task.epoch(0), task.epoch(1)
    rows = np.concatenate([batch.rows for batch in first])
    assert sorted(rows) == train.rows.tolist()
    assert all(np.array_equal(one.rows, other.rows) for one, other in zip(first, again, strict=True))
    assert {(int(s), int(u)) for b in first for s, u in zip(b.start, b.user, strict=True)} != {
        (int(s), int(u)) for b in second for s, u in zip(b.start, b.user, strict=True)
    }, "histories are cut elsewhere"
    assert all(len(batch) * (batch.length.max() + 1) <= 32 for batch in first)
    for batch in first:
        starts = np.repeat(batch.start, batch.targets)
        assert np.all(starts + batch.visible == data.log.history_end(batch.rows))


def test_that_events_after_the_part_teach_nothing() -> None:
    events = ring(users=20)
    last = pl.col("timestamp") == pl.col("timestamp").max().over("user_id")
    data, other = dataset(events), dataset(events.with_columns(item_id=pl.when(last).then(pl.lit("i3")).otherwise("item_id")))
    one, two = (SASRec(**{**QUICK, "epochs": 2}).fit(each.split_last(0, 1)[0]) for each in (data, other))  # type: ignore[arg-type]
    assert all(np.array_equal(array, two.state()[name]) for name, array in one.state().items())


def test_that_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    data = dataset(two_worlds(users=12))
    one, same, other = (SASRec(**{**QUICK, "epochs": 1, "seed": seed}).fit(data).state()["items.weight"] for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_that_only_the_newest_events_are_read() -> None:
    train, _, test = dataset(ring()).split_last(0, 1)
    model = SASRec(**{**QUICK, "epochs": 1, "length": 3}).fit(train)  # type: ignore[arg-type]
    names, moment = ["long", "short", "other"], pl.DataFrame({"timestamp": [NOON + 9] * 3})
    past = {"long": ["i5", "i1", "i2", "i3"], "short": ["i1", "i2", "i3"], "other": ["i5", "i1", "i2"]}
    log = dataset(
        {
            "user_id": [*(name for name, items in past.items() for _ in items), *(["all"] * 10)],
            "item_id": [*(item for items in past.values() for item in items), *(f"i{n}" for n in range(10))],
            "timestamp": [*(NOON + place for items in past.values() for place in range(len(items))), *(NOON + n for n in range(10))],
        }
    ).log
    scores = model.scores(Queries.now(log, names, moment))
    assert np.allclose(scores[0], scores[1], atol=1e-5)
    assert not np.allclose(scores[0], scores[2], atol=1e-3)
    assert len(test)


def test_that_histories_of_any_lengths_are_answered_each_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset(ring(users=9))
    model = SASRec(**{**QUICK, "epochs": 1}).fit(data)  # type: ignore[arg-type]
    rows = np.arange(len(data.log))[[30, 2, 7, 11, 0, 25]]  # with 6, 2, 7, 11, 0 and 1 events before
    queries = Queries.at_events(data, rows)
    monkeypatch.setattr(sasrec, "QUERIES_AT_ONCE", 4)
    alone = np.concatenate([model.scores(query) for query in queries.blocks(1)])
    assert np.allclose(model.scores(queries), alone, atol=1e-5)


def test_that_nobody_knows_a_stranger_and_the_start_has_learnt_what_is_wanted_first() -> None:
    events = {
        "user_id": [f"u{n}" for n in range(30) for _ in "ab"],
        "item_id": ["first", "second"] * 30,
        "timestamp": [NOON, NOON + 1] * 30,
    }
    model = SASRec(**{**QUICK, "epochs": 30}).fit(dataset(events))  # type: ignore[arg-type]
    assert model.recommend(["a stranger"], 1)["item_id"].to_list() == ["first"]


def test_that_vectors_start_from_what_is_used_together() -> None:
    data = dataset(two_worlds())
    model = SASRec(**{**QUICK, "epochs": 1, "seconds": 1e-9}).fit(data)  # type: ignore[arg-type]  # one step at most
    vectors = F.normalize(model.network_.items.weight.detach(), dim=1)
    same = np.array([[int(a[1:]) % 2 == int(b[1:]) % 2 for b in model.items["item_id"]] for a in model.items["item_id"]])
    cosine = (vectors @ vectors.T).numpy()
    assert cosine[same].min() > cosine[~same].max()


def test_that_training_stops_when_validation_grows_no_better_and_keeps_the_best_weights() -> None:
    train, valid, _ = dataset(two_worlds(events=6)).split_last(2, 1)
    model = SASRec(**{**QUICK, "epochs": 40, "patience": 2}).fit(train, valid)  # type: ignore[arg-type]
    curve = [row["ndcg@10"] for row in model.progress_.curves]
    assert model.progress_.finished == "patience"
    assert len(curve) == int(np.argmax(curve)) + 3 < 40
    assert NextEvent(model, train).validate()["ndcg@10"] == pytest.approx(max(curve))
    alone = SASRec(**{**QUICK, "epochs": 2}).fit(train, valid.part(np.zeros(0, dtype=np.int64)))  # type: ignore[arg-type]
    assert "ndcg@10" not in alone.progress_.curves[0]


def test_that_wrong_settings_and_a_part_without_wanted_events_are_refused() -> None:
    data = dataset(two_worlds(users=12))
    with pytest.raises(RecipeError, match="model 'sasrec', key 'dropout' must be less than 1"):
        SASRec(dropout=1.0).fit(data)
    with pytest.raises(DataError, match="at least one wanted event"):
        SASRec().fit(data.part(np.zeros(0, dtype=np.int64)))
