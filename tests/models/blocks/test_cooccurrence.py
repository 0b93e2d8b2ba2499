"""Where the ids' vectors start."""

import numpy as np
import torch

from penchant.models.blocks.cooccurrence import SHRINKAGE, cooccurrence_vectors

SESSION = np.array([0, 0, 1, 1, 2, 2, 3])
ITEM = np.array([1, 2, 1, 2, 3, 4, 3])


def test_that_products_are_shrunk_cosines_by_hand() -> None:
    vectors = cooccurrence_vectors(SESSION, ITEM, items=5, width=8)
    products = (vectors @ vectors.T).numpy()
    together = 2 / (2 + SHRINKAGE)  # items 1 and 2: twice each, both times together
    np.testing.assert_allclose(products[1, 1:3], [together, together], atol=1e-5)
    np.testing.assert_allclose(products[3, 4], 1 / np.sqrt((2 + SHRINKAGE) * (1 + SHRINKAGE)), atol=1e-5)
    np.testing.assert_allclose(products[1, 3:], 0, atol=1e-5)  # never in one session


def test_that_an_item_without_events_starts_at_zero() -> None:
    assert cooccurrence_vectors(SESSION, ITEM, items=5, width=4)[0].abs().max() < 1e-6


def test_that_no_events_give_zero_vectors() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert torch.equal(cooccurrence_vectors(nothing, nothing, items=3, width=4), torch.zeros(3, 4))


def test_that_a_narrow_width_keeps_the_strongest_company() -> None:
    random = np.random.default_rng(0)
    session = np.repeat(np.arange(300), 4)
    item = (session % 3) * 10 + random.integers(10, size=len(session))  # three worlds of ten items
    vectors = torch.nn.functional.normalize(cooccurrence_vectors(session, item, items=30, width=3), dim=1)
    alike = (vectors @ vectors.T).numpy()
    world = np.arange(30) // 10
    assert alike[world[:, None] == world].min() > 0.9
    assert np.abs(alike[world[:, None] != world]).max() < 0.1
