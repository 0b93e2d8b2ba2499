"""The way into the pages: the playground at `/`, models, events, health; all of them need a login, none of them holds a key."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

import orjson
from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from penchant.console.operation import add_operation
from penchant.console.shell import file
from penchant.console.visits import LASTS, Visits
from penchant.serving.keys import Keys
from penchant.serving.reading import read_with
from penchant.serving.service import Service

COOKIE = "penchant_visit"
_LOADED = (
    "style.css",
    "words.js",
    "shell.js",
    "login.js",
    "icon.svg",
    *(f"{page}.js" for page in ("playground", "models", "events", "health")),
)
_PAGES = {"/": "playground.html", "/console/models": "models.html", "/console/events": "events.html", "/console/health": "health.html"}
_ENTERED = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/"><title>Penchant</title>'


class Playground:
    """A `serving.access.Console`.

    A visitor logs in with the one-time link the server prints, or with a key; from then on an HttpOnly cookie speaks
    for them, and no key is ever in a page.
    """

    def __init__(self) -> None:
        self._visits = Visits()
        self.public = frozenset({*_PAGES, "/login", *(f"/console/{name}" for name in _LOADED)})

    def login_path(self) -> str:
        """A path that logs in whoever opens it first."""
        return f"/login?token={self._visits.token()}"

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether the visitor carries a valid cookie."""
        return self._visits.knows(connection.cookies.get(COOKIE, ""))

    def visitor(self, connection: HTTPConnection) -> str:
        """What the visitor came in by."""
        return self._visits.visitor(connection.cookies.get(COOKIE, "")) or "nobody"

    def mount(self, app: FastAPI, service: Service, keys: Keys | None) -> None:
        """Adds the pages to the app; without keys everybody is let in."""
        for name in _LOADED:
            app.add_api_route(f"/console/{name}", file(name), include_in_schema=False)
        self._add_login(app, keys)
        for path, name in _PAGES.items():
            app.add_api_route(path, self._page(name, keys), include_in_schema=False)
        add_operation(app, service)

        @app.get("/console/facts", include_in_schema=False)
        async def facts() -> Response:
            known = {"model_version": service.model_version, "ready": service.state == "ready", **await service.describe()}
            return Response(orjson.dumps(known, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")

    def _page(self, name: str, keys: Keys | None) -> Callable[[Request], Awaitable[Response]]:
        page = file(name)

        async def answer(request: Request) -> Response:
            return await page() if keys is None or self.knows(request) else RedirectResponse("/login", 303)

        return answer

    def _add_login(self, app: FastAPI, keys: Keys | None) -> None:
        page = file("login.html")

        @app.get("/login", include_in_schema=False)
        async def login(token: str = "") -> Response:
            cookie = self._visits.enter(token) if token else None
            return _entered(cookie) if cookie else await page()

        @app.post("/login", include_in_schema=False)
        async def login_with_key(request: Request) -> Response:
            form = await read_with(request, lambda content: parse_qs(content.decode("utf8", "replace"), max_num_fields=4), 4096)
            name = None if keys is None else keys.name_of(form.get("key", [""])[0].strip())
            if name is not None:
                return _entered(self._visits.cookie(f"key '{name}'"))
            return RedirectResponse("/login?refused=key", 303)

        @app.post("/console/logout", include_in_schema=False)
        async def logout(request: Request) -> Response:
            self._visits.leave(request.cookies.get(COOKIE, ""))
            answer = Response(status_code=204)
            answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
            return answer


def _entered(cookie: str) -> Response:
    # A page that moves on by itself, not a redirect: after a link from elsewhere a browser sends a strict cookie only
    # to what our own page opens.
    answer = HTMLResponse(_ENTERED)
    answer.set_cookie(COOKIE, cookie, max_age=int(LASTS), httponly=True, samesite="strict")
    return answer
