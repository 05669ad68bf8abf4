"""Passages of an invented law, and the extractive engine's answer from them."""

from datetime import date

from ai_core.answering.boilerplate import read_texts
from ai_core.answering.citations import CitationFilter
from ai_core.engines.base import AnswerPart, Prompt, Sampling
from ai_core.engines.extractive.engine import ExtractiveEngine
from ai_core.law.records import Confidence, Passage, SourceKind

TODAY = date(2026, 11, 20)
ENGINE = ExtractiveEngine(read_texts())


def article(number: str, text: str, **more: object) -> Passage:
    return _passage(SourceKind.ARTICLE, number, text, **more)


def fiche(title: str, text: str, **more: object) -> Passage:
    return _passage(SourceKind.FICHE, title, text, **{"updated": date(2026, 3, 1), **more})


def clause(number: str, text: str, **more: object) -> Passage:
    return _passage(SourceKind.AGREEMENT, number, text, **more)


def _passage(kind: SourceKind, name: str, text: str, **more: object) -> Passage:
    known: dict[str, object] = {
        "kind": kind,
        "id": f"ID-{name}",
        "number": "" if kind is SourceKind.FICHE else name,
        "title": f"Titre de {name}",
        "section_path": (f"Titre de {name}",),
        "text": text,
        "url": f"https://loi.example/{name.replace(' ', '-')}",
        "score": 1.0,
        "in_force_since": date(2020, 1, 1) if kind is SourceKind.ARTICLE else None,
    }
    return Passage(**{**known, **more})  # type: ignore[arg-type]


async def parts(
    question: str,
    *passages: Passage,
    named: tuple[str, ...] = (),
    confidence: Confidence = Confidence.MEDIUM,
) -> dict[AnswerPart, str]:
    """Answer as the pipeline does: every part goes through the citation filter."""
    prompt = Prompt((), question, passages, "fr", named_articles=named, confidence=confidence)
    check = CitationFilter(passages, TODAY, "(référence non vérifiée)")
    found: dict[AnswerPart, str] = {}
    async for chunk in ENGINE.stream(prompt, Sampling(max_tokens=800)):
        if chunk.part is not None:
            found[chunk.part] = check.feed(chunk.text) + check.finish()
    assert not check.removed, "what the engine writes passes the check whole"
    return found
