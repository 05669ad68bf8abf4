"""GET /api/v1/models, POST /api/v1/models/load, POST /api/v1/models/unload."""

from fastapi import APIRouter

from ai_core.api.dependencies import (
    API,
    AdminAdmittedDep,
    InferenceAdmittedDep,
    PoolDep,
)
from ai_core.api.openapi import KEY_ERRORS
from ai_core.errors import (
    EngineStarting,
    ModelBuiltIn,
    ModelBusy,
    ModelUnusable,
    NoMemory,
    UnknownModel,
)
from ai_core.models.pool import ModelStatus
from shared.ai.contract import ModelCardReply, ModelName, ModelsReply
from shared.web.openapi import BODY_ERRORS, KEY_SCHEMES, errors

router = APIRouter(prefix=API, tags=["models"], dependencies=KEY_SCHEMES)


def described(model: ModelStatus, default: str) -> ModelCardReply:
    """Return a model as a caller sees it."""
    card = model.card
    return ModelCardReply(
        id=card.id,
        format=card.format,
        state=model.state,
        default=card.id == default,
        context_tokens=card.context_tokens,
        size_bytes=card.size_bytes,
        memory_bytes=model.memory_bytes,
        tokens_per_s=round(model.tokens_per_s, 1) or None,
        precision=card.precision or None,
        agreement=card.agreement,
        base=card.base,
        licence=card.licence or None,
        pinned=card.pinned,
        error=model.code,
    )


@router.get("/models", summary="List the models", responses=errors(*KEY_ERRORS))
async def models(pool: PoolDep, _caller: InferenceAdmittedDep) -> ModelsReply:
    """Models the service can answer with, the default one first. Key: inference."""
    return ModelsReply(models=[described(model, pool.default) for model in pool.statuses()])


@router.post(
    "/models/load",
    summary="Load a model",
    responses=errors(
        *KEY_ERRORS, *BODY_ERRORS, UnknownModel, ModelUnusable, NoMemory, EngineStarting
    ),
)
async def load(body: ModelName, pool: PoolDep, _caller: AdminAdmittedDep) -> ModelCardReply:
    """Loads a model into memory, also one whose last load failed. Key: admin."""
    return described(await pool.load(body.model), pool.default)


@router.post(
    "/models/unload",
    status_code=204,
    summary="Unload a model",
    responses=errors(*KEY_ERRORS, *BODY_ERRORS, UnknownModel, ModelBuiltIn, ModelBusy),
)
async def unload(body: ModelName, pool: PoolDep, _caller: AdminAdmittedDep) -> None:
    """Frees a model's memory once it has finished its answers. Key: admin."""
    await pool.unload(body.model)
