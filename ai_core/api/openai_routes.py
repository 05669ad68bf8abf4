"""/v1: the surface that clients of OpenAI's know, over the same gate, limits and line.

`cdt-assistant` is the assistant with the law behind it; every model that writes answers under its
own name, with the caller's messages and nothing else.
"""

import base64
import struct
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from ai_core.access.keys import Scope
from ai_core.answering.question import safe
from ai_core.api.dependencies import (
    KEY_SCHEMES,
    EmbedderDep,
    GateDep,
    InferenceAdmittedDep,
    InferenceCallerDep,
    PoolDep,
    TimeoutDep,
    desk_of,
    gate_of,
    inquiries_of,
    read_asker,
)
from ai_core.api.direct_routes import DirectRoute, json_body, parse_body
from ai_core.api.openai_schemas import (
    ASSISTANT,
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingRequest,
    OpenAiBody,
)
from ai_core.api.responder import NO_STORE, while_connected
from ai_core.api.response_formats import ChatDialect, CompletionDialect
from ai_core.errors import UnknownModel
from ai_core.models.registry import ModelCard


class ErrorObject(BaseModel):
    """An error as OpenAI writes it; `request_id` is ours."""

    message: str
    type: str
    param: str | None
    code: str
    request_id: str


class ErrorDocument(BaseModel):
    """What `/v1` answers when it does not."""

    error: ErrorObject


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorDocument} for status in (400, 401, 403, 404, 413, 429, 500, 503)
}
router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=KEY_SCHEMES, responses=ERRORS)
direct = APIRouter(
    prefix="/v1",
    tags=["OpenAI"],
    dependencies=KEY_SCHEMES,
    responses=ERRORS,
    route_class=DirectRoute,
)


@router.get("/models")
async def models(pool: PoolDep, _caller: InferenceAdmittedDep) -> Response:
    """List the assistant and the models that write."""
    listed = [_model(ASSISTANT), *(_model(card.id) for card in pool.cards() if _writes(card))]
    return _json({"object": "list", "data": listed})


@router.get("/models/{model:path}")
async def model(model: str, pool: PoolDep, _caller: InferenceAdmittedDep) -> Response:
    """Describe one of them."""
    if model != ASSISTANT and not _writes(pool.card(model)):
        raise UnknownModel(model=model)
    return _json(_model(model))


@direct.post("/chat/completions", dependencies=[json_body(ChatCompletionRequest)])
async def chat_completions(request: Request) -> Response:
    """Answer the last message, whole or as server-sent events."""
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    asker = read_asker(request, caller)
    body = await parse_body(request, ChatCompletionRequest)
    inquiry = await inquiries_of(request).decide(body.question(asker.language), asker)
    desk = desk_of(request)
    sources_heading = "" if body.response_format else desk.sources_heading(inquiry)
    dialect = ChatDialect(*_head(request, body), sources_heading, with_usage=body.with_usage)
    return await desk.send(request, caller, inquiry, stream=body.stream, dialect=dialect)


@direct.post("/completions", dependencies=[json_body(CompletionRequest)])
async def completions(request: Request) -> Response:
    """Go on with a text, whole or as server-sent events."""
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    asker = read_asker(request, caller)
    body = await parse_body(request, CompletionRequest)
    inquiry = await inquiries_of(request).decide(body.question(asker.language), asker)
    desk = desk_of(request)
    sources_heading = desk.sources_heading(inquiry)
    dialect = CompletionDialect(*_head(request, body), sources_heading, with_usage=body.with_usage)
    return await desk.send(request, caller, inquiry, stream=body.stream, dialect=dialect)


@router.post("/embeddings")
async def embeddings(
    body: EmbeddingRequest,
    request: Request,
    caller: InferenceCallerDep,
    gate: GateDep,
    embedder: EmbedderDep,
    timeout_s: TimeoutDep,
) -> Response:
    """Return a vector for each text, as numbers or as base64 of little-endian 32-bit floats."""
    texts = [safe(text) or " " for text in body.texts()]
    cost_tokens = embedder.guess_tokens(texts)
    async with gate.admit(request, caller, cost_tokens=cost_tokens) as permit:
        work = embedder.embed(body.model, texts, caller.subject, timeout_s)
        found = await while_connected(request, work)
        permit.spend(found.tokens)
    as_text = body.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": at, "embedding": _base64(row) if as_text else row}
        for at, row in enumerate(found.vectors)
    ]
    taken = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return _json({"object": "list", "model": body.model, "data": data, "usage": taken})


def _head(request: Request, body: OpenAiBody) -> tuple[str, str, int]:
    """Return the id, the model and the Unix time every reply and chunk bears."""
    now_s = int(request.state.clock.now().timestamp())
    return request.state.request_id, body.model, now_s


def _writes(card: ModelCard) -> bool:
    return not card.extractive


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "code-du-travail-neo"}


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _json(body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), headers=NO_STORE, media_type="application/json")
