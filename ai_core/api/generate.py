"""POST /api/v1/generate."""

from fastapi import APIRouter, Request, Response

from ai_core.access.keys import Scope
from ai_core.api.dependencies import (
    API,
    GATE_PROBLEMS,
    KEY_SCHEMES,
    desk_of,
    gate_of,
    inquiries_of,
    problems,
    read_asker,
)
from ai_core.api.direct_routes import DirectRoute, json_body, parse_body
from shared.ai.contract import GenerateReply, GenerateRequest

direct = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES, route_class=DirectRoute)


@direct.post(
    "/generate",
    response_model=GenerateReply,
    responses=problems(400, 404, 409, 413, *GATE_PROBLEMS),
    dependencies=[json_body(GenerateRequest)],
)
async def generate(request: Request) -> Response:
    """Answer one question about labour law, whole or as server-sent events."""
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    asker = read_asker(request, caller)
    body = await parse_body(request, GenerateRequest)
    inquiry = await inquiries_of(request).read(body, asker)
    return await desk_of(request).send(request, caller, inquiry, stream=body.stream)
