"""What an answer says of the collective agreement, asked over HTTP on the sample corpus."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ai_core.law.agreement_categories import Category, categories_in, categories_of
from ai_core.law.ingest.sample import build_sample
from ai_core.law.library import Library
from ai_core.law.records import Passage, SourceKind
from ai_core.law.versions import CorpusVersions


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agreement-words")
    build_sample(folder)
    return folder


@pytest.fixture
async def library(data_dir: Path) -> AsyncIterator[Library]:
    library = Library(CorpusVersions(data_dir))
    yield library
    await library.close()


async def ask(app: Any, *turns: str, **fields: Any) -> dict[str, Any]:
    """Return the reply to the last of these messages of the same person."""
    messages: list[dict[str, str]] = []
    for turn in turns:
        messages += [{"role": "user", "content": turn}, {"role": "assistant", "content": "Oui."}]
    response = await app.client.post(
        "/api/v1/chat", json={"messages": messages[:-1]} | fields, headers=app.key_header()
    )
    assert response.status_code == 200, response.text
    reply: dict[str, Any] = response.json()
    return reply


async def test_the_agreement_taken_is_said_with_the_reason(app: Any) -> None:
    cases = {
        "Convention Syntec : quel préavis pour un cadre ?": ("name", "1486", "que vous nommez"),
        "IDCC 1486, quel préavis pour un cadre ?": ("idcc", "1486", "dont vous donnez le numéro"),
        "Je suis serveuse, quel préavis de démission ?": ("trade", "1979", "« serveuse »"),
    }
    for question, (basis, idcc, reason) in cases.items():
        reply = await ask(app, question)
        assert reply["agreement"]["basis"] == basis
        assert reply["agreement"]["agreement"]["idcc"] == idcc
        assert reason in reply["response"], question
        assert f"IDCC {idcc}" in reply["response"]
    assert "Restauration rapide" in reply["response"]
    chosen = await ask(app, "Quel préavis pour un cadre ?", agreement="1486")
    assert chosen["agreement"]["basis"] == "chosen"
    assert "convention collective choisie" in chosen["response"]
    none = await ask(app, "Quelle est la durée du préavis de démission ?")
    assert none["agreement"] is None
    assert "J'ai retenu" not in none["response"]


async def test_an_agreement_not_held_or_unknown_is_said_first_and_the_law_still_answers(
    app: Any,
) -> None:
    cases: list[tuple[str, dict[str, str], str]] = [
        ("Convention du notariat : quel préavis de démission ?", {}, "IDCC 2205"),
        ("Quel préavis de démission ?", {"agreement": "2205"}, "IDCC 2205"),
        ("IDCC 9998 : quel préavis de démission ?", {}, "IDCC 9998"),
    ]
    for question, fields, named in cases:
        reply = await ask(app, question, **fields)
        assert named in reply["summary"].splitlines()[0], question
        assert "la loi" in reply["summary"].splitlines()[0]
        assert any(one["kind"] == "article" for one in reply["citations"]), question
    english = await ask(app, "Notice when I resign? IDCC 9998, thank you for your answer")
    assert "I know of no collective agreement" in english["summary"]


async def test_an_unknown_number_in_the_request_is_refused_with_its_field(app: Any) -> None:
    response = await app.client.post(
        "/api/v1/chat",
        json={"messages": [{"role": "user", "content": "Quel préavis ?"}], "agreement": "9999"},
        headers=app.key_header(),
    )
    assert response.status_code == 404
    assert response.json()["code"] == "unknown_agreement"
    assert response.json()["errors"] == [{"field": "agreement", "reason": "unknown_agreement"}]


async def test_where_two_agreements_fit_the_choice_is_offered_and_taken(app: Any) -> None:
    question = "Caissière, quel préavis de démission ?"
    reply = await ask(app, question)
    choices = reply["clarification"]["choices"]
    assert len(choices) == 2
    assert "« Caissière »" in reply["clarification"]["question"]
    assert all(choice.startswith("IDCC ") for choice in choices)
    answered = await ask(app, question, choices[0])
    assert answered["agreement"]["basis"] == "idcc"
    company = await ask(app, "Je travaille chez Décathlon, quel préavis de démission ?")
    assert "articles de sports" in company["clarification"]["question"]
    assert company["agreement"]["agreement"] is None


async def test_the_category_is_asked_for_where_the_clause_distinguishes_and_only_then(
    app: Any,
) -> None:
    asked = await ask(app, "HCR : quel préavis de démission après 8 mois ?")
    assert asked["clarification"]["choices"] == ["Employé", "Cadre"]
    told = await ask(app, "HCR : quel préavis de démission pour un cadre ?")
    assert told["clarification"] is None or "catégorie" not in told["clarification"]["question"]
    before = await ask(app, "Je suis cadre.", "HCR : quel préavis de démission ?")
    assert before["clarification"] is None or not before["clarification"]["choices"]
    scope = await ask(app, "Convention HCR : à qui s'applique-t-elle ?")
    assert not (scope["clarification"] or {"choices": []})["choices"]


def clause(text: str, *titles: str) -> Passage:
    path = ("Texte de base : Convention", *titles)
    return Passage(SourceKind.AGREEMENT, "KALIARTI1", "1", "", path, text, "", 1.0)


def test_categories_are_read_from_clauses_and_titles() -> None:
    table = clause(
        "Catégorie\tDurée\nOuvrier, employé\t1 mois\nAgent de maîtrise\t2 mois\nCadre\t3"
    )
    assert categories_in([table]) == (
        *(Category.WORKER, Category.EMPLOYEE, Category.SUPERVISOR, Category.EXECUTIVE),
    )
    apart = [clause("Un mois.", "Chapitre II : Employés"), clause("Trois.", "Chapitre IV : Cadres")]
    assert categories_in(apart) == (Category.EMPLOYEE, Category.EXECUTIVE)
    assert categories_in([clause("Le salarié a un mois, dans le cadre de son contrat.")]) == ()
    assert categories_in([]) == ()


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("je suis cadre", {Category.EXECUTIVE}),
        ("agent de maîtrise depuis 3 ans", {Category.SUPERVISOR}),
        ("ETAM", {Category.TECHNICIAN, Category.SUPERVISOR}),
        ("ouvrière en usine", {Category.WORKER}),
        ("en tant qu'employé", {Category.EMPLOYEE}),
        ("employé depuis 3 ans", set()),
        ("dans le cadre de mon contrat", set()),
        ("non cadre", set()),
        ("je suis employée dans un hôtel", set()),
    ],
)
def test_a_category_is_a_word_of_its_own(text: str, categories: set[Category]) -> None:
    assert categories_of(text) == categories
