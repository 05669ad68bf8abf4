"""A person's decisions on a mail: approve, edit, reject, try again, erase."""

import asyncio
from collections.abc import Mapping

from mail_service.errors import NotReviewable
from mail_service.ledger.notifications import Wake
from mail_service.ledger.store import Outcome, Store
from mail_service.reply.letters import Composer
from shared.ai.contract import ChatReply
from shared.clock import Clock
from shared.languages import language_of


class Review:
    """What a reviewer may do."""

    def __init__(
        self, store: Store, composers: Mapping[str, Composer], wake: Wake, clock: Clock
    ) -> None:
        self._store = store
        self._composers = composers
        self._wake = wake
        self._clock = clock

    async def approve(self, mail_id: int, text: str | None = None) -> None:
        """Send the draft, or `text` in its place with the draft's sources.

        Raises UnknownMail, NotReviewable, NotWritable.
        """
        file = await self._store.file(mail_id)
        if file.mail is None or not file.draft or file.entry.state != "review":
            raise NotReviewable
        reply = ChatReply.model_validate_json(file.draft)
        if text is not None:
            reply = reply.model_copy(update={"response": text, "clarification": None})
        composer = self._composers[file.entry.mailbox]
        language = language_of(f"{file.mail.subject}\n{file.mail.text}")
        answer = composer.answer(file.mail, reply, language, reviewed=True)
        letter = await asyncio.to_thread(
            composer.write, file.mail, mail_id, "reply", answer, language, self._clock.now()
        )
        outcome = Outcome(
            "answered",
            "approved" if text is None else "edited",
            draft=reply.model_dump_json(),
            outgoing=letter,
        )
        await self._store.decide(mail_id, outcome, file.entry.mailbox)
        await self._wake.ring()

    async def reject(self, mail_id: int, reason: str) -> None:
        """Send nothing. Raises NotReviewable."""
        await self._store.reject(mail_id, reason)

    async def retry(self, mail_id: int) -> None:
        """Work on the mail again, whatever the rules said, or send its letter again.

        Raises NotReviewable.
        """
        await self._store.retry(mail_id)
        await self._wake.ring()
