"""Recommending from the command line: on the terminal, as JSON, into files, and after a run that was killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penchant.cli.bundle import read_bundle
from penchant.cli.commands import recommend
from penchant.cli.home import HomeFolder
from penchant.models.network_recommender import NetworkRecommender
from tests import small_data
from tests.cli.given import penchant

CLOCK = ("--context", f"time={small_data.FILM_NOW}")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The blocks of users the model was asked about."""
    blocks: list[list[str]] = []
    original = NetworkRecommender.recommend

    def noted(self: NetworkRecommender, users: Any, *arguments: Any, **options: Any) -> pl.DataFrame:
        blocks.append(list(users))
        return original(self, users, *arguments, **options)

    monkeypatch.setattr(NetworkRecommender, "recommend", noted)
    monkeypatch.setattr(recommend, "USERS_AT_ONCE", 25)
    return blocks


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.name.startswith(".") or path.parent.name.startswith("."))


def test_that_lists_are_shown_with_titles(trained: Path) -> None:
    ran = penchant("recommend", trained, "--users", "u0, u1", "-k", 2)
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert [line for line in lines if line.startswith("user")] == ["user     u0", "user     u1"]
    assert [lines[place].split()[0] for place in (1, 2, 4, 5)] == ["1", "2", "1", "2"]
    assert all("Alpha" in lines[place] for place in (1, 2))
    assert all("Beta" in lines[place] for place in (4, 5))


def test_that_json_holds_the_same(trained: Path) -> None:
    ran = penchant("recommend", trained, "--users", "u1,nobody", "-k", 3, "--json")
    rows = ran.json["recommendations"]
    assert [(row["user_id"], row["rank"]) for row in rows] == [("u1", 1), ("u1", 2), ("u1", 3), ("nobody", 1), ("nobody", 2), ("nobody", 3)]
    assert (ran.json["model_version"], ran.json["unknown_users"]) == ("1", ["nobody"])
    assert len(ran.out.splitlines()) == 1


@pytest.mark.parametrize(("suffix", "read"), [("parquet", pl.read_parquet), ("csv", pl.read_csv), ("jsonl", pl.read_ndjson)])
def test_that_every_user_goes_into_a_file(suffix: str, read: Any, trained: Path, tmp_path: Path, asked: list[list[str]]) -> None:
    out = tmp_path / f"lists.{suffix}"
    ran = penchant("recommend", trained, "--users", "all", "-k", 4, "--out", out, *CLOCK)
    frame = read(out)
    assert (ran.code, frame.columns, len(frame)) == (0, ["user_id", "rank", "item_id", "score"], 240)
    assert frame["user_id"].n_unique() == small_data.VIEWERS
    assert [len(block) for block in asked] == [25, 25, 10]
    one = penchant("recommend", trained, "--users", "u7", "-k", 4, "--json", *CLOCK).json["recommendations"]
    assert frame.filter(pl.col("user_id") == "u7")["item_id"].to_list() == [row["item_id"] for row in one]
    assert parts(tmp_path) == []


