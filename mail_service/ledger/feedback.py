"""Feedback: whether a letter of ours helped, one answer per letter."""

from mail_service.ledger.backend import LedgerBackend
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)


class Feedback:
    """What readers of our letters answered."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def record(self, mail_id: int, *, helped: bool) -> bool:
        """Keep the answer in place of an earlier one; False when the mail is erased or unknown."""
        now = self._backend.clock.now()
        async with self._backend.postgres.transaction() as db:
            kept = await SQL.fetch_value(db, "record", mail_id=mail_id, helped=helped, now=now)
        return kept is not None
