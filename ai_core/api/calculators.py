"""GET /api/v1/calculators, GET and POST /api/v1/calculators/{name}."""

import asyncio
from datetime import date
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from ai_core.access.keys import Scope
from ai_core.api.dependencies import (
    API,
    CalculatorRulesDep,
    LibraryDep,
    PageAdmittedDep,
    gate_of,
)
from ai_core.api.direct_routes import DirectRoute, json_body, parse_body, read_body
from ai_core.api.openapi import PAGE_KEY_ERRORS
from ai_core.calculators.catalogue import CALCULATORS, Calculator, calculator, compute
from ai_core.calculators.inputs import EARLIEST_DAY, LATEST_DAY
from ai_core.calculators.reply import calculator_reply, reply_of
from ai_core.calculators.rule_files import agreement_rules, agreements_held
from ai_core.calculators.rule_records import Rules
from ai_core.calculators.sources import CheckedRules
from ai_core.calculators.wording import Wording, wording
from ai_core.errors import (
    CorpusMissing,
    RuleWithheld,
    UnknownAgreement,
    UnknownCalculator,
    WrongInputs,
)
from ai_core.law.source import LawSource
from shared.ai.contract import (
    AgreementOfRules,
    Body,
    CalculationReply,
    CalculationRequest,
    CalculatorName,
    CalculatorReply,
    CalculatorsReply,
    CalculatorSummary,
    Idcc,
)
from shared.clock import Clock
from shared.errors import BadInput
from shared.languages import Language, preferred_language
from shared.web.openapi import BODY_ERRORS, KEY_SCHEMES, errors

router = APIRouter(prefix=API, tags=["calculators"], dependencies=KEY_SCHEMES)
direct = APIRouter(
    prefix=API, tags=["calculators"], dependencies=KEY_SCHEMES, route_class=DirectRoute
)
MAX_BODY_BYTES = 65_536
"""Some 400 months of pay and as many absences."""


Name = Annotated[
    str, Path(max_length=60, description="Name of the calculator.", examples=["severance_pay"])
]


class ListQuery(Body):
    """In which language."""

    language: Language | None = None
    """Language of the titles; by default that of `Accept-Language`, else French."""


class CalculatorQuery(ListQuery):
    """For which agreement, and in which language."""

    idcc: Idcc | None = Field(default=None, examples=["1486"])
    """The agreement whose inputs and labels are wanted; the Code's alone by default."""


@router.get(
    "/calculators", summary="List the calculators", responses=errors(*PAGE_KEY_ERRORS, BadInput)
)
async def list_calculators(
    request: Request, query: Annotated[ListQuery, Query()], _caller: PageAdmittedDep
) -> CalculatorsReply:
    """The calculators, and the agreements whose own rules they hold. Key: publishable."""
    words = await _words(_language(request, query.language))
    return await asyncio.to_thread(_list, words)  # the first one reads every rule file


@router.get(
    "/calculators/{name}",
    summary="Read what a calculator asks",
    responses=errors(*PAGE_KEY_ERRORS, BadInput, WrongInputs, UnknownCalculator, CorpusMissing),
)
async def read_calculator(
    name: Name,
    request: Request,
    query: Annotated[CalculatorQuery, Query()],
    library: LibraryDep,
    rules: CalculatorRulesDep,
    _caller: PageAdmittedDep,
) -> CalculatorReply:
    """The inputs of a calculator as JSON Schema, enough to build a form. Key: publishable."""
    language = _language(request, query.language)
    return await described(name, query.idcc, language, library, rules)


async def described(
    name: str, idcc: str | None, language: Language, library: LawSource, rules: CheckedRules
) -> CalculatorReply:
    """Return what a calculator asks. Raises UnknownCalculator, WrongInputs, CorpusMissing."""
    words = await _words(language)
    idcc = await _idcc(library, idcc)
    return calculator_reply(calculator(name), await rules.current(), idcc, words)


def _named(name: Name) -> None:
    """Describe the path of the direct route."""


@direct.post(
    "/calculators/{name}",
    summary="Work out an amount or a length",
    response_model=CalculationReply,
    responses=errors(
        *PAGE_KEY_ERRORS, *BODY_ERRORS, WrongInputs, UnknownCalculator, RuleWithheld, CorpusMissing
    ),
    dependencies=[Depends(_named), json_body(CalculationRequest)],
)
async def calculate(request: Request) -> Response:
    """The Code and the agreement computed apart, the one that applies, and every step.

    What is missing is named in `missing`, first things first; ask for it and send the inputs again.
    Inputs that are unknown or badly written are refused (422), each named in `errors`. Nothing that
    is sent is kept. Key: publishable.
    """
    gate = gate_of(request)
    caller = await gate.identify(request, Scope.PUBLISHABLE)
    asked = parse_body(await read_body(request, MAX_BODY_BYTES), CalculationRequest)
    async with gate.admit(request, caller):
        reply = await calculated(
            request.path_params["name"],
            asked,
            _language(request, asked.language),
            *(request.state.library, request.state.calculator_rules, request.state.clock),
        )
    return Response(reply.model_dump_json(), media_type="application/json")


async def calculated(
    name: str,
    asked: CalculationRequest,
    language: Language,
    library: LawSource,
    rules: CheckedRules,
    clock: Clock,
) -> CalculationReply:
    """Return what a calculator works out.

    Raises UnknownCalculator, WrongInputs, RuleWithheld, CorpusMissing.
    """
    wanted = calculator(name).name
    day = _day(asked.as_of) or clock.today()
    idcc = await _idcc(library, asked.idcc)
    found = compute(wanted, idcc, day, asked.inputs, await rules.current())
    return reply_of(found, await _words(language))


def _language(request: Request, asked: Language | None) -> Language:
    return asked or preferred_language(request.headers.get("accept-language"))


async def _words(language: Language) -> Wording:
    return await asyncio.to_thread(wording, language)  # the first one reads a file


async def _idcc(library: LawSource, given: str | None) -> str | None:
    """Return the agreement of a number, or the one that has replaced it.

    Raises WrongInputs for a number that no agreement known here has, CorpusMissing, QueueFull.
    """
    idcc = given and given.zfill(4)
    if not idcc or idcc in agreements_held():
        return idcc
    try:
        match = await library.agreement_of((), idcc)
    except UnknownAgreement:
        raise WrongInputs([{"field": "idcc", "reason": UnknownAgreement.code}]) from None
    return match.agreement.idcc if match and match.agreement else idcc


def _day(given: date | None) -> date | None:
    if given is not None and not EARLIEST_DAY <= given <= LATEST_DAY:
        raise WrongInputs([{"field": "as_of", "reason": "date_out_of_range"}])
    return given


def _list(words: Wording) -> CalculatorsReply:
    held = _rules_held()
    return CalculatorsReply(
        calculators=[_summary(one, held, words) for one in CALCULATORS.values()],
        agreements=agreements_with_rules(),
    )


def agreements_with_rules() -> list[AgreementOfRules]:
    """Return the agreements whose own rules the calculators hold; blocks, as it reads files."""
    return [AgreementOfRules(idcc=rules.idcc or "", name=rules.name) for rules in _rules_held()]


def _rules_held() -> list[Rules]:
    return [rules for idcc in agreements_held() if (rules := agreement_rules(idcc))]


def _summary(known: Calculator, held: list[Rules], words: Wording) -> CalculatorSummary:
    own = [rules.idcc or "" for rules in held if known.name in rules.tables]
    name = cast(CalculatorName, known.name)
    return CalculatorSummary(name=name, title=words.title(name), agreements=own)
