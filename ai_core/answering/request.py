"""Resolves requests: model, date of law, cost, cache key, conversation."""

import secrets
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple, Protocol

from ai_core.answering.cache import AnswerInputs, CacheKey, cache_key
from ai_core.answering.conversations import ConversationStore, new_id
from ai_core.answering.flags import Flags, Variant
from ai_core.answering.prompts import Prompts
from ai_core.answering.question import Mask, Question, mask_here, read_chat, read_generate
from ai_core.answering.understanding.clarifications import Clarifications
from ai_core.answering.understanding.messages import understand
from ai_core.engines.base import Capabilities, ChatMessage, Sampling
from ai_core.errors import KnowledgeRequired, QueueFull, Unsupported
from ai_core.law.records import CorpusStatus
from ai_core.law.source import LawSource
from ai_core.models.contract import Models
from ai_core.models.registry import ModelCard
from ai_core.models.speeds import Size
from shared.ai.contract import MAX_NEW_TOKENS, ChatRequest, GenerateRequest
from shared.clock import Clock
from shared.languages import Language

CORPUS_STATUS_TTL_S = 1.0
MAX_REMEMBERED = 2_048
ANSWER_ID_BYTES = 12
"""Size of the cache of resolved requests: resolving one costs as much as a cached answer."""


@dataclass(frozen=True, slots=True)
class ConversationRef:
    """The conversation of a question, and its owner; `new`: this question begins it.

    `keep`: it was chosen that one which begins now is kept in Postgres.
    """

    id: str
    owner: str
    new: bool = True
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Requester:
    """The client of a request: language, scope of its key, `rate_limit_id` (also the owner of its
    conversations). `timeout_s` is the time within which the answer is useful; None: no limit.
    `keys` are the id and the name of its key.
    """

    language: Language
    scope: str
    rate_limit_id: str = ""
    timeout_s: float | None = None
    keys: tuple[str, ...] = ()


@dataclass(slots=True)
class TokenMeter:
    """Tokens that models have read and written for one request, whether or not it is answered."""

    tokens: int = 0


def new_answer_id() -> str:
    """Return an unguessable id of 96 random bits for an answer."""
    return secrets.token_urlsafe(ANSWER_ID_BYTES)


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A question with everything needed to answer it.

    `card` describes the model, which need not be in memory. `day` is the date of the law that
    applies. `cache_key` is None when the answer must not be cached. `size` is an estimate in
    tokens. `started_s` and `deadline_s` (None: no deadline) are on the clock. `fallback` is the
    same question to the model that answers when this one is unavailable. `meter` counts what models
    do for it. `answer_id` names the answer to whoever judges it. `variant`
    is what flags make of it.
    """

    question: Question
    card: ModelCard
    day: date
    law_date: date
    cache_key: CacheKey | None
    size: Size
    started_s: float
    rate_limit_id: str = ""
    deadline_s: float | None = None
    conversation: ConversationRef | None = None
    fallback: "ResolvedRequest | None" = None
    variant: Variant | None = None
    meter: TokenMeter = field(default_factory=TokenMeter, compare=False)
    answer_id: str = field(default_factory=new_answer_id, compare=False)

    @property
    def spent_tokens(self) -> int:
        """Return how many tokens the request has taken so far, its fallback's among them."""
        return self.meter.tokens + (self.fallback.spent_tokens if self.fallback else 0)

    @property
    def cost_tokens(self) -> int:
        """Return how many tokens to reserve for the answer."""
        return self.size.prompt_tokens + self.size.new_tokens


class _RequestKey(NamedTuple):
    """Everything the resolution of a request for one answer depends on, except caller and time.

    `fields` are the values of the request: they compare faster than the model does.
    """

    fields: tuple[object, ...]
    language: Language
    scope: str
    corpus_version: str
    day: date
    variant: Variant | None


class EntriesVersion(Protocol):
    """What tells which knowledge entries are in use."""

    @property
    def version(self) -> str:
        """Return a hash of the entries in use; another one where none can be matched."""
        ...

    async def current(self) -> object:
        """Look whether they changed. Raises CorpusMissing, QueueFull."""
        ...


