"""Forwards thumbs to ai_core, from Postgres: none is lost while it is away, the last one counts.

Sent again after a crash, a verdict replaces itself there: one for each answer and person.
"""

import structlog

from shared.ai.contract import FeedbackRequest
from shared.errors import AppError, BadInput, NotFound
from telegram_service.answering.services import Services
from telegram_service.state.store import UnsentFeedback

log = structlog.get_logger()

NOT_KEPT = "records_off"
"""ai_core's code where it has no Postgres: sending again would change nothing."""


async def forward_feedback(services: Services) -> int:
    """Send what was not sent yet; return how much. Raises what ai_core raises while it is away."""
    sent = 0
    while waiting := await services.store.unsent_feedback():
        for feedback in waiting:
            await _send(services, feedback)
            await services.store.mark_sent(feedback)
            sent += 1
    return sent


async def _send(services: Services, feedback: UnsentFeedback) -> None:
    request = FeedbackRequest(
        answer_id=feedback.answer_id,
        verdict="up" if feedback.thumb > 0 else "down",
        reason=feedback.reason,
        voter=str(feedback.person),
    )
    try:
        await services.ai.give_feedback(request, channel=feedback.channel)
    except (NotFound, BadInput) as error:
        log.warning("feedback refused", reason=str(error))
    except AppError as error:
        if str(error) != NOT_KEPT:
            raise
