"""How fast a bot may write, and the 429 beyond it.

Bots FAQ, "My bot is hitting limits": not more than one message per second in a single chat (short
bursts pass, then 429 comes), not more than 20 messages per minute in a group, about 30 messages per
second in all. Edits of messages count in a group too (tdlib/td issue 2592). The exact limits are
unspecified, so these are the published ones. Responses, "parameters": retry_after, in seconds.
"""

import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

from telegram_service.emulators.telegram.objects import BotApiError

PRIVATE_PER_S, PRIVATE_BURST = 1.0, 5.0
GROUP_PER_MINUTE = 20
ALL_PER_S = 30.0
MINUTE_S = 60.0


@dataclass
class TokenBucket:
    """Tokens that come back at a rate."""

    per_s: float
    burst: float
    tokens: float
    at_s: float

    def take(self, now_s: float) -> float:
        """Take a token and return 0, or return how many seconds are missing."""
        self.tokens = min(self.burst, self.tokens + (now_s - self.at_s) * self.per_s)
        self.at_s = now_s
        if self.tokens < 1:
            return (1 - self.tokens) / self.per_s
        self.tokens -= 1
        return 0.0


@dataclass
class Pacing:
    """What was written lately, and the windows in which nothing may be.

    `enforced` false leaves the published limits out, for tests of other things; a window that a
    test opens with `limit` holds all the same.
    """

    enforced: bool = True
    limited_until: dict[int, float] = field(default_factory=dict)
    violations: int = 0
    _all: TokenBucket | None = None
    _private: dict[int, TokenBucket] = field(default_factory=dict)
    _groups: defaultdict[int, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def check(self, chat: int) -> None:
        """Count a call to a chat. Raises BotApiError 429 when it comes too soon."""
        now = time.monotonic()
        until = self.limited_until.get(chat, 0.0)
        if now < until:
            self.violations += 1
            raise too_many_requests(until - now)
        if not self.enforced:
            return
        wait_s = self._of_chat(chat, now)
        if not wait_s:
            self._all = self._all or TokenBucket(ALL_PER_S, ALL_PER_S, ALL_PER_S, now)
            wait_s = self._all.take(now)
        if wait_s:
            error = too_many_requests(wait_s)
            self.limit(chat, float(error.retry_after_s or 1))
            raise error

    def limit(self, chat: int, duration_s: float) -> None:
        """Answer 429 to every call to a chat for a while."""
        self.limited_until[chat] = time.monotonic() + duration_s

    def _of_chat(self, chat: int, now: float) -> float:
        if chat > 0:
            bucket = self._private.setdefault(
                chat, TokenBucket(PRIVATE_PER_S, PRIVATE_BURST, PRIVATE_BURST, now)
            )
            return bucket.take(now)
        recent = self._groups[chat]
        while recent and recent[0] <= now - MINUTE_S:
            recent.popleft()
        if len(recent) >= GROUP_PER_MINUTE:
            return recent[0] + MINUTE_S - now
        recent.append(now)
        return 0.0


def too_many_requests(duration_s: float) -> BotApiError:
    """Return Telegram's 429."""
    wait_s = max(1, math.ceil(duration_s))
    return BotApiError(429, f"Too Many Requests: retry after {wait_s}", wait_s)
