"""Retry-After, as servers write it and as they should not."""

from datetime import UTC, datetime

import pytest

from shared.web.retry_after import retry_after_s

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("17", 17),
        (" 0 ", 0),
        ("9" * 5_000, 86_400),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 20 Nov 2099 11:00:00 GMT", 86_400),
        ("Fri, 20 Nov 2026 12:00:30", 30),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("٣", None),
        ("soon", None),
    ],
)
def test_the_wait_is_read(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds
