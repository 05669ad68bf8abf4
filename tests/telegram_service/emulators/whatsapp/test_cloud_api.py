"""The Cloud API's emulator is as strict as Meta's documentation: what it refuses, and delivers."""

import asyncio
import hmac
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from telegram_service.emulators.whatsapp.account import Account
from telegram_service.emulators.whatsapp.api import CloudApi
from telegram_service.emulators.whatsapp.errors import GraphError
from telegram_service.emulators.whatsapp.people import Contact, contact, shown
from tests.servers.loopback import served

TOKEN, APP_SECRET, VERIFY_TOKEN = "a-token", "an-app-secret", "a-verify-token"
PERSON = contact(1)


def text(body: str = "Bonjour", **more: Any) -> dict[str, Any]:
    """A text message to a person."""
    message = {"messaging_product": "whatsapp", "to": PERSON.number, "type": "text"}
    return {**message, "text": {"body": body}, **more}


def interactive(kind: str, action: dict[str, Any], body: str = "Choisissez") -> dict[str, Any]:
    """An interactive message to a person."""
    content = {"type": kind, "body": {"text": body}, "action": action}
    message = {"messaging_product": "whatsapp", "to": PERSON.number, "type": "interactive"}
    return {**message, "interactive": content}


def buttons(*titles: str) -> dict[str, Any]:
    """Reply buttons."""
    replies = [{"id": str(n), "title": title} for n, title in enumerate(titles)]
    return {"buttons": [{"type": "reply", "reply": reply} for reply in replies]}


def rows(count: int, title: str = "Oui", **more: str) -> dict[str, Any]:
    """A list."""
    found = [{"id": str(number), "title": title, **more} for number in range(count)]
    return {"button": "Choisir", "sections": [{"title": "Suite", "rows": found}]}


ACCEPTED = [
    text("x" * 4096),
    text(biz_opaque_callback_data="k" * 512),
    text(context={"message_id": "wamid.x"}),
    interactive("button", buttons("Oui", "Non", "v" * 20), "x" * 1024),
    interactive("list", rows(10, "t" * 24, description="d" * 72), "x" * 1024),
    interactive(
        "cta_url",
        {"name": "cta_url", "parameters": {"display_text": "Voir", "url": "https://example.org"}},
    ),
]
REFUSED = [
    (text("x" * 4097), 100),
    (text(""), 131008),
    (text("😀" * 2049), 100),
    (text(unknown=1), 100),
    (text(biz_opaque_callback_data="k" * 513), 100),
    ({**text(), "messaging_product": "sms"}, 100),
    ({**text(), "to": ""}, 100),
    ({**text(), "type": "poll"}, 100),
    (interactive("button", buttons("a", "b", "c", "d")), 131009),
    (interactive("button", buttons("v" * 21)), 131009),
    (interactive("button", buttons("même", "même")), 131009),
    (interactive("button", buttons("Oui"), "x" * 1025), 131009),
    (interactive("list", rows(11)), 131009),
    (interactive("list", rows(1, "t" * 25)), 131009),
    (interactive("list", rows(1, description="d" * 73)), 131009),
    (interactive("list", {**rows(1), "button": "b" * 21}), 131009),
    (interactive("list", rows(1), "x" * 1025), 131009),
    (interactive("carousel", rows(1)), 131009),
]


