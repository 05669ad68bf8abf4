"""AiClient against a scripted ai_core: in process, and on loopback where streaming matters."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import stamina

from shared.ai.client import AiClient
from shared.ai.contract import ChatRequest, GenerateRequest, Message
from shared.ai.scripted import SOURCE, ScriptedAi
from shared.ai.stream import AiUnavailable, Citations, Delta, Piece, Usage
from shared.clock import StoppedClock
from shared.errors import BadInput, NotFound, TooMany, Unavailable
from tests.servers.loopback import served

QUESTION = ChatRequest(messages=[Message(role="user", content="Combien de jours ?")])


@pytest.fixture(autouse=True)
def no_waiting_between_tries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def ai() -> ScriptedAi:
    return ScriptedAi()


def client_of(ai: ScriptedAi, clock: StoppedClock | None = None) -> AiClient:
    transport = httpx2.ASGITransport(ai.app)
    return AiClient("http://ai", "key", transport=transport, clock=clock)


async def test_a_stream_gives_the_text_its_sources_and_its_usage(ai: ScriptedAi) -> None:
    async with served(ai.app) as url, AiClient(url, "key") as client:
        pieces: list[Piece] = [piece async for piece in client.stream(QUESTION)]
    text = "".join(piece.text for piece in pieces if isinstance(piece, Delta))
    assert text == ai.script.answer
    assert pieces[-2] == Citations((SOURCE,))
    assert isinstance(pieces[-1], Usage)
    assert pieces[-1].conversation_id == "scripted-00000001"


async def test_separators_of_unicode_are_part_of_the_text(ai: ScriptedAi) -> None:
    ai.script.answer = "un\u2028deux\u2029trois\x85quatre\x0bcinq\x1csix"
    async with served(ai.app) as url, AiClient(url, "key") as client:
        pieces = [piece async for piece in client.stream(QUESTION)]
    assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == ai.script.answer


@pytest.mark.parametrize(
    "event",
    [
        "data: {}",
        "data: []",
        'data: {"delta": null}',
        "event: error\ndata: []",
        "data: " + "x" * 5_000_000,
    ],
)
async def test_an_event_that_makes_no_sense_ends_the_stream(event: str) -> None:
    stream = {"Content-Type": "text/event-stream"}
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers=stream, text=event + "\n\n")
    )
    async with AiClient("http://ai", "key", transport=transport) as client:
        with pytest.raises(AiUnavailable):
            _ = [piece async for piece in client.stream(QUESTION)]


async def test_leaving_a_stream_hangs_up_so_that_the_run_stops(ai: ScriptedAi) -> None:
    ai.script.answer, ai.script.pause_s = "mot " * 10_000, 0.01
    async with served(ai.app) as url, AiClient(url, "key") as client:
        stream = client.stream(QUESTION)
        await anext(stream)
        await stream.aclose()
        async with asyncio.timeout(30):  # the whole answer would take 100 s
            while not ai.hung_up:  # noqa: ASYNC110 - the scripted ai_core has no event for it
                await asyncio.sleep(0.01)


async def test_a_stream_cut_before_its_end_is_an_error(ai: ScriptedAi) -> None:
    ai.script.die_after = 1
    async with client_of(ai) as client:
        with pytest.raises(AiUnavailable):
            _ = [piece async for piece in client.stream(QUESTION)]


async def test_a_question_is_tried_again_under_the_same_key(ai: ScriptedAi) -> None:
    keys: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["idempotency-key"])
        raise httpx2.ConnectError("refused")

    transport = httpx2.MockTransport(answer)
    async with AiClient("http://ai", "key", transport=transport) as client:
        with pytest.raises(AiUnavailable):
            await client.generate(GenerateRequest(prompt="Bonjour"))
    assert len(keys) == 3
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (422, BadInput), (429, TooMany), (503, Unavailable)]
)
async def test_a_problem_document_comes_back_as_our_error(
    ai: ScriptedAi, status: int, kind: type[Exception]
) -> None:
    ai.script.status = status
    async with client_of(ai) as client:
        with pytest.raises(kind):
            await client.chat(QUESTION)


async def test_retry_after_reaches_the_caller(ai: ScriptedAi) -> None:
    ai.script.status = 429
    async with client_of(ai) as client:
        with pytest.raises(TooMany) as refused:
            await client.chat(QUESTION)
    assert refused.value.retry_after_s == 1.0


async def test_the_breaker_spares_an_ai_core_that_is_down(ai: ScriptedAi) -> None:
    clock = StoppedClock(datetime(2026, 11, 20, tzinfo=UTC))
    ai.script.status = 500
    async with client_of(ai, clock) as client:
        for _ in range(2):
            with pytest.raises(AiUnavailable):
                await client.chat(QUESTION)
        assert client.down
        ai.script.status = 200
        with pytest.raises(Unavailable):
            await client.chat(QUESTION)
        clock.set(clock.now() + timedelta(seconds=11))
        assert (await client.chat(QUESTION)).response == ai.script.answer
        assert not client.down


async def test_its_health_is_looked_at_also_while_it_is_given_up_on(ai: ScriptedAi) -> None:
    async with client_of(ai) as client:
        ai.script.status = 503
        for _ in range(5):
            with pytest.raises(AiUnavailable):
                await client.health()
        assert client.down
        ai.script.status = 200
        assert (await client.health()).status == "ok"
        assert not client.down
        assert (await client.chat(QUESTION)).response == ai.script.answer


async def test_an_article_a_list_of_models_and_an_erasure(ai: ScriptedAi) -> None:
    async with client_of(ai) as client:
        assert (await client.article("L9999-1")).id == SOURCE.id
        with pytest.raises(NotFound):
            await client.article("L1-1")
        assert [card.id for card in (await client.models()).models] == ["extractive", "petit"]
        assert await client.erase_conversation("scripted-00000001")
        assert ai.erased == ["scripted-00000001"]


async def test_it_is_failing_from_a_call_without_an_answer_to_the_next_with_one(
    ai: ScriptedAi,
) -> None:
    async with client_of(ai) as client:
        assert not client.failing
        ai.script.status = 503
        with pytest.raises(AiUnavailable):
            await client.health()
        assert client.failing
        ai.script.status = 200
        await client.health()
        assert not client.failing
