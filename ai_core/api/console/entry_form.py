"""The form of an entry, read into what an entry file holds, and entry files as texts.

What the form has no field for (whom a line concerns, clauses of agreements) is kept from the
version that was edited; it is written in a file, and imported.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

import tomlkit

from ai_core.api.console.visit import Visit
from ai_core.errors import ConsoleRefusal
from ai_core.knowledge.records import Entry, Variable
from ai_core.records.entry_store import Body
from shared.ai.contract import CalculatorName, Theme
from shared.languages import LANGUAGES

CATEGORIES: tuple[str, ...] = get_args(Theme)
VARIABLES: tuple[str, ...] = get_args(Variable)
CALCULATORS: tuple[str, ...] = get_args(CalculatorName)
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
        **{kind: _lines(visit, kind, base.get(kind, ())) for kind in LINES},
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
    texts = {one: " ".join(visit.text(f"{name}_{one}", LONGEST_TEXT).split()) for one in LANGUAGES}
    return {language: text for language, text in texts.items() if text}


def _lists(visit: Visit, name: str) -> dict[str, list[str]]:
    lists = {one: _lines_of(visit.text(f"{name}_{one}", LONGEST_LIST)) for one in LANGUAGES}
    return {language: lines for language, lines in lists.items() if lines}


def _lines_of(written: str) -> list[str]:
    return [" ".join(line.split()) for line in written.splitlines() if line.strip()]


def _lines(visit: Visit, kind: str, base: Any) -> list[dict[str, Any]]:
    """Return the conditions or steps that are written; whom each concerns is kept by its place."""
    lines = []
    for n in range(MOST_LINES):
        said = _localized(visit, f"{kind}_{n}")
        if said:
            kept = base[n].get("when") if n < len(base) else None
            lines.append({**said, "when": kept} if kept else dict(said))
    return lines


def _sources(visit: Visit, base: Any) -> list[dict[str, Any]]:
    """Return the sources with words of theirs; what is no article is kept by its place."""
    sources = []
    for n in range(MOST_SOURCES):
        fragments = _lines_of(visit.text(f"source_{n}_fragments", LONGEST_LIST))
        article = visit.text(f"source_{n}_article").upper().replace(" ", "").replace(".", "")
        kept = base[n] if n < len(base) else {}
        if "article" not in kept and kept and fragments:
            sources.append({**kept, "fragments": fragments})
        elif article or fragments:
            sources.append({"article": article, "fragments": fragments})
    return sources
