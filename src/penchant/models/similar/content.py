"""Vectors of items or users by what is told of them, the same for one of the catalogue and one that nobody has seen."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penchant.features.category import FIRST
from penchant.features.feature import Array, Form
from penchant.features.feature_set import FeatureSet
from penchant.models.similar.spaces import Floats, Owner

WIDE = 256
"""Values up to which each has a number of its own in the vector; of more, each has a sign in all of so many numbers."""
AT_ONCE = 4096  # rows whose signs are worked out together
_STEP, _FIRST, _SECOND = (np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Content:
    """The features of items or users side by side, without ids.

    Each feature is scaled so that those of the catalogue that have it have a mean squared length of 1 over the number of features:
    a text of 384 numbers says no more than a genre. What is missing or unknown says nothing: it is 0.

    Args:
        features: Fitted.
        owner: Of whom.
        catalogue: Their arrays of everybody known `{name: [n, *]}`, which the scale is taken from.
    """

    def __init__(self, features: FeatureSet, owner: Owner, catalogue: Mapping[str, Array]) -> None:
        key, parts = f"{owner}_id", features.parts[owner]
        ids = {name for name, form in features.forms(owner).items() if form.shape == "index" and parts[name].reads(name) == (key,)}
        self._forms = {name: form for name, form in features.forms(owner).items() if name not in ids}
        self._nothing = features.encode(owner, pl.DataFrame({key: pl.Series([None], dtype=pl.String)})) if self._forms else {}
        self._scales = {name: self._scale(name, catalogue[name]) for name in self._forms}

    @property
    def width(self) -> int:
        """Numbers of a vector; 0 where nothing but ids is told."""
        return sum(_width(form) for form in self._forms.values())

    def vectors(self, arrays: Mapping[str, Array], count: int) -> Floats:
        """Vectors `[count, width]` of those with these feature arrays `{name: [count, *]}`; zeros where nothing is known."""
        vectors, start = np.zeros((count, self.width), dtype=np.float32), 0
        for name, form in self._forms.items():
            end = start + _width(form)
            np.multiply(self._told(name, arrays[name]), self._scales[name], out=vectors[:, start:end])
            start = end
        return vectors

    def _scale(self, name: str, array: Array) -> np.float32:
        squares = np.square(self._told(name, array), dtype=np.float64).sum(axis=1)
        present = squares > 0
        return np.float32(1 / np.sqrt(squares[present].mean() * len(self._forms))) if present.any() else np.float32(0)

    def _told(self, name: str, array: Array) -> Floats:
        """One feature's numbers `[n, *]`; 0 in rows that are as those of a missing value."""
        form = self._forms[name]
        if form.shape != "vector":
            return of_values(array.reshape(len(array), -1), form.size)
        says = (array != self._nothing[name]).any(axis=1, keepdims=True)
        result: Floats = np.where(says, array, 0).astype(np.float32)
        return result


def _width(form: Form) -> int:
    return form.size if form.shape == "vector" else min(form.size, WIDE)


def of_values(values: NDArray[np.integer], size: int) -> Floats:
    """Numbers `[n, min(size, WIDE)]` of indices below `size`, `[n, m]`, that share a length of 1; those before `FIRST` say nothing.

    Up to `WIDE` values each has its own number. Of more values each is a fixed row of random signs, so that products are those of
    the values themselves but for a deviation of 1/16 (Achlioptas, Database-friendly random projections, JCSS 2003).
    """
    known = values >= FIRST
    weight = np.where(known, 1 / np.sqrt(np.maximum(known.sum(axis=1, keepdims=True), 1)), 0).astype(np.float32)
    if size <= WIDE:
        row = np.nonzero(known)[0]
        table = csr_array((weight[known], (row, values[known])), shape=(len(values), size))
        dense: Floats = table.toarray()
        return dense
    result = np.zeros((len(values), WIDE), dtype=np.float32)
    for start in range(0, len(values), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        result[part] = np.einsum("nm,nmw->nw", weight[part], _signs(values[part]))
    return result


def _signs(values: NDArray[np.integer]) -> Floats:
    """A row of `WIDE` signs of one length 1 for each value, `[..., WIDE]`: bits of SplitMix64, the same on every machine."""
    words = WIDE // 64
    places = np.arange(1, words + 1, dtype=np.uint64)
    state: NDArray[np.uint64] = (values.astype(np.uint64)[..., None] * np.uint64(words) + places) * _STEP
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    state = (state ^ (state >> np.uint64(31))).astype("<u8")
    bits = np.unpackbits(state.view(np.uint8), axis=-1)
    return (bits.astype(np.float32) * 2 - 1) * np.float32(WIDE**-0.5)
