"""What every recommender must pass:

def test_that_my_model_keeps_the_contract() -> None:
    check_recommender(MyModel(), data)
"""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.models.saved import read, write
from penchant.schema.errors import NotFittedError, PenchantError, TargetError

COLUMNS = {"user_id": pl.String, "rank": pl.Int64, "item_id": pl.String, "score": pl.Float32}
NOBODY = "a user nobody has ever seen"


def check_recommender(recommender: Recommender, data: Dataset) -> None:
    """Fit a recommender and hold it to everything the face promises.

    Args:
        recommender: Not fitted yet.
        data: At least three users and three items; at least one user has not had all items.

    Raises:
        AssertionError: naming the promise that is not kept.
    """
    refuses(NotFittedError, lambda: recommender.recommend(["x"]))
    refuses(NotFittedError, lambda: recommender.score(["x"], ["y"]))
    assert recommender.fit(data) is recommender, "fit returns the model"
    users = data.log.users["user_id"].to_list()
    for check in (
        check_scores,
        check_lists,
        check_order,
        check_seen_items,
        check_sameness,
        check_number_of_items,
        check_unknown_users,
        check_unknown_items,
        check_saving,
    ):
        check(recommender, users[:6])
    check_settings(recommender)


def check_scores(recommender: Recommender, users: list[str]) -> None:
    """One finite number for every query and catalogue item, for known and unknown users."""
    moment = pl.DataFrame({"timestamp": [2e9] * (len(users) + 1)})
    scores = recommender.scores(Queries.now(recommender.log_, [*users, NOBODY], moment))
    assert scores.shape == (len(users) + 1, len(recommender.items)), "scores are [queries, items]"
    assert np.isfinite(scores).all(), "scores are finite"


def check_lists(recommender: Recommender, users: list[str]) -> None:
    """The columns and their types, ranks from 1, no item twice; nobody asking gets an empty table."""
    table = recommender.recommend(users, 2)
    assert dict(table.schema) == COLUMNS, f"columns are {COLUMNS}"
    assert table["user_id"].unique(maintain_order=True).to_list() == [user for user in users if user in set(table["user_id"])]
    for _, own in table.group_by("user_id"):
        assert own["rank"].to_list() == list(range(1, len(own) + 1)), "ranks count from 1"
        assert own["item_id"].is_unique().all(), "no item comes twice"
    assert dict(recommender.recommend([], 1).schema) == COLUMNS, "no users give an empty table of the same columns"
    assert recommender.score([], []).shape == (0,)


def check_order(recommender: Recommender, users: list[str]) -> None:
    """A list of all items is all items by `score`, best first."""
    count = len(recommender.items)
    for user in users:
        table = recommender.recommend([user], count, exclude_seen=False, context={"time": 2e9})
        assert set(table["item_id"]) == set(recommender.items["item_id"]), "without exclusion every item is in the longest list"
        assert table["score"].is_sorted(descending=True), "best first"
        alone = recommender.score([user] * count, table["item_id"].to_list(), context={"time": 2e9})
        assert np.allclose(table["score"].to_numpy(), alone, atol=1e-4), "recommend orders by score"


def check_seen_items(recommender: Recommender, users: list[str]) -> None:
    """With exclusion a list is the full list without the items the user has had."""
    log, count = recommender.log_, len(recommender.items)
    for user in users:
        row = log.users["user_id"].index_of(user)
        had = set(log.series("item_id", log.user == row))
        full = recommender.recommend([user], count, exclude_seen=False, context={"time": 2e9})
        left = recommender.recommend([user], count, exclude_seen=True, context={"time": 2e9})
        assert not had & set(left["item_id"]), "items the user has had are left out"
        kept = full.filter(~pl.col("item_id").is_in(list(had)))
        assert set(kept["item_id"]) == set(left["item_id"]), "and no others"
        assert np.allclose(kept["score"].to_numpy(), left["score"].to_numpy(), atol=1e-4)


