"""What the scenarios of events are called."""

import polars as pl

from penchant.schema.sections.scenario import ScenarioSettings


def scenario_names(settings: ScenarioSettings, frame: pl.DataFrame) -> pl.Series:
    """The scenario of each row `[n]`, missing where none is told.

    Of one column its values as they are; of several a text as `ScenarioSettings.name` makes it ("device=phone, tab=1").

    Args:
        settings: The recipe's.
        frame: With the columns that name the scenario, one at least.
    """
    if len(settings.named) == 1:
        return frame[settings.named[0]]
    told = [pl.concat_str(pl.lit(f"{name}="), pl.col(name).cast(pl.String)) for name in settings.named]
    joined = pl.concat_str(told, separator=", ", ignore_nulls=True)
    return frame.select(pl.when(joined != "").then(joined).alias("scenario")).to_series()
