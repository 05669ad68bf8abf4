"""The errors of telegram_service; see shared.errors for the tree.

NotAuthenticated ├── WrongSecret
TooMany          ├── RateLimited
Unavailable      ├── RedisUnavailable · NoToken · TelegramLost · AiAway
BadInput         ├── UnreadableDocument
AppError         ├── LeaseLost · TelegramRefused
                 │                └── BotBlocked · ChatMoved
"""

from shared.errors import AppError, BadInput, NotAuthenticated, TooMany, Unavailable


class WrongSecret(NotAuthenticated):
    """The webhook was called without Telegram's secret."""

    code = "wrong_secret"


class RedisUnavailable(Unavailable):
    """Redis does not answer, so nothing can be accepted."""

    code = "mailbox_lost"


class NoToken(Unavailable):
    """The bot has no token yet."""

    code = "no_token"


class TelegramLost(Unavailable):
    """Telegram did not answer; `sent`: the request may have arrived."""

    code = "telegram_lost"

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class LeaseLost(AppError):
    """Another worker has claimed this chat: stop working on it."""

    code = "lease_lost"


class TelegramRefused(AppError):
    """Telegram understood the request and refused it."""

    code = "telegram_refused"


class BotBlocked(TelegramRefused):
    """The person has blocked the bot, or the group has removed it."""

    code = "bot_blocked"


class UnreadableDocument(BadInput):
    """The document is damaged, locked, too slow to read, or holds no text."""

    code = "unreadable_document"


class RateLimited(TooMany):
    """Telegram's retry-after is longer than a worker should wait."""

    code = "held"


class AiAway(Unavailable):
    """ai_core cannot answer now; the question waits."""

    code = "ai_away"


class ChatMoved(TelegramRefused):
    """The group has become a supergroup with another id."""

    code = "chat_moved"

    def __init__(self, new_chat: int) -> None:
        super().__init__("migrated")
        self.new_chat = new_chat
