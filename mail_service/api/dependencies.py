"""Dependencies of the routes, and the check of the API key."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from mail_service.ledger.ledger import Ledger
from mail_service.ledger.records import LedgerEntry
from mail_service.metrics import LedgerMetrics
from mail_service.reply.feedback_pages import FeedbackPages
from mail_service.review.decisions import Reviewer
from mail_service.review.reasons import Reasons
from mail_service.settings import Settings
from shared.errors import NotAuthenticated
from shared.host_metrics import HostMetrics
from shared.languages import Language, preferred_language
from shared.privacy.disclosure import masked_in_words
from shared.stores.postgres import PostgresLost
from shared.texts import Texts
from shared.web.middleware import header_value
from shared.web.openapi import KEY_SCHEMES


def settings_of(request: Request) -> Settings:
    """Return the settings."""
    settings: Settings = request.state.settings
    return settings


def ledger_of(request: Request) -> Ledger:
    """Return the ledger."""
    ledger: Ledger = request.state.ledger
    return ledger


def reviewer_of(request: Request) -> Reviewer:
    """Return the reviewer's decisions."""
    reviewer: Reviewer = request.state.reviewer
    return reviewer


def host_metrics_of(request: Request) -> HostMetrics:
    """Return the metrics."""
    host_metrics: HostMetrics = request.state.host_metrics
    return host_metrics


def ledger_metrics_of(request: Request) -> LedgerMetrics:
    """Return the ledger's metrics."""
    metrics: LedgerMetrics = request.state.ledger_metrics
    return metrics


def feedback_pages_of(request: Request) -> FeedbackPages:
    """Return the pages behind the feedback links."""
    pages: FeedbackPages = request.state.feedback_pages
    return pages


@dataclass(frozen=True, slots=True)
class Explanations:
    """The sentences for reasons, in the caller's language."""

    reasons: Reasons
    texts: Texts
    language: Language

    def of(self, entry: LedgerEntry) -> str:
        """Return why a mail is in its state."""
        return self.reasons.explain(entry, self.language)

    def of_findings(self, entry: LedgerEntry) -> list[str]:
        """Return what each rule that matched found."""
        return [self.reasons.explain_finding(each, self.language) for each in entry.fired]

    def of_masked(self, counts: Mapping[str, int]) -> str:
        """Return in words what was masked."""
        return masked_in_words(self.texts, counts, self.language)


def explanations_of(request: Request) -> Explanations:
    """Return the sentences in the language that `Accept-Language` asks for."""
    language = preferred_language(request.headers.get("accept-language"))
    return Explanations(request.state.reasons, request.state.personal_data_texts, language)


SettingsDep = Annotated[Settings, Depends(settings_of)]
LedgerDep = Annotated[Ledger, Depends(ledger_of)]
ReviewerDep = Annotated[Reviewer, Depends(reviewer_of)]
LedgerMetricsDep = Annotated[LedgerMetrics, Depends(ledger_metrics_of)]
FeedbackDep = Annotated[FeedbackPages, Depends(feedback_pages_of)]
ExplanationsDep = Annotated[Explanations, Depends(explanations_of)]
HostMetricsDep = Annotated[HostMetrics, Depends(host_metrics_of)]


def need_key(request: Request, settings: SettingsDep) -> None:
    """Check the API key. Raises NotAuthenticated; always, while no key is configured."""
    key = settings.server.api_key.get_secret_value().encode()
    bearer = (header_value(request.scope, b"authorization") or "").removeprefix("Bearer ")
    presented = header_value(request.scope, b"x-api-key") or bearer
    if not key or not hmac.compare_digest(key, presented.encode("utf-8", "replace")):
        raise NotAuthenticated


KEYED = [Depends(need_key), *KEY_SCHEMES]
"""The dependencies of what needs the key."""
KEY_ERRORS = (NotAuthenticated, PostgresLost)
"""What every route that needs the key and the ledger may answer."""
