"""POST /api/v1/generate."""

from fastapi import APIRouter, Request, Response

from ai_core.access.keys import Scope
from ai_core.api.admission import admitted
from ai_core.api.dependencies import (
    API,
    gate_of,
    requester_of,
    resolver_of,
    responder_of,
)
from ai_core.api.direct_routes import DirectRoute, json_body
from ai_core.api.openapi import ANSWER_ERRORS, ANSWER_HEADERS, ANSWER_STREAM, KEY_ERRORS
from shared.ai.contract import GenerateReply, GenerateRequest
from shared.web.openapi import KEY_SCHEMES, errors, header_parameters

direct = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES, route_class=DirectRoute)


@direct.post(
    "/generate",
    summary="Ask one question",
    response_model=GenerateReply,
    responses=ANSWER_STREAM | errors(*KEY_ERRORS, *ANSWER_ERRORS),
    openapi_extra=header_parameters(*ANSWER_HEADERS),
    dependencies=[json_body(GenerateRequest)],
)
async def generate(request: Request) -> Response:
    """Answers a question about labour law from the law itself. Key: inference.

    The answer is in the language of the question; the law is quoted in French.
    """
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    requester = requester_of(request, caller)
    async with admitted(request, caller, GenerateRequest, _texts, "prompt") as found:
        body = found.body
        resolved = await resolver_of(request).resolve_generate(body, requester, found.mask)
        return await responder_of(request).send(request, found, resolved, stream=body.stream)


def _texts(body: GenerateRequest) -> list[str]:
    return [body.prompt]
