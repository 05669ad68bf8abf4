"""Personal data: which mails a person sent, and their erasure (GDPR, article 17)."""

import asyncio
from collections.abc import Sequence
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses

from mail_service.ledger.backend import LedgerBackend
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
UNPARSED_AT_ONCE = 20


class PersonalData:
    """What is stored about a person."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def mails_from(self, address: str) -> tuple[int, ...]:
        """Return the ids of the mails sent from an address, whatever its case, the oldest first.

        Those that wait to be parsed or could not be are looked into one by one.
        """
        sender = self._backend.address_fingerprint(address)
        async with self._backend.postgres.connection() as db:
            rows = await SQL.fetch(db, "mails_from", sender=sender)
        unparsed = await self._unparsed_from(address)
        return tuple(sorted({*(row["id"] for row in rows), *unparsed}))

    async def _unparsed_from(self, address: str) -> list[int]:
        found: list[int] = []
        last_id = 0
        while True:
            async with self._backend.postgres.connection() as db:
                rows = await SQL.fetch(
                    db, "unparsed_mails", after_id=last_id, limit=UNPARSED_AT_ONCE
                )
            if not rows:
                return found
            last_id = rows[-1]["id"]
            for row in rows:
                raw = await self._backend.unseal(row["raw_sealed"], "raw")
                found += [row["id"]] if await asyncio.to_thread(is_from, raw, address) else []

    async def erase_person(self, address: str, reason: str) -> int:
        """Erase every mail from an address, and all else that is kept under it.

        Returns how many mails were erased, as `erase` does.
        """
        erased = await self.erase(await self.mails_from(address), reason)
        address_print = self._backend.address_fingerprint(address)
        async with self._backend.postgres.transaction() as db:
            await SQL.execute(db, "delete_confirmations", address=address_print)
            await SQL.execute(db, "delete_hard_bounces", address=address_print)
        return erased

    async def erase(self, mail_ids: Sequence[int], reason: str, by: str = "") -> int:
        """Erase mails with their replies and the bounces of those; return how many mails went.

        They are refused when the server shows them again. The letter that says so is kept until it
        is sent.
        """
        backend = self._backend
        async with backend.postgres.transaction() as db:
            rows = await SQL.fetch(
                db, "erase_mails", mail_ids=list(mail_ids), reason=reason, now=backend.clock.now()
            )
            erased = [row["id"] for row in rows]
            await backend.add_tombstones(db, [row["identity"] for row in rows])
            await SQL.execute(db, "delete_outgoing", mail_ids=erased)
            await SQL.execute(db, "delete_feedback", mail_ids=erased)
            await SQL.execute(db, "delete_empty_conversations")
            await SQL.execute(db, "delete_events", mail_ids=erased)
            for mail_id in erased:
                await backend.record_decision(db, mail_id, "erased", reason, by)
        return len(erased)


def is_from(raw: bytes, address: str) -> bool:
    """Return whether `address` is in a From field of a mail; never raises for its content."""
    fields = BytesHeaderParser(policy=compat32).parsebytes(raw).get_all("from", [])
    found = getaddresses([str(field) for field in fields])
    return any(each.strip().lower() == address.strip().lower() for _, each in found)
