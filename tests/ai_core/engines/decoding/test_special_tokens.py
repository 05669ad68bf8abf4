"""Where a text is cut so that no piece spells a special token or is a word too long."""

import random
import time

import pytest

from ai_core.engines.decoding.chat_template import PromptText
from ai_core.engines.decoding.special_tokens import MAX_RUN_CHARS, SpecialTokens, as_content

SPELLINGS = ["<|end|>", "<|end_of_turn|>", "<<", "<<<", "[INST]", "aaa", "aaaaa", "\n\n", "  "]


def test_no_piece_spells_a_token() -> None:
    dice, special = random.Random(5), SpecialTokens(SPELLINGS)  # noqa: S311 - test inputs
    letters = ["<", "|", "end", ">", "_of_turn", "[", "INST", "]", "a", "aa", "\n", " ", "é"]
    for _ in range(3_000):
        text = "".join(dice.choices(letters, k=dice.randrange(40)))
        pieces = special.pieces(as_content(text))
        assert "".join(pieces) == text
        assert all(one not in piece for piece in pieces for one in SPELLINGS if one.strip())


def test_what_the_template_spells_stays_whole() -> None:
    text = "<|end|>un <|end|> deux<|end|>"
    prompt = PromptText(text, ((7, 22),))
    assert SpecialTokens(SPELLINGS).pieces(prompt) == ["<|end|>un <|e", "nd|> deux<|end|>"]


def test_a_spelling_that_the_template_completes_is_cut() -> None:
    prompt = PromptText("bonjour <|end|>", ((0, 12),))
    assert len(SpecialTokens(SPELLINGS).pieces(prompt)) == 2


def test_a_text_without_one_is_one_piece() -> None:
    text = "if a < b | c: return [1]\n\n    # INST"
    assert SpecialTokens(SPELLINGS).pieces(as_content(text), max_run_chars=100) == [text]


UNITS = ["A", "é", "漢", "7", "!", " ", "\n", "กำ", "e\u0301", "\U0001f469\u200d\U0001f467", "a1!"]


@pytest.mark.parametrize("unit", UNITS)
def test_no_piece_has_a_longer_run_than_a_stack_takes(unit: str) -> None:
    text = f"avant {unit * 30_000} après"
    pieces = SpecialTokens(SPELLINGS).pieces(as_content(text), max_run_chars=MAX_RUN_CHARS)
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= MAX_RUN_CHARS + 10


def test_a_long_paragraph_without_spaces_is_cut_before_punctuation() -> None:
    sentence = "雇用契約の終了は法律で定める、"
    text = sentence * 1_000
    first, *_ = SpecialTokens(()).pieces(as_content(text), max_run_chars=MAX_RUN_CHARS)
    assert text[len(first)] == "、"


@pytest.mark.parametrize("unit", ["<", "<|", "<|end|>", "a", "[INST", "A", " "])
def test_the_work_is_linear_in_the_text(unit: str) -> None:
    special = SpecialTokens(SPELLINGS)

    def cpu_s(chars: int) -> float:
        text = unit * (chars // len(unit))
        began_s = time.process_time()
        special.pieces(as_content(text), max_run_chars=MAX_RUN_CHARS)
        return time.process_time() - began_s

    small = min(cpu_s(20_000) for _ in range(3))
    assert min(cpu_s(160_000) for _ in range(2)) < 16 * small + 0.05
