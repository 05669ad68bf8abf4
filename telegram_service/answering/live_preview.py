"""Shows an answer while it is written: at once, then after growing pauses.

As the channel can: by drafts, by edits of a placeholder, or by a sign that somebody is typing. A
preview call that the rate limits do not allow, or that the channel refuses, is dropped: the outbox
sends the final text. The pauses grow because edits count against the chat's limit like messages.
"""

import asyncio
import time
from math import ceil

import structlog

from shared.ai.stream import Queued
from shared.errors import AppError
from telegram_service.addresses import MessageId
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.channel import Priority
from telegram_service.channels.markdown import BUDGET_UNITS, plain, split
from telegram_service.channels.message import OutgoingMessage
from telegram_service.errors import RedisUnavailable
from telegram_service.state.slots import PositionReader

log = structlog.get_logger()

FIRST_PAUSE_S, GROWTH, MAX_PAUSE_S = 1.2, 1.35, 12.0
RENEW_DRAFT_S = 12.0
"""With the longest pause added: less than the 30 s that a draft is shown (sendMessageDraft)."""
DRAFT_IDS = 2**31 - 1
TYPING_PAUSE_S = 20.0
"""WhatsApp shows that somebody types for 25 s at most (Cloud API, typing indicators)."""


class LivePreview:
    """Shows `text` as it grows, and the `wait` for the model that is to write it or its summary.

    Call `show_first_sign()`, set both, cancel `run()` at the end.
    """

    def __init__(
        self, context: UpdateContext, *, part: str = "placeholder", sentence: str = "writing"
    ) -> None:
        """`sentence` is the key of what the placeholder says, which is the outbox's `part`."""
        self._context = context
        self._part, self._sentence = part, sentence
        self._kind = context.channel.preview(context.address)
        self.placeholder = context.outbox.message_id(part)
        self.text = ""
        self.wait: Queued | None = None
        self._shown = ""
        self._shown_at_s = 0.0
        self._position: PositionReader | None = None

    @property
    def draft_id(self) -> int:
        """Return the draft's id, never 0, the same for the same update."""
        return self._context.update.update_id % DRAFT_IDS + 1

    async def show_first_sign(self) -> None:
        """Give the first sign; a placeholder will become the answer."""
        if self._kind != "edit":
            await self._show("")
        elif not await self._take_over():
            message = self._message(self._context.say(self._sentence), self._context.reply_to)
            self.placeholder = await self._context.send(self._part, message)

    async def _take_over(self) -> bool:
        """Go on in the placeholder of the answer that an edit has stopped, if there is one."""
        context, edited = self._context, self._context.update.edited_message
        if self.placeholder or edited is None or self._part != "placeholder":
            return False
        sessions = context.services.sessions
        left = await sessions.take_placeholder(context.address, edited.message_id)
        if left is None:
            return False
        await context.outbox.write(placeholder=left)
        self.placeholder = left
        await self._show(context.say(self._sentence))
        return True

    async def show_early_sign(self) -> None:
        """Give the first sign before it is known whether there is a question, where it leaves no
        message behind.
        """
        if self._kind != "edit":
            await self._show("")

    def show_position(self, position: PositionReader | None) -> None:
        """Show the position in the queue until there is text; None ends that."""
        self._position = position

    async def run(self) -> None:
        """Show the newest text again and again; ends only by being cancelled."""
        if self._kind == "typing":
            await self._keep_typing()
        pause_s = FIRST_PAUSE_S
        while True:
            text = self._with_wait(self.text) or await self._position_text()
            if text and text != self._shown:
                self._shown = text
                await self._show(text)
            elif self._is_vanishing():
                await self._show(self._shown)
            await asyncio.sleep(pause_s)
            pause_s = min(MAX_PAUSE_S, pause_s * GROWTH)

    def _is_vanishing(self) -> bool:
        """Whether the draft would vanish before the next look at the text."""
        return self._kind == "draft" and time.monotonic() - self._shown_at_s >= RENEW_DRAFT_S

    async def _keep_typing(self) -> None:
        while True:
            await asyncio.sleep(TYPING_PAUSE_S)
            await self._show("")

    def _with_wait(self, text: str) -> str:
        """Return what was written so far, and how long what follows will take to begin."""
        if self.wait is None:
            return text
        place, wait_s = self.wait.position + 1, self.wait.wait_s
        if wait_s is None:
            sentence = self._context.say("waiting", place=place)
        else:
            sentence = self._context.say("waiting_s", place=place, seconds=max(1, ceil(wait_s)))
        return f"{text}\n\n{sentence}".strip()

    async def _position_text(self) -> str:
        if self._position is None:
            return ""
        try:
            return self._context.say("waiting", place=await self._position())
        except RedisUnavailable:
            return ""

    async def _show(self, markdown: str) -> None:
        context = self._context
        channel, address = context.channel, context.address
        try:
            if self._kind == "draft":
                text = plain(markdown)[0]
                first = split(text, [])[0][0] if text else ""
                if await channel.draft(address, self.draft_id, first):
                    self._shown_at_s = time.monotonic()
                await context.count_first_sign()
            elif self._kind == "typing":
                if await channel.typing(address, context.event_id):
                    await context.count_first_sign()
            elif self.placeholder:
                message = self._message(markdown)
                await channel.edit(address, self.placeholder, message, Priority.PREVIEW)
        except AppError as error:  # a preview is not worth failing for
            log.info("preview dropped", reason=error.code)

    def _message(self, markdown: str, reply_to: MessageId | None = None) -> OutgoingMessage:
        text, entities = plain(markdown)
        piece, own = split(text, entities, BUDGET_UNITS)[0]
        context = self._context
        stop = context.button(context.say("stop"), "stop", str(context.update.update_id))
        return OutgoingMessage(
            text=piece, entities=tuple(own), buttons=((stop,),), reply_to=reply_to
        )
