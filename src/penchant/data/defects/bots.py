"""Users who are none: faster than people, without sleep, or with one item only."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import DAY, Defect, Tables, counted, has_clock, located

MOST_PER_HOUR = 1000
"""Different moments of one user in one clock hour: one every 3.6 seconds, the whole hour."""
SLEEPLESS_DAYS = 3
LONGEST_PAUSE = 3 * 3600.0
ONE_ITEM_EVENTS = 200
_ONE_ITEM_SHARE = 0.98
_HOUR = 3600.0


def find(tables: Tables) -> Iterator[Defect]:
    """Events of users who act too fast, never sleep or have one item only (warnings); none where times are only an order."""
    if not tables.has_clock():
        return
    kinds = (
        ("bot", too_fast(tables.events), f"act more than {MOST_PER_HOUR:,} times in an hour"),
        ("sleepless_user", sleepless(tables.events), f"never pause for {LONGEST_PAUSE / _HOUR:.0f} hours in {SLEEPLESS_DAYS} days or more"),
        ("one_item_user", with_one_item(tables.events), f"have {ONE_ITEM_EVENTS:,} events or more, nearly all with one item"),
    )
    for code, users, do in kinds:
        shown = ", ".join(f"'{user}'" for user in users.sort()[:3])
        yield from located(
            tables.events, tables.events["user_id"].is_in(users.implode()), code=code, table="events", column="user_id", severity="warning",
            what=f"events of {counted(users.len(), 'user')} who {do} ({shown})",
            mend="Look at them; `clean.bots` leaves their events out.", rule='data.clean.bots = "drop"',
        )  # fmt: skip


def bots(events: pl.DataFrame) -> pl.Series:
    """Ids of all such users; none where the times are not of a clock."""
    if not has_clock(events):
        return pl.Series("user_id", [], dtype=pl.String)
    return pl.concat([too_fast(events), sleepless(events), with_one_item(events)]).unique()


def too_fast(events: pl.DataFrame) -> pl.Series:
    """Ids of users with too many moments in an hour. Not rows: an export may give many events of a visit the same time."""
    hours = (pl.col("timestamp") / _HOUR).floor().alias("hour")
    busy = (
        events.lazy()
        .select("user_id", "timestamp", hours)
        .group_by("user_id", "hour")
        .agg(pl.len(), pl.col("timestamp").n_unique().alias("moments"))
    )
    return busy.filter(pl.col("moments") > MOST_PER_HOUR).select("user_id").drop_nulls().unique().collect().to_series()


def sleepless(events: pl.DataFrame) -> pl.Series:
    """Ids of users with a run of three days in which they never paused for three hours."""
    time = pl.col("timestamp")
    known = events.lazy().select("user_id", "timestamp").filter(time.is_finite()).drop_nulls()
    often = known.filter(pl.len().over("user_id") > SLEEPLESS_DAYS * DAY / LONGEST_PAUSE).sort("user_id", "timestamp")
    run = ((time - time.shift() > LONGEST_PAUSE) | (pl.col("user_id") != pl.col("user_id").shift())).fill_null(True).cum_sum().alias("run")
    spans = often.with_columns(run).group_by("run").agg(pl.col("user_id").first(), (time.max() - time.min()).alias("span"))
    return spans.filter(pl.col("span") >= SLEEPLESS_DAYS * DAY).select("user_id").unique().collect().to_series()


def with_one_item(events: pl.DataFrame) -> pl.Series:
    """Ids of users whose many events are nearly all with one item."""
    pairs = events.lazy().select("user_id", "item_id").drop_nulls().group_by("user_id", "item_id").agg(pl.len().alias("events"))
    users = pairs.group_by("user_id").agg(pl.col("events").sum().alias("all"), pl.col("events").max().alias("most"))
    one = (pl.col("all") >= ONE_ITEM_EVENTS) & (pl.col("most") >= _ONE_ITEM_SHARE * pl.col("all"))
    return users.filter(one).select("user_id").collect().to_series()
