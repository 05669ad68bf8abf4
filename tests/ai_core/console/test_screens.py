"""What the screens of the desk show and do, over HTTP, and what the audit log says of it."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from asyncpg import PostgresError, connect

from ai_core.access.keys import Scope
from ai_core.console.audit_log import HOST, actor_of
from ai_core.console.law_updates import update_command
from ai_core.console.roles import Role
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import Sample
from ai_core.law.ingest.update import update_corpus
from ai_core.law.records import Wording
from ai_core.law.versions import CorpusVersions, LastUpdate
from ai_core.models.registry import CATALOGUE
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from shared.clock import SystemClock
from tests.ai_core.console.conftest import Browser, RunningDesk, running_desk
from tests.knowledge.invented import RESIGNING, put_entries

pytestmark = pytest.mark.slow

KEY = re.compile(r"cdt_live_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")
TITLES = re.compile(r"<summary>([^<]+?) <span.*?<ul class=\"titles\">(.*?)</ul>", re.DOTALL)
PASSWORD = re.compile(r'<code id="secret">([^<]+)</code>')


@pytest.fixture
async def owner(desk: RunningDesk) -> Browser:
    browser, _ = await desk.signed_in(Role.OWNER)
    return browser


async def actions(desk: RunningDesk, object_name: str) -> list[str]:
    """Return what was done to something, the latest first."""
    return [row.action for row in await desk.rows() if row.object == object_name]


async def ask(desk: RunningDesk, key: str, **headers: str) -> int:
    async with httpx2.AsyncClient(base_url=desk.url) as client:
        answer = await client.get(
            "/api/v1/search", params={"q": "préavis"}, headers={"X-API-Key": key, **headers}
        )
    return answer.status_code


async def test_a_key_is_created_with_its_limits_and_shown_once(
    desk: RunningDesk, owner: Browser
) -> None:
    await owner.get("/console/keys/new")
    fields = {
        "name": "Intranet du port",
        "scope": "publishable",
        "origins": "https://www.port.example\nhttps://port.example/",
        "requests_per_minute": "12",
        "networks": "127.0.0.0/8, ::1",
        "days": "90",
        "permission": "json-schema",
        "model": "extractive",
    }
    made = await owner.post("/console/keys/new", fields)
    page = await owner.get(made.headers["location"])
    assert len(KEY.findall(page.text)) == 1
    assert not KEY.findall((await owner.get(made.headers["location"])).text)
    [key] = [one for one in await desk.on(desk.desk.ring.list()) if one.name == fields["name"]]
    assert key.scope is Scope.PUBLISHABLE
    assert key.allowed_origins == ("https://www.port.example", "https://port.example")
    assert [str(one) for one in key.allowed_networks] == ["127.0.0.0/8", "::1/128"]
    assert (key.limits.requests_per_minute, key.limits.concurrent) == (12, 3)
    assert (key.permissions, key.allowed_models) == (("json-schema",), ("extractive",))
    assert key.expires_at
    assert key.expires_at - key.created_at == timedelta(days=90)


async def test_a_key_is_used_rotated_and_revoked(desk: RunningDesk, owner: Browser) -> None:
    await owner.get("/console/keys/new")
    fields = {"name": "Site", "scope": "publishable", "origins": "https://mairie.example"}
    made = await owner.post("/console/keys/new", fields)
    path = made.headers["location"].partition("?")[0]
    [secret] = KEY.findall((await owner.get(made.headers["location"])).text)
    origin = {"Origin": "https://mairie.example"}
    assert await ask(desk, secret, **origin) == 200
    assert await ask(desk, secret, Origin="https://evil.example") == 403
    await desk.on(desk.desk.usage.write())
    usage = (await desk.on(desk.desk.usage.of_keys(1)))[path.rpartition("/")[2]]
    assert [day.requests for day in usage] == [1]
    assert "<meter" in (await owner.get(path)).text

    rotated = await owner.post(f"{path}/rotate", {"overlap": "1"})
    [second] = KEY.findall((await owner.get(rotated.headers["location"])).text)
    assert [await ask(desk, one, **origin) for one in (secret, second)] == [200, 200]
    await owner.get(path)
    await owner.post(f"{path}/revoke")
    assert [await ask(desk, one, **origin) for one in (secret, second)] == [401, 401]
    assert "révoquée" in (await owner.get("/console/keys")).text
    assert (await owner.post(f"{path}/rotate", {"overlap": "0"})).status_code == 404
    done = ["keys.rotate_failed", "keys.rotate", "keys.revoke", "keys.rotate", "keys.create"]
    assert await actions(desk, "Site") == done
    assert not KEY.findall(repr(await desk.rows()))


async def test_a_key_that_cannot_be_is_not_made_and_the_form_keeps_what_was_typed(
    desk: RunningDesk, owner: Browser
) -> None:
    await owner.get("/console/keys/new")
    good = {"name": "Intranet", "scope": "inference"}
    for wrong, problem in (
        ({"name": " "}, "Donnez un nom"),
        ({"name": "x" * 65}, "64 caractères"),
        ({"scope": "god"}, "Choisissez une portée"),
        ({"origins": "www.example.fr"}, "https://www.example.fr, sans chemin"),
        ({"origins": "https://a.example/chemin"}, "sans chemin"),
        ({"origins": "*"}, "sans chemin"),
        ({"networks": "10.0.0.300"}, "203.0.113.0/24"),
        ({"networks": "10.0.0.1/8"}, "203.0.113.0/24"),
        ({"requests_per_minute": "-3"}, "nombre entier"),
        ({"concurrent": "0"}, "nombre entier"),
        ({"tokens_per_day": "1e9"}, "nombre entier"),
        ({"days": "99999"}, "3650"),
        ({"origins": "https://a.example\n" * 60}, "50 lignes"),
    ):
        page = await owner.post("/console/keys/new", good | wrong)
        assert page.status_code == 422, wrong
        assert problem in page.text
        assert wrong.get("name") or 'value="Intranet"' in page.text
    assert "Intranet" not in {key.name for key in await desk.on(desk.desk.ring.list())}
    assert (await owner.post("/console/keys/new", good)).status_code == 303
    twice = await owner.post("/console/keys/new", good)
    assert (twice.status_code, "déjà ce nom" in twice.text) == (422, True)
    assert (await owner.get("/console/keys/0000")).status_code == 404


@pytest.fixture
async def far(desk: RunningDesk) -> AsyncIterator[str]:
    """A remote model in models.toml, for as long as the test takes."""
    folder = desk.data_dir / "models"
    folder.mkdir(exist_ok=True)
    listed = folder / CATALOGUE
    listed.write_text(
        '[[model]]\nname = "far"\nformat = "remote"\nupstreams = ["http://127.0.0.1:9"]\n'
        "context_tokens = 4096\n"
    )
    await desk.on(desk.state["pool"].reread())
    yield "far"
    listed.unlink()
    await desk.on(desk.state["pool"].reread())


async def test_models_are_loaded_unloaded_and_made_the_default(
    desk: RunningDesk, owner: Browser, far: str
) -> None:
    page = await owner.get("/console/models")
    assert {"extractive", "far"} <= set(re.findall(r"<h2>([^<]+)</h2>", page.text))
    pool = desk.state["pool"]
    for action, state in (("load", "loaded"), ("unload", "unloaded")):
        await owner.get("/console/models")
        answer = await owner.post(f"/console/models/{action}", {"model": far})
        [loaded] = [one.state for one in pool.statuses() if one.card.id == far]
        assert (answer.status_code, loaded) == (303, state)
    await owner.post("/console/models/default", {"model": far})
    assert pool.default == far
    assert f'default = "{far}"' in (desk.data_dir / "models" / CATALOGUE).read_text()
    await owner.post("/console/models/default", {"model": "extractive"})
    assert pool.default == "extractive"
    for name, status in (("gpt-9", 404), ("", 404), ("extractive", 409)):
        answer = await owner.post("/console/models/unload", {"model": name})
        assert answer.status_code == status
    done = ["models.set_default", "models.unload", "models.load"]
    assert await actions(desk, far) == done
    assert (await actions(desk, "extractive"))[0] == "models.unload_failed"


PROGRAM = """
import os, sys
from pathlib import Path
from ai_core.law.ingest.update import update_corpus
from ai_core.law.versions import CorpusVersions
from shared.clock import SystemClock
versions = CorpusVersions(Path(os.environ["AI_CORE_DATA_DIR"]))
done = update_corpus(versions, SystemClock(), folder=Path(sys.argv[1]), report=print)
print(done.outcome)
"""
"""The import alone: what trains the indexes has tests of its own."""


async def test_the_law_is_updated_in_the_background(
    desk: RunningDesk, owner: Browser, tmp_path: Path
) -> None:
    def pack() -> None:
        sample = Sample.read()
        sample.law_date = "2026-10-01"
        sample.write(tmp_path)

    await asyncio.to_thread(pack)
    updates = desk.desk.law_updates
    updates.command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    await owner.get("/console/law")
    begun = await owner.post("/console/law/update")
    assert begun.headers["location"] == "/console/law?done=update_begun"
    again = await owner.post("/console/law/update")
    assert (again.status_code, "déjà en cours" in again.text) == (422, True)
    await desk.on(updates.wait())
    told = (await owner.get("/console/law/progress")).json()
    assert (told["state"], told["lines"][-1]) == ("succeeded", "updated")
    last = await asyncio.to_thread(CorpusVersions(desk.data_dir).last_update)
    assert last
    assert last.outcome == "updated"
    rows = await desk.rows(subject="law")
    assert [row.action for row in rows[:2]] == ["law.update_failed", "law.update"]


async def test_an_update_that_fails_says_why(desk: RunningDesk, owner: Browser) -> None:
    updates, versions = desk.desk.law_updates, CorpusVersions(desk.data_dir)
    for command, line in (
        ([sys.executable, "-c", "print('no disk left'); raise SystemExit(1)"], "no disk left"),
        (["/nowhere/at/all"], "No such file or directory"),
    ):
        updates.command = command
        await owner.get("/console/law")
        await owner.post("/console/law/update")
        await desk.on(updates.wait())
        told = (await owner.get("/console/law/progress")).json()
        assert (told["state"], told["lines"][-1]) == ("failed", line)
    failed = LastUpdate("2026-11-20T12:00:00+00:00", "failed", "the archive is damaged")
    await asyncio.to_thread(versions.root.mkdir, exist_ok=True)
    await asyncio.to_thread(versions.record_update, failed)
    page = await owner.get("/console/law")
    assert "Raison : the archive is damaged" in page.text
    assert "20 novembre 2026, 13\u00a0h\u00a000" in page.text


async def test_where_the_law_cannot_be_fetched_nothing_is_tried(
    desk: RunningDesk, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(desk.desk.law_updates, "command", update_command())
    page = await owner.get("/console/law")
    assert "npm manque" in page.text
    assert 'action="/console/law/update"' not in page.text
    refused = await owner.post("/console/law/update")
    assert (refused.status_code, "npm manque" in refused.text) == (422, True)
    assert not desk.desk.law_updates.running


def put_two_versions(data_dir: Path, folder: Path) -> str:
    """Put two versions of the sample in service, one after the other; return which fiche is gone.

    The second says six weeks where the first says one month, and has an article that is new.
    """
    versions, sample = CorpusVersions(data_dir), Sample.read()
    gone = str(sample.fiches[-1]["title"])
    sample.law_date = "2026-10-02"
    sample.write(folder / "one")
    update_corpus(versions, SystemClock(), folder=folder / "one", force=True)
    [place] = [n for n, one in enumerate(sample.articles) if one["number"] == "L1234-1"]
    changed = sample.articles[place]
    text = changed["text"].replace("De un mois", "De six semaines")
    sample.articles[place] = {**changed, "text": text}
    new = {"number": "L9999-1", "text": "Un article nouveau."}
    sample.articles.append({**sample.articles[-1], **new})
    sample.fiches.pop()
    sample.law_date = "2026-10-03"
    sample.write(folder / "two")
    update_corpus(versions, SystemClock(), folder=folder / "two", force=True)
    return gone


@pytest.fixture
def own_desk(
    postgres_server: PostgresServer, desk_redis: RedisServer, sample: Corpus, tmp_path: Path
) -> Iterator[RunningDesk]:
    """A desk of the test's own, whose law and entries it may change."""
    with running_desk(postgres_server, desk_redis, sample, tmp_path / "own-desk") as running:
        yield running


