"""The errors of ai_core; shared.errors has the tree they extend.

NotFound         ├── UnknownModel · UnknownArticle · UnknownAgreement
                 ├── UnknownConversation · UnknownKey · UnknownCalculator
                 ├── UnknownEntry ── EntryWithheld (410)
                 ├── UnknownAnswer
BadInput         ├── ContextOverflow (400) · IdempotencyMismatch · KnowledgeRequired
                 ├── DeadlineTooShort (400) · TextUnreadable (400)
                 ├── Unsupported (400) ── UnsupportedSchema · MessagesRefused
                 ├── WrongInputs · ConsoleRefusal
TooLarge         ├── TextTooLong
NotAuthenticated ├── SignInRefused · IdentityRefused
NotAllowed       ├── FormExpired · RoleNotAllowed
                 ├── AddressNotAllowed · HostNotAllowed · OriginNotAllowed · FeatureNotAllowed
Conflict         ├── StillAnswering · NameTaken · ModelBuiltIn · ModelBusy · UpdateUnderWay
TooMany          ├── OverQuota · TooManySignIns · TooManyFrames · TooManyConnections
Unavailable      ├── ProviderUnreachable
                 ├── CorpusMissing · SourceUnreachable · KeysUnreadable · QueueFull
                 ├── DeadlineMissed
                 ├── UpstreamFailed · UpstreamRefused · MessageNotSent
                 ├── NoMemory · EngineStarting · RuleWithheld · RecordsOff
AppError         ├── EngineFailed · ModelUnusable · EntryFileInvalid
                 ├── CorpusRefused · CorpusNotSupplied
"""

from collections.abc import Mapping, Sequence

from shared.errors import (
    AppError,
    BadInput,
    Conflict,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
)


class EngineFailed(AppError):
    """The model stopped in the middle of the answer."""

    code = "engine_failed"


class ModelUnusable(AppError):
    """The model's files are missing, damaged or inconsistent: trying again mends nothing."""

    code = "model_unusable"


class UnknownModel(NotFound):
    """No model has that name."""

    code = "unknown_model"


class UnknownArticle(NotFound):
    """No article in force on that day has that number."""

    code = "unknown_article"


class UnknownSource(NotFound):
    """No source in force today has that identifier."""

    code = "unknown_source"


class UnknownAgreement(NotFound):
    """No known collective agreement has the IDCC number in `agreement`."""

    code = "unknown_agreement"

    def __init__(self, idcc: str = "") -> None:
        super().__init__(f"no agreement has the IDCC {idcc}", idcc=idcc)
        self.faults = [{"field": "agreement", "reason": self.code}]


class UnknownKey(NotFound):
    """No active API key has that id."""

    code = "unknown_key"


class UnknownConversation(NotFound):
    """The key has no conversation with that id, or it has expired."""

    code = "unknown_conversation"


class UnknownAnswer(NotFound):
    """The key has no answer with that id that could still be resumed."""

    code = "unknown_answer"


class ContextOverflow(BadInput):
    """The prompt is longer than the model's context."""

    status = 400
    code = "context_overflow"


class Unsupported(BadInput):
    """The model does not support a field of the request.

    `feature` is its name.
    """

    status = 400
    code = "unsupported"

    def __init__(
        self,
        detail: str = "",
        *,
        model: str = "",
        feature: str = "",
        retry_after_s: float | None = None,
        **facts: str | int,
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, model=model, **facts)
        if feature:
            self.facts["field"] = feature
            self.faults = [{"field": feature, "reason": self.code}]

    @property
    def sentence(self) -> str:
        """The key of the caller's sentence, which names the field where it is known."""
        return "unsupported_field" if self.facts.get("field") else self.code


class UnsupportedSchema(Unsupported):
    """A JSON schema that is not followed: at `field`, for a `reason`, beyond a `limit`.

    The caller's sentence is `schema_REASON`. `str(error)` names no field: the caller chose its
    name.
    """

    def __init__(self, reason: str, *, field: str, limit: int = 0) -> None:
        super().__init__(f"JSON schema refused: {reason}", field=field, limit=limit)
        self.faults = [{"field": field, "reason": f"schema_{reason}"}]

    @property
    def sentence(self) -> str:
        """The key of the caller's sentence."""
        return str(self.faults[0]["reason"]) if self.faults else self.code


class MessagesRefused(Unsupported):
    """The model's chat template refuses the messages; `reason` is the template's own."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the model's chat template refuses these messages: {reason}",
            feature="messages",
            reason=reason,
        )

    @property
    def sentence(self) -> str:
        """The key of the caller's sentence."""
        return "messages_refused"


class IdempotencyMismatch(BadInput):
    """The idempotency key was used for another request."""

    code = "idempotency_mismatch"


class KnowledgeRequired(BadInput):
    """The model only quotes the law and cannot answer without it."""

    code = "knowledge_required"


class DeadlineTooShort(BadInput):
    """The model takes longer than the deadline allows, even with no other request before it."""

    status = 400
    code = "deadline_too_short"

    def __init__(self, detail: str = "", *, model: str = "", **facts: int) -> None:
        super().__init__(detail, retry_after_s=None, model=model, **facts)
        self.faults = [{"field": "X-Deadline-Ms", "reason": self.code}]


class TextTooLong(TooLarge):
    """The texts of the request are longer than the key allows."""

    code = "text_too_long"

    def __init__(self, detail: str = "", *, field: str = "", limit: str = "") -> None:
        super().__init__(detail, limit=limit)
        if field:
            self.faults = [{"field": field, "reason": self.code}]


