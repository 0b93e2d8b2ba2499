"""Ids that look like one another, stand for nothing, or are too long to be served."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, TableName, Tables, having, located
from penchant.data.spelling import commonest, stripped

LONGEST = 256
PLACEHOLDERS = ("null", "none", "nan", "na", "n/a", "undefined", "unknown", "-1", "?")
_OWNERS: dict[str, TableName] = {"user_id": "users", "item_id": "items"}


def find(tables: Tables) -> Iterator[Defect]:
    """Ids that differ in spelling only, lost their zeros or stand for a missing value (warnings), or are too long to be served (error)."""
    for column, owner in _OWNERS.items():
        named = [(table, frame) for table, frame in tables.named() if table in ("events", owner)]
        events = tables.counts("events", tables.events[column]).rename({"rows": "events"})
        counts = _counts(events, dict(named).get(owner), column)
        lookalikes, shorter = commonest(counts), _without_zeros(counts)
        for table, frame in named:
            yield from _lookalikes(frame, table, column, lookalikes)
            yield from _leading_zeros(frame, table, column, shorter)
            yield from _of_table(frame, table, column, tables.counts(table, frame[column])["text"])


def _counts(events: pl.DataFrame, owner: pl.DataFrame | None, column: str) -> pl.DataFrame:
    """`text` (an id), `owned` (whether its own table has it) and `events`: what the table says is right, else what most events say."""
    if owner is None:
        return events.select("text", pl.lit(False).alias("owned"), "events")
    owned = owner.select(pl.col(column).alias("text"), pl.lit(True).alias("owned")).drop_nulls().unique()
    both = owned.join(events, on="text", how="full", coalesce=True)
    return both.select("text", pl.col("owned").fill_null(False), pl.col("events").fill_null(0))


def _lookalikes(frame: pl.DataFrame, table: TableName, column: str, lookalikes: pl.DataFrame) -> Iterator[Defect]:
    shown = lookalikes.sort("text").head(1).rows()
    example = f" (such as {shown[0][0]!r} for {shown[0][1]!r})" if shown else ""
    by_case = bool(lookalikes.select((stripped(pl.col("text")) != stripped(pl.col("better"))).any()).item()) if shown else False
    rule = f'data.clean.ids = "{"casefold" if by_case else "strip"}"'
    yield from located(
        frame, having(frame[column], lookalikes["text"]), code="lookalike_id", table=table, column=column, severity="warning",
        what=f"{table} whose {column} differs from another only by case, space or Unicode form{example}",
        mend="`clean.ids` writes them one way; better is to do so where they are made.", rule=rule,
    )  # fmt: skip


def _leading_zeros(frame: pl.DataFrame, table: TableName, column: str, shorter: pl.Series) -> Iterator[Defect]:
    shown = shorter.sort()[0] if shorter.len() else ""
    yield from located(
        frame, having(frame[column], shorter), code="leading_zero_id", table=table, column=column, severity="warning",
        what=f"{table} whose {column} is another with its leading zeros lost (such as '{shown}')",
        mend="Export ids as text: a spreadsheet or a cast to numbers took the zeros.",
    )  # fmt: skip


def _without_zeros(counts: pl.DataFrame) -> pl.Series:
    """Ids of digits that another id equals but for zeros in front of it."""
    digits = counts["text"].filter(counts["text"].str.contains(r"^\d+$"))
    longer = digits.filter(digits.str.starts_with("0") & (digits.str.len_chars() > 1))
    return digits.filter(~digits.str.starts_with("0") & digits.is_in(longer.str.strip_chars_start("0").implode()))


def _of_table(frame: pl.DataFrame, table: TableName, column: str, texts: pl.Series) -> Iterator[Defect]:
    ids = frame[column]
    yield from located(
        frame, having(ids, texts.filter(texts.str.to_lowercase().is_in(PLACEHOLDERS))), code="placeholder_id", table=table,
        column=column, severity="warning",
        what=f"{table} whose {column} looks like a missing value",
        mend="`clean.stand_ins` makes it missing, and `clean.missing_ids` decides then.", rule='data.clean.stand_ins = "missing"',
    )  # fmt: skip
    yield from located(
        frame, having(ids, texts.filter(texts.str.len_chars() > LONGEST)), code="long_id", table=table, column=column, severity="error",
        what=f"{table} whose {column} has more than {LONGEST} characters", mend="Shorten or hash them; the server refuses longer ids.",
    )  # fmt: skip
