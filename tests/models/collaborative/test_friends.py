"""Relations between users as the recipe's graph features name them."""

from pathlib import Path

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.models.collaborative.friends import friends
from penchant.schema.recipe import Recipe
from tests.small_data import DAY, NOON, dataset

FEATURE = 'kind = "graph"\nwidth = 0\ncolumn = "user_id"\nedges = { path = "known.csv", from = "one", to = "other", weight = "often" }\n'


def test_that_relations_count_for_both_ends_and_unknown_people_are_left_out(tmp_path: Path) -> None:
    pl.DataFrame({"one": ["c", "a", "a"], "other": ["a", "c", "stranger"], "often": [1, 2, 9]}).write_csv(tmp_path / "known.csv")
    frame = pl.DataFrame({"user_id": list("abc"), "item_id": list("xyz"), "timestamp": [NOON] * 3})
    lines = '[data]\nevents = { path = "x" }\n[tasks.next]\nkind = "next_item"\n'
    one, two = (
        Dataset.from_frames(frame, recipe=Recipe.parse(lines + features, tmp_path), now=NOON + DAY)
        for features in (f"[features.user.known]\n{FEATURE}", f"[features.user.known]\n{FEATURE}[features.user.again]\n{FEATURE}")
    )
    expected = np.array([[0, 0, 3], [0, 0, 0], [3, 0, 0]])
    assert friends(one).toarray().tolist() == expected.tolist()
    assert friends(two).toarray().tolist() == (2 * expected).tolist()


def test_that_without_a_graph_nobody_knows_anybody() -> None:
    data = dataset({"user_id": list("ab"), "item_id": list("xy"), "timestamp": [NOON] * 2})
    assert friends(data).shape == (2, 2)
    assert friends(data).nnz == 0
