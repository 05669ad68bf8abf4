import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_core.engines.base import ChatMessage, Sampling, TokenLogprob
from ai_core.engines.process.wire import (
    Cancel,
    Fault,
    Frames,
    Quit,
    Steps,
    Stream,
    command,
    frame,
    report,
)
from ai_core.engines.runner import TokenChunk
from ai_core.errors import ContextOverflow, EngineFailed, QueueFull


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(ids=st.lists(st.integers(0, 2**40), max_size=20), size=st.integers(1, 200))
def test_messages_arrive_as_they_were_sent_however_the_bytes_are_cut(
    ids: list[int], size: int
) -> None:
    frames = Frames()
    sent = b"".join(frame(Cancel(id)) for id in ids)
    heard = [command(body) for part in cut(sent, size) for body in frames.feed(part)]
    assert heard == [Cancel(id) for id in ids]


def test_a_job_crosses_with_all_it_says() -> None:
    sampling = Sampling(max_tokens=9, temperature=0.7, stop=("fin", "\n"), json_schema='{"a":1}')
    job = Stream(
        7, (ChatMessage("system", "Règles", 6), ChatMessage("user", "😀")), None, sampling, "poli"
    )
    (body,) = Frames().feed(frame(job))
    assert command(body) == job


def test_what_a_step_wrote_crosses_with_all_it_says() -> None:
    odds = (TokenLogprob("oui", -0.1, (("non", -2.5),)),)
    steps = Steps(
        [TokenChunk(1, "oui", 1, 5, "stop", odds), TokenChunk(2, "", 0, finish_reason="failed")],
        0.5,
        0.0,
    )
    (body,) = Frames().feed(frame(steps))
    assert report(body) == steps


def test_an_error_of_ours_is_the_same_error_on_the_other_side() -> None:
    error = Fault.of(ContextOverflow("too long", tokens=9, limit=8)).error()
    assert isinstance(error, ContextOverflow)
    assert (str(error), error.facts) == ("too long", {"tokens": 9, "limit": 8})


def test_an_error_no_model_should_raise_is_a_failure_of_the_engine() -> None:
    assert isinstance(Fault.of(QueueFull("odd")).error(), EngineFailed)


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        report(msgspec.msgpack.encode(Quit()))
    with pytest.raises(ValueError, match="a frame of"):
        list(Frames().feed(b"\xff\xff\xff\xff"))
