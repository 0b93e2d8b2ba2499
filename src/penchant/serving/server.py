"""Runs the app in this process until it is told to stop."""

import asyncio
import gc
import ipaddress
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from penchant.schema.errors import PenchantError
from penchant.serving.access import Console
from penchant.serving.app import create_app
from penchant.serving.keys import Keys
from penchant.serving.limits import Limits
from penchant.serving.logs import LogFormat, written
from penchant.serving.models import Bundles
from penchant.serving.protocol import Engine
from penchant.serving.punctual import PunctualProtocol
from penchant.serving.service import Service
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import DATABASE, Database
from penchant.storage.state import SQLiteRecordStore

_FINISH = 7
"""Seconds that requests under way have once nobody is let in any more."""


class AddressError(PenchantError):
    """The address cannot be listened on, or must not be without a key."""

    code = "address"
    exit_code = 8


@dataclass(frozen=True)
class Started:
    """Where the server listens and how to come in.

    Attributes:
        url: Its address ("http://127.0.0.1:8090").
        key: The first key, at the first start only; it is never shown again.
        login_url: Opens the console, once; None without a console.
    """

    url: str
    key: str | None
    login_url: str | None


def run(
    directory: Path | str,
    engine: Engine,
    *,
    host: str = "127.0.0.1",
    port: int = 8090,
    with_keys: bool = True,
    console: Console | None = None,
    limits: Limits | None = None,
    log_format: LogFormat = "faults",
    announce: Callable[[Started], None] = print,
    bundles: Bundles | None = None,
) -> None:
    """Serves until SIGTERM or Ctrl-C; then lets requests finish, makes everything durable, and returns.

    Args:
        directory: Where the event log, records and keys are kept.
        engine: Answers.
        host: The address to listen on; any but this machine's own needs keys.
        port: The port; 0 = a free one.
        with_keys: Whether a key is needed.
        console: Pages for people.
        limits: How long a request may take; None = as long as it takes.
        log_format: Of the lines on stderr.
        announce: Told once, when the port is bound.
        bundles: Other models that may take the engine's place.

    Raises:
        AddressError: when the address is taken, unknown, or open to others without a key.
        StorageError: when the directory is in use or cannot be written.
    """
    if not with_keys and not _is_own_machine(host):
        raise AddressError(f"address '{host}'", must="127.0.0.1 when no key is needed", came="an address others reach", do="Use keys.")
    with _listen(host, port) as listener:
        database = Database(Path(directory) / DATABASE)
        try:
            log, records = SQLiteEventLog(database), SQLiteRecordStore(database)
            keys = Keys(records) if with_keys else None
            first = keys.first() if keys else None
            app = create_app(engine, log, records, keys, console, limits, bundles)
            service: Service = app.state.service
            url = f"http://{_shown(host)}:{listener.getsockname()[1]}"
            announce(Started(url, first, url + console.login_path() if console else None))
            with written(log_format, service.metrics.lost_line):
                _serve(app, listener, service)
        finally:
            database.close()


class _Draining(uvicorn.Server):
    """Told to end, it first says that it is not ready, so that a balancer sends nobody here, and goes on answering for a while."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM waits; whatever comes after it, or Ctrl-C, does not."""
        if self._service.draining or sig != signal.SIGTERM or not self._service.limits.drain:
            super().handle_exit(sig, frame)
            return
        self._service.draining = True
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._service.limits.drain, super().handle_exit, sig, frame)


def _serve(app: FastAPI, listener: socket.socket, service: Service) -> None:
    config = uvicorn.Config(
        app,
        http=PunctualProtocol,
        access_log=False,  # paths and queries hold ids and login tokens
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_FINISH,
        timeout_keep_alive=15,
        lifespan="on",
    )
    # What is loaded by now stays; looking through all of it for garbage again and again would hold up every request for 0.1 s.
    gc.collect()
    gc.freeze()
    # uvicorn repeats Ctrl-C after it has shut down in good order.
    with suppress(KeyboardInterrupt):
        _Draining(config, service).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise AddressError(f"address '{host}:{port}'", must="free", came=f"'{error.strerror}'", do="Choose another with --port.") from None


def _is_own_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
