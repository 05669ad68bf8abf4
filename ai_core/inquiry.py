"""What must be known of a question before it is answered: model, day, cost, cache, conversation."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

from ai_core.cache import Asked, cache_key
from ai_core.conversations import Conversations, new_id
from ai_core.engines.base import Engine, Turn
from ai_core.errors import KnowledgeRequired, QueueFull
from ai_core.law import CorpusStatus
from ai_core.law_source import LawSource
from ai_core.pool import ModelPool
from ai_core.prompts import Prompts
from ai_core.question import Question, read_chat, read_generate
from shared.ai_api import ChatRequest, GenerateRequest
from shared.clock import Clock
from shared.errors import BadInput
from shared.languages import Language

LAW_LOOKED_AT_EVERY_S = 1.0
MOST_READ = 2_048  # questions remembered as read; reading one costs as much as a cached answer
GROUNDING_TOKENS = 2_000  # what rules and passages usually add to a question


@dataclass(frozen=True, slots=True)
class Conversation:
    """Which conversation a question belongs to, and whose it is."""

    id: str
    owner: str


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question, decided.

    `day` is the day whose law is asked for. `cache_key` is None when the answer must not be kept.
    `cost_tokens` is what the answer may take; `started_s` is when it was asked.
    """

    question: Question
    engine: Engine
    day: date
    law_date: date
    cache_key: str | None
    cost_tokens: int
    started_s: float
    conversation: Conversation | None = None


class Inquiries:
    """Reads requests."""

    def __init__(
        self,
        library: LawSource,
        pool: ModelPool,
        prompts: Prompts,
        conversations: Conversations,
        clock: Clock,
    ) -> None:
        self._library = library
        self._pool = pool
        self._prompts = prompts
        self._conversations = conversations
        self._clock = clock
        self._law: tuple[float, CorpusStatus] | None = None
        self._read: dict[tuple[object, ...], Inquiry] = {}

    async def read(self, request: GenerateRequest, language: Language, scope: str) -> Inquiry:
        """Read a request for one answer; `scope` is the caller's, across which nothing is shared.

        Raises UnknownModel, CorpusMissing, KnowledgeRequired, BadInput when nothing is asked.
        """
        law = await self._law_in_service()
        engine, day = self._pool.get(request.model), self._clock.today()
        asked = (*vars(request).values(), language, scope, law.edition, day)
        known = self._read.get(asked)
        if known and known.engine is engine:
            return replace(known, started_s=self._clock.elapsed_s())
        question = read_generate(request, language)
        inquiry = await self._decide(question, scope, None)
        if inquiry.cache_key and question.text == request.prompt:  # nothing had to be masked
            if len(self._read) >= MOST_READ:
                self._read.clear()
            self._read[asked] = inquiry
        return inquiry

    async def read_chat(
        self, request: ChatRequest, language: Language, scope: str, owner: str
    ) -> Inquiry:
        """Read a request for the next turn; a conversation's own turns replace those sent along.

        Raises UnknownConversation when `owner` has none by that id, and what `read` raises.
        """
        question = read_chat(request, language)
        conversation = Conversation(request.conversation_id or new_id(), owner)
        if request.conversation_id:
            turns = await self._conversations.recall(conversation.id, owner)
            question = question.after(turns)
        return await self._decide(question, scope, conversation)

    async def _decide(
        self, question: Question, scope: str, conversation: Conversation | None
    ) -> Inquiry:
        if not question.text:
            raise BadInput("nothing but invisible characters")
        engine = self._pool.get(question.model)
        if engine.quotes and not question.grounded:
            raise KnowledgeRequired(model=engine.name)
        law = await self._law_in_service()
        day = question.as_of or self._clock.today()
        sampling = question.sampling
        asked = Asked(
            question=question.text,
            model=engine.name,
            weights=engine.weights,
            max_tokens=0 if engine.quotes else sampling.max_tokens,
            temperature=0.0 if engine.quotes else sampling.temperature,
            top_p=1.0 if engine.quotes else sampling.top_p,
            prompt_version=self._prompts.version,
            corpus_version=law.edition,
            language=question.language,
            scope=scope,
            knowledge=question.grounded,
            agreement=question.agreement,
            as_of=day,
            turns=tuple(_said(turn) for turn in question.earlier),
        )
        return Inquiry(
            question,
            engine,
            day,
            law.law_date,
            cache_key(asked),
            engine.count_tokens(question.text) + GROUNDING_TOKENS + sampling.max_tokens,
            self._clock.elapsed_s(),
            conversation,
        )

    async def _law_in_service(self) -> CorpusStatus:
        """Return the corpus, looked at once a second: a cached answer need not wait for it."""
        now_s = self._clock.elapsed_s()
        if self._law is None:
            self._law = (now_s, await self._library.status())
        elif now_s - self._law[0] >= LAW_LOOKED_AT_EVERY_S:
            self._law = (now_s, self._law[1])  # one question looks; the others do not wait for it
            with suppress(QueueFull):
                self._law = (now_s, await self._library.status())
        return self._law[1]


def _said(turn: Turn) -> str:
    return f"{turn.role}: {turn.content}"
