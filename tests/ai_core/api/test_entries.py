"""Knowledge entries as callers meet them: answers, lists, and the law that withholds them."""

import asyncio
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ai_core.access.keys import Scope
from ai_core.knowledge.confidence import MatchConfidence
from ai_core.law.corpus import Corpus
from ai_core.law.records import (
    AgreementMatch,
    Confidence,
    LegalBound,
    MatchBasis,
    QuestionScope,
    SearchResult,
    Wording,
)
from tests.calculators.law import clause_of, quoted_law
from tests.knowledge.invented import HOLIDAYS, LAW, RESIGNING, put_entries

AN_ARTICLE = "L3141-5"
A_BREAK = Wording(
    "LEGIARTI7",
    "L3121-16",
    "Dès six heures de travail, le salarié a droit à une pause de vingt minutes.",
)


@pytest.fixture
async def app(running_app: Any, library: Any, tmp_path: Path) -> Any:
    await asyncio.to_thread(put_entries, tmp_path, RESIGNING, HOLIDAYS)
    library.wordings_of = dict(LAW)
    async with running_app() as app:
        yield app


async def ask(app: Any, *messages: str, **fields: Any) -> dict[str, Any]:
    reply: dict[str, Any] = {}
    for message in messages:
        body = {"messages": [{"role": "user", "content": message}], **fields}
        if reply:
            body["conversation_id"] = reply["conversation_id"]
        response = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
        reply = response.json()
    return reply


@pytest.mark.parametrize(
    "asked",
    [
        "Wie lange ist die Kündigungsfrist, wenn ich kündigen möchte?",
        "¿Cuánto es el preaviso si dimito?",
        "Quanto tempo de aviso prévio na demissão?",
        "Cât este preavizul dacă îmi dau demisia?",
        "كم مدة الإشعار إذا أردت أن أستقيل؟",
    ],
)
async def test_a_language_without_phrasings_finds_entries_by_its_french_terms(
    app: Any, asked: str
) -> None:
    reply = await ask(app, asked)

    assert [one["topic_id"] for one in reply["entries"]] == ["resigning"]
    assert reply["language"] == "en"


async def test_an_entry_that_is_not_sure_leaves_sick_pay_to_who_decides_it(
    app: Any, library: Any, sample: Corpus
) -> None:
    nearest = await asyncio.to_thread(lambda: tuple(islice(sample.passages(), 2)))
    library.found = SearchResult(nearest, QuestionScope.LABOUR_LAW, confidence=Confidence.LOW)
    reply = await ask(app, "préavis ? ma sécu n'a pas reçu l'attestation de salaire")

    assert reply["entries"] == []
    assert reply["abstained"]["reason"] == "neighbour_law"
    assert "Code de la sécurité sociale" in reply["response"]
    assert "ameli.fr" in reply["abstained"]["contact"]["url"]


async def test_an_entry_leads_with_its_answer_and_its_law(app: Any) -> None:
    reply = await ask(app, "préavis de démission ?")

    assert [one["topic_id"] for one in reply["entries"]] == ["resigning"]
    assert reply["summary"] == (
        "**Quel préavis dois-je faire si je démissionne ?**\n\n"
        "Deux mois, que vous soyez cadre ou employé [1]."
    )
    sections = {one["kind"]: one["text"] for one in reply["sections"]}
    assert sections["steps"] == "- Écrivez votre démission et gardez une preuve de la date."
    assert "> Le salarié qui part doit un préavis de deux mois." in sections["sources"]
    assert [one["number"] for one in reply["citations"]] == ["L1237-1"]
    assert reply["suggestions"] == ["Combien de jours de congé est-ce que j'acquiers ?"]
    assert reply["notice"] in reply["response"]


