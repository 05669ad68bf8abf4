"""FastAPI dependencies of the routes: state, caller, timeout, requester."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from ai_core.access.gate import Caller, Gate
from ai_core.access.keys import Scope
from ai_core.answering.conversations import ConversationStore
from ai_core.answering.request import Requester, RequestResolver
from ai_core.api.responder import Responder
from ai_core.api.status import Health
from ai_core.calculators.sources import CheckedRules
from ai_core.knowledge.entries_in_use import CheckedEntries
from ai_core.law.source import LawSource
from ai_core.models.contract import Models
from ai_core.records.events import EventWriter
from ai_core.records.kept_conversations import KeptConversations
from shared.clock import Clock
from shared.host_metrics import HostMetrics
from shared.languages import preferred_language
from shared.web.middleware import header_value
from shared.web.problems import InvalidFields

API = "/api/v1"
MAX_DEADLINE_MS = 24 * 3600 * 1000
MAX_DEADLINE_DIGITS = len(str(MAX_DEADLINE_MS))
"""Python refuses to convert more than 4,300 digits."""


def state(name: str) -> Callable[[Request], Awaitable[Any]]:
    """Return a dependency that provides the object opened under `name`."""

    async def opened(request: Request) -> Any:
        return getattr(request.state, name)

    return opened


def gate_of(request: Request) -> Gate:
    """Return the gate, for a direct route."""
    return cast(Gate, request.scope["state"]["gate"])


def resolver_of(request: Request) -> RequestResolver:
    """Return the request resolver, for a direct route."""
    return cast(RequestResolver, request.scope["state"]["resolver"])


def responder_of(request: Request) -> Responder:
    """Return the responder, for a direct route."""
    return cast(Responder, request.scope["state"]["responder"])


def read_timeout(request: Request) -> float | None:
    """Return the timeout in seconds from `X-Deadline-Ms`; None: no limit.

    Raises InvalidFields when it is no whole number of milliseconds between 1 and MAX_DEADLINE_MS.
    """
    value = header_value(request.scope, b"x-deadline-ms")
    if value is None:
        return None
    digits = value.isascii() and value.isdecimal() and len(value) <= MAX_DEADLINE_DIGITS
    if not (digits and 0 < int(value) <= MAX_DEADLINE_MS):
        limit = {"limit": MAX_DEADLINE_MS}
        raise InvalidFields([{"type": "deadline", "loc": ("X-Deadline-Ms",), "ctx": limit}])
    return int(value) / 1000


def requester_of(request: Request, caller: Caller) -> Requester:
    """Return the requester of a request. Raises InvalidFields as `read_timeout` does."""
    language = preferred_language(header_value(request.scope, b"accept-language"))
    timeout_s = read_timeout(request)
    return Requester(language, caller.scope, caller.subject, timeout_s, caller.names)


def admitted_caller(needed: Scope) -> Callable[[Request], AsyncIterator[Caller]]:
    """Return a dependency: the caller, admitted under their limits while the request lasts."""

    async def admitted(request: Request) -> AsyncIterator[Caller]:
        gate = gate_of(request)
        known = await gate.identify(request, needed)
        async with gate.admit(request, known):
            yield known

    return admitted


LibraryDep = Annotated[LawSource, Depends(state("library"))]
PoolDep = Annotated[Models, Depends(state("pool"))]
ConversationsDep = Annotated[ConversationStore, Depends(state("conversations"))]
EntriesDep = Annotated[CheckedEntries, Depends(state("entries"))]
CalculatorRulesDep = Annotated[CheckedRules, Depends(state("calculator_rules"))]
EventWriterDep = Annotated[EventWriter, Depends(state("event_writer"))]
KeptConversationsDep = Annotated[KeptConversations, Depends(state("kept_conversations"))]
ClockDep = Annotated[Clock, Depends(state("clock"))]
HealthDep = Annotated[Health, Depends(state("health"))]
HostMetricsDep = Annotated[HostMetrics, Depends(state("host_metrics"))]
PageAdmittedDep = Annotated[Caller, Depends(admitted_caller(Scope.PUBLISHABLE))]
InferenceAdmittedDep = Annotated[Caller, Depends(admitted_caller(Scope.INFERENCE))]
AdminAdmittedDep = Annotated[Caller, Depends(admitted_caller(Scope.ADMIN))]
