"""Exploration: declared places alone, by the chances that are told."""

from collections import Counter

import numpy as np
import pytest

from penchant.funnel.explore.explore import Drawn, explore
from penchant.funnel.explore.policies import EpsilonGreedy, GumbelTopK, LinUCB, Thompson
from penchant.funnel.explore.policy import Policy, Unsure

POLICIES: list[Policy] = [EpsilonGreedy(0.3), GumbelTopK(0.7), Thompson(300), LinUCB(2.0, 300)]


def known(n: int = 6) -> Unsure:
    """Scores that fall, the later the less sure."""
    return Unsure(np.linspace(1, 0, n), np.linspace(0.1, 0.8, n))


def drawn(
    policy: Policy, seed: int = 0, places: tuple[int, ...] = (1, 2), listed: int = 4, n: int = 6, barred: tuple[int, ...] = ()
) -> Drawn:
    """One list of the first candidates."""
    open_to = np.array([each for each in range(n) if each not in barred])
    return explore(np.arange(listed), known(n), open_to, places, policy, np.random.default_rng(seed))


def test_epsilon_greedy_by_hand() -> None:
    chances = EpsilonGreedy(0.2).chances(Unsure(np.array([1.0, 3.0, 2.0, 0.0]), np.zeros(4)), np.random.default_rng(0))
    assert chances.of == pytest.approx([0.05, 0.85, 0.05, 0.05])
    assert chances.error is None
    assert chances.draws == 0


def test_gumbel_by_hand() -> None:
    scores = np.array([np.log(1), np.log(2), np.log(5)])
    chances = GumbelTopK(1 / scores.std()).chances(Unsure(scores, np.zeros(3)), np.random.default_rng(0))
    assert chances.of == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_gumbel_is_the_order_of_scores_with_noise() -> None:
    """The exact chance of a pair of places is how often it comes out of sorting by score plus Gumbel noise."""
    scores, rng = np.array([0.0, 0.5, 1.2, -0.4]), np.random.default_rng(1)
    policy, known = GumbelTopK(1.0), Unsure(scores, np.zeros(4), unit=1.0)
    noisy = np.argsort(-(scores + rng.gumbel(size=(40_000, 4))), axis=1)[:, :2]
    often = Counter(map(tuple, noisy.tolist()))
    for (first, second), count in often.items():
        rest = np.array([each for each in range(4) if each != first])
        one = policy.chances(known, rng).of[first]
        two = policy.chances(known.take(rest), rng).of[rest.tolist().index(second)]
        assert count / 40_000 == pytest.approx(one * two, abs=0.01)


def test_a_temperature_means_the_same_at_every_place() -> None:
    every = known()
    assert every.take(np.array([4, 5])).scale == every.scale == pytest.approx(float(every.scores.std()))


def test_gumbel_of_equal_scores_is_any() -> None:
    assert GumbelTopK(0.1).chances(Unsure(np.ones(4), np.zeros(4)), np.random.default_rng(0)).of == pytest.approx([0.25] * 4)


def test_large_scores_do_not_overflow() -> None:
    chances = GumbelTopK(1e-3).chances(Unsure(np.array([1e30, -1e30]), np.zeros(2)), np.random.default_rng(0))
    assert chances.of == pytest.approx([1, 0])


def test_thompson_tells_how_often_each_is_best() -> None:
    from scipy.stats import norm

    two = Unsure(np.array([1.0, 0.0]), np.array([0.6, 0.8]))
    chances = Thompson(40_000).chances(two, np.random.default_rng(0))
    assert chances.of[0] == pytest.approx(norm.cdf(1.0), abs=0.01)  # the difference has mean 1 and deviation 1
    assert chances.error is not None
    assert chances.error[0] == pytest.approx(np.sqrt(norm.cdf(1.0) * norm.sf(1.0) / 40_000), rel=0.1)
    wide = Thompson(40_000, widening=10).chances(two, np.random.default_rng(0))
    assert wide.of[0] == pytest.approx(norm.cdf(0.1), abs=0.01)


def test_scores_unsure_together_move_together() -> None:
    same = Unsure(np.array([1.0, 0.9]), np.array([5.0, 5.0]), together=True)
    assert Thompson(500).chances(same, np.random.default_rng(0)).of == pytest.approx([1, 0])


