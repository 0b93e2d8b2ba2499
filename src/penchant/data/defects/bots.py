"""Users who are none: faster than people, without sleep, or with one item only."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from penchant.data.defects.coded import Coded
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
    if not tables.has_clock:
        return
    kinds = (
        ("bot", too_fast(tables.coded), f"act more than {MOST_PER_HOUR:,} times in an hour"),
        ("sleepless_user", sleepless(tables.coded), f"never pause for {LONGEST_PAUSE / _HOUR:.0f} hours in {SLEEPLESS_DAYS} days or more"),
        ("one_item_user", with_one_item(tables.coded), f"have {ONE_ITEM_EVENTS:,} events or more, nearly all with one item"),
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
    coded = Coded(events)
    return pl.concat([too_fast(coded), sleepless(coded), with_one_item(coded)]).unique()


def too_fast(coded: Coded) -> pl.Series:
    """Ids of users with too many moments in an hour. Not rows: an export may give many events of a visit the same time."""
    active = _of_active_users(coded.by_user, MOST_PER_HOUR + 1)
    moments = active.lazy().group_by("user", (pl.col("time") / _HOUR).floor().alias("hour")).agg(pl.col("time").n_unique())
    return _named(coded, moments.filter(pl.col("time") > MOST_PER_HOUR).collect())


def sleepless(coded: Coded) -> pl.Series:
    """Ids of users with a run of three days in which they never paused for three hours."""
    user, time = pl.col("user"), pl.col("time")
    begins = (time - time.shift() > LONGEST_PAUSE) | (user != user.shift())
    starts = _of_active_users(coded.by_user, int(SLEEPLESS_DAYS * DAY / LONGEST_PAUSE) + 1).with_columns(
        begins.fill_null(True).alias("begins"), begins.shift(-1, fill_value=True).alias("ends")
    )
    spans = pl.DataFrame({name: starts.filter(edge)["time"] for name, edge in (("first", "begins"), ("last", "ends"))})
    long = spans["last"] - spans["first"] >= SLEEPLESS_DAYS * DAY
    return _named(coded, starts.filter("begins").filter(long))


def with_one_item(coded: Coded) -> pl.Series:
    """Ids of users whose many events are nearly all with one item."""
    events = pl.DataFrame({"user": coded.codes["user_id"], "item": coded.codes["item_id"]}).drop_nulls()
    pairs = _of_active_users(events, ONE_ITEM_EVENTS).lazy().group_by("user", "item").agg(pl.len().alias("events"))
    users = pairs.group_by("user").agg(pl.col("events").sum().alias("all"), pl.col("events").max().alias("most"))
    one = (pl.col("all") >= ONE_ITEM_EVENTS) & (pl.col("most") >= _ONE_ITEM_SHARE * pl.col("all"))
    return _named(coded, users.filter(one).collect())


def _of_active_users(events: pl.DataFrame, least: int) -> pl.DataFrame:
    """The events of users with at least so many: few of all."""
    user = events["user"].to_numpy()
    return events.filter(np.bincount(user, minlength=1)[user] >= least)


def _named(coded: Coded, users: pl.DataFrame) -> pl.Series:
    return coded.ids["user_id"].gather(users["user"].unique()).alias("user_id")
