"""Days without any event between days with many: a log that was not kept, or a file that was not exported."""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl

from penchant.data.averages import median
from penchant.data.defects.defect import DAY, Defect, Tables, counted, listed

_USUAL = 20
"""Events on a middling day, from which a day without any is strange."""
_WEEK = 7


def find(tables: Tables) -> Iterator[Defect]:
    """Days without events (warning), but for weekdays that often have none; none where times are only an order."""
    if not tables.has_clock:
        return
    time = pl.col("timestamp")
    plain = tables.events.select("timestamp").filter(time.is_finite() & (time > 0) & (time <= tables.now + DAY))
    days = plain.select((time / DAY).floor().cast(pl.Int64).alias("day")).group_by("day").len().sort("day")
    if days.height < 2 * _WEEK or median(days["len"]) < _USUAL:
        return
    busy = days.filter(pl.col("len") >= median(days["len"]) / 10)["day"]
    empty = sorted(set(range(int(busy[0]), int(busy[-1]))) - set(days["day"]))
    weeks = (int(busy[-1]) - int(busy[0])) / _WEEK
    empty = [day for day in empty if sum(other % _WEEK == day % _WEEK for other in empty) < max(2, weeks / 2)]
    if not empty:
        return
    shown = listed([datetime.fromtimestamp(day * DAY, UTC).date().isoformat() for day in empty])
    share = len(empty) / (int(busy[-1]) - int(busy[0]) + 1)
    sentence = f"no event on {counted(len(empty), 'day')} between days with many: {shown}"
    mend = "Look whether the export is complete; what happened then is missing from every history."
    yield Defect("empty_day", "events", "timestamp", "warning", len(empty), share, (), sentence, mend)
