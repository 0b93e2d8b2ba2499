"""Circumstances as distributions: what they cost, what they take off a score, what is drawn from them."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, distributions

from penchant.data.dataset import Dataset
from penchant.features.feature import Form
from penchant.fitting.loop import Progress
from penchant.models.blocks.context.gaussian import Gaussian, GaussianSettings
from penchant.models.blocks.discount import Discount
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.training.trainer import NetworkTrainer
from tests.small_data import FILM_RECIPE, film_dataset

FORMS = {"sky": Form("index", 5), "hour": Form("vector", 2)}
NOW = {"sky": torch.tensor([[2, 0, 4]]), "hour": torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(0))}
RECENCY = torch.tensor([[0, 3, 7]])


def block(prior: float = 0.5, width: int = 4) -> Gaussian:
    """With weights that are not those of the start."""
    torch.manual_seed(0)
    part = Gaussian(GaussianSettings(prior=prior), FORMS, width, 0.0)
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return part


def test_that_a_value_of_which_nothing_is_known_is_the_prior() -> None:
    """An unknown value and a combination, each with a spread of 0.5: together 0.5 · √2; and at no cost."""
    part = Gaussian(GaussianSettings(prior=0.5), {"sky": Form("index", 5)}, 4, 0.0).eval()
    read = part({"sky": torch.tensor([[0]])}, torch.zeros(1, 1, dtype=torch.int64))
    assert read.spread is not None
    torch.testing.assert_close(read.spread, torch.full((1, 1, 4), 0.5 * math.sqrt(2)))
    assert read.divergence is not None
    assert read.divergence.tolist() == [[0.0]]


def test_that_the_price_is_the_divergence_from_the_prior() -> None:
    part = block().eval()
    read, mean, narrower = part(NOW, RECENCY), part.mean(NOW), part.narrower(NOW)
    mixed = part.mix(torch.cat([part.recency(RECENCY).unsqueeze(-2), mean], dim=-2).flatten(-2))
    means, logs = (torch.cat([each, own.unsqueeze(-2)], dim=-2) for each, own in zip((mean, narrower), mixed.chunk(2, -1), strict=True))
    prior = distributions.Normal(0.0, 0.5)
    expected = distributions.kl_divergence(distributions.Normal(means, 0.5 * logs.exp()), prior).sum((-1, -2))
    torch.testing.assert_close(read.divergence, expected)
    torch.testing.assert_close(read.spread, (0.5 * logs.exp()).square().sum(-2).sqrt())
    torch.testing.assert_close(read.vector, part.recency(RECENCY) + means.sum(-2))


def test_that_training_draws_from_what_an_answer_takes_the_middle_of() -> None:
    part = block()
    still = part.eval()(NOW, RECENCY)
    drawn = torch.stack([part.train()(NOW, RECENCY).vector for _ in range(4000)]).detach()
    assert still.spread is not None
    torch.testing.assert_close(drawn.mean(0), still.vector, atol=0.1, rtol=0.0)
    torch.testing.assert_close(drawn.std(0), still.spread, atol=0.0, rtol=0.06)
    again = part.eval()(NOW, RECENCY)
    assert torch.equal(again.vector, still.vector)


def test_that_a_spread_that_hurts_narrows_and_one_never_seen_stays() -> None:
    part = Gaussian(GaussianSettings(prior=0.5), {"sky": Form("index", 5)}, 2, 0.0)
    optimiser = torch.optim.Adam(part.parameters(), lr=0.02)
    now = {"sky": torch.tensor([[2]])}
    for _ in range(150):
        optimiser.zero_grad()
        read = part(now, torch.zeros(1, 1, dtype=torch.int64))
        (10 * (read.vector - 1).square().sum() + 1e-3 * read.divergence.sum()).backward()
        optimiser.step()
    assert part.narrower is not None
    seen, unseen = (part.narrower({"sky": torch.tensor([index])}) for index in (2, 3))
    assert bool((seen < -0.5).all())
    assert bool((unseen == 0).all())


def test_that_a_discount_is_strength_times_the_products_variance_by_hand() -> None:
    """(0.5 · 2)² + (1 · 3)² = 10, at a strength of log 2 where the raw one is 0."""
    discount = Discount(["like", "next"])
    with torch.no_grad():
        discount.raw[1] = 0.0
    spread, items = torch.tensor([[0.5, 1.0]]), torch.tensor([[2.0, 3.0], [0.0, 1.0]])
    torch.testing.assert_close(discount.everywhere("next", spread, items), math.log(2) * torch.tensor([[10.0, 1.0]]))
    torch.testing.assert_close(discount.at("next", spread, items[:1]), math.log(2) * torch.tensor([10.0]))
    assert float(discount.at("like", spread, items[:1])) == pytest.approx(10 * math.log(1 + math.exp(-3)))


RECIPE = FILM_RECIPE.replace("epochs = 8", "epochs = 2").replace("[training]", 'context = { kind = "gaussian" }\n[training]')


def fitted(recipe: str = RECIPE) -> tuple[Dataset, NetworkRecommender, Progress]:
    data = film_dataset(recipe)
    trainer = NetworkTrainer()
    model = NetworkRecommender(data.recipe, trainer)
    model.fit(data)
    assert trainer.progress is not None
    return data, model, trainer.progress


@pytest.mark.parametrize("balance", ["fixed", "uncertainty", "famo"])
def test_that_the_price_is_paid_under_every_balance(balance: str) -> None:
    _, model, progress = fitted(RECIPE.replace("epochs = 2", f'epochs = 2\nbalance = {{ kind = "{balance}" }}'))
    assert progress.curves[-1]["loss.context_kl"] > 0
    assert all(bool((table.weight[2:] != 0).any()) for table in model.network.context.narrower.tables.values())


def test_that_a_dearer_divergence_stays_nearer_to_the_prior() -> None:
    told = [
        fitted(RECIPE.replace('kind = "gaussian"', f'kind = "gaussian", kl_weight = {weight}'))[1].network.context for weight in (0.0, 1.0)
    ]
    free, dear = (float(context.mean.tables["feature_daypart"].weight.abs().mean()) for context in told)
    assert dear < free / 2


def test_that_scores_are_products_less_the_discount_wherever_they_are_asked() -> None:
    data, model, _ = fitted()
    queries = Queries.at_events(data, data.rows[[30, 100]])
    encoding = model.encode(model.batch_of(queries))
    assert encoding.spread is not None
    variance = ((encoding.spread * model.item_vectors) ** 2).sum(-1)
    strength = math.log1p(math.exp(float(model.network.discount.raw[-1])))
    expected = (encoding.users[:, 0] @ model.item_vectors.T - strength * variance).numpy()
    np.testing.assert_allclose(model.retrieve(encoding, queries.moment), expected, rtol=1e-4, atol=1e-5)
    rows = np.array([[3, 8], [29, 0]])
    judged = model.judge(encoding, rows, queries.moment)
    np.testing.assert_allclose(judged["next"], np.take_along_axis(expected, rows, axis=1), rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        without = model.network.rank(dataclasses.replace(encoding, spread=None), model.known.at(torch.from_numpy(rows).unsqueeze(1)), {})
    like = math.log1p(math.exp(float(model.network.discount.raw[0])))
    less = without["like"][:, 0] - like * variance.gather(1, torch.from_numpy(rows))
    torch.testing.assert_close(judged["like"], less)


def test_that_draws_move_a_score_by_the_variance_the_discount_reckons_with() -> None:
    data, model, _ = fitted()
    encoding = model.encode(model.batch_of(Queries.at_events(data, data.rows[[30, 100]])))
    generator = torch.Generator().manual_seed(5)
    scores = torch.stack([encoding.draw(generator).users[:, 0] @ model.item_vectors.T for _ in range(4000)])
    assert encoding.spread is not None
    variance: Tensor = ((encoding.spread * model.item_vectors) ** 2).sum(-1)
    torch.testing.assert_close(scores.var(0), variance, rtol=0.15, atol=1e-6)
    torch.testing.assert_close(scores.mean(0), encoding.users[:, 0] @ model.item_vectors.T, atol=0.05, rtol=0.05)
    again = torch.Generator().manual_seed(5)
    assert torch.equal(encoding.draw(torch.Generator().manual_seed(5)).users, encoding.draw(again).users)


def test_that_points_are_drawn_as_they_are() -> None:
    data, model, progress = fitted(RECIPE.replace("gaussian", "point"))
    encoding = model.encode(model.batch_of(Queries.at_events(data, data.rows[[30]])))
    assert encoding.draw(torch.Generator()) is encoding
    assert "loss.context_kl" not in progress.curves[-1]
    assert model.network.discount is None
