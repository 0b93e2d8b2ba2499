"""What has come since a network was fitted, taken in: begun from its weights, with rows for new users, items and values, and old events
learnt again beside the new ones so that little is forgotten.

Replay: Rolnick and others, Experience replay for continual learning (NeurIPS 2019).
"""

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import DataError
from penchant.training.trainer import NetworkTrainer


def update(earlier: NetworkRecommender, data: Dataset, since: float) -> NetworkRecommender:
    """A network that knows the new events too; the earlier one stays as it is.

    What it costs to learn hangs on the new events alone, not on the length of the log.

    Args:
        earlier: Fitted on a log that this one goes on.
        data: All events, old and new.
        since: Events from this time on are new, seconds since 1970.

    Raises:
        DataError: when nothing is new.
    """
    settings = earlier.recipe.training
    rows = learnt(data, since, settings.incremental.replay, settings.seed)
    own = {"epochs": settings.incremental.epochs, "learning_rate": settings.learning_rate * settings.incremental.learning_rate}
    recipe = data.recipe.model_copy(update={"training": settings.model_copy(update=own)})
    recommender = NetworkRecommender(recipe, NetworkTrainer(earlier=earlier)).fit(data.part(rows))
    recommender.recipe = recommender.recipe_ = data.recipe
    return recommender


def learnt(data: Dataset, since: float, replay: float, seed: int) -> NDArray[np.int64]:
    """The rows that are learnt from, ascending: all new ones and `replay` as many old ones, drawn anew for every `since`."""
    new = data.log.time[data.rows] >= since
    if not new.any():
        raise DataError("the log", must=f"with events from {since:.0f} on", came="none", do="Wait for events, or name an earlier time.")
    old = data.rows[~new]
    wanted = min(round(replay * int(new.sum())), len(old))
    drawn = np.random.default_rng((seed, int(since))).choice(old, wanted, replace=False)
    rows: NDArray[np.int64] = np.sort(np.concatenate([data.rows[new], drawn]))
    return rows
