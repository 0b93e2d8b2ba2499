"""How an encoder's vectors are brought to one centre and spread before anything learns from them."""

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
HowWhite = Literal["none", "scale", "full"]
"""`none`: as the encoder gives them. `scale`: centred, and one factor for all numbers. `full`: centred, and no number tells of another."""
LEAST = 1e-6  # spread below which vectors count as all alike


class Whitening:
    """Vectors centred on the training mean and scaled to unit variance, or fully whitened.

    Full is the symmetric (ZCA) root of the inverse covariance, which moves vectors least of all whitenings (Kessy, Lewin and Strimmer 2018,
    section 3.1; for sentence vectors Su et al. 2021). The covariance is first shrunk towards a sphere, as far as Ledoit and Wolf 2004
    (lemma 3.2) find right for so many vectors, so that a few of them are enough.

    Args:
        how: Which of the three.
        parts: How many vectors of equal width lie one after the other, each whitened by itself.
    """

    def __init__(self, how: HowWhite = "scale", parts: int = 1) -> None:
        self.how, self.parts = how, parts
        self.mean_: Array = np.zeros(0, dtype=np.float32)
        self.scale_ = [1.0] * parts
        self.matrix_: Array = np.zeros((0, 0, 0), dtype=np.float32)

    def fit(self, vectors: Array) -> Self:
        """Learn from training vectors `[n, width]`, float32; without any, vectors stay as they come."""
        known = len(vectors) > 0 and self.how != "none"
        self.mean_ = vectors.mean(axis=0) if known else np.zeros(vectors.shape[1], dtype=np.float32)
        centred = vectors - self.mean_
        each = np.split(centred, self.parts, axis=1)
        self.scale_ = [float(1 / max(part.std(), LEAST)) if known else 1.0 for part in each]
        if self.how == "full":
            self.matrix_ = np.stack([_whitening(part.astype(np.float64)) for part in each]).astype(np.float32)
        return self

    def apply(self, vectors: Array) -> Array:
        """Vectors `[n, width]`, float32."""
        centred = vectors - self.mean_
        if self.how == "full":
            parts = centred.reshape(len(centred), self.parts, -1).astype(np.float64)  # so that a row is the same alone and among others
            turned: Array = np.matmul(parts.transpose(1, 0, 2), self.matrix_.astype(np.float64)).transpose(1, 0, 2)
            return turned.reshape(centred.shape).astype(np.float32)
        if self.parts == 1:
            return centred * self.scale_[0]
        scaled: Array = centred * np.repeat(np.array(self.scale_, dtype=np.float32), centred.shape[1] // self.parts)
        return scaled

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`scale` (of each part where there are several), the array `mean` `[width]` and, when full, `whitening` `[parts, w, w]`."""
        facts = {"scale": self.scale_[0] if self.parts == 1 else self.scale_}
        return facts, {"mean": self.mean_} | ({"whitening": self.matrix_} if self.how == "full" else {})

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state` of the same settings."""
        self.mean_ = arrays["mean"]
        self.scale_ = [facts["scale"]] if self.parts == 1 else facts["scale"]
        self.matrix_ = arrays.get("whitening", self.matrix_)
        return self


def _whitening(centred: Array) -> Array:
    """The matrix `[width, width]` after which `[n, width]` centred vectors have, as far as `n` can tell, unit covariance."""
    width = centred.shape[1]
    if not len(centred) or centred.std() < LEAST:
        return np.eye(width)
    covariance = centred.T @ centred / len(centred)
    sphere = np.trace(covariance) / width
    share = _shrinkage(centred, covariance, sphere)
    if len(centred) <= width:  # too few to reach every direction; of two, which mirror each other, chance tells nothing at all
        share = max(share, 1 / len(centred))
    values, axes = np.linalg.eigh((1 - share) * covariance + share * sphere * np.eye(width))
    # numbers that follow from others leave a direction without any spread: it is left out, not blown up
    roots = np.where(values > LEAST * values.max(), np.maximum(values, LEAST * values.max()) ** -0.5, 0.0)
    matrix: Array = (axes * roots) @ axes.T
    return matrix


def _shrinkage(centred: Array, covariance: Array, sphere: float) -> float:
    """How much of the covariance is chance, 0 to 1: the mean squared error of its entries over their distance from the sphere."""
    apart = (covariance**2).sum() - len(covariance) * sphere**2
    chance = (((centred**2).sum(axis=1) ** 2).mean() - (covariance**2).sum()) / len(centred)
    return float(np.clip(chance / apart, 0, 1)) if apart > 0 else 1.0
