"""The quality that early stopping looks at."""

from math import log2

import numpy as np
import pytest

from penchant.models.collaborative.popularity import Popularity
from penchant.models.validation import list_quality
from penchant.studies.lists import measure_lists
from tests.small_data import NOON, dataset, two_worlds


def test_that_list_quality_is_the_mean_gain_by_hand() -> None:
    events = {"user_id": list("aabbbcc"), "item_id": list("xyxyzyx"), "timestamp": NOON + np.arange(7.0)}
    data = dataset(events)  # y has as many events as x in what is learnt from; z has none
    learnt, asked = data.part(np.array([0, 1, 2, 3, 5])), data.part(np.array([4, 6]))
    model = Popularity().fit(learnt)
    assert list_quality(model, asked) == pytest.approx(1.0)  # each has one item left, and it is the one
    b, c = data.part(np.array([3, 4])), Popularity().fit(data.part(np.array([0, 1, 2])))
    assert list_quality(c, b) == pytest.approx(1.0)  # two wanted, two left
    assert list_quality(c, data.part(np.array([3])), k=1) == pytest.approx(1.0)
    assert list_quality(c, data.part(np.array([4, 5])), k=3) == pytest.approx((1 + 1 / log2(3)) / 2)  # y stands second for c, x first


def test_that_list_quality_is_what_the_evaluation_measures() -> None:
    train, _, test = dataset(two_worlds(events=5)).split_last(0, 2)
    model = Popularity().fit(train)
    assert list_quality(model, test) == pytest.approx(measure_lists({"model": model}, test, (10,)).values["model"]["ndcg@10"].mean())


def test_that_fewer_users_may_be_asked() -> None:
    train, _, test = dataset(two_worlds(events=5)).split_last(0, 2)
    model = Popularity().fit(train)
    every_fourth = test.part(test.rows[np.unique(test.log.user[test.rows], return_inverse=True)[1] % 4 == 0])
    assert list_quality(model, test, users=10) == pytest.approx(list_quality(model, every_fourth))
    assert list_quality(model, test, users=1000) == list_quality(model, test)
