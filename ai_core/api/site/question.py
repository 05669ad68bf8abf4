"""GET and POST /question: a question and its answer as pages, for a browser without JavaScript.

The form becomes the request that the page at `/` would have sent to the API, with the page's key:
the same admission, limits, masking and conversation.
"""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from ai_core.access.keys import Scope
from ai_core.api.chat import chat, forget
from ai_core.api.dependencies import gate_of
from ai_core.api.direct_routes import ProcessingSlot, help_lines_for
from ai_core.api.feedback import feedback
from ai_core.api.page import examples
from ai_core.api.site.answer_markup import AnswerMarkup
from ai_core.api.site.api_requests import api_request
from ai_core.api.site.forms import read_form
from ai_core.api.site.frames import Frame, site_of
from ai_core.api.site.pages import Pages
from ai_core.errors import HostNotAllowed, OriginNotAllowed, UnknownConversation
from shared.ai.answer_parts import AnswerParts, answer_parts
from shared.ai.contract import MAX_PROMPT_CHARACTERS, ChatReply, Citation
from shared.errors import AppError, TooMany, Unavailable
from shared.languages import LANGUAGES, Language

MAX_FORM_BYTES = 256 * 1024
NUMBER = re.compile(r"[1-9]")
CONVERSATION = re.compile(r"[A-Za-z0-9_-]{8,64}")


