"""Training from the command line: what is printed and kept, interruption and resumption, the gate; and evaluation afterwards."""

import json
import os
import signal
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.cli.commands import train
from penchant.cli.home import HomeFolder
from penchant.data.segments import Merged
from penchant.evaluation.summary import Evaluation
from penchant.fitting.loop import Progress
from tests import small_data
from tests.cli.given import Ran, files, penchant

TWO_EPOCHS = small_data.FILM_RECIPE.replace("epochs = 8", "epochs = 2").replace("batch_events = 256", "batch_events = 128")


def weights(recipe: Path, version: str = "1") -> bytes:
    return (HomeFolder.of(recipe, None).bundles().directory / "versions" / version / "network.safetensors").read_bytes()


def test_that_training_says_what_it_does_and_keeps_a_champion(training: tuple[Path, Ran]) -> None:
    recipe, ran = training
    words = [line.split()[0] for line in ran.out.splitlines() if line[:1].isalpha()]
    assert words[:2] == ["data", "split"]
    assert words[-3:] == ["report", "gate", "next"]
    assert "60 users  30 items  720 events" in ran.out
    assert "576 to learn from, 72 to choose by, 72 to be judged on" in ran.out
    assert "popularity" in ran.out
    assert "item_knn" in ran.out
    store = HomeFolder.of(recipe, None).bundles()
    assert (store.versions(), store.aliases()) == (["1"], {"champion": "1"})
    metadata = store.open("champion").metadata
    assert {"next.ndcg@10", "like.auc", "stars.rmse"} == set(metadata.metrics)
    assert metadata.provenance["events"] == 720
    assert len(metadata.provenance["data"]) == 64


def test_that_the_same_events_have_the_same_fingerprint_in_one_segment_and_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data.film_dataset()
    log = data.log
    whole = sha256(log.user.tobytes() + log.item.tobytes() + log.time.tobytes()).hexdigest()
    order = np.arange(len(log))
    halves = {name: Merged(np.array_split(getattr(log, name), 2), order) for name in ("user", "item", "time")}
    monkeypatch.setattr(train, "HASHED_AT_ONCE", 100)
    assert train._fingerprint(data) == whole
    assert train._fingerprint(replace(data, log=replace(log, **halves))) == whole


