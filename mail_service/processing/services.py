"""Dependencies of the pipeline's steps, built by app.py."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Protocol

from opentelemetry.trace import Tracer

from mail_service.ledger.ledger import Ledger
from mail_service.ledger.notifications import WorkNotifier
from mail_service.metrics import MailMetrics
from mail_service.reading.attached_scans import AttachedScans
from mail_service.reading.reader_pool import ReaderPool
from mail_service.reply.composer import ReplyComposer
from mail_service.sender_checks.spam_score import SpamFilter
from mail_service.settings import Mode, Settings
from shared.ai.contract import ChatReply, ChatRequest, FeedbackRequest
from shared.clock import Clock
from shared.privacy.text_masker import TextMasker


class Ai(Protocol):
    """A client of ai_core: shared.ai.client.AiClient, or a scripted one."""

    def chat(
        self,
        request: ChatRequest,
        *,
        idempotency_key: str | None = None,
        request_id: str | None = None,
    ) -> Awaitable[ChatReply]:
        """Return the answer, which ai_core's log names `request_id`.

        Raises the errors of shared.errors.
        """
        ...

    def give_feedback(self, request: FeedbackRequest) -> Awaitable[None]:
        """Send a verdict on an answer. Raises the errors of shared.errors."""
        ...


@dataclass(frozen=True, slots=True)
class MailboxConfig:
    """How the mails of one mailbox are answered."""

    mode: Mode
    composer: ReplyComposer
    bounce_domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of one worker process; `mailboxes` by name."""

    settings: Settings
    mailboxes: Mapping[str, MailboxConfig]
    ledger: Ledger
    readers: ReaderPool
    scans: AttachedScans
    ai: Ai
    masker: TextMasker
    spam_filter: SpamFilter
    notifier: WorkNotifier
    clock: Clock
    metrics: MailMetrics
    tracer: Tracer