@dataclass
class Receiver:
    """A webhook that notes what it gets, after refusing `refusals` calls."""

    refusals: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)
    signed: list[bool] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        if request.method == "GET":
            right = request.query_params["hub.verify_token"] == VERIFY_TOKEN
            challenge = request.query_params["hub.challenge"]
            return PlainTextResponse(challenge if right else "", 200 if right else 403)
        body = await request.body()
        wanted = "sha256=" + hmac.digest(APP_SECRET.encode(), body, "sha256").hex()
        self.signed.append(request.headers["x-hub-signature-256"] == wanted)
        if self.refusals:
            self.refusals -= 1
            return Response(status_code=503)
        self.calls.append(orjson.loads(body))
        return Response()

    def found(self, what: str) -> list[dict[str, Any]]:
        """All messages or statuses received."""
        return [
            each
            for call in self.calls
            for entry in call["entry"]
            for change in entry["changes"]
            for each in change["value"].get(what, [])
        ]

    async def until(self, what: str, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(60):
            while len(found := self.found(what)) < count:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        return found


@pytest.fixture
def api() -> CloudApi:
    """An API whose person has just written."""
    api = CloudApi(Account(), TOKEN, APP_SECRET)
    api.account.say(PERSON, "Bonjour")
    return api


async def test_messages_are_refused_by_the_documented_limits(
    api: CloudApi, subtests: pytest.Subtests
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    api.account.pair_burst = 1000
    path = f"/v26.0/{api.account.phone_number_id}/messages"
    async with served(api.app) as url, httpx2.AsyncClient(base_url=url, headers=headers) as http:
        for body in ACCEPTED:
            with subtests.test(body=str(body)[:120]):
                response = await http.post(path, json=body)
                assert response.status_code == 200, response.text
                assert response.json()["messages"][0]["id"].startswith("wamid.")
        for body, code in REFUSED:
            with subtests.test(code=code, body=str(body)[:120]):
                response = await http.post(path, json=body)
                assert response.status_code == GraphError(code).status
                assert response.json()["error"]["code"] == code
        other = await http.post("/v26.0/999/messages", json=text())
        unknown = await http.post(path, json=text(), headers={"Authorization": "Bearer other"})
    assert other.json()["error"]["code"] == 33
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (401, 190)


def test_after_24_hours_only_a_template_goes_through() -> None:
    account = Account(templates={("reponse_prete", "fr")})
    account.say(PERSON, "Bonjour")
    account.later_s = 24 * 3600 - 60
    account.send(text())
    account.later_s = 24 * 3600 + 60
    failed = account.send(text(biz_opaque_callback_data="k"))
    assert failed not in account.written(PERSON)
    status = account.events[-1].change["statuses"][0]
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131047)
    assert status["biz_opaque_callback_data"] == "k"
    account.window_error = "response"
    with pytest.raises(GraphError, match="131047"):
        account.send(text())
    template = {"name": "reponse_prete", "language": {"code": "fr"}}
    head = {"messaging_product": "whatsapp", "to": PERSON.number, "type": "template"}
    account.send({**head, "template": template})
    assert account.written(PERSON)[-1].body["type"] == "template"
    account.say(PERSON, "Me revoici")
    account.send(text())


def test_too_many_messages_to_one_person_or_from_one_number_are_refused() -> None:
    account = Account()
    account.say(PERSON, "Bonjour")
    for _ in range(45):
        account.send(text())
    with pytest.raises(GraphError, match="131056"):
        account.send(text())
    for number in range(2, 2 + 80 - 45):
        account.say(number, "Bonjour")
        account.send({**text(), "to": contact(number).number})
    with pytest.raises(GraphError, match="130429"):
        account.send({**text(), "to": contact(500).number})


async def test_a_file_is_handed_out_for_five_minutes_to_who_has_the_token(api: CloudApi) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    message = api.account.send_file(PERSON, "audio", b"voice", "audio/ogg", voice=True)
    async with served(api.app) as url, httpx2.AsyncClient(base_url=url) as http:
        media = f"/v26.0/{message['audio']['id']}"
        assert (await http.get(media)).status_code == 401
        about = (await http.get(media, headers=headers)).json()
        assert about["file_size"] == 5
        assert (await http.get(about["url"])).status_code == 401
        assert (await http.get(about["url"], headers=headers)).content == b"voice"
        api.account.later_s = 301
        assert (await http.get(about["url"], headers=headers)).status_code == 404
        form = {"messaging_product": "whatsapp", "type": "application/json"}
        upload = f"/v26.0/{api.account.phone_number_id}/media"
        refused = await http.post(upload, data=form, files={"file": b"{}"}, headers=headers)
        form["type"] = "text/plain"
        accepted = await http.post(upload, data=form, files={"file": b"{}"}, headers=headers)
    assert refused.json()["error"]["code"] == 100
    assert api.account.media[accepted.json()["id"]].content == b"{}"


async def test_events_come_signed_in_order_and_again_until_a_200(api: CloudApi) -> None:
    receiver = Receiver(refusals=2)
    for word in ("un", "deux", "trois"):
        api.account.say(PERSON, word)
    async with served(receiver.app) as url:
        await api.set_webhook(url, VERIFY_TOKEN)
        with pytest.raises(GraphError):
            await api.set_webhook(url, "another token")
        delivering = asyncio.create_task(api.delivery.run())
        messages = await receiver.until("messages", 4)
        api.account.send(text(biz_opaque_callback_data="k"))
        statuses = await receiver.until("statuses", 3)
        delivering.cancel()
        await asyncio.wait([delivering])
    assert [each["text"]["body"] for each in messages] == ["Bonjour", "un", "deux", "trois"]
    assert all(receiver.signed)
    assert api.delivery.refused == 2
    assert {each["status"] for each in statuses} == {"sent", "delivered", "read"}
    assert {each["biz_opaque_callback_data"] for each in statuses} == {"k"}


def test_a_withheld_number_is_nowhere_in_what_is_delivered() -> None:
    account = Account()
    hidden = Contact(PERSON.number, hidden=True)
    message = account.say(hidden, "Bonjour")
    assert "from" not in message
    assert message["from_user_id"] == hidden.user_id
    account.send({**text(), "to": "", "recipient": hidden.user_id})
    assert len(account.written(hidden)) == 1


def test_a_phone_shows_a_text_without_its_marks() -> None:
    assert shown("*Préavis* : _deux_ mois, ~trois~") == "Préavis : deux mois, trois"
    assert shown("`1/4*2000*10` = 5000") == "1/4*2000*10 = 5000"
    assert shown("https://example.org/a_b_c") == "https://example.org/a_b_c"
    assert shown("1/4*2000*10") == "1/4200010"
