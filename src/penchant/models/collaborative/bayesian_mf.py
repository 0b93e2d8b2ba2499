"""Ratings as mean, biases and a product of vectors, averaged over all that the data allow: Bayesian matrix factorisation.

Salakhutdinov and Mnih, Bayesian probabilistic matrix factorization using Markov chain Monte Carlo (ICML 2008). What is told of users and
items moves their prior means, as in Simm et al., Macau: scalable Bayesian multi-relational factorization with side information using
MCMC (2015). What somebody chose to rate tells of them too, as in Koren's SVD++ (KDD 2008), here of both sides.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array, hstack
from scipy.stats import wishart

from penchant.data.dataset import Dataset
from penchant.models.collaborative.attributes import attributes
from penchant.models.collaborative.biased_mf import START, Vectors, equations, products
from penchant.models.collaborative.friends import friends
from penchant.models.collaborative.interactions import sparse_from, sparse_state
from penchant.models.collaborative.pure_svd import right_singular_vectors
from penchant.models.collaborative.rating_model import RatingModel
from penchant.models.collaborative.towers import rows_or_none, scaled_rows
from penchant.models.queries import Queries
from penchant.schema.space import Range

SVD_ROUNDS = 4
EVERY = 2  # rounds from one kept draw to the next; neighbours in the chain say nearly the same
FREEDOM = 4.0  # of the noise's spread over users, as of a Student t
FLAT = 1e-3  # rate of the price's own prior: nearly none


class BayesianMF(RatingModel):
    """`mean + user bias + item bias + p q`, the mean over draws from the posterior.

    A bias and a vector together are normal around `centre + told links`, with all of the prior drawn as well: nothing is tuned but
    the sizes. `told` are the strongest directions of what was rated (not how), the recipe's `user.*` and `item.*` features, and a
    user's relations. Ratings are normal around the prediction with a precision of each user's own, so that those who rate
    erratically count less.

    A query's bias and vector are, in each draw, expected from its history, its portrait and its friends; of somebody without any
    they are the centre. An item without ratings stands where its content says.

    Args:
        factors: Length of p and q.
        directions: Of what is told, on each side.
        burn_in: Rounds of the chain before draws are kept.
        draws: Kept draws; the more, the smoother the mean.
        social: What a user's relations (the recipe's graph features of users) weigh beside what is told otherwise; 0 = nothing.
        seed: Of the chain.
    """

    kind: ClassVar[str] = "bayesian_mf"
    space: ClassVar[Mapping[str, Range]] = {
        "factors": Range(low=4, high=32, log=True),
        "directions": Range(low=20, high=400, log=True),
    }

    def __init__(
        self,
        factors: Annotated[int, Field(ge=1)] = 16,
        directions: Annotated[int, Field(ge=1)] = 100,
        burn_in: Annotated[int, Field(ge=0)] = 40,
        draws: Annotated[int, Field(ge=1)] = 50,
        social: Annotated[float, Field(ge=0)] = 0.0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.factors, self.directions, self.burn_in, self.draws = factors, directions, burn_in, draws
        self.social, self.seed = social, seed

    def _learn(self, data: Dataset) -> None:
        matrix = self.learnt(data)
        transposed = csr_array(matrix.T)
        portraits, contents = attributes(data)
        self.portraits_ = csr_array(hstack([portraits, *([scaled_rows(friends(data)) * self.social] if self.social else [])]))
        told = _told(matrix, self.portraits_), _told(transposed, contents)
        self.basis_, basis = (right_singular_vectors(each, self.directions, SVD_ROUNDS, self.seed) for each in told)
        random = np.random.default_rng(self.seed)
        users, items = (Side(rows @ turn, self.factors, random) for rows, turn in zip(told, (self.basis_, basis), strict=True))
        noise, kept = Noise(matrix), []
        for number in range(self.burn_in + EVERY * self.draws):
            users.draw_prior(random)
            left, right = equations(matrix, items.vectors)
            users.draw_vectors(noise.of_users[:, None, None] * left, noise.of_users[:, None] * right, random)
            items.draw_prior(random)
            items.draw_vectors(*equations(transposed, users.vectors, noise.of_users), random)
            noise.draw(matrix, users.vectors, items.vectors, random)
            if number >= self.burn_in and (number - self.burn_in) % EVERY == 0:
                prior = {"centre": users.centre, "links": users.links, "precision": users.precision}
                kept.append(prior | {"items": items.vectors, "noise": np.append(noise.of_users, noise.overall)})
        self.draws_ = {name: np.stack([draw[name] for draw in kept]).astype(np.float32) for name in kept[0]}
        self.draws_["noise"] = self.draws_["noise"].mean(axis=0)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Predicted ratings `[queries, items]`."""
        given = self.given(queries)
        told = _told(given, rows_or_none(self.portraits_, queries.user)) @ self.basis_
        noise = self.draws_["noise"][queries.user].astype(np.float64)  # row -1 is what holds of everybody
        total = np.zeros(given.shape)
        for centre, links, precision, items in zip(*(self.draws_[name] for name in ("centre", "links", "precision", "items")), strict=True):
            expected = centre + told @ links
            left, right = equations(given, items.astype(np.float64))
            left = noise[:, None, None] * left + precision
            right = noise[:, None] * right + expected @ precision
            total += products(np.linalg.solve(left, right[:, :, None])[:, :, 0], items)
        return self.in_stars(total / len(self.draws_["items"]))

    def state(self) -> dict[str, NDArray[Any]]:
        """The draws, what is told of users, the directions it is seen in, and the scale of the ratings."""
        sizes = {"columns": np.array([self.portraits_.shape[1]])}
        return self.draws_ | {"basis": self.basis_} | sizes | sparse_state("portraits", self.portraits_) | self.scale()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.draws_ = {name: arrays[name] for name in ("centre", "links", "precision", "items", "noise")}
        self.basis_ = arrays["basis"]
        self.portraits_ = sparse_from("portraits", arrays, (len(self.log_.users), int(arrays["columns"][0])))
        self.take_scale(arrays)


