"""What holds of every model of ratings: when it may look at what, in which unit it answers, and what it finds."""

from dataclasses import replace

import numpy as np
import pytest

from penchant.data.dataset import Dataset, labels_of
from penchant.data.log import Column
from penchant.evaluation.metrics.regression import rmse
from penchant.models.collaborative.bayesian_mf import BayesianMF
from penchant.models.collaborative.biased_mf import BiasedMF
from penchant.models.collaborative.rating_autoencoder import RatingAutoencoder
from penchant.models.collaborative.rating_model import RatingModel
from penchant.models.queries import Queries
from penchant.schema.errors import DataError, RecipeError
from penchant.studies.protocols.rating_prediction import Predicts
from tests.models.collaborative.worlds import STARS, asking, rated
from tests.small_data import dataset, two_worlds

MODELS: list[RatingModel] = [
    BiasedMF(factors=2, regularisation=0.02, iterations=20),
    BayesianMF(factors=2, directions=5, burn_in=10, draws=20),
    RatingAutoencoder(hidden=16, hide=0.2, price=0.001, regularisation=0.05, batch_items=25, epochs=60, learning_rate=0.05),
]
BRIEF: list[RatingModel] = [
    BiasedMF(factors=2, iterations=3),
    BayesianMF(factors=2, directions=3, burn_in=2, draws=3),
    RatingAutoencoder(hidden=4, batch_items=8, epochs=2),
]
TRUE = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
EACH = pytest.mark.parametrize("model", BRIEF, ids=lambda model: model.kind)


def with_ratings(data: Dataset, ratings: np.ndarray) -> Dataset:
    return replace(data, log=replace(data.log, columns={"rating": Column(ratings, None)}))


@TRUE
def test_that_ratings_of_low_rank_are_predicted_for_users_and_items_that_training_knows(model: RatingModel) -> None:
    train, _, test = rated().split_last(0, 3)
    predicted = model.fit(train).predict(test)
    assert isinstance(model, Predicts)
    assert list(predicted) == ["stars"]
    truth = labels_of(test, "stars")
    assert rmse(truth, predicted["stars"]) < 0.3 * truth.std()


@TRUE
def test_that_users_known_by_their_history_alone_are_predicted_nearly_as_well(model: RatingModel) -> None:
    data = rated()
    before, _, after = data.split_last(0, 3)
    strangers = data.log.user >= 45
    model.fit(before.part(before.rows[~strangers[before.rows]]))
    test = after.part(after.rows[strangers[after.rows]])
    truth = labels_of(test, "stars")
    assert rmse(truth, model.predict(test)["stars"]) < 0.35 * truth.std()


@EACH
def test_that_an_event_sees_what_came_before_and_neither_itself_nor_its_own_moment(model: RatingModel) -> None:
    data = rated(users=12, items=8, each=6)
    time = data.log.time.copy()
    time[5] = time[4]  # the first user's last two events are of one moment
    data = replace(data, log=replace(data.log, time=time))
    model.fit(data.part(np.flatnonzero(data.log.user > 0)))
    asked, ratings = data.part(np.arange(6)), data.log.series("rating").to_numpy()
    before = model.predict(asked)["stars"]
    changed = ratings.copy()
    changed[4:6] = 1.0
    np.testing.assert_array_equal(model.predict(with_ratings(asked, changed))["stars"], before)
    changed[0] = 9.0
    after = model.predict(with_ratings(asked, changed))["stars"]
    assert after[0] == before[0]
    assert np.all(after[1:] != before[1:])


@EACH
def test_that_a_prediction_is_the_score_within_the_ratings_that_were_seen(model: RatingModel) -> None:
    data = rated(users=12, items=8, each=6)
    train, _, test = data.split_last(0, 1)
    model.fit(train)
    low, high = labels_of(train, "stars").min(), labels_of(train, "stars").max()
    ratings = data.log.series("rating").to_numpy().copy()
    ratings[:5] += 20  # somebody to whom everything is beyond what training saw
    test = with_ratings(test, ratings)
    scores = model.scores(Queries.at_events(test, test.rows))[np.arange(len(test)), test.log.item[test.rows]]
    assert scores.max() > high
    np.testing.assert_allclose(model.predict(test)["stars"], scores.clip(low, high), atol=1e-5)


@EACH
def test_that_another_unit_of_the_ratings_changes_nothing_but_the_unit(model: RatingModel) -> None:
    data = rated(users=12, items=8, each=6)
    train, _, test = data.split_last(0, 1)
    twice = with_ratings(data, 100 + 20 * data.log.series("rating").to_numpy())
    one = model.fit(train).predict(test)["stars"]
    other = model.fit(twice.part(train.rows)).predict(twice.part(test.rows))["stars"]
    np.testing.assert_allclose(other, 100 + 20 * one, rtol=1e-2)


@EACH
def test_that_ratings_all_alike_are_expected_to_go_on(model: RatingModel) -> None:
    data = dataset(two_worlds(users=6).with_columns(rating=4.0), STARS)
    np.testing.assert_allclose(model.fit(data).scores(asking(data, ["u0", "nobody"])), 4, atol=0.5)


@EACH
def test_that_a_model_of_ratings_needs_some(model: RatingModel) -> None:
    with pytest.raises(RecipeError, match="regression task"):
        model.fit(dataset(two_worlds(users=6)))
    data = rated(users=4, items=5, each=3)
    with pytest.raises(DataError, match="at least one rating"):
        model.fit(data.part(data.rows[:0]))


@EACH
def test_that_the_same_seed_gives_the_same_model(model: RatingModel) -> None:
    data = rated(users=12, items=8, each=6)
    one, other = (model.fit(data).scores(asking(data, ["u00"])) for _ in range(2))
    np.testing.assert_array_equal(one, other)
