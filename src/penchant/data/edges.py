"""Tables of relations between users or items, one a row."""

from pathlib import Path

import polars as pl
from pydantic import ConfigDict, Field

from penchant.data.sources.places import open_source
from penchant.schema.errors import RecipeError, did_you_mean
from penchant.schema.sections.data import SourceSettings
from penchant.schema.settings import Settings


class EdgesSettings(Settings):
    """A table of relations, one a row."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    path: str
    """A file in any format that tables come in."""
    source: str = Field(alias="from")
    """The column of one end; the ids that the feature's column holds, or users' ids."""
    target: str = Field(alias="to")
    """The column of the other end. To a feature, a relation counts for both ends alike."""
    weight: str | None = None
    """A column of positive weights; every relation weighs 1 when absent, and repeated ones add up."""
    separator: str | None = None


def read_edges(settings: EdgesSettings, directory: Path) -> pl.DataFrame:
    """The table as it lies, with the columns that the settings name.

    Args:
        settings: Which table.
        directory: Where a relative path starts.

    Raises:
        DataError: when the table cannot be read.
        RecipeError: when a column is not in the table.
    """
    table = open_source(SourceSettings(path=settings.path, separator=settings.separator), directory, "users")
    frame, _ = table.read(lambda rows: rows)
    wanted = [name for name in (settings.source, settings.target, settings.weight) if name]
    for name in wanted:
        if name not in frame.columns:
            came = f"columns {', '.join(frame.columns[:12])}"
            raise RecipeError(
                f"column '{name}' of the edges", must=f"in '{settings.path}'", came=came, do=did_you_mean(name, frame.columns)
            )
    return frame
