"""Whitening: centres, scales, and takes out what numbers tell of one another, however few vectors there are."""

import json

import numpy as np
import pytest

from penchant.features.whitening import Array, Whitening, _shrinkage, _whitening


def uneven(rows: int, width: int, seed: int = 0) -> Array:
    """Vectors whose numbers follow one another and spread unequally, as those of encoders do."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width)) * np.linspace(0.1, 2, width) + np.eye(width)
    mixed = random.normal(size=(rows, width)) @ mixing
    return (mixed + 3).astype(np.float32)


def test_that_scaling_centres_and_brings_the_spread_to_one_by_one_factor() -> None:
    found = Whitening().fit(np.array([[1, 10], [3, 10]], dtype=np.float32))  # centred: ±1 and 0, of which the deviation is root half
    np.testing.assert_allclose(found.apply(np.array([[1, 10], [3, 12]], dtype=np.float32)), np.array([[-1, 0], [1, 2]]) * 2**0.5, rtol=1e-6)


def test_that_none_leaves_vectors_as_they_are() -> None:
    vectors = uneven(20, 5)
    assert np.array_equal(Whitening("none").fit(vectors).apply(vectors), vectors)


def test_that_full_whitening_gives_no_mean_and_the_identity_as_covariance() -> None:
    vectors = uneven(50_000, 12)
    white = Whitening("full").fit(vectors).apply(vectors)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(12), atol=0.03)


def test_that_full_whitening_turns_vectors_no_further_than_it_must() -> None:
    """ZCA: its matrix is symmetric and positive, unlike that of principal components, which turns the axes."""
    matrix = _whitening(uneven(500, 6).astype(np.float64) - 3)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)
    assert np.linalg.eigvalsh(matrix).min() > 0


@pytest.mark.parametrize("rows", [2, 5, 30])
def test_that_fewer_texts_than_numbers_are_enough(rows: int) -> None:
    whitening = Whitening("full").fit(uneven(rows, 40))
    known, new = whitening.apply(uneven(rows, 40)), whitening.apply(uneven(1000, 40, seed=1))
    assert np.isfinite(known).all()
    assert np.isfinite(new).all()
    assert np.abs(new).max() < 100  # what no text had anything of is not blown up
    assert np.linalg.eigvalsh(np.cov(new.T)).min() > 1e-5  # nor is it lost


@pytest.mark.parametrize("vectors", [np.zeros((0, 4)), np.ones((1, 4)), np.ones((9, 4))], ids=["none", "one", "all alike"])
@pytest.mark.parametrize("how", ["none", "scale", "full"])
def test_that_vectors_that_tell_nothing_of_the_spread_harm_nothing(how: str, vectors: Array) -> None:
    whitening = Whitening(how).fit(vectors.astype(np.float32))  # type: ignore[arg-type]  # pytest's parameters are texts
    assert np.isfinite(whitening.apply(np.ones((2, 4), dtype=np.float32))).all()


def test_that_the_shrinkage_is_that_of_ledoit_and_wolf() -> None:
    sklearn = pytest.importorskip("sklearn.covariance")
    for rows, width in ((5, 20), (60, 20), (3000, 20)):
        vectors = uneven(rows, width).astype(np.float64)
        centred = vectors - vectors.mean(axis=0)
        covariance = centred.T @ centred / rows
        own = _shrinkage(centred, covariance, float(np.trace(covariance) / width))
        assert own == pytest.approx(sklearn.ledoit_wolf_shrinkage(vectors), abs=1e-9)


@pytest.mark.parametrize("how", ["scale", "full"])
def test_that_each_state_is_whitened_by_itself(how: str) -> None:
    one, other = uneven(400, 4), 100 * uneven(400, 4, seed=1)
    both = Whitening(how, parts=2).fit(np.hstack([one, other])).apply(np.hstack([one, other]))  # type: ignore[arg-type]  # as above
    apart = [Whitening(how).fit(each).apply(each) for each in (one, other)]  # type: ignore[arg-type]  # as above
    np.testing.assert_allclose(both, np.hstack(apart), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("how", "parts"), [("none", 1), ("scale", 1), ("scale", 2), ("full", 1), ("full", 2)])
def test_that_what_was_learnt_survives_json(how: str, parts: int) -> None:
    vectors = uneven(30, 6)
    learnt = Whitening(how, parts).fit(vectors)  # type: ignore[arg-type]  # as above
    facts, arrays = learnt.state()
    again = Whitening(how, parts).restore(json.loads(json.dumps(facts)), arrays)  # type: ignore[arg-type]  # as above
    assert np.array_equal(again.apply(vectors), learnt.apply(vectors))


def test_that_a_vector_is_the_same_alone_and_among_others() -> None:
    vectors = uneven(30, 64)
    whitening = Whitening("full").fit(vectors)
    alone = np.concatenate([whitening.apply(vectors[row : row + 1]) for row in range(30)])
    np.testing.assert_allclose(alone, whitening.apply(vectors), atol=1e-6)
