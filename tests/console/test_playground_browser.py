"""The playground as a person meets it, in headless Chromium."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from running import Running

pytestmark = pytest.mark.browser


def titles(page: Page) -> list[str]:
    return [heading.split(" ▲")[0].split(" ▼")[0] for heading in page.locator("#list h2").all_inner_texts()]


def test_that_the_one_time_link_logs_in_and_is_then_used_up(browser: Browser, films: Running) -> None:
    for expected in ("#list > li", "#key"):
        page = browser.new_context().new_page()
        page.goto(films.login_url)
        page.wait_for_selector(expected)
        page.context.close()


def test_that_saying_something_changes_the_list_at_once(visit: Callable[..., Page]) -> None:
    page = visit()
    page.fill("#user", "someone")
    expect(page.locator("#list h2").nth(2)).to_have_text("Chinatown")
    page.get_by_role("button", name="like: Chinatown").click()
    expect(page.locator("#list h2").first).to_contain_text("The Third Man")
    assert "Chinatown" not in titles(page)
    expect(page.locator("#status")).to_contain_text("“Chinatown” is stored")
    expect(page.locator("#said")).to_contain_text("like: Chinatown")
    expect(page.locator(".moved.up").first).to_be_visible()


def test_that_what_is_typed_while_the_page_loads_stays(visit: Callable[..., Page]) -> None:
    page = visit()
    held: list[Route] = []
    page.route("**/console/facts", lambda route: held.append(route))
    page.reload(wait_until="domcontentloaded")
    page.wait_for_timeout(100)
    page.fill("#user", "hasty")
    with page.expect_request("**/v1/recommendations") as asked:
        for route in held:
            route.continue_()
    assert asked.value.post_data_json["user_id"] == page.input_value("#user") == "hasty"


def test_that_a_rating_is_chosen_and_sent(visit: Callable[..., Page]) -> None:
    page = visit()
    page.fill("#user", "rater")
    page.wait_for_timeout(300)
    page.get_by_label("stars: Chinatown").select_option("5")
    expect(page.locator("#said")).to_contain_text("stars 5: Chinatown")


def test_that_an_anonymous_visit_picks_items_and_sends_nothing_to_the_log(visit: Callable[..., Page]) -> None:
    page = visit()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.locator("#who label").nth(2).click()
    page.fill("#pick", "Chinatown")
    page.press("#pick", "Enter")
    expect(page.locator("#picked li")).to_have_count(1)
    expect(page.locator("#list h2").first).to_contain_text("The Third Man")
    expect(page.locator("#status")).to_contain_text("fallback: anonymous")
    page.get_by_role("button", name="like: The Third Man").click()
    expect(page.locator("#picked li")).to_have_count(2)
    page.get_by_role("button", name="Remove Chinatown").click()
    expect(page.locator("#picked li")).to_have_count(1)
    assert not [url for url in sent if url.endswith("/v1/events")]


def test_that_a_new_users_profile_and_context_are_sent(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator("#who label").nth(1).click()
    page.fill("#profile-age", "30")
    page.select_option("#scenario", "search")
    with page.expect_request(lambda request: '"device":"phone"' in (request.post_data or "")) as request:
        page.select_option("#context-device", label="phone")
    sent = request.value.post_data_json
    assert sent["profile"] == {"age": 30}
    assert sent["scenario"] == "search"
    assert sent["user_id"].startswith("guest-")


def test_that_hostile_titles_are_shown_as_text(visit: Callable[..., Page]) -> None:
    page = visit()
    page.fill("#n", "15")
    expect(page.locator("#list > li")).to_have_count(15)
    assert "<img src=x onerror=\"document.title='broken'\">" in titles(page)
    assert page.title() == "Penchant"
    assert page.locator("#list img, #list script, #list b").count() == 0


def test_that_the_language_switches_and_is_remembered(visit: Callable[..., Page]) -> None:
    page = visit()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("button", name="推荐", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="推荐", exact=True)).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "zh"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_that_the_theme_follows_the_system_until_it_is_switched(visit: Callable[..., Page], scheme: str) -> None:
    page = visit(color_scheme=scheme)

    def brightness() -> int:
        return int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))

    assert (brightness() < 128) == (scheme == "dark")
    page.get_by_role("button", name="Theme").click()
    assert (brightness() < 128) == (scheme == "light")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_that_nothing_runs_off_the_side(visit: Callable[..., Page], width: int) -> None:
    page = visit(viewport={"width": width, "height": 800})
    page.fill("#n", "15")
    expect(page.locator("#list > li")).to_have_count(15)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_that_everything_can_be_done_with_the_keyboard(visit: Callable[..., Page]) -> None:
    page = visit()
    page.focus("#user")
    page.keyboard.type("-keys")
    with page.expect_response("**/v1/recommendations"):
        page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "like: The Third Man":
            break
    page.keyboard.press("Space")
    expect(page.locator("#said")).to_contain_text("like: The Third Man")
    assert page.evaluate("document.activeElement.id") == "list"


def test_that_a_server_that_is_gone_is_said_so(visit: Callable[..., Page], faults: list[str]) -> None:
    page = visit()
    page.route("**/v1/recommendations", lambda route: route.abort())
    page.get_by_role("button", name="Recommend").click()
    expect(page.get_by_role("alert")).to_have_text("The server does not answer.")
    faults.clear()  # the browser reports the failed request itself


def test_that_causes_are_a_sentence_and_bars_in_both_languages(visit: Callable[..., Page]) -> None:
    page = visit()
    expect(page.locator(".why")).to_have_count(0)
    expect(page.locator("#effect")).to_be_hidden()
    page.get_by_label("Say why").check()
    first = page.locator("#list > li").first
    expect(first.locator(".why p")).to_have_text("Because Its genre is animation.")
    expect(first.locator(".marks li")).to_have_text("proposed by retrieval")
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    causes = first.locator(".causes li")
    expect(causes).to_have_count(2)
    expect(causes.nth(0)).to_contain_text("Its genre is animation: speaks for it")
    expect(causes.nth(0)).to_contain_text("+0.5")
    expect(causes.nth(1)).to_contain_text("−0.25")
    raised, lowered = (causes.nth(place).locator(f".effect .{side}").bounding_box() for place, side in ((0, "for"), (1, "against")))
    assert raised is not None
    assert lowered is not None
    assert raised["width"] == pytest.approx(2 * lowered["width"], abs=1)
    assert lowered["x"] + lowered["width"] == pytest.approx(raised["x"], abs=1), "they part in the middle"
    page.get_by_label("Effects on").select_option("like")
    expect(causes.nth(0).locator(".against")).to_have_count(1)
    expect(causes.nth(0)).to_contain_text("−0.5")
    page.get_by_label("Effects on").select_option("stars")  # of which nothing is told
    expect(first.locator("details")).to_have_count(0)
    page.get_by_label("Effects on").select_option("")
    page.locator("#language").click()
    expect(first.locator(".why p")).to_have_text("因为它的类型是animation.")
    expect(causes.nth(1)).to_contain_text("降低了得分")
