"""Events on the wrong side of the split."""

from penchant.data.defects.defect import Defect, Tables
from penchant.data.defects.leakage import find
from penchant.schema.recipe import Recipe
from tests.data.defects.given import NOON, NOW, events

TASK = '[data.events]\npath = "a.csv"\n[tasks.next]\nkind = "next_item"\n[split]\n'
BY_COLUMN = 'column = "day"\nvalid_from = "2"\ntest_from = "3"'


def found(split: str, **columns: object) -> list[Defect]:
    return list(find(Tables(events(**columns), None, None, Recipe.parse(TASK + split), NOW)))


def test_that_training_later_than_the_first_test_event_is_a_warning() -> None:
    (defect,) = found(BY_COLUMN, day=[3, 1, 1])
    assert (defect.code, defect.severity, defect.first_rows) == ("training_after_test", "warning", (2, 3))
    assert defect.mend == "The column 'day' and the times disagree; mend one of them."


def test_that_the_same_event_on_both_sides_is_found_where_it_is_judged() -> None:
    same = {"user_id": ["a"] * 3, "item_id": ["x"] * 3, "timestamp": [NOON, NOON, NOON + 1]}
    (defect,) = found(BY_COLUMN, day=[1, 3, 3], **same)
    assert (defect.code, defect.first_rows) == ("shared_event", (2,))


def test_that_a_split_by_time_is_clean() -> None:
    assert found('valid_from = "2022-04-25T12:00:01"\ntest_from = "2022-04-25T12:00:02"') == []


def test_that_leaving_the_last_out_is_told_to_know_the_future_of_others() -> None:
    times = [NOON, NOON + 1, NOON + 2, NOON + 3, NOON + 4, NOON + 5]
    split = 'kind = "last"\nvalid = 0.0\ntest = 0.34'
    (defect,) = found(split, user_id=list("aaabbb"), item_id=list("uvwxyz"), timestamp=times)
    assert (defect.severity, defect.first_rows, defect.rule) == ("information", (4, 5), 'split.kind = "time"')


def test_that_what_is_still_to_come_and_what_cannot_be_divided_are_left_to_others() -> None:
    assert found(BY_COLUMN, day=[1, 3, 3], timestamp=[NOW + 1e6, NOON, NOON]) == []
    assert found(BY_COLUMN.replace("day", "week"), day=[3, 1, 1]) == []
    assert found(BY_COLUMN, day=[3, 1, 1], timestamp=[0.0, 1.0, 2.0]) == []
