"""GET /api/v1/models, POST /api/v1/models/load, POST /api/v1/models/unload."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request, Response

from ai_core.access.keys import Scope
from ai_core.api.dependencies import (
    API,
    InferenceAdmittedDep,
    PoolDep,
    gate_of,
)
from ai_core.api.direct_routes import DirectRoute, json_body, parse_body, read_body
from ai_core.api.openapi import KEY_ERRORS
from ai_core.errors import (
    EngineStarting,
    ModelBuiltIn,
    ModelBusy,
    ModelUnusable,
    NoMemory,
    UnknownModel,
)
from ai_core.models.contract import Models
from ai_core.models.pool import ModelStatus
from shared.ai.contract import ModelCardReply, ModelName, ModelsReply
from shared.web.openapi import BODY_ERRORS, KEY_SCHEMES, errors

router = APIRouter(prefix=API, tags=["models"], dependencies=KEY_SCHEMES)
direct = APIRouter(prefix=API, tags=["models"], dependencies=KEY_SCHEMES, route_class=DirectRoute)
MAX_NAME_BYTES = 4_096


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


@direct.post(
    "/models/load",
    summary="Load a model",
    response_model=ModelCardReply,
    responses=errors(
        *KEY_ERRORS, *BODY_ERRORS, UnknownModel, ModelUnusable, NoMemory, EngineStarting
    ),
    dependencies=[json_body(ModelName)],
)
async def load(request: Request) -> Response:
    """Loads a model into memory, also one whose last load failed. Key: admin."""
    async with _named_model(request) as (pool, name):
        card = described(await pool.load(name), pool.default)
    return Response(card.model_dump_json(), media_type="application/json")


@direct.post(
    "/models/unload",
    status_code=204,
    summary="Unload a model",
    responses=errors(*KEY_ERRORS, *BODY_ERRORS, UnknownModel, ModelBuiltIn, ModelBusy),
    dependencies=[json_body(ModelName)],
)
async def unload(request: Request) -> Response:
    """Frees a model's memory once it has finished its answers. Key: admin."""
    async with _named_model(request) as (pool, name):
        await pool.unload(name)
    return Response(status_code=204)


@asynccontextmanager
async def _named_model(request: Request) -> AsyncIterator[tuple[Models, str]]:
    """Check the key, then read the name of the model; yield both under the key's limits."""
    gate = gate_of(request)
    caller = await gate.identify(request, Scope.ADMIN)
    body = parse_body(await read_body(request, MAX_NAME_BYTES), ModelName)
    async with gate.admit(request, caller):
        yield request.state.pool, body.model
