"""FastAPI routes whose endpoints take the request and parse its body themselves.

FastAPI documents them like any other; its dependency solving, which costs several times what a
cached answer does, is skipped (decision 0087). The key is checked before the body is parsed, so
that a caller without a key learns nothing about bodies.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ai_core.api.processing_line import ProcessingLine
from ai_core.engines.schemas.bounds import MAX_DEPTH, MAX_FIELD_CHARS
from ai_core.errors import UnsupportedSchema
from shared.distress import help_lines
from shared.errors import AppError, BadInput, TooMany, Unavailable
from shared.languages import preferred_language
from shared.web.json_nesting import MAX_NESTING, deep_path
from shared.web.middleware import header_value
from shared.web.problems import InvalidFields, validation_error
from shared.web.request_body import RequestBody

MAX_CONCURRENT = 16
"""Requests processed at the same time; the others wait, first come first served (ProcessingLine).

An answer takes several rounds of the event loop, each as long as everything under way: with a
thousand at once it took two seconds. A stream, once started, holds no slot, nor does an answer that
is not in the cache: the scheduler bounds how many of a model's wait, `AnswerLine` how many others.
"""

SCHEMA_PATHS = (
    ("response_format", "json_schema", "schema"),
    ("text", "format", "schema"),
    ("json_schema",),
)
"""Where bodies have a JSON schema."""
SMALL_BODY_BYTES = 2_048

Body = TypeVar("Body", bound=BaseModel)


class ProcessingSlot:
    """One of MAX_CONCURRENT processing slots; may be released before the response ends."""

    __slots__ = ("_held_since_s", "_line")

    def __init__(self, line: ProcessingLine) -> None:
        self._line = line
        self._held_since_s: float | None = None

    @property
    def contended(self) -> bool:
        """Whether no slot is free for another request."""
        return self._line.full

    async def acquire(self) -> None:
        """Wait for the slot; does nothing when it is held. Raises QueueFull."""
        if self._held_since_s is None:
            await self._line.acquire()
            self._held_since_s = time.monotonic()

    def release(self) -> None:
        """Free the slot for the next request; does nothing when it was released already."""
        if self._held_since_s is not None:
            self._line.release(time.monotonic() - self._held_since_s)
            self._held_since_s = None


class DirectRoute(APIRoute):
    """A route with an endpoint that takes the request alone; its dependencies only document it.

    Raises TypeError, when it is declared, for an endpoint with any other parameter.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return what FastAPI calls with the request, instead of solving dependencies."""
        parameters = list(signature(self.endpoint).parameters)
        if parameters != ["request"]:
            raise TypeError(f"{self.path}: a direct route takes the request, not {parameters}")
        return self.respond

    async def respond(self, request: Request) -> Response:
        """Call the endpoint, which takes a processing slot once it has the whole body."""
        slot = request.scope["slot"] = ProcessingSlot(request.scope["state"]["concurrency"])
        try:
            response: Response = await self.endpoint(request)
            return response
        finally:
            slot.release()


class DirectRoutes:
    """Serves the direct routes of `routers` ahead of `app`, which serves everything else.

    `app` would serve them too, but its middleware and matching cost a tenth of a cached answer.
    """

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter]) -> None:
        self._app = app
        self._routes = {
            (method, route.path): route
            for router in routers
            for route in router.routes
            if isinstance(route, DirectRoute)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        route = None
        if scope["type"] == "http":
            route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # the metrics name it
        request = Request(scope, receive, send)
        try:
            response = await route.respond(request)
            await response(scope, receive, send)
        except (TooMany, Unavailable) as refusal:
            refusal.said_first = await help_lines_for(request)
            raise


async def help_lines_for(request: Request) -> str:
    """Return who to call, where a refused question tells of danger to life; else "".

    Only a short body is read for it, if it was not yet, and nothing is charged.
    """
    try:
        question = question_of(orjson.loads(await read_body(request, SMALL_BODY_BYTES)))
    except (BadInput, orjson.JSONDecodeError, ClientDisconnect):
        return ""
    header = header_value(request.scope, b"accept-language")
    lines = help_lines(question, preferred_language(header))
    return lines.sentence if lines else ""


def question_of(body: object) -> str:
    """Return the text of a body that is a question, before it is validated; else ""."""
    match body:
        case {"prompt": str(text)}:
            return text
        case {"messages": [*_, {"content": str(text)}]}:
            return text
    return ""


def release_slot(request: Request) -> None:
    """Release the slot of a long-running request; does nothing where there is none."""
    slot: ProcessingSlot | None = request.scope.get("slot")
    if slot:
        slot.release()


def json_body(model: type[BaseModel]) -> Any:
    """Return a dependency that describes the body of a direct route in the OpenAPI document."""

    async def described(body: Any) -> None: ...

    described.__annotations__["body"] = model
    return Depends(described)


def processing_slot(request: Request) -> ProcessingSlot:
    """Return the slot of a request to a direct route."""
    slot: ProcessingSlot = request.scope["slot"]
    return slot


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body of a JSON request.

    Raises InvalidFields when it is of another type or empty, TooLarge when it has more than
    `max_bytes` or than any body may have, and what else `RequestBody.receive` raises.
    """
    kind = header_value(request.scope, b"content-type") or ""
    if not kind.startswith("application/json"):
        raise validation_error([{"type": "media_type", "loc": ()}])
    receiving: RequestBody = request.scope["body"]
    receiving.lower_limit(max_bytes)
    body = await request.body()
    if not body:
        raise validation_error([{"type": "missing", "loc": ()}])
    return body


def parse_body(body: bytes, model: type[Body]) -> Body:
    """Return a JSON body as `model`. Raises MalformedBody and InvalidFields."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise _nesting_error(body, faults) or validation_error(faults, _sent(body)) from None


def _nesting_error(body: bytes, faults: Sequence[Mapping[str, Any]]) -> AppError | None:
    """Return the error for a body that is no JSON only because it nests too deep."""
    reasons = (str(fault.get("ctx", {}).get("error", "")) for fault in faults)
    if not any(reason.startswith("recursion limit") for reason in reasons):
        return None
    path = deep_path(body) or ()
    schema = next((at for at in SCHEMA_PATHS if path[: len(at)] == at), None)
    if schema is None:
        where = path[:1] if path and isinstance(path[0], str) else ()
        return InvalidFields([{"type": "too_nested", "loc": where, "ctx": {"limit": MAX_NESTING}}])
    field = ".".join(["json_schema", *map(str, path[len(schema) : len(schema) + MAX_DEPTH])])
    return UnsupportedSchema("depth", field=field[:MAX_FIELD_CHARS], limit=MAX_DEPTH)


def _sent(body: bytes) -> object:
    """Return the JSON a caller sent, None when only pydantic reads it."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
