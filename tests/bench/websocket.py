"""WebSockets of the real service: memory with many open, and answers cut a hundred times.

`./neo bench websocket`: 2,000 idle connections and 200 that stream from a remote model whose server
writes slowly, and no answer to its end before all have begun; then answers that are each cut ten
times and resumed by their id. Questions begin a few at a time, and one that is told to come back
later does: the library refuses more than 32 that wait for it at once.
"""

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection

from tests.bench._service import Model, Service, service
from tests.load.bench import command_line, show

MODEL = "slow"
WORDS = 300
PAUSE_S, PAUSE_WHILE_SOME_WAIT_S = 0.05, 0.5
DEADLINE_MS = 600_000
BEGUN_AT_ONCE = 16
MOST_TRIES, RETRY_S = 40, 0.5
QUESTION = "Combien de mots ?"
CUTS_OF_ONE_ANSWER = 10
ENDS = {"done", "error", "stopped"}
requests_upstream = 0
awaited_upstream = 0
"""Answers write slowly until so many were asked for."""


async def completions(_request: Request) -> StreamingResponse:
    """Write numbered words as OpenAI's API streams them."""
    global requests_upstream
    requests_upstream += 1

    async def write() -> AsyncIterator[bytes]:
        for number in range(WORDS):
            chunk = {"choices": [{"index": 0, "delta": {"content": f"mot{number} "}}]}
            yield b"data: %b\n\n" % json.dumps(chunk).encode()
            some_wait = requests_upstream < awaited_upstream
            await asyncio.sleep(PAUSE_WHILE_SOME_WAIT_S if some_wait else PAUSE_S)
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        yield b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(last).encode()

    return StreamingResponse(write(), media_type="text/event-stream")


@contextmanager
def upstream() -> Iterator[str]:
    """Serve the remote model in a thread."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1_024)
        app = Starlette(routes=[Route("/v1/chat/completions", completions, methods=["POST"])])
        config = uvicorn.Config(app, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        work = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
        work.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        work.join(10)


async def connect(running: Service) -> ClientConnection:
    """Return a connection that is ready."""
    address = running.url.replace("http", "ws") + "/api/v1/ws"
    headers = {"X-API-Key": running.keys["one"]}
    connection = await websockets.connect(
        address, additional_headers=headers, compression=None, open_timeout=60
    )
    await connection.recv()
    return connection


def question(answer_id: str, number: int) -> str:
    """Return the frame of a question to the model alone."""
    messages = [{"role": "user", "content": f"{QUESTION} ({number})"}]
    body = {"messages": messages, "model": MODEL, "knowledge": False, "store": False}
    asked = {"answer": answer_id, "request": body, "deadline_ms": DEADLINE_MS}
    return json.dumps({"type": "question", **asked})


async def crowd(running: Service, idle: int, streaming: int) -> dict[str, Any]:
    """Measure the memory with so many connections."""
    global awaited_upstream
    empty_mib = running.rss_mib()
    first = await connect(running)
    await whole(first, -1, asyncio.Semaphore(1), Streams())
    warm_mib = running.rss_mib()
    awaited_upstream = requests_upstream + streaming
    quiet = [await connect(running) for _ in range(idle)]
    idle_mib = running.rss_mib()
    busy = [await connect(running) for _ in range(streaming)]
    turns, streams = asyncio.Semaphore(BEGUN_AT_ONCE), Streams()
    reading = [
        asyncio.create_task(whole(one, number, turns, streams)) for number, one in enumerate(busy)
    ]
    most_mib = idle_mib
    while not all(task.done() for task in reading):
        most_mib = max(most_mib, running.rss_mib())
        await asyncio.sleep(0.5)
    awaited_upstream = 0
    ends = [task.result() for task in reading]
    for connection in (first, *quiet, *busy):
        connection.transport.abort()
    return {
        "empty_mib": round(empty_mib),
        "after_one_answer_mib": round(warm_mib),
        "idle_mib": round(idle_mib),
        "streaming_mib": round(most_mib),
        "streaming_at_once": streams.most,
        "whole_answers": ends.count(WORDS),
        "answers": streaming,
        "told_to_come_back": streams.refused,
        "other_ends": sorted(streams.problems),
    }


async def first_piece(connection: ClientConnection, number: int) -> dict[str, Any]:
    """Ask; return the first frame that is a piece of the answer, or its end."""
    await connection.send(question(secrets.token_urlsafe(18), number))
    while True:
        frame: dict[str, Any] = json.loads(await connection.recv())
        if frame["type"] in {"piece", *ENDS}:
            return frame


@dataclass
class Streams:
    """How many answers are between their first piece and their end, and the most there were."""

    now: int = 0
    most: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Count one more."""
        self.now += 1
        self.most = max(self.most, self.now)


