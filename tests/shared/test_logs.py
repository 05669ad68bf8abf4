"""Log lines: what they say of an unforeseen error."""

import io
import json
import logging

import pytest
import structlog
import uvicorn
from pydantic import BaseModel

from shared.logs import set_up_logs

WROTE = "licenciée hier"


class Question(BaseModel):
    number: int


def read(words: str) -> Question:
    try:
        return Question(number=words)
    except ValueError as error:
        raise KeyError(words) from error


@pytest.mark.parametrize("logger", [structlog.get_logger(), logging.getLogger("uvicorn.error")])
def test_an_error_is_logged_with_its_place_and_without_its_words(
    logger: logging.Logger,
) -> None:
    log = io.StringIO()
    set_up_logs("ai_core", stream=log)
    try:
        read(WROTE)
    except KeyError:
        logger.exception("unexpected error")

    told = json.loads(log.getvalue())["exception"]
    assert WROTE not in log.getvalue()
    assert told.index("pydantic_core._pydantic_core.ValidationError") < told.index("KeyError")
    assert "in read" in told


def test_an_error_is_logged_without_its_words_after_uvicorn_configured_its_own_loggers() -> None:
    uvicorn.Config(app="", log_level="warning")
    test_an_error_is_logged_with_its_place_and_without_its_words(logging.getLogger("uvicorn.error"))
