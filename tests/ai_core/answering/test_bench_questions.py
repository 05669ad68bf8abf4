"""The questions of `./neo bench answers`: well formed, and right about the law."""

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import build_sample
from ai_core.law.versions import CorpusVersions
from shared.clock import SystemClock
from tests.ai_core.conftest import RunningApp
from tests.bench._answer_figures import Row, figures, good
from tests.bench._answer_judging import below, judge, language_of
from tests.bench._answer_questions import (
    BenchQuestion,
    against_the_law,
    malformed,
    read_questions,
)
from tests.bench._other_questions import read_other
from tests.bench.answers import EXTRACTIVE, Asker, movement

ROOT = Path(__file__).parents[3]
LEAST = {
    "follow_up": 20,
    "two_questions": 8,
    "far": 12,
    "neighbour": 8,
    "case_law": 8,
    "distress": 6,
    "agreement": 25,
}


def question(**more: Any) -> BenchQuestion:
    return BenchQuestion(**{"id": "q", "kind": "plain", "turns": ("Combien ?",), **more})


def body(response: str, **more: Any) -> dict[str, Any]:
    return {"response": response, "citations": [], "abstained": None, **more}


def test_every_question_is_well_formed_and_has_a_name_of_its_own() -> None:
    questions = read_questions()
    assert [f"{q.id}: {fault}" for q in questions for fault in malformed(q)] == []
    names = Counter(q.id for q in questions)
    assert [name for name, count in names.items() if count > 1] == []
    asked = Counter(q.turns for q in questions)
    assert [turns for turns, count in asked.items() if count > 1] == []


def test_there_are_enough_questions_of_each_kind() -> None:
    questions = read_questions()
    kinds: Counter[str] = Counter(q.kind for q in questions)
    assert len(questions) >= 150
    assert {kind: kinds[kind] for kind, least in LEAST.items() if kinds[kind] < least} == {}
    assert Counter(q.language for q in questions)["en"] >= 12


def test_no_question_is_one_the_search_was_trained_with() -> None:
    trained = (ROOT / "ai_core/law/data/everyday_questions.tsv").read_text(encoding="utf-8")
    lines = {line.split("\t")[0].strip().lower() for line in trained.splitlines()}
    asked = [turn for q in read_questions() if q.kind != "exact" for turn in q.turns]
    assert [turn for turn in asked if turn.strip().lower() in lines] == []


@pytest.mark.slow
def test_the_gold_sources_are_in_force_and_say_what_is_quoted() -> None:
    versions = CorpusVersions(ROOT / ".neo" / "ai_core")
    version = versions.current()
    if version is None:
        pytest.skip("no corpus in .neo; ./neo corpus update brings one")
    corpus = Corpus(versions.folder(version))
    day = SystemClock().today()
    try:
        wrong = [f"{q.id}: {f}" for q in read_questions() for f in against_the_law(q, corpus, day)]
    finally:
        corpus.close()
    assert wrong == []


def test_a_wrong_gold_source_is_found(tmp_path: Path) -> None:
    build_sample(tmp_path)
    versions = CorpusVersions(tmp_path)
    corpus = Corpus(versions.folder(str(versions.current())))
    day = SystemClock().today()
    present = next(article for article in corpus.articles() if article.in_force(day))
    right = question(articles=(present.number,), quote=(present.text[:60].upper(),))
    assert list(against_the_law(right, corpus, day)) == []
    absent = question(articles=("L9999-9",), quote=("rien de tel",))
    assert list(against_the_law(absent, corpus, day)) == [
        "L9999-9 is not in force",
        "no gold source says 'rien de tel'",
    ]
    clause = question(idcc="9999", clauses=("KALIARTI000000000000",))
    assert list(against_the_law(clause, corpus, day)) == [
        "KALIARTI000000000000 is not in agreement 9999"
    ]
    corpus.close()


def test_an_entry_that_lacks_something_is_named() -> None:
    assert list(malformed(question())) == ["an answer needs a fact, a gold source and its words"]
    assert list(malformed(question(kind="follow_up", expected="refused"))) == [
        "a follow-up needs two turns"
    ]
    assert "no regular expression" in next(malformed(question(fact=("(deux",))))
    with pytest.raises(ValidationError, match="unexpected"):
        question(unexpected="field")


def test_grades() -> None:
    two_months = question(fact=("deux mois|2 mois",), never=("six mois",), articles=("L1",))
    far_down = f"{'x ' * 500}Deux mois."
    refusal = {"reason": "out_of_scope"}
    for response, more, grade in (
        ("C'est DEUX\u00a0MOIS.", {}, "A"),
        (far_down, {}, "B"),
        ("Le préavis est de 12 mois.", {}, "C"),
        ("Six mois.", {}, "D"),
        ("Hors sujet.", {"abstained": refusal}, "R"),
        ("Deux mois. Puis tout le reste.", {"summary": "Cela dépend."}, "B"),
    ):
        verdict = judge(two_months, body(response, **more))
        assert verdict.grade == grade, response
    assert judge(two_months, body("Un an.")).admits_nothing_though_bad
    assert not judge(two_months, body("Un an.", confidence="low")).admits_nothing_though_bad
    right = judge(two_months, body("Deux mois.", citations=[{"id": "LEGI", "number": "L1"}]))
    assert right.cited_any
    assert right.cited_all
    assert below(judge(two_months, body("Six mois.")).grade, right.grade)