@pytest.mark.parametrize(
    ("question", "language", "answer"),
    [
        ("how long is my notice if I quit?", "en", "Two months (préavis)"),
        ("ลาออกแจ้งล่วงหน้ากี่วัน", "th", "2 เดือน"),
        ("我想辞职，辞职提前多久？", "zh", "提前2个月"),
    ],
)
async def test_an_entry_answers_in_the_askers_language(
    app: Any, question: str, language: str, answer: str
) -> None:
    reply = await ask(app, question)
    assert reply["language"] == language
    assert reply["summary"].split("**\n\n")[1].startswith(answer)


async def test_what_was_told_chooses_the_lines(app: Any) -> None:
    told = await ask(app, "Je suis cadre. Quel préavis de démission ?")

    assert "ne se réduisent pas" in told["summary"]
    assert "Ouvrier" not in told["response"]
    nothing = await ask(app, "préavis de démission ?")
    conditions = next(one for one in nothing["sections"] if one["kind"] == "conditions")
    assert "Cadre :" in conditions["text"]
    assert "Ouvrier :" in conditions["text"]


async def test_the_condition_that_is_asked_about_follows_the_answer_at_once(app: Any) -> None:
    asked = {
        "Préavis de démission : un départ immédiat est possible ?": "un départ immédiat",
        "How long is my notice if I quit: may I leave at once?": "leave at once",
        "ลาออกแจ้งล่วงหน้ากี่วัน ออกทันทีได้ไหม": "ออกทันที",
    }
    for question, words in asked.items():
        reply = await ask(app, question)
        assert words in reply["summary"], question
        assert reply["response"].count(words) == 1, question


async def test_a_fact_that_contradicts_the_entry_rules_it_out(app: Any) -> None:
    reply = await ask(app, "préavis de démission ?", profile={"contract": "cdd"})
    assert reply["entries"] == []


async def test_an_entry_for_full_time_does_not_answer_who_works_part_time(
    running_app: Any, library: Any, tmp_path: Path
) -> None:
    full_time = RESIGNING.replace("[applies]\n", '[applies]\nworking_time = ["full_time"]\n')
    await asyncio.to_thread(put_entries, tmp_path, full_time, HOLIDAYS)
    library.wordings_of = dict(LAW)
    async with running_app() as app:
        part = await ask(app, "J'ai un contrat de 24h : quel préavis si je démissionne ?")
        full = await ask(app, "J'ai un contrat de 35h : quel préavis si je démissionne ?")

    assert part["entries"] == []
    assert [one["topic_id"] for one in full["entries"]] == ["resigning"]


async def test_the_same_entry_in_another_wording_of_the_law_is_withheld(
    app: Any, library: Any
) -> None:
    before = await ask(app, "combien de congés par mois ?")
    assert [one["topic_id"] for one in before["entries"]] == ["holidays"]

    changed = Wording("LEGIARTI9", AN_ARTICLE, "La maladie ne donne aucun congé.")
    library.wordings_of = LAW | {AN_ARTICLE: changed}
    after = await ask(app, "congés payés acquis par mois ?")
    other = await ask(app, "durée préavis démission ?")
    health = (await app.client.get("/api/v1/health")).json()
    listed = await app.client.get("/api/v1/entries", headers=app.key_header())
    measures = await app.client.get("/metrics", headers=app.key_header(Scope.ADMIN))

    assert after["entries"] == []
    assert [one["topic_id"] for one in other["entries"]] == ["resigning"]
    assert health["entries"]["withheld"] == ["holidays"]
    assert health["entries"]["in_use"] == 1
    assert listed.json()["withheld"] == ["holidays"]
    assert "knowledge_entries_withheld 1.0" in measures.text


async def test_an_entry_is_read_in_a_language_with_its_sources(app: Any) -> None:
    path = "/api/v1/entries/resigning?language=zh"
    reply = (await app.client.get(path, headers=app.key_header())).json()

    assert (reply["language"], reply["answer"]) == ("zh", "提前2个月（préavis）[L1237-1]。")
    assert reply["conditions"][0]["concerns"] == {"category": ["cadre"]}
    assert reply["sources"][0]["fragments"] == ["doit un préavis de deux mois"]
    assert [one["topic_id"] for one in reply["related"]] == ["holidays"]
    assert reply["notice"].startswith("本回答")


