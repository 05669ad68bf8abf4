"""A single pipelined connection to Redis, shared by all requests.

Commands issued in the same iteration of the event loop are sent in one write, and their replies
arrive in order: thousands of callers need neither a pool nor a wait for a free connection. The
reasons are in docs/decisions/0011-one-shared-redis-connection.md.

While Redis is lost a call fails at once with redis-py's ConnectionError, and a background task
reconnects: callers never wait twice for the same outage. Blocking commands (BLPOP, XREAD BLOCK),
SUBSCRIBE and MULTI must not be used here: they would block the replies of all other callers.

Redis may be a server, one with replicas, or a cluster: the connection is with the node that takes
writes for the keys of one hash tag (docs/decisions/0079-one-hash-tag-per-service.md). A node that
no longer does counts as lost, and the owner is searched again among the addresses of the URL.
"""

import asyncio
import hashlib
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import hiredis
import structlog
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import ConnectionError as RedisLost
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

log = structlog.get_logger()

RedisArg: TypeAlias = str | bytes | int | float
Reply: TypeAlias = Any
"""bytes, int, None or a list of them: what it is depends on the command."""
Node: TypeAlias = tuple[str, int] | str
"""Host and port, or the path of a socket."""

CONNECT_TIMEOUT_S = 2.0
"""For all addresses of the URL together: each has an equal part of it."""
PROBE_EVERY_S = 0.25
MOST_HOPS = 4
"""A node sends us straight to the owner; more often only while they do not agree who that is."""
NOT_SERVED = {"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "UNBLOCKED", "NOREPLICAS"}
CODE = re.compile(r"(?:ERR Error running script .*: -)?([A-Z]+)")
"""The first word of a refusal; Redis 6 wraps those that a script met."""


class LuaScript:
    """A Lua script, called by its SHA-1."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha1 = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def read(cls, path: Path) -> "LuaScript":
        """Read a .lua file."""
        return cls(path.read_text(encoding="utf-8"))


class NotServed(RedisLost):
    """This node does not serve our keys now; `owner` ("host:port") does, when known."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.owner = message.split()[2] if code == "MOVED" else None


def _untranslated(error: RedisError) -> Exception:
    return error


class RedisConnection:
    """The connection, which reconnects whenever it is lost.

    Every key starts with the hash tag `tag`, so that all are in one slot of a cluster. `timeout_s`
    bounds each command. `found` is set while Redis answers; `epoch` counts how many times it was
    found. `failure` makes the error that a caller gets when Redis is lost or slow.
    """

    def __init__(
        self,
        url: str,
        tag: str,
        *,
        timeout_s: float = 1.0,
        failure: Callable[[RedisError], Exception] = _untranslated,
    ) -> None:
        self._address = parse_url(url)
        self._tag = tag
        self._timeout_s = timeout_s
        self._failure = failure
        self._wire: _Wire | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self.found = asyncio.Event()
        self.epoch = 0

    async def open(self) -> None:
        """Start connecting; return after the first attempt, successful or not."""
        self._keeper = asyncio.create_task(self._keep(), name="redis link")
        await self._tried.wait()

    async def close(self) -> None:
        """Close the connection."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    def call(self, *command: RedisArg) -> asyncio.Future[Reply]:
        """Send a command; await the returned future for its reply.

        Raises ResponseError when Redis refuses the command, and what `failure` makes of RedisLost
        (at once while Redis is lost) and RedisTimeout (after `timeout_s`); by default these.
        """
        if self._wire is None:
            raise self._failure(RedisLost("Redis is lost"))
        return self._wire.call(command)

    async def run(
        self, script: LuaScript, keys: Sequence[RedisArg], args: Sequence[RedisArg]
    ) -> Reply:
        """Run a script in one round trip (two the first time Redis sees it)."""
        try:
            return await self.call("EVALSHA", script.sha1, len(keys), *keys, *args)
        except NoScriptError:
            return await self.call("EVAL", script.source, len(keys), *keys, *args)

    async def _keep(self) -> None:
        lost = False
        while True:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    wire = await self._connect()
            except (OSError, RedisError) as error:
                if not lost:
                    log.warning("redis lost", reason=type(error).__name__)
                lost = True
                self._tried.set()
                await asyncio.sleep(PROBE_EVERY_S)
                continue
            if lost:
                log.info("redis connected")
                lost = False
            self.epoch += 1
            wire.failure = self._failure  # only now: a greeting's own errors are handled here
            self._wire = wire
            self.found.set()
            self._tried.set()
            try:
                await wire.lost.wait()
            finally:
                self._wire = None
                self.found.clear()
                await wire.hang_up(RedisLost("closed"))

    async def _connect(self) -> "_Wire":
        """Return a connection to the node that serves our keys, found through any address."""
        nodes = await self._nodes()
        reason: OSError | RedisError = RedisLost("no address")
        for node in nodes:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S / len(nodes)):
                    return await self._follow(node)
            except (OSError, RedisError) as error:
                reason = error
        raise reason

    async def _nodes(self) -> list[Node]:
        if "path" in self._address:
            return [str(self._address["path"])]
        found = await asyncio.get_running_loop().getaddrinfo(
            self._host, int(self._address.get("port", 6379)), type=socket.SOCK_STREAM
        )
        return [(str(address[0]), int(address[1])) for *_, address in found]

    @property
    def _host(self) -> str:
        return str(self._address.get("host", "127.0.0.1"))

    async def _follow(self, node: Node) -> "_Wire":
        """Connect to a node or its redirect. Raises NotServed when neither is the owner."""
        for _ in range(MOST_HOPS):
            try:
                return await self._greet(node)
            except NotServed as refusal:
                if refusal.owner is None:
                    raise
                host, _, port = refusal.owner.rpartition(":")
                node = (host or node[0], int(port))  # no host: the one that was asked
        raise RedisLost("redirected from node to node")

    async def _greet(self, node: Node) -> "_Wire":
        loop = asyncio.get_running_loop()
        address = self._address
        wire = _Wire(loop, self._timeout_s)
        if isinstance(node, str):
            await loop.create_unix_connection(lambda: wire, node)
        else:
            secure = address.get("connection_class") is SSLConnection
            await loop.create_connection(
                lambda: wire,
                *node,
                ssl=ssl.create_default_context() if secure else None,
                server_hostname=self._host if secure else None,  # every node has its certificate
            )
        try:
            if "password" in address:
                names = [str(address["username"])] if "username" in address else []
                await wire.call(("AUTH", *names, str(address["password"])))
            await wire.call(("SELECT", int(address.get("db", 0))))
            # A key that never exists. DEL is refused by a node that is not the owner, by a replica,
            # and while Redis loads its data or cannot persist them.
            await wire.call(("DEL", f"{self._tag}:greeting"))
        except BaseException:
            await wire.hang_up(RedisLost("no greeting"))
            raise
        return wire


class _Wire(asyncio.Protocol):
    """One TCP connection: pipelined commands, replies in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(replyError=_refusal)
        self._unsent: list[bytes] = []
        self._waiting: deque[tuple[float, asyncio.Future[Reply]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self.lost = asyncio.Event()
        self._closed = asyncio.Event()
        self.failure: Callable[[RedisError], Exception] = _untranslated

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def call(self, command: tuple[RedisArg, ...]) -> asyncio.Future[Reply]:
        if self._transport is None or self.lost.is_set():
            raise self.failure(RedisLost("Redis is lost"))
        reply: asyncio.Future[Reply] = self._loop.create_future()
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # a variadic tuple is right
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(packed)
        until_s = self._loop.time() + self._timeout_s
        self._waiting.append((until_s, reply))
        if self._watch is None:
            self._watch = self._loop.call_at(until_s, self._check)
        return reply

    def _flush(self) -> None:
        if self._transport and not self.lost.is_set():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                if isinstance(reply, NotServed):  # as for every command sent after it
                    self.lose(reply)
                    return
                future = self._waiting.popleft()[1]
                if future.done():  # its caller was cancelled
                    continue
                if isinstance(reply, ResponseError):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except hiredis.ProtocolError as error:
            self.lose(RedisLost(str(error)))

    def _check(self) -> None:
        """Disconnect when the oldest command is overdue: the replies after it are late as well."""
        self._watch = None
        if not self._waiting:
            return
        until_s = self._waiting[0][0]
        if until_s <= self._loop.time():
            self.lose(RedisTimeout(f"no reply within {self._timeout_s} s"))
        else:
            self._watch = self._loop.call_at(until_s, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lose(RedisLost("hung up"))
        self._closed.set()

    async def hang_up(self, reason: RedisError) -> None:
        self.lose(reason)
        await self._closed.wait()

    def lose(self, reason: RedisError) -> None:
        if self.lost.is_set():
            return
        self.lost.set()
        if self._watch:
            self._watch.cancel()
        if self._transport:
            self._transport.abort()
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(self.failure(reason))
        self._waiting.clear()


def _refusal(message: str) -> RedisError:
    found = CODE.match(message)
    code = found[1] if found else ""
    if code in NOT_SERVED:
        return NotServed(code, message)
    return NoScriptError(message) if code == "NOSCRIPT" else ResponseError(message)
