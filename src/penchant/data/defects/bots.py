"""Users faster than people."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, located

MOST_PER_HOUR = 1000
"""Different moments of one user in one clock hour: one every 3.6 seconds, the whole hour."""
_HOUR = 3600.0


def find(tables: Tables) -> Iterator[Defect]:
    """Events of users with more than `MOST_PER_HOUR` moments in one clock hour; none where times are only an order."""
    if not tables.has_clock():
        return
    users = _too_fast(tables.events)
    shown = ", ".join(f"'{user}'" for user in users.sort()[:3])
    yield from located(
        tables.events, tables.events["user_id"].is_in(users.implode()), code="bot", table="events", column="user_id", severity="warning",
        what=f"events of {users.len():,} users who act more than {MOST_PER_HOUR:,} times in an hour ({shown})",
        mend="Look at them; leave bots out with `where = \"user_id not in (...)\"`.",
    )  # fmt: skip


def _too_fast(events: pl.DataFrame) -> pl.Series:
    """Ids of such users. Moments are counted, not rows: an export may give many events of a visit the same time."""
    hours = (pl.col("timestamp") / _HOUR).floor().alias("hour")
    busy = (
        events.lazy()
        .select("user_id", "timestamp", hours)
        .group_by("user_id", "hour")
        .agg(pl.len(), pl.col("timestamp").n_unique().alias("moments"))
    )
    return busy.filter(pl.col("moments") > MOST_PER_HOUR).select("user_id").drop_nulls().unique().collect().to_series()
