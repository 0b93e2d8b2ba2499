"""Text read by a pretrained language model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field

from penchant.features.feature import Array, Form
from penchant.features.language_model import LanguageModel, Precision
from penchant.schema.settings import Settings


class TextSettings(Settings):
    """Which model reads the text, and how."""

    model: str = "english"
    """A folder with a Hugging Face model, relative to the recipe; "english" or "multilingual" (in pip packages); or a name on the model
    hub; in this order."""
    prefix: str | None = None
    """In front of every text, as "passage: " for e5 models; what the model wants when absent."""
    precision: Precision = "bfloat16"
    maximum_pieces: int = Field(64, ge=1)
    """Of a text longer than the model reads (256 tokens for "english", 512 for "multilingual"); what follows is not read."""
    cache: Path | None = None
    """Folder for vectors by content and converted models; the user's cache folder when absent."""
    cache_gigabytes: float = Field(20.0, gt=0)
    """The most that the vectors kept there may take; beyond it the oldest go, and are computed anew when their texts come back."""

    def within(self, directory: Path) -> "TextSettings":
        """The same with relative paths starting at `directory`."""
        folder = directory / Path(self.model).expanduser()
        cache = None if self.cache is None else directory / self.cache.expanduser()
        return self.model_copy(update={"model": str(folder) if folder.is_dir() else self.model, "cache": cache})


class Text:
    """`[n, width]`: the frozen model's sentence vectors, centred on the training mean and scaled to unit variance.

    Empty and missing texts are the zero vector. Several columns are joined, lists read as words. A vector is computed once per text and
    kept by content. Without any training text the vectors stay as the model gives them.
    """

    kind: ClassVar[str] = "text"
    runs_network: ClassVar[bool] = True
    settings_class: ClassVar[type[Settings]] = TextSettings

    def __init__(self, settings: TextSettings) -> None:
        self.settings = settings
        self.model = language_model(settings)
        self.mean_: Array = np.zeros(0, dtype=np.float32)
        self.scale_ = 1.0

    @property
    def form(self) -> Form:
        """A vector as wide as the model's; 0 before fitting."""
        return Form("vector", len(self.mean_))

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn the mean vector and the spread of `[n]` texts, empty ones left out; zeros and 1 where there is no text.

        Every user or item counts once, however many `events` they have.

        Raises:
            RecipeError: when the model or its package is not there.
        """
        texts = [text for text in texts_of(values) if text]
        vectors = self.model.encode(texts) if texts else np.zeros((1, self.model.width), dtype=np.float32)
        self.mean_ = vectors.mean(axis=0)
        self.scale_ = float(1 / max((vectors - self.mean_).std(), 1e-6)) if texts else 1.0
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, width]`, float32; several columns are joined by ". ", lists by a space.

        Raises:
            RecipeError: when the model or its package is not there.
        """
        texts = texts_of(values)
        present = np.array([bool(text) for text in texts], dtype=bool)
        result = np.zeros((len(texts), len(self.mean_)), dtype=np.float32)
        if present.any():
            result[present] = (self.model.encode([text for text in texts if text]) - self.mean_) * self.scale_
        return result

    def names(self) -> list[str]:
        """One word per number of the vector; they mean something together only."""
        return [f"meaning {place}" for place in range(1, len(self.mean_) + 1)]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`scale`, and the array `mean` `[width]`."""
        return {"scale": self.scale_}, {"mean": self.mean_}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take the scale and mean of a `state`; the model is read when the first text comes."""
        self.scale_, self.mean_ = facts["scale"], arrays["mean"]
        return self


def language_model(settings: TextSettings) -> LanguageModel:
    """The encoder these settings ask for; nothing is loaded yet."""
    return LanguageModel(
        settings.model,
        settings.cache,
        prefix=settings.prefix,
        precision=settings.precision,
        maximum_pieces=settings.maximum_pieces,
        cache_gigabytes=settings.cache_gigabytes,
    )


def texts_of(values: pl.Series) -> list[str]:
    """Cells as stripped texts, empty where missing: several columns joined by a full stop, lists by a space, packed or not."""
    if values.dtype == pl.Struct:
        parts = [pl.Series(values.struct.field(name)) for name in values.struct.fields]
        joined = pl.DataFrame([part.cast(pl.String).alias(str(place)) for place, part in enumerate(parts)])
        values = joined.select(pl.concat_str(pl.all(), separator=". ", ignore_nulls=True)).to_series()
    if values.dtype == pl.List:
        values = values.list.eval(pl.element().cast(pl.String)).list.join(" ")
    return [text.replace("\x1f", " ").strip() for text in values.cast(pl.String).fill_null("").to_list()]
