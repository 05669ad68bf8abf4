"""What a chat sees while a file is read, and what then stands in its place."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from telegram_service.answering.live_preview import LivePreview
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.markdown import split
from telegram_service.channels.message import OutgoingMessage
from telegram_service.errors import ChannelRefused

log = structlog.get_logger()
Result = TypeVar("Result")


class SignOfLife:
    """A draft, a sign of typing, or where the channel has neither, a message."""

    def __init__(self, context: UpdateContext, part: str, sentence: str) -> None:
        """`part` is the message's in the outbox; `sentence` is the key of what it says."""
        self._context = context
        self._part, self._sentence = part, sentence

    @property
    def is_message(self) -> bool:
        """Whether it stands in the chat as a message."""
        return self._context.outbox.message_id(self._part) is not None

    async def during(self, work: Callable[[], Awaitable[Result]]) -> Result | None:
        """Show it while working; None when that was stopped."""
        context = self._context
        preview = LivePreview(context, part=self._part, sentence=self._sentence)
        await preview.show_first_sign()
        preview.text = context.say(self._sentence)
        working = asyncio.ensure_future(work())
        stopping = asyncio.create_task(context.stopped.wait(), name="stopping")
        tasks = {working, stopping, asyncio.create_task(preview.run(), name="preview")}
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def become(self, part: str, told: str) -> None:
        """Say something in its place; `told` is shown as it is, never read as Markdown."""
        context = self._context
        sign = context.outbox.message_id(self._part)
        for number, (piece, _) in enumerate(split(told, [])):
            message = OutgoingMessage(text=piece, reply_to=context.reply_to)
            if number == 0 and sign:
                try:
                    await context.outbox.edit(f"{part}/0", context.address, sign, message)
                except ChannelRefused as refusal:
                    log.info("sign of life deleted", reason=str(refusal))
                else:
                    continue
            await context.send(f"{part}/{number}", message)
