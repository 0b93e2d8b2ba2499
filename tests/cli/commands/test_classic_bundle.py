"""A classic model's whole road on the command line: train, evaluate, recommend, and a real server that learns of an event."""

import os
import re
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import expect, sync_playwright

from penchant.cli.home import HomeFolder
from penchant.evaluation.summary import Evaluation
from tests import small_data
from tests.cli.commands.test_serve import Server, serving
from tests.cli.given import files, penchant

CHROMIUM = os.environ.get("PENCHANT_CHROMIUM", "/usr/bin/chromium")
EASE = small_data.FILM_RECIPE + '\n[model]\nkind = "ease"\nregularisation = 5.0\n'


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe whose model was trained and promoted."""
    recipe = files(tmp_path_factory.mktemp("classic"), EASE)
    ran = penchant("train", recipe)
    assert (ran.code, "bundle 1 is champion" in ran.out) == (0, True)
    return recipe


def test_that_a_classic_bundle_is_judged_again_beside_baselines(trained: Path) -> None:
    ran = penchant("evaluate", trained, "--json")
    assert ran.code == 0
    assert ran.json["bundle"] == "1"
    told = Evaluation.read(Path(ran.json["report"]).with_suffix(".json"))
    again, popular = (told.metric(name, "next", "ndcg@10") for name in (told.model, "popularity"))
    assert again is not None
    assert popular is not None
    assert again.value > popular.value
    kept = HomeFolder.of(trained, None).bundles().open("champion").metadata
    assert kept.metrics["next.ndcg@10"] == pytest.approx(again.value), "as it was judged when it was trained"


def test_that_a_classic_bundle_recommends_on_the_terminal_and_into_a_file(trained: Path, tmp_path: Path) -> None:
    shown = penchant("recommend", trained, "--users", "u0", "-k", 3, "--scenario", "home", "--context", "daypart=day")
    assert shown.code == 0
    assert shown.out.count("Alpha") == 3
    out = tmp_path / "lists.parquet"
    assert penchant("recommend", trained, "--users", "all", "-k", 4, "--out", out).code == 0
    assert len(pl.read_parquet(out)) == 4 * small_data.VIEWERS
    wrong = penchant("recommend", trained, "--users", "u0", "--scenario", "hom")
    assert (wrong.code, "Did you mean 'home'?" in wrong.err) == (4, True)


def listed(server: Server, user: str) -> list[str]:
    return [item["item_id"] for item in server.ask("/v1/recommendations", {"user_id": user, "n": 3})["items"]]


@pytest.mark.slow
def test_that_a_server_of_a_classic_bundle_learns_of_an_event_and_remembers_it(trained: Path) -> None:
    with serving(trained) as server:
        before = listed(server, "new")
        assert server.ask("/v1/recommendations", {"user_id": "new"})["fallback"] == "unknown_user"
        events = [{"event_id": name, "user_id": "new", "item_id": name, "event": "rating", "value": 5} for name in ("b2", "b4", "b6")]
        assert server.ask("/v1/events", {"events": events})["accepted"] == 3
        after = listed(server, "new")
        assert (after != before, {name[0] for name in after}) == (True, {"b"})
        known = listed(server, "u0")
        assert server.ask("/v1/events", {"events": [events[0] | {"event_id": "e", "user_id": "u0", "item_id": known[0]}]})["accepted"] == 1
        assert known[0] not in listed(server, "u0")
        assert len(server.ask("/v1/items/a4/similar?n=2")["items"]) == 2
        assert len(server.ask("/v1/items", {"items": [{"item_id": "a99", "title": "Alpha 99"}]})) == 2
        ranked = server.ask("/v1/rank", {"user_id": "new", "items": ["a99", "b8", "a8"]})
        assert sorted(item["item_id"] for item in ranked["items"]) == ["a8", "b8"]
        assert server.ask("/v1/scenarios") == {"scenarios": ["home", "search"], "factors": {"tab": ["home", "search"]}}
        remembered = listed(server, "u0")
    with serving(trained, key=server.key) as again:
        assert listed(again, "u0") == remembered


@pytest.mark.browser
def test_that_the_playground_shows_a_classic_bundles_lists_and_what_an_event_does_to_them(trained: Path) -> None:
    if not Path(CHROMIUM).exists() and os.environ.get("PENCHANT_REQUIRE_ALL") != "1":
        pytest.skip(f"no Chromium at {CHROMIUM}; set PENCHANT_CHROMIUM")
    faults: list[str] = []
    with serving(trained) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(locale="en")
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(server.facts["login_url"])
        page.fill("#user", "visitor")
        expect(page.locator("#status")).to_contain_text("fallback: unknown_user")
        first = page.locator("#list h2").first.inner_text()
        page.get_by_label(f"rating: {first}").select_option("5")
        expect(page.locator("#said")).to_contain_text(f"rating 5: {first}")
        expect(page.locator("#list h2").filter(has_text=re.compile(f"^{first}$"))).to_have_count(0)
        expect(page.locator("#list h2").first).to_contain_text(first.split()[0])  # of the taste that was told
        browser.close()
    assert faults == []


def test_that_a_model_without_features_cannot_say_what_of_an_item_matters(trained: Path) -> None:
    ran = penchant("recommend", trained, "--users", "u0", "--weights")
    assert ran.code == 4
    assert "--weights must be asked of the network" in ran.err
