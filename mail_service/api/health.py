"""Is it alive, can it work, and what does it count."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.responses import Response

from mail_service.api.dependencies import LedgerDep, SettingsDep, StoreDep, VitalsDep
from shared.errors import Unavailable

router = APIRouter()


class HealthReply(BaseModel):
    """What the service says of itself."""

    status: str
    mailboxes: dict[str, str]
    counts: dict[str, int]
    oldest_waiting_s: float


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer while the process lives."""
    return {"status": "alive"}


@router.get("/ready")
async def ready(store: StoreDep) -> dict[str, str]:
    """Answer once the ledger can be used; 503 before."""
    await store.check()
    return {"status": "ready"}


@router.get("/health")
async def health(store: StoreDep, settings: SettingsDep) -> HealthReply:
    """Say how the work goes; a mailbox without a host waits for one."""
    names = {box.name: box.mode if box.imap.host else "waiting" for box in settings.every_mailbox}
    try:
        counts = dict(await store.counts())
        oldest_s = await store.waiting_s()
    except Unavailable:
        return HealthReply(status="ledger lost", mailboxes=names, counts={}, oldest_waiting_s=0)
    status = "late" if counts.get("overdue") else "ok"
    return HealthReply(
        status=status, mailboxes=names, counts=counts, oldest_waiting_s=round(oldest_s, 1)
    )


@router.get("/metrics")
async def metrics(vitals: VitalsDep, ledger: LedgerDep, store: StoreDep) -> Response:
    """Return what Prometheus reads; without the ledger, all but the ledger's counts."""
    try:
        ledger.observe(await store.counts(), await store.waiting_s())
    except Unavailable:
        vitals.parts.labels("postgres").set(0)
    else:
        vitals.parts.labels("postgres").set(1)
    return Response(await vitals.text(), media_type=CONTENT_TYPE_LATEST)
