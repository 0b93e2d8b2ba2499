"""A whole app on a small engine and a real store in a temporary folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from small_engine import Served, SmallEngine, wait_until_ready
from starlette.testclient import TestClient

from penchant.serving.app import create_app
from penchant.serving.keys import Keys
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore


def _app(folder: Path, engine: SmallEngine) -> tuple[FastAPI, SQLiteEventLog, str]:
    database = Database(folder / "penchant.db")
    log, records = SQLiteEventLog(database), SQLiteRecordStore(database)
    keys = Keys(records)
    key = keys.add("test")
    return create_app(engine, log, records, keys), log, key


@contextmanager
def _running(folder: Path, engine: SmallEngine) -> Iterator[Served]:
    app, log, key = _app(folder, engine)
    with TestClient(app, headers={"X-API-Key": key}) as client:
        wait_until_ready(client)
        yield Served(client, app, engine, log, key)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts an app on the test's folder; a second call stops the first and starts anew on the same files."""
    with ExitStack() as running:

        def start(engine: SmallEngine | None = None) -> Served:
            running.close()
            return running.enter_context(_running(tmp_path, engine or SmallEngine()))

        yield start


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """An app of the test's own."""
    return serve()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One app for all tests that change nothing another test looks at."""
    with _running(tmp_path_factory.mktemp("shared"), SmallEngine()) as served:
        yield served
