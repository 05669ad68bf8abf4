"""Questions to improve and knowledge entries at the desk, over HTTP: asked again, answered."""

import html
import re
import tomllib
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx2
import pytest
import tomlkit

from ai_core.access.keys import Scope
from ai_core.console.roles import Role
from ai_core.records.events import AnswerEvent
from shared.languages import LANGUAGES
from tests.ai_core.conftest import SampleLibrary
from tests.ai_core.console.conftest import UNUSED, Browser, RunningDesk
from tests.ai_core.console.filled_form import filled_fields
from tests.knowledge.invented import LAW, RESIGNING

pytestmark = pytest.mark.slow

QUESTION = "Je démissionne de mon emploi : quel préavis dois-je respecter avant de partir ?"
ENTRY = tomllib.loads(RESIGNING) | {"related": []}
NEXT = re.compile(r'href="(/console/questions/[\w-]+)">([^<]+)<')


@pytest.fixture(autouse=True)
def law(desk: RunningDesk) -> Iterator[None]:
    """Have the law say what the invented entries quote."""
    library = cast(SampleLibrary, desk.state["library"])
    before, library.wordings_of = library.wordings_of, dict(LAW)
    yield
    library.wordings_of = before


@pytest.fixture
async def owner(desk: RunningDesk) -> AsyncIterator[Browser]:
    browser, _ = await desk.signed_in(Role.OWNER)
    yield browser
    await desk.on(emptied(desk))


async def emptied(desk: RunningDesk) -> None:
    """Withdraw what a test published and saved, and forget its questions."""
    async with desk.desk.records.transaction() as db:
        await db.execute(
            "TRUNCATE entries, entry_versions, questions, events, feedback, question_reviews"
        )
    await desk.state["published"].refresh()


def form_of(entry: dict[str, Any], **changed: str) -> dict[str, str]:
    """Return the fields of the form that an entry fills."""
    fields = {
        "topic_id": entry["topic_id"],
        "category": entry["category"],
        "tags": ", ".join(entry["tags"]),
        "base": "0",
        "source_0_article": "L1237-1",
        "source_0_fragments": "doit un préavis de deux mois",
    }
    for language in LANGUAGES:
        for name in ("question", "answer"):
            fields[f"{name}_{language}"] = entry[name][language]
        fields[f"phrasings_{language}"] = "\n".join(entry["phrasings"][language])
        for kind in ("conditions", "steps"):
            for n, line in enumerate(entry[kind]):
                fields[f"{kind}_{n}_{language}"] = line[language]
    return fields | changed


async def ask(desk: RunningDesk, question: str) -> dict[str, Any]:
    """Ask as a program does."""
    made = await desk.on(desk.desk.ring.create(f"asks {desk.number}", Scope.INFERENCE))
    desk.number += 1
    async with httpx2.AsyncClient(base_url=desk.url, timeout=60, verify=UNUSED) as client:
        headers = {"X-API-Key": made.secret, "X-Channel": "telegram"}
        answer = await client.post("/api/v1/generate", json={"prompt": question}, headers=headers)
        reply: dict[str, Any] = answer.json()
        verdict = {"answer_id": reply["answer_id"], "verdict": "down", "comment": "Pas clair"}
        told = await client.post("/api/v1/feedback", json=verdict, headers=headers)
    assert (answer.status_code, told.status_code) == (200, 204)
    await desk.on(desk.state["event_writer"].written())
    return reply


async def did(desk: RunningDesk, subject: str) -> list[str]:
    return [row.action for row in await desk.rows(subject=subject)]


async def test_a_bad_answer_becomes_an_entry_and_the_question_is_answered_without_restart(
    desk: RunningDesk, owner: Browser
) -> None:
    before = await ask(desk, QUESTION)
    assert not before["entries"]
    listed = await owner.get("/console/questions?fault=disliked")
    [(path, words)] = NEXT.findall(listed.text)
    assert words == QUESTION
    assert "1 contre" in listed.text
    shown = await owner.get(path)
    assert "Pas clair" in shown.text
    link = f"/console/knowledge/new?question={before['answer_id']}"
    assert link in shown.text
    form = await owner.get(link)
    assert form.text.count(QUESTION) == 2  # the question, and its first phrasing
    saved = await owner.post(
        "/console/knowledge/new", form_of(ENTRY, answer_id=before["answer_id"])
    )
    assert saved.headers["location"] == f"{path}?done=entry_saved"
    assert not (await ask(desk, QUESTION))["entries"], "a draft does not answer"
    await owner.get(path)
    tried = await owner.post(f"{path}/try")
    assert "Réponse en service" in tried.text
    after = tried.text.partition("Avec le brouillon")[2]
    assert "Deux mois, que vous soyez cadre" in after
    assert "Deux mois, que vous soyez cadre" not in tried.text.partition("Avec le brouillon")[0]
    page = await owner.get("/console/knowledge/resigning")
    assert "Les contrôles sont passés" in page.text
    for language in LANGUAGES:
        assert ENTRY["answer"][language] in page.text
    published = await owner.post("/console/knowledge/resigning/publish", {"version": "1"})
    assert published.headers["location"].endswith("?done=entry_published")
    answered = await ask(desk, QUESTION)
    assert [one["topic_id"] for one in answered["entries"]] == ["resigning"]
    assert "Deux mois, que vous soyez cadre" in answered["summary"]
    await judged_closed_and_withdrawn(desk, owner, path)


