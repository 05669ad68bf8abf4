"""Forwards whether letters helped to ai_core, from Postgres: nothing is lost while it is away.

Sent again after a crash, a verdict replaces itself there: one for each letter.
"""

import asyncio

import structlog

from mail_service.ledger.feedback import Feedback, UnsentFeedback
from mail_service.processing.services import Ai
from shared.ai.contract import FeedbackRequest
from shared.errors import AppError, BadInput, NotFound

log = structlog.get_logger()

EVERY_S = 5.0
NOT_KEPT = "records_off"
"""ai_core's code where it has no Postgres: sending again would change nothing."""


class FeedbackForwarding:
    """Sends what was not sent yet, again and again."""

    def __init__(self, feedback: Feedback, ai: Ai) -> None:
        self._feedback = feedback
        self._ai = ai

    async def run(self) -> None:
        """Forward until cancelled."""
        while True:
            try:
                await self.forward()
            except AppError as error:
                log.info("feedback waits", reason=error.code)
            await asyncio.sleep(EVERY_S)

    async def forward(self) -> int:
        """Forward what waits; return how much. Raises what ai_core raises while it is away."""
        sent = 0
        while waiting := await self._feedback.unsent():
            for each in waiting:
                if each.answer_id:
                    await self._send(each)
                await self._feedback.mark_sent(each)
                sent += 1
        return sent

    async def _send(self, each: UnsentFeedback) -> None:
        request = FeedbackRequest(
            answer_id=each.answer_id,
            verdict="up" if each.helped else "down",
            voter=f"letter-{each.mail_id}",
        )
        try:
            await self._ai.give_feedback(request)
        except (NotFound, BadInput) as error:
            log.warning("feedback refused", reason=str(error))
        except AppError as error:
            if str(error) != NOT_KEPT:
                raise
