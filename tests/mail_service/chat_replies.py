"""Answers of ai_core written for the tests of replies."""

from datetime import UTC, datetime

from shared.ai.contract import ChatReply
from shared.ai.scripted import SOURCE

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def chat_reply(text: str, **changes: object) -> ChatReply:
    return ChatReply(
        response=text,
        model="extractive",
        tokens_used=1,
        processing_time=0.1,
        timestamp=NOW,
        citations=[SOURCE],
        corpus_date=NOW.date(),
        notice="",
        conversation_id="conversation",
    ).model_copy(update=changes)
