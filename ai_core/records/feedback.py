"""Verdicts on answers: one for each answer and caller, the last one counts."""

from dataclasses import dataclass
from typing import Literal

from ai_core.records.database import Records
from ai_core.records.kept_conversations import CONVERSATION, OWNER
from shared.clock import Clock
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)

CALLER = "ai_core caller"
COMMENT = "ai_core comment"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody thinks of an answer.

    `subject` is the caller, and `voter` tells people apart who share a key: they are kept as
    fingerprints. `comment` is masked.
    """

    answer_id: str
    subject: str
    channel: str
    verdict: Literal["up", "down"]
    reason: str | None = None
    comment: str | None = None
    conversation_id: str | None = None
    voter: str = ""


class Feedback:
    """Keeps verdicts."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def give(self, verdict: Verdict) -> None:
        """Keep a verdict, in place of the caller's earlier one. Raises RecordsOff, PostgresLost."""
        encryption = self._records.encryption
        comment, name = verdict.comment, verdict.conversation_id
        async with self._records.transaction() as db:
            await SQL.execute(
                db,
                "give",
                answer_id=verdict.answer_id,
                caller=encryption.fingerprint(f"{verdict.subject} {verdict.voter}", CALLER),
                verdict=verdict.verdict,
                reason=verdict.reason,
                comment=encryption.seal_text(comment, COMMENT) if comment else None,
                channel=verdict.channel,
                conversation=encryption.fingerprint(name, CONVERSATION) if name else None,
                owner=encryption.fingerprint(verdict.subject, OWNER) if name else None,
                at=self._clock.now(),
            )
