"""How the next token is chosen."""

import math
from collections import Counter

import numpy as np
import pytest

from ai_core.engines.base import Sampling
from ai_core.engines.decoding.sampling import Sampler
from ai_core.errors import EngineFailed

PROBABILITIES = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625])
LOGITS = np.log(PROBABILITIES).astype(np.float32)
DRAWS = 4_000


def named(token: int) -> bytes:
    return b"<%d>" % token


def drawn(sampling: Sampling) -> Counter[int]:
    sampler = Sampler(sampling, [], named)
    return Counter(sampler.sample(LOGITS)[0] for _ in range(DRAWS))


def at_temperature_one(**settings: float) -> Sampling:
    return Sampling(max_tokens=1, temperature=1.0, seed=7, **settings)  # type: ignore[arg-type]


def test_greedy_takes_the_likeliest() -> None:
    assert drawn(Sampling(max_tokens=1)) == {0: DRAWS}


def test_a_temperature_of_one_draws_as_the_model_says() -> None:
    found = drawn(at_temperature_one())
    for token, probability in enumerate(PROBABILITIES):
        assert found[token] / DRAWS == pytest.approx(
            probability, abs=4 * math.sqrt(probability / DRAWS)
        )


def test_a_low_temperature_sharpens() -> None:
    found = drawn(Sampling(max_tokens=1, temperature=0.5, seed=1))
    squared = PROBABILITIES**2 / (PROBABILITIES**2).sum()
    assert found[0] / DRAWS == pytest.approx(squared[0], abs=0.04)


@pytest.mark.parametrize(
    ("settings", "left"),
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
def test_unlikely_tokens_are_left_out(settings: dict[str, float], left: set[int]) -> None:
    assert set(drawn(at_temperature_one(**settings))) == left


def test_a_seed_repeats_the_draws() -> None:
    sampler, again = (
        Sampler(at_temperature_one(), [], named),
        Sampler(at_temperature_one(), [], named),
    )
    assert [sampler.sample(LOGITS) for _ in range(50)] == [again.sample(LOGITS) for _ in range(50)]


def test_what_was_read_or_written_becomes_less_likely() -> None:
    logits = np.array([2.0, 1.9, -1.0], dtype=np.float32)
    sampler = Sampler(Sampling(max_tokens=3, repetition_penalty=1.5), [0], named)
    assert sampler.sample(logits)[0] == 1
    assert sampler.sample(logits)[0] == 0, "now both are less likely, and the first is the likelier"
    assert logits.tolist() == pytest.approx([2.0, 1.9, -1.0])


def test_the_logarithms_are_those_of_the_model_before_penalties() -> None:
    sampling = Sampling(max_tokens=1, repetition_penalty=9.0, top_logprobs=2)
    token, (logprob,) = Sampler(sampling, [], named).sample(LOGITS)
    assert token == 0
    assert logprob.logprob == pytest.approx(math.log(0.5))
    assert [logprob.token, *(name for name, _ in logprob.top)] == [b"<0>", b"<0>", b"<1>"]
    assert logprob.top[1][1] == pytest.approx(math.log(0.25))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_not_a_number_ends_the_answer(temperature: float) -> None:
    sampler = Sampler(Sampling(max_tokens=1, temperature=temperature), [], named)
    with pytest.raises(EngineFailed):
        sampler.sample(np.full(5, np.nan, dtype=np.float32))
