"""Feedback: whether a letter of ours helped, one answer per letter."""

from dataclasses import dataclass
from datetime import datetime

from mail_service.ledger.backend import LedgerBackend
from shared.ai.contract import ChatReply
from shared.privacy.encryption import DecryptionFailed
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)


@dataclass(frozen=True, slots=True)
class UnsentFeedback:
    """An answer to whether a letter helped; `answer_id` is ai_core's, "" where it is not known."""

    mail_id: int
    helped: bool
    at: datetime
    answer_id: str


class Feedback:
    """What readers of our letters answered."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def record(self, mail_id: int, *, helped: bool) -> bool:
        """Keep the answer in place of an earlier one; False when the mail is erased or unknown."""
        now = self._backend.clock.now()
        async with self._backend.postgres.transaction() as db:
            kept = await SQL.fetch_value(db, "record", mail_id=mail_id, helped=helped, now=now)
        return kept is not None

    async def unsent(self) -> list[UnsentFeedback]:
        """Return a batch of what ai_core has not been told, oldest first."""
        async with self._backend.postgres.transaction() as db:
            rows = await SQL.fetch(db, "unsent")
        return [
            UnsentFeedback(
                row["mail_id"], row["helped"], row["at"], await self._answer_id(row["draft_sealed"])
            )
            for row in rows
        ]

    async def mark_sent(self, feedback: UnsentFeedback) -> None:
        """Note that ai_core knows; what is answered later is still to be sent."""
        async with self._backend.postgres.transaction() as db:
            await SQL.execute(db, "mark_sent", mail_id=feedback.mail_id, at=feedback.at)

    async def _answer_id(self, draft: bytes | None) -> str:
        """Return the id of the answer in a draft; "" once its text is deleted."""
        if draft is None:
            return ""
        try:
            reply = ChatReply.model_validate_json(await self._backend.unseal(draft, "draft"))
        except DecryptionFailed:
            return ""
        return reply.answer_id
