"""Vectors somebody else computed: a list column, several number columns, or a file by id."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from penchant.features.category import FIRST, lookup
from penchant.features.feature import Array, Form, as_number, as_text
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.settings import Settings

LARGEST = 1e18  # its square is still a float32


class VectorSettings(Settings):
    """Where the vectors lie."""

    file: Path | None = None
    """A `.parquet` file whose first column is the id that the feature's column holds, and whose other columns are a list of
    numbers or numbers; or a `.npy` file `[n, width]` with the ids in a text file of the same name, one a line. Relative to the recipe.
    Without a file, the column holds lists of numbers, or `columns` are its numbers."""

    def within(self, directory: Path) -> "VectorSettings":
        """The same with a relative path starting at `directory`."""
        return self if self.file is None else self.model_copy(update={"file": directory / self.file})


class Vector:
    """`[n, width]`: vectors centred on the training mean and scaled by one factor to unit variance.

    A missing vector, one of another width, or one with a missing number is the zero vector.
    The vectors of a file are kept with the feature.
    """

    kind: ClassVar[str] = "vector"
    settings_class: ClassVar[type[Settings]] = VectorSettings

    def __init__(self, settings: VectorSettings) -> None:
        self.settings = settings
        self.mean_: Array = np.zeros(0)
        self.scale_ = 1.0
        self.ids_ = pl.Series(dtype=pl.String)
        self.kept_: Array = np.zeros((0, 0), dtype=np.float32)

    @property
    def form(self) -> Form:
        """A vector as wide as those of training; 0 before fitting."""
        return Form("vector", len(self.mean_))

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn width, mean vector and spread of `[n]` vectors, missing ones left out; without any the width is 1.

        Every user or item counts once, however many `events` they have.

        Raises:
            RecipeError: when the file is not there or of another kind.
            DataError: when it does not hold ids and vectors of one width.
        """
        if self.settings.file is not None:
            self.ids_, self.kept_ = _read(self.settings.file)
        width = self.kept_.shape[1] if self.settings.file is not None else _width(values)
        vectors = self._vectors(values, width)
        present = vectors[~np.isnan(vectors).any(axis=1)]
        self.mean_ = present.mean(axis=0) if len(present) else np.zeros(width)
        spread = float((present - self.mean_).std()) if len(present) else 0.0
        self.scale_ = 1 / spread if spread > 0 else 1.0
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, width]`, float32, finite, each number within ±100."""
        standard = (self._vectors(values, len(self.mean_)) - self.mean_) * self.scale_
        whole = ~np.isnan(standard).any(axis=1, keepdims=True)
        vectors: Array = np.clip(np.where(whole, standard, 0), -100, 100).astype(np.float32)
        return vectors

    def inverse(self, array: Array) -> pl.Series:
        """The vectors as they came, lists of numbers."""
        return pl.Series((np.asarray(array, dtype=np.float64) / self.scale_ + self.mean_).tolist(), dtype=pl.List(pl.Float64))

    def names(self) -> list[str]:
        """What each number stands for: its place."""
        return [f"number {place}" for place in range(1, len(self.mean_) + 1)]

    def _vectors(self, values: pl.Series, width: int) -> Array:
        """Vectors `[n, width]`, float64; a row of NaN where there is none."""
        if self.settings.file is not None:
            places = lookup(as_text(values), self.ids_) - FIRST
            table = np.concatenate([self.kept_, np.full((1, width), np.nan)])
            of_ids: Array = table[np.where(places < 0, len(self.kept_), places)]
            return of_ids
        numbers = _numbers(values)
        return numbers if numbers.shape[1] == width else _fitting(values, width)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`scale` and `ids`, and the arrays `mean` `[width]` and `kept` `[ids, width]`."""
        return {"scale": self.scale_, "ids": self.ids_.to_list()}, {"mean": self.mean_, "kept": self.kept_}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`; the file is read no more."""
        self.scale_, self.ids_ = facts["scale"], pl.Series(facts["ids"], dtype=pl.String)
        self.mean_, self.kept_ = arrays["mean"], arrays["kept"]
        return self


def _lists(values: pl.Series) -> pl.Series:
    """Cells as lists of numbers, what is no number missing; a packed or written list is taken apart."""
    if isinstance(values.dtype, pl.Array):
        values = values.arr.to_list()
    if values.dtype == pl.String:
        values = values.str.strip_chars("[]\x1f ").str.replace_all(r"[\x1f,;\s]+", " ").str.split(" ")
    if values.dtype != pl.List:
        values = pl.Series([[number] for number in as_number(values).tolist()], dtype=pl.List(pl.Float64))
    return values.list.eval(pl.element().cast(pl.Float64, strict=False))


def _width(values: pl.Series) -> int:
    """The most frequent number of numbers in a cell, at least 1."""
    if values.dtype == pl.Struct:
        return len(values.struct.fields)
    lengths = _lists(values).list.len().drop_nulls()
    lengths = lengths.filter(lengths > 0)
    return int(lengths.mode().min()) if len(lengths) else 1  # type: ignore[arg-type]  # a length is an int


def _numbers(values: pl.Series) -> Array:
    """Several columns as `[n, columns]`; anything else as no column at all."""
    if values.dtype != pl.Struct:
        return np.zeros((len(values), 0))
    columns = [as_number(pl.Series(values.struct.field(name))) for name in values.struct.fields]
    numbers: Array = np.clip(np.stack(columns, axis=1), -LARGEST, LARGEST)
    return numbers


def _fitting(values: pl.Series, width: int) -> Array:
    found = np.full((len(values), width), np.nan)
    if values.dtype == pl.Struct:
        return found
    lists = _lists(values)
    fits = (lists.list.len() == width).fill_null(False)
    found[fits.to_numpy()] = np.clip(as_number(lists.filter(fits).explode()), -LARGEST, LARGEST).reshape(-1, width)
    return found


def _read(file: Path) -> tuple[pl.Series, Array]:
    """Ids `[n]` and vectors `[n, width]`, float32, of a file."""
    ids = file.with_suffix(".txt")
    for needed in [file, *([ids] if file.suffix == ".npy" else [])]:
        if file.suffix not in (".npy", ".parquet") or not needed.is_file():
            came = "no file there" if file.suffix in (".npy", ".parquet") else f"a file that ends in '{file.suffix}'"
            do = "Give a .parquet file, or vectors.npy with the ids in vectors.txt."
            raise RecipeError(f"vectors '{needed}'", must="a .parquet file, or a .npy file with its ids beside it", came=came, do=do)
    if file.suffix == ".npy":
        return _checked(file, pl.Series(ids.read_text(encoding="utf8").splitlines(), dtype=pl.String), np.load(file, allow_pickle=False))
    table = pl.read_parquet(file)
    rest = table.drop(table.columns[0])
    values = rest.to_series() if rest.width == 1 else rest.select(pl.struct(pl.all())).to_series()
    vectors = _numbers(values) if rest.width > 1 else _fitting(values, _width(values))
    return _checked(file, as_text(table.to_series()), vectors)


def _checked(file: Path, ids: pl.Series, vectors: Array) -> tuple[pl.Series, Array]:
    if vectors.ndim != 2 or len(vectors) != len(ids) or not vectors.shape[1] or ids.null_count() or ids.n_unique() < len(ids):
        came = f"{len(ids):,} ids, {ids.n_unique():,} different, and vectors {list(vectors.shape)}"
        do = "Write each id once, with one vector."
        raise DataError(f"vectors '{file}'", must="one vector of one width for each id", came=came, do=do)
    return ids, np.clip(vectors, -LARGEST, LARGEST).astype(np.float32)