async def test_the_list_can_be_of_one_category(app: Any) -> None:
    listed = await app.client.get("/api/v1/entries?category=leave", headers=app.key_header())
    assert [one["topic_id"] for one in listed.json()["entries"]] == ["holidays"]


async def test_an_unknown_entry_is_a_404(app: Any) -> None:
    response = await app.client.get("/api/v1/entries/astrology", headers=app.key_header())
    assert (response.status_code, response.json()["code"]) == (404, "unknown_entry")


async def test_a_broken_file_of_the_operator_is_told_and_stops_nothing(
    running_app: Any, library: Any, tmp_path: Path
) -> None:
    await asyncio.to_thread(put_entries, tmp_path, RESIGNING)
    broken = tmp_path / "knowledge" / "entries" / "broken.toml"
    await asyncio.to_thread(broken.write_text, "topic_id = ")
    library.wordings_of = dict(LAW)
    async with running_app() as app:
        health = (await app.client.get("/api/v1/health")).json()
        reply = await ask(app, "préavis de démission ?")

    assert (health["entries"]["in_use"], health["entries"]["broken_files"]) == (1, 1)
    assert [one["topic_id"] for one in reply["entries"]] == ["resigning"]


async def test_the_nearest_entry_is_given_with_a_doubt_where_the_law_decides_no_better(
    app: Any, library: Any
) -> None:
    library.found = SearchResult((), QuestionScope.LABOUR_LAW, confidence=Confidence.NONE)
    reply = await ask(app, "mon chef parle de deux mois avant de partir, vrai ?")

    assert reply["confidence"] == "low"
    assert reply["summary"].startswith("Je ne suis pas certain d'avoir compris votre situation.")
    assert "**Quel préavis dois-je faire si je démissionne ?**" in reply["summary"]


