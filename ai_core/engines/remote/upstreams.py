"""The servers behind a remote model: health checks, circuit breakers and load balancing."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import httpcore2  # noqa: F401 - httpx2 would import it, reading files, inside the event loop
import httpx2
import orjson
import structlog

from ai_core.engines.remote.bodies import read_body
from ai_core.engines.remote.parameters import Parameters
from ai_core.errors import UpstreamFailed
from shared.ai.breaker import Breaker
from shared.clock import Clock
from shared.errors import Unavailable

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 3.0
PROBE_TIMEOUT_S = 5.0
PROBE_INTERVAL_S = 5.0
MAX_FAILURES = 3
PAUSE_S = 10.0
RETRY_AFTER_S = 5.0
MAX_PROBE_BYTES = 4 * 1024 * 1024


def base_url(address: str) -> str:
    """Return where an API begins: the address as it was given, with /v1 where it has no path."""
    given = address.rstrip("/")
    return given if urlsplit(given).path else f"{given}/v1"


class Upstream:
    """One server. `url` is where its API begins: as it was given, with /v1 where it has no path.
    `root` is the part before /v1.

    `parameters` is how it calls what every request has.

    `software` is what it runs ("vllm", "llamacpp"), where it says so; `refusal` why it refuses all
    requests, until it takes one.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self.url = base_url(url)
        self.root = self.url.removesuffix("/v1")
        self.parameters = Parameters()
        self.breaker = Breaker(clock, failures=MAX_FAILURES, pause_s=PAUSE_S)
        self.available = True
        self.software = ""
        self.open_requests = 0
        self.refusal = ""
        self._failures = 0
        self._failed_requests: set[int] = set()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request while it is open."""
        self.open_requests += 1
        try:
            yield
        finally:
            self.open_requests -= 1

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Sort key: preferred upstream first."""
        failing = self._failures > 0 or bool(self.refusal)
        return (not self.available, self.breaker.is_open, failing, self.open_requests)

    def succeeded(self) -> None:
        """Record a success."""
        self._failures = 0
        self.refusal = ""
        self._close_breaker()

    def failed(self, request: int, *, answered: bool) -> None:
        """Record a failed request by its hash.

        The breaker opens when several requests in a row failed that have nothing in common: one
        that is tried again fails again, and one that the server could still answer, with an
        error, keeps nobody waiting.
        """
        self._failures += 1
        if answered or request in self._failed_requests:
            return
        if len(self._failed_requests) < MAX_FAILURES:
            self._failed_requests.add(request)
        self.breaker.failed()

    def _close_breaker(self) -> None:
        self._failed_requests.clear()
        self.breaker.succeeded()

    def refused(self, reason: str) -> None:
        """Record a refusal that only the operator can end, and log a new one.

        It does not open the breaker: the next caller is told the reason, too.
        """
        self._close_breaker()
        if reason != self.refusal:
            log.error("upstream refuses requests", upstream=self.root, reason=reason)
        self.refusal = reason

    def set_available(self, available: bool, reason: str = "") -> None:
        """Record whether it answers, and log a change."""
        if available != self.available:
            log.warning(
                "upstream availability changed",
                upstream=self.root,
                available=available,
                reason=reason,
            )
            if available:
                self._close_breaker()
        self.available = available


class Upstreams:
    """All servers of one model, probed every few seconds."""

    def __init__(self, urls: Sequence[str], api_key: str, clock: Clock) -> None:
        self.all = [Upstream(url, clock) for url in urls]
        headers = {"Accept-Encoding": "identity"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self.http = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(PROBE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx2.Limits(max_connections=None),
            follow_redirects=False,  # another host would get the key and what people wrote
        )
        self._probing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Probe every server, now and then periodically until closed."""
        await self.probe_all()
        self._probing = asyncio.create_task(self._probe_forever(), name="upstreams")

    async def close(self) -> None:
        """Stop probing and close all connections."""
        if self._probing:
            self._probing.cancel()
            await asyncio.wait([self._probing])
        await self.http.aclose()

    @property
    def available(self) -> list[Upstream]:
        """The servers that answered the last probe."""
        return [upstream for upstream in self.all if upstream.available]

    def by_preference(self) -> Iterator[Upstream]:
        """Yield each server whose breaker lets a request through, the least loaded first.

        Those whose latest answer failed come after the others, and those that failed the last probe
        come last: they may be back.
        """
        tried: set[Upstream] = set()
        while left := [upstream for upstream in self.all if upstream not in tried]:
            upstream = min(left, key=lambda upstream: upstream.sort_key)
            tried.add(upstream)
            if upstream.breaker.enter() == 0:
                yield upstream

    def exhausted(self, last: Exception | None) -> Unavailable:
        """Return the error for a request no server took; `last` is the last server's error."""
        if isinstance(last, Unavailable) and not isinstance(last, UpstreamFailed):
            return last
        reason = str(last) or type(last).__name__ if last else "all paused"
        paused = all(upstream.breaker.is_open for upstream in self.all)
        wait_s = PAUSE_S if paused else RETRY_AFTER_S
        return Unavailable(f"no upstream answers ({reason})", retry_after_s=wait_s)

    async def probe_all(self) -> None:
        """Ask every server for its models."""
        await asyncio.gather(*(self._probe(upstream) for upstream in self.all))

    async def _probe_forever(self) -> None:
        while True:
            await asyncio.sleep(PROBE_INTERVAL_S)
            await self.probe_all()

    async def _probe(self, upstream: Upstream) -> None:
        try:
            probe = self.http.stream("GET", f"{upstream.url}/models")
            async with asyncio.timeout(PROBE_TIMEOUT_S), probe as response:
                upstream.set_available(response.is_success, str(response.status_code))
                if response.is_success:
                    told = _software(await read_body(response, MAX_PROBE_BYTES))
                    upstream.software = told or upstream.software
        except (httpx2.RequestError, TimeoutError, UpstreamFailed) as error:
            upstream.set_available(False, type(error).__name__)


def _software(content: bytes) -> str:
    """Return the server's software as its list of models names it ("vllm", "llamacpp")."""
    try:
        owner = orjson.loads(content)["data"][0]["owned_by"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return ""
    return owner if isinstance(owner, str) else ""


@asynccontextmanager
async def time_limit(limit_s: float) -> AsyncIterator[None]:
    """Raise UpstreamFailed when the body takes longer than `limit_s`."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        raise UpstreamFailed(f"silent for {limit_s:g} s", retry_after_s=RETRY_AFTER_S) from None
