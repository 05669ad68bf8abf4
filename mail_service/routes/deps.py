"""What the routes ask for, and who may use them."""

import hmac
from typing import Annotated

from fastapi import Depends, Header, Request
from prometheus_client import CollectorRegistry, Gauge

from mail_service.review import Review
from mail_service.settings import Settings
from mail_service.store import Store
from shared.errors import NotAuthenticated


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


def registry_of(request: Request) -> CollectorRegistry:
    """Return the metrics."""
    registry: CollectorRegistry = request.state.registry
    return registry


def rows_of(request: Request) -> Gauge:
    """Return the gauge of the ledger's rows."""
    rows: Gauge = request.state.rows
    return rows


SettingsDep = Annotated[Settings, Depends(settings_of)]
StoreDep = Annotated[Store, Depends(store_of)]
ReviewDep = Annotated[Review, Depends(review_of)]
RowsDep = Annotated[Gauge, Depends(rows_of)]
RegistryDep = Annotated[CollectorRegistry, Depends(registry_of)]


def need_key(
    settings: SettingsDep,
    x_api_key: Annotated[str | None, Header()] = None,
    authorization: Annotated[str | None, Header()] = None,
) -> None:
    """Let in who knows the key. Raises NotAuthenticated; without a key set, for everybody."""
    key = settings.server.api_key.get_secret_value().encode()
    said = x_api_key or (authorization or "").removeprefix("Bearer ")
    if not key or not hmac.compare_digest(key, said.encode("utf-8", "replace")):
        raise NotAuthenticated
