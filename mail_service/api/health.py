"""Liveness, readiness, health and metrics."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from mail_service.api import examples
from mail_service.api.dependencies import HostMetricsDep, LedgerDep, LedgerMetricsDep, SettingsDep
from shared.ai.contract import Reply
from shared.channels import MailHealth
from shared.errors import Unavailable
from shared.stores.postgres import PostgresLost
from shared.web.openapi import errors

router = APIRouter(tags=["health"])


class ProbeReply(Reply):
    """The body of a probe that succeeded."""

    status: str
    """`alive` or `ready`."""


@router.get("/live", summary="Liveness probe", responses=errors())
async def live() -> ProbeReply:
    """Answers 200 while the process lives."""
    return ProbeReply(status="alive")


@router.get("/ready", summary="Readiness probe", responses=errors(PostgresLost))
async def ready(ledger: LedgerDep) -> ProbeReply:
    """Answers 200 once the ledger can be used, 503 before."""
    await ledger.check()
    return ProbeReply(status="ready")


@router.get("/health", summary="Health summary", responses=errors())
async def health(ledger: LedgerDep, settings: SettingsDep) -> MailHealth:
    """Mailboxes, backlog and counts by state; 200 also while the ledger is lost."""
    names = {
        mailbox.name: mailbox.mode if mailbox.imap.host else "waiting"
        for mailbox in settings.every_mailbox
    }
    try:
        counts = dict(await ledger.mails.counts())
        oldest_s = await ledger.mails.oldest_waiting_s()
    except Unavailable:
        return MailHealth(status="ledger lost", mailboxes=names, counts={}, oldest_waiting_s=0)
    status = "late" if counts.get("overdue") else "ok"
    return MailHealth(
        status=status, mailboxes=names, counts=counts, oldest_waiting_s=round(oldest_s, 1)
    )


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=PlainTextResponse,
    responses=errors() | {200: {"content": {"text/plain": {"example": examples.METRICS}}}},
)
async def metrics(
    host_metrics: HostMetricsDep, ledger_metrics: LedgerMetricsDep, ledger: LedgerDep
) -> Response:
    """Metrics in Prometheus's text format; those of the ledger are left out while it is lost."""
    try:
        ledger_metrics.observe(await ledger.mails.counts(), await ledger.mails.oldest_waiting_s())
    except Unavailable:
        host_metrics.parts.labels("postgres").set(0)
    else:
        host_metrics.parts.labels("postgres").set(1)
    return Response(await host_metrics.text(), media_type=CONTENT_TYPE_LATEST)