async def test_the_nearest_entry_is_given_from_a_lower_chance_on_where_no_phrasing_can_be_near(
    app: Any, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.found = SearchResult((), QuestionScope.LABOUR_LAW, confidence=Confidence.NONE)
    monkeypatch.setattr(MatchConfidence, "of", lambda *_, **__: 0.3)
    spanish = await ask(app, "quiero dejar el trabajo, ¿cuánto es el preaviso?")
    french = await ask(app, "je veux quitter mon travail, quel préavis ?")

    assert [one["topic_id"] for one in spanish["entries"]] == ["resigning"]
    assert (spanish["confidence"], french["entries"]) == ("low", [])


async def test_the_nearest_entry_is_not_given_where_the_law_that_decides_is_missing(
    app: Any, library: Any
) -> None:
    library.found = SearchResult((), QuestionScope.LABOUR_LAW, confidence=Confidence.LOW)
    near = await ask(app, "ma mutuelle pendant le préavis ?")
    sure = await ask(app, "préavis de démission et mutuelle")

    assert near["entries"] == []
    assert [one["topic_id"] for one in sure["entries"]] == ["resigning"]
    assert "Code de la sécurité sociale" in near["summary"]


async def test_nothing_is_near_a_question_of_another_matter(app: Any, library: Any) -> None:
    library.found = SearchResult((), QuestionScope.OUTSIDE, confidence=Confidence.NONE)
    reply = await ask(app, "une recette avec deux œufs et un délai de préavis")

    assert reply["entries"] == []
    assert reply["abstained"]["reason"] == "out_of_scope"


async def test_a_clause_that_decides_leads_and_the_law_follows(app: Any, library: Any) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    clause = clause_of(
        Wording("KALIARTI1", "7", "La démission ouvre un préavis de six jours."), put.idcc
    )
    library.planted = [replace(clause, score=0.9)]
    depends = await ask(app, f"préavis de démission, IDCC {put.idcc} ?")

    assert [one["topic_id"] for one in depends["entries"]] == ["resigning"]
    said = depends["summary"]
    assert said.startswith(f"Votre convention collective ({put.short_title}) prévoit :")
    places = [
        said.index(words)
        for words in ("préavis de six jours", "Ce que dit la loi :", "Deux mois, que vous soyez")
    ]
    assert places == sorted(places)
    assert [one["kind"] for one in depends["citations"]] == ["article", "agreement"]
    assert all(one["url"] in depends["response"] for one in depends["citations"])


async def test_each_question_of_a_message_gets_its_entry(app: Any) -> None:
    reply = await ask(app, "Quel préavis de démission ? Et combien de congés par mois ?")

    assert [one["topic_id"] for one in reply["entries"]] == ["resigning", "holidays"]
    assert "Deux mois, que vous soyez cadre ou employé [1]." in reply["summary"]
    assert "**Combien de jours de congé est-ce que j'acquiers ?**" in reply["summary"]


async def test_two_questions_that_one_sentence_joins_each_get_their_entry(
    app: Any, library: Any
) -> None:
    library.found = SearchResult((), QuestionScope.LABOUR_LAW, confidence=Confidence.LOW)
    reply = await ask(app, "Quel préavis de démission, et dans combien de mois mes congés payés ?")

    assert [one["topic_id"] for one in reply["entries"]] == ["resigning", "holidays"]


async def test_a_question_is_read_by_itself_where_the_subject_of_the_letter_hides_it(
    app: Any,
) -> None:
    letter = "Préavis de démission\n\nMa salariée est partie. Combien de congés par mois ?"
    reply = await ask(app, f"{letter} Et quel préavis de démission ?")

    assert [one["topic_id"] for one in reply["entries"]] == ["holidays", "resigning"]


async def test_a_question_of_a_letter_is_not_of_another_matter_for_its_own_words_alone(
    app: Any, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = library.search

    async def by_words(question: str, **options: Any) -> SearchResult:
        found: SearchResult = await search(question, **options)
        outside = replace(found, scope=QuestionScope.OUTSIDE, passages=())
        return outside if "rubrique" in question else found

    monkeypatch.setattr(library, "search", by_words)
    reply = await ask(app, "Quel préavis de démission ? Ai-je droit à la rubrique rouge ?")

    assert [one["topic_id"] for one in reply["entries"]] == ["resigning"]
    assert "ne porte pas sur le droit du travail" not in reply["response"]
    assert "**Ai-je droit à la rubrique rouge ?**" in reply["response"]


async def test_the_title_of_a_letter_is_read_where_its_story_means_nothing_surely(
    app: Any, library: Any
) -> None:
    library.found = SearchResult((), QuestionScope.LABOUR_LAW, confidence=Confidence.LOW)
    story = "Il pleuvait et le chef a crié, puis la voiture est tombée en panne sur la route. " * 2
    titled = await ask(app, f"Préavis de démission\n\n{story} Comment faire ?")
    other = await ask(app, f"Au secours\n\n{story} Comment faire ?")

    assert [one["topic_id"] for one in titled["entries"]] == ["resigning"]
    assert other["entries"] == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("Mon chef a-t-il trois jours rouges ?", "« Mon chef a-t-il trois jours rouges ? »"),
        ("Et la maladie ?", "Si cela ne répond pas à « Et la maladie ? »"),
    ],
)
async def test_a_question_that_nothing_answers_is_named_beside_the_one_that_is(
    app: Any, library: Any, other: str, said: str
) -> None:
    library.found = SearchResult((), QuestionScope.LABOUR_LAW, confidence=Confidence.LOW)
    reply = await ask(app, f"Quel préavis de démission ? {other}")

    assert [one["topic_id"] for one in reply["entries"]] == ["resigning"]
    assert said in reply["summary"]


