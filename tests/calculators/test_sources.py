"""Rules against the law: a clause that is gone or says something else takes its rows away."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
from structlog.testing import capture_logs

from ai_core.calculators import cli
from ai_core.calculators.catalogue import compute
from ai_core.calculators.rule_files import agreement_rules, agreements_held, code_rules
from ai_core.calculators.sources import CheckedRules, every_rules, problems_of, source_ids
from ai_core.errors import RuleWithheld
from shared.clock import StoppedClock

DAY = date(2026, 11, 30)
CLOCK = StoppedClock(datetime(2026, 11, 30, 9, tzinfo=UTC))


@dataclass(frozen=True)
class Said:
    text: str


@dataclass(frozen=True)
class InService:
    version: str


@dataclass
class SpokenLaw:
    """A law that says of each clause the very fragments of the rules, and nothing else."""

    version: str = "one"
    texts: dict[str, Said] = field(default_factory=dict)
    asked: int = 0

    @classmethod
    def of_the_rules(cls) -> "SpokenLaw":
        law = cls()
        for rules in every_rules():
            for key, clause in rules.clauses.items():
                said = [use.fragment or "" for use in rules.uses() if use.clause == key]
                before = law.texts.get(clause.cid, Said("")).text
                law.texts[clause.cid] = Said(f"{before}\n{'  …  '.join(said)}")
        return law

    def change(self, clause_id: str, before: str, after: str) -> None:
        self.version = f"{self.version}+"
        self.texts[clause_id] = Said(self.texts[clause_id].text.replace(before, after))

    async def status(self) -> InService:
        return InService(self.version)

    async def wordings(self, source_ids: Sequence[str], as_of: date) -> Mapping[str, Said]:
        self.asked += 1
        return {one: self.texts[one] for one in source_ids if one in self.texts}


@pytest.fixture
def law() -> SpokenLaw:
    return SpokenLaw.of_the_rules()


def test_a_law_that_says_the_words_bears_every_rule_out(law: SpokenLaw) -> None:
    """By the lasting ids alone, and whatever the white space and the apostrophes."""
    for rules in every_rules():
        texts = {
            one: Said(law.texts[one].text.replace("'", "’").replace(" ", "\n"))
            for one in source_ids(rules)
            if one in law.texts
        }
        assert not list(problems_of(rules, texts))


async def test_a_rule_of_the_code_that_changed_is_not_computed(law: SpokenLaw) -> None:
    checked = CheckedRules(law, CLOCK)
    book = await checked.current()
    assert not checked.problems
    given = {"seniority_months": 30}
    assert compute("dismissal_notice", None, DAY, given, book).value == 2
    law.change("LEGIARTI000006901112", "à un préavis de deux mois", "à un préavis de trois mois")
    book = await checked.current()
    assert [problem.reason for problem in checked.problems] == ["fragment_missing"] * len(
        checked.problems
    )
    assert checked.problems
    with pytest.raises(RuleWithheld):
        compute("dismissal_notice", None, DAY, given, book)
    # The rows whose words are still there go on.
    assert compute("dismissal_notice", None, DAY, {"seniority_months": 7}, book).value == 1


async def test_a_rule_of_an_agreement_that_is_gone_leaves_the_minimum_of_the_code(
    law: SpokenLaw,
) -> None:
    checked = CheckedRules(law, CLOCK)
    idcc, clause = "1979", "KALIARTI000005826296"
    given = {"category": "Cadres", "seniority_months": 30}
    held = compute("dismissal_notice", idcc, DAY, given, await checked.current())
    assert (held.source, held.is_minimum) == ("agreement", False)
    rules = agreement_rules(idcc)
    assert rules is not None
    lasting = next(one.cid for one in rules.clauses.values() if one.id == clause)
    del law.texts[lasting]
    law.version = "two"
    left = compute("dismissal_notice", idcc, DAY, given, await checked.current())
    assert {problem.reason for problem in checked.problems} == {"clause_missing"}
    assert left.value == 2
    assert (left.source, left.is_minimum) == ("legal", True)
    assert left.agreement is None


async def test_the_law_is_checked_once_for_each_version(law: SpokenLaw) -> None:
    checked = CheckedRules(law, CLOCK)
    await asyncio.gather(*(checked.current() for _ in range(5)))
    assert law.asked == 1 + len(agreements_held())
    law.version = "two"
    await checked.current()
    assert law.asked == 2 * (1 + len(agreements_held()))


def test_the_check_names_what_is_not_in_the_law(
    law: SpokenLaw, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = cli_arguments("check")
    assert cli.run(arguments, DAY, lambda: lambda one, _day: law.texts.get(one)) == 0
    assert " 0 not in the law" in capsys.readouterr().out
    law.change("LEGIARTI000006901112", "à un préavis de deux mois", "à un préavis de trois mois")
    assert cli.run(arguments, DAY, lambda: lambda one, _day: law.texts.get(one)) == 1
    said = capsys.readouterr().err
    assert "code: L1234-1 (LEGIARTI000006901112) does not say" in said


def test_a_case_is_run_with_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--input", "seniority_months=30", "--input", "disabled_worker=true")
    assert cli.run(cli_arguments("run", "dismissal_notice", *given), DAY, no_law) == 0
    said = capsys.readouterr().out
    assert "= 3\N{NO-BREAK SPACE}mois (legal)" in said
    assert code_rules().clauses["L5213-9"].id in said
    assert cli.run(cli_arguments("run", "dismissal_notice"), DAY, no_law) == 0
    assert "? seniority_months" in capsys.readouterr().out
    wrong = cli_arguments("run", "dismissal_notice", "--input", "seniority_months=long")
    assert cli.run(wrong, DAY, no_law) == 1
    assert "number_expected" in capsys.readouterr().err


def cli_arguments(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(arguments)


def no_law() -> cli.WordingOf:
    raise AssertionError("a case needs no law")


def test_a_law_without_any_clause_is_logged_in_a_line_for_each_file() -> None:
    """A thousand lines at once fill the pipe of a log reader and stop the service."""
    rules = CheckedRules(SpokenLaw(), CLOCK)
    with capture_logs() as lines:
        asyncio.run(rules.current())
    assert [line["event"] for line in lines] == ["rules_withheld"] * len(list(every_rules()))
    assert sum(line["uses"] for line in lines) == len(rules.problems)