def fail_at(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if killed while the n-th block is computed."""
    original, calls = recommend.Question.ask, []

    def dies(self: recommend.Question, model: NetworkRecommender, users: list[str]) -> pl.DataFrame:
        calls.append(users)
        if len(calls) == block:
            raise KeyboardInterrupt
        return original(self, model, users)

    monkeypatch.setattr(recommend.Question, "ask", dies)


def test_that_an_interrupted_run_goes_on_with_the_parts_it_has(
    trained: Path, tmp_path: Path, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lists.parquet"
    arguments = ("recommend", trained, "--users", "all", "-k", 4, "--out", out, *CLOCK)
    with monkeypatch.context() as patched:
        fail_at(3, patched)
        ran = penchant(*arguments)
    assert (ran.code, out.exists(), len(asked)) == (130, False, 2)
    assert "goes on from here" in ran.out
    assert penchant(*arguments).code == 0
    assert [len(block) for block in asked] == [25, 25, 10]  # the first two were not asked again
    whole = tmp_path / "whole.parquet"
    penchant("recommend", trained, "--users", "all", "-k", 4, "--out", whole, *CLOCK)
    assert pl.read_parquet(out).equals(pl.read_parquet(whole))
    assert parts(tmp_path) == []


@pytest.mark.parametrize(
    "other", [("-k", 3), ("-k", 4, "--include-seen"), ("-k", 4, "--scenario", "search"), ("-k", 4, "--context", "daypart=day")]
)
def test_that_another_question_does_not_use_those_parts(
    other: tuple[Any, ...], trained: Path, tmp_path: Path, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lists.parquet"
    with monkeypatch.context() as patched:
        fail_at(2, patched)
        penchant("recommend", trained, "--users", "all", "-k", 4, "--out", out, *CLOCK)
    asked.clear()
    assert penchant("recommend", trained, "--users", "all", "--out", out, *CLOCK, *other).code == 0
    assert [len(block) for block in asked] == [25, 25, 10]


def test_that_another_bundle_of_the_same_number_does_not_use_those_parts(
    own: Path, tmp_path: Path, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lists.parquet"
    with monkeypatch.context() as patched:
        fail_at(2, patched)
        penchant("recommend", own, "--users", "all", "--out", out, *CLOCK)
    manifest = own.parent / "penchant" / "bundles" / "versions" / "1" / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace('"created": "20', '"created": "19').replace('"created":"20', '"created":"19'))
    asked.clear()
    assert penchant("recommend", own, "--users", "all", "--out", out, *CLOCK).code == 0
    assert len(asked) == 3


SMALL_BLOCKS = "from penchant.cli import main; from penchant.cli.commands import recommend; recommend.USERS_AT_ONCE = 25; main()"


@pytest.mark.slow
def test_that_a_killed_process_leaves_parts_the_next_one_uses(trained: Path, tmp_path: Path, asked: list[list[str]]) -> None:
    out = tmp_path / "lists.parquet"
    users = ",".join(f"x{number}" for number in range(4_000))
    arguments = [str(part) for part in ("recommend", trained, "--users", users, "-k", 20, "--out", out, *CLOCK)]
    process = subprocess.Popen([sys.executable, "-c", SMALL_BLOCKS, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(tmp_path.glob(".lists*/*.parquet"))) < 20 and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    kept = len(list(tmp_path.glob(".lists*/*.parquet")))
    assert not out.exists()
    assert penchant(*arguments).code == 0
    assert len(asked) == 160 - kept < 160
    assert len(pl.read_parquet(out)) == 4_000 * 20


def test_that_seen_items_may_come_again(trained: Path) -> None:
    few = penchant("recommend", trained, "--users", "u0", "-k", 30, "--json").json["recommendations"]
    many = penchant("recommend", trained, "--users", "u0", "-k", 30, "--include-seen", "--json").json["recommendations"]
    seen = small_data.film_events().filter(pl.col("user_id") == "u0")["item_id"].n_unique()
    assert (len(few), len(many)) == (30 - seen, 30)


def test_that_a_filter_and_variety_reach_the_model_and_a_wrong_filter_is_one_line(trained: Path) -> None:
    asked = ("recommend", trained, "--users", "u0", "-k", 5, "--json", *CLOCK)
    rows = penchant(*asked, "--filter", "genre == 'beta' and year == 1980").json["recommendations"]
    assert len(rows) == 5
    assert all(row["item_id"][0] == "b" and int(row["item_id"][1:]) % 2 == 0 for row in rows)
    assert penchant(*asked, "--diversity", 0.9).json["recommendations"] != penchant(*asked).json["recommendations"]
    wrong = penchant(*asked, "--filter", "genres == 'beta'")
    assert wrong.code == 4
    told = wrong.json["error"]
    assert (told["code"], told["thing"], told["do"]) == ("filter_column", "filter, character 1,", "Did you mean 'genre'?")


@pytest.mark.parametrize(("scenario", "daypart"), [("home", "day"), ("search", "night")])
def test_that_context_and_scenario_reach_the_model(scenario: str, daypart: str, trained: Path) -> None:
    options = ("--scenario", scenario, "--context", f"daypart={daypart}", *CLOCK)
    rows = penchant("recommend", trained, "--users", "u1", "-k", 20, "--json", *options).json["recommendations"]
    model, _ = read_bundle(HomeFolder.of(trained, None), "champion")
    wanted = model.recommend(["u1"], 20, scenario=scenario, context={"daypart": daypart, "time": small_data.FILM_NOW})
    assert [row["item_id"] for row in rows] == wanted["item_id"].to_list()
    assert [row["score"] for row in rows] == pytest.approx(wanted["score"].to_list(), abs=1e-5)


def test_that_a_bundle_looks_for_files_beside_its_recipe(trained: Path, tmp_path: Path) -> None:
    for home in (None, tmp_path):
        assert HomeFolder.of(trained, home).recipe_folder == trained.parent
    assert read_bundle(HomeFolder.of(trained, None), "champion")[0].recipe.directory == trained.parent


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--out", "lists.xlsx"), 3, ".parquet, .csv, .jsonl"),
        (("--context", "daypart"), 2, "NAME=VALUE"),
        (("--context", "dayprt=day"), 4, "Did you mean 'daypart'?"),
        (("--context", "time=soon"), 4, "seconds since 1970"),
        (("--scenario", "hme"), 4, "Did you mean 'home'?"),
        (("--bundle", "7"), 6, "champion"),
        (("--bundle", "../1"), 6, "champion"),
        (("-k", "31"), 4, "1 to 30"),
    ],
)
def test_that_what_cannot_be_asked_is_told(options: tuple[str, ...], code: int, told: str, trained: Path) -> None:
    ran = penchant("recommend", trained, "--users", "u1", *options)
    assert (ran.code, ran.out) == (code, "")
    assert told in ran.err


@pytest.mark.parametrize("users", ["", " , "])
def test_that_somebody_must_be_meant(users: str, trained: Path) -> None:
    ran = penchant("recommend", trained, "--users", users)
    assert (ran.code, "For example: --users 1,2,3" in ran.err) == (4, True)


def test_that_a_place_that_cannot_be_written_is_told_in_one_line(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = penchant("recommend", trained, "--users", "u1", "--out", tmp_path / "file" / "lists.csv")
    assert (ran.code, ran.err.startswith("error    ")) == (7, True)
    assert len(ran.err.splitlines()) == 1


def test_that_weights_say_what_of_each_item_matters(trained: Path) -> None:
    ran = penchant("recommend", trained, "--users", "u0,nobody", "-k", 2, "--weights", *CLOCK)
    lines = ran.out.splitlines()
    assert ran.code == 0
    explained = [place for place, line in enumerate(lines) if "genre" in line and "item_id" in line]
    assert len(explained) == 4
    assert all("Alpha" in lines[place - 1] or "Beta" in lines[place - 1] for place in explained)
    assert lines[-1].startswith("weights  ")
    assert "'next'" in lines[-1]


def test_that_weights_add_up_to_the_score_and_say_the_same_as_python(trained: Path) -> None:
    ran = penchant("recommend", trained, "--users", "u0", "-k", 3, "--weights", "--json", "--scenario", "search", *CLOCK)
    model, _ = read_bundle(HomeFolder.of(trained, None), "champion")
    assert isinstance(model, NetworkRecommender)
    assert ran.json["weights_of"] == "next"
    for row in ran.json["recommendations"]:
        told = model.feature_weights(["u0"], [row["item_id"]], {"time": small_data.FILM_NOW}, "search")
        assert_frame_equal(pl.DataFrame(row["weights"]), told.select("feature", "weight", "share"))
        assert row["nothing"] == pytest.approx(told["nothing"][0])
        assert {each["feature"] for each in row["weights"]} == {"item_id", "genre", "year"}
        assert sum(each["share"] for each in row["weights"]) == pytest.approx(1)


def test_that_weights_are_not_written_into_files(trained: Path, tmp_path: Path) -> None:
    ran = penchant("recommend", trained, "--users", "u0", "--weights", "--out", tmp_path / "lists.csv")
    assert ran.code == 3
    assert "--weights must be asked for without --out" in ran.err
    assert list(tmp_path.iterdir()) == []
