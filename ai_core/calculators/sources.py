"""Checks the rule files against the law in service: every clause is there, by its id or by its
lasting one, and still says the words that decide. A use of a clause that fails is withheld: a
calculation whose row rests on it answers as if the rule were not held.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

import structlog

from ai_core.calculators.rule_files import agreement_rules, agreements_held, code_rules
from ai_core.calculators.rule_records import Clause, Rules
from ai_core.calculators.rulebook import RuleBook
from ai_core.calculators.tables import ClauseUse
from shared.clock import Clock
from shared.fragments import squeezed

_log = structlog.get_logger()


class Text(Protocol):
    """What an article or a clause says."""

    @property
    def text(self) -> str:
        """Return its text."""
        ...


class Version(Protocol):
    """What identifies the law in service."""

    @property
    def version(self) -> str:
        """Return a hash of its content."""
        ...


class Law(Protocol):
    """The law in service, as far as the rules need it."""

    async def status(self) -> Version:
        """Describe the law in service; raises CorpusMissing."""
        ...

    async def wordings(self, source_ids: Sequence[str], as_of: date) -> Mapping[str, Text]:
        """Return what articles and clauses say, by the ids given; unknown ids are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """A use of a clause that the law no longer bears out."""

    idcc: str | None
    use: ClauseUse
    clause_id: str
    reason: Literal["clause_missing", "fragment_missing"]

    def __str__(self) -> str:
        where = self.idcc or "code"
        if self.reason == "clause_missing":
            return f"{where}: {self.use.clause} ({self.clause_id}) is not in the law"
        return f"{where}: {self.use.clause} ({self.clause_id}) does not say {self.use.fragment!r}"


def every_rules() -> Iterator[Rules]:
    """Walk the rule files, the Code first. Raises RuleFileError."""
    yield code_rules()
    for idcc in agreements_held():
        rules = agreement_rules(idcc)
        if rules is not None:
            yield rules


def source_ids(rules: Rules) -> list[str]:
    """Return the ids by which the clauses of a file are looked up."""
    ids = [one for clause in rules.clauses.values() for one in (clause.id, clause.cid)]
    return list(dict.fromkeys(ids))


def problems_of(rules: Rules, texts: Mapping[str, Text]) -> Iterator[Problem]:
    """Return the uses of clauses that the texts, by id or lasting id, do not bear out."""
    said = {key: _said(clause, texts) for key, clause in rules.clauses.items()}
    for use in dict.fromkeys(rules.uses()):
        clause = rules.clauses[use.clause]
        found = said[use.clause]
        if not found:
            yield Problem(rules.idcc, use, clause.id, "clause_missing")
        elif use.fragment is not None and not _says(found, use.fragment):
            yield Problem(rules.idcc, use, clause.id, "fragment_missing")


def _said(clause: Clause, texts: Mapping[str, Text]) -> list[str]:
    """Return what a clause says, by its id, then by its lasting id."""
    found = [texts[one].text for one in (clause.id, clause.cid) if one in texts]
    return [squeezed(text) for text in dict.fromkeys(found)]


def _says(texts: Iterable[str], fragment: str) -> bool:
    return any(squeezed(fragment) in text for text in texts)


class CheckedRules:
    """The rules in use, checked against each version of the law as it enters service."""

    def __init__(self, law: Law, clock: Clock) -> None:
        self._law = law
        self._clock = clock
        self._checking = asyncio.Lock()
        self._version: str | None = None
        self.book = RuleBook()
        self.problems: tuple[Problem, ...] = ()

    async def current(self) -> RuleBook:
        """Return the rules that the law in service bears out. Raises CorpusMissing, QueueFull."""
        version = (await self._law.status()).version
        if version != self._version:
            async with self._checking:
                if version != self._version:
                    await self._check(version)
        return self.book

    async def _check(self, version: str) -> None:
        day = self._clock.today()
        found: list[Problem] = []
        for rules in await asyncio.to_thread(lambda: list(every_rules())):
            texts = await self._law.wordings(source_ids(rules), day)
            found += await asyncio.to_thread(lambda: list(problems_of(rules, texts)))  # noqa: B023
        self.problems = tuple(found)
        self.book = RuleBook(frozenset((problem.idcc, problem.use) for problem in found))
        self._version = version
        for idcc, uses in Counter(problem.idcc or "code" for problem in found).items():
            _log.warning(
                "rules_withheld", idcc=idcc, uses=uses
            )  # ./neo calculators check names them
