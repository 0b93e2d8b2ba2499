"""Who may come in: nobody, unless a path is public, a key is shown, or the console knows the visitor."""

from typing import Protocol

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from penchant.serving.keys import Keys
from penchant.serving.problems import ProblemError
from penchant.serving.service import Service

PUBLIC = frozenset({"/health/live", "/health/ready"})
"""Exact paths that need no key."""
CONSOLE_HEADER = "x-penchant-console"
"""A cookie alone may read; to change something a page must send this header, which other sites' pages cannot."""
WHO = "penchant.who"
"""Where in a request's scope it is told who came in: a key by its name, a visitor of the pages, or anybody."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Console(Protocol):
    """Pages that bring their own way in."""

    public: frozenset[str]
    """Exact paths that need no key (the login page and what it loads)."""

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether the visitor carries a valid cookie."""
        ...

    def visitor(self, connection: HTTPConnection) -> str:
        """What the visitor came in by, for the audit trail."""
        ...

    def mount(self, app: FastAPI, service: Service, keys: Keys | None) -> None:
        """Adds the pages to the app."""
        ...

    def login_path(self) -> str:
        """A path that logs in whoever opens it first."""
        ...


class Guard:
    """ASGI middleware in front of every route, mounted app and unknown path alike.

    Args:
        app: What it guards.
        keys: The keys; None lets everybody in, which `serving.server` allows on this machine's own address only.
        console: Pages with their own way in.
    """

    def __init__(self, app: ASGIApp, keys: Keys | None, console: Console | None) -> None:
        self._app, self._keys, self._console = app, keys, console
        self._public = PUBLIC | (console.public if console else frozenset())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may come in; answers the rest with 401, or closes a websocket."""
        if scope["type"] == "lifespan" or self._admits(scope):
            scope[WHO] = "anybody" if self._keys is None else scope.get(WHO, "anybody")
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            detail = "Send a key as 'Authorization: Bearer pk_…' or 'X-API-Key: pk_…'."
            headers = {"WWW-Authenticate": "Bearer", "Connection": "close"}
            await ProblemError(401, "unauthorized", detail, headers=headers).response()(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        if self._keys is None or scope["path"] in self._public:
            return True
        connection = HTTPConnection(scope)
        presented = _presented(connection)
        if presented is not None:
            name = self._keys.name_of(presented)
            scope[WHO] = f"key '{name}'"
            return name is not None
        if self._console is None or not _is_own_page(connection) or not self._console.knows(connection):
            return False
        scope[WHO] = f"the pages, by {self._console.visitor(connection)}"
        return True


def _presented(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else connection.headers.get("x-api-key")


def _is_own_page(connection: HTTPConnection) -> bool:
    return connection.scope.get("method") in _READING or CONSOLE_HEADER in connection.headers
