"""Four ways to explore. Each says how likely every candidate is; one of them is then drawn by just these chances, so that the propensity
that is logged is the one it was drawn with, whether or not draws have told it."""

from dataclasses import dataclass

import numpy as np

from penchant.funnel.explore.policy import Chances, Floats, Unsure


@dataclass(frozen=True)
class EpsilonGreedy:
    """The best one, and any of all with the chance `epsilon`. Sutton and Barto, Reinforcement Learning (2018), section 2.2.

    Attributes:
        epsilon: 0 = always the best, 1 = any.
    """

    epsilon: float

    def chances(self, known: Unsure, rng: np.random.Generator) -> Chances:
        """Exact; of equal scores the first is the best."""
        found = np.full(len(known), self.epsilon / len(known))
        found[int(np.argmax(known.scores))] += 1 - self.epsilon
        return Chances(found)


@dataclass(frozen=True)
class GumbelTopK:
    """In proportion to exp(score / temperature), place after place without those taken: the order of scores with Gumbel noise. Kool, van
    Hoof and Welling, Stochastic beams and where to find them (ICML 2019).

    Attributes:
        temperature: In units of the spread of the candidates' scores: small = the best one, large = any.
    """

    temperature: float

    def chances(self, known: Unsure, rng: np.random.Generator) -> Chances:
        """Exact."""
        scale = known.scale
        if scale == 0:
            return Chances(np.full(len(known), 1 / len(known)))
        grown = np.exp((known.scores - known.scores.max()) / (scale * self.temperature))
        return Chances(grown / grown.sum())


@dataclass(frozen=True)
class Thompson:
    """As often as each one would be the best if its score were what it may be: Thompson (1933); Chapelle and Li, An empirical evaluation of
    Thompson sampling (NIPS 2011).

    Attributes:
        draws: How many draws of all scores tell the chances.
        widening: Factor of the spread.
    """

    draws: int = 200
    widening: float = 1.0

    def chances(self, known: Unsure, rng: np.random.Generator) -> Chances:
        """By draws."""
        noise = rng.standard_normal((self.draws, 1 if known.together else len(known)))
        return _by_draws(known.scores + self.widening * known.spread * noise)


@dataclass(frozen=True)
class LinUCB:
    """As often as each one is the best by its upper bound, the width of the bounds drawn anew each time: Li, Chu, Langford and Schapire,
    A contextual-bandit approach to personalized news article recommendation (WWW 2010); drawn widths by Vaswani and others, Old dog learns
    new tricks: randomized UCB for bandit problems (AISTATS 2020), as a bound of fixed width leaves nothing to chance.

    Attributes:
        width: Standard deviations at most.
        draws: How many widths tell the chances.
    """

    width: float = 2.0
    draws: int = 200

    def chances(self, known: Unsure, rng: np.random.Generator) -> Chances:
        """By draws."""
        return _by_draws(known.scores + known.spread * rng.uniform(0, self.width, (self.draws, 1)))


def _by_draws(scores: Floats) -> Chances:
    """How often each candidate is the best `[draws, n]`."""
    draws, n = scores.shape
    found = np.bincount(scores.argmax(axis=1), minlength=n) / draws
    return Chances(found, np.sqrt(found * (1 - found) / draws), draws)
