"""POST /api/v1/chat, DELETE /api/v1/conversations/{conversation_id}."""

from fastapi import APIRouter, Request, Response
from redis.exceptions import RedisError

from ai_core.access.keys import Scope
from ai_core.api.dependencies import (
    API,
    GATE_PROBLEMS,
    KEY_SCHEMES,
    ConversationsDep,
    PageAdmittedDep,
    desk_of,
    gate_of,
    inquiries_of,
    problems,
    read_asker,
)
from ai_core.api.direct_routes import DirectRoute, json_body, parse_body
from shared.ai.contract import ChatReply, ChatRequest, ConversationId
from shared.errors import Unavailable

router = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES)
direct = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES, route_class=DirectRoute)


@direct.post(
    "/chat",
    response_model=ChatReply,
    responses=problems(400, 404, 409, 413, *GATE_PROBLEMS),
    dependencies=[json_body(ChatRequest)],
)
async def chat(request: Request) -> Response:
    """Answer the next turn of a conversation, whole or as server-sent events."""
    caller = await gate_of(request).identify(request, Scope.PUBLISHABLE)
    asker = read_asker(request, caller)
    body = await parse_body(request, ChatRequest)
    inquiry = await inquiries_of(request).read_chat(body, asker)
    return await desk_of(request).send(request, caller, inquiry, stream=body.stream)


@router.delete(
    "/conversations/{conversation_id}", status_code=204, responses=problems(404, *GATE_PROBLEMS)
)
async def forget(
    conversation_id: ConversationId, caller: PageAdmittedDep, conversations: ConversationsDep
) -> None:
    """Erase a conversation now, instead of when it has been silent long enough."""
    try:
        await conversations.erase(conversation_id, caller.subject)
    except RedisError as error:
        raise Unavailable("Redis is lost") from error
