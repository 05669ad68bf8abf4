"""Dependencies of the routes, and the check of the API key."""

import hmac
from typing import Annotated

from fastapi import Depends, Request

from mail_service.ledger.ledger import Ledger
from mail_service.metrics import LedgerMetrics
from mail_service.review.decisions import Reviewer
from mail_service.settings import Settings
from shared.errors import NotAuthenticated
from shared.host_metrics import HostMetrics
from shared.stores.postgres import PostgresLost
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


SettingsDep = Annotated[Settings, Depends(settings_of)]
LedgerDep = Annotated[Ledger, Depends(ledger_of)]
ReviewerDep = Annotated[Reviewer, Depends(reviewer_of)]
LedgerMetricsDep = Annotated[LedgerMetrics, Depends(ledger_metrics_of)]
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
