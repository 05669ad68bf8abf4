"""Masks texts off the event loop: by the rules in a thread, names by a model in a child process."""

import asyncio
from types import TracebackType

import orjson

from shared.errors import Unavailable
from shared.privacy.identifiers import Kind
from shared.privacy.masking import Found, Masked, mask
from shared.privacy.sandbox import Sandbox, SandboxFailed

MEMORY_MIB = 1_536
"""Address space: 931 MiB once the model is loaded (550 MiB of them resident), and room to read."""
START_TIMEOUT_S = 120.0
"""Importing the library and loading the model: 5 to 16 s on two busy cores."""
TIMEOUT_S = 30.0
"""For a call: 22 ms per KiB, so 9 s for the longest conversation."""
CALLS_PER_CHILD = 10_000
RETRY_AFTER_S = 5.0


def names_sandbox(function: str) -> Sandbox:
    """Return the child process that masks names too, by a function of `mask_names`."""
    return Sandbox(
        f"shared.privacy.mask_names:{function}",
        timeout_s=TIMEOUT_S,
        start_timeout_s=START_TIMEOUT_S,
        memory_mib=MEMORY_MIB,
        calls_per_process=CALLS_PER_CHILD,
    )


async def load_names(sandbox: Sandbox) -> None:
    """Start the child, which loads the model. Raises Unavailable."""
    try:
        await sandbox.start()
    except SandboxFailed as error:
        raise Unavailable(
            f"the model of names was not loaded within {START_TIMEOUT_S:.0f} s and {MEMORY_MIB} MiB"
        ) from error


class TextMasker:
    """Masks one text at a time. Open it with `async with`, which loads the model for `names`."""

    def __init__(self, *, names: bool) -> None:
        self._child = names_sandbox("mask_names") if names else None

    async def __aenter__(self) -> "TextMasker":
        if self._child is not None:
            await load_names(self._child)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            await self._child.__aexit__(kind, error, trace)

    async def mask(self, text: str) -> Masked:
        """Return the text masked. Raises Unavailable when the child failed: nothing goes unmasked.

        The text has no invisible characters any more.
        """
        if self._child is None:
            return await asyncio.to_thread(mask, text)
        try:
            masked = orjson.loads(await self._child.call(text.encode()))
        except SandboxFailed as error:
            raise Unavailable("masking failed", retry_after_s=RETRY_AFTER_S) from error
        counts = {Kind(kind): count for kind, count in masked["counts"].items()}
        return Masked(masked["text"], Found(counts, masked["originals"]))