async def test_what_changed_in_the_law_names_the_entries_it_touches(
    own_desk: RunningDesk, tmp_path: Path
) -> None:
    desk, (owner, _) = own_desk, await own_desk.signed_in(Role.OWNER)
    gone = await asyncio.to_thread(put_two_versions, desk.data_dir, tmp_path)
    entry = RESIGNING.replace("L1237-1", "L1234-1").replace("doit un préavis", "à un préavis")
    other = RESIGNING.replace('"resigning"', '"untouched"')
    await asyncio.to_thread(put_entries, desk.data_dir, entry, other)
    library = cast(Any, desk.state["library"])
    library.wordings_of = {
        "L1234-1": Wording("LEGIARTI1", "L1234-1", "De six semaines s'il a deux ans."),
        "L1237-1": Wording("LEGIARTI2", "L1237-1", "Le salarié doit un préavis de deux mois."),
    }
    page = await withheld(owner)
    assert "Du droit du 2 octobre 2026 à celui du 3 octobre 2026." in page
    lists = TITLES.findall(page)
    titles = {name: re.findall(r"<li>([^<]+)</li>", listed) for name, listed in lists}
    assert titles["Articles modifiés"] == ["L1234-1"]
    assert titles["Articles nouveaux"] == ["L9999-1"]
    assert all(one.startswith(f"{gone} · ") for one in titles["Fiches du ministère disparues"])
    assert len(titles) == 3
    touched = page.partition("touched-title")[2].partition("</section>")[0]
    assert "L1234-1 ne dit plus" in touched
    assert "untouched" not in touched


