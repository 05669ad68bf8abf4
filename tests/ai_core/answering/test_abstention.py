"""Refusals: the reason, the sentence and the human who can help."""

import tomllib
from importlib.resources import files

import pytest

from ai_core.answering.abstention import Abstentions
from ai_core.answering.boilerplate import read_texts
from ai_core.answering.missing_law import MissingLaws
from ai_core.answering.public_services import read_public_services
from ai_core.law.records import Passage, QuestionScope, SearchResult, SourceKind
from shared.languages import Language

PASSAGE = Passage(SourceKind.ARTICLE, "id", "L1-1", "t", ("t",), "texte", "https://x", 1.0)


@pytest.fixture(scope="module")
def abstentions() -> Abstentions:
    services = read_public_services()
    return Abstentions(read_texts(), services, MissingLaws.read(services))


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        (SearchResult((PASSAGE,), QuestionScope.OUTSIDE), "out_of_scope", "3039"),
        (
            SearchResult((PASSAGE,), QuestionScope.NEIGHBOUR, neighbour="civil_service"),
            "neighbour_law",
            "fonction",
        ),
        (
            SearchResult((PASSAGE,), QuestionScope.NEIGHBOUR, neighbour="nobody"),
            "neighbour_law",
            "0 806 000 126",
        ),
        (
            SearchResult((), QuestionScope.LABOUR_LAW, other_code=("L131-1",)),
            "neighbour_law",
            "L131-1",
        ),
        (
            SearchResult((), QuestionScope.LABOUR_LAW, missing=("L9999-1",)),
            "unknown_reference",
            "L9999-1",
        ),
        (SearchResult((), QuestionScope.UNCLEAR), "no_source", "0 806 000 126"),
    ],
)
def test_each_refusal_has_its_reason_and_its_words(
    abstentions: Abstentions, found: SearchResult, reason: str, words: str
) -> None:
    refusal = abstentions.judge(found, "fr")

    assert refusal is not None
    assert refusal.abstained.reason == reason
    assert words in f"{refusal.sentence} {refusal.help}"
    assert refusal.abstained.contact.url in refusal.help


def test_what_was_found_by_its_number_is_answered_whatever_the_rest(
    abstentions: Abstentions,
) -> None:
    found = SearchResult((PASSAGE,), QuestionScope.OUTSIDE, exact=("L1-1",), missing=("L9999-1",))

    assert abstentions.judge(found, "fr") is None


def test_an_english_question_that_finds_nothing_is_told_so_and_may_be_put_otherwise(
    abstentions: Abstentions,
) -> None:
    refusal = abstentions.judge(SearchResult((), QuestionScope.LABOUR_LAW), "en")

    assert refusal is not None
    assert refusal.abstained.reason == "no_source"
    assert "I found no passage" in refusal.sentence
    assert "in other words" in refusal.sentence
    assert "French" not in refusal.sentence


@pytest.mark.parametrize(
    ("language", "words", "helper"),
    [
        ("fr", "ne porte pas sur le droit du travail", "appel gratuit"),
        ("en", "not about labour law", "free call"),
        ("th", "ไม่เกี่ยวกับกฎหมายแรงงาน", "โทรฟรี"),
        ("zh", "与劳动法无关", "免费"),
    ],
)
def test_what_is_outside_labour_law_is_refused_in_the_asker_s_language(
    abstentions: Abstentions, language: Language, words: str, helper: str
) -> None:
    refusal = abstentions.judge(SearchResult((), QuestionScope.OUTSIDE), language)

    assert refusal is not None
    assert refusal.abstained.reason == "out_of_scope"
    assert words in refusal.sentence
    assert helper in refusal.help


def test_every_neighbouring_law_has_an_office() -> None:
    listed = (files("ai_core.law") / "data" / "neighbours.toml").read_text("utf-8")

    assert tomllib.loads(listed).keys() <= read_public_services().keys()