def test_linucb_prefers_the_unsure_one_as_often_as_its_bound_is_higher() -> None:
    # 1 + 0 w against .5 + 1 w, w uniform on 0 to 2: the second wins beyond .5
    chances = LinUCB(2.0, 40_000).chances(Unsure(np.array([1.0, 0.5]), np.array([0.0, 1.0])), np.random.default_rng(0))
    assert chances.of[1] == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("policy", POLICIES)
def test_chances_add_up(policy: Policy) -> None:
    for n in (1, 2, 5):
        chances = policy.chances(known(n), np.random.default_rng(0))
        assert chances.of.sum() == pytest.approx(1)
        assert (chances.of >= 0).all()


@pytest.mark.parametrize("policy", POLICIES)
def test_only_declared_places_are_drawn(policy: Policy) -> None:
    for seed in range(200):
        found = drawn(policy, seed)
        assert found.places[[0, 3]].tolist() == [0, 3]
        assert found.propensities[[0, 3]].tolist() == [1, 1]
        assert len(set(found.places.tolist())) == 4
        assert {*found.places[[1, 2]].tolist()} <= {1, 2, 4, 5}
        assert found.explored == [1, 2]
        assert (found.propensities > 0).all()


@pytest.mark.parametrize("policy", POLICIES)
def test_what_may_not_be_explored_stays_where_it_is(policy: Policy) -> None:
    for seed in range(100):
        found = drawn(policy, seed, barred=(2, 5))
        assert found.places[2] == 2
        assert found.propensities[2] == 1
        assert 5 not in found.places
        assert found.explored == [1]


@pytest.mark.parametrize("policy", POLICIES[:2])
def test_lists_come_as_often_as_their_propensities_say(policy: Policy) -> None:
    count, told = Counter[tuple[int, ...]](), {}
    for seed in range(6000):
        found = drawn(policy, seed)
        key = tuple(found.places.tolist())
        count[key] += 1
        told[key] = float(found.propensities.prod())
    assert sum(told.values()) == pytest.approx(1, abs=0.02)
    for key, chance in told.items():
        assert count[key] / 6000 == pytest.approx(chance, abs=4 * np.sqrt(chance / 6000))


def test_a_place_is_drawn_among_its_own_kind() -> None:
    kinds = np.array([0, 1, 2, 0, 1, 2])
    for seed in range(100):
        found = explore(np.arange(4), known(), np.arange(6), (1, 2), EpsilonGreedy(1.0), np.random.default_rng(seed), kinds)
        assert kinds[found.places].tolist() == [0, 1, 2, 0]
        assert found.propensities.tolist() == [1, 0.5, 0.5, 1]


def test_the_same_seed_draws_the_same_list() -> None:
    for policy in POLICIES:
        assert drawn(policy, 5).places.tolist() == drawn(policy, 5).places.tolist()
    assert len({tuple(drawn(EpsilonGreedy(1.0), seed).places.tolist()) for seed in range(50)}) > 5


def test_a_place_with_nothing_to_choose_keeps_its_own() -> None:
    found = drawn(EpsilonGreedy(1.0), places=(1,), listed=4, n=4)
    assert found.places.tolist() == [0, 1, 2, 3]
    assert found.propensities.tolist() == [1] * 4
    assert not found.explored
    swap = drawn(EpsilonGreedy(1.0), places=(1, 2), listed=4, n=4)
    assert swap.propensities[[1, 2]].tolist() == [0.5, 1]
    assert swap.explored == [1]


def test_places_beyond_the_list_are_passed_over() -> None:
    assert drawn(EpsilonGreedy(1.0), places=(9,)).places.tolist() == [0, 1, 2, 3]
    empty = explore(np.zeros(0, dtype=np.int64), known(3), np.arange(3), (0,), EpsilonGreedy(1.0), np.random.default_rng(0))
    assert len(empty.places) == 0


def test_drawn_chances_tell_their_error() -> None:
    found = drawn(Thompson(100))
    assert found.draws == 100
    assert found.errors[0] == 0
    place = found.explored[0]
    chance = found.propensities[place]
    assert found.errors[place] == pytest.approx(np.sqrt(chance * (1 - chance) / 100))
    assert drawn(EpsilonGreedy(0.2)).draws == 0
