"""GET /api/v1/models, POST /api/v1/models/load, POST /api/v1/models/unload."""

from fastapi import APIRouter

from ai_core.api.dependencies import (
    API,
    GATE_PROBLEMS,
    KEY_SCHEMES,
    AdminAdmittedDep,
    InferenceAdmittedDep,
    PoolDep,
    problems,
)
from ai_core.models.pool import ModelStatus
from shared.ai.contract import ModelCardReply, ModelName, ModelsReply

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


@router.get("/models", responses=problems(*GATE_PROBLEMS))
async def models(pool: PoolDep, _caller: InferenceAdmittedDep) -> ModelsReply:
    """List the models this service can answer with, the default one first."""
    return ModelsReply(models=[described(model, pool.default) for model in pool.statuses()])


@router.post("/models/load", responses=problems(404, *GATE_PROBLEMS))
async def load(body: ModelName, pool: PoolDep, _caller: AdminAdmittedDep) -> ModelCardReply:
    """Bring a model to memory; one that is there already stays."""
    return described(await pool.load(body.model), pool.default)


@router.post("/models/unload", status_code=204, responses=problems(404, 409, *GATE_PROBLEMS))
async def unload(body: ModelName, pool: PoolDep, _caller: AdminAdmittedDep) -> None:
    """Give a model's memory back once it has written its answers; a built-in one stays."""
    await pool.unload(body.model)