async def withheld(browser: Browser) -> str:
    """Return the page of the changes once the new files of entries were looked at."""
    async with asyncio.timeout(30):
        while True:
            page = await browser.get("/console/law/changes")
            if "ne dit plus" in page.text:
                return page.text
            await asyncio.sleep(0.1)


async def test_accounts_are_added_changed_reset_and_disabled(
    desk: RunningDesk, owner: Browser
) -> None:
    await owner.get("/console/accounts")
    for name, role, problem in (
        ("x", "reader", "de 2 à 64"),
        ("Dominique Martin", "reader", "de 2 à 64"),
        ("dominique", "god", "rôle"),
    ):
        page = await owner.post("/console/accounts", {"name": name, "role": role})
        assert (page.status_code, problem in page.text) == (422, True)
    added = await owner.post("/console/accounts", {"name": " Dominique ", "role": "editor"})
    page = await owner.get(added.headers["location"])
    [password] = PASSWORD.findall(page.text)
    where = added.headers["location"].partition("?")[0]
    assert not PASSWORD.findall((await owner.get(added.headers["location"])).text)
    account = await desk.on(desk.desk.accounts.accounts.by_name("dominique"))
    assert await desk.on(desk.desk.sign_in.passwords.matches(account.password_hash, password))
    twice = await owner.post("/console/accounts", {"name": "dominique", "role": "reader"})
    assert (twice.status_code, "déjà ce nom" in twice.text) == (422, True)

    theirs = await desk.session_of(account)
    assert (await theirs.get("/console/keys")).status_code == 403
    await owner.post(f"{where}/role", {"role": "operator"})
    assert (await theirs.get("/console/keys")).status_code == 200  # from the next request on
    reset = await owner.post(f"{where}/reset")
    [second] = PASSWORD.findall((await owner.get(reset.headers["location"])).text)
    assert second != password
    assert (await theirs.get("/console/keys")).status_code == 303
    await owner.post(f"{where}/disable")
    assert "Réactiver" in (await owner.get(where)).text
    await owner.post(f"{where}/enable")
    done = ["enable", "disable", "reset", "set_role", "add"]
    assert await actions(desk, "dominique") == [f"accounts.{one}" for one in done]
    for row in await desk.rows():
        assert password not in repr(row)
    assert (await owner.get("/console/accounts/999999999")).status_code == 422
    assert (await owner.get("/console/accounts/x")).status_code == 422


