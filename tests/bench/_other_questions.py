"""Questions of other files: JSON lines with `turns`, `query`, or a column per language."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench._answer_questions import BenchQuestion

LANGUAGES = ("fr", "en", "th", "zh", "es", "pt", "ar", "de", "it")


def read_other(path: Path) -> tuple[BenchQuestion, ...]:
    """Return the questions of a file, each once, in their order.

    A line with `turns` is a conversation of those messages (texts, or objects with `content`); with
    `query` one question; with columns named by language one question in each. `articles`, where it
    is there, are the gold. Raises ValueError for a line that has none of these.
    """
    questions: dict[tuple[str, ...], BenchQuestion] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            for question in _questions(json.loads(line), f"{path.stem}-{number}"):
                questions.setdefault(question.turns, question)
    return tuple(questions.values())


def _questions(line: dict[str, Any], name: str) -> Iterator[BenchQuestion]:
    articles = tuple(line.get("articles") or ())
    if "turns" in line or "query" in line:
        told = line.get("turns") or [line["query"]]
        turns = tuple(turn if isinstance(turn, str) else turn["content"] for turn in told)
        language = str(line.get("language") or line.get("lang") or "fr")
        yield BenchQuestion(
            id=str(line.get("id", name)),
            kind="file",
            turns=turns,
            language=language,
            articles=articles,
        )
        return
    columns = [language for language in LANGUAGES if isinstance(line.get(language), str)]
    if not columns:
        raise ValueError(f"{name} has neither turns, nor a query, nor a column of a language")
    for language in columns:
        yield BenchQuestion(
            id=f"{line.get('id', name)}-{language}",
            kind="file",
            turns=(line[language],),
            language=language,
            articles=articles,
        )