class TextUnreadable(BadInput):
    """The text takes too long to be searched for personal data."""

    status = 400
    code = "text_unreadable"

    def __init__(self, detail: str = "", *, field: str = "") -> None:
        super().__init__(detail)
        if field:
            self.faults = [{"field": field, "reason": self.code}]


class AddressNotAllowed(NotAllowed):
    """The key may not be used from this address."""

    code = "address_not_allowed"


class HostNotAllowed(NotAllowed):
    """The key may not be used under this host name."""

    code = "host_not_allowed"


class FeatureNotAllowed(NotAllowed):
    """The key does not allow a field of the request, or its value."""

    code = "feature_not_allowed"

    def __init__(self, detail: str = "", *, field: str = "") -> None:
        super().__init__(detail, field=field)
        if field:
            self.faults = [{"field": field, "reason": self.code}]


class OriginNotAllowed(NotAllowed):
    """The key may not be used from this website."""

    code = "origin_not_allowed"


class StillAnswering(Conflict):
    """The request with this idempotency key is still being answered."""

    code = "still_answering"


class ModelBuiltIn(Conflict):
    """The model is part of the service: it is always loaded."""

    code = "model_built_in"


class ModelBusy(Conflict):
    """The model is writing answers: it cannot be unloaded now."""

    code = "model_busy"
    retryable = True


class NameTaken(Conflict):
    """Another key has that name."""


class UpdateUnderWay(Conflict):
    """Another update of the corpus is running."""

    code = "update_under_way"


class OverQuota(TooMany):
    """The key's quota is exceeded."""

    code = "over_quota"


class MessageNotSent(Unavailable):
    """The mail relay did not take the message of a contact form."""

    code = "message_not_sent"


class TooManyFrames(TooMany):
    """The client sends frames faster than a connection may."""

    code = "too_many_frames"


class TooManyConnections(TooMany):
    """The caller, or everybody together, has as many connections as are allowed."""

    code = "too_many_connections"


class CorpusMissing(Unavailable):
    """The law is not imported yet."""

    code = "corpus_missing"


class SourceUnreachable(Unavailable):
    """The publisher's package could not be fetched."""

    code = "source_unreachable"


class CorpusRefused(AppError):
    """The new corpus is damaged, older or suspiciously small; the one in service stays."""

    code = "corpus_refused"


class CorpusNotSupplied(CorpusRefused):
    """The folder that an operator named does not hold the three packages."""


class KeysUnreadable(Unavailable):
    """The keys could not be read, and no copy is in memory."""

    code = "keys_unreadable"


class QueueFull(Unavailable):
    """The queue is full: the answer would come too late."""

    code = "queue_full"


class DeadlineMissed(Unavailable):
    """The answer cannot be ready before the deadline."""

    code = "deadline_missed"


class NoMemory(Unavailable):
    """The model does not fit in the memory available to models."""

    code = "no_memory"


class EngineStarting(Unavailable):
    """The model's process died and is being restarted."""

    code = "engine_starting"


class UpstreamFailed(Unavailable):
    """The server behind a remote model failed, or answered what cannot be read."""

    code = "upstream_failed"


class UpstreamRefused(Unavailable):
    """The server behind a remote model refuses our key, or does not know the model."""

    code = "upstream_refused"
    retryable = False


class WrongInputs(BadInput):
    """Inputs of a calculator are unknown, of the wrong kind or no label of the agreement."""

    code = "wrong_inputs"

    def __init__(self, faults: Sequence[Mapping[str, object]]) -> None:
        super().__init__()
        self.faults = faults


class UnknownCalculator(NotFound):
    """No calculator has that name."""

    code = "unknown_calculator"


class RecordsOff(Unavailable):
    """This service was given no Postgres, and what was asked for is kept there."""

    code = "records_off"
    retryable = False


class RuleWithheld(Unavailable):
    """The rule of the Code is no longer in the law of the corpus as it was checked."""

    code = "rule_withheld"


class UnknownEntry(NotFound):
    """No knowledge entry in use has that topic id."""

    code = "unknown_entry"


class EntryWithheld(UnknownEntry):
    """The law in service no longer bears out that knowledge entry."""

    status = 410
    code = "entry_withheld"


class EntryFileInvalid(AppError):
    """A file of a knowledge entry cannot be parsed, or breaks the rules of entries."""

    code = "entry_file_invalid"


class ConsoleRefusal(BadInput):
    """A form of the desk is refused: `reason` names the sentence that says why."""

    code = "console_refused"

    def __init__(self, reason: str, **facts: str | int) -> None:
        super().__init__(reason)
        self.facts = facts
        self.reason = reason


class SignInRefused(NotAuthenticated):
    """The name, the password or the code is wrong: which of them is not told."""

    code = "sign_in_refused"


class TooManySignIns(TooMany):
    """Too many attempts to sign in, of one account, address or browser; or too many at once."""

    code = "too_many_sign_ins"


class FormExpired(NotAllowed):
    """A form of the desk without the token of its session: it was not this page that sent it."""

    code = "form_expired"


class RoleNotAllowed(NotAllowed):
    """The account's role does not include the action."""

    code = "role_not_allowed"


class IdentityRefused(NotAuthenticated):
    """The OpenID provider's answer is no proof of an identity that may sign in."""

    code = "identity_refused"


class ProviderUnreachable(Unavailable):
    """The OpenID provider does not answer, or not as one."""

    code = "provider_unreachable"
