"""POST /v1/rerank, with the bodies of Jina's and Cohere's routes of this name."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field, JsonValue

from ai_core.access.keys import Scope
from ai_core.api.admission import admitted
from ai_core.api.dependencies import gate_of, read_timeout
from ai_core.api.direct_routes import DirectRoute, json_body, release_slot
from ai_core.api.openai_fields import ASSISTANT, ModelId, NullableBody
from ai_core.api.openai_messages import FreeText
from ai_core.api.openapi import KEY_ERRORS, MODEL_ERRORS
from ai_core.api.responder import NO_STORE, while_connected
from ai_core.errors import CorpusMissing, TextTooLong, TextUnreadable, Unsupported
from ai_core.law.source import LawSource
from shared.ai.contract import Reply
from shared.web.openapi import BODY_ERRORS, KEY_SCHEMES, errors, header_parameters

direct = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=KEY_SCHEMES, route_class=DirectRoute)
MAX_DOCUMENTS = 256
Matrix = npt.NDArray[np.float32]


class Document(NullableBody):
    """A document."""

    text: FreeText
    """Its text."""


class RerankRequest(NullableBody):
    """Texts to order by their relevance to a question."""

    model: ModelId = ASSISTANT
    """A model that embeds, or `cdt-assistant`: the multilingual encoder of the law's search."""
    query: FreeText = Field(min_length=1)
    """The question."""
    documents: list[FreeText | Document] = Field(min_length=1, max_length=MAX_DOCUMENTS)
    """The texts, at most 256."""
    top_n: int | None = Field(default=None, ge=1)
    """How many to return; null: all."""
    return_documents: bool = False
    """Return the texts too."""
    user: JsonValue = None
    """Accepted and not used."""

    def texts(self) -> list[str]:
        """Return the question, then the documents."""
        return [self.query, *(one if isinstance(one, str) else one.text for one in self.documents)]


class RankedDocument(Reply):
    """A document and its relevance."""

    index: int
    """Its place among the documents sent."""
    relevance_score: float
    """From 0 to 1: (1 + the cosine of the two embeddings) / 2."""
    document: dict[str, str] | None = None
    """Its `text`, with personal data masked; absent unless asked for."""


class RerankUsage(Reply):
    """Tokens of a request."""

    total_tokens: int
    """Tokens read, estimated for `cdt-assistant`."""


class RerankReply(Reply):
    """The documents, the most relevant first."""

    id: str
    """Id of the request."""
    model: str
    """The model asked for."""
    scored_by: Literal["law_encoder", "model_embeddings"]
    """What the scores are by. Not in Jina's API."""
    results: list[RankedDocument]
    """The most relevant first."""
    usage: RerankUsage
    """Tokens used."""


@direct.post(
    "/rerank",
    summary="Order texts by relevance",
    response_model=RerankReply,
    responses=errors(
        *KEY_ERRORS,
        *BODY_ERRORS,
        *MODEL_ERRORS,
        TextTooLong,
        TextUnreadable,
        CorpusMissing,
    ),
    openapi_extra=header_parameters("X-Deadline-Ms"),
    dependencies=[json_body(RerankRequest)],
)
async def rerank(request: Request) -> Response:
    """Texts in the order of their relevance to a question. Key: inference.

    Question and texts are embedded apart and compared by cosine: by the named model, or with
    `cdt-assistant` by the encoder that the law's search uses, in more than fifty languages.
    """
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    timeout_s, embedder = read_timeout(request), request.state.embedder
    texts_of = RerankRequest.texts
    async with admitted(request, caller, RerankRequest, texts_of, "documents") as found:
        body, permit = found.body, found.permit
        texts = [found.mask(text).strip() or " " for text in body.texts()]
        tokens = embedder.estimate_tokens(texts)
        permit.price(tokens, None)
        release_slot(request)
        async with permit:
            if body.model == ASSISTANT:
                vectors = await while_connected(request, _meanings(request.state.library, texts))
            else:
                work = embedder.embed(body.model, texts, caller.subject, timeout_s)
                embedded = await while_connected(request, work)
                vectors, tokens = np.asarray(embedded.vectors, np.float32), embedded.tokens
            permit.spend(tokens)
    reply = _reply(request.state.request_id, body, texts[1:], vectors, tokens)
    content = orjson.dumps(reply.model_dump(exclude_none=True))
    return Response(content, headers=NO_STORE, media_type="application/json")


async def _meanings(library: LawSource, texts: Sequence[str]) -> Matrix:
    """Return a vector of each text. Raises Unsupported where the encoder is not installed."""
    vectors: list[Matrix] = []
    for text in texts:
        meaning = await library.meaning(text)
        if meaning is None:
            raise Unsupported("the encoder is not installed", model=ASSISTANT, feature="model")
        vectors.append(meaning)
    return np.stack(vectors)


def _reply(
    request_id: str, body: RerankRequest, texts: Sequence[str], vectors: Matrix, tokens: int
) -> RerankReply:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1)
    scores = np.clip((1 + unit[1:] @ unit[0]) / 2, 0, 1)
    best = np.argsort(-scores, kind="stable")[: body.top_n]
    return RerankReply(
        id=f"rerank-{request_id}",
        model=body.model,
        scored_by="law_encoder" if body.model == ASSISTANT else "model_embeddings",
        results=[
            RankedDocument(
                index=int(at),
                relevance_score=round(float(scores[at]), 6),
                document={"text": texts[at]} if body.return_documents else None,
            )
            for at in best
        ],
        usage=RerankUsage(total_tokens=tokens),
    )


EXAMPLES: dict[str, dict[str, Any]] = {
    "RerankRequest": {
        "model": ASSISTANT,
        "query": "Quel préavis pour une démission ?",
        "documents": ["La durée du préavis de démission …", "Les congés payés …"],
    },
    "RerankReply": {
        "id": "rerank-5f1c",
        "model": ASSISTANT,
        "scored_by": "law_encoder",
        "results": [
            {"index": 0, "relevance_score": 0.87},
            {"index": 1, "relevance_score": 0.55},
        ],
        "usage": {"total_tokens": 24},
    },
}
