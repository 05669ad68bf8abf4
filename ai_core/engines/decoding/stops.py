"""From what a model writes, token by token, to text that may be shown."""

import codecs
from collections.abc import Sequence


class StopFilter:
    """Lets whole characters through, up to the first stop sequence.

    A token may end in the middle of a character or of a stop sequence: what may still become one
    is held back. The text is cut where a stop sequence is first complete, the longest one when
    several are complete at once, so that the result does not depend on how the text was fed.
    Bytes that are not UTF-8 (RFC 3629) become U+FFFD.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(filter(None, stop))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.stopped = False

    def feed(self, written: bytes | str) -> str:
        """Take what was written next; returns what may be shown, nothing once stopped."""
        if self.stopped:
            return ""
        text = written if isinstance(written, str) else self._decoder.decode(written)
        if not self._stop:
            return text
        self._held += text
        at = self._cut()
        if at is not None:
            self.stopped = True
            shown, self._held = self._held[:at], ""
            return shown
        keep = self._possible()
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown

    def finish(self) -> str:
        """Return what was held back, once nothing more comes; half a character is dropped."""
        rest, self._held = self._held, ""
        return rest

    def _cut(self) -> int | None:
        ends = (
            (found + len(stop), found)
            for stop in self._stop
            if (found := self._held.find(stop)) >= 0
        )
        first = min(ends, default=None)
        return first[1] if first else None

    def _possible(self) -> int:
        longest = min(len(self._held), max(map(len, self._stop)) - 1)
        for length in range(longest, 0, -1):
            tail = self._held[-length:]
            if any(stop.startswith(tail) for stop in self._stop):
                return length
        return 0
