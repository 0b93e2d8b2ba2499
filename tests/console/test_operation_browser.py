"""The pages of models, events and health as a person meets them, in headless Chromium."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from running import Running

pytestmark = pytest.mark.browser
PAGES = ("models", "events", "health")
PICTURES = os.environ.get("PENCHANT_PICTURES")
"""A folder to draw each page into, to be looked at."""


def opened(visit: Callable[..., Page], name: str, **settings: object) -> Page:
    page = visit(**settings)
    page.locator(f".pages a[data-page={name}]").click()
    page.wait_for_selector({"models": ".model", "events": "#stored:not([hidden])", "health": ".tile"}[name])
    return page


def say_something(page: Page, user: str, item: str, event: str = "like", value: float | None = None) -> None:
    sent = {"events": [{"user_id": user, "item_id": item, "event": event, "scenario": "home", "context": {"device": "phone"}}]}
    if value is not None:
        sent["events"][0]["value"] = value  # type: ignore[assignment]
    answer = page.request.post("/v1/events", data=sent, headers={"X-Penchant-Console": "1"})
    assert answer.json()["accepted"] == 1


def drawn(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def test_that_versions_are_shown_with_what_is_known_of_them(visit: Callable[..., Page]) -> None:
    page = opened(visit, "models")
    expect(page.locator(".model")).to_have_count(5)
    champion = page.locator(".model", has_text="champion")
    expect(champion.locator("h3")).to_contain_text("model 3")
    expect(champion).to_contain_text("answers")
    expect(champion).to_contain_text("next.ndcg@10")
    expect(page.locator(".model").nth(1)).to_contain_text("+6.4%")
    expect(page.locator("#changes")).to_contain_text("champion: model 2 to model 3")
    expect(page.locator("#changes")).to_contain_text("by train")
    assert champion.get_by_role("button").count() == 0
    drawn(page, "models")


def test_that_a_model_is_promoted_after_a_question_and_rolled_back(visit: Callable[..., Page]) -> None:
    page = opened(visit, "models")
    page.get_by_role("button", name="Promote model 4").click()
    expect(page.get_by_role("dialog")).to_contain_text("Let model 4 answer?")
    drawn(page, "question")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Promote model 4").click()
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert page.request.get("/v1/models").json().get("promotion") is None
    page.get_by_role("button", name="Promote model 4").click()
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page.locator(".steps .now")).to_be_visible()
    drawn(page, "under_way")
    expect(page.locator("#promotion")).to_contain_text("Model 4 answers", timeout=20_000)
    expect(page.locator("#promotion")).to_contain_text("100 requests tried")
    expect(page.locator(".model", has_text="kept warm").locator("h3")).to_contain_text("model 3")
    expect(page.locator("#changes li").first).to_contain_text("by the pages, by key 'first'")
    page.get_by_role("button", name="Roll back to model 3").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator("#promotion")).to_contain_text("Model 3 answers again", timeout=20_000)
    expect(page.locator("#facts")).to_have_text("model 3")


def test_that_a_refusal_is_told_with_its_reason(visit: Callable[..., Page]) -> None:
    page = opened(visit, "models")
    page.get_by_role("button", name="Promote model 5").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page.locator("#promotion")).to_contain_text("Model 5 was refused", timeout=20_000)
    expect(page.locator("#promotion code")).to_have_text("canary_constant")
    expect(page.locator("#facts")).to_have_text("model 3")
    expect(page.locator("#changes li").first).to_contain_text("model 5 was refused (canary_constant), model 3 stays")
    drawn(page, "refused")


def test_that_events_come_by_themselves_newest_first_and_can_be_held(visit: Callable[..., Page]) -> None:
    page = opened(visit, "events")
    say_something(page, "first <b>", "f3")
    expect(page.locator("#events tr").first).to_contain_text("first <b>")
    assert page.locator("#events b").count() == 0
    say_something(page, "second", "f7", "stars", 4)
    expect(page.locator("#events tr").first).to_contain_text("second")
    expect(page.locator("#events tr").first).to_contain_text("home · device phone")
    expect(page.locator("#events tr.fresh")).to_have_count(1)
    drawn(page, "events")
    page.get_by_role("button", name="Pause").click()
    say_something(page, "third", "f1")
    page.wait_for_timeout(1500)
    assert "third" not in page.locator("#events").inner_text()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#events tr").first).to_contain_text("third")
    page.fill("#only", "f7")
    expect(page.locator("#events tr")).to_have_count(1)
    page.fill("#only", "nobody")
    expect(page.locator("#none")).to_have_text("None of the newest has this.")


def test_that_health_tells_how_fast_it_was_and_what_was_less_than_asked(visit: Callable[..., Page]) -> None:
    page = opened(visit, "health")
    page.request.post("/v1/recommendations", data={}, headers={"X-Penchant-Console": "1"})
    expect(page.locator("#overall")).to_have_text("ready")
    expect(page.locator("#fallbacks")).to_contain_text("anonymous")
    assert float(page.locator(".tile.wide dd").nth(2).inner_text()) > 0
    expect(page.locator("#parts")).to_contain_text("Engine and state")
    drawn(page, "health")


def test_that_a_server_that_is_gone_is_said_so_and_seen_when_it_is_back(visit: Callable[..., Page], faults: list[str]) -> None:
    for name, path in (("models", "/v1/models*"), ("events", "/console/feed*"), ("health", "/console/state*")):
        page = opened(visit, name)
        page.route(f"**{path}", lambda route: route.abort())
        expect(page.get_by_role("alert")).to_have_text("The server does not answer.")
        page.unroute(f"**{path}")
        expect(page.get_by_role("alert")).to_be_hidden()
        faults.clear()  # the browser reports the failed requests itself


def test_that_the_pages_need_a_login(browser: Browser, films: Running) -> None:
    context = browser.new_context()
    for name in PAGES:
        page = context.new_page()
        page.goto(f"{films.url}/console/{name}")
        page.wait_for_selector("#key")
        assert page.request.get(f"{films.url}/console/feed").status == 401
        assert page.request.get(f"{films.url}/console/state").status == 401
    context.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_that_a_page_speaks_both_languages_in_light_and_dark(visit: Callable[..., Page], name: str, scheme: str) -> None:
    page = opened(visit, name, color_scheme=scheme)
    say_something(page, "u1", "f2")
    page.get_by_role("button", name="中文").click()
    words = {"models": "模型", "events": "事件", "health": "健康"}
    expect(page.locator(".title h2")).to_have_text(words[name])
    page.wait_for_timeout(2200)
    told = page.locator("main").inner_text()
    assert "undefined" not in told
    assert "{0}" not in told
    assert page.locator(".pages a[aria-current=page]").inner_text() == words[name]
    drawn(page, f"{name}_{scheme}_zh")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 390, 768])
def test_that_nothing_runs_off_the_side(visit: Callable[..., Page], name: str, width: int) -> None:
    page = opened(visit, name, viewport={"width": width, "height": 800})
    say_something(page, "a-user-with-a-rather-long-name-0123456789-0123456789", "f12", "stars", 5)
    page.wait_for_timeout(1300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn(page, f"{name}_{width}")


@pytest.mark.parametrize("name", PAGES)
def test_that_everything_is_reached_with_the_keyboard(visit: Callable[..., Page], name: str) -> None:
    page = opened(visit, name)
    page.reload()
    page.wait_for_selector("main h2")
    time.sleep(1.2)
    page.locator("body").press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.dataset.page || document.activeElement.tagName"))
    assert {"playground", "models", "events", "health", "language", "theme", "leave"} <= reached
    assert {"models": {"rollback", "promote-1"}, "events": {"pause", "only"}, "health": set()}[name] <= reached