class QuestionPages:
    """The form for a question, and the page of its answer."""

    def __init__(self, pages: Pages, key: str | None, *, keeps_verdicts: bool) -> None:
        """`key` is that of the page at `/`; None: questions are not answered here.

        Blocks on the disk.
        """
        self._pages = pages
        self._key = key
        self._keeps_verdicts = keeps_verdicts
        self._examples = examples()

    async def form(self, request: Request, language: Language) -> Response:
        """Return the form, with the example question that the address names by its number."""
        asked = dict(enumerate(self._examples[language], start=1))
        number = request.query_params.get("example", "")
        written = asked.get(int(number), "") if NUMBER.fullmatch(number) else ""
        facts = self._form_facts(written, "" if self._key else "no_key")
        return self._pages.show(request, "question.html", language, self._frame(language), **facts)

    async def ask(self, request: Request, language: Language) -> Response:
        """Return the answer, or the form again with what was wrong and what was written.

        Raises what `read_form` raises.
        """
        fields = await read_form(request, MAX_FORM_BYTES)
        question = fields.get("question", "").replace("\r\n", "\n").strip()
        if self._key is None:
            return self._again(language, question, "no_key", HTTPStatus.FORBIDDEN)
        if not question:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return self._again(language, question, "question_missing", status)
        body = _chat_body(question, fields.get("conversation", ""))
        asked = api_request(request, self._key, language, body)
        try:
            response = await _with_slot(chat, asked)
        except (TooMany, Unavailable) as refusal:
            refusal.said_first = await help_lines_for(asked)
            return self._failed(language, question, refusal)
        except AppError as error:
            return self._failed(language, question, error)
        if response.status_code != HTTPStatus.OK:  # the client has left
            return response
        return self._answer(question, ChatReply.model_validate_json(bytes(response.body)))

    async def erase(self, request: Request, language: Language) -> Response:
        """Erase a conversation. Raises what `read_form`, the gate and the store raise."""
        conversation = (await read_form(request, MAX_FORM_BYTES)).get("conversation", "")
        if self._key is None or not CONVERSATION.fullmatch(conversation):
            raise UnknownConversation
        asked = api_request(request, self._key, language, {})
        gate = gate_of(asked)
        caller = await gate.identify(asked, Scope.PUBLISHABLE)
        async with gate.admit(asked, caller):
            state = request.state
            await forget(
                *(conversation, caller, state.conversations),
                *(state.kept_conversations, state.event_writer),
            )
        return self._done(language, "erased")

    async def judge(self, request: Request, language: Language) -> Response:
        """Keep a verdict on an answer. Raises what `read_form`, the gate and the store raise."""
        fields = await read_form(request, MAX_FORM_BYTES)
        if self._key is None:
            raise UnknownConversation
        body = {name: fields.get(name, "") for name in ("answer_id", "verdict")}
        await _with_slot(feedback, api_request(request, self._key, language, body))
        return self._done(language, "judged")

    def _done(self, language: Language, what: str) -> Response:
        say = self._pages.templates.say
        frame = Frame("/question", say(f"{what}_title", language), indexed=False)
        return self._pages.tell("done.html", language, frame, what=what)

    def _failed(self, language: Language, question: str, error: AppError) -> Response:
        foreign = isinstance(error, HostNotAllowed | OriginNotAllowed)
        sentence = "" if foreign else self._pages.sentence(error, language)
        key = "not_from_here" if foreign else ""
        response = self._again(language, question, key, error.status, sentence)
        if error.retryable and error.retry_after_s:
            response.headers["Retry-After"] = str(int(error.retry_after_s) + 1)
        return response

    def _again(
        self, language: Language, question: str, key: str, status: int, sentence: str = ""
    ) -> Response:
        facts = self._form_facts(question, key) | {"sentence": sentence}
        return self._pages.tell("question.html", language, self._frame(language), status, **facts)

    def _form_facts(self, question: str, key: str) -> dict[str, object]:
        return {
            "question": question,
            "fault": key,
            "sentence": "",
            "limit": MAX_PROMPT_CHARACTERS,
            "open": self._key is not None,
        }

    def _frame(self, language: Language) -> Frame:
        say = self._pages.templates.say
        title, about = say("question_title", language), say("question_description", language)
        return Frame("/question", title, about, indexed=False)

    def _answer(self, question: str, reply: ChatReply) -> Response:
        say = self._pages.templates.say
        language: Language = next((one for one in LANGUAGES if one == reply.language), "fr")
        labels = {
            number: say("source_number", language, number=number, name=one.number or one.title)
            for number, one in enumerate(reply.citations, start=1)
        }
        parts = answer_parts(reply.response, reply.sections)
        markup = AnswerMarkup(reply, labels)
        title = say("answer_title", language, question=_shortened(question))
        return self._pages.tell(
            "answer.html",
            language,
            Frame("/question", title, indexed=False),
            question=question,
            lead=markup.of(parts.lead),
            sections=[(one.title, markup.of(one.text)) for one in parts.read_first],
            folded=[(one.title, markup.of(one.text)) for one in parts.folded],
            closing=markup.of(_closing(parts, reply)),
            sources=[self._source(one, language) for one in reply.citations],
            reply=reply,
            keeps_verdicts=self._keeps_verdicts and bool(reply.answer_id),
            limit=MAX_PROMPT_CHARACTERS,
        )

    def _source(self, citation: Citation, language: Language) -> dict[str, object]:
        say, day = self._pages.templates.say, citation.in_force_since or citation.updated
        names = {
            "article": say("article_name", language, number=citation.number),
            "fiche": say("fiche_name", language),
            "agreement": citation.number,
        }
        dated = f"dated_{citation.kind}"
        shown = self._pages.templates.day(day, language) if day else ""
        return {
            "name": names[citation.kind],
            "title": citation.title,
            "url": citation.url if citation.url.startswith("https://") else "",
            "on": site_of(citation.url),
            "dated": say(dated, language, day=shown) if shown else "",
        }


def _chat_body(question: str, conversation: str) -> dict[str, object]:
    body: dict[str, object] = {
        "messages": [{"role": "user", "content": question}],
        "fallback": "extractive",
    }
    if CONVERSATION.fullmatch(conversation):
        body["conversation_id"] = conversation
    return body


async def _with_slot(route: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    """Return what a direct route answers; it takes a processing slot as its own request would."""
    slot = request.scope["slot"] = ProcessingSlot(request.scope["state"]["concurrency"])
    try:
        return await route(request)
    finally:
        slot.release()


TITLE_CHARACTERS = 80


def _shortened(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= TITLE_CHARACTERS else f"{line[:TITLE_CHARACTERS].rstrip()}…"


def _closing(parts: AnswerParts, reply: ChatReply) -> str:
    """Return what closes an answer, without the question back, which is shown with its choices."""
    asked = reply.clarification.question if reply.clarification else None
    paragraphs = parts.closing.split("\n\n")
    kept = [one for one in paragraphs if not (asked and asked in one)]
    return "\n\n".join(kept)
