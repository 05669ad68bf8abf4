"""The form of an entry, read into what an entry file holds, and entry files as texts.

Every field of an entry has one in the form: what is not changed there is saved as it was.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

import tomlkit

from ai_core.api.console.visit import Visit
from ai_core.errors import ConsoleRefusal
from ai_core.knowledge.records import Entry, Role, Sector, Variable, WorkingTime
from ai_core.records.entry_store import Body
from shared.ai.contract import CalculatorName, CaseEvent, Category, Contract, Theme
from shared.languages import LANGUAGES

CATEGORIES: tuple[str, ...] = get_args(Theme)
VARIABLES: tuple[str, ...] = get_args(Variable)
CALCULATORS: tuple[str, ...] = get_args(CalculatorName)
APPLIES: Mapping[str, tuple[str, ...]] = {
    "sector": get_args(Sector),
    "contract": get_args(Contract),
    "role": get_args(Role),
}
"""The facts an entry may be for."""
WHEN: Mapping[str, tuple[str, ...]] = {
    "contract": get_args(Contract),
    "category": get_args(Category),
    "role": get_args(Role),
    "working_time": get_args(WorkingTime),
    "events": get_args(CaseEvent),
}
"""The facts a line may be for."""
BOUNDS = (
    *("seniority_months_from", "seniority_months_below"),
    *("headcount_from", "headcount_below"),
)
SOURCE_FIELDS = ("article", "idcc", "clause", "name", "fiche")
LINES = ("conditions", "steps")
LONGEST_TEXT, LONGEST_LIST = 1_200, 30_000
MOST_LINES, MOST_SOURCES = 8, 12


def body_of(entry: Entry) -> dict[str, Any]:
    """Return an entry as a draft's body."""
    return entry.model_dump(mode="json", exclude_defaults=True, exclude_none=True)


def read_form(visit: Visit, base: Body) -> dict[str, Any]:
    """Return the body that a form makes of the one it was filled from. Raises ConsoleRefusal."""
    body = {
        **base,
        "topic_id": visit.text("topic_id", 80) or base.get("topic_id", ""),
        "category": visit.text("category"),
        "tags": _separated(visit.text("tags", 800)),
        "depends_on": [one for one in visit.texts("depends_on") if one in VARIABLES],
        "related": _separated(visit.text("related", 800)),
        "calculator": visit.text("calculator") or None,
        "checked_by": "lawyer" if visit.text("checked_by") == "lawyer" else "code",
        "checked_on": visit.desk.clock.today().isoformat(),
        "question": _localized(visit, "question"),
        "answer": _localized(visit, "answer"),
        "applies": _facts(visit, "applies", APPLIES),
        **{kind: _lines(visit, kind) for kind in LINES},
        "sources": _sources(visit, base.get("sources", ())),
        "phrasings": _lists(visit, "phrasings"),
        "test_phrasings": _lists(visit, "test_phrasings"),
    }
    return {name: value for name, value in body.items() if value not in (None, [], {}, "")}


def read_file(text: str) -> dict[str, Any]:
    """Return the body that an entry file's text holds. Raises ConsoleRefusal."""
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConsoleRefusal("entry_file", fault=str(error)) from None
    if isinstance(body.get("checked_on"), date):
        body["checked_on"] = body["checked_on"].isoformat()
    return body


def written_file(body: Body) -> str:
    """Return a body as the text of an entry file."""
    held = dict(body)
    try:
        held["checked_on"] = date.fromisoformat(str(held.get("checked_on")))
    except ValueError:
        held.pop("checked_on", None)
    return tomlkit.dumps(_without_none(held))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_none(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_without_none(one) for one in value]
    return value


def _separated(written: str) -> list[str]:
    return [one.strip() for one in written.split(",") if one.strip()]


def _localized(visit: Visit, name: str) -> dict[str, str]:
    texts = {one: one_line(visit.text(f"{name}_{one}", LONGEST_TEXT)) for one in LANGUAGES}
    return {language: text for language, text in texts.items() if text}


def _lists(visit: Visit, name: str) -> dict[str, list[str]]:
    lists = {one: _lines_of(visit.text(f"{name}_{one}", LONGEST_LIST)) for one in LANGUAGES}
    return {language: lines for language, lines in lists.items() if lines}


def _lines_of(written: str) -> list[str]:
    return [one_line(line) for line in written.splitlines() if line.strip()]


def one_line(written: str) -> str:
    """Return a text without line ends and double spaces; no-break spaces stay."""
    return re.sub(r"[ \t\r\n]+", " ", written).strip()


def _facts(visit: Visit, name: str, known: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the facts that are ticked."""
    ticked = {
        fact: [value for value in visit.texts(f"{name}_{fact}") if value in values]
        for fact, values in known.items()
    }
    return {fact: values for fact, values in ticked.items() if values}


def _lines(visit: Visit, kind: str) -> list[dict[str, Any]]:
    """Return the conditions or steps that are written, with whom each concerns."""
    lines = []
    for n in range(MOST_LINES):
        place = f"{kind}_{n}"
        said: dict[str, Any] = dict(_localized(visit, place))
        if said:
            when = _facts(visit, place, WHEN) | _bounds(visit, place)
            lines.append({**said, "when": when} if when else said)
    return lines


def _bounds(visit: Visit, place: str) -> dict[str, Any]:
    """Return the bounds that are written; what is no number is kept, and found by the checks."""
    told = {bound: visit.text(f"{place}_{bound}", 12) for bound in BOUNDS}
    return {
        bound: int(value) if value.isascii() and value.isdecimal() else value
        for bound, value in told.items()
        if value
    }


def _sources(visit: Visit, base: Any) -> list[dict[str, Any]]:
    """Return the sources that are written; words of a law keep the line ends they had."""
    broken = {
        one_line(fragment): fragment for source in base for fragment in source.get("fragments", ())
    }
    sources = []
    for n in range(MOST_SOURCES):
        fragments = _lines_of(visit.text(f"source_{n}_fragments", LONGEST_LIST))
        said = {name: visit.text(f"source_{n}_{name}", 600) for name in SOURCE_FIELDS}
        said["article"] = said["article"].upper().replace(" ", "").replace(".", "")
        named: dict[str, Any] = {name: value for name, value in said.items() if value}
        if named or fragments:
            sources.append({**named, "fragments": [broken.get(one, one) for one in fragments]})
    return sources
