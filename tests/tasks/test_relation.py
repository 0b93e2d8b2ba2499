"""Who belongs to whom."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from penchant.schema.errors import DataError, RecipeError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.relation import Relation
from penchant.tasks.task import build

USERS = pl.Series(["a", "b", "c", "d"])
# a-b told twice and in both directions, one with itself, one with a stranger, one without an end
TABLE = "who,whom\na,b\nb,a\na,b\nc,a\nd,d\na,z\nb,\nc,d\nd,b\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "friends.csv").write_text(TABLE, encoding="utf8")
    return tmp_path


def relation(**settings: object) -> Relation:
    told = {"kind": "relation", "edges": {"path": "friends.csv", "from": "who", "to": "whom"}, "held_out": 0.0}
    task: Relation = build("friend", TaskPart.model_validate(told | settings), 4)
    return task


def test_that_a_mutual_relation_is_told_once_and_a_directed_one_as_it_stands(folder: Path) -> None:
    assert relation().relations(USERS, folder, 0).known.tolist() == [[0, 1], [0, 2], [1, 3], [2, 3]]
    assert relation(head="bilinear").relations(USERS, folder, 0).known.tolist() == [[0, 1], [1, 0], [2, 0], [2, 3], [3, 1]]
    pairs = np.array([[0, 1], [2, 3]])
    assert relation().both_ways(pairs).tolist() == [[0, 1], [2, 3], [1, 0], [3, 2]]
    assert relation(head="bilinear").both_ways(pairs).tolist() == pairs.tolist()


def test_that_those_held_out_are_a_share_by_the_seed_and_none_of_those_learnt_from(folder: Path) -> None:
    first, again = (relation(held_out=0.5).relations(USERS, folder, 3) for _ in range(2))
    assert (len(first.known), len(first.held_out)) == (2, 2)
    assert first.held_out.tolist() == again.held_out.tolist()
    assert sorted([*first.known.tolist(), *first.held_out.tolist()]) == [[0, 1], [0, 2], [1, 3], [2, 3]]
    assert len({str(relation(held_out=0.5).relations(USERS, folder, seed).held_out.tolist()) for seed in range(9)}) > 1


def test_that_a_table_about_other_people_or_without_the_column_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="the edges of task 'friend' must be relations between users of the log; found none of 9"):
        relation().relations(pl.Series(["x", "y"]), folder, 0)
    with pytest.raises(RecipeError, match="column 'whon' of the edges"):
        relation(edges={"path": "friends.csv", "from": "who", "to": "whon"}).relations(USERS, folder, 0)


def test_that_the_loss_is_the_surprise_among_the_drawn_who_count() -> None:
    """Scores are products over the root of the width, 2: e1 with 2 e1 is 1, with 4 e1 is 2, with e2 is 0."""
    one = torch.eye(4)
    users, others = one[:1].expand(2, -1), torch.stack([2 * one[0], one[1]])
    drawn = torch.stack([4 * one[0], one[1]])
    loss = relation().loss(users, others, drawn, torch.tensor([[True, True], [False, True]]))
    assert loss.tolist() == pytest.approx([np.log(np.exp(1) + np.exp(2) + 1) - 1, np.log(2)])
    nobody = relation().loss(users, others, drawn, torch.zeros(2, 2, dtype=torch.bool))
    assert nobody.tolist() == [0, 0]


def test_that_a_directed_head_starts_as_the_product_and_can_tell_the_direction() -> None:
    task, (a, b) = relation(head="bilinear"), torch.randn(2, 5, 4)
    torch.testing.assert_close(task(a, b), relation()(a, b))
    torch.testing.assert_close(task.against_all(a, b).diagonal(), task(a, b))
    torch.testing.assert_close(relation()(a, b), relation()(b, a))
    with torch.no_grad():
        task.turn.weight[0, 1] = 3.0
    assert not torch.allclose(task(a, b), task(b, a))