class RequestResolver:
    """Resolves requests for the pipeline."""

    def __init__(
        self,
        library: LawSource,
        pool: Models,
        prompts: Prompts,
        conversations: ConversationStore,
        clarifications: Clarifications,
        clock: Clock,
        calculation_version: str = "",
        entries: EntriesVersion | None = None,
        flags: Flags | None = None,
    ) -> None:
        """`calculation_version`: of what calculations are made of; see `calculation/version.py`.

        `entries` tells the version of the knowledge entries in use; `flags` vary answers.
        """
        self._library = library
        self._pool = pool
        self._prompts = prompts
        self._conversations = conversations
        self._clarifications = clarifications
        self._clock = clock
        self._calculation_version = calculation_version
        self._entries = entries
        self._flags = flags
        self._corpus: tuple[float, CorpusStatus] | None = None
        self._resolved: OrderedDict[_RequestKey, ResolvedRequest] = OrderedDict()

    async def resolve_generate(
        self, request: GenerateRequest, requester: Requester, mask: Mask = mask_here
    ) -> ResolvedRequest:
        """Resolve a request for one answer, from the cache of resolved requests if possible.

        Raises UnknownModel, CorpusMissing, KnowledgeRequired, Unsupported, BadInput when nothing is
        asked.
        """
        if request.json_schema is not None:  # which cannot be part of a key
            question = read_generate(request, requester.language, mask)
            return await self.resolve(question, requester)
        corpus = await self._corpus_status()
        variant = self._variant(requester, None)
        key = _RequestKey(
            tuple(vars(request).values()),
            *(requester.language, requester.scope, self._law_version(corpus), self._clock.today()),
            variant,
        )
        known = self._resolved.get(key)
        if known and known.card is self._pool.card(request.model):
            self._resolved.move_to_end(key)
            return self._resolved_again(known, requester)
        question = read_generate(request, requester.language, mask)
        resolved = await self._resolve(question, requester, None, variant)
        if resolved.cache_key and question.text == request.prompt:  # nothing was masked
            self._resolved[key] = resolved
            if len(self._resolved) > MAX_REMEMBERED:
                self._resolved.popitem(last=False)
        return resolved

    async def resolve_chat(
        self, request: ChatRequest, requester: Requester, mask: Mask = mask_here
    ) -> ResolvedRequest:
        """Resolve the next turn; a stored conversation's turns replace those of the request.

        Without `store` the turns are read, and the exchange belongs to no conversation.

        Raises UnknownConversation when the requester has none by that id, and what
        `resolve_generate` raises.
        """
        question = read_chat(request, requester.language, mask)
        owner, known_id = requester.rate_limit_id, request.conversation_id
        if known_id:
            question = question.with_history(await self._conversations.recall(known_id, owner))
        if not request.store:
            variant = self._variant(requester, known_id)
            return await self._resolve(question, requester, None, variant)
        conversation = ConversationRef(
            known_id or new_id(), owner, new=known_id is None, keep=request.keep
        )
        return await self.resolve(question, requester, conversation)

    async def resolve(
        self, question: Question, requester: Requester, conversation: ConversationRef | None = None
    ) -> ResolvedRequest:
        """Resolve a parsed question. Raises what `resolve_generate` raises."""
        variant = self._variant(requester, conversation.id if conversation else None)
        return await self._resolve(question, requester, conversation, variant)

    def _variant(self, requester: Requester, conversation: str | None) -> Variant | None:
        if self._flags is None:
            return None
        return self._flags.variant(requester.keys, requester.rate_limit_id, conversation)

    async def _resolve(
        self,
        question: Question,
        requester: Requester,
        conversation: ConversationRef | None,
        variant: Variant | None,
    ) -> ResolvedRequest:
        corpus = await self._corpus_status()
        question = self._understood(question.in_its_language())
        resolved = self._with_model(question, requester, corpus, conversation, variant)
        if question.fallback and not resolved.card.extractive:
            other = replace(question, model=question.fallback, fallback=None)
            fallback = self._with_model(other, requester, corpus, conversation, variant)
            resolved = replace(resolved, fallback=fallback)
        return resolved

    def _understood(self, question: Question) -> Question:
        """Return the question with what it means after the turns before it."""
        if question.plain or not question.grounded:
            return question
        clarifications, today = self._clarifications, self._clock.today()
        understood = understand(
            question.text, question.history, clarifications, today, question.profile
        )
        return replace(question, understood=understood)

    def _with_model(
        self,
        question: Question,
        requester: Requester,
        corpus: CorpusStatus,
        conversation: ConversationRef | None,
        variant: Variant | None,
    ) -> ResolvedRequest:
        card = self._pool.card(question.model)
        if card.extractive and not question.grounded:
            raise KnowledgeRequired(model=card.id)
        if card.capabilities:
            require_capabilities(card.id, card.capabilities, question, extractive=card.extractive)
        day = question.as_of or self._clock.today()
        now_s = self._clock.elapsed_s()
        question = _within_context(question, card.context_tokens or MAX_NEW_TOKENS)
        return ResolvedRequest(
            question,
            card,
            day,
            corpus.law_date,
            None
            if question.tool_use
            else cache_key(self._inputs(question, card, requester.scope, corpus, day, variant)),
            (variant.prompts if variant else self._prompts).estimate(question),
            now_s,
            requester.rate_limit_id,
            None if requester.timeout_s is None else now_s + requester.timeout_s,
            conversation,
            variant=variant,
        )

    def _inputs(
        self,
        question: Question,
        card: ModelCard,
        scope: str,
        corpus: CorpusStatus,
        day: date,
        variant: Variant | None,
    ) -> AnswerInputs:
        sampling = question.sampling
        if card.extractive:
            sampling = Sampling(max_tokens=0)
        return AnswerInputs(
            question=question.text,
            model=card.id,
            weights=card.weights,
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            prompt_version=self._prompts.version,
            corpus_version=corpus.index_version,
            language=question.language,
            scope=scope,
            writing=(
                *(sampling.top_k, sampling.min_p, sampling.repetition_penalty, sampling.seed),
                *(sampling.stop, sampling.json_schema, sampling.top_logprobs),
                *(sampling.presence_penalty, sampling.frequency_penalty, sampling.logit_bias),
                *((question.text, question.raw, question.role) if question.plain else ()),
                *((self._calculation_version,) if question.search.case else ()),
                *((question.frame,) if question.frame else ()),
                *((self._entries.version,) if self._entries and question.grounded else ()),
                *(variant.changes if variant else ()),
            ),
            knowledge=question.grounded,
            agreement=question.agreement,
            as_of=day,
            turns=tuple(_line_of(turn) for turn in question.history),
            profile=question.search.profile.model_dump_json(exclude_defaults=True),
        )

    def _law_version(self, corpus: CorpusStatus) -> str:
        """Return what an answer depends on, besides the question and the day."""
        return f"{corpus.index_version} {self._entries.version if self._entries else ''}"

    def _resolved_again(self, known: ResolvedRequest, requester: Requester) -> ResolvedRequest:
        """Return a cached resolved request for this requester and the present time."""
        now_s = self._clock.elapsed_s()
        return replace(
            known,
            started_s=now_s,
            rate_limit_id=requester.rate_limit_id,
            deadline_s=None if requester.timeout_s is None else now_s + requester.timeout_s,
            fallback=known.fallback and self._resolved_again(known.fallback, requester),
            meter=TokenMeter(),
            answer_id=new_answer_id(),
        )

    async def _corpus_status(self) -> CorpusStatus:
        """Return the corpus in service, read once a second: cached answers need not wait for it."""
        now_s = self._clock.elapsed_s()
        if self._corpus is None:
            self._corpus = (now_s, await self._law_status())
        elif now_s - self._corpus[0] >= CORPUS_STATUS_TTL_S:
            # One request reads; the others go on with the status known and do not wait for it.
            self._corpus = (now_s, self._corpus[1])
            with suppress(QueueFull):
                self._corpus = (now_s, await self._law_status())
        return self._corpus[1]

    async def _law_status(self) -> CorpusStatus:
        status = await self._library.status()
        if self._flags:
            await self._flags.refresh()
        if self._entries:
            await self._entries.current()
        return status