async def whole(
    connection: ClientConnection, number: int, turns: asyncio.Semaphore, streams: Streams
) -> int:
    """Ask when it is our turn, and return how many words came, in order."""
    async with turns:
        for _ in range(MOST_TRIES):
            frame = await first_piece(connection, number)
            if frame.get("problem", {}).get("status") != 503:
                break
            streams.refused += 1
            await asyncio.sleep(RETRY_S)
    text = str(frame.get("delta", ""))
    if frame["type"] == "piece":
        streams.begin()
        while frame["type"] not in ENDS:
            frame = json.loads(await connection.recv())
            text += frame.get("delta", "")
        streams.now -= 1
    if frame["type"] != "done":
        streams.problems.append(frame.get("problem", frame).get("code", frame["type"]))
    return sum(f"mot{word} " in f"{text} " for word in range(WORDS))


async def cuts(running: Service, count: int) -> dict[str, Any]:
    """Cut answers `count` times; count the frames that were lost or came twice."""
    asked_before = requests_upstream
    answers = range(count // CUTS_OF_ONE_ANSWER)
    told = await asyncio.gather(*(cut_often(running, number) for number in answers))
    return {
        "cuts": sum(made for made, _ in told),
        "answers": len(told),
        "frames_lost": sum(max(ids) - len(set(ids)) for _, ids in told),
        "frames_twice": sum(len(ids) - len(set(ids)) for _, ids in told),
        "generations": requests_upstream - asked_before,
    }


async def cut_often(running: Service, number: int) -> tuple[int, list[int]]:
    """Cut one answer CUTS_OF_ONE_ANSWER times; return the cuts, and the ids of all frames."""
    ids: list[int] = []
    answer_id = secrets.token_urlsafe(18)
    asked = question(answer_id, 10_000 + number)
    for made in range(CUTS_OF_ONE_ANSWER + 1):
        connection = await connect(running)
        after = {"type": "resume", "answer": answer_id, "after": ids[-1] if ids else 0}
        await connection.send(json.dumps(after) if ids else asked)
        until = WORDS * (made + 1) // (CUTS_OF_ONE_ANSWER + 2)
        frame = {"type": ""}
        while frame["type"] not in ENDS and (len(ids) < until or made == CUTS_OF_ONE_ANSWER):
            frame = json.loads(await connection.recv())
            ids.append(frame["id"])
        connection.transport.abort()
    return CUTS_OF_ONE_ANSWER, ids


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--idle", type=int, default=2_000)
    parser.add_argument("--streaming", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=100)
    options = parser.parse_args()
    with upstream() as url:
        entry = [f'upstreams = ["{url}/v1"]', 'upstream_model = "m"', "slots = 256"]
        model = Model(MODEL, "remote", options=entry)
        with service([model], default=MODEL, ANSWERS__MOST_WAITING="1000") as running:
            figures: dict[str, object] = {
                "crowd": asyncio.run(crowd(running, options.idle, options.streaming)),
                "cuts": asyncio.run(cuts(running, options.cuts)),
            }
    show("websocket", figures, as_json=options.json)


if __name__ == "__main__":
    main()
