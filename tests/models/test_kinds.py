"""Every kind of every part of the network: trains, is saved, and answers the same when read again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.saved import read_network, write_network
from penchant.schema.errors import RecipeError
from penchant.schema.kinds import kinds_in
from penchant.training.trainer import fit_network
from tests.small_data import FILM_RECIPE, film_dataset

SLOTS = ("item", "dynamic", "history", "context", "candidate", "interaction", "scenario", "experts", "repeats")
KINDS = [(slot, kind) for slot in SLOTS for kind in sorted(kinds_in(f"penchant.models.blocks.{slot}"))]
BRIEF = FILM_RECIPE.replace("epochs = 8", "epochs = 1")


def fitted(lines: str, recipe: str = BRIEF) -> tuple[Dataset, NetworkRecommender]:
    """The films' network with these lines in its recipe, after one epoch."""
    data = film_dataset(recipe.replace("[training]", f"{lines}\n[training]"))
    return data, fit_network(data.recipe, data)


def answers(model: NetworkRecommender, data: Dataset) -> list[list[object]]:
    """Lists and predictions."""
    told = model.predict(data.part(data.rows[:40]))
    listed = model.recommend(["u0", "u5", "stranger"], 5, scenario="home", context={"daypart": "night"})
    return [listed["item_id"].to_list(), listed["score"].to_list(), *(told[name].tolist() for name in sorted(told))]


@pytest.mark.parametrize(("slot", "kind"), KINDS, ids=[" ".join(each) for each in KINDS])
def test_that_every_kind_learns_and_answers_the_same_when_read_again(slot: str, kind: str, tmp_path: Path) -> None:
    data, model = fitted(f'{slot} = {{ kind = "{kind}" }}')
    write_network(model, tmp_path)
    found = answers(model, data)
    assert all(np.isfinite(each).all() for each in found[1:])
    assert answers(read_network(tmp_path), data) == found


@pytest.mark.parametrize("told", ["", ", told = false"])
@pytest.mark.parametrize("interaction", sorted(kinds_in("penchant.models.blocks.interaction").keys() - {"concat"}))
def test_that_without_a_history_nothing_that_reads_one_is_built(interaction: str, told: str, tmp_path: Path) -> None:
    lines = f'history = {{ kind = "none" }}\ninteraction = {{ kind = "{interaction}"{told} }}\ntower = [8]\nactivation = "relu"\n'
    data, model = fitted(lines + "experts = { kind = 'mmoe', hidden = [24, 12] }")
    built = [name for name, _ in model.network.named_parameters()]
    attention = [name for name in built if "attention" in name and not name.startswith("interaction.")]
    assert attention == []
    assert not [name for name in built if name.startswith(("history", "asks", "candidate"))]
    write_network(model, tmp_path)
    assert answers(read_network(tmp_path), data) == answers(model, data)


def test_that_a_network_without_history_does_not_know_the_past() -> None:
    """The same moment is judged alike whatever the user did before; only the profile tells users apart."""
    data, model = fitted('history = { kind = "none" }\ninteraction = { kind = "fields" }')
    colours = dict(data.log.users.iter_rows())
    alike = [user for user, colour in colours.items() if colour == "red"][:3]
    listed = model.recommend(alike, 5, scenario="home", context={"daypart": "night"}, exclude_seen=False)
    scores = np.array(listed["score"].to_list()).reshape(3, 5)
    np.testing.assert_allclose(scores[1:], scores[:1].repeat(2, axis=0), rtol=1e-6)
    other = next(user for user, colour in colours.items() if colour == "blue")
    asked = {"scenario": "home", "context": {"daypart": "night"}, "exclude_seen": False}
    assert not np.allclose(model.recommend([other], 5, **asked)["score"].to_list(), scores[0])


def test_that_without_a_history_rows_are_learnt_from_one_by_one() -> None:
    data, model = fitted('history = { kind = "none" }')
    windows = model.windows(data.log, data.rows)
    assert len(windows) == len(data.rows)
    assert set(windows.targets.tolist()) == {1}
    assert set(windows.length.tolist()) == {0}
    assert windows.user.tolist() == data.log.user[data.rows].tolist()


def test_that_repeats_need_a_history() -> None:
    with pytest.raises(RecipeError, match=r"network\.repeats must be of kind 'none' where no history is read; found 'counts'"):
        fitted('history = { kind = "none" }\nrepeats = { kind = "counts" }')


@pytest.mark.parametrize("history", ["transformer", "none"])
def test_that_candidates_of_a_list_are_judged_as_each_alone(history: str) -> None:
    data, model = fitted(f'history = {{ kind = "{history}" }}\ninteraction = {{ kind = "fm" }}')
    queries = Queries.at_events(data, data.rows[[30, 100, 500]])
    encoding, items = model.encode(model.batch_of(queries)), np.array([[0, 7, 20, 7], [3, 2, 1, 0], [29, 28, 9, 9]])
    together = model.judge(encoding, items, queries.moment)
    for place in range(4):
        alone = model.judge(encoding, items[:, place : place + 1], queries.moment)
        for name, values in together.items():
            torch.testing.assert_close(alone[name][:, 0], values[:, place])


def test_that_predictions_in_the_log_are_those_of_the_same_requests() -> None:
    data, model = fitted('history = { kind = "none" }\ninteraction = { kind = "dcn", told = false }')
    part = data.part(data.rows[[30, 100, 500]])
    queries = Queries.at_events(data, part.rows)
    judged = model.judge(model.encode(model.batch_of(queries)), data.log.item[part.rows][:, None], queries.moment)
    np.testing.assert_allclose(model.predict(part)["like"], judged["like"][:, 0].sigmoid(), rtol=1e-5)


@pytest.mark.parametrize("lines", ["members = 3", "members = 3\ncontext = { kind = 'gaussian' }", "numbers = true"])
def test_that_members_and_numbers_go_with_every_task_and_are_read_again(lines: str, tmp_path: Path) -> None:
    data, model = fitted(lines)
    write_network(model, tmp_path)
    found = answers(model, data)
    assert all(np.isfinite(each).all() for each in found[1:])
    assert answers(read_network(tmp_path), data) == found