def _within_context(question: Question, context_tokens: int) -> Question:
    """Return the question with `max_tokens` cut to the context: nobody pays for more."""
    sampling = question.sampling
    if sampling.max_tokens <= context_tokens:
        return question
    return replace(question, sampling=replace(sampling, max_tokens=context_tokens))


def _line_of(turn: ChatMessage) -> str:
    calls = [(call.name, call.arguments) for call in turn.tool_calls]
    return f"{turn.role}: {turn.content}{calls or ''}"


def require_capabilities(
    model: str, capabilities: Capabilities, question: Question, *, extractive: bool = False
) -> None:
    """Raise Unsupported for the first requested feature that the model lacks."""
    sampling = question.sampling
    able = {
        "tools": capabilities.tools is not None or question.tool_use is None,
        "json_schema": capabilities.json_schema or sampling.json_schema is None,
        "logprobs": capabilities.logprobs or sampling.top_logprobs is None,
        "stop": not (extractive and sampling.stop),
        "presence_penalty": not (extractive and sampling.presence_penalty),
        "frequency_penalty": not (extractive and sampling.frequency_penalty),
        "logit_bias": not (extractive and sampling.logit_bias),
    }
    for feature, can in able.items():
        if not can:
            raise Unsupported(f"{model} has no {feature}", model=model, feature=feature)
