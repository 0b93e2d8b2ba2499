"""What texts are about: topics found in the training texts, each named by its words."""

import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy.sparse import csr_matrix, diags_array

from penchant.features.feature import Array, Form
from penchant.features.text import texts_of
from penchant.schema.errors import RecipeError
from penchant.schema.settings import Settings

IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"[{IDEOGRAPHS}]+|[^\W\d_{IDEOGRAPHS}]{{2,}}")
SWEEPS = 100  # of coordinate descent; a fixed number, so that a text's topics do not depend on its neighbours
BETWEEN_WORDS = " · "


class TopicsSettings(Settings):
    """How many topics, and which words they are made of."""

    topics: int = Field(20, ge=1, le=500)
    words: int = Field(5_000, ge=1)
    """The words kept: those in the most texts."""
    minimum_texts: int = Field(3, ge=1)
    """Words in fewer training texts are left out."""
    maximum_share: float = Field(0.3, gt=0, le=1)
    """Words in a larger share of the training texts say nothing and are left out; nothing is, while there are fewer than ten texts."""
    words_in_name: int = Field(3, ge=1, le=10)
    seed: int = Field(0, ge=0, lt=2**31)


class Topics:
    """`[n, topics]`: each topic's share in the text, summing to 1; all 0 for missing texts and texts without a known word.

    Non-negative factors (Lee and Seung, Nature 1999) of the texts' TF-IDF. A word is a run of letters; a run of Chinese or Japanese
    characters is taken as its pairs, as most Chinese words are two characters long. Scikit-learn is needed to fit, not to transform.
    Topics that training texts could not fill (too few texts or words) are always 0.
    """

    kind: ClassVar[str] = "topics"
    settings_class: ClassVar[type[Settings]] = TopicsSettings

    def __init__(self, settings: TopicsSettings) -> None:
        self.settings = settings
        self._know([], np.zeros(0), np.zeros((settings.topics, 0)))

    def _know(self, words: Sequence[str], rarity: Array, topics: Array) -> None:
        self.words_, self.rarity_, self.topics_ = list(words), rarity, topics
        self._places = {word: place for place, word in enumerate(words)}
        self._likeness = topics @ topics.T

    @property
    def form(self) -> Form:
        """A vector with a number per topic."""
        return Form("vector", self.settings.topics)

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn words and topics of `[n]` texts; every item counts once, however many `events` it has.

        Raises:
            RecipeError: when scikit-learn is not there.
        """
        texts = [words for words in map(words_of, texts_of(values)) if words]
        found = Counter(word for words in texts for word in set(words))
        kept = self._kept(found, len(texts))
        rarity = np.log((1 + len(texts)) / (1 + np.array([found[word] for word in kept], dtype=np.float64))) + 1
        self._know(kept, rarity, np.zeros((self.settings.topics, len(kept))))
        if kept:
            weights = self._weights(texts)
            topics = _factors(weights[weights.getnnz(axis=1) > 0], self.settings.topics, self.settings.seed)
            self._know(kept, rarity, topics)
        return self

    def _kept(self, found: Counter[str], texts: int) -> list[str]:
        """The vocabulary in text order, from the number of texts each word is in."""
        settings = self.settings
        most = settings.maximum_share * texts if texts >= 10 else texts
        least = min(settings.minimum_texts, max(texts // 2, 1))
        common = _stop_words()
        counts = [(-count, word) for word, count in found.items() if least <= count <= most and word not in common]
        return sorted(word for _, word in sorted(counts)[: settings.words])

    def transform(self, values: pl.Series) -> Array:
        """Shares `[n, topics]`, float32: non-negative least squares on the topics by coordinate descent, then divided by their sum."""
        target = np.asarray(self._weights([words_of(text) for text in texts_of(values)]) @ self.topics_.T)
        shares = np.zeros_like(target)
        for _ in range(SWEEPS):
            for topic in np.flatnonzero(self._likeness.diagonal()):
                step = (target[:, topic] - shares @ self._likeness[topic]) / self._likeness[topic, topic]
                shares[:, topic] = np.maximum(shares[:, topic] + step, 0)
        total = shares.sum(axis=1, keepdims=True)
        result: Array = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0).astype(np.float32)
        return result

    def _weights(self, texts: Sequence[Sequence[str]]) -> csr_matrix:
        """TF-IDF `[n, words]`: (1 + log count) · rarity, each row of length 1."""
        counted = [Counter(place for place in map(self._places.get, words) if place is not None) for words in texts]
        ends = np.cumsum([0, *map(len, counted)])
        places = np.array([place for counts in counted for place in counts], dtype=np.int64)
        counts = np.array([count for each in counted for count in each.values()], dtype=np.float64)
        values = (1 + np.log(counts)) * self.rarity_[places]
        weights = csr_matrix((values, places, ends), shape=(len(texts), len(self.words_)))
        lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
        return csr_matrix(diags_array(1 / np.where(lengths > 0, lengths, 1)) @ weights)

    def names(self) -> list[str]:
        """Each topic by its heaviest words ("war · soldier · army"); "topic 7" for one that is empty."""
        return [self._name(place, weights) for place, weights in enumerate(self.topics_, 1)]

    def _name(self, place: int, weights: Array) -> str:
        heaviest = [word for word in np.argsort(-weights, kind="stable")[: self.settings.words_in_name] if weights[word] > 0]
        return BETWEEN_WORDS.join(self.words_[word] for word in heaviest) or f"topic {place}"

    def inverse(self, array: Array) -> pl.Series:
        """The name of each row's largest topic; missing where all are 0."""
        names = self.names()
        return pl.Series([names[int(row.argmax())] if row.any() else None for row in array], dtype=pl.String)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`words`, and the arrays `rarity` `[words]` and `topics` `[topics, words]`."""
        return {"words": self.words_}, {"rarity": self.rarity_, "topics": self.topics_}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`; scikit-learn is not needed."""
        self._know(facts["words"], arrays["rarity"], arrays["topics"])
        return self


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; Chinese and Japanese in pairs of characters.

    >>> words_of("War of 2 Worlds: 战争电影!")
    ['war', 'of', 'worlds', '战争', '争电', '电影']
    """
    found = []
    for run in WORD.findall(text.lower()):
        pairs = re.match(f"[{IDEOGRAPHS}]{{2}}", run)
        found += [run[place : place + 2] for place in range(len(run) - 1)] if pairs else [run]
    return found


def _factors(weights: csr_matrix, topics: int, seed: int) -> Array:
    """Topics as weights of words `[topics, words]`, each of length 1 or empty."""
    from sklearn.decomposition import NMF

    possible = min(topics, *weights.shape)
    start = "nndsvd" if possible < min(weights.shape) else "random"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the last digits still move
        found = NMF(possible, init=start, max_iter=200, random_state=seed).fit(weights).components_
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    filled = np.zeros((topics, weights.shape[1]))
    filled[:possible] = np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0)
    return filled


def _stop_words() -> frozenset[str]:
    try:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
    except ImportError:
        do = "pip install 'penchant[text]'"
        raise RecipeError("feature kind 'topics'", must="fitted with its extra", came="no scikit-learn package", do=do) from None
    return frozenset(ENGLISH_STOP_WORDS)
