"""Knowledge entries: list and search, editor, checks, versions, publication, files, trials."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, cast

from starlette.responses import Response

from ai_core.answering.trial import Trials
from ai_core.api.console.entry_form import (
    APPLIES,
    BOUNDS,
    CALCULATORS,
    CATEGORIES,
    VARIABLES,
    WHEN,
    body_of,
    one_line,
    read_file,
    read_form,
    written_file,
)
from ai_core.api.console.rendering import SECURITY
from ai_core.api.console.routing import ROOT, Screens
from ai_core.api.console.visit import Visit
from ai_core.console.entry_drafts import EntryDrafts
from ai_core.console.roles import Action
from ai_core.errors import ConsoleRefusal, CorpusMissing
from ai_core.knowledge.entries_in_use import CheckedEntries, EntriesInUse
from ai_core.knowledge.faults import Fault
from ai_core.records import questions
from ai_core.records.entry_store import Body, WrittenVersion
from shared.languages import LANGUAGES
from shared.privacy.folding import fold

screens = Screens()
KNOWLEDGE = f"{ROOT}/knowledge"
FORM_BYTES = 512 * 1024
LONGEST_QUESTION = 2_000
SHOWN = 100
STATES = ("draft", "published", "file", "withheld")


@dataclass(frozen=True, slots=True)
class Row:
    """An entry in the list: a file's, a published one or a draft that waits."""

    topic_id: str
    question: str
    category: str
    languages: Sequence[str]
    states: Sequence[str]


def drafts_of(visit: Visit) -> EntryDrafts:
    """Return what changes entries."""
    state = visit.request.state
    return EntryDrafts(
        *(visit.desk.records, state.entry_store, visit.desk.audit),
        *(state.entries, state.published),
    )


def trials_of(visit: Visit) -> Trials:
    """Return what answers questions for editors."""
    return cast(Trials, visit.request.state.trials)


async def in_use(visit: Visit) -> EntriesInUse:
    """Return the entries in use; none without a law."""
    try:
        return await cast(CheckedEntries, visit.request.state.entries).current()
    except CorpusMissing:
        return EntriesInUse()


@screens.page("/knowledge", Action.KNOWLEDGE_READ)
async def show_knowledge(visit: Visit) -> Response:
    """List the entries that a search lets through."""
    wanted, category, state = visit.query("q"), visit.query("category"), visit.query("state")
    state_of = visit.request.state
    published = {entry.topic_id for entry in state_of.published.entries}
    latest = await state_of.entry_store.latest()
    rows = _rows(await in_use(visit), latest, published, visit.language)
    found = [
        row
        for row in rows
        if (not category or row.category == category)
        and (not state or state in row.states)
        and _has_words(row, wanted)
    ]
    return visit.page(
        "knowledge.html",
        rows=found[:SHOWN],
        found=len(found),
        filters={"q": wanted, "category": category, "state": state},
        categories=CATEGORIES,
        states=STATES,
    )


@screens.page("/knowledge/new", Action.KNOWLEDGE_EDIT)
async def show_new(visit: Visit) -> Response:
    """Show an empty form, or one filled from a question to improve."""
    answer_id = str(visit.typed("answer_id", visit.query("question")))
    body: dict[str, Any] = {"category": "contract"}
    if answer_id:
        question, _ = await questions.one(visit.desk.records, answer_id)
        if question and question.text:
            text = " ".join(question.text.split())[:600]
            body |= {
                "question": {question.language: text},
                "phrasings": {question.language: [text]},
            }
            if question.topic:
                body["category"] = question.topic
    if visit.form:
        body = read_form(visit, body)
    return _form(visit, body, base=0, answer_id=answer_id)


@screens.form("/knowledge/new", Action.KNOWLEDGE_EDIT, back=show_new, max_bytes=FORM_BYTES)
async def add(visit: Visit) -> Response:
    """Save the first version of an entry."""
    body = read_form(visit, {})
    await drafts_of(visit).save(visit.actor, body, 0)
    answer_id = visit.text("answer_id")
    if answer_id:
        async with visit.desk.records.transaction() as db:
            topic = str(body["topic_id"])
            await questions.link(db, answer_id, topic, visit.desk.clock.now())
        return visit.to(f"{ROOT}/questions/{answer_id}", "entry_saved")
    return visit.to(f"{KNOWLEDGE}/{body['topic_id']}", "entry_saved")


