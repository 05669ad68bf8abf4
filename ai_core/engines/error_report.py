"""Errors as data: how an exception of a model process reaches the caller it belongs to."""

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ai_core.errors import EngineFailed
from shared.errors import AppError

_FRAMES = 3


class ErrorReport(msgspec.Struct, frozen=True):
    """An exception in transit, with everything its caller is told.

    `kinds` names its class and the bases of that, most derived first: a receiver that has not
    imported the class raises the nearest base it knows.
    """

    kinds: tuple[str, ...]
    detail: str
    retry_after_s: float | None = None
    facts: dict[str, str | int] = {}
    faults: tuple[dict[str, str | int], ...] = ()

    @classmethod
    def of(cls, error: BaseException) -> "ErrorReport":
        """Describe any exception; one that is no AppError becomes an EngineFailed.

        The message of such a one is left out, as it may quote what a caller wrote.
        """
        if not isinstance(error, AppError):
            return cls(_kinds(EngineFailed), _encodable(describe_exception(error)))
        return cls(
            _kinds(type(error)),
            _encodable(str(error)),
            None if error.retry_after_s is None else float(error.retry_after_s),
            _plain(error.facts),
            tuple(map(_plain, error.faults)),
        )

    def to_error(self) -> AppError:
        """Return the error again, for the process that raises it."""
        known = {_name(kind): kind for kind in error_classes()}
        kind = next((known[name] for name in self.kinds if name in known), EngineFailed)
        return kind.of_parts(
            self.detail, retry_after_s=self.retry_after_s, facts=self.facts, faults=self.faults
        )


def error_classes(base: type[AppError] = AppError) -> Iterator[type[AppError]]:
    """Yield `base` and every class derived from it that this process has imported."""
    yield base
    for derived in base.__subclasses__():
        yield from error_classes(derived)


def describe_exception(error: BaseException) -> str:
    """Return an exception's type and location without its message, which may quote a person.

    The messages of AppError and MemoryError are kept: they are written for operators.
    """
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    locations = (f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    message = f": {error}" if isinstance(error, AppError | MemoryError) else ""
    return f"{type(error).__name__}{message} in {' > '.join(locations)}"


def _kinds(kind: type[AppError]) -> tuple[str, ...]:
    return tuple(_name(base) for base in kind.__mro__ if issubclass(base, AppError))


def _name(kind: type[AppError]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _plain(values: Mapping[str, Any]) -> dict[str, str | int]:
    return {
        name: value if isinstance(value, int) and _fits(value) else _encodable(str(value))
        for name, value in values.items()
    }


def _fits(number: int) -> bool:
    """Whether MessagePack has the number: it knows integers of 64 bits."""
    return number.bit_length() < 64


def _encodable(text: str) -> str:
    """Return the text without lone surrogates, which UTF-8 does not have."""
    return text.encode("utf-8", "replace").decode()