class Side:
    """Users or items: their biases and vectors, and where these are expected.

    Attributes:
        vectors: Bias, then vector `[n, 1 + factors]`.
        told: What is told of each row `[n, directions]`.
        centre, precision: Of the normal prior `[width]`, `[width, width]`.
        links: How what is told moves the mean `[directions, width]`.
        price: Precision of the links beside that of the vectors.
    """

    def __init__(self, told: NDArray[np.float32], factors: int, random: np.random.Generator) -> None:
        self.told = told.astype(np.float64)
        self.gram = self.told.T @ self.told
        self.vectors: NDArray[Any] = START * random.standard_normal((len(told), 1 + factors))
        self.vectors[:, 0] = 0
        self.links: NDArray[Any] = np.zeros((self.told.shape[1], 1 + factors))
        self.price = max(float(np.trace(self.gram)) / len(self.gram), FLAT)

    def draw_prior(self, random: np.random.Generator) -> None:
        """Centre, precision, links and their price, given the vectors (Simm et al. 2015, section 3)."""
        (rows, width), directions = self.vectors.shape, len(self.links)
        away = self.vectors - self.told @ self.links
        mean = away.mean(axis=0)
        spread = (away - mean).T @ (away - mean) + rows / (rows + 1) * np.outer(mean, mean) + self.price * self.links.T @ self.links
        scale = np.linalg.inv(np.eye(width) + spread)
        self.precision = np.atleast_2d(wishart(width + rows + directions, scale).rvs(random_state=random))
        root = np.linalg.cholesky(np.linalg.inv(self.precision))
        self.centre = rows / (rows + 1) * mean + root @ random.standard_normal(width) / np.sqrt(rows + 1)
        shaken = self.vectors - self.centre + random.standard_normal((rows, width)) @ root.T
        free = np.sqrt(self.price) * random.standard_normal((directions, width)) @ root.T
        self.links = np.linalg.solve(self.gram + self.price * np.eye(directions), self.told.T @ shaken + free)
        squares = float(((self.links @ self.precision) * self.links).sum())
        self.price = random.gamma(1 + directions * width / 2) / (FLAT + squares / 2)

    def draw_vectors(self, left: Vectors, right: Vectors, random: np.random.Generator) -> None:
        """Biases and vectors, given the prior and what the ratings ask of them, weighed by their precision."""
        expected = self.centre + self.told @ self.links
        lower = np.linalg.cholesky(left + self.precision)
        halfway = np.linalg.solve(lower, (right + expected @ self.precision)[:, :, None])
        drawn = halfway + random.standard_normal(halfway.shape)
        self.vectors = np.linalg.solve(lower.transpose(0, 2, 1), drawn)[:, :, 0]


class Noise:
    """How precisely each user's ratings follow the prediction: `overall` times what is the user's own.

    Attributes:
        overall: Precision that holds of everybody.
        of_users: That of each user `[users]`.
    """

    def __init__(self, matrix: csr_array) -> None:
        self.counts = np.diff(matrix.indptr)
        self.overall, self.of_users = 1.0, np.ones(len(self.counts))

    def draw(self, matrix: csr_array, users: Vectors, items: Vectors, random: np.random.Generator) -> None:
        """Both anew, given the vectors of users and items."""
        row, column = np.repeat(np.arange(len(users)), self.counts), matrix.indices
        predicted = users[row, 0] + items[column, 0] + (users[row, 1:] * items[column, 1:]).sum(axis=1)
        squares = np.bincount(row, (matrix.data - predicted) ** 2, len(users))
        own = self.of_users / self.overall
        self.overall = random.gamma(1 + matrix.nnz / 2) / (1 + float(own @ squares) / 2)
        own = random.gamma((FREEDOM + self.counts) / 2) / ((FREEDOM + self.overall * squares) / 2)
        self.of_users = self.overall * own


def _told(matrix: csr_array, attributes: csr_array) -> csr_array:
    """What was rated, brought to length 1, beside the attributes `[rows, columns + attributes]`, float32."""
    present = csr_array((np.ones(matrix.nnz, dtype=np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
    return csr_array(hstack([scaled_rows(present), attributes], format="csr", dtype=np.float32))
