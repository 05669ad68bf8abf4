"""The busiest routes, served without FastAPI's routing and dependency solving.

They are ordinary FastAPI routes, documented by it, which it could serve as well; solving their
parameters through it costs several times what a cached answer does (decision 0015). Only
what they use is solved here: the request, `Depends` on an async function of the request, one JSON
body. Dependencies come first, so that a caller without a key learns nothing about bodies.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from inspect import signature
from types import TracebackType
from typing import Any, get_type_hints

from fastapi.params import Depends
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.web.middleware import header, wrong_body

AT_ONCE = 64
"""Requests looked at together; the others wait for their turn, first come first served. An answer
takes several rounds of the event loop, each as long as all that is under way: with a thousand at
once it took two seconds. More than `library.MOST_WAITING`, so that a refusal never waits for an
answer; a stream, once begun, holds no turn, nor does an answer that a model writes: how many of
those wait is the scheduler's affair."""

Endpoint = Callable[..., Awaitable[Response]]
Solve = Callable[[Request], Awaitable[Any]]


class Lane:
    """One endpoint and how its parameters are found. `path` is what the metrics name it by."""

    def __init__(self, path: str, endpoint: Endpoint) -> None:
        self.path = path
        self._endpoint = endpoint
        self._request: str | None = None
        self._body: tuple[str, type[BaseModel]] | None = None
        self._solve: list[tuple[str, Solve]] = []
        hints = get_type_hints(endpoint, include_extras=True)
        for name in signature(endpoint).parameters:
            self._learn(name, hints[name])

    def _learn(self, name: str, hint: Any) -> None:
        metadata = getattr(hint, "__metadata__", ())
        depends = [item for item in metadata if isinstance(item, Depends)]
        if hint is Request:
            self._request = name
        elif depends and depends[0].dependency:
            self._solve.append((name, depends[0].dependency))
        elif isinstance(hint, type) and issubclass(hint, BaseModel) and self._body is None:
            self._body = name, hint
        else:
            raise TypeError(f"{self.path}: the express lane cannot solve {name}")

    async def answer(self, request: Request) -> Response:
        """Solve the parameters and call the endpoint."""
        values: dict[str, Any] = {name: await solve(request) for name, solve in self._solve}
        if self._request:
            values[self._request] = request
        if self._body:
            name, model = self._body
            values[name] = await read(request, model)
        return await self._endpoint(**values)


class Turn:
    """One request's turn to be looked at, held with `async with`; it may be given back early."""

    __slots__ = ("_held", "_turns")

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._held = False

    async def __aenter__(self) -> None:
        await self._turns.acquire()
        self._held = True

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Let the next request be looked at."""
        if self._held:
            self._held = False
            self._turns.release()


def give_turn_back(request: Request) -> None:
    """Hold no turn any more for a request that goes on for long; nothing where it has none."""
    turn: Turn | None = request.scope.get("turn")
    if turn:
        turn.give_back()


class Express:
    """Serves POST requests for the paths in `endpoints`; `app` serves everything else."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._lanes = {path: Lane(path, endpoint) for path, endpoint in endpoints.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        lane = None
        if scope["type"] == "http" and scope["method"] == "POST":
            lane = self._lanes.get(scope["path"])
        if lane is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = lane
        scope["turn"] = turn = Turn(self._turns)
        async with turn:
            response = await lane.answer(Request(scope, receive, send))
        await response(scope, receive, send)


async def read(request: Request, model: type[BaseModel]) -> BaseModel:
    """Return the JSON body as `model`. Raises MalformedBody and WrongFields."""
    kind = header(request.scope, b"content-type") or ""
    if not kind.startswith("application/json"):
        raise wrong_body([{"type": "media_type", "loc": ()}])
    body = await request.body()
    if not body:
        raise wrong_body([{"type": "missing", "loc": ()}])
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise wrong_body(error.errors(include_url=False, include_input=False)) from None
