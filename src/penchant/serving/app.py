"""The application: routes, documents, errors and the guard around one service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from penchant.serving import document, problems
from penchant.serving.access import Console, Guard
from penchant.serving.keys import Keys
from penchant.serving.limits import Limits
from penchant.serving.models import Bundles, Models
from penchant.serving.models_routes import models_routes
from penchant.serving.protocol import Engine
from penchant.serving.routes import health, metrics, version_1
from penchant.serving.scenarios import Declared
from penchant.serving.service import Service
from penchant.serving.shield import Shield
from penchant.serving.watch import Watch
from penchant.storage.events import EventLog
from penchant.storage.state import RecordStore

_ABOUT = """Recommendations for known, new and anonymous users, and the feedback they learn from.
Errors are problem+json with a stable code. A key that stands twice in a JSON object counts as it stands last."""


class WhenReady:
    """ASGI middleware that answers 503 on `/v1` until the state is rebuilt."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on, or answers 503."""
        if scope["type"] == "http" and scope["path"].startswith("/v1") and self._service.state != "ready":
            problem = problems.ProblemError(
                503, self._service.state, "The state is being rebuilt; try again.", headers={"Retry-After": "1"}
            )
            return await problem.response()(scope, receive, send)
        return await self._app(scope, receive, send)


def create_app(
    engine: Engine,
    log: EventLog,
    records: RecordStore,
    keys: Keys | None,
    console: Console | None = None,
    limits: Limits | None = None,
    bundles: Bundles | None = None,
) -> FastAPI:
    """The HTTP face of an engine; starting it rebuilds the engine's state, stopping it closes the stores.

    Args:
        engine: Answers.
        log: Keeps events.
        records: Keeps users, items and keys.
        keys: The keys that open it; None opens it to everybody.
        console: Pages for people; None = none.
        limits: How long a request may take; None = as long as it takes.
        bundles: Other models that may take the engine's place; None = none.
    """
    service = Service(engine, log, records, limits)
    service.metrics.watch(service.gauges)
    models = Models(service, bundles) if bundles else None
    scenarios = Declared.of(engine.describe())
    service.switched.append(lambda _, facts: scenarios.become(facts))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        starting = asyncio.create_task(service.start())
        following = asyncio.create_task(models.run()) if models else None
        yield
        if models and following:
            following.cancel()
            models.close()
        await asyncio.to_thread(service.close)
        await starting

    layers = [
        Middleware(Watch, metrics=service.metrics),
        Middleware(Shield),
        Middleware(Guard, keys=keys, console=console),
        Middleware(WhenReady, service=service),
    ]
    app = FastAPI(title="Penchant", version="1", description=_ABOUT, lifespan=lifespan, middleware=layers, docs_url=None, redoc_url=None)
    problems.install(app)
    document.install(app)
    app.state.service = service
    app.include_router(health(service))
    app.include_router(metrics(service))
    app.include_router(version_1(service, scenarios))
    app.include_router(models_routes(service, models))
    if console:
        console.mount(app, service, keys)
    return app
