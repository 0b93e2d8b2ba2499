"""One wanted item among committed negatives: by hand, and the published popularity of the split the protocol is for."""

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.models.collaborative.popularity import Popularity
from penchant.models.queries import Queries
from penchant.schema.errors import DataError
from penchant.studies.protocols.committed_negatives import CommittedNegatives, committed_negatives
from tests.real_data import real_data
from tests.small_data import NOON, dataset


def popular() -> tuple[Popularity, Queries]:
    """v has 3 events, w and x 2 each, y and z 1; one query, of somebody without a past."""
    items = [item for item, count in {"v": 3, "w": 2, "x": 2, "y": 1, "z": 1}.items() for _ in range(count)]
    events = {"user_id": [f"u{place}" for place in range(9)], "item_id": items, "timestamp": NOON + np.arange(9.0)}
    model = Popularity().fit(dataset(events))
    return model, Queries.now(model.log_, ["nobody"], pl.DataFrame({"timestamp": [2e9]}))


def rows(model: Popularity, names: str) -> np.ndarray:
    known = model.items["item_id"].to_list()
    return np.array([[known.index(name) for name in names]])


def test_that_ties_count_at_their_expected_rank() -> None:
    model, query = popular()
    values = committed_negatives(model, query, rows(model, "wvxy"), (1, 2, 3))
    assert {name: value.tolist() for name, value in values.items() if name.startswith("hit")} == {
        "hit_rate@1": [0], "hit_rate@2": [0.5], "hit_rate@3": [1],
    }  # fmt: skip
    assert values["ndcg@3"].tolist() == pytest.approx([(1 / np.log2(3) + 1 / 2) / 2])


def test_that_an_item_named_twice_is_one_candidate() -> None:
    model, query = popular()
    once, twice = (committed_negatives(model, query, rows(model, names), (1, 2)) for names in ("wvxy", "wvwxyvx"))
    assert once == twice


def test_that_every_query_has_its_row_of_candidates() -> None:
    model, query = popular()
    with pytest.raises(DataError, match=r"committed candidates must be \[1 queries, 1 \+ negatives\]; found \(2, 4\)"):
        committed_negatives(model, query, np.repeat(rows(model, "wvxy"), 2, axis=0))


def test_that_the_report_says_that_items_were_sampled() -> None:
    model, query = popular()
    protocol = CommittedNegatives(query, rows(model, "wvxy"), (2, 1))
    assert "one wanted item among 3 committed negatives for each of 1 users, cut at 1, 2. Sampled:" in protocol.told()[0]
    assert list(protocol.measure(model)) == ["hit_rate@2", "hit_rate@1", "ndcg@2", "ndcg@1"]


def ncf() -> tuple[Dataset, Dataset, np.ndarray]:
    """Train, test, and the candidates of every test event, of the split of the NCF and DeepCF papers."""
    folder = real_data("ml-1m-ncf")
    pairs = pl.read_parquet(folder / "ml-1m.train.pairs.rebuilt.parquet")
    tests = pl.read_csv(folder / "ml-1m.test.rating", separator="\t", has_header=False, new_columns=["u", "i", "rating", "time"])
    parts = [frame.select(user_id=pl.col("u").cast(pl.String), item_id=pl.col("i").cast(pl.String)) for frame in (pairs, tests)]
    events = pl.concat([part.with_columns(timestamp=pl.lit(NOON + place)) for place, part in enumerate(parts)])
    data = dataset(events)
    row_of = (
        pl.DataFrame({"item": data.log.items["item_id"].cast(pl.Int64), "row": np.arange(len(data.log.items))})
        .sort("item")["row"]
        .to_numpy()
    )
    in_test = np.asarray(data.log.time) > NOON
    train, test = (data.part(np.flatnonzero(chosen)) for chosen in (~in_test, in_test))
    lines = (folder / "ml-1m.test.negative").read_text().splitlines()
    negatives = row_of[np.array([line.split("\t")[1:] for line in lines], dtype=np.int64)]
    user = data.log.users["user_id"].cast(pl.Int64).to_numpy()[data.log.user[test.rows]]
    return train, test, np.column_stack([data.log.item[test.rows], negatives[user]])


def test_that_popularity_on_the_published_negatives_is_the_published_number() -> None:
    train, test, candidates = ncf()
    values = committed_negatives(Popularity().fit(train), Queries.at_events(test, test.rows), candidates)
    assert values["hit_rate@10"].mean() == pytest.approx(0.4531, abs=5e-4)
    assert values["ndcg@10"].mean() == pytest.approx(0.2542, abs=5e-4)
