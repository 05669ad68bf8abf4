"""The engine without weights: it answers by quoting the passages, word for word.

First the lines of the ministry's fiche that speak of the question, then the articles, each with its
number and its address. It never words anything itself beyond the headings in `texts/`, so it cannot
be wrong about the law; it can be beside the question.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence

from ai_core.engines.base import Capabilities, Prompt, Sampling, TextChunk
from ai_core.engines.extractive.excerpt import Wanted, excerpt
from ai_core.errors import Unsupported
from ai_core.law.records import Kind, Passage
from ai_core.law.titles import title_of
from shared.languages import Language
from shared.texts import Texts

MOST_QUOTED = {Kind.AGREEMENT: 2, Kind.ARTICLE: 3}
FICHE_CHARS = 900
ARTICLE_CHARS = 900
NAMED_ARTICLE_CHARS = 2_400
_LEAST_COVERAGE = 0.34
_SCORE_SHARE = 0.12
_TOKEN = re.compile(r"\w+|[^\w\s]")


class ExtractiveEngine:
    """Quotes the law; see the module's docstring."""

    name = "extractive"
    weights = "extractive-1"
    extractive = True
    context_tokens = 32_768
    slots = 32
    capabilities = Capabilities()

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count words and punctuation marks."""
        return [_count(text) for text in texts]

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Write the answer block by block; what is quoted does not depend on `sampling`."""
        for at, block in enumerate(self._blocks(prompt)):
            text = block if at == 0 else f"\n\n{block}"
            yield TextChunk(text, _count(text))
        yield TextChunk("", 0, finish_reason="stop")

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raise Unsupported: there are no weights to make a vector with."""
        raise Unsupported(model=self.name, feature="embeddings")

    async def close(self) -> None:
        """Nothing to give back."""

    def _blocks(self, prompt: Prompt) -> Iterator[str]:
        numbered = list(enumerate(prompt.passages, start=1))
        named = [(n, p) for n, p in numbered if p.number in prompt.named_articles]
        if named:
            for n, passage in named:
                yield self._article(n, passage, prompt.language, (_whole(passage.text),))
            return
        wanted = Wanted(prompt.question, [_with_titles(p) for p in prompt.passages])
        fiche = _clearest(wanted, [(n, p) for n, p in numbered if p.kind is Kind.FICHE])
        if fiche:
            yield self._fiche(*fiche, prompt.language, wanted)
        for kind in MOST_QUOTED:
            nearest = _nearest([(n, p) for n, p in numbered if p.kind is kind])
            if nearest:
                yield self._texts.say(f"{kind}_says", prompt.language)
            for n, passage in nearest:
                runs = excerpt(passage.text, wanted, ARTICLE_CHARS)
                yield self._article(n, passage, prompt.language, runs)

    def _fiche(self, n: int, passage: Passage, language: Language, wanted: Wanted) -> str:
        runs = excerpt(passage.text, wanted, FICHE_CHARS)
        says = self._texts.say("fiche_says", language, title=title_of(passage), n=n)
        return f"{says}\n\n{_quoted(runs)}\n\n{passage.url}"

    def _article(self, n: int, passage: Passage, language: Language, runs: Sequence[str]) -> str:
        heading = self._texts.say(
            f"{passage.kind}_heading", language, number=passage.number, n=n, title=title_of(passage)
        )
        return f"{heading}\n\n{_quoted(runs)}\n\n{passage.url}"


def _count(text: str) -> int:
    return len(_TOKEN.findall(text))


def _with_titles(passage: Passage) -> str:
    return "\n".join((*passage.section_path[-3:], passage.text))


def _clearest(wanted: Wanted, fiches: Sequence[tuple[int, Passage]]) -> tuple[int, Passage] | None:
    """Choose the fiche section that speaks most of the question, in its title and in a line."""
    best: tuple[float, tuple[int, Passage]] | None = None
    for n, passage in fiches:
        title = title_of(passage)
        coverage = wanted.coverage(f"{title} {passage.text}")
        lines = max(map(wanted.score, passage.text.splitlines()), default=0.0)
        score = passage.score + coverage + wanted.score(title) + lines
        if coverage >= _LEAST_COVERAGE and (best is None or score > best[0]):
            best = (score, (n, passage))
    return best[1] if best else None


def _nearest(passages: Sequence[tuple[int, Passage]]) -> list[tuple[int, Passage]]:
    """Keep the best passage of a kind, and the next ones that were found nearly as good."""
    if not passages:
        return []
    best = passages[0][1]
    near = [(n, p) for n, p in passages if p.score >= _SCORE_SHARE * best.score]
    return near[: MOST_QUOTED[best.kind]]


def _whole(text: str) -> str:
    """Return the text, or its first lines when it is longer than anyone reads in an answer."""
    text = text.strip()
    if len(text) <= NAMED_ARTICLE_CHARS:
        return text
    end = text.rfind("\n", 0, NAMED_ARTICLE_CHARS)
    return text[: end if end > 0 else text.find("\n")].rstrip()


def _quoted(runs: Sequence[str]) -> str:
    return "\n> […]\n".join(
        "\n".join(f"> {line}" for line in run.splitlines() if line.strip()) for run in runs
    )
