"""KuaiRand by rolling origin: each of 1–5 May 2022 learnt from all days before; settings are tuned on 30 April alone (local days)."""

import json
import tomllib
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, Tables
from penchant.schema.recipe import Recipe
from penchant.schema.settings import read_settings
from studies.study import Changes, changed, text_of

TUNED_ON = "20220430"
DAYS = ("20220501", "20220502", "20220503", "20220504", "20220505")
LABELS = {"click": "is_click", "long_view": "long_view", "like": "is_like", "follow": "is_follow"}
ALSO_READ = ("watch_ratio", "duration_ms", "freshness_days", "hourmin", *LABELS.values())
"""Event columns that the recipe may not speak of and the rivals' features are made of."""


def recipe_of_day(folder: Path, day: str, changes: Changes | None = None) -> Recipe:
    """The ready recipe with changes, learnt from all days before `day`.

    Args:
        folder: The data.
        day: As the column `date` has it.
        changes: See `told_of_day`.
    """
    return read_settings(Recipe, told_of_day(day, changes) | {"directory": folder}, "kuairand")


def told_of_day(day: str, changes: Changes | None = None) -> dict[str, Any]:
    """What its file says, with changes.

    Args:
        day: As the column `date` has it.
        changes: Tables and keys to replace, nested as in the file; a part (a table with a `kind`) is replaced whole, None takes a key out.
    """
    raw = tomllib.loads(text_of("kuairand"))
    split = {"kind": "time", "column": "date", "valid_from": day, "test_from": day}
    merged = changed(changed(raw, changes or {}), {"split": split})
    known = merged["tasks"]
    merged["serving"] = {"rank_by": {name: weight for name, weight in raw["serving"]["rank_by"].items() if name in known}}
    return merged


def what_is_learnt(changes: Changes | None = None) -> str:
    """The recipe as told, as text; what serves it is not part of it, nor is a default, so that a new setting makes no row old."""
    told = told_of_day(DAYS[0], changes)
    return json.dumps({name: table for name, table in told.items() if name not in ("serving", "split")})


def what_is_read() -> str:
    """The data and the features of the recipe as text: another one, and the rivals read something else."""
    told = told_of_day(DAYS[0])
    return json.dumps({name: told[name] for name in ("data", "features")})


class Days:
    """The data, read once, and its parts by day.

    Args:
        folder: The data.
        one_in: Of so many users one is read, drawn by hash; 1 reads all.
        tab: The only one whose impressions are in the log, beside the earlier sequences, which belong to none; None reads all.
    """

    def __init__(self, folder: Path, one_in: int = 1, tab: int | None = None) -> None:
        self.folder, self.one_in, self.tab = folder, one_in, tab

    @cached_property
    def data(self) -> Dataset:
        """Everything, with all columns that any model reads."""
        recipe = recipe_of_day(self.folder, DAYS[0])
        columns = {name: {"kind": "number"} for name in ALSO_READ if name not in recipe.history.columns}
        recipe = recipe_of_day(self.folder, DAYS[0], {"history": {"columns": columns}})
        tables = Tables.read(recipe)
        events = tables.events.filter(pl.col("user_id").hash(seed=0) % self.one_in == 0)
        if self.tab is not None:
            events = events.filter((pl.col("tab").cast(pl.Float64) == self.tab).fill_null(True))
        return Dataset.from_frames(events, tables.users, tables.items, recipe, notes=tables.notes)

    @cached_property
    def impressions(self) -> NDArray[np.int64]:
        """Rows of the log that are impressions; the others are watched videos of the earlier sequences."""
        return np.flatnonzero(~np.isnan(self.dates))

    @cached_property
    def dates(self) -> NDArray[np.float64]:
        """The day of every event; NaN of the earlier sequences."""
        return self.data.log.series("date").cast(pl.Float64).fill_null(float("nan")).to_numpy()

    def parts(self, day: str, changes: Changes | None = None) -> tuple[Dataset, Dataset]:
        """What is learnt from, and the impressions of the day."""
        train, _, after = replace(self.data, recipe=recipe_of_day(self.folder, day, changes)).split()
        return train, after.part(after.rows[self.dates[after.rows] == float(day)])

    def judged(self, days: tuple[str, ...]) -> Dataset:
        """The impressions of these days, day after day in the order of the log within each."""
        rows = np.concatenate([np.flatnonzero(self.dates == float(day)) for day in days])
        return replace(self.data, rows=rows)

    def labels(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.float32]]:
        """Every outcome of these rows."""
        return {task: self.data.log.series(column, rows).cast(pl.Float32).to_numpy() for task, column in LABELS.items()}
