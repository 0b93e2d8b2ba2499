"""What a feature is: a column turned into one of three forms a network can embed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel

from penchant.schema.kinds import choose
from penchant.schema.sections.features import FeaturePart
from penchant.schema.sections.part import Part

Array = NDArray[Any]
LINE = Part(kind="linear")


@dataclass(frozen=True)
class Form:
    """How a feature's array is read.

    `index`: int64 `[n]` below `size`; 0 is unknown. `bag`: int64 `[n, m]` below `size`; 0 is padding.
    `vector`: float32 `[n, size]`, finite.

    Attributes:
        shape, size: As above.
        states: How many states of a pretrained encoder lie one after the other in a vector; 0 for what no encoder made.
        adaptor: A vector's road to the network's width; the network says which.
    """

    shape: Literal["index", "bag", "vector"]
    size: int
    states: int = 0
    adaptor: Part = LINE


@dataclass(frozen=True)
class Without:
    """Events that are asked about as if they had not been, pair by pair with the rows that are asked without them.

    Attributes:
        row: Which row of those asked is without the event `[m]`.
        event: Which event `[m]`.
        events: What the feature reads of each event `[events]`.
    """

    row: Array
    event: Array
    events: pl.Series


@runtime_checkable
class Feature(Protocol):
    """One kind of feature. Fitted on training values only, then the same for a column offline and a request online."""

    kind: ClassVar[str]
    settings_class: ClassVar[type[BaseModel]]

    def __init__(self, settings: Any) -> None: ...

    @property
    def form(self) -> Form:
        """How the arrays are read; known once fitted."""

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn from training values.

        Args:
            values: `[n]`, missing ones allowed; one per user or item, or one per event.
            events: How many training events each is of, whole numbers `[n]`; one each when None.
        """

    def transform(self, values: pl.Series) -> Array:
        """Values `[n]` to an array of this feature's form; unknown and missing values never fail."""

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What was learnt, as JSON and arrays."""

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The inverse of `state`."""


@runtime_checkable
class AsOf(Protocol):
    """A feature whose value depends on what happened before: it is shown the past, and then each new event."""

    def remember(self, past: pl.Series) -> None:
        """Take a log's events `[n]`, in any order, as everything that is known; what was known before is forgotten."""

    def observe(self, event: Mapping[str, Any]) -> None:
        """Add one event `{column: value}`; a column it lacks is missing."""

    def keys(self, frame: pl.DataFrame) -> pl.Series:
        """Whose past each row asks for, as texts `[n]`; missing for nobody's. The same for features that ask by the same columns."""

    def as_of(self, keys: pl.Series, times: Array, without: Without | None = None) -> Array:
        """The feature's array for these keys as of `times`, seconds since 1970, `[n]`; some rows as if some events had not been."""


@runtime_checkable
class Pretrained(Protocol):
    """A feature that runs a pretrained network, milliseconds to seconds a value; serving asks a process of its own for the arrays."""

    @property
    def runs_network(self) -> bool:
        """Whether it does as it is set."""


@runtime_checkable
class Grows(Protocol):
    """A feature with a vocabulary that can take in what has come since, without a change to what it holds."""

    def grow(self, values: pl.Series, events: Array | None = None) -> Self:
        """Takes in values `[n]`, told how many events each has, as `Feature.fit`."""


@runtime_checkable
class Placed(Protocol):
    """Settings that name files."""

    def within(self, directory: Path) -> Self:
        """The same with relative paths starting at `directory`."""


@runtime_checkable
class Filed(Protocol):
    """A feature with files of its own beside what it learnt."""

    def write_files(self, directory: Path) -> None:
        """Write them into the folder of a bundle."""

    def read_files(self, directory: Path) -> None:
        """Take them from there, after `restore`; they are read when they are needed."""


def build(part: FeaturePart, where: str, directory: Path = Path(".")) -> Feature:
    """The unfitted feature a recipe names.

    Args:
        part: The recipe's lines.
        where: What an error calls it ("features, user.age").
        directory: Where the relative paths of its settings start.
    """
    kind, settings = choose(part, "penchant.features", where)
    feature: Feature = kind(settings.within(directory) if isinstance(settings, Placed) else settings)
    return feature


def names_of(feature: Feature) -> list[str]:
    """What each index or number of a fitted feature stands for, `[form.size]`, for explanations.

    A kind that has no `names` (the axes of a language model mean nothing one by one) gets them numbered.
    """
    named = getattr(feature, "names", None)
    return list(named()) if named else [f"{place + 1} of {feature.form.size}" for place in range(feature.form.size)]


def fields_of(values: pl.Series, count: int) -> list[pl.Series]:
    """The columns of a feature that reads several: `count` of them, in the recipe's order; those that are not there are missing."""
    own = [pl.Series(values.struct.field(name)) for name in values.struct.fields] if values.dtype == pl.Struct else [values]
    return [*own, *(pl.Series([None] * len(values), dtype=pl.Null) for _ in range(count - len(own)))]


def as_text(values: pl.Series) -> pl.Series:
    """Values as text; whole numbers without a fraction (`3.0` is `3`), true and false as 1 and 0, lists joined, NaN missing."""
    if values.dtype == pl.Boolean:
        values = values.cast(pl.Int8)
    if values.dtype == pl.List:
        values = values.list.eval(pl.element().cast(pl.String)).list.join(" ")
    if values.dtype.is_float():
        number = pl.col("number")
        whole = number.cast(pl.Int64, strict=False)
        text = pl.when(whole == number).then(whole.cast(pl.String)).otherwise(number.cast(pl.String))
        return pl.DataFrame({"number": values.fill_nan(None)}).select(text).to_series()
    return values.cast(pl.String)


def as_number(values: pl.Series) -> Array:
    """Values as float64 `[n]`; what is no number is NaN."""
    if values.dtype.is_temporal():
        values = values.dt.epoch("ms") / 1000
    numbers = values.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(numbers), numbers, np.nan)
