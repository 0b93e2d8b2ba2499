"""The routes of models: which there are, which answers, and how another takes over."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from penchant.serving import answers
from penchant.serving.access import WHO
from penchant.serving.models import Models, Promotion
from penchant.serving.problems import ProblemError
from penchant.serving.refusal import PromotionRefusedError
from penchant.serving.routes import PROBLEMS
from penchant.serving.service import Service
from penchant.storage.bundles import BundleRefusedError

Wait = Annotated[float, Query(ge=0, le=600, description="Seconds to wait for the end; 202 when it is not over by then.")]
Version = Annotated[str, Path(pattern=r"^[1-9][0-9]{0,8}$", description="The version of a bundle.")]
_REFUSED: dict[int | str, dict[str, Any]] = {
    202: {"model": answers.PromotionAnswer, "description": "It goes on; GET /v1/models tells how it stands."},
    404: PROBLEMS[404],
    409: {"model": answers.Problem, "content": {"application/problem+json": {}}, "description": "Refused; the present model goes on."},
}


def models_routes(service: Service, models: Models | None) -> APIRouter:
    """The `/v1/models` routes.

    Args:
        service: Answers.
        models: Those that may answer; None where the engine is the only one.
    """
    router = APIRouter(prefix="/v1/models", responses=PROBLEMS)

    @router.get("", response_model=answers.ModelsAnswer, response_model_exclude_unset=True, summary="Models and which one answers")
    async def list_models() -> Response:
        known = await models.known() if models else [{"version": service.model_version, "serving": True}]
        score = (await service.describe()).get("final_score")
        if score:
            known = [told | ({"final_score": score} if told["version"] == service.model_version else {}) for told in known]
        promotion = models.promotion if models else None
        more = {"earlier": await models.earlier()} if models else {}
        return _json({"models": known} | more | ({"promotion": promotion.told()} if promotion else {}))

    @router.get("/changes", response_model=answers.ChangesAnswer, summary="Who pointed which alias where, the newest first")
    async def list_changes(n: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        return _json({"changes": await models.audit(n) if models else []})

    @router.post(
        "/{version}/promote",
        response_model=answers.PromotionAnswer,
        responses=_REFUSED,
        summary="Let a version answer once it has shown that it can",
    )
    async def promote(version: Version, request: Request, wait: Wait = 60.0) -> Response:
        if models is None:
            raise _unknown()
        try:
            promotion = models.begin_promotion(version, request.scope[WHO])
        except (BundleRefusedError, PromotionRefusedError) as error:
            raise _problem(error) from None
        return await _outcome(models, promotion, wait)

    @router.post(
        "/rollback", response_model=answers.PromotionAnswer, responses=_REFUSED, summary="Let the version answer that did so before"
    )
    async def roll_back(request: Request, wait: Wait = 60.0) -> Response:
        if models is None:
            raise ProblemError(409, "no_earlier_model", "This server has one model only.")
        try:
            promotion = models.begin_rollback(request.scope[WHO])
        except (BundleRefusedError, PromotionRefusedError) as error:
            raise _problem(error) from None
        return await _outcome(models, promotion, wait)

    return router


async def _outcome(models: Models, promotion: Promotion, wait: float) -> Response:
    await models.wait(wait)
    if promotion.step == "refused":
        raise ProblemError(409, promotion.code or "internal", promotion.detail or "It was refused.")
    return _json(promotion.told(), 200 if promotion.is_over else 202)


def _problem(error: BundleRefusedError | PromotionRefusedError) -> ProblemError:
    if isinstance(error, PromotionRefusedError):
        return ProblemError(409, error.code, str(error))
    if error.reason == "unknown_version":
        return _unknown()
    return ProblemError(409, error.reason, f"The bundle is refused ({error.reason}): it is not exactly what was made.")


def _unknown() -> ProblemError:
    return ProblemError(404, "unknown_model", "The version must be one that GET /v1/models lists.")


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")
