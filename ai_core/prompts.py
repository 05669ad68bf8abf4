"""What the model reads: the rules, the turns before, the passages and the question, within budget.

The words are in prompts/*.md, one file per task and language. Passages and questions are data: they
stand between tags that their own text cannot close.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import get_args

from ai_core.engines.base import Engine, Prompt, Turn
from ai_core.errors import ContextOverflow
from ai_core.law import Found, Passage
from ai_core.question import Question
from ai_core.titles import title_of
from shared.languages import Language

FOLDER = Path(__file__).parent / "prompts"
TASKS = ("rules", "question", "unaided")
_TAG = re.compile(r"<(?=/?\s*(?:passages?|question)\b)", re.IGNORECASE)
_FOLLOW_UP = re.compile(
    r"^\W*(?:et|mais|donc|alors|ok|d.accord|dans ce cas|m[eê]me (?:chose|question)|and|but|so"
    r"|what about|what if)\b",
    re.IGNORECASE,
)
_FOLLOW_UP_WORDS = 5
_TURN_MARGIN_TOKENS = 8  # what a chat template writes around a turn


def subject_of(question: Question) -> str:
    """Return the words to search for: a follow-up is read with the question before it.

    "Et pour un CDD ?" alone means nothing. A question of more than a few words stands by itself.
    """
    before = [turn.content for turn in question.earlier if turn.role == "user"]
    short = len(question.text.split()) < _FOLLOW_UP_WORDS
    if before and (short or _FOLLOW_UP.match(question.text)):
        return f"{before[-1]} {question.text}"
    return question.text


class Prompts:
    """The prompt files. `version` changes whenever one of them does."""

    def __init__(self, files: Mapping[tuple[str, Language], str]) -> None:
        self._files = {name: Template(text) for name, text in files.items()}
        content = "\0".join(f"{name}\0{text}" for name, text in sorted(files.items()))
        self.version = hashlib.sha256(content.encode()).hexdigest()[:12]

    @classmethod
    def read(cls, folder: Path = FOLDER) -> "Prompts":
        """Read every task in every language; a missing file is an error."""
        languages: tuple[Language, ...] = get_args(Language)
        return cls(
            {
                (task, language): (folder / f"{task}.{language}.md").read_text(encoding="utf-8")
                for task in TASKS
                for language in languages
            }
        )

    def assemble(self, question: Question, found: Found, engine: Engine) -> Prompt:
        """Write the prompt: best passages first, as many as fit; the oldest turns give way first.

        An engine that quotes reads passages, not turns. Raises ContextOverflow when the question
        alone does not fit.
        """
        if engine.quotes:
            return self._prompt((), question, found.passages, found)
        room = engine.context_tokens - question.sampling.max_tokens
        kept = list(found.passages)
        earlier = list(question.earlier)
        while (
            tokens := self._tokens(turns := self._turns(question, earlier, kept), engine)
        ) > room:
            if earlier:
                earlier.pop(0)
            elif kept:
                kept.pop()
            else:
                raise ContextOverflow(tokens=tokens, limit=room)
        return self._prompt(turns, question, tuple(kept), found)

    @staticmethod
    def _prompt(
        turns: tuple[Turn, ...], question: Question, passages: tuple[Passage, ...], found: Found
    ) -> Prompt:
        return Prompt(turns, subject_of(question), passages, question.language, named=found.exact)

    def _turns(
        self, question: Question, earlier: Sequence[Turn], passages: Sequence[Passage]
    ) -> tuple[Turn, ...]:
        if not question.grounded:
            rules = Turn("system", self._say("unaided", question.language))
            return (rules, *earlier, Turn("user", question.text))
        rules = Turn("system", self._say("rules", question.language))
        said = (turn for turn in earlier if turn.role != "system")
        asked = self._say(
            "question",
            question.language,
            passages="\n".join(_written(n, p) for n, p in enumerate(passages, start=1)),
            question=_enclosed(question.text),
        )
        return (rules, *said, Turn("user", asked))

    def _say(self, task: str, language: Language, **facts: str) -> str:
        return self._files[task, language].substitute(facts).strip()

    @staticmethod
    def _tokens(turns: Sequence[Turn], engine: Engine) -> int:
        return sum(engine.count_tokens(turn.content) + _TURN_MARGIN_TOKENS for turn in turns)


def _written(n: int, passage: Passage) -> str:
    number = f' article="{passage.number}"' if passage.number else ""
    title = _enclosed(title_of(passage)).replace('"', "'")
    return f'<passage n="{n}"{number} title="{title}">\n{_enclosed(passage.text)}\n</passage>'


def _enclosed(text: str) -> str:
    """Return `text` unable to open or close one of our tags."""
    return _TAG.sub("‹", text)
