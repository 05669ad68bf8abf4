"""`reseal`: what older keys of the vault sealed, sealed again with the newest.

Afterwards the older `seal` lines may be removed from the key file. What was sealed with a key that
is gone already stays as it is: nothing opens it.
"""

import asyncio
import sys

from ai_core.errors import RecordsOff
from ai_core.records.accounts import TOTP
from ai_core.records.database import Records, open_records
from ai_core.records.events import QUESTION
from ai_core.records.feedback import COMMENT
from ai_core.records.kept_conversations import TURN
from ai_core.settings import PostgresSettings
from shared.clock import SystemClock
from shared.stores.postgres import PostgresLost
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
TABLES = (
    ("lock_questions", "reseal_questions", QUESTION),
    ("lock_feedback", "reseal_feedback", COMMENT),
    ("lock_turns", "reseal_turns", TURN),
    ("lock_accounts", "reseal_accounts", TOTP),
)
"""Of each table with a sealed column: the statements, and what it was sealed for."""
BATCH_ROWS = 200
WAIT_S = 10.0


async def reseal(records: Records) -> int:
    """Seal one batch of each table again; return how many rows were changed.

    Called until it returns 0. Raises RecordsOff, PostgresLost.
    """
    return sum([await _reseal(records, *table) for table in TABLES])


async def _reseal(records: Records, locking: str, resealing: str, purpose: str) -> int:
    encryption = records.encryption
    async with records.transaction() as db:
        older = encryption.older_ids
        rows = await SQL.fetch(db, locking, older=older, limit=BATCH_ROWS)
        for row in rows:
            values = dict(row)
            clear = encryption.open(values.pop("sealed"), purpose)
            await SQL.execute(db, resealing, sealed=encryption.seal(clear, purpose), **values)
    return len(rows)


def run(settings: PostgresSettings) -> None:
    """Reseal everything; print how many rows. Raises RecordsOff, PostgresLost, DecryptionFailed."""
    sys.stdout.write(f"{asyncio.run(_reseal_everything(settings))}\n")


async def _reseal_everything(settings: PostgresSettings) -> int:
    async with open_records(settings, SystemClock()) as records:
        if records.state == "off":
            raise RecordsOff("AI_CORE_POSTGRES__URL is not set: nothing is sealed")
        try:
            await asyncio.wait_for(records.wait_until_up(), WAIT_S)
        except TimeoutError:
            raise PostgresLost("Postgres does not answer") from None
        total = 0
        while changed := await reseal(records):
            total += changed
        return total
