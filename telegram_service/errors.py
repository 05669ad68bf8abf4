"""The errors of telegram_service; see shared.errors for the tree.

NotAuthenticated ├── WrongSecret
TooMany          ├── RateLimited · TranscriptionBusy
Unavailable      ├── RedisUnavailable · NoToken · ChannelLost · AiAway
NotFound         ├── UnknownLetter
Conflict         ├── ChatHasUpdates
BadInput         ├── UnreadableDocument · UnreadableRecording · RecordingTooLong
AppError         ├── LeaseLost · ChannelOff · ChannelRefused
                 │                             └── Unreachable · NoRight · ChatMoved
"""

from shared.channels import UNKNOWN_LETTER
from shared.errors import (
    AppError,
    BadInput,
    Conflict,
    NotAuthenticated,
    NotFound,
    TooMany,
    Unavailable,
)


class WrongSecret(NotAuthenticated):
    """A webhook was called without its channel's secret, or with a wrong signature."""

    code = "wrong_secret"


class RedisUnavailable(Unavailable):
    """Redis does not answer, so nothing can be accepted."""

    code = "mailbox_lost"


class NoToken(Unavailable):
    """The bot has no token yet."""

    code = "no_token"


class ChannelLost(Unavailable):
    """A channel's service did not answer; `sent`: the request may have arrived."""

    code = "channel_lost"

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


class LeaseLost(AppError):
    """Another worker has claimed this chat: stop working on it."""

    code = "lease_lost"


class ChannelOff(AppError):
    """An update waits of a channel that is not configured any more."""

    code = "channel_off"


class ChannelRefused(AppError):
    """A channel's service understood the request and refused it."""

    code = "channel_refused"


class Unreachable(ChannelRefused):
    """The person has blocked the bot, or the group has removed it."""

    code = "unreachable"


class NoRight(ChannelRefused):
    """The bot may not write in a chat."""

    code = "no_right"


class UnknownLetter(NotFound):
    """No dead letter has that id: it was replayed or dropped already."""

    code = UNKNOWN_LETTER


class ChatHasUpdates(Conflict):
    """The chat of a dead letter has updates that wait; they go first."""

    code = "chat_has_updates"


class UnreadableDocument(BadInput):
    """The document is damaged, locked, too slow to read, or holds no text."""

    code = "unreadable_document"


class UnreadableRecording(BadInput):
    """The recording is damaged, holds no sound, or takes too long to transcribe."""

    code = "unreadable_recording"


class RecordingTooLong(BadInput):
    """The recording is longer than we transcribe."""

    code = "recording_too_long"


class TranscriptionBusy(TooMany):
    """As many recordings wait as may."""

    code = "transcription_busy"


class RateLimited(TooMany):
    """A channel's retry-after is longer than a worker should wait."""

    code = "held"


class AiAway(Unavailable):
    """ai_core cannot answer now; the question waits."""

    code = "ai_away"


class ChatMoved(ChannelRefused):
    """The group has become a supergroup with another id."""

    code = "chat_moved"

    def __init__(self, new_chat: int) -> None:
        super().__init__("migrated")
        self.new_chat = new_chat
