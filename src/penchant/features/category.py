"""One value out of many: an id, a code, a word."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from penchant.features.feature import Array, Form, as_text
from penchant.schema.settings import ContradictionError, Settings

UNKNOWN, MISSING, FIRST = 0, 1, 2
FEW = 64  # values; a request, not a table


class CategorySettings(Settings):
    """Which values get an index of their own."""

    minimum_count: int = Field(1, ge=1)
    """Values of fewer training events count as unknown. A user's or item's value counts in each of their events."""
    maximum_values: int = Field(10_000_000, ge=1)
    """How many values are kept: those of the most training events."""
    hash: int | None = Field(None, ge=2, le=100_000_000)
    """For ids without end: no value is learnt, each falls into one of so many buckets, a new one too; a few share a bucket."""

    @model_validator(mode="after")
    def _learns_or_hashes(self) -> Self:
        learns = sorted(self.model_fields_set & {"minimum_count", "maximum_values"})
        if self.hash is not None and learns:
            do = f"Take {learns[0]} out, or hash."
            raise ContradictionError("without minimum_count and maximum_values when it has hash", f"hash and {learns[0]}", do)
        return self


class Category:
    """`[n]` indices: 0 unknown or rare, 1 missing, 2 and up the training values, those of most users, items or events first.

    With `hash`, 2 and up are the buckets, and no value is unknown.
    """

    kind: ClassVar[str] = "category"
    settings_class: ClassVar[type[Settings]] = CategorySettings

    def __init__(self, settings: CategorySettings) -> None:
        self.settings = settings
        self.values_ = pl.Series(dtype=pl.String)
        self._places: dict[str, int] | None = None

    @property
    def form(self) -> Form:
        """An index below 2 + the number of values kept (2 before fitting) or of buckets."""
        return Form("index", FIRST + (self.settings.hash or len(self.values_)))

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Choose the values that get an index of their own, from `[n]` training values; missing ones count for nothing."""
        settings = self.settings
        if settings.hash is not None:
            return self
        self.values_, self._places = frequent(as_text(values), settings.minimum_count, settings.maximum_values, events), None
        return self

    def grow(self, values: pl.Series, events: Array | None = None) -> Self:
        """Give values that have come since an index too, behind all others; those that have one keep it. Arguments as of `fit`."""
        if self.settings.hash is None:
            settings = self.settings
            self.values_ = grown(self.values_, as_text(values), settings.minimum_count, settings.maximum_values, events)
            self._places = None
        return self

    def transform(self, values: pl.Series) -> Array:
        """Indices `[n]`, int64; values of any type are compared as text, so that 3, 3.0 and "3" are one value."""
        texts = as_text(values)
        if self.settings.hash is not None:
            return hashed(texts, self.settings.hash)
        return self._look_up_few(texts) if len(texts) <= FEW else lookup(texts, self.values_)

    def _look_up_few(self, texts: pl.Series) -> Array:
        """As `lookup`, without building its table anew: a request brings a handful of values."""
        if self._places is None:
            self._places = {text: place for place, text in enumerate(self.values_.to_list(), FIRST)}
        return np.array([MISSING if text is None else self._places.get(text, UNKNOWN) for text in texts.to_list()], dtype=np.int64)

    def names(self) -> list[str]:
        """What each index stands for."""
        if self.settings.hash is not None:
            return ["unknown", "missing", *(f"bucket {number}" for number in range(self.settings.hash))]
        return ["unknown", "missing", *self.values_.to_list()]

    def inverse(self, array: Array) -> pl.Series:
        """The texts of indices `[n]`; unknown, missing and hashed ones are missing."""
        texts = pl.Series([None, None, *self.values_.to_list()], dtype=pl.String)
        return texts.gather(np.where(array < len(texts), array, UNKNOWN))

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`values`: the texts in the order of their indices; no arrays."""
        return {"values": self.values_.to_list()}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take the values of a `state`."""
        self.values_, self._places = pl.Series(facts["values"], dtype=pl.String), None
        return self


def frequent(texts: pl.Series, minimum_count: int, maximum_values: int, events: Array | None = None) -> pl.Series:
    """The distinct texts of enough training events, those of most rows first, ties in text order.

    Args:
        texts: Training values `[n]`; missing ones are left out.
        minimum_count: Events that a text needs.
        maximum_values: Texts that are kept, those of most events.
        events: How many events each row is of `[n]`; one each when None.
    """
    rows = pl.DataFrame({"text": texts, "events": np.ones(len(texts), dtype=np.int64) if events is None else events}).drop_nulls()
    counts = rows.group_by("text").agg(pl.len().alias("rows"), pl.col("events").sum()).filter(pl.col("events") >= minimum_count)
    kept = counts.sort("events", "text", descending=[True, False]).head(maximum_values)
    return kept.sort("rows", "text", descending=[True, False])["text"]


def grown(known: pl.Series, texts: pl.Series, minimum_count: int, maximum_values: int, events: Array | None = None) -> pl.Series:
    """The known texts, and behind them those of `frequent` that are not among them, as far as there is room."""
    new = ~texts.is_in(known.implode()).fill_null(False)
    fresh = frequent(texts.filter(new), minimum_count, maximum_values, None if events is None else events[new.to_numpy()])
    return pl.concat([known, fresh]).head(max(maximum_values, len(known)))


def lookup(texts: pl.Series, known: pl.Series) -> Array:
    """Indices `[n]` of texts among the known ones, shifted past UNKNOWN and MISSING."""
    if not len(known):
        return np.where(texts.is_null().to_numpy(), MISSING, UNKNOWN).astype(np.int64)
    indices = pl.Series(range(FIRST, FIRST + len(known)), dtype=pl.Int64)
    found = texts.replace_strict(known, indices, default=UNKNOWN, return_dtype=pl.Int64)
    return np.where(texts.is_null().to_numpy(), MISSING, found.fill_null(UNKNOWN).to_numpy())


def hashed(texts: pl.Series, buckets: int) -> Array:
    """Indices `[n]` of texts by their content alone, the same on every machine and in every version; missing ones are MISSING."""
    different = texts.unique().drop_nulls()
    digests = [blake2b(text.encode(), digest_size=8).digest() for text in different.to_list()]
    indices = pl.Series([FIRST + int.from_bytes(digest, "little") % buckets for digest in digests], dtype=pl.Int64)
    if not len(different):
        return np.full(len(texts), MISSING, dtype=np.int64)
    return texts.replace_strict(different, indices, default=MISSING, return_dtype=pl.Int64).fill_null(MISSING).to_numpy(writable=True)
