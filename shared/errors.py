"""The errors we raise on purpose.

AppError                   500  internal_error      a fault of ours
├── BadInput               422  invalid_request     the caller can fix it
│   ├── MalformedBody      400  malformed_body      not JSON, not UTF-8
│   ├── TooLarge           413  too_large           more bytes or characters than we take
│   └── BodyTimeout        408  body_timeout        the body came too slowly
├── NotAuthenticated       401  not_authenticated   no valid key
├── NotAllowed             403  not_allowed         the caller may not do that
├── NotFound               404  not_found           nothing by that name
├── Conflict               409  conflict            the same thing is already under way
├── TooMany                429  too_many_requests   come back later
├── Unavailable            503  unavailable         something we depend on is down
│   ├── NoDisk             503  no_disk             a model's files do not fit on the disk
│   └── HubUnreachable     503  hub_unreachable     the model hub does not answer
└── HubRefused             500  hub_refused         no such model there, or a damaged file

A service subclasses these in its own `errors.py`, each with its own `code`. The sentence a caller
reads for a code is in `texts/errors.toml`, in each language; `str(error)` is for operators.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self


class AppError(Exception):
    """Base of all errors that are raised on purpose.

    `facts` fill the placeholders of the caller's sentence, so they hold nothing secret or personal.
    `faults` name the fields of the request at fault, never their values. `said_first` is a sentence
    for the caller that goes before the error's own.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(
        self, detail: str = "", *, retry_after_s: float | None = None, **facts: str | int
    ) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.facts = facts
        self.faults: Sequence[Mapping[str, Any]] = ()
        self.said_first = ""

    def __str__(self) -> str:
        return super().__str__() or (type(self).__doc__ or self.code).strip().partition("\n")[0]

    @property
    def sentence(self) -> str:
        """The key of the sentence a caller reads."""
        return self.code

    @classmethod
    def of_parts(
        cls,
        detail: str,
        *,
        retry_after_s: float | None,
        facts: Mapping[str, str | int],
        faults: Sequence[Mapping[str, Any]],
    ) -> Self:
        """Return the error made of these parts, whatever arguments its own constructor takes."""
        error = cls.__new__(cls)
        AppError.__init__(error, detail, retry_after_s=retry_after_s)
        error.facts, error.faults = dict(facts), tuple(faults)
        return error

    def renewed(self, retry_after_s: float | None) -> Self:
        """Return the same error to raise again, with another time to wait."""
        return self.of_parts(
            str(self), retry_after_s=retry_after_s, facts=self.facts, faults=self.faults
        )


class BadInput(AppError):
    """The request is not valid; `errors` names the fields at fault."""

    status = 422
    code = "invalid_request"


class MalformedBody(BadInput):
    """The body is not JSON in UTF-8."""

    status = 400
    code = "malformed_body"


class TooLarge(BadInput):
    """The body, or a text in it, is larger than allowed."""

    status = 413
    code = "too_large"


class BodyTimeout(BadInput):
    """The body of the request did not arrive in time."""

    status = 408
    code = "body_timeout"


class NotAuthenticated(AppError):
    """The API key is missing, unknown, expired or revoked."""

    status = 401
    code = "not_authenticated"


class NotAllowed(AppError):
    """The caller is not allowed to do that."""

    status = 403
    code = "not_allowed"


class NotFound(AppError):
    """The resource does not exist."""

    status = 404
    code = "not_found"


class Conflict(AppError):
    """The operation conflicts with the current state."""

    status = 409
    code = "conflict"


class TooMany(AppError):
    """A limit is exceeded; retry later."""

    status = 429
    code = "too_many_requests"
    retryable = True


class Unavailable(AppError):
    """A dependency is unavailable; retrying may help."""

    status = 503
    code = "unavailable"
    retryable = True


class NoDisk(Unavailable):
    """The files of a model do not fit on the disk."""

    code = "no_disk"


class HubUnreachable(Unavailable):
    """The model hub does not answer, or refuses."""

    code = "hub_unreachable"


class HubRefused(AppError):
    """The model hub has no such model, or what came from it is damaged."""

    code = "hub_refused"
