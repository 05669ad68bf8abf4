"""The servers behind a remote model: which of them answer, and which has the least to do."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import httpcore2  # noqa: F401 - httpx2 would import it, reading files, inside the event loop
import httpx2
import orjson
import structlog

from shared.ai.breaker import Breaker
from shared.clock import Clock
from shared.errors import Unavailable

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 3.0
LOOK_TIMEOUT_S = 5.0
LOOK_EVERY_S = 5.0
FAILURES = 3
PAUSE_S = 10.0
RETRY_AFTER_S = 5.0


class Upstream:
    """One server: `url` ends with /v1, `root` is what stands before that."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.root = url.rstrip("/").removesuffix("/v1")
        self.url = f"{self.root}/v1"
        self.breaker = Breaker(clock, failures=FAILURES, pause_s=PAUSE_S)
        self.answers = True
        self.kind = ""
        self.open = 0
        self._faults = 0

    @contextmanager
    def used(self) -> Iterator[None]:
        """Count a request that is under way."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    @property
    def rank(self) -> tuple[object, ...]:
        """Return what orders servers by how gladly they are asked: the lowest first."""
        return (not self.answers, self.breaker.is_open, self._faults > 0, self.open)

    def succeeded(self) -> None:
        """Take note of an answer."""
        self._faults = 0
        self.breaker.succeeded()

    def failed(self) -> None:
        """Take note of a fault of its own."""
        self._faults += 1
        self.breaker.failed()

    def noticed(self, *, answers: bool, reason: str = "") -> None:
        """Take note of whether it answers, and say so when that changed."""
        if answers != self.answers:
            log.warning("upstream", upstream=self.root, answers=answers, reason=reason)
        self.answers = answers


class Upstreams:
    """All servers of one model, looked at every few seconds."""

    def __init__(self, urls: Sequence[str], api_key: str, clock: Clock) -> None:
        self.all = [Upstream(url, clock) for url in urls]
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.http = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(LOOK_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx2.Limits(max_connections=None),
        )
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Look at every server once, then for as long as this is open."""
        await self.look()
        self._looking = asyncio.create_task(self._keep_looking(), name="upstreams")

    async def close(self) -> None:
        """Hang up."""
        if self._looking:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self.http.aclose()

    @property
    def alive(self) -> list[Upstream]:
        """Return the servers that answer."""
        return [up for up in self.all if up.answers]

    def in_order(self) -> Iterator[Upstream]:
        """Yield each server that may be tried, the one with the least to do first.

        Those whose latest answer failed come after the others, and those that did not answer when
        looked at come last: they may be back.
        """
        tried: set[Upstream] = set()
        while left := [up for up in self.all if up not in tried]:
            upstream = min(left, key=lambda up: up.rank)
            tried.add(upstream)
            if upstream.breaker.enter() == 0:
                yield upstream

    def none_left(self, last: Exception | None) -> Unavailable:
        """Return what to raise when no server took the request, after the `last` one's fault."""
        if isinstance(last, Unavailable):
            return last
        return Unavailable(f"no upstream answers ({last or 'all paused'})", retry_after_s=PAUSE_S)

    async def look(self) -> None:
        """Ask every server for its models."""
        await asyncio.gather(*(self._look_at(upstream) for upstream in self.all))

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def _look_at(self, upstream: Upstream) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                response = await self.http.get(f"{upstream.url}/models")
        except (httpx2.TransportError, TimeoutError) as error:
            upstream.noticed(answers=False, reason=type(error).__name__)
            return
        upstream.noticed(answers=response.is_success, reason=str(response.status_code))
        upstream.kind = _kind(response) or upstream.kind


def _kind(response: httpx2.Response) -> str:
    """Return whose server it is, as its list of models says ("vllm", "llamacpp")."""
    try:
        return str(orjson.loads(response.content)["data"][0]["owned_by"])
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return ""


@asynccontextmanager
async def within(limit_s: float) -> AsyncIterator[None]:
    """Turn a wait that takes too long into a fault of the server's."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        raise Unavailable(f"silent for {limit_s:g} s", retry_after_s=RETRY_AFTER_S) from None
