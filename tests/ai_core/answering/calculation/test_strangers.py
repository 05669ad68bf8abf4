"""Questions as strangers write them, with the results worked out by hand from the law's text.

`strangers.tsv`: language, calculator, result (a value, the reason why nothing is due, or "asked"
where one thing must be), and what is written, one message after the other between " // ". All
persons are invented.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.ai_core.answering.calculation.test_conversations import talk

FILE = Path(__file__).with_name("strangers.tsv")
ROWS = [line.split("\t") for line in FILE.read_text(encoding="utf-8").splitlines()]


def result(calculation: dict[str, Any]) -> str:
    """Return a result as the file writes it: "2 mois", "4590.63", "gross_misconduct"."""
    value, unit = calculation["value"], calculation["unit"]
    if calculation["not_due"]:
        return str(calculation["not_due"])
    if isinstance(value, str):
        return value
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{written} {unit}" if unit in ("mois", "jours", "semaines") else written


async def test_what_strangers_ask_is_worked_out(app: Any, subtests: pytest.Subtests) -> None:
    for language, calculator, expected, messages in ROWS:
        with subtests.test(messages=messages):
            reply = (await talk(app, *messages.split(" // ")))[-1]
            found = reply["calculation"]
            if expected == "asked":
                assert found is None
                assert reply["clarification"]
                continue
            assert found is not None, reply["summary"]
            assert (found["calculator"], result(found)) == (calculator, expected)
            assert reply["language"] == language
