"""The routes of version 1: read a body, ask the service, answer with bytes."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from penchant.models.similar.spaces import By, Friends, Space
from penchant.schema.language import preferred
from penchant.serving import answers, bodies
from penchant.serving.metrics import CONTENT_TYPE
from penchant.serving.noted import noted
from penchant.serving.problems import ProblemError, malformed
from penchant.serving.protocol import RecommendationAnswer, ScoredItem, SimilarAnswer, SimilarRequest
from penchant.serving.reading import LARGEST_BULK, parse_body, read_body, read_with
from penchant.serving.scenarios import Declared
from penchant.serving.service import Asked, Service

Neighbours = Annotated[int, Query(ge=1, le=1000)]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": answers.Problem, "content": {"application/problem+json": {}}} for status in (401, 404, 408, 413, 422, 500, 503)
}


def version_1(service: Service, scenarios: Declared) -> APIRouter:
    """The `/v1` routes.

    Args:
        service: What they ask.
        scenarios: Those that may be named; another is answered with 404.
    """
    router = APIRouter(prefix="/v1", responses=PROBLEMS)
    _add_answers(router, service, scenarios)
    _add_neighbours(router, service)
    _add_feedback(router, service)
    _add_records(router, service)
    _add_facts(router, scenarios)
    return router


def health(service: Service) -> APIRouter:
    """Whether the process lives, and whether it can answer."""
    router = APIRouter(prefix="/health")

    @router.get("/live", response_model=answers.HealthAnswer, summary="Does the process answer at all?")
    async def live() -> Response:
        return _json({"status": "live"})

    @router.get("/ready", response_model=answers.HealthAnswer, responses={503: {"model": answers.HealthAnswer}}, summary="Can it serve?")
    async def ready() -> Response:
        status = "draining" if service.draining else service.state
        found = {"status": status, "behind": service.behind, "model_version": service.model_version, "parts": service.parts}
        return _json(found, 200 if status == "ready" else 503)

    return router


def metrics(service: Service) -> APIRouter:
    """What is counted, for Prometheus; it needs a key as everything else does."""
    router = APIRouter()

    @router.get("/metrics", response_class=PlainTextResponse, summary="Counters and gauges in the text format of Prometheus")
    async def read() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return router


def _takes(kind: type[bodies.Body] | type[bodies.RecordBody]) -> dict[str, Any]:
    """The part of the API document that says what a route's body is; `serving.document` adds the schemas."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _add_answers(router: APIRouter, service: Service, scenarios: Declared) -> None:
    @router.post(
        "/recommendations",
        response_model=answers.ListAnswer,
        openapi_extra=_takes(bodies.RecommendationBody),
        summary="The best items for someone, here and now",
    )
    async def recommend(request: Request) -> Response:
        body = await read_body(request, bodies.RecommendationBody)
        scenarios.check(body.scenario)
        asked = _in_language(body.request(), request)
        service.check(asked)
        return _json(_listed(await service.recommend(asked)))

    @router.post("/rank", response_model=answers.ListAnswer, openapi_extra=_takes(bodies.RankBody), summary="The given items, best first")
    async def rank(request: Request) -> Response:
        body = await read_body(request, bodies.RankBody)
        scenarios.check(body.scenario)
        asked = _in_language(body.request(), request)
        service.check(asked)
        return _json(_listed(await service.rank(asked)))


def _in_language(asked: Asked, request: Request) -> Asked:
    """What is asked, in the language that its sender reads."""
    return asked if asked.language or not asked.explain else replace(asked, language=preferred(request.headers.get("accept-language")))


def _add_neighbours(router: APIRouter, service: Service) -> None:
    @router.get("/items/{item_id:path}/similar", response_model=answers.SimilarItemsAnswer, summary="Items like this one")
    async def similar_items(item_id: str, n: Neighbours = 10, space: Space | None = None, by: By | None = None) -> Response:
        request = SimilarRequest(of="item", id=_checked(item_id), n=n, space=space, by=by)
        return _json(_neighbours("items", await service.similar(request)))

    @router.get(
        "/users/{user_id:path}/similar", response_model=answers.SimilarUsersAnswer, summary="Users like this one, friends among them"
    )
    async def similar_users(
        user_id: str, n: Neighbours = 10, space: Space | None = None, by: By | None = None, friends: Friends = "any"
    ) -> Response:
        request = SimilarRequest(of="user", id=_checked(user_id), n=n, space=space, by=by, friends=friends)
        return _json(_neighbours("users", await service.similar(request)))


def _add_feedback(router: APIRouter, service: Service) -> None:
    @router.post(
        "/events",
        response_model=answers.EventsAnswer,
        openapi_extra=_takes(bodies.EventsBody),
        summary="What users did; acknowledged once it is on the disk",
    )
    async def events(request: Request) -> Response:
        well_formed, rejected = await read_with(request, lambda content: bodies.read_events(parse_body(content, bodies.EventsBody).events))
        service.metrics.events(rejected=len(rejected))
        appended = await service.record_events(well_formed)
        return _json({"accepted": appended.accepted, "duplicates": appended.duplicates, "rejected": _plain(rejected)})