@screens.page("/knowledge/import", Action.KNOWLEDGE_EDIT)
async def show_import(visit: Visit) -> Response:
    """Show the form that takes an entry file."""
    return visit.page("import.html", written=visit.typed("file"))


@screens.form("/knowledge/import", Action.KNOWLEDGE_EDIT, back=show_import, max_bytes=FORM_BYTES)
async def take_file(visit: Visit) -> Response:
    """Save what an entry file holds as a draft."""
    body = read_file(visit.secret("file", FORM_BYTES))
    topic = str(body.get("topic_id", ""))
    held = await drafts_of(visit).versions(topic)
    await drafts_of(visit).save(visit.actor, body, held[0].version if held else 0)
    return visit.to(f"{KNOWLEDGE}/{topic}", "entry_saved")


@screens.page("/knowledge/{name}", Action.KNOWLEDGE_READ)
async def show_entry(visit: Visit) -> Response:
    """Show an entry, what is wrong with it, its versions, and what a trial gave."""
    return await _entry_page(visit)


@screens.page("/knowledge/{name}/file", Action.KNOWLEDGE_READ)
async def give_file(visit: Visit) -> Response:
    """Return the latest version as an entry file."""
    topic, body, _ = await _found(visit)
    headers = {**SECURITY, "Content-Disposition": f'attachment; filename="{topic}.toml"'}
    return Response(written_file(body), headers=headers, media_type="application/toml")


@screens.page("/knowledge/{name}/edit", Action.KNOWLEDGE_EDIT)
async def show_edit(visit: Visit) -> Response:
    """Show the form of an entry."""
    _, body, held = await _found(visit)
    base = held[0].version if held else 0
    return _form(visit, read_form(visit, body) if visit.form else body, base=base)


@screens.form("/knowledge/{name}/edit", Action.KNOWLEDGE_EDIT, back=show_edit, max_bytes=FORM_BYTES)
async def save(visit: Visit) -> Response:
    """Save a version; it answers once it is published."""
    topic, body, held = await _found(visit)
    base = int(visit.text("base", 9) or 0)
    if base != (held[0].version if held else 0):
        raise ConsoleRefusal("entry_changed_meanwhile")
    await drafts_of(visit).save(visit.actor, {**read_form(visit, body), "topic_id": topic}, base)
    return visit.to(f"{KNOWLEDGE}/{topic}", "entry_saved")


@screens.form("/knowledge/{name}/publish", Action.KNOWLEDGE_PUBLISH, back=show_entry)
async def publish(visit: Visit) -> Response:
    """Let a version answer."""
    topic = _topic(visit)
    await drafts_of(visit).publish(visit.actor, topic, visit.whole("version") or 0)
    return visit.to(f"{KNOWLEDGE}/{topic}", "entry_published")


@screens.form("/knowledge/{name}/withdraw", Action.KNOWLEDGE_PUBLISH, back=show_entry)
async def withdraw(visit: Visit) -> Response:
    """Let no version answer."""
    topic = _topic(visit)
    await drafts_of(visit).withdraw(visit.actor, topic)
    return visit.to(f"{KNOWLEDGE}/{topic}", "entry_withdrawn")


@screens.form("/knowledge/{name}/try", Action.KNOWLEDGE_EDIT, back=show_entry)
async def try_entry(visit: Visit) -> Response:
    """Ask a question as it is answered now, and as the latest version would answer it."""
    question = visit.text("question", LONGEST_QUESTION)
    if not question:
        raise ConsoleRefusal("question_empty")
    _, body, _ = await _found(visit)
    return await _entry_page(visit, await side_by_side(visit, question, body), question)


