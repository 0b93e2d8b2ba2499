"""What happened before, counted: how often, how much and at which rate, by user, item or circumstance, as of a moment.

Only events strictly before the moment count, so that events of one moment do not see each other, nor an event itself.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from re import fullmatch
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from penchant.features.category import FIRST, lookup
from penchant.features.feature import Array, Form, Without, as_number, as_text
from penchant.schema.errors import DataError
from penchant.schema.expression import Expression
from penchant.schema.sections.part import ExpressionText
from penchant.schema.settings import ContradictionError, Settings

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
MANY = 65_536  # keys, from which on building a table of the known ones costs less than asking for one after the other
LARGEST = 1e9  # sums are differences of running sums, in which a larger amount would drown all others
ENOUGH = 100_000  # events, evenly taken, tell how counters spread
BOUND = 6.0  # standard deviations
BETWEEN = "\x1f"  # stands in no id: joins the parts of a key
CERTAIN = 1e-6  # an overall rate is kept so far from 0 and 1, for its log odds


class CountersSettings(Settings):
    """What is counted, by what, and how far back."""

    of: ExpressionText | None = None
    """What is summed: a column or an expression over columns of past events; those where it is missing do not count. Absent: events."""
    by: tuple[str, ...] = Field(min_length=1)
    """Whose events: `user_id`, `item_id`, a column that features of items read, circumstances, or several of them together.

    An event that lacks one is nobody's. Those by items stand under `item`, where `item_id` need not be said.
    """
    windows: tuple[str, ...] = Field(("all",), min_length=1)
    """How far back: "90s", "30m", "12h", "7d", "4w", or "all"."""
    rate: bool = False
    """Also the mean of `of`, drawn towards the training mean; as log odds where `of` is from 0 to 1."""
    prior: float = Field(5.0, gt=0)
    """With `rate`: as many events' worth of the training mean are added."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if strange := [window for window in self.windows if not fullmatch(r"[1-9]\d{0,5}[smhdw]|all", window)]:
            do = "Write seconds, minutes, hours, days or weeks so."
            raise ContradictionError("such that its windows are as '90s', '30m', '12h', '7d', '4w' or 'all'", f"'{strange[0]}'", do)
        if self.rate and self.of is None:
            raise ContradictionError("given 'of' when it has a rate", "rate = true alone", 'For example of = "is_like".')
        if "timestamp" in self.by:
            raise ContradictionError("by values that come again", "by timestamp", "Count by user_id, item_id or context columns.")
        return self


