"""Reads the rule files: `rules/code.toml` for the Code, `rules/agreements/NNNN.toml` for each
agreement, `rules/bands.toml` for what the labels of bands mean in numbers.

docs/calculators.md describes the format for who writes them. Every mistake raises RuleFileError
with the file, the section, the row and what is expected: a file is data and is read whole or not at
all.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ai_core.calculators.code_outcomes import DeadlineOutcome, HolidayOutcome, TrialOutcome
from ai_core.calculators.conditions import Interval
from ai_core.calculators.outcomes import BonusOutcome, HoursOutcome, NoticeOutcome, Outcome
from ai_core.calculators.pay_outcomes import (
    PayOptions,
    SalaryOutcome,
    SeniorityOutcome,
    SeveranceOutcome,
)
from ai_core.calculators.rule_records import Clause, Constant, Rules
from ai_core.calculators.rule_sections import (
    RuleFileError,
    Section,
    bands_of,
    check_keys,
    clause_uses,
    merged_bands,
    text_of,
    texts_of,
)

RULES = Path(__file__).with_name("rules")
OUTCOMES: dict[str, type[Outcome]] = {
    "resignation_notice": NoticeOutcome,
    "dismissal_notice": NoticeOutcome,
    "retirement_notice": NoticeOutcome,
    "job_search_hours": HoursOutcome,
    "end_of_contract_bonus": BonusOutcome,
    "severance_pay": SeveranceOutcome,
    "mutual_termination_pay": SeveranceOutcome,
    "reference_salary": SalaryOutcome,
    "seniority": SeniorityOutcome,
    "public_holidays": HolidayOutcome,
    "deadlines": DeadlineOutcome,
    "trial_period": TrialOutcome,
    "trial_period_notice": NoticeOutcome,
}
"""What the rows of each section give. A section without `rows` is itself one row."""
OPTIONS: dict[str, type[Outcome]] = {
    "severance_pay": PayOptions,
    "mutual_termination_pay": PayOptions,
}
"""What sections say for all their rows, besides `additions` and `multipliers`: rows of which every
one that matches is added, or multiplies the amount."""


@lru_cache(maxsize=1)
def code_rules() -> Rules:
    """Return the rules of the Code. Raises RuleFileError."""
    return read_rules(RULES / "code.toml")


def agreement_rules(idcc: str) -> Rules | None:
    """Return the rules of an agreement, None when no file is held. Raises RuleFileError.

    The first call for an agreement reads its file: CheckedRules has read all before a request.
    """
    return _agreement_rules(idcc) if idcc in agreements_held() else None


@cache
def _agreement_rules(idcc: str) -> Rules:
    return read_rules(RULES / "agreements" / f"{idcc}.toml")


@lru_cache(maxsize=1)
def agreements_held() -> tuple[str, ...]:
    """Return the IDCC numbers of the agreements with a rule file."""
    return tuple(sorted(path.stem for path in (RULES / "agreements").glob("*.toml")))


@lru_cache(maxsize=1)
def common_bands() -> Mapping[str, Mapping[str, Interval]]:
    """Return the meanings of labels that hold for every file. Raises RuleFileError."""
    path = RULES / "bands.toml"
    return {
        name: bands_of(labels, f"{path.name}: [{name}]") for name, labels in _toml(path).items()
    }


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise RuleFileError(f"{path.name}: {problem}") from None


def read_rules(path: Path) -> Rules:
    """Read one rule file. Raises RuleFileError."""
    written = _toml(path)
    where = path.name
    names = {"idcc", "name", "checked_on", "differences", "clauses", "bands", "constants"}
    check_keys(written, names | set(OUTCOMES), where)
    idcc = written.get("idcc")
    if idcc is not None and idcc != path.stem:
        raise RuleFileError(f"{where}: idcc = {idcc!r} and the file's name disagree")
    clauses = _clauses(written.get("clauses", {}), where)
    bands = merged_bands(written.get("bands", {}), f"{where}: [bands]", common_bands())
    tables = {
        name: Section(
            f"{where}: [{name}]", written[name], clauses, bands, outcome, OPTIONS.get(name)
        ).table()
        for name, outcome in OUTCOMES.items()
        if name in written
    }
    checked_on = written.get("checked_on")
    if not isinstance(checked_on, date):
        raise RuleFileError(f"{where}: checked_on = 2026-11-30 (a day, without quotes)")
    return Rules(
        idcc=idcc,
        name=text_of(written, "name", where),
        checked_on=checked_on,
        differences=texts_of(written.get("differences", []), f"{where}: differences"),
        clauses=clauses,
        bands=bands,
        tables=tables,
        constants={
            name: _constant(constant, clauses, f"{where}: [constants.{name}]")
            for name, constant in written.get("constants", {}).items()
        },
    )


def _constant(written: Mapping[str, Any], clauses: Mapping[str, Clause], where: str) -> Constant:
    check_keys(written, {"value", "clause", "fragment"}, where)
    uses = clause_uses(written, {}, clauses, where)
    if len(uses) != 1:
        raise RuleFileError(f"{where}: one clause and its fragment are expected")
    try:
        value = Fraction(str(written["value"])) if "value" in written else None
    except (ValueError, ZeroDivisionError):
        raise RuleFileError(f"{where}: value = '2.5' or '1/3', as a text") from None
    return Constant(value, uses[0])


def _clauses(written: Mapping[str, Any], where: str) -> dict[str, Clause]:
    found = {}
    for key, clause in written.items():
        place = f'{where}: [clauses."{key}"]'
        check_keys(clause, {"id", "cid", "title"}, place)
        found[key] = Clause(*(text_of(clause, name, place) for name in ("id", "cid", "title")))
        for identifier in (found[key].id, found[key].cid):
            if not identifier.startswith(("KALIARTI", "LEGIARTI")):
                raise RuleFileError(f"{place}: {identifier} is the id of no article")
    return found
