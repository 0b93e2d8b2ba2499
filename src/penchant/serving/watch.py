"""What is seen of each request from outside: its number, its line in the log, its time."""

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.serving import noted
from penchant.serving.logs import request_line
from penchant.serving.metrics import UNMATCHED, Metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
CLOSED_EARLY = 499
"""The status of a request whose caller did not wait for an answer, as nginx counts it."""


class Watch:
    """ASGI middleware around all others.

    Args:
        app: What it watches.
        metrics: Where it counts.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on; an answer says its `X-Request-ID`."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        own, status, begun = noted.begin(), CLOSED_EARLY, time.monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = own.request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            seconds = time.monotonic() - begun
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path", UNMATCHED)
            self._metrics.answered(method, route, status, seconds)
            request_line(own, method, route, status, seconds)
        return None
