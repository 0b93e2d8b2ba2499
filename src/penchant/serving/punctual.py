"""HTTP connections that do not wait for ever: a request must arrive in time, and its head must be of a sane size."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SLOWEST = 15.0
"""Seconds from the first byte (or the connection) to the last byte of a request."""
LARGEST_HEAD = 16 * 1024
"""Bytes of a request's target and headers."""
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class PunctualProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a time limit per request, which it lacks, and a limit on headers."""

    _limit: asyncio.TimerHandle | None = None
    _parsed = 0
    _received = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP alone is served
        """Starts the clock."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Passes bytes on; starts the clock when they begin a request."""
        if self._limit is None and (self.cycle is None or self.cycle.response_complete):
            self._start_clock()
        super().data_received(data)
        if self._in_head:
            # The parser tells of a header only once it has ended; this counts one that never does.
            self._received += len(data)
            self._refuse_above(self._received)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._parsed, self._received, self._in_head = 0, 0, True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._parsed += len(url)
        self._refuse_above(self._parsed)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header."""
        self._parsed += len(name) + len(value) + len(": \r\n")
        self._refuse_above(self._parsed)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete; the request begins unless it was refused."""
        self._in_head = False
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete; the answer may take its time."""
        self._stop_clock()
        if self.cycle is not None:
            super().on_message_complete()

    def _refuse_above(self, size: int) -> None:
        if size > LARGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _start_clock(self) -> None:
        self._stop_clock()
        self._limit = self.loop.call_later(SLOWEST, self.transport.close)

    def _stop_clock(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
