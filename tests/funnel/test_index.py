"""The index: all products, products of some lists, and which of the two is made."""

import logging
from collections.abc import Callable

import numpy as np
import pytest

from penchant.funnel import exact, index
from penchant.funnel.exact import Exact
from penchant.funnel.index import Index, index_of
from penchant.funnel.near import ENOUGH, Near, of_one_length

Make = Callable[[np.ndarray], Index]


def near(vectors: np.ndarray) -> Near:
    """An index measured on its own items."""
    return Near(vectors, vectors[:32])


def plainly(
    vectors: np.ndarray, queries: np.ndarray, k: int, excluded: list[tuple[int, int]], ranked: np.ndarray | None = None
) -> tuple[list, list]:
    """The definition: every product, sorted by product and then by row."""
    rows, scores = [], []
    for place, products in enumerate(queries.astype(np.float64) @ vectors.astype(np.float64).T):
        barred = {item for query, item in excluded if query == place}
        left = [item for item in range(len(vectors)) if item not in barred and (ranked is None or ranked[item])]
        best = sorted(left, key=lambda item: (-products[item], item))[:k]
        rows.append(best + [-1] * (k - len(best)))
        scores.append([products[item] for item in best] + [-np.inf] * (k - len(best)))
    return rows, scores


def pairs(excluded: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """As `search` takes them."""
    query, item = np.array(excluded or np.zeros((0, 2)), dtype=np.int64).T
    return query, item


def whole(random: np.random.Generator, count: int, width: int = 3) -> np.ndarray:
    """Vectors of small whole numbers: their products are exact, and many are equal."""
    return random.integers(-2, 3, size=(count, width)).astype(np.float32)


@pytest.mark.parametrize("cells", [7, 100, 1_000_000])
@pytest.mark.parametrize("k", [1, 4, 60])
def test_that_all_products_are_searched_whatever_the_size_of_a_block(cells: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "CELLS", cells)
    monkeypatch.setattr(exact, "QUERIES_AT_ONCE", 5)
    random = np.random.default_rng(k)
    vectors, queries = whole(random, 50), whole(random, 12)
    excluded = [(int(q), int(i)) for q, i in random.integers((12, 50), size=(80, 2))] + [(3, item) for item in range(48)]
    excluded += excluded[:5]  # a pair may come twice
    rows, scores = Exact(vectors).search(queries, k, pairs(excluded))
    expected, products = plainly(vectors, queries, k, excluded)
    assert rows.tolist() == expected
    np.testing.assert_array_equal(scores, products)


@pytest.mark.parametrize("make", [Exact, near])
def test_that_only_ranked_items_are_listed(make: Make) -> None:
    random = np.random.default_rng(0)
    vectors, queries, ranked = whole(random, 40), whole(random, 6), random.random(40) < 0.3
    rows, _ = make(vectors).search(queries, 20, pairs([(0, 1)]), ranked)
    assert rows.tolist() == plainly(vectors, queries, 20, [(0, 1)], ranked)[0]


@pytest.mark.parametrize("make", [Exact, near])
def test_that_nobody_asking_gets_an_empty_answer_and_too_many_items_get_filled_up(make: Make) -> None:
    vectors = np.eye(3, dtype=np.float32)
    rows, scores = make(vectors).search(vectors[:0], 2)
    assert rows.shape == scores.shape == (0, 2)
    rows, scores = make(vectors).search(vectors[1:2] * 5, 4, pairs([(0, 0)]))
    assert rows.tolist() == [[1, 2, -1, -1]]
    assert scores.tolist() == [[5, 0, -np.inf, -np.inf]]


def test_that_no_more_products_are_held_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "CELLS", 64)
    held = []
    real = exact._hopeful
    monkeypatch.setattr(exact, "_hopeful", lambda products, *rest: held.append(products.numel()) or real(products, *rest))
    random = np.random.default_rng(1)
    Exact(whole(random, 100)).search(whole(random, 8), 3)
    assert len(held) == 13
    assert max(held) == 64


