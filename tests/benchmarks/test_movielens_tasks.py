"""Tasks together and apart: what was predicted once serves every comparison with it, of the same recipe only."""

from pathlib import Path

import numpy as np
import pytest


def test_that_predictions_of_one_task_are_kept_by_recipe_and_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studies import movielens_tasks

    monkeypatch.setattr(movielens_tasks, "CACHE", tmp_path / "kept")
    study = movielens_tasks.MovieLensTasks(tmp_path)
    fits: list[tuple[str, int]] = []
    monkeypatch.setattr(study, "_fitted", lambda model, seed, seconds: (fits.append((model, seed)), (f"{model} {seed}", {}))[1])
    monkeypatch.setattr(study, "_asked", lambda told: {"next": np.array([float(told[-1])])})
    for _ in range(2):
        assert [study._alone("network_next", seed)["next"].item() for seed in (1, 2)] == [1.0, 2.0]
    assert fits == [("network_next", 1), ("network_next", 2)]
    monkeypatch.setattr(movielens_tasks, "recipe_mark", lambda name: "another")
    study._alone("network_next", 1)
    assert fits[2:] == [("network_next", 1)]


def test_that_every_balance_is_another_model_of_all_tasks() -> None:
    from studies.movielens_tasks import ALONE, BALANCED, NAME, MovieLensTasks, _for_task
    from studies.study import recipe_of

    study = MovieLensTasks(Path())
    assert len({study.mark(model) for model in ("network", *BALANCED)}) == 1 + len(BALANCED)
    assert {study.mark(model) for model in ALONE} == {study.mark("network")}
    for change in BALANCED.values():
        assert _for_task(recipe_of(NAME, Path(), change), "").training.balance == change["balance"]
    alone = _for_task(recipe_of(NAME, Path(), {}), "stars")
    assert (list(alone.tasks), alone.tasks["stars"].weight, alone.training.watch) == (["stars"], 1.0, "stars.rmse")
