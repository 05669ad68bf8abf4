"""The users of a load test, as Locust runs them: visitors of the page, and messengers.

Importing this imports Locust, which lets gevent replace parts of the standard library: only the
process of the clients may do so.
"""

import json
import random
from collections.abc import Iterator
from itertools import count
from time import perf_counter
from typing import Any

from geventhttpclient.response import HTTPConnectionClosed
from locust import task
from locust.contrib.fasthttp import FastHttpUser, ResponseContextManager

from tests.load.plan import Plan
from tests.load.questions import Questions
from tests.load.tally import Second

TIMEOUT_S = 30.0
LOST = (HTTPConnectionClosed, ConnectionError)
HONEST = {429, 503}
ANSWERED = {200, 204}
FORGOTTEN = "unknown_conversation"
"""A conversation that Redis lost in a crash: the page begins anew, as docs/api.md says."""
REPEATED = 0.4
"""Share of a mixed load's questions that are among those many people ask."""
MODEL_SHARE = 0.05
MOST_TURNS = 3
READS_A_SOURCE = 0.3
JUDGES = 0.15
DEADLINE_MS = 20_000

chance = random.Random(20)  # noqa: S311 - no secret
_addresses = count(1)


class LoadUser(FastHttpUser):
    """Sends one request after the other; each is counted in `second`."""

    abstract = True
    network_timeout = TIMEOUT_S
    connection_timeout = TIMEOUT_S
    plan: Plan
    questions: Questions
    second: Second
    """The present one; the process of the clients puts a new one here."""

    _connected = False
    """Whether a connection is open from an earlier request. When such a one is lost before an
    answer begins, the request is sent again once on a new one, as browsers and HTTP clients do."""

    def on_start(self) -> None:
        """Begin."""
        self._steps = self.steps()

    @task
    def act(self) -> None:
        """Send the next request."""
        next(self._steps)

    def steps(self) -> Iterator[None]:
        """Send requests, one before each `yield`."""
        raise NotImplementedError

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> str | None:
        """Return the text of an answer, or None when none came; count it either way."""
        name = path.partition("?")[0].removeprefix("/api/v1/").partition("/")[0]
        again = self._connected
        while True:
            began_s = perf_counter()
            with self.client.request(
                method, path, name, json=body, headers=headers, catch_response=True
            ) as response:
                text = response.text or ""
                passed_ms = round((perf_counter() - began_s) * 1000, 1)
                if again and isinstance(error_of(response), LOST):
                    again, self._connected = False, False
                    response.success()  # counted when it was sent again
                    continue
                outcome = self._count(response, text, passed_ms)
                self._connected = bool(response.status_code)
                if outcome:
                    response.failure(outcome)
                    return None
                response.success()
                return text

    def _count(self, response: ResponseContextManager, text: str, passed_ms: float) -> str:
        """Count a response; return what is wrong with it, or nothing."""
        second, status = LoadUser.second, response.status_code
        if status in ANSWERED and is_whole(response, text):
            second.answered_ms.append(passed_ms)
            return ""
        wait = header_of(response, "retry-after")
        begins_anew = code_of(text) == FORGOTTEN
        if begins_anew or (status in HONEST and wait.isdigit()):
            second.refused_ms.append(passed_ms)
            second.retry_after_s += [int(wait)] if wait.isdigit() else []
            second.refusals[f"{status} {code_of(text)}"] += 1
            return "refused"
        what = f"{status} {code_of(text)}" if status else type(error_of(response)).__name__
        if status in ANSWERED:
            what = "answer cut"
        second.failed[what] += 1
        return what

    def question(self) -> str:
        """Return what to ask."""
        if self.plan.asking == "mixed" and chance.random() < REPEATED:
            return self.questions.popular()
        return self.questions.different()


class Visitor(LoadUser):
    """Converses on the page, reads a source, says whether an answer helped."""

    weight = 7

    def steps(self) -> Iterator[None]:
        while True:
            number = next(_addresses)
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            told: dict[str, Any] = {}
            for turn in range(chance.randint(1, MOST_TURNS)):
                asked = self.questions.follow_up() if turn else self.question()
                told = self._ask(asked, told.get("conversation_id"), address)
                yield
                if told.get("sources") and chance.random() < READS_A_SOURCE:
                    self._send("GET", f"/api/v1/sources/{told['sources'][0]}", None, address)
                    yield
                if told.get("answer_id") and chance.random() < JUDGES:
                    verdict = {"answer_id": told["answer_id"], "verdict": "up"}
                    self._send("POST", "/api/v1/feedback", verdict, address)
                    yield

    def _ask(self, asked: str, conversation_id: str | None, address: str) -> dict[str, Any]:
        """Return what the answer's stream told, empty when there was none."""
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": asked}],
            "stream": True,
            "fallback": "extractive",
        }
        if conversation_id:
            body["conversation_id"] = conversation_id
        text = self._send("POST", "/api/v1/chat", body, address)
        return told_by(text) if text else {}

    def _send(self, method: str, path: str, body: Any, address: str) -> str | None:
        return self.send(
            method, path, body,
            **{
                "X-API-Key": self.plan.keys["page"],
                "X-Forwarded-For": address,
                "X-Real-IP": address,
                "Sec-Fetch-Site": "same-origin",
                "X-Deadline-Ms": str(DEADLINE_MS),
            },
        )  # fmt: skip


class Messenger(LoadUser):
    """Asks as the bot and the mailbox do: whole answers, each request repeatable."""

    weight = 3
    _numbers = count(1)

    def steps(self) -> Iterator[None]:
        while True:
            body: dict[str, Any] = {"prompt": self.question()}
            if self.plan.model and chance.random() < MODEL_SHARE:
                body |= {"model": self.plan.model, "fallback": "extractive", "max_tokens": 40}
            self.send(
                "POST", "/api/v1/generate", body,
                **{
                    "X-API-Key": self.plan.keys["messenger"],
                    "X-Channel": chance.choice(("telegram", "mail")),
                    "Idempotency-Key": f"load-{self.plan.first_question}-{next(self._numbers)}",
                },
            )  # fmt: skip
            yield


def error_of(response: ResponseContextManager) -> Exception | None:
    """Return what kept a response from coming, out of what the client wrapped it in."""
    error: Exception | None = getattr(response, "error", None)
    return getattr(error, "original", None) or error


def header_of(response: ResponseContextManager, name: str) -> str:
    """Return a header's value, "" without one."""
    value = response.headers.get(name, "") if response.headers else ""
    return value if isinstance(value, str) else value[-1]


def is_whole(response: ResponseContextManager, text: str) -> bool:
    """Return whether an answer is there to its end; a stream that tells an error is none."""
    if header_of(response, "content-type").startswith("text/event-stream"):
        return text.rstrip().endswith("data: [DONE]") and "event: error" not in text
    return response.status_code == 204 or text.rstrip().endswith(("}", "]"))


def told_by(stream: str) -> dict[str, Any]:
    """Return the `usage` of an answer's stream, and the ids of its articles and fiches."""
    told: dict[str, Any] = {}
    for event in stream.split("\n\n"):
        name, _, data = event.partition("\ndata: ")
        if name == "event: usage":
            told |= json.loads(data)
        if name == "event: citations":
            sources = json.loads(data)
            told["sources"] = [one["id"] for one in sources if one["kind"] != "agreement"]
    return told


def code_of(text: str) -> str:
    """Return the code of an error's document."""
    try:
        document = json.loads(text)
    except ValueError:
        return "without a document"
    return str(document.get("code", "without a code")) if isinstance(document, dict) else "?"
