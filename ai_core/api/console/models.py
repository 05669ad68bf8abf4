"""The models: load, unload, default, speeds, memory."""

import asyncio

from starlette.responses import Response

from ai_core.api.console.routing import ROOT, Screens
from ai_core.api.console.visit import Visit
from ai_core.console.roles import Action
from ai_core.errors import ConsoleRefusal, UnknownModel
from ai_core.models.admin.catalogue_file import CatalogueFile
from shared.settings import WrongSettings

screens = Screens()
MODELS = f"{ROOT}/models"


@screens.page("/models", Action.MODELS_READ)
async def show_models(visit: Visit) -> Response:
    """List the models as they are now."""
    pool = visit.pool
    statuses = pool.statuses()
    return visit.page(
        "models.html",
        models=statuses,
        default=pool.default,
        fixed_default=visit.desk.settings.models.default,
        used_bytes=sum(status.memory_bytes for status in statuses),
        budget_bytes=pool.budget_bytes,
    )


@screens.form("/models/load", Action.MODELS_CHANGE)
async def load(visit: Visit) -> Response:
    """Load a model into memory."""
    name = _model(visit)
    async with visit.desk.audit.recording(visit.actor, "models.load", name):
        await visit.pool.load(name)
    return visit.to(MODELS, "model_loaded")


@screens.form("/models/unload", Action.MODELS_CHANGE)
async def unload(visit: Visit) -> Response:
    """Free a model's memory once its answers have ended."""
    name = _model(visit)
    async with visit.desk.audit.recording(visit.actor, "models.unload", name):
        await visit.pool.unload(name)
    return visit.to(MODELS, "model_unloaded")


@screens.form("/models/default", Action.MODELS_CHANGE)
async def set_default(visit: Visit) -> Response:
    """Let a model answer when none is named; it stands in models.toml then."""
    name = _model(visit)
    settings = visit.desk.settings
    if settings.models.default:
        raise ConsoleRefusal("default_fixed", model=settings.models.default)
    folder = settings.models.folder or settings.data_dir / "models"
    async with visit.desk.audit.recording(
        visit.actor, "models.set_default", name, before=visit.pool.default
    ):
        try:
            await asyncio.to_thread(CatalogueFile(folder).set_default, name)
        except (WrongSettings, OSError):
            raise ConsoleRefusal("models_file") from None
        await visit.pool.reread()
    return visit.to(MODELS, "model_default")


def _model(visit: Visit) -> str:
    """Return the name of a model that exists. Raises UnknownModel."""
    name = visit.text("model", 128)
    if not name:
        raise UnknownModel(model=name)
    return visit.pool.card(name).id
