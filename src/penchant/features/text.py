"""Text read by a pretrained language model."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import AfterValidator, Field, model_validator

from penchant.features.feature import Array, Form
from penchant.features.int8_encoder import Int8LanguageModel
from penchant.features.language_model import LanguageModel, Precision
from penchant.features.sentence import Sentence
from penchant.features.static_encoder import StaticEncoder
from penchant.features.whitening import HowWhite, Whitening
from penchant.schema.errors import RecipeError
from penchant.schema.sections.part import Part
from penchant.schema.settings import ContradictionError, Settings

ENCODERS = "encoders"
"""The folder of a bundle, and of the cache, with encoders that were tuned, each in a folder named by its weights."""


def _a_sentence(template: str) -> str:
    return Sentence(template).template


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
    template: Annotated[str, AfterValidator(_a_sentence)] | None = None
    """A sentence with columns in braces, "{age} years old, likes {genres}", which names the columns that are read."""
    layers: tuple[int, ...] = ()
    """Layers of the encoder whose states are read one after the other, lower ones first, as the adaptor `side` wants them: 0 is the
    embeddings, -1 the last; the sentence vector alone when empty."""
    whitening: HowWhite = "scale"
    """`none`: vectors as the encoder gives them; `scale`: centred, with one factor; `full`: centred, with unit covariance."""
    tuning: Part | None = None
    """How the encoder itself is fitted to the events before anything else is (`lora`, `full`); not at all when absent."""
    cache_gigabytes: float = Field(20.0, gt=0)
    """The most that the vectors kept there may take; beyond it the oldest go, and are computed anew when their texts come back."""

    @model_validator(mode="after")
    def _whole_for_layers_and_tuning(self) -> Self:
        asked = "layers" if self.layers else "tuning" if self.tuning is not None else None
        if asked is not None and self.engine != "torch":
            raise ContradictionError(f"'torch' where `{asked}` is set", f"'{self.engine}'", f"Take `{asked}` out, or the engine.")
        return self

    def within(self, directory: Path) -> "TextSettings":
        """The same with relative paths starting at `directory`."""
        folder = directory / Path(self.model).expanduser()
        cache = None if self.cache is None else directory / self.cache.expanduser()
        return self.model_copy(update={"model": str(folder) if folder.is_dir() else self.model, "cache": cache})


class Text:
    """`[n, width]`: the model's sentence vectors, or states of its layers one after the other, whitened as the settings say.

    Empty and missing texts are the zero vector. Several columns are joined, or stand in a sentence; lists read as words. A vector is
    computed once per text and kept by content. Without any training text the vectors stay as the model gives them. The model is frozen;
    one that was tuned goes into the bundle.
    """

    kind: ClassVar[str] = "text"
    settings_class: ClassVar[type[Settings]] = TextSettings

    def __init__(self, settings: TextSettings) -> None:
        self.settings = settings
        self.model: LanguageModel | StaticEncoder = encoder_of(settings)
        self.tuned: Path | None = None
        self.whitening = Whitening(settings.whitening, len(settings.layers) or 1)

    @property
    def runs_network(self) -> bool:
        """Not where a table took the network's place."""
        return not isinstance(self.model, StaticEncoder)

    @property
    def form(self) -> Form:
        """A vector as wide as the model's, once for each layer that is read; 0 before fitting."""
        return Form("vector", len(self.whitening.mean_), states=self.whitening.parts)

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn the whitening of `[n]` texts, empty ones left out; vectors stay as they are where there is no text.

        Every user or item counts once, however many `events` they have.

        Raises:
            RecipeError: when the model or its package is not there, or it has no such layer.
        """
        self._check_layers()
        texts = [text for text in self.texts(values) if text]
        if isinstance(self.model, StaticEncoder):
            self.model.fit(texts)
        self.whitening.fit(self.model.encode(texts) if texts else np.zeros((0, self.model.width), dtype=np.float32))
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, width]`, float32.

        Raises:
            RecipeError: when the model or its package is not there.
        """
        texts = self.texts(values)
        present = np.array([bool(text) for text in texts], dtype=bool)
        result = np.zeros((len(texts), self.form.size), dtype=np.float32)
        if present.any():
            result[present] = self.whitening.apply(self.model.encode([text for text in texts if text]))
        return result

    def texts(self, values: pl.Series) -> list[str]:
        """What the model reads of each cell, empty where missing: its sentence, or several columns joined by ". ", lists by a space."""
        if self.settings.template is None:
            return texts_of(values)
        sentence = Sentence(self.settings.template)
        fields = values.struct.fields if values.dtype == pl.Struct else []
        return sentence.of({name: pl.Series(values.struct.field(name)) for name in fields} or {sentence.columns[0]: values})

    def read_by(self, folder: Path) -> None:
        """From now on let the model in this folder, a tuned one of the same kind, read the texts."""
        prefix = language_model(self.settings).prefix
        self.tuned, self.model = folder, language_model(self.settings, folder, prefix=prefix)

    def _check_layers(self) -> None:
        if not self.settings.layers or isinstance(self.model, StaticEncoder):
            return
        known = int(self.model.network.config.num_hidden_layers)
        strange = [layer for layer in self.settings.layers if not -known - 1 <= layer <= known]
        if strange:
            must = f"from 0, the embeddings, to {known}, the last, or from -1 backwards"
            do = f"For example layers = [{known // 3}, {2 * known // 3}, {known}]."
            raise RecipeError(f"layers of language model '{self.model.name}'", must=must, came=f"{strange[0]}", do=do)

    def names(self) -> list[str]:
        """One word per number of the vector; they mean something together only."""
        return [f"meaning {place}" for place in range(1, self.form.size + 1)]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What whitening learnt (`scale`, and the array `mean` `[width]`) and the static engine; which tuned `encoder` reads, if any."""
        facts, arrays = self.whitening.state()
        learnt = self.model.state() if isinstance(self.model, StaticEncoder) else {}
        told = {} if self.tuned is None else {"encoder": self.tuned.name}
        return facts | told, arrays | {f"static.{name}": array for name, array in learnt.items()}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`; the model is read when the first text comes. A tuned one is looked for in the cache, see `read_files`."""
        self.whitening.restore(facts, arrays)
        if isinstance(self.model, StaticEncoder):
            self.model.restore({name.removeprefix("static."): array for name, array in arrays.items() if name.startswith("static.")})
        if "encoder" in facts:
            self.read_by(language_model(self.settings).cache / ENCODERS / facts["encoder"])
        return self

    def write_files(self, directory: Path) -> None:
        """Copy the tuned encoder, if there is one, into the folder of a bundle."""
        if self.tuned is not None and not (directory / ENCODERS / self.tuned.name).is_dir():
            shutil.copytree(self.tuned, directory / ENCODERS / self.tuned.name)

    def read_files(self, directory: Path) -> None:
        """Let the bundle's tuned encoder, if there is one, read the texts."""
        if self.tuned is not None:
            self.read_by(directory / ENCODERS / self.tuned.name)


def encoder_of(settings: TextSettings) -> LanguageModel | StaticEncoder:
    """What reads texts by these settings; nothing is loaded yet."""
    model = language_model(settings)
    return StaticEncoder(model, settings.static_width, settings.static_tokens) if settings.engine == "static" else model


def language_model(settings: TextSettings, folder: Path | None = None, prefix: str | None = None) -> LanguageModel:
    """The encoder these settings ask for, or one in a folder that reads as they say; nothing is loaded yet."""
    made = Int8LanguageModel if settings.engine == "onnx_int8" else LanguageModel
    return made(
        settings.model if folder is None else str(folder),
        settings.cache,
        prefix=settings.prefix if prefix is None else prefix,
        precision=settings.precision,
        maximum_pieces=settings.maximum_pieces,
        layers=settings.layers,
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
