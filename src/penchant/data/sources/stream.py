"""Event sources a batch at a time, for logs larger than memory: the rows that `read_events` would give, in the same order."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from penchant.data.sources.ids import loses_zero
from penchant.data.sources.names import listed
from penchant.data.sources.places import Source, open_source
from penchant.data.sources.table import converted, keep_wanted, one_event_each
from penchant.data.sources.times import guess_of
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings


class EventStream:
    """Batches of events with canonical columns, as in `penchant.data.sources.table.Table`, read when they are asked for.

    What is guessed of the first rows of a table (the unit of its times, how its ids are written) must hold for the rest of it.

    Args:
        sources: One or several, read one after the other.
        directory: Where relative paths start.
        report: Called with the number of rows read so far, after every batch.

    Attributes:
        notes: Sentences for people, added as they arise.
        rows: Rows given so far.
    """

    def __init__(
        self, sources: SourceSettings | Sequence[SourceSettings], directory: Path, report: Callable[[int], None] | None = None
    ) -> None:
        self.sources = (sources,) if isinstance(sources, SourceSettings) else tuple(sources)
        self.directory, self.report = directory, report
        self.notes: list[str] = []
        self.rows = 0
        self._columns: dict[str, None] = {}

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Every batch; a column of the first that a later one lacks is missing there.

        Raises:
            DataError: as `read_events`, and when the first rows of a table say other things of its times or ids than later ones.
        """
        self.rows, self._columns = 0, {}
        for settings in self.sources:
            for frame in self._table(settings):
                batch = self._with_all_columns(frame, settings.shown)
                self.rows += len(batch)
                yield batch
                if self.report is not None:
                    self.report(self.rows)

    def _table(self, settings: SourceSettings) -> Iterator[pl.DataFrame]:
        source = open_source(settings, self.directory, "events")
        mapped: dict[str, str] = {}
        guesses = _Guesses(source)
        rows, found = 0, list[str]()
        for frame in source.batches(partial(keep_wanted, file=source, role="events", rows=None, mapped=mapped), found):
            notes: list[str] = []
            frame = one_event_each(frame, source, notes)
            guesses.hold(frame)
            frame = converted(frame, source, "events", notes)
            if "timestamp" not in frame.columns:
                frame = frame.with_columns((pl.int_range(pl.len()) + rows).cast(pl.Float64).alias("timestamp"))
                notes.append(f"{source.shown}: has no time column; the order of its rows stands for the time")
            self._tell(found, notes, rows)
            rows += len(frame)
            yield frame
        if mapped:
            found.append(f"{source.shown}: read {', '.join(f'{column} as {name}' for name, column in mapped.items())}")
        self._tell(found, [], rows)

    def _tell(self, found: list[str], notes: list[str], rows: int) -> None:
        """Take over what is new; a batch counts its rows from its own start."""
        after = [f"after {rows:,} rows, {note}" if rows and "row" in note else note for note in notes if note not in self.notes]
        self.notes += dict.fromkeys([*(note for note in found if note not in self.notes), *after])
        found.clear()

    def _with_all_columns(self, frame: pl.DataFrame, shown: str) -> pl.DataFrame:
        self._columns = self._columns or dict.fromkeys(frame.columns)
        lacking = [name for name in self._columns if name not in frame.columns]
        if not lacking:
            return frame
        self._tell([f"{shown}: in a part of it {listed(lacking)} count as missing, which it lacks"], [], 0)
        return frame.with_columns(pl.lit(None).alias(name) for name in lacking)


class _Guesses:
    """What was guessed of a table's first rows, and that the rest agrees."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._first: dict[str, str] = {}

    def hold(self, frame: pl.DataFrame) -> None:
        """Raises `DataError` when this batch would be read another way than those before it."""
        for name in ("user_id", "item_id"):
            whole = loses_zero(frame[name])
            written = None if whole is None else "as '7.0' throughout" if whole else "otherwise"
            self._hold(f"'{name}'", "ids written one way", written, "Export them as text or whole numbers.")
        if "timestamp" not in frame.columns:
            self._hold("times", "in all of it or nowhere", "none", "Give every file the column.")
            return
        self._hold("times", "in all of it or nowhere", "some", "Give every file the column.")
        if self.source.settings.time_unit is None:
            self._hold(
                "numbers for times",
                "of one unit",
                guess_of(frame["timestamp"]),
                "Set time_unit, or name the files as sources of their own.",
            )

    def _hold(self, what: str, must: str, found: str | None, do: str) -> None:
        if found is not None and self._first.setdefault(f"{what} {must}", found) != found:
            came = f"first {self._first[f'{what} {must}']}, later {found}"
            raise DataError(f"{what} of {self.source.shown}", must=must, came=came, do=do)
