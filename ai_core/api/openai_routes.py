"""/v1: the OpenAI-compatible API, with the same access control, rate limits and queues.

The model `cdt-assistant` answers from the law; every generative model is served under its own name,
with the caller's messages and nothing else.
"""

import base64
import struct
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response

from ai_core.access.keys import Scope
from ai_core.answering.embeddings import Vectors
from ai_core.answering.request import ResolvedRequest
from ai_core.api.admission import Admitted, admitted
from ai_core.api.dependencies import (
    InferenceAdmittedDep,
    PoolDep,
    gate_of,
    read_timeout,
    requester_of,
    resolver_of,
    responder_of,
)
from ai_core.api.direct_routes import DirectRoute, json_body, release_slot
from ai_core.api.openai_fields import ASSISTANT
from ai_core.api.openai_replies import (
    ChatCompletion,
    Completion,
    EmbeddingList,
    ModelList,
    ModelObject,
)
from ai_core.api.openai_schemas import (
    ChatCompletionRequest,
    CompletionOptions,
    CompletionRequest,
    EmbeddingRequest,
)
from ai_core.api.openapi import (
    ANSWER_ERRORS,
    ANSWER_HEADERS,
    CHAT_STREAM,
    KEY_ERRORS,
    MODEL_ERRORS,
    TEXT_STREAM,
)
from ai_core.api.responder import NO_STORE, while_connected
from ai_core.api.response_formats import (
    ChatCompletionSerializer,
    CompletionFields,
    CompletionSerializer,
)
from ai_core.errors import KnowledgeRequired, TextTooLong, TextUnreadable, UnknownModel
from ai_core.models.registry import ModelCard
from shared.web.openapi import BODY_ERRORS, KEY_SCHEMES, errors, header_parameters

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=KEY_SCHEMES)
direct = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=KEY_SCHEMES, route_class=DirectRoute)
COMPLETION_ERRORS = errors(*KEY_ERRORS, *ANSWER_ERRORS, KnowledgeRequired)


@router.get(
    "/models",
    summary="List the models that write",
    response_model=ModelList,
    responses=errors(*KEY_ERRORS),
)
async def models(pool: PoolDep, _caller: InferenceAdmittedDep) -> Response:
    """`cdt-assistant` and every model that writes. Key: inference."""
    listed = [_model(ASSISTANT), *(_model(card.id) for card in pool.cards() if _writes(card))]
    return _json({"object": "list", "data": listed})


@router.get(
    "/models/{model:path}",
    summary="Look up a model",
    response_model=ModelObject,
    responses=errors(*KEY_ERRORS, UnknownModel),
)
async def model(
    model: Annotated[str, Path(description="Its name.", examples=[ASSISTANT])],
    pool: PoolDep,
    _caller: InferenceAdmittedDep,
) -> Response:
    """One of these models. Key: inference."""
    if not model or (model != ASSISTANT and not _writes(pool.card(model))):
        raise UnknownModel(model=model)
    return _json(_model(model))


@direct.post(
    "/chat/completions",
    summary="Complete a chat",
    response_model=ChatCompletion,
    responses=CHAT_STREAM | COMPLETION_ERRORS,
    openapi_extra=header_parameters(*ANSWER_HEADERS),
    dependencies=[json_body(ChatCompletionRequest)],
)
async def chat_completions(request: Request) -> Response:
    """Answers the last message. Key: inference.

    `cdt-assistant` answers with the law behind it, its sources at the end of the text. Any other
    model reads the messages and nothing else, and nothing it writes is checked.
    """
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    requester = requester_of(request, caller)
    texts_of = ChatCompletionRequest.texts
    async with admitted(request, caller, ChatCompletionRequest, texts_of, "messages") as found:
        body, responder = found.body, responder_of(request)
        question = body.question(requester.language, found.mask)
        resolved = await resolver_of(request).resolve(question, requester)
        heading = "" if body.response_format else responder.sources_heading(resolved)
        serializer = ChatCompletionSerializer(_fields(request, body, heading))
        return await _send(request, found, resolved, serializer)


@direct.post(
    "/completions",
    summary="Continue a text",
    response_model=Completion,
    responses=TEXT_STREAM | COMPLETION_ERRORS,
    openapi_extra=header_parameters(*ANSWER_HEADERS),
    dependencies=[json_body(CompletionRequest)],
)
async def completions(request: Request) -> Response:
    """Continues a text, without a chat template. Key: inference."""
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    requester = requester_of(request, caller)
    texts_of = CompletionRequest.texts
    async with admitted(request, caller, CompletionRequest, texts_of, "prompt") as found:
        body, responder = found.body, responder_of(request)
        question = body.question(requester.language, found.mask)
        resolved = await resolver_of(request).resolve(question, requester)
        heading = responder.sources_heading(resolved)
        serializer = CompletionSerializer(_fields(request, body, heading))
        return await _send(request, found, resolved, serializer)


@direct.post(
    "/embeddings",
    summary="Embed texts",
    response_model=EmbeddingList,
    responses=errors(*KEY_ERRORS, *BODY_ERRORS, *MODEL_ERRORS, TextTooLong, TextUnreadable),
    openapi_extra=header_parameters("X-Deadline-Ms"),
    dependencies=[json_body(EmbeddingRequest)],
)
async def embeddings(request: Request) -> Response:
    """A vector for each text. Key: inference."""
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    timeout_s, embedder = read_timeout(request), request.state.embedder
    texts_of = EmbeddingRequest.texts
    async with admitted(request, caller, EmbeddingRequest, texts_of, "input") as found:
        body, permit = found.body, found.permit
        texts = [found.mask(text).strip() or " " for text in body.texts()]
        permit.price(embedder.estimate_tokens(texts), None)
        release_slot(request)
        async with permit:
            work = embedder.embed(body.model, texts, caller.subject, timeout_s)
            vectors = await while_connected(request, work)
            permit.spend(vectors.tokens)
    return _json(_embedding_list(body, vectors))


async def _send(
    request: Request,
    found: Admitted[Any],
    resolved: ResolvedRequest,
    serializer: ChatCompletionSerializer,
) -> Response:
    """Answer once, or as often as was asked for."""
    body, responder = found.body, responder_of(request)
    if body.n == 1:
        return await responder.send(request, found, resolved, serializer, stream=body.stream)
    return await responder.send_choices(
        request, found, resolved, serializer, body.n, stream=body.stream
    )


def _embedding_list(body: EmbeddingRequest, found: Vectors) -> dict[str, object]:
    as_text = body.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": at, "embedding": _base64(row) if as_text else row}
        for at, row in enumerate(found.vectors)
    ]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return {"object": "list", "model": body.model, "data": data, "usage": usage}


def _fields(request: Request, body: CompletionOptions, sources_heading: str) -> CompletionFields:
    now_s = int(request.state.clock.now().timestamp())
    return CompletionFields(
        request.state.request_id, body.model, now_s, sources_heading, body.with_usage
    )


def _writes(card: ModelCard) -> bool:
    return not card.extractive


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "code-du-travail-neo"}


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _json(body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), headers=NO_STORE, media_type="application/json")
