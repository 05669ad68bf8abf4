"""Masks the texts of a request: short ones at once, others in a child process.

With names by a model, every text goes to the child.

Masking takes time in proportion to the text, up to 25 ms for a KiB of digits, and Python's regular
expressions never let go of the interpreter: a long text masked here, or in a thread, would hold up
every other request.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import orjson

from ai_core.answering.question import Mask, mask_here
from ai_core.errors import TextUnreadable
from shared.errors import Unavailable
from shared.privacy.sandbox import Sandbox, SandboxFailed
from shared.privacy.text_masker import names_sandbox

SHORT_CHARACTERS = 2_048
SHORT_DIGITS = 64
"""Texts of a request that together have no more are masked at once: half a millisecond, 5 at worst.
An address, a telephone number, a NIR and an IBAN together have 60 digits."""
_DIGIT = re.compile(r"[\d@²³¹⁰-₉①-⓿❶-➓]")
"""What the masking may read as a digit, and the sign of an e-mail address."""
MOST_WAITING = 32
MOST_WAITING_OF_CALLER = 4
CHILD_MEMORY_MIB = 512
CHILD_TIMEOUT_S = 5.0
CALLS_PER_CHILD = 1_000
RETRY_AFTER_S = 2.0


def masking_sandbox(*, names: bool) -> Sandbox:
    """Return the child process that masks, not started yet: names by the model too, or not."""
    if names:
        return names_sandbox("mask_names_batch")
    return Sandbox(
        "shared.privacy.mask_batch:mask_batch",
        timeout_s=CHILD_TIMEOUT_S,
        memory_mib=CHILD_MEMORY_MIB,
        calls_per_process=CALLS_PER_CHILD,
    )


def is_short(
    texts: Sequence[str], characters: int = SHORT_CHARACTERS, digits: int = SHORT_DIGITS
) -> bool:
    """Whether texts together have no more characters and digits: by default, to mask at once."""
    if sum(map(len, texts)) > characters:
        return False
    return sum(len(_DIGIT.findall(text)) for text in texts) <= digits


class Child(Protocol):
    """What masks elsewhere: a JSON array of texts in, the same masked out."""

    async def call(self, data: bytes) -> bytes:
        """Return the masked texts. Raises SandboxFailed."""
        ...


class TextMasking:
    """Masks texts; at most MOST_WAITING requests wait for the child, few of them of one caller."""

    def __init__(self, child: Child, *, names: bool = False) -> None:
        self._child = child
        self._names = names
        self._waiting: Counter[str] = Counter()

    def is_immediate(self, texts: Sequence[str]) -> bool:
        """Whether texts are masked at once, without the child."""
        return not self._names and is_short(texts)

    async def prepare(self, texts: Sequence[str], field: str, caller: str) -> Mask:
        """Return a function that masks any of `texts`, which stand in the field `field`.

        Raises Unavailable when too many requests wait, or the child failed, and TextUnreadable when
        the texts take too long.
        """
        if self.is_immediate(texts):
            return mask_here
        most = MOST_WAITING if is_short(texts) else MOST_WAITING_OF_CALLER
        busy = self._waiting[caller] >= most
        if busy or self._waiting.total() >= MOST_WAITING:
            raise Unavailable("masking is busy", retry_after_s=RETRY_AFTER_S)
        self._waiting[caller] += 1
        try:
            masked = orjson.loads(await self._child.call(orjson.dumps(texts)))
        except SandboxFailed as error:
            if error.reason == "time":
                raise TextUnreadable(field=field) from error
            raise Unavailable("masking failed", retry_after_s=RETRY_AFTER_S) from error
        finally:
            self._waiting -= Counter([caller])
        return dict(zip(texts, masked, strict=True)).__getitem__
