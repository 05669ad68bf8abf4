"""Incremental UTF-8 decoding and stop sequences for streamed text."""

import codecs
from collections.abc import Sequence


class StopFilter:
    """Passes whole characters through, up to the first stop sequence.

    A token may end in the middle of a character or of a stop sequence; what may still become one is
    held back. The text is cut where a stop sequence is first complete, at the longest one when
    several complete at once, so that the result does not depend on how the text was split. Bytes
    that are not UTF-8 (RFC 3629) become U+FFFD.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(filter(None, stop))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held_back = ""
        self.stopped = False

    def feed(self, data: bytes | str) -> str:
        """Take the next bytes or text; returns what may be shown, "" once stopped."""
        if self.stopped:
            return ""
        text = data if isinstance(data, str) else self._decoder.decode(data)
        if not self._stop:
            return text
        self._held_back += text
        at = self._stop_start()
        if at is not None:
            self.stopped = True
            shown, self._held_back = self._held_back[:at], ""
            return shown
        shown = self._held_back[: len(self._held_back) - self._partial_stop_chars()]
        self._held_back = self._held_back[len(shown) :]
        return shown

    def finish(self) -> str:
        """Return what was held back once the stream ends; an incomplete character is dropped."""
        rest, self._held_back = self._held_back, ""
        return rest

    def _stop_start(self) -> int | None:
        ends = (
            (start + len(stop), start)
            for stop in self._stop
            if (start := self._held_back.find(stop)) >= 0
        )
        first = min(ends, default=None)
        return first[1] if first else None

    def _partial_stop_chars(self) -> int:
        """Return how many trailing characters may be the beginning of a stop sequence."""
        longest = min(len(self._held_back), max(map(len, self._stop)) - 1)
        for length in range(longest, 0, -1):
            tail = self._held_back[-length:]
            if any(stop.startswith(tail) for stop in self._stop):
                return length
        return 0
