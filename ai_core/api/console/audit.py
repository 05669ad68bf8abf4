"""The audit log: who changed what, by account, subject and day."""

from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from ai_core.api.console.rendering import day_or_none
from ai_core.api.console.routing import Screens
from ai_core.api.console.visit import Visit
from ai_core.console.roles import Action
from ai_core.records import audit
from shared.clock import PARIS

screens = Screens()
ROWS = 50
SUBJECTS = (
    *("sign_in", "accounts", "own", "keys", "models", "law"),
    *("knowledge", "questions", "channels", "letters"),
)
MAX_ID_DIGITS = 15


@screens.page("/audit", Action.AUDIT_READ)
async def show_audit(visit: Visit) -> Response:
    """Show the latest rows that the filter lets through."""
    account, subject = visit.query("account"), visit.query("subject")
    since, until = day_or_none(visit.query("since")), day_or_none(visit.query("until"))
    before = visit.query("before")
    wanted = audit.AuditFilter(
        account=account or None,
        subject=subject if subject in SUBJECTS else None,
        since=_midnight(since) if since else None,
        until=_midnight(until + timedelta(days=1)) if until and until < date.max else None,
        before=int(before) if before.isdecimal() and len(before) <= MAX_ID_DIGITS else None,
    )
    rows = await audit.page(visit.desk.records, wanted, ROWS + 1)
    filters = {"account": account, "subject": subject, "since": since or "", "until": until or ""}
    kept = {name: str(value) for name, value in filters.items() if value}
    older = urlencode({**kept, "before": rows[ROWS - 1].id}) if len(rows) > ROWS else ""
    return visit.page(
        "audit.html",
        rows=rows[:ROWS],
        names=await audit.names(visit.desk.records),
        subjects=SUBJECTS,
        filters=filters,
        filtered=bool(kept),
        newest=urlencode(kept) if before else "",
        paged=bool(before),
        older=older,
    )


def _midnight(day: date) -> datetime:
    """Return when a day begins in Paris."""
    return datetime(day.year, day.month, day.day, tzinfo=PARIS)
