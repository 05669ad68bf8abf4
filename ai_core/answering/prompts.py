"""Builds prompts within a token budget: rules, earlier turns, passages, question.

The texts are in prompts/*.md, one file per task and language. Passages and questions are data: they
are enclosed in tags that their own text cannot close.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from string import Template

from ai_core.answering.delimiters import enclosed
from ai_core.answering.question import Question
from ai_core.engines.base import ChatMessage, Engine, Prompt
from ai_core.engines.extractive.relevant import relevant_runs
from ai_core.errors import ContextOverflow
from ai_core.law.records import Passage, SearchResult
from ai_core.law.titles import title_of
from ai_core.models.speeds import Size
from ai_core.settings import PASSAGE_TOKENS
from shared.languages import LANGUAGES, Language

FOLDER = Path(__file__).parent / "prompts"
TASKS = ("rules", "question", "unaided")
_TURN_MARGIN_TOKENS = 8  # what a chat template writes around a turn
RULES_TOKENS = 350
CHARS_A_TOKEN = 3
PASSAGE_CHARS = 700


class Prompts:
    """The prompt templates.

    `version` changes whenever they may change an answer. At most `passage_tokens` of a prompt are
    passages: a CPU prefills a few hundred tokens a second, before the first token of the answer.
    """

    def __init__(self, files: Mapping[tuple[str, Language], str], passage_tokens: int) -> None:
        self._files = {
            name: tuple(Template(part.lstrip()) for part in text.strip().partition("$question"))
            for name, text in files.items()
        }
        self._sources = dict(files)
        self._passage_tokens = passage_tokens
        content = "\0".join(f"{name}\0{text}" for name, text in sorted(files.items()))
        self.version = hashlib.sha256(f"{content}\0{passage_tokens}".encode()).hexdigest()[:12]

    @classmethod
    def read(cls, folder: Path = FOLDER, *, passage_tokens: int = PASSAGE_TOKENS) -> "Prompts":
        """Read every task in every language; a missing file is an error."""
        files = {
            (task, language): (folder / f"{task}.{language}.md").read_text(encoding="utf-8")
            for task in TASKS
            for language in LANGUAGES
        }
        return cls(files, passage_tokens)

    def varied(self, files: Mapping[tuple[str, str], str], passage_tokens: int) -> "Prompts":
        """Return prompts of which `files` stand in for some, with another limit of passages."""
        names = self._sources
        return Prompts({name: files.get(name, names[name]) for name in names}, passage_tokens)

    def estimate(self, question: Question) -> Size:
        """Estimate the size of the prompt and the answer, without the model's tokenizer."""
        characters = sum(len(turn.content) for turn in question.history) + len(question.text)
        characters += sum(map(len, _tool_texts(question)))
        context_tokens = self._passage_tokens + RULES_TOKENS if question.grounded else 0
        return Size(characters // CHARS_A_TOKEN + context_tokens, question.sampling.max_tokens)

    async def assemble(
        self, question: Question, found: SearchResult, engine: Engine
    ) -> tuple[Prompt, Size]:
        """Build the prompt: the best passages, then as many of the latest turns as still fit.

        An engine that quotes reads all passages and no turns; a plain question keeps all its turns.
        `max_tokens` beyond the context is cut to what the prompt leaves of it. Raises
        ContextOverflow when what must be read does not fit, and whatever the engine's tokenizer
        raises.
        """
        new_tokens = question.sampling.max_tokens
        context_tokens = engine.context_tokens
        if engine.extractive:
            return self.quoting(question, found), Size(0, new_tokens)
        own = question.history if question.plain else ()
        if question.raw:
            raw = Prompt((), question.text, (), question.language, raw=question.text)
            fixed, passages, earlier = [question.text], [], []
        else:
            raw = None
            fixed = [turn.content for turn in self._turns(question, own, ())]
            fixed += _tool_texts(question)
            passages = _excerpts(question.search.with_terms, found.passages)
            earlier = [] if own else [turn for turn in question.history if _belongs(turn, question)]
        counts = await engine.count_tokens([*fixed, *passages, *(t.content for t in earlier)])
        costs = iter(count + _TURN_MARGIN_TOKENS for count in counts)
        tokens = sum(islice(costs, len(fixed)))
        limit = _prompt_limit(question, context_tokens)
        if tokens > limit:
            raise ContextOverflow(tokens=tokens, limit=limit)
        budget_tokens = min(self._passage_tokens, limit - tokens)
        kept, used_tokens = _first(len(passages), costs, budget_tokens)
        tokens += used_tokens
        latest, used_tokens = _latest(earlier, list(costs), limit - tokens)
        tokens += used_tokens
        if raw is None:
            turns = self._turns(question, own or latest, passages[:kept])
            raw = self._prompt(turns, question, found.passages[:kept], found)
        return raw, Size(tokens, max(1, min(new_tokens, context_tokens - tokens)))

    def quoting(self, question: Question, found: SearchResult) -> Prompt:
        """Build what an engine that quotes answers from."""
        return self._prompt((), question, found.passages, found)

    @staticmethod
    def _prompt(
        turns: tuple[ChatMessage, ...],
        question: Question,
        passages: tuple[Passage, ...],
        found: SearchResult,
    ) -> Prompt:
        match = found.agreement_match
        return Prompt(
            turns,
            match.rest if match and match.rest else question.search.with_terms,
            passages,
            question.language,
            named_articles=found.exact,
            told=question.search.with_terms,
            confidence=found.confidence,
            tool_use=question.tool_use,
        )

    def _turns(
        self, question: Question, earlier: Sequence[ChatMessage], passages: Sequence[str]
    ) -> tuple[ChatMessage, ...]:
        if question.plain:
            last = ChatMessage(question.role, question.text, tool_call_id=question.tool_call_id)
            return (*earlier, last)
        if not question.grounded:
            rules = self._rules("unaided", question.language)
            return (rules, *earlier, ChatMessage("user", question.text))
        before, _, after = self._files["question", question.language]
        owned = before.substitute(passages="\n\n".join(passages))
        earlier = [replace(turn, content=enclosed(turn.content)) for turn in earlier]
        asked = f"{owned}{enclosed(question.text)}\n{after.template}"
        rules = self._rules("rules", question.language)
        return (rules, *earlier, ChatMessage("user", asked, cacheable_chars=len(owned)))

    def _rules(self, task: str, language: Language) -> ChatMessage:
        text = self._files[task, language][0].template
        return ChatMessage("system", text, cacheable_chars=len(text))


def _tool_texts(question: Question) -> list[str]:
    """Return what a prompt holds of functions and of calls, besides the contents of its turns."""
    offered = question.tool_use.tools if question.tool_use else ()
    texts = [f"{tool.name} {tool.description} {tool.parameters}" for tool in offered]
    calls = [call for turn in question.history for call in turn.tool_calls]
    return texts + [f"{call.name} {call.arguments}" for call in calls]


def _prompt_limit(question: Question, context_tokens: int) -> int:
    """Return how many tokens a prompt may have.

    A plain one may take all of the context but one token; beside the law, at most a quarter of the
    context is kept for the answer, however long it may become.
    """
    if question.plain:
        return context_tokens - 1
    return context_tokens - min(question.sampling.max_tokens, max(1, context_tokens // 4))


def _belongs(turn: ChatMessage, question: Question) -> bool:
    """Whether a turn is sent to the model: system messages of callers are not, beside the law."""
    return turn.role != "system" or not question.grounded


def _first(count: int, costs: Iterator[int], budget_tokens: int) -> tuple[int, int]:
    """Return how many of the first `count` passages fit, and their tokens.

    Not one that fits after one that does not: what an answer cites is numbered from the first on.
    """
    kept, used_tokens = 0, 0
    fits = True
    for cost in islice(costs, count):
        fits = fits and used_tokens + cost <= budget_tokens
        if fits:
            kept, used_tokens = kept + 1, used_tokens + cost
    return kept, used_tokens


def _latest(
    turns: Sequence[ChatMessage], costs: Sequence[int], budget_tokens: int
) -> tuple[tuple[ChatMessage, ...], int]:
    """Return the latest turns that fit, oldest first, and their tokens."""
    first, used_tokens = len(turns), 0
    while first and used_tokens + costs[first - 1] <= budget_tokens:
        first -= 1
        used_tokens += costs[first]
    return tuple(turns[first:]), used_tokens


def _excerpts(query: str, passages: Sequence[Passage]) -> list[str]:
    """Return the passages as a model reads them: numbered, each cut to what concerns the question.

    A small model loses its way in long texts, and a processor reads a few hundred tokens a second.
    """
    runs = relevant_runs(query, passages, PASSAGE_CHARS)
    return [
        _written(n, passage, of_passage)
        for n, (passage, of_passage) in enumerate(zip(passages, runs, strict=True), start=1)
    ]


def _written(n: int, passage: Passage, runs: Sequence[str]) -> str:
    name = " — ".join(filter(None, (passage.number, title_of(passage))))
    return f"[{n}] {enclosed(name)}\n{enclosed(' […] '.join(runs) or passage.text)}"
