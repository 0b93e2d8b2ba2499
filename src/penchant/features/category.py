"""One value out of many: an id, a code, a word."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field

from penchant.features.feature import Array, Form, as_text
from penchant.schema.recipe import Settings

UNKNOWN, MISSING, FIRST = 0, 1, 2
FEW = 64  # values; a request, not a table


class CategorySettings(Settings):
    """Which values get an index of their own."""

    minimum_count: int = Field(1, ge=1)
    """Rarer training values count as unknown."""
    maximum_values: int = Field(10_000_000, ge=1)
    """The most frequent values kept."""


class Category:
    """`[n]` indices: 0 unknown or rare, 1 missing, 2 and up the training values, most frequent first."""

    kind: ClassVar[str] = "category"
    settings_class: ClassVar[type[Settings]] = CategorySettings

    def __init__(self, settings: CategorySettings) -> None:
        self.settings = settings
        self.values_ = pl.Series(dtype=pl.String)
        self._places: dict[str, int] | None = None

    @property
    def form(self) -> Form:
        return Form("index", FIRST + len(self.values_))

    def fit(self, values: pl.Series) -> Self:
        self.values_, self._places = frequent(as_text(values), self.settings.minimum_count, self.settings.maximum_values), None
        return self

    def transform(self, values: pl.Series) -> Array:
        texts = as_text(values)
        return self._look_up_few(texts) if len(texts) <= FEW else lookup(texts, self.values_)

    def _look_up_few(self, texts: pl.Series) -> Array:
        """As `lookup`, without building its table anew: a request brings a handful of values."""
        if self._places is None:
            self._places = {text: place for place, text in enumerate(self.values_.to_list(), FIRST)}
        return np.array([MISSING if text is None else self._places.get(text, UNKNOWN) for text in texts.to_list()], dtype=np.int64)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        return {"values": self.values_.to_list()}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        self.values_, self._places = pl.Series(facts["values"], dtype=pl.String), None
        return self


def frequent(texts: pl.Series, minimum_count: int, maximum_values: int) -> pl.Series:
    """The distinct texts that occur often enough, most frequent first, ties in text order."""
    counts = pl.DataFrame({"text": texts}).drop_nulls().group_by("text").len().filter(pl.col("len") >= minimum_count)
    return counts.sort("len", "text", descending=[True, False])["text"].head(maximum_values)


def lookup(texts: pl.Series, known: pl.Series) -> Array:
    """Indices `[n]` of texts among the known ones, shifted past UNKNOWN and MISSING."""
    if not len(known):
        return np.where(texts.is_null().to_numpy(), MISSING, UNKNOWN).astype(np.int64)
    indices = pl.Series(range(FIRST, FIRST + len(known)), dtype=pl.Int64)
    found = texts.replace_strict(known, indices, default=UNKNOWN, return_dtype=pl.Int64)
    return np.where(texts.is_null().to_numpy(), MISSING, found.fill_null(UNKNOWN).to_numpy())
