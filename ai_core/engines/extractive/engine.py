"""Extractive answers: the retrieved passages, quoted word for word, without a language model.

First the relevant lines of the ministry's fiche, then the articles, each with its number and its
URL. Apart from the headings in `texts/` it writes nothing itself, so it cannot misstate the law; it
can miss the question.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence

from ai_core.engines.base import Capabilities, Prompt, ReasoningStart, Sampling, TextChunk
from ai_core.engines.extractive.excerpt import QueryTerms, excerpt
from ai_core.errors import Unsupported
from ai_core.law.records import Passage, SourceKind
from ai_core.law.titles import title_of, titles_of
from shared.languages import Language
from shared.texts import Texts

MAX_QUOTED = {SourceKind.AGREEMENT: 2, SourceKind.ARTICLE: 3}
FICHE_CHARS = 900
ARTICLE_CHARS = 900
NAMED_ARTICLE_CHARS = 2_400
_MIN_COVERAGE = 0.34
_SCORE_SHARE = 0.12
_TOKEN = re.compile(r"\w+|[^\w\s]")


class ExtractiveEngine:
    """Quotes passages; see the module's docstring."""

    name = "extractive"
    weights = "extractive-1"
    extractive = True
    reasoning_start: ReasoningStart | None = None
    context_tokens = 32_768
    slots = 32
    capabilities = Capabilities()

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count words and punctuation marks."""
        return [_count_tokens(text) for text in texts]

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Generate the answer, whole in one chunk; `sampling` has no effect."""
        text = "\n\n".join(self._blocks(prompt))
        yield TextChunk(text, _count_tokens(text), finish_reason="stop")

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raise Unsupported: there is no model to embed with."""
        raise Unsupported(model=self.name, feature="embeddings")

    async def close(self) -> None:
        """Do nothing: there is nothing to free."""

    def _blocks(self, prompt: Prompt) -> Iterator[str]:
        numbered = list(enumerate(prompt.passages, start=1))
        named = [(n, p) for n, p in numbered if p.number in prompt.named_articles]
        if named:
            for n, passage in named:
                yield self._article(n, passage, prompt.language, (_shortened(passage.text),))
            return
        query = QueryTerms(prompt.question, [_with_titles(p) for p in prompt.passages])
        fiche = _best_fiche(query, [(n, p) for n, p in numbered if p.kind is SourceKind.FICHE])
        if fiche:
            yield self._fiche(*fiche, prompt.language, query)
        for kind in MAX_QUOTED:
            best = _best_passages([(n, p) for n, p in numbered if p.kind is kind])
            if best:
                yield self._texts.say(f"{kind}_says", prompt.language)
            for n, passage in best:
                runs = excerpt(passage.text, query, ARTICLE_CHARS)
                yield self._article(n, passage, prompt.language, runs)

    def _fiche(self, n: int, passage: Passage, language: Language, query: QueryTerms) -> str:
        runs = excerpt(passage.text, query, FICHE_CHARS)
        says = self._texts.say("fiche_says", language, title=title_of(passage), n=n)
        return f"{says}\n\n{_quoted(runs)}\n\n{passage.url}"

    def _article(self, n: int, passage: Passage, language: Language, runs: Sequence[str]) -> str:
        heading = self._texts.say(
            f"{passage.kind}_heading", language, number=passage.number, n=n, title=title_of(passage)
        )
        return f"{heading}\n\n{_quoted(runs)}\n\n{passage.url}"


def _count_tokens(text: str) -> int:
    return len(_TOKEN.findall(text))


def _with_titles(passage: Passage) -> str:
    return "\n".join((*passage.section_path[-3:], passage.text))


def _best_fiche(
    query: QueryTerms, fiches: Sequence[tuple[int, Passage]]
) -> tuple[int, Passage] | None:
    """Choose the fiche section that covers the question best, in its title and in one line."""
    best: tuple[float, tuple[int, Passage]] | None = None
    titles = titles_of([passage for _, passage in fiches])
    for (n, passage), title in zip(fiches, titles, strict=True):
        coverage = query.coverage(f"{title} {passage.text}")
        lines = max(map(query.score, passage.text.splitlines()), default=0.0)
        score = passage.score + coverage + query.score(title) + lines
        if coverage >= _MIN_COVERAGE and (best is None or score > best[0]):
            best = (score, (n, passage))
    return best[1] if best else None


def _best_passages(passages: Sequence[tuple[int, Passage]]) -> list[tuple[int, Passage]]:
    """Keep the best passage of a kind, and the next ones with nearly its score."""
    if not passages:
        return []
    best = passages[0][1]
    near = [(n, p) for n, p in passages if p.score >= _SCORE_SHARE * best.score]
    return near[: MAX_QUOTED[best.kind]]


def _shortened(text: str) -> str:
    """Return the text, or its first lines up to `NAMED_ARTICLE_CHARS` characters."""
    text = text.strip()
    if len(text) <= NAMED_ARTICLE_CHARS:
        return text
    end = text.rfind("\n", 0, NAMED_ARTICLE_CHARS)
    return text[: end if end > 0 else text.find("\n")].rstrip()


def _quoted(runs: Sequence[str]) -> str:
    return "\n> […]\n".join(
        "\n".join(f"> {line}" for line in run.splitlines() if line.strip()) for run in runs
    )
