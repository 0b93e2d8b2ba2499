"""Small tables for the tests of defects: clean but for what a test changes."""

from typing import Any

import polars as pl

from penchant.data.defects.defect import Tables
from penchant.schema.recipe import Recipe

NOON = 1_650_888_000.0
"""25 April 2022, 12:00 UTC."""
NOW = NOON + 10 * 86_400


def events(**columns: Any) -> pl.DataFrame:
    """Three events of users a, b, c with items x, y, z, one second apart."""
    plain = {"user_id": ["a", "b", "c"], "item_id": ["x", "y", "z"], "timestamp": [NOON, NOON + 1, NOON + 2]}
    return pl.DataFrame(plain | columns)


def tables(log: pl.DataFrame | None = None, users: Any = None, items: Any = None, tasks: str | None = None) -> Tables:
    """The log with tables of users and items given as columns, and a recipe with these tasks."""
    recipe = Recipe.parse(f'[data.events]\npath = "a.csv"\n{tasks}') if tasks else None
    frames = [None if columns is None else pl.DataFrame(columns) for columns in (users, items)]
    return Tables(events() if log is None else log, frames[0], frames[1], recipe, NOW)
