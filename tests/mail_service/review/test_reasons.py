"""Every reason the service writes has a sentence for the reviewer."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mail_service.ledger.records import LedgerEntry, MailState
from mail_service.reply import confidence_check
from mail_service.review.reasons import Reasons
from mail_service.rules import RULES
from shared.errors import BadInput

PACKAGE = Path(__file__).parents[3] / "mail_service"
CONDITION = re.compile(r"A\d{1,2}[a-z]?|[a-z]+(?:-[a-z]+)*")
ACTIONS = ("erasure", "copy")
ENTRY = LedgerEntry(
    id=1,
    mailbox="main",
    state=MailState.SILENT,
    reason="",
    fired=(),
    size_bytes=10,
    attempts=1,
    received_at=datetime(2026, 11, 20, tzinfo=UTC),
    finished_at=None,
)


@pytest.fixture(scope="module")
def reasons() -> Reasons:
    return Reasons.read()


def returned_texts(function: ast.AST) -> Iterator[str]:
    """Yield what a function may return as text, names of cases in a dict included."""
    for node in ast.walk(function):
        chosen: list[ast.AST | None] = []
        if isinstance(node, ast.Return):
            value = node.value
            chosen = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
        elif isinstance(node, ast.Dict):
            chosen = [*node.keys]
        for each in chosen:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value


def function_of(module: Path, name: str) -> ast.FunctionDef:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return next(each for each in functions if each.name == name)


def conditions_of_rules() -> set[str]:
    """Return every `rule:condition` that the source of the rules can return."""
    found = set()
    for name, check, _ in RULES:
        module = PACKAGE / "rules" / f"{check.__module__.rpartition('.')[2]}.py"
        texts = set(returned_texts(function_of(module, check.__name__)))
        assert texts, f"no condition read from {module}"
        assert all(CONDITION.fullmatch(text) for text in texts), (name, texts)
        found |= {f"{name}:{text}" for text in texts}
    return found


def outcomes() -> Iterator[str]:
    """Yield the reason of every MailOutcome in the source, each value of `action` in its place."""
    for module in sorted((PACKAGE / "processing").glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "MailOutcome":
                continue
            reason = node.args[1]
            for action in ACTIONS:
                text = ast.unparse(reason).replace("{action}", action)
                yield from re.findall(r"f?'([a-z_]+(?:[ :-][a-z-]+)*:?)", text)


def test_no_condition_of_a_rule_lacks_its_sentence(reasons: Reasons) -> None:
    conditions = conditions_of_rules()
    assert {"ours:A9", "indirect:A9f", "indirect:A5g", "notice:A14", "spam:spam"} <= conditions
    assert {"brake:domain", "quota:sender-day", "elsewhere:A12"} <= conditions
    missing = {each for each in conditions | {"dead_address:bounced"} if each not in reasons}
    assert not missing


def test_no_outcome_lacks_its_sentence(reasons: Reasons) -> None:
    found = {each for each in outcomes() if each != "bug"}
    assert {"erasure:asked-too-often", "confirmation:expired", "mode", "ai:"} <= found
    checks = PACKAGE / "reply" / "confidence_check.py"
    for name in (confidence_check.reason_for_review, confidence_check.repeats_sender):
        found |= set(returned_texts(function_of(checks, name.__name__)))
    found |= {"empty", "no-source", "unverified-article", "repeats-sender"}
    missing = {each for each in found - {"unreadable:"} if each not in reasons}
    assert not missing
    assert "failed/bug" in reasons


def test_every_state_explains_what_no_sentence_was_written_for(reasons: Reasons) -> None:
    for state in MailState:
        for reason in ("", "jamais:vu", "hors sujet {x}"):
            entry = replace(ENTRY, state=state, reason=reason)
            french, english = (reasons.explain(entry, language) for language in ("fr", "en"))
            assert french.endswith(".")
            assert english.endswith(".")
            assert french != english


def test_a_reason_is_explained_in_french_or_english(reasons: Reasons) -> None:
    entry = replace(ENTRY, reason="out_of_office:A8")
    assert "message d'absence" in reasons.explain(entry, "fr")
    assert "out-of-office" in reasons.explain(entry, "en") == reasons.explain(entry, "th")
    refused = replace(ENTRY, state=MailState.REJECTED, reason="hors sujet")
    assert reasons.explain(refused, "fr").endswith(": hors sujet.")
    code = replace(ENTRY, state=MailState.QUARANTINED, reason=f"ai:{BadInput.code}")
    assert BadInput.code in reasons.explain(code, "fr")
