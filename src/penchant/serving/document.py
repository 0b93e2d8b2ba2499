"""The API's description: `/openapi.json`, and `/docs`, a plain page made from it that needs nothing from elsewhere."""

import base64
import hashlib
import re
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse, Response

from penchant.serving import bodies

_BODIES = (
    bodies.RecommendationBody, bodies.RankBody, bodies.EventsBody, bodies.EventBody, bodies.ItemsBody, bodies.UsersBody, bodies.RecordBody,
)  # fmt: skip
_REFERENCE = "#/components/schemas/{model}"
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 2.5rem auto; max-width: 52rem; padding: 0 1rem }
h2 { margin-top: 2rem; font-size: 1rem; font-family: ui-monospace, monospace }
h2 span { display: inline-block; min-width: 4rem; color: light-dark(#5b3fd6, #a99bff) }
p { margin: .2rem 0 } details { margin-top: .3rem } summary { cursor: pointer }
pre { overflow: auto; padding: .8rem; border-radius: .5rem; background: light-dark(#f3f2f7, #1d1b26); font-size: .85rem }
"""
_POLICY = f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"


def install(app: FastAPI) -> None:
    """Adds the bodies' schemas to the API document, and the page `/docs`."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to a schema of one's own

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(_page(document()), headers={"Content-Security-Policy": _POLICY})


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, schemas = models_json_schema([(body, "validation") for body in _BODIES], ref_template=_REFERENCE)
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {}).update(schemas["$defs"])
    # Events are checked one by one, so the body's own schema does not know what they are.
    parts["schemas"]["EventsBody"]["properties"]["events"]["items"] = {"$ref": _REFERENCE.format(model="EventBody")}
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    document["security"] = [{"bearer": []}, {"key": []}]
    return document


def _page(document: dict[str, Any]) -> str:
    routes = [_route(path, method, route, document) for path, methods in document["paths"].items() for method, route in methods.items()]
    head = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
    )
    title = escape(document["info"]["title"])
    return f"{head}<title>{title}</title><h1>{title}</h1><p>{escape(document['info']['description'])}</p>{''.join(routes)}</html>"


def _route(path: str, method: str, route: dict[str, Any], document: dict[str, Any]) -> str:
    text = f"<h2><span>{method.upper()}</span>{escape(path)}</h2><p>{escape(route.get('summary', ''))}</p>"
    asked = {one["name"]: one["schema"] for one in route.get("parameters", []) if one["in"] == "query"}
    if asked:
        text += _schema("Query", {"properties": asked})
    if "requestBody" in route:
        name = route["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        text += _schema("Body", document["components"]["schemas"][name])
    answer = next(iter(route["responses"]["200"]["content"].values()))["schema"]
    name = answer.get("$ref", "").rsplit("/", 1)[-1]
    return text + (_schema("Answer", document["components"]["schemas"][name]) if name else "")


def _schema(title: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    lines = [f"{name}{'' if name in needed else '?'}: {_type(kind)}" for name, kind in schema.get("properties", {}).items()]
    about = re.sub(r"`(.+?)`", r"<code>\1</code>", escape(schema.get("description", "").split("\n")[0]))
    return f"<details><summary>{title}</summary><p>{about}</p><pre>{escape(chr(10).join(lines))}</pre></details>"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1]).removesuffix("Body")
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f'"{one}"' for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