class Counters:
    """`[n, columns]`: per window the logarithm of the sum, of how many events it is over, and the rate, each in training deviations.

    The past is what `remember` was given, in training the training events, and every event observed since.
    """

    kind: ClassVar[str] = "counters"
    settings_class: ClassVar[type[Settings]] = CountersSettings

    def __init__(self, settings: CountersSettings) -> None:
        self.settings = settings
        self.overall_, self.share_ = 0.0, False
        width = len(self.names())
        self.mean_: list[float] = [0.0] * width
        self.deviation_: list[float] = [1.0] * width
        self.state_of_past = CountersState(Tally.empty())

    @property
    def form(self) -> Form:
        """A vector: one number a window without `of`; with it two, and a third for the rate."""
        return Form("vector", len(self.names()))

    def names(self) -> list[str]:
        """What each number stands for."""
        told = self.settings.of
        kinds = ["events"] if told is None else [f"sum of {told}", "events"] + (["rate"] if self.settings.rate else [])
        return [f"{kind}, {'ever' if window == 'all' else window}" for window in self.settings.windows for kind in kinds]

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn the overall mean of `of` and how counters spread over `[n]` training events, structs of the columns read.

        Raises:
            DataError: when `of` gives no numbers.
        """
        self.remember(values)
        frame = _frame(values)
        told = self._amounts(frame)
        known = told[~np.isnan(told)]
        self.overall_ = float(known.mean()) if len(known) else 0.0
        self.share_ = bool(len(known)) and known.min() >= 0 and known.max() <= 1
        few = frame.gather_every(-(-len(frame) // ENOUGH) or 1)
        raw = self._raw(self.keys(few), _times(few))
        self.mean_ = raw.mean(axis=0).tolist() if len(raw) else [0.0] * raw.shape[1]
        self.deviation_ = [spread if spread > 1e-9 else 1.0 for spread in raw.std(axis=0)] if len(raw) else [1.0] * raw.shape[1]
        return self

    def remember(self, past: pl.Series) -> None:
        """Take these events `[n]`, structs of the columns read, as the past; those observed before are forgotten."""
        frame = _frame(past)
        self.state_of_past = CountersState(Tally(self.keys(frame), _times(frame), self._amounts(frame)))

    def observe(self, event: Mapping[str, Any]) -> None:
        """Add one event of now, or a late one, to the past."""
        parts = [text for name in self.settings.by if (text := _text(event.get(name))) is not None]
        time = _number(event.get("timestamp"))
        amount = 1.0 if self.settings.of is None else _number(Expression(self.settings.of).value(event))
        if len(parts) == len(self.settings.by) and not np.isnan(time):
            self.state_of_past.observe(BETWEEN.join(parts), time, amount)

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, columns]`, float32, as of each row's `timestamp`; nothing has happened to who or what is missing or new."""
        frame = _frame(values)
        return self.as_of(self.keys(frame), _times(frame))

    def as_of(self, keys: pl.Series, times: Array, without: Without | None = None) -> Array:
        """Vectors `[n, columns]`, float32, of whose `keys` told, as of `times`, seconds since 1970, `[n]`; as if the events `without` had
        not been."""
        standard = (self._raw(keys, times, without) - np.array(self.mean_)) / np.array(self.deviation_)
        vectors: Array = np.clip(standard, -BOUND, BOUND).astype(np.float32)
        return vectors

    def _raw(self, keys: pl.Series, times: Array, without: Without | None = None) -> Array:
        windows = [np.inf if window == "all" else int(window[:-1]) * SECONDS[window[-1]] for window in self.settings.windows]
        columns: list[Array] = []
        found = self.state_of_past.read(keys, times, windows)
        if without is not None and len(without.row):
            self._take_out(found, keys, times, without, windows)
        for seen, total in found:
            if self.settings.of is not None:
                columns.append(np.sign(total) * np.log1p(np.abs(total)))
            columns.append(np.log1p(seen))
            if self.settings.rate:
                columns.append(self._rate(seen, total))
        return np.stack(columns, axis=1)

    def _take_out(
        self, found: list[tuple[Array, Array]], keys: pl.Series, times: Array, without: Without, windows: Sequence[float]
    ) -> None:
        """Counts and sums of each window, in place, less what the events of somebody's past add to them."""
        frame = _frame(without.events)
        their, when, amounts = self.keys(frame).gather(without.event), _times(frame)[without.event], self._amounts(frame)[without.event]
        row, now = without.row, times[without.row]
        counted = ~np.isnan(amounts) & ~np.isnan(when) & (when < now)
        counted &= (their == keys.gather(row)).fill_null(False).to_numpy()
        for (seen, total), window in zip(found, windows, strict=True):
            own = counted & (when >= now - window)
            np.subtract.at(seen, row[own], 1)
            np.subtract.at(total, row[own], amounts[own])

    def _rate(self, seen: Array, total: Array) -> Array:
        prior = self.settings.prior
        if not self.share_:
            return np.asarray((total + prior * self.overall_) / (seen + prior))
        overall = min(max(self.overall_, CERTAIN), 1 - CERTAIN)
        yes, no = np.maximum(total, 0) + prior * overall, np.maximum(seen - total, 0) + prior * (1 - overall)
        return np.asarray(np.log(yes / no))

    def keys(self, frame: pl.DataFrame) -> pl.Series:
        """Whose each row is, as texts `[n]`; missing for nobody's."""
        parts = [
            as_text(frame[name]) if name in frame.columns else pl.Series([None] * len(frame), dtype=pl.String) for name in self.settings.by
        ]
        if len(parts) == 1:
            return parts[0]
        named = pl.DataFrame([part.alias(str(place)) for place, part in enumerate(parts)])
        return named.select(pl.concat_str(pl.all(), separator=BETWEEN)).to_series()

    def _amounts(self, frame: pl.DataFrame) -> Array:
        """What each event adds `[n]`; NaN where it does not count."""
        if self.settings.of is None:
            return np.ones(len(frame))
        told = Expression(self.settings.of)
        lacking = [pl.lit(None).alias(name) for name in told.columns - set(frame.columns)]
        try:
            amounts = frame.with_columns(lacking).select(told.polars().cast(pl.Float64).alias("amount"))["amount"]
        except pl.exceptions.PolarsError as error:
            do = "Count numbers, or compare: of = \"event == 'buy'\"."
            raise DataError(f"counters, of = '{told.text}'", must="numbers or true/false", came=str(error).splitlines()[0], do=do) from None
        amounts = amounts if len(amounts) == len(frame) else pl.Series(amounts.to_list() * len(frame), dtype=pl.Float64)
        return np.clip(as_number(amounts), -LARGEST, LARGEST)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What was learnt from training; the past is the log's, and is shown by `remember`."""
        return {"overall": self.overall_, "share": bool(self.share_), "mean": self.mean_, "deviation": self.deviation_}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`; nothing has happened yet."""
        self.overall_, self.share_ = facts["overall"], facts["share"]
        self.mean_, self.deviation_ = facts["mean"], facts["deviation"]
        self.state_of_past = CountersState(Tally.empty())
        return self


class Tally:
    """Events of a log as running sums by key and time.

    Args:
        keys: Whose each event is `[n]`; missing for nobody's.
        times: Seconds since 1970 `[n]`; NaN for never.
        amounts: What each adds `[n]`; NaN for one that does not count.
    """

    def __init__(self, keys: pl.Series, times: Array, amounts: Array) -> None:
        counts = keys.is_not_null().to_numpy() & ~np.isnan(times) & ~np.isnan(amounts)
        keys, times, amounts = keys.filter(pl.Series(counts)), times[counts], amounts[counts]
        self._known = keys.unique().sort()
        self._places: dict[str, int] | None = None
        self._moments = np.unique(times)
        spots = self._spots(self._codes(keys), times)
        order = np.argsort(spots, kind="stable")
        self._spot = spots[order]
        self._total = np.append(0.0, np.cumsum(amounts[order]))

    @classmethod
    def empty(cls) -> Self:
        """Nothing has happened."""
        return cls(pl.Series(dtype=pl.String), np.zeros(0), np.zeros(0))

    def read(self, keys: pl.Series, times: Array, windows: Sequence[float]) -> list[tuple[Array, Array]]:
        """Per window: how many events `[n]` and the sum of what they add `[n]`, from `times - window` on and before `times`."""
        codes = self._codes(keys)
        somebody = (codes >= 0) & ~np.isnan(times)
        end = self._before(codes, times)
        found = []
        for window in windows:
            start = self._before(codes, times - window)
            found.append((np.where(somebody, end - start, 0), np.where(somebody, self._total[end] - self._total[start], 0.0)))
        return found

    def _codes(self, keys: pl.Series) -> Array:
        if len(keys) > MANY:
            codes: Array = np.maximum(lookup(keys, self._known) - FIRST, -1)
            return codes
        if self._places is None:
            self._places = {key: place for place, key in enumerate(self._known.to_list())}
        return np.array([self._places.get(key, -1) for key in keys.to_list()], dtype=np.int64)

    def _spots(self, codes: Array, times: Array) -> Array:
        """One whole number that orders by key, then time."""
        return codes * (len(self._moments) + 1) + np.searchsorted(self._moments, times)

    def _before(self, codes: Array, times: Array) -> Array:
        """How many of the sorted events belong to smaller keys, or to the key and smaller times, `[n]`."""
        places: Array = np.searchsorted(self._spot, self._spots(codes, times))
        return places


class CountersState:
    """A tally and what happened since, for one answer at a time; an event that comes late finds its place.

    Args:
        past: The log so far.
    """

    def __init__(self, past: Tally) -> None:
        self._past = past
        self._since: dict[str, _Since] = {}

    def observe(self, key: str, time: float, amount: float) -> None:
        """Add an event of `key`; an amount of NaN does not count."""
        if not np.isnan(amount):
            self._since.setdefault(key, _Since()).add(time, min(max(amount, -LARGEST), LARGEST))

    def since(self) -> dict[str, tuple[list[float], list[float]]]:
        """Times of the events since, and the running sums before each and after all, by key."""
        return {key: (since.times, since.sums) for key, since in self._since.items()}

    def read(self, keys: pl.Series, times: Array, windows: Sequence[float]) -> list[tuple[Array, Array]]:
        """As `Tally.read`, of everything."""
        found = self._past.read(keys, times, windows)
        if not self._since:
            return found
        for row, key in enumerate(keys.to_list()):
            if key in self._since and not np.isnan(times[row]):
                for (seen, total), window in zip(found, windows, strict=True):
                    more = self._since[key].read(float(times[row]), window)
                    seen[row], total[row] = seen[row] + more[0], total[row] + more[1]
        return found


class _Since:
    """Events of one key in time order, with the running sum before each and after all."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.amounts: list[float] = []
        self.sums: list[float] = [0.0]

    def add(self, time: float, amount: float) -> None:
        """Events of one time in the order of their amounts: sums are the same to the last bit in whatever order events come."""
        place = bisect_right(self.times, time)
        while place and self.times[place - 1] == time and self.amounts[place - 1] > amount:
            place -= 1
        self.times.insert(place, time)
        self.amounts.insert(place, amount)
        self.sums[place:] = accumulate(self.amounts[place:], initial=self.sums[place])

    def read(self, time: float, window: float) -> tuple[int, float]:
        start, end = bisect_left(self.times, time - window), bisect_left(self.times, time)
        return end - start, self.sums[end] - self.sums[start]


def _frame(values: pl.Series) -> pl.DataFrame:
    return values.struct.unnest() if values.dtype == pl.Struct else pl.DataFrame({"": values})


def _times(frame: pl.DataFrame) -> Array:
    return as_number(frame["timestamp"]) if "timestamp" in frame.columns else np.full(len(frame), np.nan)


def _text(value: Any) -> str | None:
    """One value as `as_text` has it."""
    return value if value is None or isinstance(value, str) else as_text(pl.Series([value], strict=False))[0]


def _number(value: Any) -> float:
    """An expression's value of one event; NaN where it is missing or no number."""
    number = float(value) if isinstance(value, int | float) else float("nan")
    return number if np.isfinite(number) else float("nan")
