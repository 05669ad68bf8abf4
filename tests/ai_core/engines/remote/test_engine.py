"""A model on other machines, over real servers on loopback: one of ours, and one made to fail."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ai_core.engines.base import ChatMessage, Prompt, Sampling, TextChunk
from ai_core.engines.remote.engine import RemoteEngine, RemoteTimeouts
from ai_core.engines.remote.upstreams import MAX_FAILURES, PAUSE_S, RETRY_AFTER_S
from ai_core.engines.scripted import ScriptedEngine
from ai_core.errors import ContextOverflow, ModelUnusable, Unsupported, UpstreamFailed
from ai_core.models.opening import open_remote
from ai_core.models.registry import ModelCard
from shared.errors import Unavailable
from tests.ai_core.conftest import document, library, redis, running_app, sample
from tests.servers.loopback import served

pytestmark = pytest.mark.slow

__all__ = ["document", "library", "redis", "running_app", "sample"]

ASKED = Prompt(
    (ChatMessage("system", "Sois bref."), ChatMessage("user", "Bonjour")), "Bonjour", (), "fr"
)


class Peer:
    """A server of OpenAI's API that writes `words` words and then does as it was told."""

    def __init__(self, words: int = 3, *, then: str = "end", pause_s: float = 0.0) -> None:
        self.words = words
        self.then = then
        self.pause_s = pause_s
        self.refusal: tuple[int, dict[str, object], dict[str, str]] | None = None
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.open = self.most_open = 0
        self.left = asyncio.Event()
        self.app = Starlette(
            routes=[
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/tokenize", self._tokenize, methods=["POST"]),
            ]
        )

    async def _models(self, request: Request) -> Response:
        self.keys.add(request.headers.get("authorization"))
        return JSONResponse({"data": [{"id": "m", "owned_by": "vllm"}]})

    async def _tokenize(self, request: Request) -> Response:
        return JSONResponse({"count": len((await request.json())["prompt"])})

    async def _chat(self, request: Request) -> Response:
        self.asked.append(await request.json())
        if self.refusal:
            status, body, headers = self.refusal
            return JSONResponse(body, status, headers)
        return StreamingResponse(self._written(), media_type="text/event-stream")

    async def _written(self) -> AsyncIterator[str]:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            for number in range(self.words):
                await asyncio.sleep(self.pause_s)
                yield _chunk({"delta": {"content": f"mot{number} "}, "finish_reason": None})
            if self.then == "hang":
                await asyncio.sleep(60)
            if self.then == "break":
                return
            if self.then == "error":
                yield 'data: {"error": {"message": "out of memory"}}\n\n'
            yield _chunk({"delta": {}, "finish_reason": "length"})
            yield 'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}\n\n'
            yield "data: [DONE]\n\n"
        finally:
            self.open -= 1
            self.left.set()


def _chunk(choice: dict[str, object]) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, **choice}]})}\n\n"


@asynccontextmanager
async def remote(*urls: str, **more: Any) -> AsyncIterator[RemoteEngine]:
    known: dict[str, Any] = {"model": "scripted", "context_tokens": 4_096}
    engine = RemoteEngine("far", "w", urls, **known | more)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def beside(*peers: Peer, **more: Any) -> AsyncIterator[RemoteEngine]:
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(served(peer.app)) for peer in peers]
        yield await stack.enter_async_context(remote(*urls, **more))


async def generated(engine: RemoteEngine, prompt: Prompt = ASKED, **more: Any) -> list[TextChunk]:
    sampling = Sampling(**{"max_tokens": 20} | more)
    return [chunk async for chunk in engine.stream(prompt, sampling)]


