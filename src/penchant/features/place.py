"""Places on the Earth: the cells they lie in, or how far apart two of them are."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from penchant.features.category import FIRST, frequent, lookup
from penchant.features.feature import Array, Form, as_number, fields_of
from penchant.features.number import Number, NumberSettings
from penchant.schema.settings import ContradictionError, Settings

RADIUS = 6371.0088
"""Mean radius of the Earth in kilometres (IUGG)."""
KILOMETRES = 111.195
"""Of one degree along a meridian."""


class PlaceSettings(Settings):
    """What is told of `columns = [latitude, longitude]`, in degrees, north and east above 0."""

    tells: Literal["cells", "distance"] = "cells"
    """The cell of each resolution as a category; or the kilometres to a reference: two more columns, or `to`."""
    kilometres: tuple[float, ...] = (1000.0, 100.0, 10.0)
    """With "cells": the side of a cell at each resolution."""
    minimum_count: int = Field(1, ge=1)
    """With "cells": cells of fewer training events count as unknown."""
    to: tuple[float, float] | None = None
    """With "distance": the reference's latitude and longitude, where no columns hold one."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.tells == "cells" and self.to is not None:
            raise ContradictionError("without a reference 'to' when it tells cells", f"to = {list(self.to)}", "Add tells = 'distance'.")
        if not self.kilometres or min(self.kilometres) < 0.01 or max(self.kilometres) > 10_000:
            raise ContradictionError("given kilometres from 0.01 to 10,000", f"{list(self.kilometres)}", "For example [1000, 100, 10].")
        if self.to is not None and not (abs(self.to[0]) <= 90 and abs(self.to[1]) <= 180):
            raise ContradictionError("within 90 degrees of latitude and 180 of longitude", f"to = {list(self.to)}", "Latitude is first.")
        return self


class Place:
    """Cells: bags `[n, resolutions]`, coarse first, 0 where there is no place, 1 an unknown cell. Distance: `[n, 2]`, as a `number`.

    A distance is scaled by its logarithm. What lies beyond the poles or 180 degrees is missing.
    """

    kind: ClassVar[str] = "place"
    settings_class: ClassVar[type[Settings]] = PlaceSettings

    def __init__(self, settings: PlaceSettings) -> None:
        self.settings = settings
        self.cells_ = pl.Series(dtype=pl.String)
        self.apart_ = Number(NumberSettings(logarithm=True))

    @property
    def form(self) -> Form:
        """A bag of cells kept, or a vector of 2."""
        return Form("bag", FIRST + len(self.cells_)) if self.settings.tells == "cells" else self.apart_.form

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Choose the cells of enough training events, or learn how distances spread, from `[n]` structs of coordinates."""
        if self.settings.tells == "distance":
            self.apart_.fit(pl.Series(self._distance(values)))
            return self
        cells = self._cells(values)
        repeated = None if events is None else np.tile(events, len(cells))
        self.cells_ = frequent(pl.concat(cells), self.settings.minimum_count, len(values) * len(cells) + 1, repeated)
        return self

    def transform(self, values: pl.Series) -> Array:
        """Bags, int64, or vectors, float32; half a place is none."""
        if self.settings.tells == "distance":
            return self.apart_.transform(pl.Series(self._distance(values)))
        cells = self._cells(values)
        return np.stack([np.where(texts.is_null().to_numpy(), 0, np.maximum(lookup(texts, self.cells_), 1)) for texts in cells], axis=1)

    def names(self) -> list[str]:
        """What each index or number stands for."""
        cells = ["nowhere", "unknown", *(_spoken(cell) for cell in self.cells_.to_list())]
        return cells if self.settings.tells == "cells" else ["kilometres", "missing"]

    def _distance(self, values: pl.Series) -> Array:
        latitude, longitude, *reference = (as_number(field) for field in fields_of(values, 4)[:4])
        if self.settings.to is not None:
            reference = [np.full(len(values), degrees) for degrees in self.settings.to]
        return haversine(*_valid(latitude, longitude), *_valid(*reference))

    def _cells(self, values: pl.Series) -> list[pl.Series]:
        latitude, longitude = _valid(*(as_number(field) for field in fields_of(values, 2)[:2]))
        return [cells(latitude, longitude, side) for side in self.settings.kilometres]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`cells` in the order of their indices and the facts of the distance's number as `apart`."""
        return {"cells": self.cells_.to_list(), "apart": self.apart_.state()[0]}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`."""
        self.cells_ = pl.Series(facts["cells"], dtype=pl.String)
        self.apart_.restore(facts["apart"], {})
        return self


def haversine(latitude: Array, longitude: Array, other_latitude: Array, other_longitude: Array) -> Array:
    """Kilometres `[n]` along the sphere between places in degrees; NaN where one is missing."""
    north, other_north = np.radians(latitude), np.radians(other_latitude)
    east = np.radians(other_longitude - longitude)
    chord = np.sin((other_north - north) / 2) ** 2 + np.cos(north) * np.cos(other_north) * np.sin(east / 2) ** 2
    kilometres: Array = 2 * RADIUS * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))
    return kilometres


def cells(latitude: Array, longitude: Array, side: float) -> pl.Series:
    """Names `[n]` of cells of about `side` kilometres: bands of latitude, each cut into as many columns as keep cells square."""
    bands = max(1, round(180 * KILOMETRES / side))
    band = np.minimum((np.nan_to_num(latitude) + 90) / 180 * bands, bands - 1).astype(np.int64)
    middle = np.radians((band + 0.5) / bands * 180 - 90)
    columns = np.maximum(1, np.round(2 * bands * np.cos(middle))).astype(np.int64)
    column = (((np.nan_to_num(longitude) + 180) / 360 * columns).astype(np.int64)) % columns  # 180 degrees east is 180 degrees west
    names = pl.DataFrame({"band": band, "column": column}).select(pl.format(f"{side:g}/{{}}/{{}}", "band", "column")).to_series()
    return pl.select(pl.when(pl.lit(pl.Series(~np.isnan(latitude)))).then(names)).to_series() if len(names) else names


def _valid(latitude: Array, longitude: Array) -> tuple[Array, Array]:
    on_earth = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)
    return np.where(on_earth, latitude, np.nan), np.where(on_earth, longitude, np.nan)


def _spoken(cell: str) -> str:
    side, band, column = cell.split("/")
    return f"{side} km cell, band {band}, column {column}"
