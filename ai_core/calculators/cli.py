"""`calculators list`, `calculators check` and `calculators run`, for operators and lawyers."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date

from ai_core.calculators.catalogue import CALCULATORS, compute
from ai_core.calculators.records import Calculation
from ai_core.calculators.rule_files import agreement_rules, agreements_held
from ai_core.calculators.rule_sections import RuleFileError
from ai_core.calculators.rulebook import RuleBook
from ai_core.calculators.sources import Problem, Text, every_rules, problems_of, source_ids
from ai_core.calculators.wording import Wording, wording
from ai_core.errors import WrongInputs

WordingOf = Callable[[str, date], Text | None]
"""What the law in service says under an id on a day; None where it has none."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="the calculators, and the agreements whose rules are held")
    actions.add_parser("check", help="compare every rule with the law in service")
    run_one = actions.add_parser("run", help="compute one case and show its steps")
    run_one.add_argument("calculator", choices=list(CALCULATORS))
    run_one.add_argument("--idcc", help="the agreement's number")
    run_one.add_argument("--language", default="fr")
    run_one.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a number, true, false, a list in JSON, or a label: seniority_months=30",
    )


def run(arguments: argparse.Namespace, today: date, open_law: Callable[[], WordingOf]) -> int:
    """Run the command; return its exit status. Raises CorpusMissing, UnknownCalculator."""
    if arguments.action == "list":
        return _list()
    if arguments.action == "check":
        return _check(open_law(), today)
    return _run(arguments, today)


def _list() -> int:
    words = wording("fr")
    for name in CALCULATORS:
        _say(f"{name:<26}{words.title(name)}")
    for idcc in agreements_held():
        rules = agreement_rules(idcc)
        if rules is not None:
            _say(f"{idcc}  {rules.name}: {', '.join(rules.tables)}")
    return 0


def _check(wording_of: WordingOf, today: date) -> int:
    """Print every use of a clause that the law does not bear out; 1 when there is one."""
    problems: list[Problem] = []
    uses = files = 0
    try:
        for rules in every_rules():
            texts = {one: said for one in source_ids(rules) if (said := wording_of(one, today))}
            problems += problems_of(rules, texts)
            uses += len(dict.fromkeys(rules.uses()))
            files += 1
    except RuleFileError as problem:
        _say(str(problem), error=True)
        return 1
    for found in problems:
        _say(str(found), error=True)
    _say(f"{files} files, {uses} fragments, {len(problems)} not in the law")
    return 1 if problems else 0


def _run(arguments: argparse.Namespace, today: date) -> int:
    inputs = dict(map(_input, arguments.input))
    try:
        found = compute(arguments.calculator, arguments.idcc, today, inputs, RuleBook())
    except WrongInputs as wrong:
        for fault in wrong.faults:
            _say(json.dumps(fault, ensure_ascii=False), error=True)
        return 1
    _show(found, wording(arguments.language))
    return 0


def _input(written: str) -> tuple[str, object]:
    name, _, value = written.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _show(found: Calculation, words: Wording) -> None:
    for question in found.missing:
        choices = (
            f" ({' · '.join(map(words.choice, question.choices))})" if question.choices else ""
        )
        _say(f"? {question.input}: {words.question(question.input)}{choices}")
    if found.missing:
        return
    for step in found.steps:
        _say(f"  {words.step(step)}")
    _say(f"= {words.value(found.value, found.unit, found.unit_qualifier)} ({found.source})")
    _say(f"  {words.text('comparisons', found.comparison)}")
    for source in found.sources:
        _say(f"  {source.title} ({source.id}): « {source.fragment} »")
    for note in found.warnings:
        _say(f"! {words.warning(note)}")
    for note in found.assumptions:
        _say(f"~ {words.assumption(note)}")


def _say(line: str, *, error: bool = False) -> None:
    print(line, file=sys.stderr if error else sys.stdout)