def _add_records(router: APIRouter, service: Service) -> None:
    async def put(request: Request, name: str, id_column: str, store: Callable[[Mapping[str, Any]], Awaitable[None]]) -> Response:
        body = await read_body(request, bodies.RecordBody)
        await store({_checked(name): body.record()})
        return _json(body.record() | {id_column: name})

    async def get(name: str, id_column: str, find: Callable[[str], Awaitable[dict[str, Any] | None]]) -> Response:
        record = await find(_checked(name))
        if record is None:
            raise ProblemError(404, "unknown_" + id_column.removesuffix("_id"), "There is none with this id.")
        return _json(record | {id_column: name})

    async def bulk(well_formed: dict[str, Any], rejected: list[bodies.Rejection], store: Callable[..., Awaitable[None]]) -> Response:
        if well_formed:
            await store(well_formed)
        return _json({"accepted": len(well_formed), "rejected": _plain(rejected)})

    taken = _takes(bodies.RecordBody)

    @router.post("/items", response_model=answers.BulkAnswer, openapi_extra=_takes(bodies.ItemsBody), summary="Many items, new or changed")
    async def put_items(request: Request) -> Response:
        found = await read_with(
            request, lambda content: bodies.read_records(parse_body(content, bodies.ItemsBody).items, "item_id"), LARGEST_BULK
        )
        return await bulk(*found, service.put_items)

    @router.post("/users", response_model=answers.BulkAnswer, openapi_extra=_takes(bodies.UsersBody), summary="Many users, new or changed")
    async def put_users(request: Request) -> Response:
        found = await read_with(
            request, lambda content: bodies.read_records(parse_body(content, bodies.UsersBody).users, "user_id"), LARGEST_BULK
        )
        return await bulk(*found, service.put_users)

    @router.put("/items/{item_id:path}", response_model=dict[str, Any], openapi_extra=taken, summary="One item, new or changed")
    async def put_item(item_id: str, request: Request) -> Response:
        return await put(request, item_id, "item_id", service.put_items)

    @router.get("/items/{item_id:path}", response_model=dict[str, Any], summary="What is known of an item")
    async def get_item(item_id: str) -> Response:
        return await get(item_id, "item_id", service.item)

    @router.put("/users/{user_id:path}", response_model=dict[str, Any], openapi_extra=taken, summary="One user, new or changed")
    async def put_user(user_id: str, request: Request) -> Response:
        return await put(request, user_id, "user_id", service.put_users)

    @router.get("/users/{user_id:path}", response_model=dict[str, Any], summary="What is known of a user")
    async def get_user(user_id: str) -> Response:
        return await get(user_id, "user_id", service.user)


def _add_facts(router: APIRouter, scenarios: Declared) -> None:
    @router.get("/scenarios", response_model=answers.ScenariosAnswer, summary="Declared scenarios")
    async def list_scenarios() -> Response:
        return _json({"scenarios": sorted(scenarios.names), "factors": scenarios.factors})


def _checked(name: str) -> str:
    """An id from a path, by the same rules as one from a body."""
    try:
        return bodies.Named(id=name).id
    except ValidationError as error:
        raise malformed(error) from None


def _listed(answer: RecommendationAnswer) -> dict[str, Any]:
    """The answer without items whose numbers are none; leaving one out shows as `degraded`."""
    items = [item for item in answer.items if _is_finite(item)]
    complete = len(items) == len(answer.items)
    return {
        "request_id": noted().request_id,
        "model_version": answer.model_version,
        "items": items,
        "degraded": answer.degraded or not complete,
        "fallback": answer.fallback if complete else answer.fallback or "nonfinite_scores",
        "reason": answer.reason,
        "dropped_rules": list(answer.dropped_rules),
    }


def _neighbours(name: str, answer: SimilarAnswer) -> dict[str, Any]:
    """The answer with its items or users under that name, without those whose likeness is no number; that shows as `degraded`."""
    found = [one for one in answer.found if math.isfinite(one.score)]
    complete = len(found) == len(answer.found)
    return {
        "request_id": noted().request_id,
        "model_version": answer.model_version,
        "space": answer.space,
        "by": answer.by,
        name: found,
        "degraded": answer.degraded or not complete,
        "fallback": answer.fallback if complete else answer.fallback or "nonfinite_scores",
    }


def _is_finite(item: ScoredItem) -> bool:
    return all(map(math.isfinite, (item.score, item.propensity, *item.tasks.values())))


def _plain(rejected: list[bodies.Rejection]) -> list[dict[str, Any]]:
    return [one.model_dump() for one in rejected]


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")
