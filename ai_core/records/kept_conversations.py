"""Conversations that were chosen to be kept when they began: masked, sealed, until they are erased
or `texts_days` have passed.

Statements work on an open transaction. A turn of a conversation that is not there is not kept, so
that an answer which ends after an erasure does not bring it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from ai_core.records.database import Records
from shared.privacy.encryption import Encryption
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)

CONVERSATION = "ai_core conversation"
OWNER = "ai_core conversation owner"
TURN = "ai_core turn"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer, masked; `new` when the conversation begins with them."""

    conversation_id: str
    owner: str
    question: str
    answer: str
    new: bool


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """A conversation in a list; `name` is a fingerprint of its id."""

    name: bytes
    began_at: datetime
    channel: str
    language: str


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A message: the question is number 0, its answer number 1."""

    at: datetime
    number: int
    answer_id: str | None
    text: str


async def add_exchange(
    db: asyncpg.Connection,
    encryption: Encryption,
    exchange: Exchange,
    *,
    at: datetime,
    answer_id: str,
    channel: str,
    language: str,
) -> None:
    """Keep an exchange; nothing for a later one of a conversation that is not kept."""
    name = encryption.fingerprint(exchange.conversation_id, CONVERSATION)
    if exchange.new:
        owner = encryption.fingerprint(exchange.owner, OWNER)
        await SQL.execute(
            db, "begin", name=name, at=at, owner=owner, channel=channel, language=language
        )
    elif not await SQL.fetch_value(db, "is_kept", name=name):
        return
    for number, text in enumerate((exchange.question, exchange.answer)):
        sealed = encryption.seal_text(text, TURN)
        await SQL.execute(
            db, "add_turn", name=name, at=at, number=number, answer_id=answer_id, sealed=sealed
        )


class KeptConversations:
    """Lists, reads and erases them. Raises RecordsOff and PostgresLost."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def newest(
        self, since: datetime, before: datetime, at_most: int = 50
    ) -> Sequence[KeptConversation]:
        """Return those that began in a span of time, the latest first."""
        async with self._records.transaction() as db:
            found = await SQL.fetch(db, "list", since=since, before=before, at_most=at_most)
        return [KeptConversation(**dict(row)) for row in found]

    async def turns(self, name: bytes) -> Sequence[KeptTurn]:
        """Return the messages of one, oldest first."""
        encryption = self._records.encryption
        async with self._records.transaction() as db:
            found = await SQL.fetch(db, "read", name=name)
        return [
            KeptTurn(
                row["at"],
                row["number"],
                row["answer_id"],
                encryption.open_text(row["sealed"], TURN),
            )
            for row in found
        ]

    async def erase(self, conversation_id: str, owner: str | None) -> bool:
        """Erase one of `owner` (None: of anybody), with the questions and comments of it.

        False when there was nothing, or there is no Postgres.
        """
        if self._records.state == "off":
            return False
        encryption = self._records.encryption
        async with self._records.transaction() as db:
            erased: int = await SQL.fetch_value(
                db,
                "erase",
                name=encryption.fingerprint(conversation_id, CONVERSATION),
                owner=None if owner is None else encryption.fingerprint(owner, OWNER),
            )
        return erased > 0
