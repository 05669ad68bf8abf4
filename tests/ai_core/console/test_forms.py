"""Forms of the desk are taken from its own pages alone, and the desk is closed unless opened."""

from http import HTTPStatus
from typing import Any

import pytest

from ai_core.api.console.routing import MAX_FIELDS, MAX_FORM_BYTES
from ai_core.console.roles import Role
from tests.ai_core.console.conftest import RunningDesk

pytestmark = pytest.mark.slow


async def test_without_being_opened_there_is_no_desk(app: Any) -> None:
    for path in ("/console", "/console/", "/console/login", "/console/files/console.css"):
        answer = await app.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_form_needs_its_token_our_origin_and_our_host(desk: RunningDesk) -> None:
    browser, account = await desk.signed_in(Role.OWNER)
    stranger, _ = await desk.signed_in(Role.OWNER)
    await browser.get("/console/own")
    await stranger.get("/console/own")
    fields = {"language": "en"}
    port = desk.url.rpartition(":")[2]
    attacks = [
        ({"csrf_token": ""}, {}, "form_expired"),
        ({"csrf_token": stranger.token}, {}, "form_expired"),
        ({"csrf_token": "é"}, {}, "form_expired"),
        ({}, {"Origin": "https://evil.example"}, "origin_not_allowed"),
        ({}, {"Origin": "null"}, "origin_not_allowed"),
        ({}, {"Origin": "http://127.0.0.1:1"}, "origin_not_allowed"),
        ({}, {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}, "host"),
        ({}, {"Content-Type": "text/plain"}, "invalid_request"),
        ({}, {"Content-Type": "multipart/form-data; boundary=x"}, "invalid_request"),
        ({"language": "e" * MAX_FORM_BYTES}, {}, "too_large"),
        ({f"x{n}": "" for n in range(MAX_FIELDS)}, {}, "invalid_request"),
    ]
    for sent, headers, code in attacks:
        answer = await browser.post("/console/own/language", fields | sent, **headers)
        assert answer.status_code >= HTTPStatus.BAD_REQUEST
        assert f'data-code="{code}' in answer.text, (sent.keys(), headers)
        assert "evil" not in answer.text
    kept = await desk.on(desk.desk.accounts.known(account.id))
    assert kept.language == "fr"
    assert (await browser.post("/console/own/language", fields)).status_code == 303
    kept = await desk.on(desk.desk.accounts.known(account.id))
    assert kept.language == "en"


async def test_signing_in_needs_the_token_too(desk: RunningDesk) -> None:
    account, password = await desk.account()
    fields = {"name": account.name, "password": password}
    browser = desk.browser()  # it has not seen the page: no cookie, no token
    answer = await browser.post("/console/login", {**fields, "csrf_token": "guessed"})
    assert (answer.status_code, 'data-code="form_expired"' in answer.text) == (403, True)
    await browser.get("/console/login")
    evil = await browser.post("/console/login", fields, Origin="https://evil.example")
    assert evil.status_code == 403
    assert (await browser.post("/console/login", fields)).status_code == 303


async def test_a_page_is_refused_under_another_name_and_never_framed(desk: RunningDesk) -> None:
    browser, _ = await desk.signed_in()
    page = await browser.get("/console/keys")
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in page.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert " style=" not in page.text
    assert "<style" not in page.text
    assert "onclick" not in page.text
    rebound = await browser.get("/console/keys", Host="evil.example")
    assert rebound.status_code == 403


async def test_what_people_wrote_is_never_markup(desk: RunningDesk) -> None:
    browser, _ = await desk.signed_in(Role.OWNER)
    await browser.get("/console/keys/new")
    name = "<img src=x onerror=alert(1)>\"'"
    fields = {"name": name, "scope": "inference"}
    made = await browser.post("/console/keys/new", fields)
    page = await browser.get(made.headers["location"])
    log = await browser.get("/console/audit?subject=keys&account=<b>x")
    for text in (page.text, (await browser.get("/console/keys")).text, log.text):
        assert "<img" not in text
        assert "<b>" not in text
    assert "&lt;img" in page.text
    refused = await browser.post("/console/keys/new", {**fields, "scope": '"><script>'})
    assert (refused.status_code, "<script>" in refused.text) == (422, False)
