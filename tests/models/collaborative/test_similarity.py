"""Similarities against their definitions, written down once more pair by pair without sparse matrices."""

from typing import get_args

import numpy as np
import pytest
from scipy.sparse import csr_array

from penchant.models.collaborative.similarity import Kind, Similarity, keep_nearest


def ratings(rows: int, columns: int, seed: int) -> np.ndarray:
    """Ratings from 1 to 5, NaN where there is none; every row has one."""
    random = np.random.default_rng(seed)
    result = random.integers(1, 6, size=(rows, columns)).astype(float)
    result[random.random(result.shape) < 0.4] = np.nan
    result[:, 0] = 3
    return result


def sparse(values: np.ndarray) -> csr_array:
    """What is present, zeros included."""
    present = ~np.isnan(values)
    return csr_array((values[present].astype(np.float32), np.nonzero(present)), shape=values.shape)


def of_ratings(one: np.ndarray, other: np.ndarray, column_means: np.ndarray, kind: str, shrinkage: float) -> float:
    both = ~np.isnan(one) & ~np.isnan(other)
    if kind == "jaccard":
        return both.sum() / ((~np.isnan(one)).sum() + (~np.isnan(other)).sum() - both.sum() + shrinkage)
    if kind == "cosine":
        norm = np.sqrt(np.nansum(one**2) * np.nansum(other**2))
        return np.sum(one[both] * other[both]) / (norm + shrinkage)
    one, other = (x - np.nanmean(x) if kind == "pearson" else x - column_means for x in (one, other))
    norm = np.sqrt(np.sum(one[both] ** 2) * np.sum(other[both] ** 2))
    return np.sum(one[both] * other[both]) / (norm + shrinkage) if norm else 0.0


@pytest.mark.parametrize("kind", get_args(Kind))
def test_that_similarities_of_ratings_are_their_definitions(kind: Kind) -> None:
    known, asked = ratings(7, 9, seed=1), ratings(4, 9, seed=2)
    found = Similarity(sparse(known), kind, 2.0, "ratings").to(sparse(asked))
    means = np.nanmean(known, axis=0)
    expected = [[of_ratings(one, other, means, kind, 2.0) for other in known] for one in asked]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_that_similarities_of_events_take_an_absence_for_a_zero(kind: Kind) -> None:
    known, asked = (np.nan_to_num(ratings(rows, 9, seed)) > 0 for rows, seed in ((7, 3), (4, 4)))
    found = Similarity(csr_array(known.astype(np.float32)), kind, 0.0).to(csr_array(asked.astype(np.float32)))
    for row, one in zip(found, asked, strict=True):
        for value, other in zip(row, known, strict=True):
            centred = (one - known.mean(axis=0), other - known.mean(axis=0))
            expected = {
                "jaccard": (one & other).sum() / (one | other).sum(),
                "cosine": (one & other).sum() / np.sqrt(one.sum() * other.sum()),
                "pearson": np.corrcoef(one, other)[0, 1],
                "adjusted_cosine": centred[0] @ centred[1] / np.linalg.norm(centred[0]) / np.linalg.norm(centred[1]),
            }
            assert value == pytest.approx(expected[kind], abs=1e-5)


@pytest.mark.parametrize("values", ["events", "ratings"])
@pytest.mark.parametrize("kind", get_args(Kind))
def test_that_a_vector_with_nothing_in_it_is_like_nothing(kind: Kind, values: str) -> None:
    known = csr_array(np.array([[0, 0, 0], [1, 1, 0]], dtype=np.float32))
    found = Similarity(known, kind, 0.0, values).to(known)  # type: ignore[arg-type]  # one of the two
    assert np.isfinite(found).all()
    assert kind == "adjusted_cosine" or not found[0].any()


def test_that_shrinkage_is_added_to_the_norm() -> None:
    known = csr_array(np.array([[1, 1, 0, 0], [1, 0, 0, 0]], dtype=np.float32))
    assert Similarity(known, "cosine", 3.0).to(known)[0, 1] == pytest.approx(1 / (np.sqrt(2) + 3))


def test_that_only_the_nearest_are_kept_and_none_that_are_unlike() -> None:
    kept = keep_nearest(np.array([[0.1, 0.5, -0.3, 0.4], [-0.2, -0.1, 0.0, 0.7]], dtype=np.float32), 2).toarray()
    np.testing.assert_allclose(kept, [[0, 0.5, 0, 0.4], [0, 0, 0, 0.7]])
    whole = keep_nearest(np.array([[0.1, -0.5]], dtype=np.float32), 9).toarray()
    np.testing.assert_allclose(whole, [[0.1, 0]])