async def test_the_law_answers_the_question_of_a_message_that_has_no_entry(
    app: Any, library: Any
) -> None:
    library.planted = [replace(clause_of(A_BREAK, None), score=0.9)]
    reply = await ask(
        app, "Quel préavis de démission ? Ai-je droit à une pause de vingt minutes à midi ?"
    )

    assert [one["topic_id"] for one in reply["entries"]] == ["resigning"]
    summary = reply["summary"]
    assert "Deux mois, que vous soyez cadre ou employé [1]." in summary
    own, law = summary.index("Deux mois"), summary.index("[2]")
    assert own < summary.index("**Ai-je droit à une pause") < law
    numbers = [one["number"] for one in reply["citations"]]
    assert numbers[:2] == ["L1237-1", "L3121-16"]


async def test_what_a_calculation_lacks_is_asked_below_its_rule(
    running_app: Any, library: Any, tmp_path: Path
) -> None:
    question = "Quelle indemnité de licenciement après 7 ans d'ancienneté ?"
    category = 'category = "termination"\n'
    severance = RESIGNING.replace(category, f'{category}calculator = "severance_pay"\n')
    await asyncio.to_thread(put_entries, tmp_path, severance, HOLIDAYS)
    library.wordings_of = await asyncio.to_thread(quoted_law) | LAW
    async with running_app() as app:
        first = await ask(app, question)
        then = await ask(app, question, "je ne sais pas")

    summary = first["summary"]
    rule, asked = "Deux mois, que vous soyez", first["clarification"]["question"]
    assert summary.index(rule) < summary.index(asked)
    assert first["response"].count(asked) == 1
    assert first["calculation"] is None
    assert rule not in then["summary"]


async def test_an_employer_reads_their_own_part_first(
    running_app: Any, library: Any, tmp_path: Path
) -> None:
    own = """
[[conditions]]
fr = "Employeur : notez la date de la lettre [L1237-1]."
en = "Employer: note the date of the letter [L1237-1]."
when = { role = ["employer"] }

[phrasings]"""
    files = RESIGNING.replace("\n[phrasings]", own, 1), HOLIDAYS
    await asyncio.to_thread(put_entries, tmp_path, *files)
    library.wordings_of = dict(LAW)
    async with running_app() as app:
        employer = await ask(app, "Je suis l'employeur : quel préavis si mon salarié démissionne ?")
        employee = await ask(app, "Quel préavis si je démissionne ?")

    own_part, answer = "Employeur : notez la date", "Deux mois, que vous soyez"
    assert employer["summary"].index(own_part) < employer["summary"].index(
        f"Côté salarié : {answer}"
    )
    assert own_part not in employee["summary"]
    assert "Côté salarié" not in employee["response"]


async def test_the_question_of_an_entry_is_shown_whole(
    running_app: Any, library: Any, tmp_path: Path
) -> None:
    asked = re.search(r'^\[question\]\nfr = "(.+)"', RESIGNING, re.MULTILINE)
    assert asked
    long = f"Je démissionne après des années {'de bons et loyaux services ' * 5}: {asked[1]}"
    await asyncio.to_thread(put_entries, tmp_path, RESIGNING.replace(asked[1], long, 1), HOLIDAYS)
    library.wordings_of = dict(LAW)
    async with running_app() as app:
        reply = await ask(app, "Quel préavis si je démissionne ?")

    assert f"**{long}**" in reply["summary"]


@pytest.mark.parametrize(
    ("question", "topics"),
    [
        ("jours de vacances et je démissionne ?", ["holidays", "resigning"]),
        ("droit aux congés et préavis de démission ?", ["resigning"]),
    ],
)
async def test_a_second_near_entry_is_shown_only_where_it_is_nearly_as_likely(
    app: Any, library: Any, question: str, topics: list[str]
) -> None:
    library.found = SearchResult((), QuestionScope.LABOUR_LAW, confidence=Confidence.NONE)
    reply = await ask(app, question)

    assert [one["topic_id"] for one in reply["entries"]] == topics
    assert reply["confidence"] == "low"


