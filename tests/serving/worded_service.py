"""A service over HTTP whose model reads words in a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests import small_data
from waiting import LONG, until

from penchant.models.saved import read_network
from penchant.serving import seat as seats
from penchant.serving.app import create_app
from penchant.serving.encoders import Encoders
from penchant.serving.engine import BundleEngine
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore


@dataclass
class Running:
    """A service, its engine and its process."""

    client: TestClient
    engine: BundleEngine
    encoders: Encoders

    def behind(self) -> int:
        return int(self.client.get("/health/ready").json()["behind"])

    def best(self, user: str, n: int = 5, **more: Any) -> dict[str, Any]:
        context = {"timestamp": small_data.FILM_NOW, **more.pop("context", {})}
        body = {"user_id": user, "n": n, "scenario": "home", "context": context, **more}
        answer = self.client.post("/v1/recommendations", json=body)
        assert answer.status_code == 200
        return dict(answer.json())

    def ranks(self, *items: str) -> list[str]:
        """The items as a viewer who wants alpha films wants them."""
        body = {"user_id": "u0", "items": items, "scenario": "home", "context": {"timestamp": small_data.FILM_NOW}}
        return [item["item_id"] for item in self.client.post("/v1/rank", json=body).json()["items"]]

    def put(self, item: str, words: str) -> None:
        assert self.client.put(f"/v1/items/{item}", json={"title": item, "words": words}).status_code == 200


@contextmanager
def service(films: Path, state: Path) -> Iterator[Running]:
    """Of the bundle in `films`; waits for what was stored, not for the process."""
    database = Database(state / "penchant.db")
    engine = BundleEngine(read_network(films / "bundle", films), "1")
    started: list[Encoders] = []
    start = Encoders.start
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoders, "start", lambda self: started.append(self) or start(self))
        patch.setattr(seats, "START_PATIENCE", LONG)
        with TestClient(create_app(engine, SQLiteEventLog(database), SQLiteRecordStore(database), None)) as client:
            until(lambda: client.get("/health/ready").status_code == 200)
            yield Running(client, engine, started[0])
