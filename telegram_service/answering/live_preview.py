"""Shows an answer while it is written: at once, then after growing pauses.

In private chats by drafts, in groups by edits of a placeholder. A preview call that the rate limits
do not allow, or that Telegram refuses, is dropped: the outbox sends the final text. The pauses grow
because edits count against the chat's limit like messages.
"""

import asyncio

import structlog

from shared.errors import AppError
from telegram_service.answering.update_context import UpdateContext
from telegram_service.errors import RedisUnavailable
from telegram_service.sending.formatting import BUDGET_UNITS, OutgoingMessage, plain, split
from telegram_service.sending.sender import Priority
from telegram_service.state.slots import PositionReader

log = structlog.get_logger()

FIRST_PAUSE_S, GROWTH, MAX_PAUSE_S = 1.2, 1.35, 12.0
DRAFT_IDS = 2**31 - 1


class LivePreview:
    """Shows `text` as it grows. Call `show_first_sign()`, set `text`, cancel `run()` at the end."""

    def __init__(self, context: UpdateContext) -> None:
        self._context = context
        self.drafts = context.chat.is_private and context.services.settings.bot.drafts
        self.placeholder = context.outbox.message_id("placeholder")
        self.text = ""
        self._shown = ""
        self._position: PositionReader | None = None

    @property
    def draft_id(self) -> int:
        """Return the draft's id, never 0, the same for the same update."""
        return self._context.update.update_id % DRAFT_IDS + 1

    async def show_first_sign(self) -> None:
        """Give the first sign: an empty draft, or the placeholder that will become the answer."""
        if self.drafts:
            await self._show("")
        else:
            message = self._message(self._context.say("writing"))
            self.placeholder = await self._context.send("placeholder", message)

    def show_position(self, position: PositionReader | None) -> None:
        """Show the position in the queue until there is text; None ends that."""
        self._position = position

    async def run(self) -> None:
        """Show the newest text again and again; ends only by being cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            text = self.text or await self._position_text()
            if text and text != self._shown:
                await self._show(text)
                self._shown = text
            await asyncio.sleep(pause_s)
            pause_s = min(MAX_PAUSE_S, pause_s * GROWTH)

    async def _position_text(self) -> str:
        if self._position is None:
            return ""
        try:
            return self._context.say("waiting", place=await self._position())
        except RedisUnavailable:
            return ""

    async def _show(self, markdown: str) -> None:
        context = self._context
        sender, address = context.services.sender, context.address
        try:
            if self.drafts:
                text = plain(markdown)[0]
                first = split(text, [])[0][0] if text else ""
                await sender.draft(address, self.draft_id, first)
                await context.count_first_sign()
            elif self.placeholder:
                message = self._message(markdown)
                await sender.edit(address, self.placeholder, message, Priority.PREVIEW)
        except AppError as error:  # a preview is not worth failing for
            log.info("preview dropped", reason=error.code)

    def _message(self, markdown: str) -> OutgoingMessage:
        text, entities = plain(markdown)
        piece, own = split(text, entities, BUDGET_UNITS)[0]
        context = self._context
        stop = context.button(context.say("stop"), "stop", str(context.update.update_id))
        return OutgoingMessage(text=piece, entities=tuple(own), buttons=((stop,),))