async def judged_closed_and_withdrawn(desk: RunningDesk, owner: Browser, path: str) -> None:
    """Do the rest of what is done with a question and its entry, and find it in the audit log."""
    published = await owner.get("/console/knowledge?state=published")
    assert "/console/knowledge/resigning" in published.text
    await owner.post(f"{path}/judge", {"accuracy": "wrong"})
    await owner.post(f"{path}/close")
    assert path not in (await owner.get("/console/questions")).text
    assert path in (await owner.get("/console/questions?closed=yes")).text
    withdrawn = await owner.post("/console/knowledge/resigning/withdraw")
    assert withdrawn.headers["location"].endswith("?done=entry_withdrawn")
    assert not (await ask(desk, QUESTION))["entries"]
    knowledge = ["knowledge.withdraw", "knowledge.publish", "knowledge.save"]
    assert (await did(desk, "knowledge"))[:3] == knowledge
    assert (await did(desk, "questions"))[:2] == ["questions.close", "questions.judge"]


async def test_a_draft_with_faults_is_kept_and_cannot_be_published(
    desk: RunningDesk, owner: Browser
) -> None:
    await owner.get("/console/knowledge/new")
    wrong = form_of(
        ENTRY,
        answer_fr="Trois mois [L1237-1].",
        source_0_fragments="doit un préavis de six semaines",
        phrasings_en="one only",
    )
    await owner.post("/console/knowledge/new", wrong)
    page = await owner.get("/console/knowledge/resigning")
    for fault in (
        "<code>answer</code> – aucun passage de la loi ne dit 3 mois",
        "<code>phrasings.en</code> – 1 formulations, il en faut au moins 6",
        "<code>answer</code> – anglais : ne dit pas 3 mois",
        "<code>sources</code> – L1237-1 ne dit pas « doit un préavis de six semaines »",
    ):
        assert fault in html.unescape(page.text), fault
    refused = await owner.post("/console/knowledge/resigning/publish", {"version": "1"})
    assert refused.status_code == 422
    assert "ne passe pas les contrôles" in refused.text
    assert (await did(desk, "knowledge"))[0] == "knowledge.save"


async def test_a_phrasing_is_added_and_two_editors_do_not_overwrite_each_other(
    desk: RunningDesk, owner: Browser
) -> None:
    await owner.get("/console/knowledge/import")
    await owner.post("/console/knowledge/import", {"file": RESIGNING.replace('["holidays"]', "[]")})
    bad = await ask(desk, QUESTION)
    path = f"/console/questions/{bad['answer_id']}"
    await owner.get(path)
    added = await owner.post(f"{path}/phrasing", {"topic": "resigning"})
    assert added.headers["location"] == f"{path}?done=phrasing_added"
    file = await owner.get("/console/knowledge/resigning/file")
    exported = tomllib.loads(file.text)
    assert exported["phrasings"]["fr"] == [*ENTRY["phrasings"]["fr"], QUESTION]
    assert exported["conditions"] == ENTRY["conditions"], "whom a line concerns is kept"
    assert exported["checked_on"] == ENTRY["checked_on"]
    again = await owner.post(f"{path}/phrasing", {"topic": "resigning"})
    assert "Cette formulation y figure déjà" in again.text
    stale = await owner.post("/console/knowledge/resigning/edit", form_of(ENTRY, base="1"))
    assert "Une autre version existe déjà" in stale.text
    edited = await owner.post("/console/knowledge/resigning/edit", form_of(ENTRY, base="2"))
    assert edited.headers["location"].endswith("?done=entry_saved")
    assert (await owner.get("/console/knowledge/resigning/file")).text.count("cadre") > 0
    listed = await owner.get("/console/knowledge?q=demissionne&state=draft")
    assert "/console/knowledge/resigning" in listed.text
    assert "/console/knowledge/resigning" not in (await owner.get("/console/knowledge?q=zzz")).text


