"""The ledger as one object: its parts over one database, and its schema."""

from pathlib import Path

from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.confirmations import Confirmations
from mail_service.ledger.conversations import Conversations
from mail_service.ledger.feedback import Feedback
from mail_service.ledger.intake import Intake
from mail_service.ledger.mails import Mails
from mail_service.ledger.outgoing import OutgoingQueue
from mail_service.ledger.personal_data import PersonalData
from mail_service.ledger.retention import Retention
from mail_service.ledger.work import WorkQueue
from shared.clock import Clock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres

MIGRATIONS = Path(__file__).parents[1] / "migrations"


class Ledger:
    """The parts of the ledger. Every method of a part raises PostgresLost when Postgres is down."""

    def __init__(self, postgres: Postgres, encryption: Encryption, clock: Clock) -> None:
        backend = LedgerBackend(postgres, encryption, clock)
        self._postgres = postgres
        self.outgoing = OutgoingQueue(backend)
        self.intake = Intake(backend)
        self.work = WorkQueue(backend, self.outgoing)
        self.conversations = Conversations(backend)
        self.mails = Mails(backend, self.outgoing)
        self.confirmations = Confirmations(backend)
        self.feedback = Feedback(backend)
        self.personal_data = PersonalData(backend)
        self.retention = Retention(backend)

    async def migrate(self) -> None:
        """Apply the missing migrations. Raises PostgresLost."""
        await self._postgres.migrate(MIGRATIONS)

    async def check(self) -> None:
        """Return once Postgres answers and has the schema. Raises PostgresLost."""
        await self.mails.oldest_waiting_s()