def test_that_the_planted_tastes_were_found(training: tuple[Path, Ran]) -> None:
    metrics = HomeFolder.of(training[0], None).bundles().open("champion").metadata.metrics
    assert metrics["next.ndcg@10"] > 0.2  # popularity: about 0.12
    assert metrics["like.auc"] > 0.95
    assert metrics["stars.rmse"] < 0.7


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of a run that nobody interrupted."""
    recipe = files(tmp_path_factory.mktemp("whole"), TWO_EPOCHS)
    assert penchant("train", recipe).code in (0, 9)
    return recipe


def test_that_another_seed_gives_other_weights(whole: Path, tmp_path: Path) -> None:
    recipe = files(tmp_path, TWO_EPOCHS)
    assert penchant("train", recipe, "--seed", 5).code in (0, 9)
    assert weights(recipe) != weights(whole)


def test_that_one_json_object_tells_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "_gate", lambda *_: None)
    ran = penchant("train", files(tmp_path), "--json")
    assert len(ran.out.splitlines()) == 1
    assert (ran.json["bundle"], ran.json["home"]) == ("1", str(tmp_path / "penchant"))
    assert Evaluation.from_json(json.dumps(ran.json["evaluation"])).model == "penchant"


def interrupt_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real Ctrl-C in the middle of training."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in its background has it ignored
    shown = train._Shown.__call__

    def and_interrupt(self: train._Shown, progress: Progress, done: int, batches: int) -> None:
        shown(self, progress, done, batches)
        if progress.step == steps:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(train._Shown, "__call__", and_interrupt)


@pytest.mark.parametrize("steps", [1, 7])
def test_that_ctrl_c_leaves_a_checkpoint_that_resumes_to_the_same_weights(
    steps: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = files(tmp_path, TWO_EPOCHS)
    with monkeypatch.context() as patched:
        interrupt_after(steps, patched)
        ran = penchant("train", broken)
    assert (ran.code, "penchant train RECIPE --resume" in ran.out) == (130, True)
    assert [path.name for path in HomeFolder.of(broken, None).checkpoint.iterdir()] == ["checkpoint.safetensors"]
    assert HomeFolder.of(broken, None).bundles().versions() == []
    assert penchant("train", broken, "--resume").code in (0, 9)
    assert weights(broken) == weights(whole)


def test_that_there_must_be_something_to_resume(tmp_path: Path) -> None:
    ran = penchant("train", files(tmp_path), "--resume")
    assert (ran.code, ran.err.startswith("error    --resume must be used where a checkpoint lies")) == (3, True)


def test_that_a_model_no_better_than_popularity_is_refused_and_kept_without_the_alias(tmp_path: Path) -> None:
    idle = small_data.FILM_RECIPE.replace("epochs = 8", "epochs = 1").replace("learning_rate = 0.01", "learning_rate = 1e-9")
    idle = idle.replace("[network]", '[network]\nitem = { kind = "content_and_id", sessions = 0 }')  # nor anything at the start
    recipe = files(tmp_path, idle)
    random = np.random.default_rng(1)
    popular = [f"a{min(number, 14)}" for number in random.geometric(0.25, len(small_data.film_events())) - 1]
    small_data.film_events().with_columns(item_id=pl.Series(popular)).write_csv(tmp_path / "events.csv")  # everybody wants the same
    ran = penchant("train", recipe)
    assert ran.code == 9
    assert ran.err.startswith("error    bundle 1 must be better than popularity; found next ndcg@10 ")
    assert "without the alias champion" in ran.err
    store = HomeFolder.of(recipe, None).bundles()
    assert (store.versions(), store.aliases()) == (["1"], {})
    assert penchant("recommend", recipe, "--users", "u1").code == 6
    assert penchant("recommend", recipe, "--users", "u1", "--bundle", "1").code == 0


def test_that_a_recipe_without_lists_is_judged_by_its_tasks(tmp_path: Path) -> None:
    tasks_only = small_data.FILM_RECIPE.replace('[tasks.next]\nkind = "next_item"\n', "")
    recipe = files(tmp_path, tasks_only)
    ran = penchant("train", recipe)
    assert ran.code == 0
    assert "gate     like auc" in ran.out
    assert "against item mean" in ran.out
    assert penchant("evaluate", recipe).code == 0
    assert penchant("recommend", recipe, "--users", "u1", "-k", "3").code == 0


def test_that_evaluation_repeats_what_training_said(training: tuple[Path, Ran], own: Path) -> None:
    ran = penchant("evaluate", own, "--json")
    assert ran.code == 0
    again = Evaluation.from_json(json.dumps(ran.json["evaluation"]))
    first = HomeFolder.of(training[0], None).bundles().open("1").metadata.metrics
    for name, value in first.items():
        task, metric = name.split(".")
        found = again.metric(again.model, task, metric)
        assert found is not None
        assert found.value == pytest.approx(value, abs=1e-6)
    page = Path(ran.json["report"]).read_text(encoding="utf8")
    assert "ndcg@10" in page
    assert Evaluation.read(Path(ran.json["report"]).with_suffix(".json")).tasks == again.tasks


def test_that_a_bundle_is_not_judged_on_another_catalogue(own: Path) -> None:
    small_data.film_events().head(600).write_csv(own.parent / "events.csv")
    small_data.films().head(29).write_csv(own.parent / "films.csv")
    assert penchant("evaluate", own).code == 6


def test_that_without_a_bundle_one_is_asked_for(tmp_path: Path) -> None:
    for arguments in (("evaluate",), ("recommend", "--users", "all"), ("serve",)):
        name, *rest = arguments
        ran = penchant(name, files(tmp_path), *rest)
        assert (ran.code, "Make one with: penchant train RECIPE" in ran.err) == (6, True)


@pytest.mark.parametrize("name", ["network.safetensors", "recipe.json", "events.parquet"])
def test_that_an_altered_bundle_is_refused_before_anything_of_it_is_used(name: str, own: Path) -> None:
    path = HomeFolder.of(own, None).path / "bundles" / "versions" / "1" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    ran = penchant("recommend", own, "--users", "u1")
    assert ran.code == 6
    assert name in ran.err
