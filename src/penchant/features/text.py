"""Text read by a pretrained language model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from penchant.features.feature import Array, Form
from penchant.features.int8_encoder import Int8LanguageModel
from penchant.features.language_model import LanguageModel, Precision
from penchant.features.static_encoder import StaticEncoder
from penchant.schema.settings import Settings


class TextSettings(Settings):
    """Which model reads the text, and how."""

    model: str = "english"
    """A folder with a Hugging Face model, relative to the recipe; "english" or "multilingual" (in pip packages); or a name on the model
    hub; in this order."""
    prefix: str | None = None
    """In front of every text, as "passage: " for e5 models; what the model wants when absent."""
    engine: Literal["torch", "onnx_int8", "static"] = "torch"
    """What reads texts: the model as it is; its graph in 8 bits; or a table of one vector per token, learnt from the model and kept with
    the feature, so that who serves needs neither the model nor transformers."""
    static_width: int = Field(256, ge=1)
    """Numbers kept per token of the static engine; the vectors are as wide as the model's."""
    static_tokens: int = Field(32_768, ge=1)
    """Tokens with a vector in the static engine: those of the training texts first, then the model's most frequent."""
    precision: Precision = "bfloat16"
    maximum_pieces: int = Field(64, ge=1)
    """Of a text longer than the model reads (256 tokens for "english", 512 for "multilingual"); what follows is not read."""
    cache: Path | None = None
    """Folder for vectors by content and converted models; the user's cache folder when absent."""

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
    settings_class: ClassVar[type[Settings]] = TextSettings

    def __init__(self, settings: TextSettings) -> None:
        self.settings = settings
        self.model: LanguageModel | StaticEncoder = encoder_of(settings)
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
        if isinstance(self.model, StaticEncoder):
            self.model.fit(texts)
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
        """`scale`, the array `mean` `[width]`, and what the static engine learnt."""
        learnt = self.model.state() if isinstance(self.model, StaticEncoder) else {}
        return {"scale": self.scale_}, {"mean": self.mean_} | {f"static.{name}": array for name, array in learnt.items()}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take the scale and mean of a `state`; the model is read when the first text comes."""
        self.scale_, self.mean_ = facts["scale"], arrays["mean"]
        if isinstance(self.model, StaticEncoder):
            self.model.restore({name.removeprefix("static."): array for name, array in arrays.items() if name.startswith("static.")})
        return self


def encoder_of(settings: TextSettings) -> LanguageModel | StaticEncoder:
    """What reads texts by these settings; nothing is loaded yet."""
    model = language_model(settings)
    return StaticEncoder(model, settings.static_width, settings.static_tokens) if settings.engine == "static" else model


def language_model(settings: TextSettings) -> LanguageModel:
    """The encoder these settings ask for; nothing is loaded yet."""
    made = Int8LanguageModel if settings.engine == "onnx_int8" else LanguageModel
    return made(
        settings.model, settings.cache, prefix=settings.prefix, precision=settings.precision, maximum_pieces=settings.maximum_pieces
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
