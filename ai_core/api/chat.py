"""POST /api/v1/chat, DELETE /api/v1/conversations/{conversation_id}."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from redis.exceptions import RedisError

from ai_core.access.keys import Scope
from ai_core.api.admission import admitted
from ai_core.api.dependencies import (
    API,
    ConversationsDep,
    EventWriterDep,
    KeptConversationsDep,
    PageAdmittedDep,
    gate_of,
    requester_of,
    resolver_of,
    responder_of,
)
from ai_core.api.direct_routes import DirectRoute, json_body
from ai_core.api.openapi import ANSWER_ERRORS, ANSWER_HEADERS, ANSWER_STREAM, PAGE_KEY_ERRORS
from ai_core.api.permissions import require_permissions
from ai_core.engines.extractive.engine import ExtractiveEngine
from ai_core.errors import (
    FeatureNotAllowed,
    KnowledgeRequired,
    UnknownAgreement,
    UnknownConversation,
)
from shared.ai.contract import ChatReply, ChatRequest, ConversationId
from shared.errors import BadInput, Unavailable
from shared.stores.postgres import PostgresLost
from shared.web.openapi import KEY_SCHEMES, errors, header_parameters

router = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES)
direct = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES, route_class=DirectRoute)


@direct.post(
    "/chat",
    summary="Ask in a conversation",
    response_model=ChatReply,
    responses=ANSWER_STREAM
    | errors(
        *PAGE_KEY_ERRORS,
        FeatureNotAllowed,
        *ANSWER_ERRORS,
        KnowledgeRequired,
        UnknownConversation,
        UnknownAgreement,
    ),
    openapi_extra=header_parameters(*ANSWER_HEADERS),
    dependencies=[json_body(ChatRequest)],
)
async def chat(request: Request) -> Response:
    """Answers the last message, with the messages before it as context. Key: publishable.

    A conversation belongs to the key that began it (for a publishable key: to the visitor). Its
    last 20 messages are kept with personal data masked, until 24 hours pass without a question.
    """
    caller = await gate_of(request).identify(request, Scope.PUBLISHABLE)
    requester = requester_of(request, caller)
    async with admitted(request, caller, ChatRequest, _texts, "messages") as found:
        body, pool = found.body, request.state.pool
        require_permissions(caller.key, body, (pool.default, ExtractiveEngine.name))
        resolved = await resolver_of(request).resolve_chat(body, requester, found.mask)
        return await responder_of(request).send(request, found, resolved, stream=body.stream)


@router.delete(
    "/conversations/{conversation_id}",
    status_code=204,
    summary="Erase a conversation",
    responses=errors(*PAGE_KEY_ERRORS, BadInput, UnknownConversation, Unavailable, PostgresLost),
)
async def forget(
    conversation_id: Annotated[
        ConversationId, Path(description="As in a reply.", examples=["kVt3mJ0uQx2c9yRb7Lw1Zg"])
    ],
    caller: PageAdmittedDep,
    conversations: ConversationsDep,
    kept: KeptConversationsDep,
    writer: EventWriterDep,
) -> None:
    """Erases its messages at once, the kept ones too. Key: publishable, the one that began it."""
    try:
        await conversations.erase(conversation_id, caller.subject)
    except UnknownConversation:  # it may have ended, and be kept
        await writer.flushed()
        if not await kept.erase(conversation_id, caller.subject):
            raise
    except RedisError as error:
        raise Unavailable("Redis is lost") from error
    else:
        await writer.flushed()
        await kept.erase(conversation_id, caller.subject)


def _texts(body: ChatRequest) -> list[str]:
    return [message.content for message in body.messages]
