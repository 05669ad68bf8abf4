"""The header Retry-After (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 24 * 3600.0
_MAX_DIGITS = 9


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds to wait, at most a day; None for no header, or one that says nothing.

    The value is a number of seconds or a date, which is compared with `now`.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:_MAX_DIGITS]), LONGEST_S)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max((date - (now or datetime.now(UTC))).total_seconds(), 0.0), LONGEST_S)
