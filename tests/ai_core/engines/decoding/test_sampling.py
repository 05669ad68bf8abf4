"""How the next token is chosen."""

import math
from collections import Counter

import numpy as np
import pytest

from ai_core.engines.base import Sampling
from ai_core.engines.decoding.sampling import Chooser
from ai_core.errors import EngineFailed

CHANCES = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625])
LOGITS = np.log(CHANCES).astype(np.float32)
DRAWS = 4_000


def drawn(sampling: Sampling) -> Counter[int]:
    chooser = Chooser(sampling, [], str)
    return Counter(chooser.next(LOGITS)[0] for _ in range(DRAWS))


def warm(**wishes: float) -> Sampling:
    return Sampling(max_tokens=1, temperature=1.0, seed=7, **wishes)  # type: ignore[arg-type]


def test_greedy_takes_the_likeliest() -> None:
    assert drawn(Sampling(max_tokens=1)) == {0: DRAWS}


def test_a_temperature_of_one_draws_as_the_model_says() -> None:
    found = drawn(warm())
    for token, chance in enumerate(CHANCES):
        assert found[token] / DRAWS == pytest.approx(chance, abs=4 * math.sqrt(chance / DRAWS))


def test_a_low_temperature_sharpens() -> None:
    found = drawn(Sampling(max_tokens=1, temperature=0.5, seed=1))
    squared = CHANCES**2 / (CHANCES**2).sum()
    assert found[0] / DRAWS == pytest.approx(squared[0], abs=0.04)


@pytest.mark.parametrize(
    ("wishes", "left"),
    [
        ({"top_k": 2}, {0, 1}),
        ({"top_k": 99}, {0, 1, 2, 3, 4}),
        ({"top_p": 0.4}, {0}),
        ({"top_p": 0.7}, {0, 1}),
        ({"top_p": 0.8}, {0, 1, 2}),
        ({"min_p": 0.2}, {0, 1, 2}),
        ({"min_p": 1.0}, {0}),
        ({"top_k": 4, "top_p": 0.99, "min_p": 0.3}, {0, 1}),
    ],
)
def test_unlikely_tokens_are_left_out(wishes: dict[str, float], left: set[int]) -> None:
    assert set(drawn(warm(**wishes))) == left


def test_a_seed_repeats_the_draws() -> None:
    chooser, again = Chooser(warm(), [], str), Chooser(warm(), [], str)
    assert [chooser.next(LOGITS) for _ in range(50)] == [again.next(LOGITS) for _ in range(50)]


def test_what_was_read_or_written_becomes_less_likely() -> None:
    row = np.array([2.0, 1.9, -1.0], dtype=np.float32)
    chooser = Chooser(Sampling(max_tokens=3, repetition_penalty=1.5), [0], str)
    assert chooser.next(row)[0] == 1
    assert chooser.next(row)[0] == 0, "now both are less likely, and the first is the likelier"
    assert row.tolist() == pytest.approx([2.0, 1.9, -1.0])


def test_the_logarithms_are_those_of_the_model_before_penalties() -> None:
    sampling = Sampling(max_tokens=1, repetition_penalty=9.0, top_logprobs=2)
    token, (odds,) = Chooser(sampling, [], "<{}>".format).next(LOGITS)
    assert token == 0
    assert odds.logprob == pytest.approx(math.log(0.5))
    assert [odds.token, *(name for name, _ in odds.top)] == ["<0>", "<0>", "<1>"]
    assert odds.top[1][1] == pytest.approx(math.log(0.25))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_not_a_number_ends_the_answer(temperature: float) -> None:
    chooser = Chooser(Sampling(max_tokens=1, temperature=temperature), [], str)
    with pytest.raises(EngineFailed):
        chooser.next(np.full(5, np.nan, dtype=np.float32))