def test_that_vectors_of_one_length_keep_their_products() -> None:
    random = np.random.default_rng(2)
    vectors, queries = random.standard_normal((30, 5), dtype=np.float32), random.standard_normal((4, 5), dtype=np.float32)
    longer = of_one_length(vectors)
    np.testing.assert_allclose(np.linalg.norm(longer, axis=1), np.linalg.norm(vectors, axis=1).max(), rtol=1e-5)
    np.testing.assert_allclose(np.pad(queries, ((0, 0), (0, 1))) @ longer.T, queries @ vectors.T, rtol=1e-4, atol=1e-4)


def topics(items: int = 4000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around 40 centres, the popular ones longer, and 400 queries near some of them."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((40, 16), dtype=np.float32)
    vectors = centres[random.integers(40, size=items)] + 0.6 * random.standard_normal((items, 16), dtype=np.float32)
    vectors *= random.lognormal(0, 0.3, size=(items, 1)).astype(np.float32)
    return vectors, vectors[random.integers(items, size=400)] + 0.2 * random.standard_normal((400, 16), dtype=np.float32)


def test_that_the_lists_read_find_98_of_the_best_100_also_for_queries_they_were_not_chosen_by() -> None:
    vectors, queries = topics()
    found = Near(vectors, queries[:256])
    listed, best = found.search(queries[256:], 100)[0], Exact(vectors).search(queries[256:], 100)[0]
    recall = np.mean([np.isin(own, other).mean() for own, other in zip(best, listed, strict=True)])
    assert found.recall >= ENOUGH == 0.98
    assert recall > 0.97
    assert found.probes < found.faiss.nlist / 2, "and not by reading nearly everything"


def test_that_fewer_lists_than_chosen_find_too_little() -> None:
    vectors, queries = topics()
    found = Near(vectors, queries[:256])
    best = Exact(vectors).search(queries[:256], 100)[0]
    fewer = found._read(queries[:256], 100, int(found.probes * 0.7))[0]
    assert np.mean([np.isin(own, other).mean() for own, other in zip(best, fewer, strict=True)]) < 0.98


def test_that_what_is_excluded_is_made_up_for() -> None:
    vectors, queries = topics(1000)
    found, every = Near(vectors, queries[:64]), Exact(vectors)
    nearest = every.search(queries[:3], 700)[0]
    excluded = [(0, int(item)) for item in nearest[0]] + [(2, int(item)) for item in nearest[2, :5]]
    rows, scores = found.search(queries[:3], 20, pairs(excluded))
    assert (rows >= 0).all(), "700 of 1,000 items are out, and still 20 are found"
    assert not set(rows[0]) & set(nearest[0])
    assert not set(rows[2]) & set(nearest[2, :5])
    best = every.search(queries[:3], 20, pairs(excluded))[0]
    assert np.mean([np.isin(own, listed).mean() for own, listed in zip(best, rows, strict=True)]) > 0.9
    np.testing.assert_allclose(scores, np.einsum("nw,nkw->nk", queries[:3], vectors[rows]), rtol=1e-4, atol=1e-4)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_that_a_list_of_everything_is_everything() -> None:
    vectors, queries = topics(300)
    found = Near(vectors, queries[:64])
    rows, _ = found.search(queries[:4], 300, pairs([(1, 7)]))
    assert sorted(rows[0]) == list(range(300))
    assert sorted(rows[1]) == [-1, *(item for item in range(300) if item != 7)]


def test_that_equal_products_come_in_the_order_of_rows() -> None:
    vectors = np.tile(np.eye(2, dtype=np.float32), (20, 1))
    rows, _ = Near(vectors, vectors[:2]).search(vectors[:1], 40)
    assert rows[0].tolist() == [*range(0, 40, 2), *range(1, 40, 2)]


def test_that_size_decides_which_index_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = topics(200)
    assert isinstance(index_of(vectors, lambda: pytest.fail("nothing is measured on a small one")), Exact)
    monkeypatch.setattr(index, "EXACT_UP_TO", 199)
    assert isinstance(index_of(vectors, lambda: queries), Near)


def test_that_without_faiss_one_line_says_so_and_every_product_is_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(index, "EXACT_UP_TO", 10)
    monkeypatch.setattr(index, "find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert isinstance(index_of(topics(20)[0], lambda: pytest.fail("nothing is measured on an exact one")), Exact)
    assert [record.getMessage() for record in caplog.records] == [
        "20 items are searched by every product; faster with: pip install 'penchant[index]'"
    ]
