"""Several values at once: genres, tags."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field

from penchant.features.category import FIRST, frequent, grown, lookup
from penchant.features.feature import Array, Form
from penchant.schema.settings import Settings


class CategoriesSettings(Settings):
    """How a cell is taken apart and which values count."""

    separator: str = "|"
    """Between values of a text cell; list columns need none."""
    maximum_per_row: int = Field(16, ge=1)
    """The first values of a cell; further ones are left out."""
    minimum_count: int = Field(1, ge=1)
    """Values of fewer training events count as unknown. A user's or item's value counts in each of their events."""
    maximum_values: int = Field(1_000_000, ge=1)
    """How many values are kept: those of the most training events."""


class Categories:
    """`[n, maximum_per_row]` indices: 0 padding, 1 unknown, 2 and up the training values. No values: all padding."""

    kind: ClassVar[str] = "categories"
    settings_class: ClassVar[type[Settings]] = CategoriesSettings

    def __init__(self, settings: CategoriesSettings) -> None:
        self.settings = settings
        self.values_ = pl.Series(dtype=pl.String)

    @property
    def form(self) -> Form:
        """A bag of indices below 2 + the number of values kept; 2 before fitting."""
        return Form("bag", FIRST + len(self.values_))

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Choose the values that get an index of their own; each counts once per cell, empty and missing cells for nothing."""
        singles, of_each = self._singles(values, events)
        self.values_ = frequent(singles, self.settings.minimum_count, self.settings.maximum_values, of_each)
        return self

    def grow(self, values: pl.Series, events: Array | None = None) -> Self:
        """Give values that have come since an index too, behind all others; those that have one keep it. Arguments as of `fit`."""
        singles, of_each = self._singles(values, events)
        self.values_ = grown(self.values_, singles, self.settings.minimum_count, self.settings.maximum_values, of_each)
        return self

    def _singles(self, values: pl.Series, events: Array | None) -> tuple[pl.Series, Array | None]:
        """All values of all cells, and the events of each."""
        lists = self._lists(values)
        singles = lists.filter(lists.list.len() > 0).explode()
        return singles, None if events is None else np.repeat(events, lists.list.len().to_numpy())

    def transform(self, values: pl.Series) -> Array:
        """Bags `[n, maximum_per_row]`, int64, in the cell's order, repeats within a cell left out; zeros for an empty or missing cell."""
        bags = np.zeros((len(values), self.settings.maximum_per_row), dtype=np.int64)
        lists = self._lists(values).list.head(self.settings.maximum_per_row)
        lengths = lists.list.len().fill_null(0).cast(pl.Int64).to_numpy()
        rows = np.repeat(np.arange(len(values)), lengths)
        columns = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        singles = lists.filter(pl.Series(lengths > 0)).explode()
        bags[rows, columns] = np.maximum(lookup(singles, self.values_), 1)
        return bags

    def _lists(self, values: pl.Series) -> pl.Series:
        """Each cell as a list of distinct, stripped, non-empty texts; missing as an empty list. A packed list is taken apart as it was."""
        if values.dtype != pl.List:
            text = pl.col("text")
            singles = pl.when(text.str.starts_with("\x1f")).then(text.str.split("\x1f")).otherwise(text.str.split(self.settings.separator))
            values = pl.DataFrame({"text": values.cast(pl.String)}).select(singles).to_series()
        element = pl.element().cast(pl.String).str.strip_chars()
        cleaned = values.list.eval(element.filter(element.str.len_chars() > 0).unique(maintain_order=True))
        return cleaned.fill_null(pl.Series([[]], dtype=pl.List(pl.String)))

    def names(self) -> list[str]:
        """What each index stands for."""
        return ["nothing", "unknown", *self.values_.to_list()]

    def inverse(self, array: Array) -> pl.Series:
        """The known texts of bags `[n, m]` as lists; padding and unknown values are left out."""
        texts = self.values_.to_list()
        return pl.Series([[texts[index - FIRST] for index in bag if index >= FIRST] for bag in array.tolist()], dtype=pl.List(pl.String))

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`values`: the texts in the order of their indices; no arrays."""
        return {"values": self.values_.to_list()}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take the values of a `state`."""
        self.values_ = pl.Series(facts["values"], dtype=pl.String)
        return self
