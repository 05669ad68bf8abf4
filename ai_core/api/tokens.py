"""POST /tokenize and /detokenize, with the bodies of vLLM's routes of these names."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field, JsonValue

from ai_core.access.keys import Scope
from ai_core.api.admission import admitted
from ai_core.api.dependencies import gate_of
from ai_core.api.direct_routes import DirectRoute, json_body
from ai_core.api.openai_fields import ModelId, NullableBody
from ai_core.api.openai_messages import FreeText, RequestMessage, turn_of
from ai_core.api.openai_schemas import MAX_CHAT_MESSAGES
from ai_core.api.openapi import KEY_ERRORS, MODEL_ERRORS
from ai_core.api.responder import NO_STORE, while_connected
from ai_core.engines.base import ChatMessage, Prompt
from ai_core.errors import TextTooLong, TextUnreadable, Unsupported
from ai_core.models.contract import Models
from shared.ai.contract import Reply
from shared.web.openapi import BODY_ERRORS, KEY_SCHEMES, errors
from shared.web.problems import InvalidFields

direct = APIRouter(tags=["OpenAI"], dependencies=KEY_SCHEMES, route_class=DirectRoute)
MAX_TOKENS = 131_072
MAX_TOKEN_TEXTS = 2_048
TOKEN_ERRORS = errors(*KEY_ERRORS, *BODY_ERRORS, *MODEL_ERRORS, TextTooLong, TextUnreadable)


class TokenizeRequest(NullableBody):
    """A text or messages to tokenize."""

    model: ModelId
    """A model that writes."""
    prompt: FreeText | None = None
    """A text, without a chat template."""
    messages: list[RequestMessage] | None = Field(
        default=None, min_length=1, max_length=MAX_CHAT_MESSAGES
    )
    """Or messages, as the model's chat template writes them, with the beginning of its answer."""
    add_special_tokens: bool = True
    """Add the tokens that the model reads around a `prompt`."""
    return_token_strs: bool = False
    """Also return the text of each token, of at most 2,048."""
    add_generation_prompt: JsonValue = None
    """Accepted and not used."""
    continue_final_message: JsonValue = None
    """Accepted and not used: an assistant's last message is always continued."""

    def texts(self) -> list[str]:
        """Return the texts. Raises InvalidFields for none, or for both kinds."""
        if (self.prompt is None) == (self.messages is None):
            raise InvalidFields([{"type": "prompt_or_messages", "loc": ("prompt",)}])
        if self.prompt is not None:
            return [self.prompt]
        return [message.text for message in self.messages or ()]


class DetokenizeRequest(NullableBody):
    """Tokens to write as text."""

    model: ModelId
    """The model whose tokens they are."""
    tokens: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(max_length=MAX_TOKENS)
    """The ids of the tokens."""

    def texts(self) -> list[str]:
        """Return nothing: tokens are no text to mask."""
        return []


class TokenizeReply(Reply):
    """The tokens of a text."""

    count: int
    """Their number."""
    max_model_len: int
    """Tokens a prompt and its answer may have together."""
    tokens: list[int]
    """Their ids, of the text with personal data masked, as the model reads it."""
    token_strs: list[str] | None
    """Their texts; null unless asked for."""


class DetokenizeReply(Reply):
    """The text of tokens."""

    prompt: str
    """The text, control tokens spelled out."""


@direct.post(
    "/tokenize",
    summary="Tokenize a text",
    response_model=TokenizeReply,
    responses=TOKEN_ERRORS,
    dependencies=[json_body(TokenizeRequest)],
)
async def tokenize(request: Request) -> Response:
    """The tokens of a text or of messages, as a model reads them. Key: inference."""
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    texts_of = TokenizeRequest.texts
    async with admitted(request, caller, TokenizeRequest, texts_of, "prompt") as found:
        body, pool = found.body, request.state.pool
        turns: list[ChatMessage] = []
        if body.messages:
            *before, last = enumerate(body.messages)
            turns = [turn_of(at, one, body.model, found.mask) for at, one in before]
            turns.append(turn_of(*last, body.model, found.mask, whole=True))
        raw = None if body.prompt is None else found.mask(body.prompt)
        prompt = Prompt(tuple(turns), "", (), "fr", raw=raw)
        async with found.permit:
            reply = await while_connected(request, _tokenized(pool, body, prompt))
            found.permit.spend(0)
    return _json(reply)


@direct.post(
    "/detokenize",
    summary="Write tokens as text",
    response_model=DetokenizeReply,
    responses=TOKEN_ERRORS,
    dependencies=[json_body(DetokenizeRequest)],
)
async def detokenize(request: Request) -> Response:
    """The text of a model's tokens. Key: inference."""
    caller = await gate_of(request).identify(request, Scope.INFERENCE)
    texts_of = DetokenizeRequest.texts
    async with admitted(request, caller, DetokenizeRequest, texts_of, "tokens") as found:
        body, pool = found.body, request.state.pool
        async with found.permit:
            reply = await while_connected(request, _detokenized(pool, body))
            found.permit.spend(0)
    return _json(reply)


async def _tokenized(pool: Models, body: TokenizeRequest, prompt: Prompt) -> Reply:
    async with pool.lease(pool.card(body.model)) as engine:
        tokens = await engine.tokenize(prompt, special=body.add_special_tokens)
        texts = None
        if body.return_token_strs:
            if len(tokens) > MAX_TOKEN_TEXTS:
                raise Unsupported("too many tokens", model=body.model, feature="return_token_strs")
            texts = [await engine.detokenize([token]) for token in tokens]
        return TokenizeReply(
            count=len(tokens), max_model_len=engine.context_tokens, tokens=tokens, token_strs=texts
        )


async def _detokenized(pool: Models, body: DetokenizeRequest) -> Reply:
    async with pool.lease(pool.card(body.model)) as engine:
        return DetokenizeReply(prompt=await engine.detokenize(body.tokens))


def _json(body: Reply) -> Response:
    content = orjson.dumps(body.model_dump())
    return Response(content, headers=NO_STORE, media_type="application/json")


EXAMPLES: dict[str, dict[str, Any]] = {
    "TokenizeRequest": {"model": "small", "prompt": "Bonjour"},
    "TokenizeReply": {"count": 2, "max_model_len": 4096, "tokens": [1, 22], "token_strs": None},
    "DetokenizeRequest": {"model": "small", "tokens": [1, 22]},
    "DetokenizeReply": {"prompt": "<s>Bonjour"},
}
