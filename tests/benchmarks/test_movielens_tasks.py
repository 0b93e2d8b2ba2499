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


def test_that_every_change_is_another_model() -> None:
    from studies.movielens_tasks import ALONE, CHANGED, NAME, MovieLensTasks, _for_task, _task_of
    from studies.study import recipe_of

    study = MovieLensTasks(Path())
    assert len({study.mark(model) for model in ("network", *CHANGED)}) == len({str(change) for change in CHANGED.values()}) + 1
    assert {study.mark(model) for model in ALONE} == {study.mark("network")}
    assert _for_task(recipe_of(NAME, Path(), CHANGED["network_famo"]), "").training.balance.kind == "famo"
    assert _for_task(recipe_of(NAME, Path(), CHANGED["network_like_longer"]), "like").training.epochs == 6
    assert [_task_of(model) for model in ("network", "network_equal_longer", "network_next", "network_stars_longer")] == [
        "",
        "",
        "next",
        "stars",
    ]
    alone = _for_task(recipe_of(NAME, Path(), {}), "stars")
    assert (list(alone.tasks), alone.tasks["stars"].weight, alone.training.watch) == (["stars"], 1.0, "stars.rmse")
