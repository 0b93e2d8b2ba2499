"""A sentence encoder distilled into one vector per token: no network is asked for a text's vector, only a table.

Tulkens & van Dongen 2024, "Model2Vec: Fast State-of-the-Art Static Embeddings": the encoder's output for each token by itself, its main
directions, and weights by how frequent a token is. The weights are those of Arora et al. 2017, "A Simple but Tough-to-Beat Baseline for
Sentence Embeddings", equation 3, with a = 1e-3. Then the table is moved, no further than it pays, to where the means of the training texts
come out as the encoder's own vectors of them: ridge regression around the table, as Model2Vec's later "tokenlearn" does by gradient steps.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix

from penchant.features.kept_vectors import vectors_of
from penchant.features.language_model import LanguageModel
from penchant.schema.errors import RecipeError

Floats = NDArray[np.float32]
RARE = 1e-3
"""Arora's a: a token that makes up this share of all tokens weighs half."""
MOST_TEXTS = 4096
"""Training texts, evenly taken, that the regression reads; it takes the cube of their number."""
HELD = 8
"""One training text in so many tells how far the table is moved."""
RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""How strongly the table is held where it is, in shares of the mean squared length of a text's weights."""
FEWEST = 16
"""Training texts below which the table stays as it is."""
TOKENS_AT_ONCE = 1024
TEXTS_AT_ONCE = 4096


