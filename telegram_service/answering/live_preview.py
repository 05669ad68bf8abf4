"""Shows an answer while it is written: at once, then after growing pauses, never in a storm.

In private chats by drafts, in groups by edits of a placeholder. What is shown is passing: a call
that the budget does not allow, or that Telegram refuses, is dropped; the final text is the
outbox's matter. The pauses grow because edits count against the chat's limit like messages.
"""

import asyncio

import structlog

from shared.errors import AppError
from telegram_service.answering.update_context import Turn
from telegram_service.errors import MailboxLost
from telegram_service.sending.formatting import BUDGET_UNITS, Letter, plain, split
from telegram_service.sending.sender import Priority
from telegram_service.state.slots import Place

log = structlog.get_logger()

FIRST_GAP_S, GROWTH, LONGEST_GAP_S = 1.2, 1.35, 12.0
DRAFT_IDS = 2**31 - 1


class Scribe:
    """Shows `text` as it grows. Give it `begin()`, set `text`, cancel `run()` at the end."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self.drafts = turn.chat.is_private and turn.parts.settings.bot.drafts
        self.placeholder = turn.record.message_id("placeholder")
        self.text = ""
        self._shown = ""
        self._place: Place | None = None

    @property
    def draft_id(self) -> int:
        """Return the draft's number, never 0, the same for the same update."""
        return self._turn.update.update_id % DRAFT_IDS + 1

    async def begin(self) -> None:
        """Give the first sign: an empty draft, or the placeholder that will become the answer."""
        if self.drafts:
            await self._show("")
        else:
            letter = self._letter(self._turn.say("writing"))
            self.placeholder = await self._turn.send("placeholder", letter)

    def waits(self, place: Place | None) -> None:
        """Show the place in line from now on, until there is text; None ends that."""
        self._place = place

    async def run(self) -> None:
        """Show what there is, again and again; ends only by being cancelled or refused."""
        gap_s = FIRST_GAP_S
        while True:
            text = self.text or await self._place_in_line()
            if text and text != self._shown:
                await self._show(text)
                self._shown = text
            await asyncio.sleep(gap_s)
            gap_s = min(LONGEST_GAP_S, gap_s * GROWTH)

    async def _place_in_line(self) -> str:
        if self._place is None:
            return ""
        try:
            return self._turn.say("waiting", place=await self._place())
        except MailboxLost:
            return ""

    async def _show(self, markdown: str) -> None:
        turn = self._turn
        try:
            if self.drafts:
                shown = plain(markdown)[0]
                await turn.parts.sender.draft(
                    turn.place, self.draft_id, split(shown, [])[0][0] if shown else ""
                )
                await turn.first_sign()
            elif self.placeholder:
                letter = self._letter(markdown)
                await turn.parts.sender.edit(turn.place, self.placeholder, letter, Priority.PASSING)
        except AppError as error:  # what is shown meanwhile is not worth failing for
            log.info("not shown", reason=error.code)

    def _letter(self, markdown: str) -> Letter:
        text, marks = plain(markdown)
        piece, own = split(text, marks, BUDGET_UNITS)[0]
        stop = self._turn.button(self._turn.say("stop"), "stop", str(self._turn.update.update_id))
        return Letter(text=piece, marks=tuple(own), buttons=((stop,),))
