"""What must be known of a question before it is answered: model, day, cost, cache, conversation."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from ai_core.answering.cache import Asked, cache_key
from ai_core.answering.conversations import Conversations, new_id
from ai_core.answering.prompts import Prompts
from ai_core.answering.question import Question, read_chat, read_generate
from ai_core.engines.base import Capabilities, ChatMessage, Sampling
from ai_core.errors import KnowledgeRequired, QueueFull, Unsupported
from ai_core.law.records import CorpusStatus
from ai_core.law.source import LawSource
from ai_core.models.pool import ModelPool
from ai_core.models.registry import ModelCard
from ai_core.models.speeds import Size
from shared.ai.contract import ChatRequest, GenerateRequest
from shared.clock import Clock
from shared.errors import BadInput
from shared.languages import Language

LAW_LOOKED_AT_EVERY_S = 1.0
MOST_READ = 2_048  # questions remembered as read; reading one costs as much as a cached answer


@dataclass(frozen=True, slots=True)
class Conversation:
    """Which conversation a question belongs to, and whose it is."""

    id: str
    owner: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: their language, what their key opens, whose limits and conversations are theirs.

    `patience_s` is for how long the answer is of use to them; None: for however long it takes.
    """

    language: Language
    scope: str
    subject: str = ""
    patience_s: float | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question, decided.

    `card` is of the model that answers, which need not be in memory. `day` is the day whose law is
    asked for. `cache_key` is None when the answer must not be kept. `size` is a guess of what the
    answer takes; `started_s` is when it was asked, `deadline_s` when it is of no use any more, both
    on the clock. `fallback` is the same question to the model that answers when this one cannot.
    """

    question: Question
    card: ModelCard
    day: date
    law_date: date
    cache_key: str | None
    size: Size
    started_s: float
    subject: str = ""
    deadline_s: float | None = None
    conversation: Conversation | None = None
    fallback: "Inquiry | None" = None

    @property
    def cost_tokens(self) -> int:
        """Return what to reserve for the answer."""
        return self.size.prompt_tokens + self.size.new_tokens


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

    async def read(self, request: GenerateRequest, asker: Asker) -> Inquiry:
        """Read a request for one answer.

        Raises UnknownModel, CorpusMissing, KnowledgeRequired, Unsupported, BadInput when nothing is
        asked.
        """
        question_of = partial(read_generate, request, asker.language)
        if request.json_schema is not None:
            return await self.decide(question_of(), asker)
        law = await self._law_in_service()
        card, day = self._pool.card(request.model), self._clock.today()
        asked = (*vars(request).values(), asker.language, asker.scope, law.edition, day)
        known = self._read.get(asked)
        if known and known.card is card:
            return self._asked_again(known, asker)
        question = question_of()
        inquiry = await self.decide(question, asker)
        if inquiry.cache_key and question.text == request.prompt:  # nothing had to be masked
            if len(self._read) >= MOST_READ:
                self._read.clear()
            self._read[asked] = inquiry
        return inquiry

    async def read_chat(self, request: ChatRequest, asker: Asker) -> Inquiry:
        """Read a request for the next turn; a conversation's own turns replace those sent along.

        Raises UnknownConversation when the asker has none by that id, and what `read` raises.
        """
        question = read_chat(request, asker.language)
        conversation = Conversation(request.conversation_id or new_id(), asker.subject)
        if request.conversation_id:
            turns = await self._conversations.recall(conversation.id, asker.subject)
            question = question.after(turns)
        return await self.decide(question, asker, conversation)

    async def decide(
        self, question: Question, asker: Asker, conversation: Conversation | None = None
    ) -> Inquiry:
        """Decide on a question that was read already. Raises what `read` raises."""
        if not question.text:
            raise BadInput("nothing but invisible characters")
        law = await self._law_in_service()
        inquiry = self._decided(question, asker, law, conversation)
        if question.fallback and not inquiry.card.extractive:
            other = replace(question, model=question.fallback, fallback=None)
            fallback = self._decided(other, asker, law, conversation)
            inquiry = replace(inquiry, fallback=fallback)
        return inquiry

    def _decided(
        self,
        question: Question,
        asker: Asker,
        law: CorpusStatus,
        conversation: Conversation | None,
    ) -> Inquiry:
        card = self._pool.card(question.model)
        if card.extractive and not question.grounded:
            raise KnowledgeRequired(model=card.id)
        if card.capabilities:
            require_capabilities(
                card.id, card.capabilities, question.sampling, extractive=card.extractive
            )
        day = question.as_of or self._clock.today()
        now_s = self._clock.elapsed_s()
        return Inquiry(
            question,
            card,
            day,
            law.law_date,
            cache_key(self._asked(question, card, asker.scope, law, day)),
            self._prompts.guess(question),
            now_s,
            asker.subject,
            None if asker.patience_s is None else now_s + asker.patience_s,
            conversation,
        )

    def _asked(
        self, question: Question, card: ModelCard, scope: str, law: CorpusStatus, day: date
    ) -> Asked:
        sampling = question.sampling
        if card.extractive:
            sampling = Sampling(max_tokens=0)
        return Asked(
            question=question.text,
            model=card.id,
            weights=card.weights,
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            prompt_version=self._prompts.version,
            corpus_version=law.edition,
            language=question.language,
            scope=scope,
            writing=(
                *(sampling.top_k, sampling.min_p, sampling.repetition_penalty, sampling.seed),
                *(sampling.stop, sampling.json_schema, sampling.top_logprobs),
                *((question.text, question.raw) if question.plain else ()),
            ),
            knowledge=question.grounded,
            agreement=question.agreement,
            as_of=day,
            turns=tuple(_said(turn) for turn in question.earlier),
        )

    def _asked_again(self, known: Inquiry, asker: Asker) -> Inquiry:
        """Return a question read before, as this asker's of now."""
        now_s = self._clock.elapsed_s()
        return replace(
            known,
            started_s=now_s,
            subject=asker.subject,
            deadline_s=None if asker.patience_s is None else now_s + asker.patience_s,
            fallback=known.fallback and self._asked_again(known.fallback, asker),
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


def _said(turn: ChatMessage) -> str:
    return f"{turn.role}: {turn.content}"


def require_capabilities(
    model: str, capabilities: Capabilities, sampling: Sampling, *, extractive: bool = False
) -> None:
    """Raise Unsupported for the first thing asked of a model that it cannot do."""
    able = {
        "json_schema": capabilities.json_schema or sampling.json_schema is None,
        "logprobs": capabilities.logprobs or sampling.top_logprobs is None,
        "stop": not (extractive and sampling.stop),
    }
    for feature, can in able.items():
        if not can:
            raise Unsupported(f"{model} has no {feature}", model=model, feature=feature)
