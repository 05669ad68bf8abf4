"""Questions to improve: refused, answered without confidence, thumbed down."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlencode

from starlette.responses import Response

from ai_core.api.console.entry_form import body_of
from ai_core.api.console.knowledge import drafts_of, in_use, side_by_side, trials_of
from ai_core.api.console.routing import ROOT, Screens
from ai_core.api.console.visit import Visit
from ai_core.console.entry_drafts import with_phrasing
from ai_core.console.roles import Action
from ai_core.errors import ConsoleRefusal
from ai_core.records import questions
from ai_core.records.questions import Accuracy, Fault, QuestionFilter, QuestionToImprove

screens = Screens()
QUESTIONS = f"{ROOT}/questions"
FAULTS: tuple[Fault, ...] = get_args(Fault)
JUDGEMENTS: tuple[Accuracy, ...] = get_args(Accuracy)
DAYS = (1, 7, 30, 90)
ROWS = 50


@screens.page("/questions", Action.QUESTIONS_READ)
async def show_questions(visit: Visit) -> Response:
    """List the latest questions that wait for somebody, and how right answers were judged."""
    now = visit.desk.clock.now()
    fault, days = visit.query("fault"), visit.query("days")
    back = int(days) if days.isdecimal() and int(days) in DAYS else 7
    since, everything = now - timedelta(days=back), visit.query("closed") == "yes"
    wanted = QuestionFilter(
        since=since,
        faults=frozenset({fault}) if fault in FAULTS else frozenset(FAULTS),
        closed=everything,
        before=_moment(visit.query("before")),
    )
    rows = await questions.to_improve(visit.desk.records, wanted, ROWS + 1)
    kept = {"fault": fault, "days": str(back), "closed": "yes" if everything else ""}
    kept = {name: value for name, value in kept.items() if value}
    older = urlencode({**kept, "before": rows[ROWS - 1].at.isoformat()}) if len(rows) > ROWS else ""
    return visit.page(
        "questions.html",
        rows=rows[:ROWS],
        older=older,
        fault=fault,
        days=back,
        closed=everything,
        faults=FAULTS,
        day_choices=DAYS,
        accuracy=await questions.accuracy(visit.desk.records, now - timedelta(days=30)),
        kept_words=visit.desk.records.settings.keep_questions,
    )


@screens.page("/questions/{name}", Action.QUESTIONS_READ)
async def show_question(visit: Visit) -> Response:
    """Show a question, what was wrong with its answer, and what may mend it."""
    return await _question_page(visit)


@screens.form("/questions/{name}/try", Action.QUESTIONS_JUDGE, back=show_question)
async def try_question(visit: Visit) -> Response:
    """Ask the question again: as it is answered now, and with the draft that was made for it."""
    question = await _found(visit)
    held = await drafts_of(visit).versions(question.drafted) if question.drafted else []
    body = held[0].body if held else None
    return await _question_page(visit, await side_by_side(visit, _words(question), body))


@screens.form("/questions/{name}/phrasing", Action.KNOWLEDGE_EDIT, back=show_question)
async def add_phrasing(visit: Visit) -> Response:
    """Add the question to the phrasings of an entry, as a draft of it."""
    question, topic = await _found(visit), visit.text("topic", 80)
    drafts = drafts_of(visit)
    held = await drafts.versions(topic)
    entry = (await in_use(visit)).entries.get(topic)
    if held:
        body, base = held[0].body, held[0].version
    elif entry:
        body, base = body_of(entry), 0
    else:
        raise ConsoleRefusal("entry_unknown")
    words = " ".join(_words(question).split())[:600]
    await drafts.save(visit.actor, with_phrasing(body, question.language, words), base)
    async with visit.desk.records.transaction() as db:
        await questions.link(db, question.answer_id, topic, visit.desk.clock.now())
    return visit.to(f"{QUESTIONS}/{question.answer_id}", "phrasing_added")


@screens.form("/questions/{name}/judge", Action.QUESTIONS_JUDGE, back=show_question)
async def judge(visit: Visit) -> Response:
    """Keep how right an answer was."""
    question, accuracy = await _found(visit), visit.text("accuracy")
    if accuracy not in JUDGEMENTS:
        raise ConsoleRefusal("accuracy_unknown")
    async with visit.desk.records.transaction() as db:
        now = visit.desk.clock.now()
        await questions.judge(db, question.answer_id, accuracy, now)
        await visit.desk.audit.write_in(
            db, visit.actor, "questions.judge", question.answer_id, accuracy=accuracy
        )
    return visit.to(f"{QUESTIONS}/{question.answer_id}", "judged")


@screens.form("/questions/{name}/close", Action.QUESTIONS_JUDGE, back=show_question)
async def close(visit: Visit) -> Response:
    """Take a question off the list, or put it there again."""
    question = await _found(visit)
    closed = not question.closed
    async with visit.desk.records.transaction() as db:
        now = visit.desk.clock.now()
        await questions.close(db, question.answer_id, now, closed=closed)
        verb = "questions.close" if closed else "questions.reopen"
        await visit.desk.audit.write_in(db, visit.actor, verb, question.answer_id)
    return visit.to(QUESTIONS, "question_closed" if closed else "question_reopened")


async def _question_page(visit: Visit, tried: Mapping[str, Any] | None = None) -> Response:
    question, remarks = await questions.one(visit.desk.records, _answer_id(visit))
    if question is None:
        raise ConsoleRefusal("question_unknown")
    used = await in_use(visit)
    near = await trials_of(visit).near(question.text) if question.text else []
    return visit.page(
        "question.html",
        question=question,
        remarks=remarks,
        near=near,
        topics=sorted(used.entries),
        judgements=JUDGEMENTS,
        tried=tried,
    )


async def _found(visit: Visit) -> QuestionToImprove:
    question, _ = await questions.one(visit.desk.records, _answer_id(visit))
    if question is None:
        raise ConsoleRefusal("question_unknown")
    return question


def _words(question: QuestionToImprove) -> str:
    """Return the words of a question. Raises ConsoleRefusal where they are not kept."""
    if not question.text:
        raise ConsoleRefusal("words_not_kept")
    return question.text


def _answer_id(visit: Visit) -> str:
    return str(visit.request.path_params["name"])[:64]


def _moment(written: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found if found.tzinfo else None
