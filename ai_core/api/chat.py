"""POST /api/v1/chat, DELETE /api/v1/conversations/{conversation_id}."""

from fastapi import APIRouter, Request, Response
from redis.exceptions import RedisError

from ai_core.answering.request import Asker
from ai_core.api.dependencies import (
    API,
    GATE_PROBLEMS,
    KEY_SCHEMES,
    ConversationsDep,
    DeskDep,
    InquiriesDep,
    LanguageDep,
    PageAdmittedDep,
    PageCallerDep,
    PatienceDep,
    problems,
)
from shared.ai.contract import ChatReply, ChatRequest, ConversationId
from shared.errors import Unavailable

router = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES)


@router.post(
    "/chat", response_model=ChatReply, responses=problems(400, 404, 409, 413, *GATE_PROBLEMS)
)
async def chat(
    body: ChatRequest,
    request: Request,
    caller: PageCallerDep,
    desk: DeskDep,
    inquiries: InquiriesDep,
    language: LanguageDep,
    patience_s: PatienceDep,
) -> Response:
    """Answer the next turn of a conversation, whole or as server-sent events."""
    asker = Asker(language, caller.scope, caller.subject, patience_s)
    inquiry = await inquiries.read_chat(body, asker)
    return await desk.send(request, caller, inquiry, stream=body.stream)


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
