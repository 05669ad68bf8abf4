"""Logging: one JSON line per event, on standard output, with the ids of its request.

Values pass through `privacy.redact_event`: a log line never contains personal data it recognizes.
What masking does not find (names, addresses) must not be logged: log ids and counts.
"""

import logging
import sys
import traceback
from collections.abc import Sequence
from typing import TextIO

import orjson
import structlog
from structlog.types import EventDict, ExcInfo, Processor, WrappedLogger

from shared.privacy.masking import redact_event

NOISY = ("uvicorn.access", "httpx", "httpcore", "httpx2", "httpcore2", "mcp", "telegram")
"""Libraries whose lines below a warning hold addresses, the Bot API's with the bot's token, or what
people wrote."""
SELF_CONFIGURED = ("uvicorn", "uvicorn.error", "uvicorn.access")
"""Loggers for which a library installs handlers of its own: theirs would print an error whole."""


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()


def _service(name: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = name
        return event

    return add


def _frames(exc_info: ExcInfo) -> str:
    """Return where an error was raised, and those it comes from, without their words.

    The message of an unforeseen error may quote what somebody wrote: pydantic's does.
    """
    found: traceback.TracebackException | None
    found = traceback.TracebackException.from_exception(exc_info[1], compact=True)
    lines: list[str] = []
    while found:
        lines[:0] = [*found.stack.format(), f"{_name(found.exc_type)}\n"]
        found = found.__cause__ or found.__context__
    return "".join(lines)


def _name(kind: type[BaseException] | None) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if kind else "unknown"


def set_up_logs(
    service: str,
    level: str = "info",
    stream: TextIO = sys.stdout,
    reports: Sequence[Processor] = (),
) -> None:
    """Send structlog's and the standard library's records to `stream` as JSON lines.

    `reports` see each record with its error, before either is written; see `error_reports.py`.
    """
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _service(service),
        *reports,
    ]
    after: list[Processor] = [
        structlog.processors.ExceptionRenderer(_frames),
        redact_event,
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*before, *after, _json],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    lines = logging.StreamHandler(stream)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *after,
                _json,
            ],
        )
    )
    lines.setLevel(number)  # some libraries set their own loggers to debug
    logging.root.handlers = [lines]
    logging.root.setLevel(number)
    for name in SELF_CONFIGURED:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
