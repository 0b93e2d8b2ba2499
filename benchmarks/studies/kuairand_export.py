"""What the rivals on KuaiRand read: the recipe's own features of every impression, and a practitioner's numbers of its past.

A folder per day holds `.npy` arrays with a row per impression up to that day, in the order of the log, and `columns.json`:
`index` [n, fields] (0 = unknown) with each field's size; `bag_NAME` [n, m] (0 = padding); `number` [n, columns]; `past` and `past_kind`
[n, 30], the items before and what became of them, newest last (0 = none); `label` [n, tasks]; `judged` [n], whether it is the day's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import values_of
from penchant.data.log import Log
from penchant.features.counters import BETWEEN, Tally
from penchant.features.feature import as_number, as_text
from penchant.features.feature_set import FeatureSet, Owner
from studies.kuairand_days import LABELS, Days, what_is_read
from studies.study import mark_of

PAST = 30
HOUR, DAY, EVER = 3600.0, 86_400.0, np.inf
OUTCOMES = {"click": "is_click", "long_view": "long_view", "like": "is_like", "ratio": "watch_ratio", "play": "play_time_ms"}
EARLIER = {"was_long": "was_long", "was_liked": "was_liked"}
MISSING = -1.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Counted:
    """What is counted by whom, strictly before the moment: how many, and the smoothed mean of each outcome.

    Attributes:
        by: Columns of events or of items.
        of: Names of outcomes.
        windows: Seconds back.
        prior: How many events' worth of the training mean are added.
    """

    by: tuple[str, ...]
    of: Sequence[str]
    windows: Sequence[float] = (EVER,)
    prior: float = 5.0

    @property
    def name(self) -> str:
        return "+".join(self.by)


ALL, THREE = tuple(OUTCOMES), ("click", "long_view", "like")
COUNTED = (
    Counted(("user_id",), ALL, (HOUR / 6, HOUR, DAY, 7 * DAY, EVER)),
    Counted(("item_id",), ALL, (DAY, 7 * DAY, EVER)),
    Counted(("author_id",), THREE, (7 * DAY, EVER)),
    Counted(("music_id",), THREE),
    Counted(("tag",), THREE, (7 * DAY, EVER)),
    Counted(("user_id", "tab"), ALL, (DAY, EVER), 3.0),
    Counted(("item_id", "tab"), THREE),
    Counted(("user_id", "tag"), THREE, prior=3.0),
    Counted(("user_id", "author_id"), THREE, prior=2.0),
    Counted(("user_id", "item_id"), THREE, prior=1.0),
    Counted(("tab", "hourmin"), THREE, prior=20.0),
    *(
        Counted(by, tuple(EARLIER), prior=3.0)
        for by in (
            ("user_id",),
            ("item_id",),
            ("author_id",),
            ("tag",),
            ("user_id", "item_id"),
            ("user_id", "author_id"),
            ("user_id", "tag"),
        )
    ),
)


class Export:
    """Writes the folders of days.

    Args:
        days: The data.
        root: Where the folders lie.
    """

    def __init__(self, days: Days, root: Path) -> None:
        self.days, self.root = days, root

    def write(self, day: str) -> Path:
        """The day's folder; as it is where it was written whole before from the same data and features of the recipe."""
        folder = self.root / f"{day}-{mark_of(what_is_read())}"
        if (folder / "columns.json").is_file():
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        train, judged = self.days.parts(day)
        rows = self.days.impressions[self.days.dates[self.days.impressions] <= float(day)]
        learnt = np.isin(rows, train.rows)
        arrays, sizes, bags, numbers = _own_features(FeatureSet(train.recipe).fit(train), train.log, rows)
        numbers |= {f"past.{name}": column for name, column in self._history(rows, learnt).items()}
        names, table = _distinct(numbers)
        past, kind = self._past(rows, arrays["item.item_id"], train.log)
        labels = self.days.labels(rows)
        kept: dict[str, NDArray[Any]] = {
            "index": np.stack(list(arrays.values()), axis=1).astype(np.int32),
            "number": table,
            "past": past,
            "past_kind": kind,
            "label": np.stack([labels[task] for task in LABELS], axis=1),
            "judged": np.isin(rows, judged.rows),
            **{f"bag_{name}": bag.astype(np.int32) for name, (bag, _) in bags.items()},
        }
        for name, array in kept.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        told = {"index": sizes, "bags": {name: size for name, (_, size) in bags.items()}, "numbers": names, "tasks": list(LABELS)}
        (folder / "columns.json").write_text(json.dumps(told), encoding="utf8")
        return folder

    def _history(self, rows: NDArray[np.int64], learnt: NDArray[np.bool_]) -> dict[str, Floats]:
        """Numbers of the past of these rows, rates drawn towards the mean of those learnt from."""
        place = np.searchsorted(self.days.impressions, rows)
        found = {name: column[place] for name, column in self._lasts.items()}
        for counted in COUNTED:
            for of in counted.of:
                amounts = self._amounts[of]
                mean = float(np.nanmean(amounts[self._tallied(of)[1]] if of in EARLIER else amounts[rows[learnt]]))
                for window, (seen, total) in zip(counted.windows, self._counts[counted.name, of], strict=True):
                    name = f"{counted.name} {of} {window / HOUR:g}h"
                    found[f"{name} events"] = np.log1p(seen[place]).astype(np.float32)
                    rate = (total[place] + counted.prior * mean) / (seen[place] + counted.prior)
                    found[f"{name} rate"] = rate.astype(np.float32)
        return found

    @cached_property
    def _amounts(self) -> dict[str, NDArray[np.float64]]:
        """Each outcome of every event of the log; NaN where there is none."""
        log = self.days.data.log
        found = {name: values_of(log, column).astype(np.float64) for name, column in (OUTCOMES | EARLIER).items()}
        return found | {"ratio": np.clip(found["ratio"], 0, 3), "play": np.log1p(found["play"] / 1000)}

    def _tallied(self, of: str) -> tuple[str, NDArray[np.int64]]:
        return of, np.flatnonzero(~np.isnan(self._amounts[of]))

    @cached_property
    def _counts(self) -> dict[tuple[str, str], list[tuple[NDArray[Any], NDArray[Any]]]]:
        """`{(by whom, outcome): per window how many and their sum}` as of every impression."""
        log, asked = self.days.data.log, self.days.impressions
        found = {}
        for counted in COUNTED:
            keys = _keys(log, counted.by)
            for of in counted.of:
                _, told = self._tallied(of)
                tally = Tally(keys.gather(told), log.time[told], self._amounts[of][told])
                found[counted.name, of] = tally.read(keys.gather(asked), log.time[asked], counted.windows)
        return found

    @cached_property
    def _lasts(self) -> dict[str, Floats]:
        """The user's last three impressions and how long ago the last was; an impression of the same moment is not the past."""
        log, rows = self.days.data.log, self.days.impressions
        first = np.searchsorted(rows, log.first_of_moment[rows])
        begin = np.searchsorted(rows, log.offsets[log.user[rows]])
        tab = as_number(log.series("tab", rows))
        found: dict[str, Floats] = {}
        for back in (1, 2, 3):
            place = first - back
            there, place = place >= begin, np.maximum(place, 0)
            for name in (*THREE, "play"):
                found[f"last {back} {name}"] = np.where(there, self._amounts[name][rows][place], MISSING).astype(np.float32)
            found[f"last {back} tab"] = np.where(there, tab[place], MISSING).astype(np.float32)
            gone = np.where(there, log.time[rows] - log.time[rows][place], 30 * DAY)
            found[f"last {back} ago"] = np.log1p(gone).astype(np.float32)
        end, start = log.first_of_moment[rows], log.offsets[log.user[rows]]
        gone = np.where(end > start, log.time[rows] - log.time[np.maximum(end - 1, 0)], 60 * DAY)
        found["any event ago"] = np.log1p(np.maximum(gone, 0)).astype(np.float32)
        for name in ("duration_ms", "freshness_days"):
            found[name] = np.nan_to_num(as_number(log.series(name, rows)), nan=MISSING).astype(np.float32)
        found["hour"] = (as_number(log.series("hourmin", rows)) // 100).astype(np.float32)
        found["day_minute"] = (found["hour"] * 60 + as_number(log.series("hourmin", rows)) % 100).astype(np.float32)
        return found

    def _past(self, rows: NDArray[np.int64], item: NDArray[Any], log: Log) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The items of the last events strictly before, and what became of each as one small number, `[rows, PAST]`."""
        of_item = np.zeros(len(log.items), dtype=np.int32)
        of_item[log.item[rows]] = item
        outcome = np.nan_to_num(np.stack([self._amounts[name] for name in (*THREE, *EARLIER)]), nan=0).astype(np.int32)
        shown = ~np.isnan(self.days.dates)
        kinds = np.where(shown, 1 + outcome[0] + 2 * outcome[1] + 4 * outcome[2], 9 + outcome[3] + 2 * outcome[4])
        events = log.first_of_moment[rows][:, None] - np.arange(PAST, 0, -1)
        there = events >= log.offsets[log.user[rows]][:, None]
        events = np.maximum(events, 0)
        return np.where(there, of_item[log.item[events]], 0).astype(np.int32), np.where(there, kinds[events], 0).astype(np.int32)


def _own_features(features: FeatureSet, log: Log, rows: NDArray[np.int64]) -> tuple[Any, dict[str, int], Any, dict[str, Floats]]:
    """The recipe's features of these events: indices, their sizes, bags with their sizes, and numbers, each `{owner.name: [rows]}`."""
    encoded = features.encode_log(log)
    owners: tuple[tuple[Owner, dict[str, Any], NDArray[Any]], ...] = (
        ("user", encoded.user, log.user[rows]),
        ("item", encoded.item, log.item[rows]),
        ("context", encoded.context, rows),
        ("candidate", encoded.candidate, rows),
    )
    index, sizes, bags, numbers = {}, {}, {}, {}
    for owner, arrays, places in owners:
        for name, form in features.forms(owner).items():
            array, told = arrays[name][places], f"{owner}.{name}"
            if form.shape == "index":
                index[told], sizes[told] = array, form.size
            elif form.shape == "bag":
                bags[told] = (array, form.size)
            else:
                numbers |= {f"{told} {place}": array[:, place].astype(np.float32) for place in range(form.size)}
    return index, sizes, bags, numbers


def _keys(log: Log, by: tuple[str, ...]) -> pl.Series:
    """Whose each event of the log is; missing where it lacks one part."""
    of_items = {name: log.items[name].gather(log.item) for name in ("author_id", "music_id", "tag") if name in by}
    parts = [as_text(of_items[name] if name in of_items else log.series(name)).alias(name) for name in by]
    return pl.DataFrame(parts).select(pl.concat_str(pl.all(), separator=BETWEEN)).to_series()


def _distinct(numbers: dict[str, Floats]) -> tuple[list[str], Floats]:
    """The columns that vary, each once."""
    seen: dict[bytes, str] = {}
    for name, column in numbers.items():
        if column.min() < column.max():
            seen.setdefault(column.tobytes(), name)
    names = list(seen.values())
    return names, np.stack([numbers[name] for name in names], axis=1)
