"""The item of a report's picture: which one, and how two users find it in two contexts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.evaluation.moving_item import MovingItem, Sight
from penchant.models.feature_weights import feature_weights
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries, moment_columns

ASKED = 24  # users, and as many contexts, among whom two are sought that differ
WANTED = 200  # items, those with the most events, among which one is sought that moves
CHOSEN = "Not a typical one: of {users} users, {moments} contexts and {items} frequent items of the test part, those that differ most."


@torch.inference_mode()
def moving_item(model: NetworkRecommender, test: Dataset) -> MovingItem | None:
    """How one item of a test part moves between two users and two contexts, asked as of the log's end.

    None where items stand still or the part is empty; with one user or one context in the part the picture has fewer rows.
    """
    if not model.network.dynamic.moves or not len(test):
        return None
    users, moments = _users(test), _moments(test)
    encoding = model.encode(model.batch_of(_queries(test, users, moments)))
    assert encoding.gates is not None
    gates = encoding.gates[:, 0].float().view(len(users), len(moments), -1)
    when = _farthest(gates.transpose(0, 1).flatten(1))
    who = _farthest(gates[:, when].flatten(1))
    queries = _queries(test, [users[place] for place in who], moments[when])
    counts = np.bincount(test.log.item[test.rows], minlength=len(test.log.items))
    items = np.argsort(-counts, kind="stable")[: min(WANTED, int((counts > 0).sum()))]
    chosen = CHOSEN.format(users=len(users), moments=len(moments), items=len(items))
    return _seen(model, queries, items, chosen)


def _users(test: Dataset) -> list[str]:
    """Some users of the part, evenly taken."""
    rows = np.unique(test.log.user[test.rows])
    return test.log.users["user_id"].gather(_evenly(rows)).to_list()


def _moments(test: Dataset) -> pl.DataFrame:
    """Some moments of the part, its most frequent ones; all at one time where columns tell them apart, else at times evenly taken."""
    names = [name for name in moment_columns(test.recipe) if name not in ("timestamp", "user_id")]
    if not names:
        return test.log.take(["timestamp"], np.sort(_evenly(test.rows)))
    frequent = test.log.take(names, test.rows).group_by(names, maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    last = float(test.log.time[test.rows].max())
    return frequent.drop("len").head(ASKED).with_columns(timestamp=pl.lit(last))


def _evenly(rows: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    found: NDArray[np.integer[Any]] = rows[np.unique(np.linspace(0, len(rows) - 1, ASKED).astype(int))]
    return found


def _queries(test: Dataset, users: Sequence[str], moments: pl.DataFrame) -> Queries:
    """Every user in every moment, user by user."""
    asked = pl.concat([moments] * len(users))
    return Queries.now(test.log, [user for user in users for _ in range(len(moments))], asked)


def _farthest(points: Tensor) -> list[int]:
    """The places of the two points `[n, *]` farthest from each other; the one place where there is one."""
    if len(points) < 2:
        return [0]
    apart = torch.cdist(points, points).triu(1)
    apart[0, 1] += 1e-9  # two different ones also where all are alike
    return list(divmod(int(apart.argmax()), len(points)))


def _seen(model: NetworkRecommender, queries: Queries, items: NDArray[np.integer[Any]], chosen: str) -> MovingItem:
    """Of the items the one whose vectors for those who ask lie farthest apart, for its length."""
    encoding = model.encode(model.batch_of(queries))
    rows = torch.from_numpy(items)
    vectors = model.network.move(encoding, model.known.at(rows.expand(len(queries), 1, -1))).vectors[:, 0]  # [queries, items, width]
    usual = model.usual_item_vectors[rows]
    length = usual.norm(dim=-1).clamp(min=1e-6)
    place = int(((vectors - vectors.mean(0)).norm(dim=-1).amax(0) / length).argmax())
    weights = feature_weights(model, queries, [int(items[place])] * len(queries))
    moved = (vectors[:, place] - usual[place]).norm(dim=-1) / length[place]
    moments = queries.moment.to_dicts()
    circumstances = [name for name in moments[0] if name not in ("timestamp", "user_id")]
    apart = [name for name in circumstances if len({str(moment[name]) for moment in moments}) > 1]
    sights = tuple(
        Sight(
            user=f"user {moment['user_id']}",
            context=_in_words(moment, apart or circumstances) or f"{datetime.fromtimestamp(moment['timestamp'], UTC):%Y-%m-%d %H:%M}",
            vector=tuple(vectors[number, place].tolist()),
            moved=float(moved[number]),
            weights=dict(weights.filter(pl.col("pair") == number).select("feature", "weight").iter_rows()),
        )
        for number, moment in enumerate(moments)
    )
    name = _named(model.items.row(int(items[place]), named=True), model.recipe.data.title)
    shared = _in_words(moments[0], [name for name in circumstances if name not in apart]) if apart else ""
    return MovingItem(name, tuple(usual[place].tolist()), sights, chosen, shared)


def _named(item: Mapping[str, Any], title: str | None) -> str:
    told = item.get(title or "")
    return f"Item {item['item_id']}" + (f", {told}" if told else "")


def _in_words(moment: Mapping[str, Any], names: Sequence[str]) -> str:
    """Some of the circumstances."""
    return ", ".join(f"{name} {'not known' if moment[name] is None else moment[name]}" for name in names)
