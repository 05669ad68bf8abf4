"""What the routes ask for, and who may use them."""

import hmac
from typing import Annotated

from fastapi import Depends, Request

from mail_service.ledger.store import Store
from mail_service.metrics import LedgerMetrics
from mail_service.review import Review
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


def store_of(request: Request) -> Store:
    """Return the ledger."""
    store: Store = request.state.store
    return store


def review_of(request: Request) -> Review:
    """Return what a reviewer may do."""
    review: Review = request.state.review
    return review


def host_metrics_of(request: Request) -> HostMetrics:
    """Return the metrics."""
    host_metrics: HostMetrics = request.state.host_metrics
    return host_metrics


def ledger_of(request: Request) -> LedgerMetrics:
    """Return the ledger's metrics."""
    ledger: LedgerMetrics = request.state.ledger
    return ledger


SettingsDep = Annotated[Settings, Depends(settings_of)]
StoreDep = Annotated[Store, Depends(store_of)]
ReviewDep = Annotated[Review, Depends(review_of)]
LedgerDep = Annotated[LedgerMetrics, Depends(ledger_of)]
HostMetricsDep = Annotated[HostMetrics, Depends(host_metrics_of)]


def need_key(request: Request, settings: SettingsDep) -> None:
    """Let in who knows the key. Raises NotAuthenticated; without a key set, for everybody."""
    key = settings.server.api_key.get_secret_value().encode()
    bearer = (header_value(request.scope, b"authorization") or "").removeprefix("Bearer ")
    presented = header_value(request.scope, b"x-api-key") or bearer
    if not key or not hmac.compare_digest(key, presented.encode("utf-8", "replace")):
        raise NotAuthenticated


KEYED = [Depends(need_key), *KEY_SCHEMES]
"""The dependencies of what needs the key."""
KEY_ERRORS = (NotAuthenticated, PostgresLost)
"""What every route that needs the key and the ledger may answer."""
