"""Every error as RFC 9457 problem+json with a code that stays the same; nothing a caller sent is repeated back."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from penchant.schema.errors import FilterError, PenchantError, StorageError, TargetError, UnsupportedError

_CODES = {404: "not_found", 405: "method_not_allowed"}
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class ProblemError(Exception):
    """An answer that is no success.

    Args:
        status: The HTTP status.
        code: The stable code.
        detail: A sentence for people.
        errors: One `{path, code, message}` per fault, when several can be told apart.
        headers: More headers of the answer.
    """

    def __init__(
        self, status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.code, self.detail, self.errors, self.headers = status, code, detail, errors, dict(headers or {})
        super().__init__(code)

    def response(self) -> Response:
        """The problem as it is sent."""
        body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status, "code": self.code}
        body["detail"] = self.detail
        if self.errors:
            body["errors"] = self.errors
        return Response(orjson.dumps(body), self.status, self.headers, "application/problem+json")


def malformed(error: ValidationError | RequestValidationError) -> ProblemError:
    """The faults of a body or query as a 422."""
    faults = error.errors() if isinstance(error, RequestValidationError) else error.errors(include_url=False, include_input=False)
    errors = [{"path": _path(fault["loc"]), "code": fault["type"], "message": fault["msg"]} for fault in list(faults)[:20]]
    first = errors[0]
    return ProblemError(422, "malformed", f"{first['path'] or 'the body'}: {first['message']}", errors)


def install(app: FastAPI) -> None:
    """Makes every error of the app's routes a problem."""

    @app.exception_handler(ProblemError)
    async def on_problem(_: Request, error: ProblemError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def on_malformed(_: Request, error: RequestValidationError) -> Response:
        return malformed(error).response()

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "http_error")
        return ProblemError(error.status_code, code, HTTPStatus(error.status_code).description or code, headers=error.headers).response()

    @app.exception_handler(PenchantError)
    async def on_known(_: Request, error: PenchantError) -> Response:
        return from_known(error).response()


def from_known(error: PenchantError) -> ProblemError:
    """What an error of ours is to a client; what it says of paths and values stays here, but for what a model cannot do at all."""
    if isinstance(error, StorageError):
        code = "storage_error" if error.code == StorageError.code else error.code
        return ProblemError(503, code, "It could not be stored and was not accepted. Try again later.", headers={"Retry-After": "5"})
    if isinstance(error, UnsupportedError):
        return ProblemError(422, error.code, str(error))
    if isinstance(error, FilterError):
        message = f"character {error.place}: must be {error.must}. {error.do}"
        return ProblemError(422, "filter", f"filter, {message}", [{"path": "filter", "code": error.code, "message": message}])
    if isinstance(error, TargetError):
        return ProblemError(404, "unknown_target", "There is no such user, item or scenario.")
    return ProblemError(500, "internal", "The server failed on its side.")


def _path(steps: Iterable[Any]) -> str:
    """Names and places from the outside in; a name that is not plain may carry data and is shown as `?`."""
    return ".".join(str(step) if isinstance(step, int) or _PLAIN_NAME.fullmatch(step) else "?" for step in steps)
