"""Each fuzzer for some seconds, and what one does with an input that fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fuzz.__main__ import FUZZERS
from tests.fuzz.campaign import FEWEST_INPUTS, Check, Fuzzer, replay, run

SECONDS = 3.0
SEED = 13
"""Always the same inputs here, as far as the time goes; ./neo fuzz tries others every time."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FUZZERS)
def test_nothing_is_found_in_some_seconds(name: str, tmp_path: Path) -> None:
    done = run(FUZZERS[name], seconds=SECONDS, seed=SEED, folder=tmp_path)
    assert (done.error, done.saved) == (None, None)
    assert done.executions >= FEWEST_INPUTS


def test_some_inputs_are_tried_however_little_time_there_is(tmp_path: Path) -> None:
    harmless = Fuzzer("harmless", lambda: st.just(b"some words"), opened)
    assert run(harmless, seconds=0.0, seed=SEED, folder=tmp_path).executions == FEWEST_INPUTS


@asynccontextmanager
async def opened() -> AsyncIterator[Check]:
    async def check(data: bytes) -> None:
        await asyncio.sleep(0)
        if b"!" in data:
            raise KeyError(data)

    yield check


def test_an_input_that_fails_is_made_small_saved_and_fails_again(tmp_path: Path) -> None:
    inputs = st.lists(st.sampled_from([b"some ", b"words ", b"!"]), max_size=9).map(b"".join)
    fuzzer = Fuzzer("words", lambda: inputs, opened)
    done = run(fuzzer, seconds=30.0, seed=SEED, folder=tmp_path)
    assert isinstance(done.error, KeyError)
    assert done.saved
    assert done.saved.read_bytes() == b"!"
    with pytest.raises(KeyError):
        asyncio.run(replay(fuzzer, done.saved.read_bytes()))
