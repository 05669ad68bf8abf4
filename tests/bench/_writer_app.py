"""The GGUF writer behind the smallest server that speaks /v1/completions, to measure it bare.

One thread owns the writer, as in the child process of the service; one event loop answers.
"""

import argparse
import asyncio
import json
import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from ai_core.engines.base import Sampling, Turn
from ai_core.engines.gguf import GgufWriter, open_writer
from ai_core.engines.writer import Job, WriterOptions, Wrote

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Desk:
    """Hands jobs to the writer's thread and what it wrote back to the loop, once per step."""

    def __init__(self, writer: GgufWriter) -> None:
        self._writer = writer
        self._orders: queue.SimpleQueue[Job | int] = queue.SimpleQueue()
        self._mail: dict[int, asyncio.Queue[Wrote]] = {}
        self._last_id = 0
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, daemon=True).start()

    def take(self, body: dict[str, Any]) -> tuple[int, asyncio.Queue[Wrote]]:
        """Order an answer; what is written comes through the queue."""
        prompt = self._writer.render(
            [Turn("system", body["owned"], len(body["owned"])), Turn("user", body["prompt"])]
            if body.get("owned")
            else [],
            None if body.get("owned") else body["prompt"],
        )
        self._last_id += 1
        mail: asyncio.Queue[Wrote] = asyncio.Queue()
        self._mail[self._last_id] = mail
        self._orders.put(Job(self._last_id, prompt, Sampling(max_tokens=body["max_tokens"])))
        return self._last_id, mail

    def drop(self, job_id: int) -> None:
        """Give an answer up."""
        if self._mail.pop(job_id, None):
            self._orders.put(job_id)

    def _deliver(self, said: list[Wrote]) -> None:
        for wrote in said:
            mail = self._mail.get(wrote.job_id)
            if mail:
                mail.put_nowait(wrote)

    def _work(self) -> None:
        waiting: deque[Job] = deque()
        while True:
            while not self._orders.empty() or not (self._writer.busy or waiting):
                order = self._orders.get()
                if isinstance(order, Job):
                    waiting.append(order)
                else:
                    self._writer.cancel(order)
                    waiting = deque(job for job in waiting if job.id != order)
            while waiting and self._writer.admit(waiting[0]):
                waiting.popleft()
            said = self._writer.step()
            if said:
                self._loop.call_soon_threadsafe(self._deliver, said)


class App:
    """A bare ASGI app."""

    def __init__(self, writer: GgufWriter) -> None:
        self._writer = writer
        self._desk: Desk | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer /v1/completions as a stream, anything else with 200."""
        if scope["type"] != "http":
            return
        self._desk = self._desk or Desk(self._writer)
        text = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": text})
        if scope["path"] == "/v1/completions":
            await self._stream(json.loads((await receive())["body"]), send)
        await send({"type": "http.response.body", "body": b""})

    async def _stream(self, body: dict[str, Any], send: Send) -> None:
        assert self._desk
        job_id, mail = self._desk.take(body)
        try:
            end = None
            while end is None:
                wrote = await mail.get()
                end = wrote.end
                choice = {"text": wrote.text, "finish_reason": end}
                chunk = json.dumps({"choices": [choice], "tokens": wrote.tokens})
                data = f"data: {chunk}\n\n".encode()
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send(
                {"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": True}
            )
        finally:
            self._desk.drop(job_id)


def main() -> None:
    """Serve a model until ended."""
    options = argparse.ArgumentParser()
    options.add_argument("--model", required=True)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--threads", type=int, default=0)
    options.add_argument("--context", type=int, default=2_048)
    given = options.parse_args()
    writer = open_writer(
        given.model, WriterOptions(context_tokens=given.context, threads=given.threads, slots=16)
    )
    uvicorn.run(App(writer), port=given.port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
