"""Rows of a report by scenario."""

import polars as pl

from penchant.data.scenario import scenario_names
from penchant.evaluation.slices import Slices, by_scenario
from penchant.features.feature import build, names_of
from penchant.schema.recipe import Recipe


def scenario_slices(recipe: Recipe, frame: pl.DataFrame) -> Slices:
    """One slice per scenario, and where several factors make one, per value of each; none where the recipe has one scenario.

    Args:
        recipe: Says what makes a scenario.
        frame: The rows' columns that it reads `[n]`.
    """
    settings = recipe.scenario
    slices = by_scenario(scenario_names(settings, frame).to_list()) if settings.named else {}
    if len(settings.parts) < 2:
        return slices
    for name in settings.named:
        slices |= by_scenario([None if value is None else f"{name}={value}" for value in frame[name].to_list()])
    for name in settings.buckets:
        period = build(settings.parts[name], "scenario")
        told = names_of(period)
        slices |= by_scenario([f"{name}={told[index]}" for index in period.transform(frame["timestamp"])])
    return slices
