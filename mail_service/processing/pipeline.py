"""The pipeline of a mail: screen, then answer a data request or a question, then settle.

screening.py parses the mail and evaluates the rules, data_requests.py handles erasures and copies,
answering.py asks ai_core and composes the reply. Every step can be repeated; an outcome is written
in one transaction with its reply. The sender's text is data: it reaches the model as a question,
and the answer never chooses a recipient, a header or a link.
"""

import asyncio
from traceback import walk_tb

import structlog

from mail_service.errors import Unreadable
from mail_service.ledger.records import MailJob, MailOutcome, MailState
from mail_service.processing.answering import Answering
from mail_service.processing.data_requests import DataRequests
from mail_service.processing.screening import Screening
from mail_service.processing.services import Services
from mail_service.rules import Finding
from shared.errors import AppError
from shared.stores.postgres import PostgresLost

log = structlog.get_logger()

RETRY_S = (10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
MAX_ATTEMPTS = 300
"""With a pause of 10 minutes this is two days; then the mail is `failed` and a person decides."""
IDLE_S = 2.0
POSTGRES_PAUSE_S = 1.0


class Pipeline:
    """Processes mails, one at a time per task, until cancelled."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings
        self._ledger = services.ledger
        self._notifier = services.notifier
        self._clock = services.clock
        self._metrics = services.metrics
        self._tracer = services.tracer
        self._screening = Screening(services)
        self._data_requests = DataRequests(services)
        self._answering = Answering(services)

    async def run(self) -> None:
        """Process mails until cancelled; retries while the ledger is lost."""
        while True:
            try:
                if not await self.process_next():
                    await self._notifier.wait(IDLE_S)
            except PostgresLost:
                await asyncio.sleep(POSTGRES_PAUSE_S)

    async def process_next(self) -> bool:
        """Process the next mail; False when none is due. Raises PostgresLost."""
        job = await self._ledger.work.claim(self._settings.worker.lease_s)
        if job is None:
            return False
        try:
            with self._tracer.start_as_current_span("mail", attributes={"mail": job.id}):
                outcome = await self._process(job)
            await self._settle(job, outcome)
        except PostgresLost:
            raise
        except AppError as error:
            await self._postpone(job, error)
        except Exception as error:  # noqa: BLE001 - the edge: one bad mail must not stop the others
            # The error's own text may quote the mail: only its type and location are logged.
            log.error("mail failed", mail=job.id, kind=type(error).__name__, at=_frames(error))  # noqa: TRY400
            await self._settle(job, MailOutcome(MailState.FAILED, "bug"))
        return True

    async def _process(self, job: MailJob) -> MailOutcome:
        """Return the outcome of the mail. Raises AppError when it must be tried again."""
        try:
            screened = await self._screening.screen(job)
        except Unreadable as error:
            return MailOutcome(MailState.QUARANTINED, f"unreadable:{error}")
        confirmed = await self._data_requests.confirm(job, screened)
        if confirmed is not None:
            return confirmed
        if screened.findings:
            return _refusal(screened.findings)
        outcome = await self._data_requests.answer(job, screened)
        return outcome or await self._answering.answer(job, screened)

    async def _postpone(self, job: MailJob, error: AppError) -> None:
        if not error.retryable or job.attempts >= MAX_ATTEMPTS:
            await self._settle(job, MailOutcome(MailState.FAILED, error.code))
            return
        pause_s = RETRY_S[min(job.attempts, len(RETRY_S)) - 1]
        waited_s = (self._clock.now() - job.received_at).total_seconds()
        until_holding_s = self._settings.reply.holding_after_s - waited_s
        if 0 < until_holding_s < pause_s:  # the next attempt is when the holding reply is due
            pause_s = until_holding_s
        await self._ledger.work.postpone(job, pause_s, error.code)

    async def _settle(self, job: MailJob, outcome: MailOutcome) -> None:
        if not await self._ledger.work.settle(job, outcome):
            return
        waited_s = (self._clock.now() - job.received_at).total_seconds()
        self._metrics.settled.labels(outcome.state).inc()
        self._metrics.seconds_to_settle.observe(waited_s)
        log.info(
            "mail settled",
            mail=job.id,
            mailbox=job.mailbox,
            state=outcome.state,
            reason=outcome.reason,
            fired=list(outcome.fired),
            attempts=job.attempts,
            waited_s=round(waited_s, 2),
        )
        if outcome.outgoing is not None:
            await self._notifier.notify()


def _frames(error: Exception) -> list[str]:
    """Return the last stack frames of an error, the innermost last."""
    frames = [(frame.f_code.co_qualname, line) for frame, line in walk_tb(error.__traceback__)]
    return [f"{name}:{line}" for name, line in frames[-5:]]


def _refusal(findings: tuple[Finding, ...]) -> MailOutcome:
    """Return the outcome of a mail that rules refuse: the first finding decides."""
    first = findings[0]
    return MailOutcome(MailState(first.action), str(first), tuple(str(each) for each in findings))
