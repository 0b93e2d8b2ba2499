"""What it is worth that an item was chosen before: by hand, everywhere and at some items alike, and found where it is planted."""

import math

import numpy as np
import polars as pl
import torch

from penchant.models.blocks.repeats import CountedRepeats, CountedRepeatsSettings
from penchant.models.queries import Queries
from penchant.training.trainer import fit_network
from tests.small_data import NEXT, NOON, SMALL, dataset

REPEATS = SMALL + 'repeats = { kind = "counts" }\n'
BRIEF = "[training]\nepochs = 2\nbatch_events = 256\n[serving]\nexclude_seen = false\n"


def counted(shared: tuple[str, ...] = (), order: bool = False) -> CountedRepeats:
    return CountedRepeats(CountedRepeatsSettings(), shared, order)


def test_that_without_order_or_circumstances_it_is_the_log_of_one_plus_the_count_of_visible_events() -> None:
    part = counted()
    age = torch.tensor([[[0, 0, 0, 0, -1], [0, 0, -1, -1, -1]]])
    weights = part.weigh(age, {}, {})
    assert weights.tolist() == [[[1, 1, 1, 0], [1, 0, 0, 0]]]
    past = torch.tensor([[3, 5, 3, 5]]).expand(2, -1)
    found = part.everywhere(past, weights[0], 7)
    expected = torch.zeros(2, 7)
    expected[0, 3], expected[0, 5], expected[1, 3] = math.log(3), math.log(2), math.log(2)
    torch.testing.assert_close(found, expected)


def test_that_an_event_in_the_circumstances_asked_about_weighs_more() -> None:
    part = counted(("sky", "day"))
    age = torch.zeros(1, 1, 3, dtype=torch.long)
    now = {"sky": torch.tensor([[2]]), "day": torch.tensor([[4]])}
    past = {"sky": torch.tensor([[2, 3]]), "day": torch.tensor([[4, 4]])}
    torch.testing.assert_close(part.weigh(age, now, past), torch.tensor([[[math.e, math.e**0.5]]]))


def test_that_in_a_sequence_older_events_weigh_less() -> None:
    weights = counted(order=True).weigh(torch.tensor([[[3, 2, 1, 0]]]), {}, {})[0, 0]
    fading = math.log1p(math.exp(-3.0))
    torch.testing.assert_close(weights, torch.tensor([math.exp(-2 * fading), math.exp(-fading), 1.0]))


def test_that_some_items_get_what_all_items_get() -> None:
    part = counted()
    random = torch.Generator().manual_seed(0)
    past, rows = (torch.randint(9, (4, size), generator=random) for size in (6, 5))
    weights = torch.rand(4, 6, generator=random)
    torch.testing.assert_close(part.at(past, weights, rows), part.everywhere(past, weights, 9).gather(1, rows))


def habits(users: int = 30, items: int = 40, events: int = 16) -> pl.DataFrame:
    """Every user goes round three items of their own, drawn among all."""
    random = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{own[step % 3]}", NOON + user + 60.0 * step)
        for user, own in enumerate(random.choice(items, 3, replace=False) for _ in range(users))
        for step in range(events)
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")


def share_found(lines: str) -> float:
    """How often the next item is among the best three."""
    data = dataset(habits(), NEXT + lines + BRIEF)
    train, _, test = data.split_last(1, 1)
    found, _ = fit_network(data.recipe, train).top(Queries.at_events(test, test.rows), 3, exclude_seen=False)
    return float((found == test.log.item[test.rows][:, None]).any(1).mean())


def test_that_a_habit_is_found_that_hardly_anybody_shares() -> None:
    assert share_found(REPEATS) >= share_found(SMALL) + 0.1


def test_that_candidates_are_judged_by_the_score_that_found_them() -> None:
    data = dataset(habits(users=8), NEXT + REPEATS + BRIEF)
    model = fit_network(data.recipe, data)
    asked = Queries.at_events(data, data.rows[5::16])
    encoding = model.encode(model.batch_of(asked))
    scores = model.retrieve(encoding, asked.moment)
    rows = np.tile(np.arange(scores.shape[1]), (len(scores), 1))
    np.testing.assert_allclose(model.judge(encoding, rows, asked.moment)["next"].numpy(), scores, atol=1e-5)
    assert model.network.repeats.at(encoding.past, encoding.repeats[:, 0], torch.from_numpy(rows)).max() > 0.5
