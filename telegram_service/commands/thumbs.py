"""👍 and 👎 under an answer; a 👎 asks why, in one more tap."""

from typing import Literal

from telegram_service.answering.update_context import Turn
from telegram_service.sending.formatting import Button, Letter
from telegram_service.state.records import Judged

REASONS = ("wrong", "source", "unclear", "beside")


async def up(turn: Turn, value: str) -> None:
    """Note a thumb up."""
    await note(turn, value, 1, None)


async def down(turn: Turn, value: str) -> None:
    """Note a thumb down and offer reasons under the same message."""
    await note(turn, value, -1, None)
    buttons = [turn.button(turn.say(f"why_{name}"), "why", f"{value}:{name}") for name in REASONS]
    await set_last_rows(turn, (tuple(buttons[:2]), tuple(buttons[2:])))


async def why(turn: Turn, value: str) -> None:
    """Note the reason, and put the thumbs away."""
    answer, _, reason = value.partition(":")
    await note(turn, answer, -1, reason if reason in REASONS else None)
    await set_last_rows(turn, ())


async def note(turn: Turn, answer: str, thumb: Literal[-1, 1], reason: str | None) -> None:
    """Hand the judgement to the journal, and count it; its reason is no second judgement."""
    if answer.isdecimal():
        record = Judged(
            person=turn.person.id,
            at=turn.parts.clock.now(),
            update_id=int(answer),
            chat=turn.chat.id,
            thumb=thumb,
            reason=reason,
        )
        await turn.parts.journal.put(record)
        if reason is None:
            await turn.parts.counter.add("thumbs_up" if thumb > 0 else "thumbs_down")


async def set_last_rows(turn: Turn, rows: tuple[tuple[Button, ...], ...]) -> None:
    """Replace the buttons of the tapped message."""
    tap = turn.update.callback_query
    if tap and tap.message:
        letter = Letter(text="", buttons=rows)
        await turn.parts.sender.set_buttons(turn.place, tap.message.message_id, letter)
