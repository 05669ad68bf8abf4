"""An answer that repeats itself is found out; texts that repeat words are not."""

import itertools
import re
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from ai_core.engines.decoding.repetition import RepetitionDetector

TEXTS = Path(__file__).parents[4] / "ai_core" / "texts" / "quality.toml"


def stopped_at(tokens: Sequence[int]) -> int | None:
    detector = RepetitionDetector()
    return next((at for at, token in enumerate(tokens, 1) if detector.add(token)), None)


def as_tokens(text: str) -> list[int]:
    """Words and marks as numbers: repetition is a matter of which are equal."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(one, len(numbers)) for one in re.findall(r"\w+|\s+|[^\w\s]", text)]


@pytest.mark.parametrize("period", [1, 2, 3, 7, 20, 53, 100, 160, 199])
@pytest.mark.parametrize("before", [0, 1, 150])
def test_a_loop_is_stopped_before_eight_hundred_tokens(period: int, before: int) -> None:
    beginning = list(range(1_000, 1_000 + min(before, 800 - 4 * period)))
    tokens = [*beginning, *itertools.islice(itertools.cycle(range(period)), 800 - len(beginning))]
    at = stopped_at(tokens)
    assert at is not None
    assert at - len(beginning) <= max(160, 3 * period) + period


def test_texts_that_repeat_themselves_a_little_are_not_stopped() -> None:
    table = "| L1234-{} | {} mois | cadres | oui |\n"
    numbers = "".join(table.format(n, n % 3) for n in range(200))
    steps = "".join(f"{n}. Le salarié informe l'employeur par lettre.\n" for n in range(100))
    letter = "Je soussigné" + " ." * 70 + " né le" + " ." * 70 + " à" + " ." * 70
    code = "    }\n" * 12 + "]\n" * 12
    rule = ("|" + "-" * 20) * 5 + "|\n" + "| a | b | c | d | e |\n" * 3
    chorus = ("Le contrat est rompu d'un commun accord entre les parties. " * 3 + "Puis : ") * 2
    for text in (numbers, steps, letter, code, rule, chorus):
        assert stopped_at(as_tokens(text)) is None


def test_the_passages_that_models_are_measured_on_are_not_stopped() -> None:
    passages: list[str] = tomllib.loads(TEXTS.read_text("utf-8"))["passages"]
    assert len(passages) >= 5
    for text in passages:
        assert stopped_at(as_tokens(text)) is None
        assert stopped_at([ord(letter) for letter in text]) is None


def test_counting_is_not_a_loop() -> None:
    text = ", ".join(map(str, range(1_000)))
    assert stopped_at(as_tokens(text)) is None
    assert stopped_at([ord(letter) for letter in text]) is None


def test_the_work_per_token_is_constant() -> None:
    def cpu_s(tokens: int) -> float:
        detector, began_s = RepetitionDetector(), time.process_time()
        for token in range(tokens):
            detector.add(token)
        return time.process_time() - began_s

    cpu_s(1_000)
    assert cpu_s(20_000) < 20 * cpu_s(2_000) + 0.05
