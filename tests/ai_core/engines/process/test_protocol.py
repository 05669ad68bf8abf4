import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_core.engines.base import ChatMessage, Sampling, TokenLogprob
from ai_core.engines.error_report import ErrorReport
from ai_core.engines.process.protocol import (
    Cancel,
    FrameDecoder,
    Generate,
    Shutdown,
    StepReport,
    decode_command,
    decode_event,
    encode_frame,
)
from ai_core.engines.runner import TokenChunk


def split(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(ids=st.lists(st.integers(0, 2**40), max_size=20), size=st.integers(1, 200))
def test_frames_are_decoded_however_the_bytes_are_split(ids: list[int], size: int) -> None:
    frames = FrameDecoder()
    sent = b"".join(encode_frame(Cancel(id)) for id in ids)
    received = [decode_command(body) for part in split(sent, size) for body in frames.feed(part)]
    assert received == [Cancel(id) for id in ids]


def test_a_job_survives_the_round_trip() -> None:
    sampling = Sampling(max_tokens=9, temperature=0.7, stop=("fin", "\n"), json_schema='{"a":1}')
    job = Generate(
        7, (ChatMessage("system", "Règles", 6), ChatMessage("user", "😀")), None, sampling, "poli"
    )
    (body,) = FrameDecoder().feed(encode_frame(job))
    assert decode_command(body) == job


def test_a_step_report_survives_the_round_trip() -> None:
    logprobs = (TokenLogprob(b"\xe2\x82", -0.1, ((b"non", -2.5),)),)
    report = StepReport(
        [
            TokenChunk(1, "oui", 1, 5, "stop", logprobs),
            TokenChunk(2, "", 0, finish_reason="failed", error=ErrorReport.of(ValueError())),
        ],
        0.5,
        0.0,
    )
    (body,) = FrameDecoder().feed(encode_frame(report))
    assert decode_event(body) == report


def test_invalid_messages_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_event(msgspec.msgpack.encode(Shutdown()))
    with pytest.raises(ValueError, match="a frame of"):
        list(FrameDecoder().feed(b"\xff\xff\xff\xff"))
