"""Requests that leave at their appointed times whether or not earlier ones were answered: a server that stalls cannot hide it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

LONGEST_IDLE = 5.0
"""Seconds after which a connection is not used again."""


class Connections:
    """Kept-alive connections to one server; a request takes an idle one or opens another."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = f"Host: {self.host}\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self, method: str, path: str, body: Any = None) -> int:
        """One request; its status, 0 when the connection failed."""
        content = json.dumps(body).encode() if body is not None else b""
        try:
            reader, writer = await self._connection()
            writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        except (OSError, EOFError, asyncio.IncompleteReadError):
            return 0
        self._idle.append((time.monotonic(), reader, writer))
        return int(head.split(" ")[1])

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The connection used last, or a new one: a server may close what was idle for long, whatever is on its way."""
        if self._idle:
            used, reader, writer = self._idle.pop()
            if time.monotonic() - used < LONGEST_IDLE:
                return reader, writer
            writer.close()
            for _, _, other in self._idle:  # the ones below were used even earlier
                other.close()
            self._idle.clear()
        return await asyncio.open_connection(self.host, self.port)


@dataclass
class Measured:
    """Latencies in milliseconds, counted from each request's appointed time, and how many answers were no success."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0

    def summary(self) -> dict[str, float]:
        low, middle, high = map(float, np.percentile(self.latencies, [50, 99, 99.9]))
        return {
            "requests": len(self.latencies),
            "errors": self.errors,
            "p50_ms": round(low, 2),
            "p99_ms": round(middle, 2),
            "p99.9_ms": round(high, 2),
            "max_ms": round(max(self.latencies), 2),
        }


async def at_rate(rate: float, seconds: float, send: Callable[[int], Awaitable[int]], offset: float = 0.0) -> Measured:
    """Sends `rate` requests per second, come what may, and waits for the last answer."""
    measured, begin = Measured(), time.perf_counter() + 0.1 + offset

    async def one(number: int) -> None:
        appointed = begin + number / rate
        await asyncio.sleep(appointed - time.perf_counter())
        status = await send(number)
        measured.latencies.append(1000 * (time.perf_counter() - appointed))
        measured.errors += status != 200

    tasks, batch = [], max(1, int(rate))
    for number in range(int(seconds * rate)):
        if number % batch == 0:
            await asyncio.sleep(begin + (number - batch / 2) / rate - time.perf_counter())
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    return measured
