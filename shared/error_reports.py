"""Reports of unforeseen errors by Sentry's protocol (https://develop.sentry.dev/sdk/), if wanted.

What is reported is what the log says of an error: its type, the places it came through, the release
and the ids of the request. Messages of errors, values of variables, requests, addresses and names
of hosts stay here: an unforeseen error may quote what somebody wrote.
"""

import sys
from pathlib import Path
from typing import Any

from structlog.types import EventDict, Processor, WrappedLogger

from shared.settings import ErrorReportSettings, WrongSettings

IDS = frozenset({"request_id", "trace_id", "update_id", "mail_id", "route", "method", "status"})
"""Keys of a log line that go into a report: numbers and names of ours."""
LEVELS = frozenset({"error", "critical"})
UNNAMED = "unnamed"
"""A release without a name: the SDK would ask git for one."""
COMPRESSION: Any = "gzip"
"""The SDK takes brotli where it is installed, which not every compatible service reads. Its type is
an enumeration, which its code does not know."""
LAST_REPORTS_S = 2
"""How long a process that ends waits for its last reports."""
FRAME = frozenset({"function", "module", "lineno", "in_app"})


def error_reports(service: str, settings: ErrorReportSettings) -> tuple[Processor, ...]:
    """Return what reports the errors among a service's log lines; nothing while reports are off.

    Reports leave in a thread of their own; those a collector does not take are dropped. Raises
    WrongSettings where the package is missing or the DSN is none.
    """
    if not settings.dsn:
        return ()
    try:
        import sentry_sdk
        from sentry_sdk.utils import BadDsn, event_from_exception
    except ModuleNotFoundError as missing:
        raise WrongSettings(
            f"error reports need the extra [error-reports]: {missing.name} is missing"
        ) from missing
    try:
        client = sentry_sdk.Client(
            settings.dsn,
            release=settings.release or UNNAMED,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            server_name="",
            shutdown_timeout=LAST_REPORTS_S,
            _experiments={"transport_compression_algo": COMPRESSION},
        )
    except BadDsn as wrong:
        raise WrongSettings(f"the DSN of error reports is none: {wrong}") from wrong

    def report(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        error = error_of(event.get("exc_info"))
        if error is not None and event.get("level") in LEVELS:
            found, _ = event_from_exception(error, client_options=client.options)
            client.capture_event(without_words(found, event, service))
        return event

    return (report,)


def error_of(exc_info: object) -> BaseException | None:
    """Return the error of a log line, which names it, its triple or the present one."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def without_words(found: Any, event: EventDict, service: str) -> Any:
    """Return a report of types, places and ids alone."""
    values = [
        {
            "type": one["type"],
            "module": one.get("module"),
            "stacktrace": {"frames": [_place(frame) for frame in _frames(one)]},
        }
        for one in found["exception"]["values"]
    ]
    tags = {key: str(event[key]) for key in sorted(IDS & event.keys())}
    return {
        "level": event["level"],
        "exception": {"values": values},
        "tags": {"service": service, **tags},
    }


def _frames(value: Any) -> list[Any]:
    return (value.get("stacktrace") or {}).get("frames") or []


def _place(frame: Any) -> dict[str, Any]:
    kept = {key: value for key, value in frame.items() if key in FRAME}
    return kept | {"filename": Path(frame.get("filename") or "").name}