class StaticEncoder:
    """Vectors of texts `[n, width]` in the space of the encoder they were learnt from, float32, of length 1.

    Args:
        teacher: Asked while fitting, never afterwards.
        directions: Numbers kept per token: the strongest of its directions.
        tokens: At most so many tokens have a vector: those of the training texts first, then the tokenizer's first ones, which are its most
            frequent. Others are passed over.
    """

    def __init__(self, teacher: LanguageModel, directions: int, tokens: int) -> None:
        self.teacher, self.directions, self.tokens = teacher, directions, tokens
        self.tokenizer_: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        self.kept_: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.table_: NDArray[np.float16] = np.zeros((0, 0), dtype=np.float16)
        self.weights_: Floats = np.zeros(0, dtype=np.float32)
        self.basis_: Floats = np.zeros((0, 0), dtype=np.float32)
        self.middle_: Floats = np.zeros(0, dtype=np.float32)

    @property
    def width(self) -> int:
        """Numbers in a vector; the teacher's."""
        return self.basis_.shape[1] if len(self.middle_) else self.teacher.width

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn the table from the teacher and from texts that are not empty; from the teacher's tokens alone where there are none.

        Raises:
            RecipeError: when the teacher or its package is not there.
        """
        self.__dict__.pop("_tokenizer", None)
        self.tokenizer_ = np.frombuffer(self.teacher._parts[0].backend_tokenizer.to_str().encode(), dtype=np.uint8)
        counts = self._counted(texts)
        self.kept_ = self._chosen(counts)
        self.weights_ = _rarity(counts[self.kept_])
        lone = self._lone()
        self.middle_ = lone.mean(axis=0)
        lone = lone - self.middle_
        self.basis_ = _directions(lone, min(self.directions, *lone.shape))
        table = lone @ self.basis_.T
        if len(texts) >= FEWEST:
            table = self._moved(table, [texts[place] for place in np.linspace(0, len(texts) - 1, min(len(texts), MOST_TEXTS)).astype(int)])
        self.table_ = table.astype(np.float16)
        return self

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors `[n, width]`; of a text without a known token the middle of all."""
        found = np.zeros((len(texts), self.width), dtype=np.float32)
        table = self.table_.astype(np.float32)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = slice(start, start + TEXTS_AT_ONCE)
            found[some] = _unit(self.middle_ + (self._means(texts[some]) @ table) @ self.basis_)
        return found

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was learnt, the tokenizer included."""
        return {name: getattr(self, f"{name}_") for name in ("tokenizer", "kept", "table", "weights", "basis", "middle")}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take a `state`; the teacher is not asked."""
        self.__dict__.pop("_tokenizer", None)
        for name in self.state():
            setattr(self, f"{name}_", arrays[name])
        return self

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            must, do = "installed with its extra", "pip install 'penchant[text]'"
            raise RecipeError("text engine 'static'", must=must, came="no tokenizers package", do=do) from None
        tokenizer = Tokenizer.from_str(self.tokenizer_.tobytes().decode())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _ids(self, texts: Sequence[str]) -> Iterator[list[int]]:
        longest = self.teacher.maximum_pieces * TOKENS_AT_ONCE
        for told in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False):
            yield told.ids[:longest]

    def _counted(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """How often each token of the vocabulary stands in the texts."""
        counts = np.zeros(self._tokenizer.get_vocab_size(), dtype=np.int64)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            for ids in self._ids(texts[start : start + TEXTS_AT_ONCE]):
                np.add.at(counts, ids, 1)
        return counts

    def _chosen(self, counts: NDArray[np.int64]) -> NDArray[np.int32]:
        special = np.array(sorted(self.teacher._parts[0].all_special_ids), dtype=np.int64)
        order = np.lexsort((np.arange(len(counts)), counts == 0))  # those that were seen, then the rest, each in the tokenizer's order
        return np.sort(order[~np.isin(order, special)][: self.tokens]).astype(np.int32)

    def _lone(self) -> Floats:
        """The teacher's vectors of the kept tokens, each by itself, `[tokens, width]`; computed once per model."""
        _, begin, front, end, _ = self.teacher._frame
        keys = [sha256(f"{self.teacher._fingerprint}\0token\0{token}".encode()).digest() for token in self.kept_.tolist()]

        def compute(places: list[int]) -> Iterator[tuple[list[int], Floats]]:
            for start in range(0, len(places), TOKENS_AT_ONCE):
                some = places[start : start + TOKENS_AT_ONCE]
                yield some, self.teacher._read([[*begin, *front, int(self.kept_[place]), *end] for place in some])

        return vectors_of(keys, self.teacher.width, self.teacher.cache, compute, what="tokens")

    def _means(self, texts: Sequence[str]) -> csr_matrix:
        """How much each kept token weighs in each text `[n, tokens]`; rows add up to 1, or are empty."""
        ids = list(self._ids(texts))
        owners = np.repeat(np.arange(len(ids)), [len(each) for each in ids])
        tokens = np.fromiter((token for each in ids for token in each), dtype=np.int64, count=len(owners))
        columns = np.minimum(np.searchsorted(self.kept_, tokens), max(len(self.kept_) - 1, 0))
        known = self.kept_[columns] == tokens if len(self.kept_) else np.zeros(len(tokens), dtype=bool)
        owners, columns = owners[known], columns[known]
        weights = self.weights_[columns]
        totals = np.bincount(owners, weights, minlength=len(ids))
        shares = (weights / totals[owners]).astype(np.float32)
        return csr_matrix((shares, (owners, columns)), shape=(len(ids), len(self.kept_)))

    def _moved(self, table: Floats, texts: Sequence[str]) -> Floats:
        """The table `[tokens, directions]` moved towards the teacher's vectors of texts, which also set the middle and the scale."""
        wanted, means = self.teacher.encode(list(texts)), self._means(texts)
        self.middle_ = wanted.mean(axis=0)
        wanted = np.asarray((wanted - self.middle_) @ self.basis_.T, dtype=np.float32)
        found = means @ table
        table = table * max(float((found * wanted).sum() / max(float((found * found).sum()), 1e-12)), 0.0)
        lacking = wanted - means @ table
        held = np.arange(len(texts)) % HELD == 0
        learnt, alike = means[~held], float(means.multiply(means).sum() / means.shape[0])
        best = min((_lack(means[held], lacking[held], _change(learnt, lacking[~held], ridge * alike)), ridge) for ridge in RIDGES)
        if best[0] >= float(np.square(lacking[held]).sum()):
            return table
        return table + _change(means, lacking, best[1] * alike)


def _change(means: csr_matrix, lacking: Floats, ridge: float) -> Floats:
    """What to add to a table so that means of it give what they lack `[texts, directions]`: ridge regression, solved by text."""
    among = (means @ means.T).toarray().astype(np.float64)
    among[np.diag_indices_from(among)] += ridge
    change: Floats = (means.T @ cho_solve(cho_factor(among, overwrite_a=True), lacking.astype(np.float64))).astype(np.float32)
    return change


def _lack(means: csr_matrix, lacking: Floats, change: Floats) -> float:
    return float(np.square(lacking - means @ change).sum())


def _rarity(counts: NDArray[np.int64]) -> Floats:
    """a / (a + p) of each token, p its share of all; half a time more often than counted. Without texts by Zipf's law, p ~ 1 / rank."""
    frequent = counts + 0.5 if counts.any() else 1 / np.arange(1, len(counts) + 1)
    weights: Floats = (RARE / (RARE + frequent / frequent.sum())).astype(np.float32)
    return weights


def _directions(vectors: Floats, count: int) -> Floats:
    """The `count` directions in which centred vectors `[n, width]` differ most, as rows of length 1."""
    _, found = torch.linalg.eigh(torch.from_numpy(vectors.T @ vectors).double())
    directions: Floats = found.flip(1)[:, :count].T.float().contiguous().numpy()
    return directions


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit
