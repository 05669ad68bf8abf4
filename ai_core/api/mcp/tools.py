"""The tools of `/mcp`: what each is told to a model as, and what it does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Message as AsgiMessage

from ai_core.access.gate import Caller, Permit
from ai_core.answering.boilerplate import read_texts
from ai_core.answering.question import safe
from ai_core.api.admission import Admitted
from ai_core.api.agreements import agreements_meant
from ai_core.api.calculators import agreements_with_rules, calculated, described
from ai_core.api.dependencies import requester_of, resolver_of, responder_of
from ai_core.api.direct_routes import ProcessingSlot
from ai_core.api.mcp.arguments import (
    AgreementArguments,
    AgreementsFound,
    ArticleArguments,
    ArticleText,
    AskArguments,
    CalculateArguments,
    CalculatorArguments,
    LegalAnswer,
    PassagesFound,
    SearchArguments,
    ToolArguments,
)
from ai_core.api.search import article_reply, passage_reply
from ai_core.law.records import SourceKind
from shared.ai.contract import (
    CalculationReply,
    CalculationRequest,
    CalculatorReply,
    ChatReply,
    ChatRequest,
    Message,
)
from shared.languages import Language, preferred_language

_TEXTS = read_texts()
CHANNEL = (b"x-channel", b"mcp")
_NOT_PASSED_ON = {b"idempotency-key", b"x-channel"}


class Admission(NamedTuple):
    """Who sent a message, the permit it holds, and its body."""

    caller: Caller
    permit: Permit
    content: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool: the request it came with, who calls, and in which language to speak."""

    request: Request
    admission: Admission
    language: Language

    @classmethod
    def of(cls, request: Request, language: Language | None) -> "ToolCall":
        """Return the call of a request; without a `language`, that of its headers."""
        told = preferred_language(request.headers.get("accept-language"))
        return cls(request, request.scope["state"]["mcp"], language or told)

    @property
    def state(self) -> Mapping[str, Any]:
        """Return what lives as long as the app (`AppState`)."""
        state: Mapping[str, Any] = self.request.scope["state"]
        return state

    @property
    def notice(self) -> str:
        """Return the sentence beside texts of the law."""
        return _TEXTS.say("word_for_word", self.language)


Run = Callable[[ToolCall, Any], Awaitable[BaseModel]]


@dataclass(frozen=True, slots=True)
class LawTool:
    """A tool; `text` writes its result for models that read no structured content."""

    name: str
    title: str
    description: str
    arguments: type[ToolArguments]
    result: type[BaseModel]
    run: Run
    text: Callable[[Any], str]


async def search_law(call: ToolCall, asked: SearchArguments) -> PassagesFound:
    """Search; as `GET /api/v1/search`."""
    found = await call.state["library"].search(
        safe(asked.query),
        limit=asked.limit,
        kind=SourceKind(asked.kind) if asked.kind else None,
        agreement=asked.agreement,
        as_of=asked.as_of or call.state["clock"].today(),
    )
    passages = [passage_reply(passage) for passage in found.passages]
    return PassagesFound(passages=passages, notice=call.notice)


async def read_article(call: ToolCall, asked: ArticleArguments) -> ArticleText:
    """Read an article; as `GET /api/v1/articles/{number}`."""
    library, day = call.state["library"], asked.as_of or call.state["clock"].today()
    found = await library.article(asked.number, as_of=day)
    reply = article_reply(found, await library.fiches_citing(found.cid))
    return ArticleText.model_validate(
        reply.model_dump(exclude={"id", "section_path", "html"}) | {"notice": call.notice}
    )


async def ask(call: ToolCall, asked: AskArguments) -> LegalAnswer:
    """Ask; as `POST /api/v1/chat` with one message, of which nothing is stored."""
    message = Message(role="user", content=asked.question)
    body = ChatRequest(
        messages=[message], agreement=asked.agreement, as_of=asked.as_of, store=False
    )
    caller, permit, content = call.admission
    slot = ProcessingSlot(call.state["concurrency"])
    request = _inner_request(call.request, slot)
    masking = call.state["masking"]
    mask = await masking.prepare([asked.question], "question", caller.subject)
    try:
        await slot.acquire()
        requester = requester_of(request, caller)
        resolved = await resolver_of(request).resolve_chat(body, requester, mask)
        admitted = Admitted(content, body, mask, permit)
        response = await responder_of(request).send(request, admitted, resolved, stream=False)
    finally:
        slot.release()
    reply = ChatReply.model_validate_json(bytes(response.body))
    fields = set(LegalAnswer.model_fields) - {"answer"}
    told = reply.model_dump(include=fields)
    return LegalAnswer.model_validate(told | {"answer": reply.response})


