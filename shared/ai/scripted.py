"""A fake ai_core with scripted answers, over the real contract: for tests, benches and demos.

It is an ASGI application: in process through a transport, or on loopback with uvicorn. It has no
corpus and validates only the schema of a request.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from shared.ai.contract import (
    AgreementReply,
    AgreementsReply,
    AgreementTaken,
    AnswerSection,
    ArticleReply,
    ChatReply,
    ChatRequest,
    Citation,
    Clarification,
    CorpusHealth,
    EntriesHealth,
    FeedbackRequest,
    GenerateReply,
    HealthReply,
)
from shared.languages import Language, language_of, preferred_language

USAGE_FIELDS = {
    "model", "tokens_used", "processing_time", "notice",
    "summary", "sections", "suggestions", "clarification", "agreement", "language", "answer_id",
}  # fmt: skip
MODELS = ["extractive", "petit"]
NOTICE = "Information donnée par une IA, sans valeur de conseil juridique."
CORPUS_DATE = date(2026, 11, 1)
ANSWER_ID = "scripted-answer-1"
SOURCE = Citation(
    kind="article",
    id="LEGIARTI000000000001",
    number="L9999-1",
    title="Article L9999-1",
    url="https://www.legifrance.gouv.fr/codes/article_lc/LEGIARTI000000000001",
    quote="Un article inventé pour les essais.",
    in_force_since=date(2020, 1, 1),
    status="verified",
)


AGREEMENTS = tuple(
    AgreementReply(idcc=idcc, title=title, held=held, url="https://www.legifrance.gouv.fr/")
    for idcc, title, held in (
        ("1486", "Convention inventée des bureaux (Syntec)", True),
        ("0016", "Convention inventée des transports", True),
        ("0843", "Convention inventée des boulangeries", False),
    )
)
"""Those that are known; `held` says whether their text would be here."""


@dataclass(frozen=True)
class ScriptedShape:
    """What a reply holds beside its text, as in `GenerateReply`."""

    summary: str = ""
    sections: tuple[AnswerSection, ...] = ()
    suggestions: tuple[str, ...] = ()
    clarification: Clarification | None = None
    agreement: AgreementTaken | None = None


@dataclass
class AiScript:
    """The next answers; it may be changed while the application runs.

    A `status` other than 200 is the response to everything; `pause_s` precedes each piece of a
    stream, `erase_pause_s` each erasure; `die_after` aborts a stream after so many pieces.
    """

    answer: str = "La réponse est dans l'article L9999-1 [1]."
    piece_characters: int = 12
    pause_s: float = 0.0
    erase_pause_s: float = 0.0
    status: int = 200
    die_after: int | None = None
    queued: dict[int, tuple[int, float | None]] = field(default_factory=dict)
    """Before which pieces of a stream a place in line is told, with its seconds."""
    citations: tuple[Citation, ...] = (SOURCE,)
    shape: ScriptedShape = field(default_factory=ScriptedShape)
    echo: bool = False
    """Begin the answer with the question: tests tell answers apart by it."""


@dataclass
class ScriptedAi:
    """The application, and the requests it received."""

    script: AiScript = field(default_factory=AiScript)
    asked: list[ChatRequest] = field(default_factory=list)
    judged: list[FeedbackRequest] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    erasures_begun: int = 0
    idempotency_keys: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    """Where each question and each verdict came from."""
    request_ids: list[str] = field(default_factory=list)
    hung_up: int = 0
    conversations: int = 0
    preferred: Language = "fr"

    @property
    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/api/v1/chat", self._chat, methods=["POST"]),
                Route("/api/v1/generate", self._generate, methods=["POST"]),
                Route("/api/v1/feedback", self._feedback, methods=["POST"]),
                Route("/api/v1/models", self._models),
                Route("/api/v1/health", self._health),
                Route("/api/v1/articles/{number}", self._article),
                Route("/api/v1/agreements", self._agreements),
                Route("/api/v1/conversations/{name}", self._erase, methods=["DELETE"]),
            ]
        )

    async def _feedback(self, request: Request) -> Response:
        if self.script.status != 200:
            return problem(self.script.status)
        try:
            self.judged.append(FeedbackRequest.model_validate_json(await request.body()))
        except ValidationError:
            return problem(422)
        self.channels.append(request.headers.get("x-channel", ""))
        return Response(status_code=204)

    async def _chat(self, request: Request) -> Response:
        if self.script.status != 200:
            return problem(self.script.status)
        try:
            chat = ChatRequest.model_validate_json(await request.body())
        except ValidationError:
            return problem(422)
        except ClientDisconnect:
            return Response(status_code=499)
        self.asked.append(chat)
        self.channels.append(request.headers.get("x-channel", ""))
        self.preferred = preferred_language(request.headers.get("accept-language"))
        self.request_ids.append(request.headers.get("x-request-id", ""))
        self.idempotency_keys.append(request.headers.get("idempotency-key", ""))
        name = None
        if chat.store:
            self.conversations += 1
            name = chat.conversation_id or f"scripted-{self.conversations:08}"
        if chat.stream:
            return StreamingResponse(self._pieces(chat, name), media_type="text/event-stream")
        await asyncio.sleep(self.script.pause_s)
        reply = ChatReply(**self._reply(chat).model_dump(), conversation_id=name)
        return Response(reply.model_dump_json(), media_type="application/json")

    async def _generate(self, request: Request) -> Response:
        if self.script.status != 200:
            return problem(self.script.status)
        self.idempotency_keys.append(request.headers.get("idempotency-key", ""))
        reply = self._reply(None)
        return Response(reply.model_dump_json(), media_type="application/json")

    def _reply(self, chat: ChatRequest | None) -> GenerateReply:
        return GenerateReply(
            response=self._text(chat),
            model=(chat and chat.model) or "extractive",
            tokens_used=10,
            processing_time=0.01,
            timestamp=datetime.now(UTC),
            citations=list(self.script.citations),
            summary=self.script.shape.summary,
            sections=list(self.script.shape.sections),
            suggestions=list(self.script.shape.suggestions),
            clarification=self.script.shape.clarification,
            agreement=self.script.shape.agreement,
            language=self._language(chat),
            corpus_date=CORPUS_DATE,
            notice=NOTICE,
            answer_id=ANSWER_ID,
        )

    def _language(self, chat: ChatRequest | None) -> str:
        return language_of(chat.messages[-1].content, self.preferred) if chat else "fr"

    def _text(self, chat: ChatRequest | None) -> str:
        if chat and self.script.echo:
            return f"« {chat.messages[-1].content} » : {self.script.answer}"
        return self.script.answer

    async def _pieces(self, chat: ChatRequest, name: str | None) -> AsyncIterator[bytes]:
        text, size = self._text(chat), self.script.piece_characters
        whole = False
        try:
            for number, start in enumerate(range(0, len(text), size)):
                if number == self.script.die_after:
                    return
                if number in self.script.queued:
                    position, wait_s = self.script.queued[number]
                    yield event("queue", {"position": position, "wait_s": wait_s})
                await asyncio.sleep(self.script.pause_s)
                yield event("", {"delta": text[start : start + size]})
            yield event("citations", [c.model_dump(mode="json") for c in self.script.citations])
            usage = self._reply(chat).model_dump(mode="json", include=USAGE_FIELDS)
            ends = {"conversation_id": name, "corpus_date": str(CORPUS_DATE), "abstained": None}
            yield event("usage", usage | ends)
            yield b"data: [DONE]\n\n"
            whole = True
        finally:
            self.hung_up += not whole

    async def _models(self, _request: Request) -> Response:
        cards = [
            {"id": name, "format": kind, "state": "loaded", "default": name == MODELS[0]}
            for name, kind in zip(MODELS, ("built-in", "gguf"), strict=True)
        ]
        return JSONResponse({"models": cards})

    async def _health(self, _request: Request) -> Response:
        if self.script.status != 200:
            return problem(self.script.status)
        law = CorpusHealth(
            law_date=CORPUS_DATE,
            age_days=0,
            articles=1,
            fiches=0,
            agreements=0,
            semantic=False,
            update_failing=False,
        )
        entries = EntriesHealth(in_use=0, matched=False)
        health = HealthReply(status="ok", corpus=law, entries=entries, redis="up", models=MODELS)
        return Response(health.model_dump_json(), media_type="application/json")

    async def _article(self, request: Request) -> Response:
        number = request.path_params["number"]
        if number != SOURCE.number:
            return problem(404)
        article = ArticleReply(
            number=number,
            id=SOURCE.id,
            title=SOURCE.title,
            section_path=["Partie inventée", "Livre inventé"],
            text="Un article inventé pour les essais. Il ne dit rien de plus.",
            in_force_since=date(2020, 1, 1),
            url=SOURCE.url,
            cited_by_fiches=[],
        )
        return Response(article.model_dump_json(), media_type="application/json")

    async def _agreements(self, request: Request) -> Response:
        if self.script.status != 200:
            return problem(self.script.status)
        words = request.query_params["q"].casefold()
        meant = [one for one in AGREEMENTS if words == one.idcc or words in one.title.casefold()]
        reply = AgreementsReply(
            agreement=meant[0] if len(meant) == 1 else None, near=meant if len(meant) > 1 else []
        )
        return Response(reply.model_dump_json(), media_type="application/json")

    async def _erase(self, request: Request) -> Response:
        if self.script.status != 200:
            return problem(self.script.status)
        self.erasures_begun += 1
        await asyncio.sleep(self.script.erase_pause_s)
        self.erased.append(request.path_params["name"])
        return Response(status_code=204)


def event(name: str, data: object) -> bytes:
    """Return one server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


def problem(status: int) -> Response:
    """Return a problem document as ai_core writes them."""
    codes = {404: "not_found", 422: "invalid_request", 429: "over_quota", 503: "unavailable"}
    body = {"status": status, "code": codes.get(status, "internal_error"), "detail": "Une phrase."}
    headers = {"Retry-After": "1"} if status in {429, 503} else {}
    return JSONResponse(body, status, headers, "application/problem+json")