async def test_a_clause_that_may_decide_follows_the_short_answer_with_a_doubt(
    app: Any, library: Any
) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    vague = clause_of(
        Wording("KALIARTI1", "7", "La démission est notifiée au chef du personnel."), put.idcc
    )
    library.planted = [replace(vague, score=0.9)]
    reply = await ask(app, f"préavis de démission, IDCC {put.idcc} ?")

    said = reply["summary"]
    assert f"collective ({put.short_title}) peut prévoir autre chose." in said
    assert said.index("Deux mois") < said.index("chef du personnel")


async def test_a_clause_goes_first_where_the_law_leaves_the_answer_to_agreements(
    running_app: Any, library: Any, tmp_path: Path
) -> None:
    category = 'category = "termination"\n'
    left = RESIGNING.replace(category, f"{category}defers_to_agreement = true\n")
    await asyncio.to_thread(put_entries, tmp_path, left, HOLIDAYS)
    library.wordings_of = dict(LAW)
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    vague = clause_of(
        Wording("KALIARTI1", "7", "La démission est notifiée au chef du personnel."), put.idcc
    )
    library.planted = [replace(vague, score=0.9)]
    async with running_app() as app:
        reply = await ask(app, f"préavis de démission, IDCC {put.idcc} ?")

    said = reply["summary"]
    assert said.startswith(
        f"La loi laisse ce point à votre convention collective ({put.short_title})"
    )
    assert said.index("chef du personnel") < said.index("Deux mois")


async def test_of_clauses_for_several_categories_only_those_like_the_best_are_quoted(
    app: Any, library: Any
) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    clauses = [
        replace(
            clause_of(Wording(f"KALIARTI{n}", "7", text), put.idcc),
            score=score,
            section_path=("Textes Attachés", title, "Préavis de démission"),
        )
        for n, title, text, score in (
            (1, "Annexe IV : Employés", "La démission est notifiée au chef du personnel.", 0.95),
            (2, "Annexe VI : Cadres", "La démission ouvre un préavis de trois mois.", 0.94),
        )
    ]
    library.planted = clauses
    untold = await ask(app, f"préavis de démission, IDCC {put.idcc} ?")
    told = await ask(app, f"Je suis cadre. Préavis de démission, IDCC {put.idcc} ?")

    assert "trois mois" not in untold["summary"]
    assert "trois mois" in told["summary"]


async def test_amounts_left_to_regions_are_told_to_be_so_before_any_unsure_entry(
    app: Any, library: Any
) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    clause = clause_of(Wording("KALIARTI1", "7", "Le panier est fixé par région."), put.idcc)
    library.found = SearchResult(
        (replace(clause, score=0.9),),
        QuestionScope.LABOUR_LAW,
        agreement=put,
        agreement_match=AgreementMatch(MatchBasis.IDCC, "panier", agreement=put),
        set_by_place=True,
    )
    reply = await ask(app, "quitter un CDI, combien de préavis faire")

    assert reply["entries"] == []
    assert reply["summary"].startswith("Cette convention fait fixer ces montants région par région")


async def test_a_likely_entry_is_told_before_the_doubt_about_it(app: Any) -> None:
    reply = await ask(app, "quitter un CDI, combien de préavis faire")

    assert reply["confidence"] == "low"
    assert [one["topic_id"] for one in reply["entries"]] == ["resigning"]
    said = reply["summary"]
    assert said.index("Deux mois") < said.index("si elle est différente")


async def test_an_agreement_that_says_nothing_of_it_is_not_quoted(app: Any, library: Any) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    other = clause_of(Wording("KALIARTI1", "7", "Le vestiaire ferme à dix heures."), put.idcc)
    library.planted = [replace(other, score=0.9)]
    reply = await ask(app, f"préavis de démission, IDCC {put.idcc} ?")

    said = reply["summary"]
    assert f"pas trouvé dans votre convention collective ({put.short_title})" in said
    assert put.url in said
    assert "vestiaire" not in reply["response"]


