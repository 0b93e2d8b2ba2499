"""What all pages share: files of this package, the policy that lets nothing else in, and the header that leads from one to the other."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.responses import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADER = "<!-- header -->"


def file(name: str) -> Callable[[], Awaitable[Response]]:
    """A route that answers with a file of this package; a page gets the header, with its own link marked."""
    content = _read(name)
    if name.endswith(".html"):
        here = f'data-page="{name.removesuffix(".html")}"'
        content = content.replace(_HEADER, _read("header.html").replace(here, f'{here} aria-current="page"'))
    kind = _KINDS[name[name.rindex(".") :]]

    async def answer() -> Response:
        return Response(content, media_type=kind, headers={"Content-Security-Policy": POLICY})

    return answer


def _read(name: str) -> str:
    return (files(__package__) / "static" / name).read_text("utf8")