async def test_the_last_owner_stays(desk: RunningDesk) -> None:
    owner, account = await desk.signed_in(Role.OWNER)
    for other in await desk.on(desk.desk.accounts.accounts.all()):
        if other.id != account.id and other.role == Role.OWNER and other.disabled_at is None:
            await desk.on(desk.desk.accounts.disable(HOST, other))
    where = f"/console/accounts/{account.id}"
    await owner.get(where)
    for path, fields in ((f"{where}/disable", {}), (f"{where}/role", {"role": "reader"})):
        page = await owner.post(path, fields)
        assert (page.status_code, "dernier propriétaire" in page.text) == (422, True)
    page = await owner.post(f"{where}/reset")
    assert (page.status_code, "Mon compte" in page.text) == (422, True)
    second, other = await desk.signed_in(Role.OWNER)
    await owner.get(where)

    async def both() -> list[object]:
        """Each disables the other at the same moment."""
        first = desk.desk.accounts.disable(HOST, account)
        again = desk.desk.accounts.disable(HOST, other)
        return list(await asyncio.gather(first, again, return_exceptions=True))

    told = await desk.on(both())
    assert sum(isinstance(one, Exception) for one in told) == 1
    left = [(await one.get("/console/own")).status_code for one in (owner, second)]
    assert sorted(left) == [200, 303]


