"""The app with its site, over a sample of the law and invented entries."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from ai_core.api.routes import AppState
from ai_core.app import assemble, create_app
from ai_core.law.source import LawSource
from ai_core.settings import (
    KnowledgeSettings,
    PageSettings,
    PostgresSettings,
    RedisSettings,
    Settings,
    SiteSettings,
)
from deploy.local.redis_server import RedisServer
from shared.clock import StoppedClock
from tests.ai_core.conftest import NO_POSTGRES, NOON

HOST = "ai_core"
OPERATOR = {
    "url": "https://travail.example",
    "operator": "Association Exemple",
    "address": "1 rue de l’Exemple, 75001 Paris",
    "telephone": "01 00 00 00 00",
    "email": "bonjour@travail.example",
    "registration": "RNA W000000000",
    "publication_director": "Camille Exemple",
    "hosting": "Hébergeur Exemple, 2 rue Exemple, Lille",
    "legal_basis": "legitimate_interests",
    "data_protection": "donnees@travail.example",
}


def site_app(
    redis: RedisServer,
    library: LawSource,
    data_dir: Path,
    key: str = "",
    postgres: PostgresSettings = NO_POSTGRES,
    **site: Any,
) -> ASGIApp:
    """Return the app; `key` is that of its page, `site` the settings of the site."""

    @asynccontextmanager
    async def open_state(
        settings: Settings, registry: CollectorRegistry
    ) -> AsyncIterator[AppState]:
        async with AsyncExitStack() as stack:
            yield await assemble(settings, registry, stack, library, StoppedClock(NOON))

    key_file = data_dir / "page.key"
    if key:
        key_file.write_text(key, encoding="utf-8")
    settings = Settings(
        data_dir=data_dir,
        redis=RedisSettings.model_validate({"url": redis.url}),
        page=PageSettings(hosts=(HOST,), key_file=key_file if key else None),
        knowledge=KnowledgeSettings(shipped=False),
        postgres=postgres,
        site=SiteSettings.model_validate(site),
    )
    return create_app(settings, open_state)
