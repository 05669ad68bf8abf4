"""GET /api/v1/models, POST /api/v1/models/load, POST /api/v1/models/unload."""

from fastapi import APIRouter

from ai_core.registry import ModelCard
from ai_core.routes.deps import (
    API,
    GATE_PROBLEMS,
    KEY_SCHEMES,
    AdminVisitDep,
    InferenceVisitDep,
    PoolDep,
    problems,
)
from shared.ai_api import ModelCardReply, ModelName, ModelsReply

router = APIRouter(prefix=API, tags=["models"], dependencies=KEY_SCHEMES)


def described(card: ModelCard, default: str) -> ModelCardReply:
    """Return a model as a caller sees it."""
    return ModelCardReply(
        id=card.id, format=card.format, state="loaded", default=card.id == default
    )


@router.get("/models", responses=problems(*GATE_PROBLEMS))
async def models(pool: PoolDep, _caller: InferenceVisitDep) -> ModelsReply:
    """List the models this service can answer with, the default one first."""
    return ModelsReply(models=[described(card, pool.default) for card in pool.cards()])


@router.post("/models/load", responses=problems(404, *GATE_PROBLEMS))
async def load(body: ModelName, pool: PoolDep, _caller: AdminVisitDep) -> ModelCardReply:
    """Bring a model to memory; one that is there already stays."""
    return described(pool.load(body.model), pool.default)


@router.post("/models/unload", status_code=204, responses=problems(404, 409, *GATE_PROBLEMS))
async def unload(body: ModelName, pool: PoolDep, _caller: AdminVisitDep) -> None:
    """Give a model's memory back; one that is built in cannot be unloaded."""
    pool.unload(body.model)
