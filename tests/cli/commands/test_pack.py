"""Packing from the command line: what is printed and kept, appending, and training and judging by what was packed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.cli.commands import train
from penchant.cli.home import HomeFolder
from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.evaluation.summary import Evaluation
from tests import small_data
from tests.cli.given import FAST, files, penchant


def events_of(log: Log) -> list[Any]:
    return sorted(log.take(["user_id", "item_id", "timestamp", "rating", "tab", "daypart"], slice(None)).rows())


def test_that_the_packed_log_is_that_of_reading_whole_and_the_report_says_what_was_done(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    late = small_data.film_events()[:1].with_columns(timestamp=pl.lit(4e9))
    pl.concat([small_data.film_events(), late, small_data.film_events()[5:6]]).write_csv(tmp_path / "events.csv")
    ran = penchant("pack", recipe)
    folder = HomeFolder.of(recipe, None).packed
    assert ran.code == 0
    assert f"packed   {folder}  60 users  30 items  720 events  (722 read in " in ran.out
    assert "clean    future_times: left out 1 events more than a day in the future; [data.clean] future_times decides this" in ran.out
    assert f"rejected {folder}/rejected/events.parquet: 2 rows with their reasons" in ran.out
    assert ran.out.splitlines()[-1] == f"next     penchant train {recipe} --packed"
    whole = Dataset.read(recipe)
    packed = Dataset.open(whole.recipe, folder)
    assert events_of(packed.log) == events_of(whole.log)
    assert packed.log.users.sort("user_id").equals(whole.log.users)
    assert packed.log.items.sort("item_id").equals(whole.log.items)
    assert json.loads((folder / "packing.json").read_text())["rows"] == 722
    told = pl.read_parquet(folder / "rejected" / "events.parquet").sort("row")
    assert told.select("reason", "row").rows() == [("duplicates", 6), ("future_times", 721)]


def test_that_one_json_object_tells_the_result(tmp_path: Path) -> None:
    ran = penchant("pack", files(tmp_path), "--out", tmp_path / "elsewhere", "--json")
    assert len(ran.out.splitlines()) == 1
    told = ran.json
    assert {name: told[name] for name in ("users", "items", "events", "read", "segments", "clean", "rejected")} == {
        "users": 60, "items": 30, "events": 720, "read": 720, "segments": 1, "clean": [], "rejected": [],
    }  # fmt: skip
    assert told["packed"] == str(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "log.json").is_file()


def test_that_a_day_is_appended_as_the_recipe_reads_its_events_and_new_profiles_come_along(tmp_path: Path) -> None:
    recipe = files(tmp_path, FAST.replace('"events.csv" }', '"events.csv", columns = { item_id = "film" }, where = "rating > 0" }'))
    events = small_data.film_events().rename({"item_id": "film"})
    events[:700].write_csv(tmp_path / "events.csv")
    day = pl.concat(
        [events[700:], events[:1].with_columns(user_id=pl.lit("new")), events[:1].with_columns(rating=pl.lit(0, dtype=pl.Int64))]
    )
    day.write_parquet(tmp_path / "day.parquet")
    assert penchant("pack", recipe).code == 0
    folder = HomeFolder.of(recipe, None).packed
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    users = pl.concat([small_data.viewers(), pl.DataFrame({"user_id": ["new"], "colour": ["green"]})])
    users.write_csv(tmp_path / "users.csv")
    ran = penchant("pack", recipe, "--append", tmp_path / "day.parquet", "--json")
    assert (ran.code, ran.json["events"], ran.json["read"], ran.json["segments"]) == (0, 721, 21, 2)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    log = Dataset.open(Dataset.read(recipe).recipe, folder).log
    assert log.users.filter(pl.col("user_id") == "new")["colour"].to_list() == ["green"]
    assert pl.read_parquet(folder / "0001" / "users.parquet")["user_id"].to_list() == ["new"]
    assert not len(pl.read_parquet(folder / "0001" / "items.parquet"))
    new = small_data.film_events()[:1].with_columns(user_id=pl.lit("new"))
    assert events_of(log) == sorted(pl.concat([small_data.film_events(), new]).rows())


def test_that_a_log_that_is_there_is_replaced_only_when_told_to(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    folder = HomeFolder.of(recipe, None).packed
    assert penchant("pack", recipe).code == 0
    assert penchant("pack", recipe).code == 3
    small_data.film_events()[:300].write_csv(tmp_path / "events.csv")
    assert penchant("pack", recipe, "--force").code == 0
    assert len(Log.open(folder)) == 300
    assert [path.name for path in folder.parent.iterdir()] == ["packed"]


def test_that_a_packing_that_fails_leaves_the_log_that_was_there(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    folder = HomeFolder.of(recipe, None).packed
    assert penchant("pack", recipe).code == 0
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp,rating,tab,daypart\n,,,,,\n")
    assert penchant("pack", recipe, "--force").code == 3
    assert len(Log.open(folder)) == 720
    assert [path.name for path in folder.parent.iterdir()] == ["packed"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The recipe of a folder where the log was packed and its sources are gone."""
    recipe = files(tmp_path_factory.mktemp("packed"), FAST.replace("[network]", '[split]\nfolds = 2\nfold_by = "time"\n\n[network]'))
    assert penchant("pack", recipe).code == 0
    for path in recipe.parent.glob("*.csv"):
        path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_gate", lambda *_: None)
        yield recipe


def test_that_training_judging_and_recommending_need_no_sources_once_packed(packed: Path) -> None:
    ran = penchant("train", packed, "--packed")
    folder = HomeFolder.of(packed, None).packed
    assert ran.code == 0
    assert f"data     60 users  30 items  720 events   packed in {folder}" in ran.out
    assert "576 to learn from, 72 to choose by, 72 to be judged on" in ran.out
    first = HomeFolder.of(packed, None).bundles().open("champion").metadata
    assert first.provenance["events"] == 720
    again = penchant("evaluate", packed, "--packed-in", folder, "--json")
    assert again.code == 0
    judged = Evaluation.from_json(json.dumps(again.json["evaluation"]))
    for name, value in first.metrics.items():
        task, metric = name.split(".")
        found = judged.metric(judged.model, task, metric)
        assert found is not None
        assert found.value == pytest.approx(value, abs=1e-6)
    assert penchant("recommend", packed, "--users", "u1", "-k", "3").code == 0
    assert penchant("train", packed).code == 3  # the sources are indeed gone


def test_that_folds_are_judged_without_a_bundle_and_reported_with_their_spread(packed: Path) -> None:
    ran = penchant("evaluate", packed, "--folds", "--packed", "--json")
    assert ran.code == 0
    found = Evaluation.from_json(json.dumps(ran.json["evaluation"]))
    assert (found.title, found.facts["folds"]) == ("2 folds by time", "2")
    assert found.slices("like")[:3] == ["all", "fold 1", "fold 2"]
    metric, one, two = (found.metric("penchant", "like", "auc", part) for part in ("all", "fold 1", "fold 2"))
    assert metric is not None
    assert one is not None
    assert two is not None
    assert metric.value == pytest.approx((one.value + two.value) / 2)
    assert metric.spread == pytest.approx(abs(one.value - two.value) / 2**0.5)
    assert {each.baseline for each in found.comparisons} == {"popularity", "item_knn", "item mean"}
    page = Path(ran.json["report"])
    assert page.name == "folds.html"
    assert "±" in page.read_text(encoding="utf8")
    assert "blocks of time" in found.protocol[0]
