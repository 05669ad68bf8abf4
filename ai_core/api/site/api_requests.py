"""The request that the page at `/` would have sent to the API, made of a form's fields."""

from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.types import Message

from ai_core.api.site import addresses
from shared.languages import Language

DEADLINE_MS = 120_000
_REPLACED = frozenset(
    (
        *(b"accept", b"authorization", b"content-length", b"content-type"),
        *(b"idempotency-key", b"x-api-key", b"x-deadline-ms"),
    )
)


def api_request(
    request: Request, key: str, language: Language, body: Mapping[str, object]
) -> Request:
    """Return it, with the page's key; the host, the origin and the address stay those of the form.

    The form at `/` is in French whoever opens it: there the browser's languages count.
    """
    headers = [(name, value) for name, value in request.scope["headers"] if name not in _REPLACED]
    headers += [
        (b"content-type", b"application/json"),
        (b"x-api-key", key.encode()),
        (b"x-deadline-ms", b"%d" % DEADLINE_MS),
    ]
    if language != addresses.FRENCH:
        headers = [(name, value) for name, value in headers if name != b"accept-language"]
        headers.append((b"accept-language", language.encode()))
    waiting: list[Message] = [
        {"type": "http.request", "body": orjson.dumps(body), "more_body": False}
    ]

    async def receive() -> Message:
        return waiting.pop() if waiting else await request.receive()

    return Request({**request.scope, "headers": headers}, receive)
