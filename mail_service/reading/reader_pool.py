"""Parses mail in sandboxed processes."""

from types import TracebackType

from mail_service.errors import Unreadable
from mail_service.reading.message import Mail
from mail_service.reading.reader import MAILS
from shared.privacy.sandbox import Sandbox, SandboxFailed

MAILS_PER_PROCESS = 500


class ReaderPool:
    """A pool of processes that parse one mail at a time each. Open it with `async with`."""

    def __init__(self, children: int, *, time_s: float, memory_mib: int) -> None:
        self._sandbox = Sandbox(
            "mail_service.reading.reader:read",
            timeout_s=time_s,
            memory_mib=memory_mib,
            processes=children,
            calls_per_process=MAILS_PER_PROCESS,
        )

    async def __aenter__(self) -> "ReaderPool":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._sandbox.__aexit__(kind, error, trace)

    async def read(self, raw: bytes) -> Mail:
        """Return the parsed mail.

        Raises Unreadable when the process crashed, ran out of memory or took too long; the next
        mail gets a new one.
        """
        try:
            return MAILS.validate_json(await self._sandbox.call(raw))
        except SandboxFailed as failure:
            raise Unreadable(failure.reason) from None
