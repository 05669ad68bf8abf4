"""The real worker, which kills itself (SIGKILL) at the point named in CRASH_AT, at the nth passage.

A program, not a test: `python -m tests.mail_service.crashing_worker`. Without CRASH_AT it runs
until it is ended.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from mail_service.__main__ import main
from mail_service.ledger.intake import Intake
from mail_service.ledger.outgoing import OutgoingQueue
from mail_service.ledger.work import WorkQueue
from mail_service.mailboxes.imap import ImapMailbox
from mail_service.reply import outbox

POINTS: dict[str, tuple[type, str, bool]] = {  # name: (class, method, crash before it)
    "fetched": (ImapMailbox, "fetch", False),
    "stored": (Intake, "add", False),
    "marked": (ImapMailbox, "mark_done", False),
    "claimed": (WorkQueue, "claim", False),
    "parsed": (WorkQueue, "save_parsed", False),
    "settled": (WorkQueue, "settle", False),
    "transmitting": (OutgoingQueue, "mark_transmitting", True),
    "accepted": (OutgoingQueue, "record_result", True),
}
outbox.LEASE_MARGIN_S = 1.0  # the mails of a dead worker are due again in seconds


def crash_at(point: str, passage: int) -> None:
    """Make the process kill itself at that point."""
    owner, name, before = POINTS[point]
    method: Callable[..., Awaitable[object]] = getattr(owner, name)
    passages = 0

    async def crashing(*arguments: Any, **options: Any) -> object:
        nonlocal passages
        result = None if before else await method(*arguments, **options)
        if name != "claim" or result is not None:
            passages += 1
            if passages >= passage:
                os.kill(os.getpid(), signal.SIGKILL)
        return await method(*arguments, **options) if before else result

    setattr(owner, name, crashing)


if __name__ == "__main__":
    if "CRASH_AT" in os.environ:
        crash_at(os.environ.pop("CRASH_AT"), int(os.environ.pop("CRASH_PASSAGE", "1")))
    main(["worker"])