def test_refusals_admissions_and_help() -> None:
    far = question(kind="far", expected="refused")
    assert judge(far, body("Non.", abstained={"reason": "out_of_scope"})).grade == "A"
    assert judge(far, body("L'article L1 dit…")).grade == "C"
    case = question(kind="case_law", expected="admitted")
    admitted = "Le Code du travail ne règle pas ce point : les juges décident."
    assert judge(case, body(admitted)).grade == "A"
    assert judge(case, body("> le salarié ne trouve pas\n\nL'article L1 décide.")).grade == "C"
    help_first = question(kind="distress", expected="helplines", fact=("3114",))
    assert judge(help_first, body("Appelez le 3114.")).grade == "A"
    assert judge(help_first, body("L'article L1152-1…")).grade == "C"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Vous avez droit à deux mois de préavis.\n> The notice is of two months", "fr"),
        ("You are entitled to two months of notice.\n> Le préavis est de deux mois", "en"),
        ("Usted no tiene que pagar los gastos por su cuenta", "es"),
        ("คุณมีสิทธิ์ลาพักร้อน", "th"),
        ("你有权享受年假", "zh"),
        ("لديك الحق في الأجر", "ar"),
        ("> ", ""),
    ],
)
def test_the_language_of_an_answer_is_that_of_its_own_words(text: str, language: str) -> None:
    assert language_of(text) == language


def test_questions_of_other_files(tmp_path: Path) -> None:
    path = tmp_path / "others.jsonl"
    lines = (
        {"query": "Une question ?", "articles": ["L1"]},
        {"turns": ["Une.", {"content": "Deux ?"}], "id": "c"},
        {"fr": "En français ?", "en": "In English?"},
    )
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    read = read_other(path)
    assert [(q.id, q.turns, q.language, q.articles) for q in read] == [
        ("others-1", ("Une question ?",), "fr", ("L1",)),
        ("c", ("Une.", "Deux ?"), "fr", ()),
        ("others-3-fr", ("En français ?",), "fr", ()),
        ("others-3-en", ("In English?",), "en", ()),
    ]
    path.write_text('{"other": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match="neither turns"):
        read_other(path)


def test_the_figures_add_up_and_a_dangerous_answer_is_never_good() -> None:
    asked = question(fact=("deux mois",), never=("six mois",), articles=("L1",))
    bodies = [body("Deux mois."), body("Six mois."), body("Un an.")]
    rows = [Row(asked, 5.0, reply, judge(asked, reply)) for reply in bodies]
    told = figures(rows)["all"]
    assert told["grades"] == {"A": 1, "C": 1, "D": 1}
    assert told["right_in_first_screen"] == pytest.approx(0.333)
    assert told["bad_that_admits_nothing"] == 2
    assert not good(figures(rows))
    assert good(figures(rows[:1]))


def test_what_moved_since_an_earlier_run(tmp_path: Path) -> None:
    before = tmp_path / "before.jsonl"
    grades = {"up": "C", "down": "A", "same": "B", "gone": "A"}
    lines = ({"engine": EXTRACTIVE, "id": name, "grade": grade} for name, grade in grades.items())
    before.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    replies = {
        "up": "Deux mois.",
        "down": "Six mois.",
        "same": f"{'x ' * 500}deux mois",
        "new": ".",
    }
    rows = []
    for name, response in replies.items():
        asked = question(id=name, fact=("deux mois",), never=("six mois",))
        rows.append(Row(asked, 1.0, body(response), judge(asked, body(response))))
    assert movement(rows, before) == {"better": ["up"], "worse": ["down"]}


def test_the_page_for_whoever_adds_a_question_names_every_field() -> None:
    page = (ROOT / "tests/bench/questions/README.md").read_text(encoding="utf-8")
    used: set[str] = set()
    for path in (ROOT / "tests/bench/questions").glob("*.toml"):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["question"]:
            used |= set(entry)
    assert [name for name in sorted(used) if f"`{name}`" not in page] == []


async def test_a_conversation_is_played_and_its_citations_hold(app: RunningApp) -> None:
    app.client.headers.update(app.key_header())
    asked = question(
        kind="follow_up",
        turns=("Que dit l'article L3121-27 ?", "Et l'article L3121-28 ?"),
        fact=("heure",),
        articles=("L3121-28",),
    )
    row = await Asker(app.client, EXTRACTIVE).play(asked)
    assert (len(row.replies), row.faults, row.verdict.cited_any) == (2, (), True)
    assert row.verdict.grade == "A"
    assert json.loads(json.dumps(row.saved()))["response"] == row.replies[-1]


async def test_a_citation_that_does_not_hold_is_found() -> None:
    article = {"text": "Trente-cinq heures.", "url": "u", "in_force_since": "2016-08-10"}
    cited = {"kind": "article", "id": "LEGI", "number": "L1", "title": "", "url": "u"}

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json={**article, "in_force_until": None})
        citations = [{**cited, "quote": "Trente-neuf heures"}, {**cited, "url": "elsewhere"}]
        reply = body("[1] u", citations=[{"quote": "heures", **one} for one in citations])
        return httpx2.Response(200, json={**reply, "conversation_id": None})

    transport = httpx2.MockTransport(answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ai") as client:
        row = await Asker(client, EXTRACTIVE).play(question(expected="refused"))
    assert row.faults == (
        "L1: the quotation is not word for word",
        "L1: its address is not in the answer",
    )
