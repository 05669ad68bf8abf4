"""POST /api/v1/feedback."""

from typing import cast

from fastapi import APIRouter, Request, Response

from ai_core.access.keys import Scope
from ai_core.api.admission import Admitted, admitted
from ai_core.api.dependencies import API, gate_of
from ai_core.api.direct_routes import DirectRoute, json_body
from ai_core.api.openapi import PAGE_KEY_ERRORS
from ai_core.api.responder import channel_of
from ai_core.errors import QueueFull, RecordsOff, TextUnreadable
from ai_core.records.feedback import Feedback, Verdict
from shared.ai.contract import FeedbackRequest
from shared.stores.postgres import PostgresLost
from shared.web.openapi import BODY_ERRORS, KEY_SCHEMES, errors, header_parameters

direct = APIRouter(prefix=API, tags=["answers"], dependencies=KEY_SCHEMES, route_class=DirectRoute)


@direct.post(
    "/feedback",
    status_code=204,
    summary="Say whether an answer helped",
    responses=errors(
        *PAGE_KEY_ERRORS, *BODY_ERRORS, TextUnreadable, QueueFull, RecordsOff, PostgresLost
    ),
    openapi_extra=header_parameters("X-Channel"),
    dependencies=[json_body(FeedbackRequest)],
)
async def feedback(request: Request) -> Response:
    """Keeps a verdict on an answer, in place of the caller's earlier one. Key: publishable.

    A comment is masked and sealed; it is kept for 30 days, the verdict with the statistics.
    """
    caller = await gate_of(request).identify(request, Scope.PUBLISHABLE)
    async with admitted(request, caller, FeedbackRequest, texts_of, "comment") as found:
        await keep_feedback(request, found)
    return Response(status_code=204)


async def keep_feedback(request: Request, found: Admitted[FeedbackRequest]) -> None:
    """Keep the verdict of an admitted request. Raises RecordsOff, PostgresLost, OverQuota."""
    body, caller = found.body, found.permit.caller
    async with found.permit:
        found.permit.spend(0)
        verdict = Verdict(
            answer_id=body.answer_id,
            subject=caller.subject,
            voter=body.voter or "",
            channel=channel_of(request, caller),
            verdict=body.verdict,
            reason=body.reason,
            comment=found.mask(body.comment) if body.comment else None,
            conversation_id=body.conversation_id,
        )
        await cast(Feedback, request.scope["state"]["feedback"]).give(verdict)


def texts_of(body: FeedbackRequest) -> list[str]:
    """Return the texts that a caller wrote."""
    return [body.comment] if body.comment else []
