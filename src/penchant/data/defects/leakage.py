"""Events that stand on both sides of the split, and training that reaches into the time it is judged on."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.coded import mask_of
from penchant.data.defects.defect import DAY, Defect, Severity, Tables, located
from penchant.data.defects.duplicates import event_keys


def find(tables: Tables) -> Iterator[Defect]:
    """Events of both parts (warning), and events to learn from that are later than the first that is kept; none without a recipe."""
    if tables.recipe is None or tables.parts is None:
        return
    train, test = tables.parts
    if test.is_empty():
        return
    yield from _shared(tables, train, test)
    if tables.has_clock:
        yield from _after(tables, train, test)


def _shared(tables: Tables, train: pl.Series, test: pl.Series) -> Iterator[Defect]:
    keys, rows = event_keys(tables.events), tables.coded.of_same_pair
    again = tables.events.select(keys)[rows].with_columns(rows.alias("=row"))
    learnt, judged = (again.filter(mask_of(part, tables.events.height).gather(rows)) for part in (train, test))
    both = judged.join(learnt, on=keys, how="semi")["=row"]
    yield from located(
        tables.events, mask_of(both, tables.events.height), code="shared_event", table="events", column=None, severity="warning",
        what=f"events to choose by or to judge on that are learnt from too ({', '.join(keys)} the same)",
        mend="`clean.duplicates` keeps one of them.", rule='data.clean.duplicates = "keep_last"',
    )  # fmt: skip


def _after(tables: Tables, train: pl.Series, test: pl.Series) -> Iterator[Defect]:
    assert tables.recipe is not None
    begin = tables.events["timestamp"].gather(test).min()
    time = tables.events["timestamp"].gather(train)
    late = train.filter((time > begin) & (time <= tables.now + DAY))  # what is still to come has a finding of its own
    by_time = tables.recipe.split.kind == "time"
    severity: Severity = "warning" if by_time else "information"
    mend = (
        f"The column '{tables.recipe.split.column}' and the times disagree; mend one of them."
        if by_time
        else "So it is with this split: other users' later events are known. A split by time asks as life does."
    )
    yield from located(
        tables.events, mask_of(late, tables.events.height), code="training_after_test", table="events", column="timestamp",
        severity=severity,
        what="events to learn from that are later than the first kept to choose by or to judge on", mend=mend,
        rule=None if by_time else 'split.kind = "time"',
    )  # fmt: skip
