"""POST /api/v1/generate."""

from fastapi import APIRouter, Request, Response

from ai_core.answering.request import Asker
from ai_core.api.dependencies import (
    API,
    GATE_PROBLEMS,
    KEY_SCHEMES,
    DeskDep,
    InferenceCallerDep,
    InquiriesDep,
    LanguageDep,
    PatienceDep,
    problems,
)
from shared.ai.contract import GenerateReply, GenerateRequest

router = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES)


@router.post(
    "/generate",
    response_model=GenerateReply,
    responses=problems(400, 404, 409, 413, *GATE_PROBLEMS),
)
async def generate(
    body: GenerateRequest,
    request: Request,
    caller: InferenceCallerDep,
    desk: DeskDep,
    inquiries: InquiriesDep,
    language: LanguageDep,
    patience_s: PatienceDep,
) -> Response:
    """Answer one question about labour law, whole or as server-sent events."""
    asker = Asker(language, caller.scope, caller.subject, patience_s)
    inquiry = await inquiries.read(body, asker)
    return await desk.send(request, caller, inquiry, stream=body.stream)
