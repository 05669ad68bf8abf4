"""What docs/security.md and docs/privacy.md promise is tested by what they name."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")
API = [f"API{number}" for number in range(1, 11)]
LLM = [f"LLM{number:02}" for number in range(1, 11)]


def named(document: str) -> set[tuple[str, str]]:
    return set(NAMED.findall((ROOT / "docs" / document).read_text()))


@pytest.mark.parametrize(("document", "at_least"), [("security.md", 40), ("privacy.md", 15)])
def test_every_test_that_is_named_exists(document: str, at_least: int) -> None:
    promised = named(document)
    missing = {
        f"{file}::{test}"
        for file, test in promised
        if not re.search(rf"def {test}\(", (ROOT / file).read_text())
    }

    assert len(promised) >= at_least
    assert not missing


@pytest.mark.parametrize("risk", API + LLM)
def test_every_risk_of_owasp_has_its_defence_and_its_test(risk: str) -> None:
    lines = (ROOT / "docs" / "security.md").read_text().splitlines()
    [row] = [line for line in lines if line.startswith(f"| {risk} ")]

    assert NAMED.search(row)
