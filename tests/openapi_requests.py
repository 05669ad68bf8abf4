"""Requests made from an OpenAPI document, those it allows and those it forbids (schemathesis)."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from copy import deepcopy
from functools import cache
from typing import Any

import httpx2
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

SENT = ("method", "url", "params", "json", "data")
WRITTEN = "mots-d-une-personne"
"""Is in every text of a body that the document forbids: no log may hold it."""
TIMEOUT_S = 60
Send = Callable[[dict[str, Any], str], Awaitable[None]]
"""Sends a request, given as the client's own arguments; the label names the operation."""


async def explore(
    document: dict[str, Any], send: Send, *, examples: int, forbidden: bool = False
) -> None:
    """Send some requests to every operation of a document, the same ones every time."""
    # Long texts take hypothesis seconds to make; other tests send them.
    shortened = re.sub(r'"maxLength": ?\d{4,}', '"maxLength":99', json.dumps(document))
    made = await asyncio.to_thread(_requests, shortened, examples, forbidden=forbidden)
    for request, label in made:
        async with asyncio.timeout(TIMEOUT_S):
            await send(deepcopy(request), label)


@cache
def _requests(
    document: str, examples: int, *, forbidden: bool
) -> tuple[tuple[dict[str, Any], str], ...]:
    """Return requests and the operation of each. Whoever sends them under several keys waits for
    hypothesis once.
    """
    found: list[tuple[dict[str, Any], str]] = []

    def keep(case: Any) -> None:
        request = case.as_transport_kwargs(base_url="http://service")
        request = {name: request[name] for name in SENT if name in request}
        if isinstance(request.get("data"), bytes | str):
            request["content"] = request.pop("data")
        if forbidden and "json" in request:
            request["json"] = _written(request["json"])
        request["url"] = request["url"].removeprefix("http://service")
        found.append((request, case.operation.label))

    def explore_operation(operation: Any, mode: GenerationMode) -> None:
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def run(case: Any) -> None:
            keep(case)

        run()

    mode = GenerationMode.NEGATIVE if forbidden else GenerationMode.POSITIVE
    for result in schemathesis.openapi.from_dict(json.loads(document)).get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        takes = operation.body or operation.query or operation.path_parameters or operation.headers
        if mode is GenerationMode.POSITIVE or takes:
            explore_operation(operation, mode)
    return tuple(found)


def is_honest(response: httpx2.Response) -> bool:
    """Return whether a 5xx is a 503 that says when to come back."""
    return response.status_code == 503 and "Retry-After" in response.headers


def _written(value: Any) -> Any:
    """Return a JSON value with WRITTEN in every text."""
    if isinstance(value, str):
        return f"{value} {WRITTEN}"
    if isinstance(value, list):
        return [_written(each) for each in value]
    if isinstance(value, dict):
        return {name: _written(each) for name, each in value.items()}
    return value
