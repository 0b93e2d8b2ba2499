"""The playground at `/`: choose who, where and when; see the list; say what you think of it; see it change."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from urllib.parse import parse_qs

import orjson
from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from penchant.console.visits import LASTS, Visits
from penchant.serving.keys import Keys
from penchant.serving.reading import read_with
from penchant.serving.service import Service

COOKIE = "penchant_visit"
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LOADED = ("style.css", "words.js", "playground.js", "login.js", "icon.svg")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ENTERED = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/"><title>Penchant</title>'


class Playground:
    """A `serving.access.Console`.

    A visitor logs in with the one-time link the server prints, or with a key; from then on an HttpOnly cookie speaks
    for them, and no key is ever in a page.
    """

    def __init__(self) -> None:
        self._visits = Visits()
        self.public = frozenset({"/", "/login", *(f"/console/{name}" for name in _LOADED)})

    def login_path(self) -> str:
        """A path that logs in whoever opens it first."""
        return f"/login?token={self._visits.token()}"

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether the visitor carries a valid cookie."""
        return self._visits.knows(connection.cookies.get(COOKIE, ""))

    def mount(self, app: FastAPI, service: Service, keys: Keys | None) -> None:
        """Adds the pages to the app; without keys everybody is let in."""
        for name in _LOADED:
            app.add_api_route(f"/console/{name}", _file(name), include_in_schema=False)
        self._add_login(app, keys)
        page = _file("playground.html")

        @app.get("/", include_in_schema=False)
        async def playground(request: Request) -> Response:
            return await page() if keys is None or self.knows(request) else RedirectResponse("/login", 303)

        @app.get("/console/facts", include_in_schema=False)
        async def facts() -> Response:
            known = {"model_version": service.model_version, "ready": service.state == "ready", **await service.describe()}
            return Response(orjson.dumps(known, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")

    def _add_login(self, app: FastAPI, keys: Keys | None) -> None:
        page = _file("login.html")

        @app.get("/login", include_in_schema=False)
        async def login(token: str = "") -> Response:
            cookie = self._visits.enter(token) if token else None
            return _entered(cookie) if cookie else await page()

        @app.post("/login", include_in_schema=False)
        async def login_with_key(request: Request) -> Response:
            form = await read_with(request, lambda content: parse_qs(content.decode("utf8", "replace"), max_num_fields=4), 4096)
            if keys is not None and keys.admit(form.get("key", [""])[0].strip()):
                return _entered(self._visits.cookie())
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


def _file(name: str) -> Callable[[], Awaitable[Response]]:
    """A route that answers with a file of this package."""
    content = (files(__package__) / "static" / name).read_bytes()
    kind = _KINDS[name[name.rindex(".") :]]

    async def answer() -> Response:
        return Response(content, media_type=kind, headers={"Content-Security-Policy": _POLICY})

    return answer
