"""Cross-origin requests (the CORS protocol, https://fetch.spec.whatwg.org/#http-cors-protocol).

Scripts of a web origin that some publishable key names may call the API and read what it answers:
replies, streams and errors. Starlette's CORSMiddleware has one list of origins for an app; ours
stand on the keys and change while it runs.
"""

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ai_core.errors import OriginNotAllowed
from shared.web.middleware import header_value

PREFIXES = ("/api/", "/v1/")
VARY = (b"vary", b"Origin")
"""On every response: a shared cache must not give one origin's to another."""
EXPOSED = (
    b"access-control-expose-headers",
    b"Content-Language, Idempotent-Replayed, RateLimit, RateLimit-Policy, Retry-After, "
    b"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
)
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": (
        "Accept-Language, Authorization, Content-Type, Idempotency-Key, traceparent, X-API-Key, "
        "X-Deadline-Ms, X-Request-Id"
    ),
    "Access-Control-Max-Age": "600",
}


class CrossOrigin:
    """Answers preflights, and marks the responses that other origins' scripts may read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Raises OriginNotAllowed for a preflight of an unknown origin."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIXES):
            await self._app(scope, receive, send)
            return
        headers = scope["state"].setdefault("headers", [])
        headers.append(VARY)
        origin = header_value(scope, b"origin")
        if origin is not None:
            allowed = await scope["state"]["gate"].allows_origin(origin)
            if allowed:
                headers += [(b"access-control-allow-origin", origin.encode("latin-1")), EXPOSED]
            if is_preflight(scope):
                if not allowed:
                    raise OriginNotAllowed
                await Response(status_code=204, headers=PREFLIGHT)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks, before its request, whether it may send it; it sends no key."""
    asks = header_value(scope, b"access-control-request-method")
    return scope["method"] == "OPTIONS" and asks is not None
