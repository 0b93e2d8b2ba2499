"""Fits a student of the ranking path, after the network is fitted."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.models.network import Encoding
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.rankers.chosen import example
from penchant.models.rankers.student import Student
from penchant.schema.sections.distillation import DistillationSettings

logger = logging.getLogger(__name__)
MOMENTS_AT_ONCE = 64
POOL = 2048
"""Items drawn for a few moments, of which each gets those nearest to its user and some others."""
TOLD_APART = 1e-6
"""The least spread of a task's outputs; a teacher that always says the same is not worth dividing by."""


@dataclass(frozen=True)
class Lesson:
    """What the teacher was asked at some moments, and what it said.

    Attributes:
        encoding: Who asked, without the history, which no student reads.
        items: Candidate rows `[moments, k]`.
        standing: What was counted of them `{name: [moments, 1, k, *]}`.
        said: Raw outputs `[moments, 1, k, tasks]`.
    """

    encoding: Encoding
    items: NDArray[np.int64]
    standing: dict[str, Tensor]
    said: Tensor


def fit_student(recommender: NetworkRecommender, data: Dataset) -> Student:
    """A student that says of moments and items of a part nearly what the network's ranking path says.

    Squared error of each task's raw outputs over their spread, all tasks alike; the epoch that did best on moments held out is kept.

    Args:
        recommender: Fitted and refreshed, with a task that ranks. `[distillation]` of its recipe counts where there is one.
        data: The training part. A single event is learnt from and judged by, for want of another.
    """
    settings, seed = recommender.recipe.distillation or DistillationSettings(), recommender.recipe.training.seed
    recommender.network.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lessons = _lessons(recommender, data, settings, np.random.default_rng(seed))
        held = max(len(lessons) // 10, 1)
        student = Student(recommender.network, settings.hidden, *example(recommender))
        said = torch.cat([lesson.said.flatten(0, -2) for lesson in lessons[held:] or lessons])
        student.mean.copy_(said.mean(0))
        student.scale.copy_(said.std(0, correction=0).clamp(min=TOLD_APART))
        _learn(student, recommender, lessons[held:] or lessons, lessons[:held], settings)
    for name, share in zip(student.tasks, _explained(student, recommender, lessons[:held]).tolist(), strict=True):
        logger.info("distillation: the student explains %.1f %% of what the ranking path says of task '%s'", 100 * share, name)
    return student.eval()


def _lessons(recommender: NetworkRecommender, data: Dataset, settings: DistillationSettings, random: np.random.Generator) -> list[Lesson]:
    rows = random.permutation(data.rows)[: settings.moments]
    return [
        _lesson(recommender, data, rows[start : start + MOMENTS_AT_ONCE], settings, random)
        for start in range(0, len(rows), MOMENTS_AT_ONCE)
    ]


@torch.no_grad()
def _lesson(
    recommender: NetworkRecommender, data: Dataset, rows: NDArray[np.int64], settings: DistillationSettings, random: np.random.Generator
) -> Lesson:
    network, queries = recommender.network, Queries.at_events(data, rows)
    encoding = network.encode(recommender.batch_of(queries), recommender.item_vectors)
    items = _candidates(recommender, encoding, data.log.item[rows].astype(np.int64), settings.candidates, random)
    candidates, standing = recommender.judged(items, queries.moment)
    said = torch.stack(list(network.rank(encoding, candidates, standing).values()), dim=-1)
    light = replace(encoding, history=encoding.history[:, :0], age=encoding.age[..., :0], past=encoding.past[:, :0], repeats=None)
    return Lesson(light, items, standing, said)


def _candidates(
    recommender: NetworkRecommender, encoding: Encoding, own: NDArray[np.int64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """The event's own item, the nearest of a pool by retrieval's products, and others of it at random, `[moments, count]`."""
    pool = random.permutation(len(recommender.item_vectors))[:POOL]
    near = min((count - 1) // 2, len(pool))
    searched = recommender.known.searched[torch.from_numpy(pool)]
    places = (recommender.network.query(encoding)[:, 0] @ searched.T).topk(near, dim=1).indices.numpy()
    others = random.choice(pool, size=(len(own), count - 1 - near))
    return np.concatenate([own[:, None], pool[places], others], axis=1)


def _learn(
    student: Student, recommender: NetworkRecommender, lessons: list[Lesson], held: list[Lesson], settings: DistillationSettings
) -> None:
    optimiser = torch.optim.AdamW(student.parameters(), lr=settings.learning_rate, weight_decay=1e-4)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=settings.epochs * len(lessons))
    best, kept = -np.inf, {name: value.clone() for name, value in student.state_dict().items()}
    for _ in range(settings.epochs):
        for place in torch.randperm(len(lessons)).tolist():
            lesson = lessons[place]
            wanted = (lesson.said - student.mean) / student.scale
            loss = torch.nn.functional.mse_loss(_answer(student, recommender, lesson), wanted)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
            optimiser.step()
            rates.step()
        found = float(_explained(student, recommender, held).mean())
        if found > best:
            best, kept = found, {name: value.clone() for name, value in student.state_dict().items()}
    student.load_state_dict(kept)


def _answer(student: Student, recommender: NetworkRecommender, lesson: Lesson) -> Tensor:
    answer: Tensor = student(lesson.encoding, recommender.known.at(torch.from_numpy(lesson.items).unsqueeze(1)), lesson.standing)
    return answer


@torch.no_grad()
def _explained(student: Student, recommender: NetworkRecommender, lessons: list[Lesson]) -> Tensor:
    """The share of the variance of each task's outputs that the student gives, `[tasks]`; 1 at most."""
    said = torch.cat([lesson.said.flatten(0, -2) for lesson in lessons])
    answers = torch.cat([_answer(student, recommender, lesson).flatten(0, -2) for lesson in lessons]) * student.scale + student.mean
    return 1 - (said - answers).square().mean(0) / said.var(0, correction=0).clamp(min=TOLD_APART**2)
