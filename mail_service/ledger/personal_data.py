"""Personal data: which mails a person sent, and their erasure (GDPR, article 17)."""

from collections.abc import Sequence

from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.statements import Statements

SQL = Statements.beside(__file__)


class PersonalData:
    """What is stored about a person."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def mails_from(self, address: str) -> tuple[int, ...]:
        """Return the ids of the mails sent from an address, whatever its case."""
        sender = self._backend.address_fingerprint(address)
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(db, "mails_from", sender=sender)
        return tuple(row["id"] for row in rows)

    async def erase(self, mail_ids: Sequence[int], reason: str) -> int:
        """Erase mails with their replies, and refuse them when the server shows them again.

        Returns how many were erased. The confirmation of an erasure is kept until it is sent.
        """
        backend = self._backend
        async with backend.postgres.transaction() as db:
            rows = await SQL.fetch(
                db, "erase_mails", mail_ids=list(mail_ids), reason=reason, now=backend.clock.now()
            )
            erased = [row["id"] for row in rows]
            await backend.add_tombstones(db, [row["identity"] for row in rows])
            await SQL.execute(db, "erase_outgoing", mail_ids=erased)
            await SQL.execute(db, "delete_empty_conversations")
            await SQL.execute(db, "delete_events", mail_ids=erased)
            for mail_id in erased:
                await backend.record_event(db, mail_id, "erased", reason)
        return len(erased)