def check_sameness(recommender: Recommender, users: list[str]) -> None:
    """The same question has the same answer, asked again, alone or in company, and asked twice at once."""
    together = recommender.recommend(users, 2, context={"time": 2e9})
    assert recommender.recommend(users, 2, context={"time": 2e9}).equals(together), "deterministic"
    for user in users[:5]:
        alone = recommender.recommend([user], 2, context={"time": 2e9})["score"].to_numpy()
        assert np.allclose(alone, together.filter(user_id=user)["score"].to_numpy(), atol=1e-4), "company changes nothing"
    twice = recommender.recommend([users[0], users[0]], 1, context={"time": 2e9})
    assert twice["item_id"].n_unique() <= 1, "a user named twice gets the same list twice"


def check_number_of_items(recommender: Recommender, users: list[str]) -> None:
    """k is a whole number from 1 to the catalogue's size, also as a numpy number."""
    count = len(recommender.items)
    for wrong in (0, -1, count + 1, 1.5, True, "3", None):
        refuses(TargetError, lambda wrong=wrong: recommender.recommend(users, wrong))  # type: ignore[misc]  # wrong on purpose
    assert len(recommender.recommend([NOBODY], np.int64(1))) == 1  # type: ignore[arg-type]  # numpy's whole numbers are welcome too
    assert len(recommender.recommend(users[:1], count, exclude_seen=False)) == count


def check_unknown_users(recommender: Recommender, users: list[str]) -> None:
    """A user nobody knows gets what suits everybody, a warning or an error, as asked."""
    first, second = (recommender.recommend([name], 2, context={"time": 2e9}) for name in (NOBODY, f"{NOBODY} either"))
    assert len(first) == 2, "nothing was seen, so nothing is left out"
    assert first["item_id"].to_list() == second["item_id"].to_list(), "strangers are alike"
    refuses(TargetError, lambda: recommender.recommend([users[0], NOBODY], 1, unknown="raise"))
    refuses(TargetError, lambda: recommender.recommend(users[0], 1))
    recommender.recommend(users, 1, unknown="raise")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warned = recommender.recommend([NOBODY], 2, context={"time": 2e9}, unknown="warn")
    assert [NOBODY in str(each.message) for each in caught] == [True], "one warning names the user"
    assert warned["item_id"].to_list() == first["item_id"].to_list()


def check_unknown_items(recommender: Recommender, users: list[str]) -> None:
    """Items outside the catalogue, and pairs that are none, are refused."""
    item = recommender.items["item_id"][0]
    refuses(TargetError, lambda: recommender.score([users[0]], ["an item nobody has ever seen"]))
    refuses(TargetError, lambda: recommender.score(users[:2], [item]))
    refuses(PenchantError, lambda: recommender.recommend(users, 1, context={"time": "noon"}))


def check_saving(recommender: Recommender, users: list[str]) -> None:
    """Written and read again it gives the same lists; only asked of models that a recipe can choose."""
    if recommender.kind is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        write(recommender, Path(folder))
        again = read(Path(folder))
    assert again.get_params() == recommender.get_params(), "settings are saved"
    for asked in ([*users, NOBODY], users[:1]):
        before, after = (model.recommend(asked, 2, context={"time": 2e9}) for model in (recommender, again))
        assert before.equals(after), "what was learnt is saved"


def check_settings(recommender: Recommender) -> None:
    """Settings can be read, carried to a new model, and set; an unknown one is refused."""
    settings = recommender.get_params()
    again = type(recommender)(**settings)
    assert again.get_params() == settings, "a model can be made again from its settings"
    assert again.set_params(**settings) is again
    refuses(NotFittedError, lambda: again.recommend(["x"]))
    refuses(TargetError, lambda: again.set_params(surely_unknown=1))


def refuses(kind: type[PenchantError], ask: Callable[[], object]) -> None:
    """Fails unless asking raises such an error, all four parts filled in."""
    error: PenchantError | None = None
    try:
        ask()
    except kind as caught:
        error = caught
    assert error is not None, f"a {kind.__name__} was expected"
    assert all((error.thing, error.must, error.came, error.do)), f"four parts: {error}"
