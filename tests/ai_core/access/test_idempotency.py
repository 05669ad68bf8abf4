import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_core.access.idempotency import Idempotency, StoredResponse
from ai_core.errors import IdempotencyMismatch, StillAnswering
from ai_core.redis_keys import TAG
from shared.errors import AppError, BadInput, Unavailable
from shared.stores.redis_connection import RedisArg, RedisConnection, Reply


class Endpoint:
    """Responds with a number that grows, or with `fault`."""

    def __init__(self, connection: RedisConnection) -> None:
        self._idempotency = Idempotency(connection, lease_s=0.4, wait_s=0.6)
        self.responses = 0
        self.fault: AppError | None = None
        self.status = 200
        self.started = asyncio.Event()
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    async def post(self, caller: str, key: str, request: str) -> StoredResponse:
        return await self._idempotency.run_once(caller, key, request.encode(), self._respond)

    async def _respond(self) -> StoredResponse:
        self.started.set()
        await self.may_finish.wait()
        if self.fault:
            raise self.fault
        self.responses += 1
        return StoredResponse(self.status, b"%d" % self.responses)


@pytest.fixture
def endpoint(connection: RedisConnection) -> Endpoint:
    return Endpoint(connection)


async def test_the_same_request_again_gets_the_same_answer_without_writing(
    endpoint: Endpoint,
) -> None:
    first = await endpoint.post("caller", "k1", "question")
    again = await endpoint.post("caller", "k1", "question")

    assert first == StoredResponse(200, b"1")
    assert again == StoredResponse(200, b"1", replayed=True)
    assert endpoint.responses == 1


async def test_another_request_under_the_same_key_is_refused(endpoint: Endpoint) -> None:
    await endpoint.post("caller", "k1", "question")

    with pytest.raises(IdempotencyMismatch):
        await endpoint.post("caller", "k1", "another question")


async def test_while_the_first_is_being_answered_the_second_is_refused(endpoint: Endpoint) -> None:
    endpoint.may_finish.clear()
    first = asyncio.create_task(endpoint.post("caller", "k1", "question"))
    await endpoint.started.wait()
    with pytest.raises(StillAnswering):
        await endpoint.post("caller", "k1", "question")

    endpoint.may_finish.set()
    assert await first == StoredResponse(200, b"1")


async def test_the_second_waits_a_while_for_the_first_one_s_answer(
    endpoint: Endpoint, connection: RedisConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, polled = connection.call, asyncio.Event()

    def watched(*command: RedisArg) -> asyncio.Future[Reply]:
        if command[0] == "GET":
            polled.set()
        return call(*command)

    monkeypatch.setattr(connection, "call", watched)
    endpoint.may_finish.clear()
    first = asyncio.create_task(endpoint.post("caller", "k1", "question"))
    await endpoint.started.wait()
    second = asyncio.create_task(endpoint.post("caller", "k1", "question"))
    await polled.wait()
    endpoint.may_finish.set()

    assert await first == StoredResponse(200, b"1")
    assert await second == StoredResponse(200, b"1", replayed=True)


async def test_when_the_first_request_s_process_crashes_the_second_is_answered(
    endpoint: Endpoint, connection: RedisConnection
) -> None:
    endpoint.may_finish.clear()
    dying = asyncio.create_task(endpoint.post("caller", "k1", "question"))
    await endpoint.started.wait()
    [redis_key] = await connection.call("KEYS", f"{TAG}:idempotency:*")
    lease = await connection.call("GET", redis_key)
    dying.cancel()
    await asyncio.wait([dying])
    await connection.call("SET", redis_key, lease, "PX", 400)  # what a kill -9 leaves behind
    endpoint.may_finish.set()

    assert await endpoint.post("caller", "k1", "question") == StoredResponse(200, b"1")


async def test_a_failure_that_may_pass_is_tried_again(endpoint: Endpoint) -> None:
    endpoint.fault = Unavailable()
    with pytest.raises(Unavailable):
        await endpoint.post("caller", "k1", "question")

    endpoint.fault = None
    assert await endpoint.post("caller", "k1", "question") == StoredResponse(200, b"1")


async def test_a_caller_who_hangs_up_may_come_back(endpoint: Endpoint) -> None:
    endpoint.may_finish.clear()
    first = asyncio.create_task(endpoint.post("caller", "k1", "question"))
    await endpoint.started.wait()
    first.cancel()
    await asyncio.wait([first])

    endpoint.may_finish.set()
    assert await endpoint.post("caller", "k1", "question") == StoredResponse(200, b"1")


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\nb"])
async def test_a_key_that_cannot_be_one_is_refused(endpoint: Endpoint, key: str) -> None:
    with pytest.raises(BadInput):
        await endpoint.post("caller", key, "question")


async def test_redis_learns_neither_the_key_nor_the_question(
    endpoint: Endpoint, connection: RedisConnection
) -> None:
    await endpoint.post("caller", "secret-of-mine", "marker-in-question")

    [name] = await connection.call("KEYS", "*")
    assert b"secret-of-mine" not in name
    assert b"marker-in-question" not in await connection.call("GET", name)
    assert 0 < await connection.call("TTL", name) <= 24 * 3600


async def test_without_redis_each_request_is_answered_for_itself(
    endpoint: Endpoint, connection: RedisConnection
) -> None:
    await connection.close()

    assert await endpoint.post("caller", "k1", "question") == StoredResponse(200, b"1")
    assert await endpoint.post("caller", "k1", "question") == StoredResponse(200, b"2")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["one", "two"]),
        st.sampled_from(["k1", "k2", "k3"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from([200, 400, 429, 503]),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
async def test_any_sequence_of_requests_is_answered_as_the_rules_say(
    connection: RedisConnection, steps: list[tuple[str, str, str, int]]
) -> None:
    await connection.call("FLUSHALL")
    endpoint = Endpoint(connection)
    kept: dict[tuple[str, str], tuple[str, StoredResponse]] = {}
    for caller, key, request, status in steps:
        endpoint.status = status
        known = kept.get((caller, key))
        if known and known[0] != request:
            with pytest.raises(IdempotencyMismatch):
                await endpoint.post(caller, key, request)
            continue
        response = await endpoint.post(caller, key, request)
        if known:
            assert response == StoredResponse(known[1].status, known[1].body, replayed=True)
            continue
        assert response == StoredResponse(status, b"%d" % endpoint.responses)
        if status in {200, 400}:
            kept[caller, key] = request, response


async def test_over_http_a_repeated_answer_says_so_and_is_counted_as_a_request(
    app: Any,
) -> None:
    headers = app.key_header() | {"Idempotency-Key": "k1"}
    body = {"prompt": "Quelle est la durée du préavis en cas de démission ?"}
    first = await app.client.post("/api/v1/generate", json=body, headers=headers)
    again = await app.client.post("/api/v1/generate", json=body, headers=headers)

    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"

    other = await app.client.post(
        "/api/v1/generate", json={"prompt": "Et les congés payés ?"}, headers=headers
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