async def test_a_weak_clause_of_an_agreement_that_the_question_names_is_not_quoted(
    app: Any, library: Any
) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    weak = clause_of(Wording("KALIARTI1", "7", "La démission est notifiée au chef."), put.idcc)
    library.planted = [replace(weak, score=0.7)]
    named = await ask(app, f"préavis de démission, IDCC {put.idcc} ?")

    assert "notifiée au chef" not in named["response"]
    assert f"pas trouvé dans votre convention collective ({put.short_title})" in named["summary"]
    library.planted = [replace(weak, score=0.9)]
    surer = await ask(app, f"et le préavis de démission, IDCC {put.idcc} ?")
    assert "notifiée au chef" in surer["summary"]


async def test_an_agreement_named_that_is_silent_is_said_so_whatever_the_entry(
    app: Any, library: Any
) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    other = clause_of(Wording("KALIARTI1", "7", "Le vestiaire ferme à dix heures."), put.idcc)
    library.planted = [replace(other, score=0.9)]
    reply = await ask(app, f"combien de jours de congés payés par an, IDCC {put.idcc} ?")

    assert [one["topic_id"] for one in reply["entries"]] == ["holidays"]
    assert f"pas trouvé dans votre convention collective ({put.short_title})" in reply["summary"]
    assert "vestiaire" not in reply["response"]


async def test_without_an_entry_a_clause_that_decides_is_told_with_the_minimum_of_the_law(
    app: Any, library: Any
) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    clause = clause_of(
        Wording("KALIARTI1", "7", "Une médaille donne droit à deux jours de repos."), put.idcc
    )
    article = clause_of(
        Wording("LEGIARTI7", "L3142-4", "Le repos de médaille est de cinq jours."), None
    )
    library.planted = [
        replace(clause, score=0.9),
        replace(article, score=0.5, bound=LegalBound.MINIMUM),
    ]
    reply = await ask(app, f"combien de jours de repos pour une médaille, IDCC {put.idcc} ?")

    said = reply["summary"]
    assert said.startswith("« Une médaille donne droit à deux jours de repos. »")
    assert "La loi garantit au moins ceci, même si la convention prévoit moins :" in said
    assert said.index("deux jours") < said.index("cinq jours")
    assert reply["confidence"] == "medium"


async def test_without_a_clause_on_it_that_is_said_first_and_the_law_leads(
    app: Any, library: Any
) -> None:
    put = (await asyncio.to_thread(library.corpus.agreements))[0]
    other = clause_of(Wording("KALIARTI1", "7", "Le vestiaire ferme à dix heures."), put.idcc)
    law = clause_of(Wording("LEGIARTI7", "L3142-4", "Une médaille donne cinq jours."), None)
    library.planted = [replace(other, score=0.9), replace(law, score=0.8)]
    reply = await ask(app, f"combien de jours de repos pour une médaille, IDCC {put.idcc} ?")

    assert reply["summary"].startswith("Je n'ai pas trouvé dans votre convention collective")
    assert "cinq jours" in reply["summary"]
    assert "vestiaire" not in reply["response"]


@pytest.mark.parametrize("ruled", [False, True])
async def test_a_sure_entry_stands_instead_of_a_calculation_that_works_out_nothing(
    running_app: Any, library: Any, tmp_path: Path, *, ruled: bool
) -> None:
    """The Code fixes no notice: the result is no answer to who asks something narrower."""
    line = 'category = "termination"\n'
    told = f'{line}calculator = "resignation_notice"\n' if ruled else line
    await asyncio.to_thread(put_entries, tmp_path, RESIGNING.replace(line, told), HOLIDAYS)
    library.wordings_of = await asyncio.to_thread(quoted_law) | LAW
    async with running_app() as app:
        reply = await ask(app, "What notice do I give when I resign?")

    led = [one["topic_id"] for one in reply["entries"]]
    assert (led, bool(reply["calculation"])) == (([], True) if ruled else (["resigning"], False))