def text_of(chunks: list[TextChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def test_one_of_our_own_services_writes_for_another(running_app: Any) -> None:
    far = ScriptedEngine("Deux mois, en général.")
    async with (
        running_app(far) as app,
        served(app.asgi) as url,
        remote(f"{url}/v1", api_key=app.keys["inference"]) as engine,
    ):
        chunks = await generated(engine, seed=7, stop=("FIN",), top_k=40, temperature=0.5)
        vectors = await engine.embed(["un deux"])

    assert text_of(chunks) == "Deux mois, en général."
    assert (chunks[-1].finish_reason, chunks[-1].prompt_tokens) == ("stop", 3)
    assert sum(chunk.tokens for chunk in chunks) == 4
    assert (far.samplings[0].seed, far.samplings[0].stop, far.samplings[0].top_k) == (
        7,
        ("FIN",),
        40,
    )
    assert [message.role for message in far.prompts[0].messages] == ["system", "user"]
    assert vectors == [[7.0, 2.0]]


async def test_a_raw_text_and_its_probabilities_pass_through(running_app: Any) -> None:
    far = ScriptedEngine("un deux")
    raw = Prompt((), "x", (), "fr", raw="Il était ")
    async with (
        running_app(far) as app,
        served(app.asgi) as url,
        remote(url, api_key=app.keys["inference"]) as engine,
    ):
        chunks = await generated(engine, raw, top_logprobs=1)

    assert far.prompts[0].raw == "Il était "
    assert [token.token for chunk in chunks for token in chunk.logprobs] == [b"un ", b"deux"]


async def test_an_answer_through_it_is_checked_as_any_other(running_app: Any) -> None:
    peer = Peer()
    async with beside(peer) as engine, running_app(engine) as app:
        response = await app.client.post(
            "/api/v1/chat",
            json={"messages": [{"role": "user", "content": "Quel préavis de démission ?"}]},
            headers=app.key_header(),
        )

    reply = response.json()
    assert reply["response"].startswith("mot0 mot1 mot2")
    assert (reply["prompt_tokens"], reply["completion_tokens"]) == (9, 5)
    assert reply["finish_reason"] == "length"
    assert "<passages>" in peer.asked[0]["messages"][-1]["content"]


async def test_no_request_fails_when_one_of_two_servers_is_killed() -> None:
    kept, killed = Peer(pause_s=0.002), Peer(pause_s=0.002)
    async with served(kept.app) as one, AsyncExitStack() as other:
        two = await other.enter_async_context(served(killed.app))
        async with remote(one, two) as engine:
            first = await asyncio.gather(*(generated(engine) for _ in range(10)))
            await other.aclose()
            rest = await asyncio.gather(*(generated(engine) for _ in range(40)))

    assert {text_of(chunks) for chunks in [*first, *rest]} == {"mot0 mot1 mot2 "}
    assert killed.asked
    assert len(kept.asked) >= 40


async def test_a_server_lost_midway_fails_no_answer_that_is_not_streamed_yet(
    running_app: Any, tmp_path: Path
) -> None:
    broken, other = Peer(then="break"), Peer()
    async with served(broken.app) as one, served(other.app) as two:
        models = f'[[model]]\nname = "far"\nformat = "remote"\nupstreams = ["{one}", "{two}"]\n'
        folder = tmp_path / "models"
        await asyncio.to_thread(folder.mkdir)
        await asyncio.to_thread((folder / "models.toml").write_text, models)
        async with running_app() as app:
            replies = [
                await app.client.post(
                    "/api/v1/generate",
                    json={"prompt": f"Quel préavis de démission ? ({n})", "model": "far"},
                    headers=app.key_header(),
                )
                for n in range(5)
            ]

    assert [reply.status_code for reply in replies] == [200] * 5
    assert all(reply.json()["response"].startswith("mot0 mot1 mot2") for reply in replies)
    assert broken.asked


async def test_the_server_with_the_least_to_do_is_asked() -> None:
    peers = [Peer(20, pause_s=0.01), Peer(20, pause_s=0.01)]
    async with beside(*peers) as engine:
        await asyncio.gather(*(generated(engine) for _ in range(6)))

    assert [peer.most_open for peer in peers] == [3, 3]


async def test_a_prompt_too_long_for_the_server_is_the_callers_affair() -> None:
    peer = Peer()
    error = {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 5}
    peer.refusal = (400, {"error": error}, {})
    async with beside(peer, Peer()) as engine:
        with pytest.raises(ContextOverflow) as refused:
            await generated(engine)

    assert refused.value.facts == {"tokens": 9, "limit": 5}


async def test_what_the_server_cannot_do_is_named() -> None:
    peer = Peer()
    peer.refusal = (400, {"error": {"message": "no", "param": "min_p"}}, {})
    async with beside(peer) as engine:
        with pytest.raises(Unsupported) as refused:
            await generated(engine, min_p=0.1)

    assert refused.value.faults[0]["field"] == "min_p"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_full_server_says_when_to_come_back(status: int) -> None:
    peer = Peer()
    peer.refusal = (status, {"error": {"message": "full"}}, {"Retry-After": "17"})
    async with beside(peer) as engine:
        with pytest.raises(Unavailable) as refused:
            await generated(engine)

    assert refused.value.retry_after_s == 17


async def test_a_full_server_is_passed_over_for_another() -> None:
    full, free = Peer(), Peer()
    full.refusal = (503, {}, {"Retry-After": "17"})
    async with beside(full, free) as engine:
        for _ in range(6):
            assert text_of(await generated(engine)) == "mot0 mot1 mot2 "

    assert not full.open
    assert len(free.asked) == 6


@pytest.mark.parametrize("then", ["break", "error"])
async def test_a_stream_lost_midway_fails_and_is_not_begun_anew(then: str) -> None:
    broken, other = Peer(then=then), Peer(then=then)
    async with beside(broken, other) as engine:
        with pytest.raises(UpstreamFailed):
            await generated(engine)

    assert len(broken.asked) + len(other.asked) == 1


async def test_a_silent_server_is_given_up() -> None:
    timeouts = RemoteTimeouts(first_s=5.0, silence_s=0.2)
    async with beside(Peer(then="hang"), timeouts=timeouts) as engine:
        async with asyncio.timeout(30):  # the server is silent for 60 s
            with pytest.raises(UpstreamFailed):
                await generated(engine)


async def test_a_server_silent_from_the_start_is_passed_over() -> None:
    timeouts = RemoteTimeouts(first_s=0.3)
    silent, other = Peer(0, then="hang"), Peer()
    async with beside(silent, other, timeouts=timeouts) as engine:
        assert text_of(await generated(engine)) == "mot0 mot1 mot2 "


async def test_an_unreachable_service_is_a_503() -> None:
    async with remote("http://127.0.0.1:9") as engine:
        with pytest.raises(Unavailable):
            await generated(engine)


async def test_a_reader_who_leaves_stops_the_server() -> None:
    peer = Peer(10_000, pause_s=0.01)
    async with beside(peer) as engine:
        stream = engine.stream(ASKED, Sampling(max_tokens=5))
        await anext(stream)
        await stream.aclose()
        async with asyncio.timeout(30):  # the whole answer would take 100 s
            await peer.left.wait()


async def test_the_servers_own_tokenizer_counts() -> None:
    async with beside(Peer()) as engine:
        assert await engine.count_tokens(["abc", "de"]) == [3, 2]


async def test_without_a_tokenizer_three_characters_are_a_token() -> None:
    async with remote("http://127.0.0.1:9") as engine:
        assert await engine.count_tokens(["abcdef"]) == [3]


async def test_the_key_comes_from_a_file(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("secret\n")
    peer = Peer()
    async with served(peer.app) as url:
        card = ModelCard(
            id="far",
            format="remote",
            weights="w",
            context_tokens=4_096,
            upstreams=(url,),
            upstream_model="m",
            upstream_key_file=str(key_file),
        )
        engine = await open_remote(card)
        chunks = await generated(engine)
        await engine.close()

    assert text_of(chunks) == "mot0 mot1 mot2 "
    assert peer.asked[0]["model"] == "m"
    assert peer.keys == {"Bearer secret"}


async def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    card = ModelCard(
        id="far",
        format="remote",
        weights="w",
        upstreams=("http://127.0.0.1:9",),
        upstream_key_file=str(tmp_path / "nowhere"),
    )

    with pytest.raises(ModelUnusable, match="nowhere"):
        await open_remote(card)


def asking(words: str) -> Prompt:
    return Prompt((ChatMessage("user", words),), words, (), "fr")


@pytest.mark.parametrize("fails", ["break", "error", "status"])
async def test_a_request_that_fails_again_and_again_shuts_nobody_out(fails: str) -> None:
    peer = Peer(then=fails if fails != "status" else "end")
    async with beside(peer) as engine:
        peer.refusal = (500, {"error": {"code": 500}}, {}) if fails == "status" else None
        for _ in range(6):
            with pytest.raises(Unavailable):
                await generated(engine, asking("une question étrange"))
        peer.then, peer.refusal = "end", None
        assert text_of(await generated(engine, asking("une autre"))) == "mot0 mot1 mot2 "


async def test_errors_that_a_server_answers_with_at_once_shut_nobody_out() -> None:
    peer = Peer()
    async with beside(peer) as engine:
        peer.refusal = (500, {"error": {"code": 500}}, {})
        for number in range(6):
            with pytest.raises(Unavailable) as failed:
                await generated(engine, asking(f"une question étrange ({number})"))
        assert failed.value.retry_after_s == RETRY_AFTER_S
        peer.refusal = None
        assert text_of(await generated(engine, asking("une autre"))) == "mot0 mot1 mot2 "


async def test_a_server_that_fails_everybody_is_left_alone_for_a_while() -> None:
    peer = Peer(then="break")
    async with beside(peer) as engine:
        for number in range(6):
            with pytest.raises(Unavailable) as failed:
                await generated(engine, asking(f"question {number}"))

    assert failed.value.retry_after_s == PAUSE_S
    assert len(peer.asked) == MAX_FAILURES