async def test_an_entry_is_edited_without_loss_of_any_field(
    desk: RunningDesk, owner: Browser
) -> None:
    """Whom it is for, clauses and guides, line ends of the law, no-break spaces too."""
    nobody = {"fr": "Personne\u00a0: rien.", "en": "Nobody: nothing."}
    every = {
        "contract": ["cdi", "interim"],
        "category": ["cadre", "ouvrier"],
        "role": ["employee"],
        "working_time": ["part_time"],
        "events": ["demission", "retraite"],
        "seniority_months_from": 12,
        "seniority_months_below": 24,
        "headcount_from": 11,
        "headcount_below": 50,
    }
    clause = {"idcc": "1486", "clause": "KALIARTI000005851401", "name": "Syntec, article 15"}
    entry = ENTRY | {
        "depends_on": ["agreement", "region"],
        "related": ["holidays"],
        "calculator": "resignation_notice",
        "checked_by": "lawyer",
        "applies": {"sector": ["private", "public"], "contract": ["cdi"], "role": ["employer"]},
        "conditions": [*ENTRY["conditions"], nobody | {"when": every}],
        "steps": [*ENTRY["steps"], nobody],
        "sources": [
            {"article": "L1237-1", "fragments": ["doit un préavis\nde deux mois", "Le salarié"]},
            clause | {"fragments": ["trois mois"]},
            {"fiche": "abc-12", "fragments": ["Le préavis"]},
        ],
        "test_phrasings": {"fr": ["partir vite ?"], "en": ["leave soon?"]},
        "checked_on": desk.desk.clock.today(),
    }
    file = tomlkit.dumps(entry)
    await owner.get("/console/knowledge/import")
    await owner.post("/console/knowledge/import", {"file": file})
    before = tomllib.loads((await owner.get("/console/knowledge/resigning/file")).text)
    assert before == tomllib.loads(file)
    fields = filled_fields((await owner.get("/console/knowledge/resigning/edit")).text)
    edited = await owner.post("/console/knowledge/resigning/edit", fields)
    assert edited.headers["location"].endswith("?done=entry_saved")
    after = tomllib.loads((await owner.get("/console/knowledge/resigning/file")).text)
    assert after == before

    fields = filled_fields((await owner.get("/console/knowledge/resigning/edit")).text)
    fields |= {"conditions_2_category": ["etam"], "conditions_2_headcount_from": ["beaucoup"]}
    await owner.post("/console/knowledge/resigning/edit", fields)
    page = html.unescape((await owner.get("/console/knowledge/resigning")).text)
    assert "n’est pas un nombre entier" in page
    last = tomllib.loads((await owner.get("/console/knowledge/resigning/file")).text)
    assert last["conditions"][2]["when"] == every | {
        "category": ["etam"],
        "headcount_from": "beaucoup",
    }


async def test_words_that_are_not_kept_are_not_shown(desk: RunningDesk, owner: Browser) -> None:
    event = AnswerEvent(
        at=desk.desk.clock.now(),
        answer_id="without-words",
        channel="mail",
        language="fr",
        outcome="refused",
        model="extractive",
        cached=False,
        latency_ms=5,
        reason="no_source",
    )
    desk.loop.call_soon_threadsafe(desk.state["event_writer"].put, event)
    await desk.on(desk.state["event_writer"].written())
    assert "Mots non conservés" in (await owner.get("/console/questions")).text
    shown = await owner.get("/console/questions/without-words")
    assert "aucune source" in shown.text
    refused = await owner.post("/console/questions/without-words/try")
    assert (refused.status_code, "ne sont pas conservés" in refused.text) == (422, True)
    gone = await owner.get("/console/questions/nothing-here")
    assert "plus conservée" in gone.text


async def test_today_counts_what_was_asked_and_shows_no_words(
    desk: RunningDesk, owner: Browser
) -> None:
    canary = "Mon cousin Barnabé tient la cantine du port"
    await ask(desk, canary)
    await ask(desk, QUESTION)
    page = (await owner.get("/console/today")).text
    assert re.search(r"<strong>2 </strong> Réponses", page)
    assert re.search(r"<strong>0 %</strong> avis favorables", page)
    assert "rien la semaine d’avant" in page
    assert re.search(r"Telegram</th>\s*<td class=\"figure\">2</td>", page)
    assert "Barnabé" not in page
    drawn = await owner.get("/console/today/hours")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.headers["content-security-policy"].startswith("default-src 'none'")
    assert "Refusées" in drawn.text
    reader, _ = await desk.signed_in(Role.READER)
    assert (await reader.get("/console/today")).status_code == 200
    assert (await reader.get("/console/questions")).status_code == 403


async def test_a_field_that_is_too_long_is_shown_again_with_what_is_wrong(owner: Browser) -> None:
    await owner.get("/console/knowledge/new")
    answer = await owner.post(
        "/console/knowledge/new", form_of(ENTRY, question_fr="Quel préavis ? " * 2_000)
    )
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.status_code == 422
    assert "caractères" in answer.text
    assert 'name="question_fr"' in answer.text
