"""Numbers as they are: every vector of users, circumstances and counted candidates, each in its place."""

import torch

from penchant.features.feature_set import FeatureSet
from penchant.models.batch import gather
from penchant.models.blocks.numbers import Numbers
from penchant.models.network_recommender import NetworkRecommender
from penchant.training.trainer import NetworkTrainer
from tests.small_data import SMALL, dataset, weather

LINES = (
    """
[features]
user.user_id = { kind = "category" }
context.hour = { kind = "time", column = "timestamp" }
context.sky = { kind = "category" }
context.so_far = { kind = "counters", by = ["sky"] }
item.fares = { kind = "counters", of = "outside", windows = ["1d", "all"], rate = true }
item.again = { kind = "counters", by = ["user_id", "item_id"] }
[features.user.journeys]
kind = "counters"
by = ["user_id"]
[features.user.age]
kind = "number"
[tasks.outside]
kind = "binary"
label = "outside"
[training]
epochs = 1
"""
    + SMALL
)


def test_that_all_vectors_stand_beside_one_another() -> None:
    users = {"user_id": [f"u{n}" for n in range(9)], "age": list(range(20, 29))}
    data = dataset(weather(users=9), LINES, users)
    model = NetworkRecommender(data.recipe, NetworkTrainer()).fit(data)
    features: FeatureSet = model.features
    batch = gather(data.log, model.encoded(data.log), model.windows(data.log, data.rows), torch.arange(3).numpy())
    numbers = Numbers(features)
    found = numbers.beside(numbers.of_who_asks(batch), batch.standing, 1)
    own = batch.profile["age"].unsqueeze(1).expand(-1, found.shape[1], -1)
    context = [batch.context[name] for name in features.forms("context") if features.forms("context")[name].shape == "vector"]
    assert {"user.journeys", "so_far", "hour"} <= features.forms("context").keys()
    assert [*batch.standing] == ["fares", "again"]
    told = torch.cat([own, *context], dim=-1).unsqueeze(2)
    expected = torch.cat([told, batch.standing["fares"], batch.standing["again"]], dim=-1)
    assert found.shape[-1] == numbers.width
    torch.testing.assert_close(found, expected)