async def describe_calculator(call: ToolCall, asked: CalculatorArguments) -> CalculatorReply:
    """Return what a calculator asks; as `GET /api/v1/calculators/{name}`."""
    library, rules = call.state["library"], call.state["calculator_rules"]
    return await described(asked.calculator, asked.idcc, call.language, library, rules)


async def calculate(call: ToolCall, asked: CalculateArguments) -> CalculationReply:
    """Work out an amount or a length; as `POST /api/v1/calculators/{name}`."""
    body = CalculationRequest(idcc=asked.idcc, as_of=asked.as_of, inputs=asked.inputs)
    state = call.state
    return await calculated(
        *(asked.calculator, body, call.language),
        *(state["library"], state["calculator_rules"], state["clock"]),
    )


async def list_agreements(call: ToolCall, asked: AgreementArguments) -> AgreementsFound:
    """Find agreements; as `GET /api/v1/agreements`, or list those with rules of their own."""
    if asked.query is None:
        held = await asyncio.to_thread(agreements_with_rules)
        return AgreementsFound(agreement=None, near=[], with_rules=held)
    found = await agreements_meant(asked.query, call.state["library"])
    return AgreementsFound(agreement=found.agreement, near=found.near, with_rules=[])


def _inner_request(request: Request, slot: ProcessingSlot) -> Request:
    """Return the request as answering sees it: a question over MCP, ended by the SDK alone."""
    kept = [one for one in request.scope["headers"] if one[0] not in _NOT_PASSED_ON]
    scope = {**request.scope, "headers": [*kept, CHANNEL], "slot": slot}
    return Request(scope, _never)


async def _never() -> AsgiMessage:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


def _json(result: BaseModel) -> str:
    return orjson.dumps(result.model_dump(mode="json", exclude_none=True)).decode()


def _answer_text(answer: LegalAnswer) -> str:
    """Return an answer in prose, with its sources below it."""
    lines = [
        f"[{n}] {source.number or source.title} — {source.url}"
        for n, source in enumerate(answer.citations, start=1)
    ]
    listed = [_TEXTS.say("sources", _language_of(answer)), *lines] if lines else []
    notices = [one for one in (answer.masked_notice,) if one]
    return "\n\n".join([answer.answer, *filter(None, ["\n".join(listed)]), *notices])


def _language_of(answer: LegalAnswer) -> Language:
    return preferred_language(answer.language)


TOOLS: tuple[LawTool, ...] = (
    LawTool(
        "search_law",
        "Search French labour law",
        "Search the French Code du travail, the Ministry of Labour's official explanations "
        "(fiches) and the collective agreements. Returns passages word for word, best first, with "
        "their numbers and addresses at Légifrance. The query is in French. Use it to find or to "
        "quote the law itself; use `ask` for an answer.",
        SearchArguments,
        PassagesFound,
        search_law,
        _json,
    ),
    LawTool(
        "read_article",
        "Read an article of the Code du travail",
        "Read one article of the French Code du travail whole, by its number (L1234-1, R3231-2 "
        "…), as in force today or on a given day.",
        ArticleArguments,
        ArticleText,
        read_article,
        _json,
    ),
    LawTool(
        "ask",
        "Ask about French labour law",
        "Answer one question about French labour law (employment contracts, dismissal, notice, "
        "pay, leave, working time …), with the sources that the answer rests on, each checked "
        "against the law in force. Says so when the law it holds does not decide, and what to ask "
        "the person. Show the person the citations with their addresses, and the notice.",
        AskArguments,
        LegalAnswer,
        ask,
        _answer_text,
    ),
    LawTool(
        "describe_calculator",
        "Read what a calculator asks",
        "Return the inputs of one of the calculators as JSON Schema, for the Code du travail "
        "alone or for a collective agreement, whose own inputs and choices it then has. Call it "
        "before `calculate`.",
        CalculatorArguments,
        CalculatorReply,
        describe_calculator,
        _json,
    ),
    LawTool(
        "calculate",
        "Work out an amount or a length",
        "Work out what French labour law gives: notice periods, severance pay, paid leave, "
        "overtime, trial periods, deadlines … by the Code du travail and by the collective "
        "agreement, the one that applies, and every step with its article. Dates are written "
        "YYYY-MM-DD, amounts in euros. What is missing is named in `missing`: ask the person for "
        "it, and call again with all inputs. Nothing that is sent is kept.",
        CalculateArguments,
        CalculationReply,
        calculate,
        _json,
    ),
    LawTool(
        "list_agreements",
        "Find a collective agreement",
        "Find a French collective agreement (convention collective) by its IDCC number, its name "
        "or a branch, or list those whose own rules the calculators hold. Its IDCC number is what "
        "the other tools take.",
        AgreementArguments,
        AgreementsFound,
        list_agreements,
        _json,
    ),
)
