"""Every way of asking says what it does, and does it."""

import numpy as np
import pytest

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.models.collaborative.popularity import Popularity
from penchant.studies.lists import measure_lists
from penchant.studies.protocols.all_items import AllItems
from penchant.studies.protocols.cold_start import ColdStart
from penchant.studies.protocols.cross_validation import CrossValidation
from penchant.studies.protocols.rating_prediction import RatingPrediction
from tests.small_data import NOON, dataset, two_worlds

FEW = Bootstrap(draws=20)


def test_that_all_items_is_what_lists_are_measured_by() -> None:
    train, _, test = dataset(two_worlds(users=12, items=24, events=8)).split_last(1, 2)
    model = Popularity().fit(train)
    ours, lists = (each.values["p"] for each in (AllItems((5,)).measure({"p": model}, test), measure_lists({"p": model}, test, (5,))))
    assert {name: value.tolist() for name, value in ours.items()} == {name: value.tolist() for name, value in lists.items()}
    assert AllItems((10, 5)).told(test)[0] == (
        "Lists: all 24 items ranked at each user's first test event, cut at 5, 10; items the user had before are left out."
    )


def cold() -> tuple[Dataset, Dataset]:
    """a and b are known, x and y too; c is new, z and w are. x is the commoner one; of the new items none has a count."""
    events = [("a", "x"), ("b", "x"), ("b", "y"), ("a", "y"), ("b", "z"), ("c", "x"), ("c", "z"), ("d", "w")]
    columns = {"user_id": [user for user, _ in events], "item_id": [item for _, item in events], "timestamp": NOON + np.arange(8.0)}
    data = dataset(columns)
    late = np.asarray(data.log.time) > NOON + 2
    return data.part(np.flatnonzero(~late)), data.part(np.flatnonzero(late))


def test_that_the_four_cold_states_are_asked_apart_by_hand() -> None:
    train, test = cold()
    lists = ColdStart(train, (1,)).measure({"p": Popularity().fit(train)}, test)
    hit = lists.values["p"]["hit_rate@1"]
    assert {state: hit[mask].tolist() for state, mask in lists.slices.items()} == {
        "warm user, warm item": [1.0],  # a has had x; y is left
        "cold user, warm item": [1.0],  # c wants x, the commoner of x and y
        "warm user, cold item": [0.5],  # b wants z; z and w are tied
        "cold user, cold item": [0.5, 0.5],  # c wants z, d wants w
    }
    assert "with and without a training event" in ColdStart(train).told(test)[0]


@pytest.mark.parametrize("by", ["user", "record"])
def test_that_cross_validation_judges_every_user_in_the_fold_that_holds_it(by) -> None:
    data = dataset(two_worlds(users=12, items=24, events=8))
    fitted: list[Dataset] = []

    def fit(train: Dataset) -> Popularity:
        fitted.append(train)
        return Popularity().fit(train)

    protocol = CrossValidation(3, by, protocol=AllItems((5,)))
    lists = protocol.measure({"p": fit}, data)
    assert list(lists.slices) == ["fold 1", "fold 2", "fold 3"]
    assert sum(mask.sum() for mask in lists.slices.values()) == len(lists.values["p"]["ndcg@5"]) == len(lists.found["p"])
    if by == "user":
        assert len(lists.values["p"]["ndcg@5"]) == 12
    assert sum(len(data) - len(train) for train in fitted) == len(data)
    first = measure_lists({"p": Popularity().fit(fitted[0])}, data.part(np.setdiff1d(data.rows, fitted[0].rows)), (5,))
    assert lists.values["p"]["ndcg@5"][lists.slices["fold 1"]].tolist() == first.values["p"]["ndcg@5"].tolist()
    assert protocol.told(data)[0].startswith("Cross-validation: 3 folds of ")


class Says:
    """Predicts one number for everything."""

    def __init__(self, number: float) -> None:
        self.number = number

    def predict(self, data: Dataset) -> dict[str, np.ndarray]:
        return {"stars": np.full(len(data), self.number, dtype=np.float32)}


def test_that_ratings_are_predicted_where_there_is_one_by_hand() -> None:
    events = {"user_id": list("abcd"), "item_id": list("xxyy"), "timestamp": NOON + np.arange(4.0), "rating": [1, 2, None, 3]}
    data = dataset(events, '[tasks.stars]\nkind = "regression"\nlabel = "rating"')
    found = RatingPrediction("stars").measure({"two": Says(2), "three": Says(3)}, data, FEW)
    assert (found["two"]["rmse"].value, found["two"]["rmse"].n) == (pytest.approx((2 / 3) ** 0.5), 3)
    assert found["three"]["mae"].value == pytest.approx(1.0)
    assert "as of its own time" in RatingPrediction("stars").told(data)[0]
