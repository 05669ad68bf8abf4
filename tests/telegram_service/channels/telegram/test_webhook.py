"""The webhook: what it refuses, and what it enqueues once."""

import asyncio
import io
import json
import time
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local.redis_server import RedisServer
from shared.logs import set_up_logs
from telegram_service.channels.telegram.parsing import destination
from telegram_service.queue.event import overtakes
from tests.fuzz.updates import inputs as fuzzed_updates
from tests.telegram_service.running_app import (
    SECRET,
    SECRET_HEADER,
    UPDATE,
    http_client,
    post_update,
    settings_without_workers,
)


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", "é".encode().decode("latin-1")])
async def test_a_wrong_secret_is_refused(client: httpx2.AsyncClient, secret: str) -> None:
    headers = [(b"X-Telegram-Bot-Api-Secret-Token", secret.encode("latin-1"))]
    answer = await client.post("/telegram/webhook", json=UPDATE, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "wrong_secret"


async def test_a_missing_secret_is_refused(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/telegram/webhook", json=UPDATE)).status_code == 401


async def test_a_body_over_the_limit_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/telegram/webhook", content=b"x" * 3_200_000, headers=SECRET_HEADER)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"update_id":"x"}', 422),
        (b'{"update_id":1,"message":"x"}', 422),
        (b'{"update_id":1,"callback_query":["x"]}', 422),
        (b'{"update_id":1,"message":{"message_id":1,"chat":{"id":5},"text":7}}', 422),
        (b'{"update_id":1,"message":{"message_id":true,"chat":{"id":5}}}', 422),
        (b'{"update_id":true,"message":{"message_id":1,"chat":{"id":5}}}', 422),
        (b'{"update_id":1,"message":{"message_id":[1],"chat":{"id":5}}}', 422),
    ],
)
async def test_what_is_no_update_is_refused(
    client: httpx2.AsyncClient, body: bytes, status: int
) -> None:
    answer = await client.post("/telegram/webhook", content=body, headers=SECRET_HEADER)
    assert answer.status_code == status


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]),
    path=st.sampled_from(
        ["/telegram/webhook", "/live", "/ready", "/health", "/metrics", "/", "/docs", "/%00", "/é"]
    ),
    secret=st.sampled_from([SECRET, SECRET, "wrong"]),
    body=st.one_of(
        st.binary(max_size=40),
        fuzzed_updates(),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
            max_leaves=5,
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
@pytest.mark.slow
async def test_no_request_breaks_the_service(
    client: httpx2.AsyncClient, method: str, path: str, secret: str, body: bytes
) -> None:
    headers = {**SECRET_HEADER, "X-Telegram-Bot-Api-Secret-Token": secret}
    answer = await client.request(method, path, content=body, headers=headers)
    if path == "/ready" or path == "/health":  # no Postgres is there
        assert answer.status_code in {200, 405, 503}
    else:
        assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.json()["code"]


async def test_an_update_delivered_twice_is_accepted_once(client: httpx2.AsyncClient) -> None:
    assert (await post_update(client)).status_code == 200
    assert (await post_update(client)).status_code == 200
    metrics = (await client.get("/metrics")).text
    assert "telegram_accepted_total 1.0" in metrics
    assert "telegram_duplicates_total 1.0" in metrics
    assert "telegram_lost 0.0" in metrics
    assert "telegram_waiting 1.0" in metrics


async def test_the_line_of_a_request_names_its_update(client: httpx2.AsyncClient) -> None:
    written = io.StringIO()
    set_up_logs("telegram_service", "info", written)
    try:
        await post_update(client, update_id=7_001)
    finally:
        set_up_logs("telegram_service", "warning")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["update_id"] for line in lines if line["event"] == "request"] == [7_001]


async def test_an_update_of_an_unknown_kind_is_accepted_and_dropped(
    client: httpx2.AsyncClient,
) -> None:
    body = {"update_id": 9, "something_new": {"x": 1}}
    assert (
        await client.post("/telegram/webhook", json=body, headers=SECRET_HEADER)
    ).status_code == 200


@pytest.mark.slow
async def test_while_redis_is_frozen_the_answer_is_a_503_within_its_time(
    key_file: Path, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path / "redis")
    await asyncio.to_thread(redis.start)
    async with http_client(settings_without_workers(redis.url, key_file)) as client:
        assert (await post_update(client)).status_code == 200
        redis.freeze()
        began = time.monotonic()
        answer = await post_update(client, update_id=8)
        took_s = time.monotonic() - began
        redis.thaw()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert took_s < 1.5
        async with asyncio.timeout(30):
            while (await post_update(client, update_id=8)).status_code != 200:  # noqa: ASYNC110 - Telegram retries
                await asyncio.sleep(0.1)
    await asyncio.to_thread(redis.stop)


@pytest.mark.parametrize(
    ("text", "yes"),
    [("/stop", True), ("/RESET@Bot", True), ("/start", False), ("stop", False), ("/", False)],
)
def test_only_some_commands_overtake(text: str, yes: bool) -> None:
    assert overtakes(text) is yes


def test_a_button_goes_by_the_control_lane_of_its_chat() -> None:
    query = {"id": "1", "from": {"id": 3}, "message": {"message_id": 4, "chat": {"id": -5}}}
    assert destination({"callback_query": query}) == (-5, None, "control")
