"""The real worker, which kills itself (SIGKILL) at the point named in CRASH_AT, at the nth passage.

A program, not a test: `python -m tests.mail_service.crashing_worker`. Without CRASH_AT it runs
until it is ended.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from mail_service.__main__ import main
from mail_service.ledger.store import Store
from mail_service.mailboxes.imap import ImapMailbox
from mail_service.reply import outbox

POINTS: dict[str, tuple[type, str, bool]] = {  # name: (class, method, before or after it)
    "fetched": (ImapMailbox, "fetch", False),
    "written down": (Store, "admit", False),
    "marked": (ImapMailbox, "mark_done", False),
    "taken": (Store, "take", False),
    "understood": (Store, "understood", False),
    "settled": (Store, "settle", False),
    "leaving": (Store, "handing_over", True),
    "accepted": (Store, "delivered", True),
}
outbox.LEASE_MARGIN_S = 1.0  # a dead worker's letters come back in seconds


def crash_at(point: str, passage: int) -> None:
    """Arrange the crash."""
    owner, name, before = POINTS[point]
    method: Callable[..., Awaitable[object]] = getattr(owner, name)
    passages = 0

    async def crashing(*arguments: Any, **options: Any) -> object:
        nonlocal passages
        result = None if before else await method(*arguments, **options)
        if name != "take" or result is not None:
            passages += 1
            if passages >= passage:
                os.kill(os.getpid(), signal.SIGKILL)
        return await method(*arguments, **options) if before else result

    setattr(owner, name, crashing)


if __name__ == "__main__":
    if "CRASH_AT" in os.environ:
        crash_at(os.environ.pop("CRASH_AT"), int(os.environ.pop("CRASH_PASSAGE", "1")))
    main(["worker"])