async def test_the_audit_log_is_filtered_paged_and_never_changed(
    desk: RunningDesk, owner: Browser
) -> None:

    account, _ = await desk.account(Role.EDITOR, "noted")
    for n in range(120):
        await desk.on(desk.desk.audit.write(actor_of(account), "knowledge.edit", f"entry {n}"))
    page = await owner.get("/console/audit?account=noted")
    assert page.text.count("<tr>") == 51
    assert "entry 119" in page.text
    older = re.search(r'href="(/console/audit\?[^"]*before=\d+)"', page.text)
    assert older
    second = await owner.get(older[1].replace("&amp;", "&"))
    assert "entry 69<" in second.text
    assert "entry 70<" not in second.text
    none = await owner.get("/console/audit?account=noted&subject=keys")
    assert "Aucune ligne ne correspond" in none.text
    for query in ("since=2199-01-01", "until=1999-01-01"):
        assert "Aucune ligne ne correspond" in (await owner.get(f"/console/audit?{query}")).text
    for odd in ("since=x", "before=9e9", "before=99999999999999999999", "until=9999-12-31"):
        assert (await owner.get(f"/console/audit?{odd}")).status_code == 200
    database = await connect(desk.database_url, ssl=False)
    for statement in ("UPDATE audit SET object = ''", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(PostgresError):
            await database.execute(statement)
    await database.close()
