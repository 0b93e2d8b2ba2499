"""What items are described with, as sequences of known words."""

from collections import Counter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.features.text import texts_of
from penchant.features.topics import words_of
from penchant.schema.recipe import Recipe

READ = ("text", "topics")  # feature kinds whose columns are descriptions


def description_columns(recipe: Recipe) -> list[str]:
    """The item columns that the recipe reads as text, or its title; none where it has neither."""
    found = [column for name, part in recipe.features.item.items() if part.kind in READ for column in part.reads(name)]
    return list(dict.fromkeys(found)) or ([recipe.data.title] if recipe.data.title else [])


def word_sequences(data: Dataset, length: int, words: int) -> tuple[NDArray[np.int64], int]:
    """The first known words of each item's description `[items, length]`, and how many words are known.

    Known are the words in most descriptions of the part's items, from 1 on, ties in the order of letters; 0 fills up. Words that are not
    known are left out. An item without a description has zeros alone.
    """
    items, columns = data.log.items, description_columns(data.recipe)
    kept = [column for column in columns if column in items.columns]
    texts = texts_of(items.select(pl.struct(kept)).to_series()) if kept else [""] * len(items)
    split = [words_of(text) for text in texts]
    counts = Counter(word for row in np.unique(data.log.item[data.rows]) for word in set(split[row]))
    known = {word: number for number, (word, _) in enumerate(sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:words], 1)}
    result = np.zeros((len(items), length), dtype=np.int64)
    for row, own in enumerate(split):
        numbers = [known[word] for word in own if word in known][:length]
        result[row, : len(numbers)] = numbers
    return result, len(known)
