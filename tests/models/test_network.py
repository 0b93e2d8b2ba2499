"""The ranking path: targets that are asked about cost, those that are not neither cost nor count."""

import pytest
import torch

from penchant.models.batch import gather
from penchant.models.network_recommender import NetworkRecommender
from penchant.training.trainer import NetworkTrainer
from tests.small_data import NEXT, dataset, weather

LINES = (
    NEXT
    + """
[features]
user.user_id = { kind = "category" }
user.journeys = { kind = "counters", by = ["user_id"] }
item.item_id = { kind = "category" }
item.fares = { kind = "counters", of = "outside", windows = ["1d", "all"], rate = true }
context.sky = { kind = "category" }
[scenario]
column = "sky"
[history]
length = 5
[tasks.outside]
kind = "binary"
label = "outside"
[tasks.rain]
kind = "binary"
label = "sky == 'rain'"
[training]
epochs = 1
batch_events = 256
[network]
width = 8
dropout = 0.0
history = { kind = "transformer", layers = 1 }
"""
)
NETWORKS = {
    "told": "numbers = true\nmembers = 3\n",
    "fields": 'interaction = { kind = "fields" }\nscenario = { kind = "adapters" }\n',
    "spread": 'context = { kind = "gaussian" }\nscenario = { kind = "adapters" }\n',
}


@pytest.mark.parametrize("lines", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("training", [True, False])
def test_that_targets_not_asked_about_change_nothing_and_get_nothing(lines: str, training: bool) -> None:
    data = dataset(weather(users=9), LINES + lines)
    model = NetworkRecommender(data.recipe, NetworkTrainer()).fit(data)
    network = model.network.train(training)
    windows = model.windows(data.log, data.rows)
    batch = gather(data.log, model.encoded(data.log), windows, torch.arange(len(windows.length)).numpy())
    asked = torch.rand(batch.present.shape, generator=torch.Generator().manual_seed(1)) < 0.4
    outputs = {}
    for chosen in (None, asked, torch.zeros_like(asked)):
        torch.manual_seed(0)
        items = network.items({name: torch.from_numpy(array) for name, array in model.encoded(data.log).item.items()})
        encoding = network.encode(batch, items.vectors)
        candidates = items.at(torch.from_numpy(data.log.item[batch.rows]).unsqueeze(2))
        outputs[len(outputs)] = network.rank(encoding, candidates, batch.standing, chosen)
    everything, some, none = outputs.values()
    for name in network.tasks:
        assert some[name].shape == none[name].shape == everything[name].shape
        assert not none[name].any()
        expected = everything[name].reshape(-1, *asked.shape, 1) * asked.unsqueeze(-1)
        torch.testing.assert_close(some[name].reshape(expected.shape), expected)
