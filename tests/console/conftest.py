"""A running server with films, a browser, and pages opened with a key."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from running import Running

CHROMIUM = os.environ.get("PENCHANT_CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running server; SIGTERM must end it within 10 s."""
    command = [sys.executable, str(Path(__file__).parent / "film_server.py"), str(tmp_path_factory.mktemp("films"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "src"}) as process:
        assert process.stdout is not None
        yield Running(**json.loads(process.stdout.readline()))
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        if os.environ.get("PENCHANT_REQUIRE_ALL") == "1":
            raise FileNotFoundError(CHROMIUM)
        pytest.skip(f"no Chromium at {CHROMIUM}; set PENCHANT_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def visit(browser: Browser, films: Running, faults: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens the playground with a key; collects script faults, refusals by the page's own policy, and foreign requests."""
    contexts = []

    def open_playground(**settings: object) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}, "locale": "en", "base_url": films.url} | settings))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith(films.url) else faults.append(request.url))
        page.goto(films.url)
        page.fill("#key", films.key)
        page.press("#key", "Enter")
        page.wait_for_selector("#list > li")
        return page

    yield open_playground
    for context in contexts:
        context.close()
    assert faults == []
