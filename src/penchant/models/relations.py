"""Users with users: vectors as of the newest of what is known of each, and whom they would be related to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.hits import contained
from penchant.models.queries import Queries, moment_columns
from penchant.schema.errors import TargetError, did_you_mean
from penchant.tasks.relation import Relation, Relations, key

if TYPE_CHECKING:
    from penchant.models.network_recommender import NetworkRecommender

USERS_AT_ONCE = 1024
LISTED = 10
MOST_ASKED = 2000
"""Users of held-out relations whose lists are looked at."""


def vectors_of(recommender: "NetworkRecommender", users: NDArray[np.integer[Any]]) -> Tensor:
    """Vectors `[n, width]` of user rows `[n]`, each after the last of its events and in that event's circumstances.

    Of a user without events (or row -1, nobody) no circumstance is known, and the time is that of the log's last event.
    """
    log = recommender.log_
    before = np.where(users < 0, 0, log.offsets[users + 1])
    known = before > np.where(users < 0, 0, log.offsets[users])
    last = np.where(known, before - 1, int(log.time.argmax()))
    names = [name for name in moment_columns(recommender.recipe) if name != "timestamp"]
    moment = log.take(["timestamp", *names], last).with_columns(pl.when(pl.Series(known)).then(pl.col(names)))
    queries = Queries(log, users.astype(np.int64), before, moment)
    blocks = [recommender.encode(recommender.batch_of(block)).users[:, 0] for block in queries.blocks(USERS_AT_ONCE)]
    return torch.cat(blocks) if blocks else torch.zeros(0, recommender.network.width)


def task_of(recommender: "NetworkRecommender", name: str | None) -> Relation:
    """The relation task of this name, or the first.

    Raises:
        TargetError: where the recipe has none, or none of this name.
    """
    tasks = recommender.network.relation_tasks
    if not tasks:
        do = 'Add to the recipe, for example: [tasks.friend] kind = "relation"'
        raise TargetError("relations of users", must="a task of the recipe", came="a recipe without such a task", do=do)
    if name is not None and name not in tasks:
        raise TargetError(f"task '{name}'", must="a relation task", came="another name", do=did_you_mean(name, tasks))
    return tasks[next(iter(tasks)) if name is None else name]


@torch.inference_mode()
def scores(recommender: "NetworkRecommender", task: Relation, users: Sequence[Any], others: Sequence[Any]) -> NDArray[np.float32]:
    """How strongly each user is expected to be related to the other `[n]`; only their order means something.

    Raises:
        TargetError: for lists of different lengths.
    """
    if len(users) != len(others):
        came, do = f"{len(others):,}", "Give pairs: users and others of one length."
        raise TargetError("the other users", must=f"one per user ({len(users):,})", came=came, do=do)
    ids, place = np.unique([str(name) for name in (*users, *others)], return_inverse=True)
    vectors = vectors_of(recommender, _rows(recommender, ids.tolist()))
    result: NDArray[np.float32] = task(vectors[place[: len(users)]], vectors[place[len(users) :]]).float().numpy()
    return result


@torch.inference_mode()
def best(recommender: "NetworkRecommender", task: Relation, users: Sequence[Any], k: int) -> pl.DataFrame:
    """The k users each one is most strongly expected to be related to, without itself and those it is related to already.

    Returns:
        `user_id, rank, other_id, score`, best first; fewer than k where there are no more.
    """
    everybody = np.arange(len(recommender.log_.users))
    rows = _rows(recommender, [str(name) for name in users])
    values = task.against_all(vectors_of(recommender, rows), vectors_of(recommender, everybody)).float().numpy()
    values[_related(task, recommender.related.get(task.name, NOBODY), rows, len(everybody))] = -np.inf
    found = torch.from_numpy(values).topk(min(k, len(everybody)), dim=1)
    ids, width = recommender.log_.users["user_id"], found.indices.shape[1]
    frame = pl.DataFrame(
        {
            "user_id": pl.Series([str(name) for name in users for _ in range(width)], dtype=pl.String),
            "rank": np.tile(np.arange(1, width + 1), len(rows)),
            "other_id": ids.gather(found.indices.flatten().numpy()),
            "score": found.values.flatten().numpy(),
        }
    )
    return frame.filter(pl.col("score") > -float("inf"))


@dataclass(frozen=True)
class Judged:
    """What held-out relations are measured by.

    Attributes:
        label, score, user: Held-out relations (1) and as many drawn pairs (0), with the row of the user who asks, `[n]`.
        found: Of each user who asks, the share of its held-out relations among the ten listed first `[users]`.
    """

    label: NDArray[np.float64]
    score: NDArray[np.float64]
    user: NDArray[np.int64]
    found: NDArray[np.float64]

    @property
    def metrics(self) -> dict[str, float]:
        """`auc` and `recall@10`; nan where nothing was held out."""
        return {"auc": auc(self.label, self.score), f"recall@{LISTED}": float(self.found.mean()) if len(self.found) else float("nan")}


@torch.inference_mode()
def judge(recommender: "NetworkRecommender", task: Relation, relations: Relations, seed: int = 0) -> Judged:
    """Hold relations that nothing was learnt from against pairs drawn at random, and look for them in lists of all users."""
    users = len(recommender.log_.users)
    vectors, random = vectors_of(recommender, np.arange(users)), np.random.default_rng(seed)
    pairs = task.both_ways(relations.held_out)
    every = np.unique(key(np.concatenate([task.both_ways(relations.known), pairs]), users))
    drawn = np.stack([pairs[:, 0], random.integers(users, size=len(pairs))], axis=1)
    drawn = drawn[~contained(every, key(drawn, users)) & (drawn[:, 0] != drawn[:, 1])]
    asked = np.concatenate([pairs, drawn])
    score = task(vectors[torch.from_numpy(asked[:, 0])], vectors[torch.from_numpy(asked[:, 1])]).double().numpy()
    label = np.repeat([1.0, 0.0], [len(pairs), len(drawn)])
    return Judged(label, score, asked[:, 0], _found(task, relations.known, pairs, vectors, random))


NOBODY = np.zeros((0, 2), dtype=np.int64)


def _found(
    task: Relation, known: NDArray[np.int64], held_out: NDArray[np.int64], vectors: Tensor, random: np.random.Generator
) -> NDArray[np.float64]:
    """For each user of held-out pairs `[m, 2]` (some, of many), the share of them listed first `[users]`."""
    asking = np.unique(held_out[:, 0])
    asking = np.sort(random.permutation(asking)[:MOST_ASKED])
    wanted = np.unique(key(held_out, len(vectors)))
    shares = []
    for rows in np.array_split(asking, max(-(-len(asking) // USERS_AT_ONCE), 1)):
        values = task.against_all(vectors[torch.from_numpy(rows)], vectors).float().numpy()
        values[_related(task, known, rows, len(vectors))] = -np.inf
        listed = torch.from_numpy(values).topk(min(LISTED, len(vectors)), dim=1).indices.numpy()
        hits = contained(wanted, rows[:, None] * len(vectors) + listed).sum(axis=1)
        owned = np.searchsorted(wanted, (rows + 1) * len(vectors)) - np.searchsorted(wanted, rows * len(vectors))
        shares.append(hits / np.maximum(owned, 1))
    return np.concatenate(shares)


def _related(task: Relation, known: NDArray[np.int64], rows: NDArray[np.integer[Any]], users: int) -> NDArray[np.bool_]:
    """Who is no new relation of each user: itself, and those it is related to, `[rows, users]`."""
    pairs = np.unique(key(task.both_ways(known), users))
    grid = np.stack(np.broadcast_arrays(rows[:, None], np.arange(users)), axis=-1)
    result: NDArray[np.bool_] = contained(pairs, key(grid, users)) | (grid[..., 0] == grid[..., 1])
    return result


def _rows(recommender: "NetworkRecommender", ids: Sequence[str]) -> NDArray[np.int64]:
    """User rows `[n]`, -1 for those the log does not know."""
    known = dict(zip(recommender.log_.users["user_id"], range(len(recommender.log_.users)), strict=True))
    return np.array([known.get(name, -1) for name in ids], dtype=np.int64)