async def side_by_side(visit: Visit, question: str, body: Body | None) -> Mapping[str, Any]:
    """Return the answer of now and, where the draft can be read, the one it would make."""
    trials = trials_of(visit)
    draft = (await drafts_of(visit).check(body)).entry if body else None
    now = await trials.answer(question, visit.language)
    after = await trials.answer(question, visit.language, draft) if draft else None
    return {"now": now, "after": after, "topic": draft.topic_id if draft else ""}


def _said(visit: Visit, fault: Fault) -> str:
    """Return what is wrong, in the language of the desk."""
    say, facts = visit.pages.texts.say, dict(fault.facts)
    if "language" in facts:
        named = say(f"in_{facts.pop('language')}", visit.language)
        facts["spoken"] = named.lower() if visit.language == "fr" else named
    if "unit" in facts:
        facts["unit"] = say(f"unit_{facts['unit']}", visit.language)
    return say(f"entry_fault_{fault.kind}", visit.language, **facts)


async def _entry_page(
    visit: Visit, tried: Mapping[str, Any] | None = None, question: str = ""
) -> Response:
    topic, body, held = await _found(visit)
    used = await in_use(visit)
    checked = await drafts_of(visit).check(body)
    answers = next((one for one in held if one.answers), None)
    return visit.page(
        "entry.html",
        topic=topic,
        body=body,
        checked=checked,
        faults=[(fault.place, _said(visit, fault)) for fault in checked.faults],
        versions=held,
        answers=answers,
        answering=topic in used.entries,
        languages=[one for one in LANGUAGES if body.get("answer", {}).get(one)],
        tried=tried,
        question=question,
    )


async def _found(visit: Visit) -> tuple[str, Body, list[WrittenVersion]]:
    """Return the topic of the path, its latest body, and its versions. Raises ConsoleRefusal."""
    topic = _topic(visit)
    held = await drafts_of(visit).versions(topic)
    if held:
        return topic, held[0].body, held
    entry = (await in_use(visit)).entries.get(topic)
    if entry is None:
        raise ConsoleRefusal("entry_unknown")
    return topic, body_of(entry), []


def _topic(visit: Visit) -> str:
    return str(visit.request.path_params["name"])[:80]


def _form(visit: Visit, body: Body, *, base: int, answer_id: str = "") -> Response:
    return visit.page(
        "entry_form.html",
        body=body,
        base=base,
        new=not visit.request.path_params.get("name"),
        answer_id=answer_id,
        categories=CATEGORIES,
        variables=VARIABLES,
        calculators=CALCULATORS,
        languages=LANGUAGES,
        applies_facts=APPLIES,
        when_facts=WHEN,
        bounds=BOUNDS,
        one_line=one_line,
    )


def _rows(
    used: EntriesInUse, saved: Sequence[WrittenVersion], published: Set[str], language: str
) -> list[Row]:
    """Return the entries in use, the withheld ones and the drafts, by topic."""
    own = {one.topic_id: one for one in saved}
    rows = []
    for topic in sorted({*used.entries, *own, *used.withheld}):
        entry, version = used.entries.get(topic), own.get(topic)
        states = ["draft"] if version and not version.answers else []
        if topic in used.withheld:
            states.append("withheld")
        elif entry:
            states.append("published" if topic in published else "file")
        if version:
            asked = version.body.get("question", {})
            category, languages = str(version.body.get("category", "")), _languages(version.body)
        elif entry:
            asked = dict(entry.question.written())
            category, languages = entry.category, list(entry.languages())
        else:
            asked, category, languages = {}, "", []
        told = asked.get(language) or asked.get("fr") or asked.get("en") or topic
        rows.append(Row(topic, told, category, languages, states))
    return rows


def _languages(body: Body) -> list[str]:
    return [one for one in LANGUAGES if body.get("answer", {}).get(one)]


def _has_words(row: Row, wanted: str) -> bool:
    """Whether every word that was typed is in the row's question or topic."""
    told = fold(f"{row.question} {row.topic_id.replace('-', ' ')} {row.topic_id}").folded
    return all(word in told for word in fold(wanted).folded.split())
