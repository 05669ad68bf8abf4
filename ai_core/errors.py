"""What can go wrong in here; see shared.errors for the tree.

NotFound         ├── UnknownModel · UnknownArticle · UnknownAgreement
                 ├── UnknownConversation · UnknownKey
BadInput         ├── ContextOverflow (400) · IdempotencyMismatch · KnowledgeRequired
NotAllowed       ├── AddressNotAllowed · OriginNotAllowed
Conflict         ├── StillAnswering · ModelBuiltIn · UpdateUnderWay
TooMany          ├── OverQuota
Unavailable      ├── CorpusMissing · SourceUnreachable · KeysUnreadable · QueueFull
AppError         ├── EngineFailed · CorpusRefused
"""

from shared.errors import (
    AppError,
    BadInput,
    Conflict,
    NotAllowed,
    NotFound,
    TooMany,
    Unavailable,
)


class EngineFailed(AppError):
    """The model stopped in the middle of an answer."""

    code = "engine_failed"


class UnknownModel(NotFound):
    """The registry has no model by that name."""

    code = "unknown_model"


class UnknownArticle(NotFound):
    """No article in force on that day bears that number."""

    code = "unknown_article"


class UnknownAgreement(NotFound):
    """No collective agreement we hold bears that IDCC."""

    code = "unknown_agreement"


class UnknownKey(NotFound):
    """No API key bears that id, or it is no longer active."""

    code = "unknown_key"


class UnknownConversation(NotFound):
    """This key has no conversation by that id, or it has ended."""

    code = "unknown_conversation"


class ContextOverflow(BadInput):
    """The prompt is longer than the model can read."""

    status = 400
    code = "context_overflow"


class IdempotencyMismatch(BadInput):
    """The idempotency key was used for another request."""

    code = "idempotency_mismatch"


class KnowledgeRequired(BadInput):
    """The model only quotes the law, and was asked to answer without it."""

    code = "knowledge_required"


class AddressNotAllowed(NotAllowed):
    """The key may not be used from this address."""

    code = "address_not_allowed"


class OriginNotAllowed(NotAllowed):
    """The key may not be used from this web site."""

    code = "origin_not_allowed"


class StillAnswering(Conflict):
    """The request with this idempotency key is still being answered."""

    code = "still_answering"


class ModelBuiltIn(Conflict):
    """The model is part of the service: it is always loaded."""

    code = "model_built_in"


class UpdateUnderWay(Conflict):
    """Another update of the corpus is running."""

    code = "update_under_way"


class OverQuota(TooMany):
    """The key has used what it may use for now."""

    code = "over_quota"


class CorpusMissing(Unavailable):
    """The law is not imported yet."""

    code = "corpus_missing"


class SourceUnreachable(Unavailable):
    """The publisher's package could not be fetched."""

    code = "source_unreachable"


class CorpusRefused(AppError):
    """The new corpus is damaged, older or suspiciously small; the one in service stays."""

    code = "corpus_refused"


class KeysUnreadable(Unavailable):
    """The keys could not be read and no copy of them is in memory."""

    code = "keys_unreadable"


class QueueFull(Unavailable):
    """More is waiting than can be answered in time."""

    code = "queue_full"
