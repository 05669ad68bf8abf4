"""All routes of ai_core, the document that describes them, and the state they share."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import WebSocketRoute

from ai_core.access.gate import Gate
from ai_core.answering.answer_line import AnswerLine
from ai_core.answering.boilerplate import read_texts
from ai_core.answering.conversations import ConversationStore
from ai_core.answering.embeddings import Embedder
from ai_core.answering.masking import TextMasking
from ai_core.answering.request import RequestResolver
from ai_core.answering.trial import Trials
from ai_core.api import (
    agreements,
    calculators,
    chat,
    entries,
    feedback,
    generate,
    health,
    models,
    openai_responses,
    openai_routes,
    rerank,
    search,
    tokens,
)
from ai_core.api.console.routes import console_router
from ai_core.api.dependencies import API
from ai_core.api.mcp import endpoint as mcp_endpoint
from ai_core.api.mcp import errors as mcp_errors
from ai_core.api.mcp.opening import McpServer
from ai_core.api.openai_errors import ERROR_FORMATS as OPENAI_ERROR_FORMATS
from ai_core.api.openai_replies import EXAMPLES as OPENAI_EXAMPLES
from ai_core.api.openai_replies import ErrorDocument
from ai_core.api.openapi import (
    DESCRIPTION,
    KEYED_HEADERS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    TAGS,
)
from ai_core.api.page import page_router
from ai_core.api.processing_line import ProcessingLine
from ai_core.api.responder import Responder
from ai_core.api.site.routes import site_router
from ai_core.api.status import Health
from ai_core.api.websocket import Sockets, connect
from ai_core.api.widget import widget_router
from ai_core.calculators.sources import CheckedRules
from ai_core.console.desk import Desk
from ai_core.knowledge.entries_in_use import CheckedEntries
from ai_core.knowledge.published import PublishedEntries
from ai_core.law.source import LawSource
from ai_core.models.contract import Models
from ai_core.records.database import Records
from ai_core.records.entry_store import EntryStore
from ai_core.records.events import EventWriter
from ai_core.records.feedback import Feedback
from ai_core.records.kept_conversations import KeptConversations
from ai_core.settings import Settings
from shared.ai.examples import EXAMPLES
from shared.clock import Clock
from shared.host_metrics import HostMetrics
from shared.web.docs_page import docs_router
from shared.web.openapi import DocumentedApi
from shared.web.problems import ErrorFormat, add_error_handlers

DIRECT = (
    *(tokens.direct, rerank.direct, openai_responses.direct),
    *(generate.direct, feedback.direct, chat.direct, models.direct, openai_routes.direct),
    mcp_endpoint.direct,
)
"""Routers of direct routes."""
ROUTERS: tuple[APIRouter, ...] = (
    generate.direct,
    feedback.direct,
    *(chat.direct, chat.router),
    *(search.router, agreements.router, entries.router),
    *(calculators.router, calculators.direct),
    *(models.router, models.direct, health.router),
    *(openai_routes.router, openai_routes.direct),
    *(openai_responses.direct, rerank.direct, tokens.direct),
    mcp_endpoint.direct,
)
ERROR_FORMATS: dict[str, ErrorFormat] = {
    mcp_endpoint.PATH: mcp_errors.error_document,
    **OPENAI_ERROR_FORMATS,
}
"""The formats of errors, by the prefix of a path."""


class AppState(TypedDict):
    """What lives as long as the app, under the names routes use."""

    gate: Gate
    embedder: Embedder
    responder: Responder
    resolver: RequestResolver
    library: LawSource
    calculator_rules: CheckedRules
    entries: CheckedEntries
    published: PublishedEntries
    trials: Trials
    pool: Models
    conversations: ConversationStore
    health: Health
    host_metrics: HostMetrics
    clock: Clock
    concurrency: ProcessingLine
    answer_line: AnswerLine
    masking: TextMasking
    records: Records
    mcp_server: McpServer
    desk: Desk
    event_writer: EventWriter
    entry_store: EntryStore
    feedback: Feedback
    kept_conversations: KeptConversations
    sockets: Sockets


OpenState = Callable[[Settings, CollectorRegistry], AbstractAsyncContextManager[AppState]]


def create_api(settings: Settings, open_state: OpenState, registry: CollectorRegistry) -> FastAPI:
    """Build the routes, and the document that describes them."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[AppState]:
        async with open_state(settings, registry) as state:
            yield state

    texts = read_texts()
    api = DocumentedApi(
        texts=texts,
        error_formats=ERROR_FORMATS,
        error_models={"application/json": ErrorDocument},
        request_headers=REQUEST_HEADERS,
        response_headers=RESPONSE_HEADERS,
        keyed_headers=KEYED_HEADERS,
        examples=EXAMPLES
        | OPENAI_EXAMPLES
        | openai_responses.EXAMPLES
        | rerank.EXAMPLES
        | tokens.EXAMPLES,
        title="Code du Travail Neo",
        summary="Answers about French labour law that carry their sources.",
        description=DESCRIPTION,
        version="1",
        openapi_tags=TAGS,
        lifespan=lifespan,
    )
    for router in ROUTERS:
        api.include_router(router)
    api.router.routes.append(WebSocketRoute(f"{API}/ws", connect))
    api.include_router(page_router(settings.page, indexed=bool(settings.site.url)))
    api.include_router(widget_router())
    api.include_router(site_router(settings))
    api.include_router(docs_router(api))
    if settings.console.open:
        api.include_router(console_router(texts))
    add_error_handlers(api, texts, ERROR_FORMATS)
    return api
