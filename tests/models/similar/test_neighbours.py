"""The nearest vectors: by their definition, growing, and never what nothing is known of."""

import numpy as np
import pytest
from scipy.stats import pearsonr

from penchant.models.similar.neighbours import Neighbours, Vectors
from penchant.models.similar.spaces import By, Floats, Rows, Space

NOBODY: tuple[Rows, Rows] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def random_vectors(count: int, seed: int = 0) -> Vectors:
    random = np.random.default_rng(seed)
    content, behaviour = random.normal(size=(count, 7)).astype(np.float32), random.normal(size=(count, 5)).astype(np.float32)
    content[1::4], behaviour[2::4] = 0, 0
    content[3:4], behaviour[3:4] = 0, 0
    return Vectors(content, behaviour)


def likeness(one: Floats, other: Floats, by: By) -> float:
    if not (one.any() and other.any()):
        return 0.0
    return float(pearsonr(one, other).statistic if by == "pearson" else one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def expected(vectors: Vectors, space: Space, by: By) -> np.ndarray:
    """By a loop over pairs; minus infinity for what the space does not know."""
    content, behaviour = (
        np.array([[likeness(one, other, by) for other in each] for one in each]) for each in (vectors.content, vectors.behaviour)
    )
    knows = {"content": vectors.content.any(axis=1), "behaviour": vectors.behaviour.any(axis=1)}
    values = {"content": content, "behaviour": behaviour, "joint": (content + behaviour) / 2}[space]
    known = knows["content"] | knows["behaviour"] if space == "joint" else knows[space]
    return np.where(known, values, -np.inf)


@pytest.mark.parametrize("space", ["content", "behaviour", "joint"])
@pytest.mark.parametrize("by", ["cosine", "pearson"])
def test_that_found_is_what_a_loop_over_pairs_finds(space: Space, by: By) -> None:
    vectors = random_vectors(40)
    neighbours = Neighbours(vectors)
    rows, scores = neighbours.search(neighbours.units(by), 40, space, by, NOBODY)()
    wanted = expected(vectors, space, by)
    np.testing.assert_allclose(scores, -np.sort(-wanted, axis=1), atol=1e-5)
    listed = rows >= 0
    assert np.array_equal(listed, np.isfinite(scores))
    np.testing.assert_allclose(np.take_along_axis(wanted, np.maximum(rows, 0), axis=1)[listed], scores[listed], atol=1e-5)
    assert 3 not in rows, "nothing is known of it"


@pytest.mark.parametrize("space", ["content", "behaviour", "joint"])
@pytest.mark.parametrize("by", ["cosine", "pearson"])
def test_that_of_some_pairs_the_best_are_those_of_all(space: Space, by: By) -> None:
    vectors = random_vectors(40)
    neighbours = Neighbours(vectors)
    place, row = np.array([1, 0, 0, 1, 0, 0]), np.array([9, 30, 8, 3, 17, 16])
    rows, scores = neighbours.among(neighbours.units(by)[[20, 24]], 3, space, by, (place, row))()
    for asked, own in ((0, [30, 8, 17, 16]), (1, [9, 3])):
        wanted = expected(vectors, space, by)[20 + 4 * asked, own]
        best = [(own[at], wanted[at]) for at in np.argsort(-wanted) if np.isfinite(wanted[at])][:3]
        assert rows[asked][rows[asked] >= 0].tolist() == [row for row, _ in best]
        np.testing.assert_allclose(scores[asked][rows[asked] >= 0], [value for _, value in best], atol=1e-5)


def test_that_what_was_added_one_by_one_is_found_as_what_was_there() -> None:
    vectors = random_vectors(40)
    whole, grown = Neighbours(vectors), Neighbours(Vectors(vectors.content[:5], vectors.behaviour[:5]))
    grown.units("pearson")
    for row in range(5, 40):
        grown.put(np.array([row]), Vectors(vectors.content[[row]], vectors.behaviour[[row]]))
    other = random_vectors(2, seed=5)
    for each in (whole, grown):
        each.put(np.array([7, 39]), other)
    for by in ("cosine", "pearson"):
        np.testing.assert_allclose(grown.units(by), whole.units(by), atol=1e-6)
        found, wanted = (each.search(each.units(by), 9, "joint", by, NOBODY)() for each in (grown, whole))
        assert np.array_equal(found[0], wanted[0])


def test_that_new_content_leaves_what_was_done() -> None:
    vectors = random_vectors(6)
    neighbours = Neighbours(vectors)
    before = neighbours.units("cosine").copy()
    neighbours.tell(np.array([4, 6]), np.ones((2, 7), dtype=np.float32))
    after = neighbours.units("cosine")
    np.testing.assert_allclose(after[4], [*[7**-0.5] * 7, *before[4, 7:]], rtol=1e-6)
    np.testing.assert_allclose(after[6], [*[7**-0.5] * 7, *[0] * 5], rtol=1e-6)
    assert np.array_equal(after[[0, 1, 2, 3, 5]], before[[0, 1, 2, 3, 5]])


def test_that_a_search_begun_does_not_see_what_is_added_later() -> None:
    neighbours = Neighbours(random_vectors(6))
    search = neighbours.search(neighbours.units("cosine")[:1], 10, "joint", "cosine", NOBODY)
    neighbours.put(np.arange(6, 30), random_vectors(24, seed=2))
    assert search()[0].max() == 5


def test_that_a_vector_that_is_all_its_mean_has_no_pearson() -> None:
    neighbours = Neighbours(Vectors(np.array([[2, 2, 2], [1, 2, 3], [3, 2, 1]], dtype=np.float32), np.zeros((3, 0), dtype=np.float32)))
    rows, scores = neighbours.search(neighbours.units("pearson"), 3, "content", "pearson", NOBODY)()
    assert 0 not in rows
    assert scores[1].tolist() == pytest.approx([1, -1, -np.inf])
