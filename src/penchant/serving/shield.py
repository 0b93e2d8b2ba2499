"""The outermost layer: headers that every answer carries, and an answer when something breaks."""

import logging
from traceback import extract_tb

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.serving.problems import ProblemError

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_log = logging.getLogger(__name__)


class Shield:
    """ASGI middleware that logs a fault by its kind and place only: a message or a traceback may hold ids."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on, and answers 500 when nothing was answered."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            place = extract_tb(error.__traceback__)[-1]
            _log.error("%s at %s:%d", type(error).__name__, place.name, place.lineno or 0)
            if not started:
                problem = ProblemError(500, "internal", "The server failed on its side.")
                await problem.response()(scope, receive, send_with_headers)
        return None
