"""The desk in a real Chromium: an operator's day, by keyboard too, and axe on every page and state.

One browser serves the module; a message in the console fails its test.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyotp
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from ai_core.console.audit_log import HOST
from ai_core.console.law_updates import LawUpdate
from ai_core.console.roles import Role
from ai_core.console.second_factor import STEP_S
from ai_core.console.sessions import Stage, credentials_of
from tests.ai_core.console.channel_states import BusyMailbox, busy_channels
from tests.ai_core.console.conftest import RunningDesk
from tests.ai_core.web.scripted_page import CHROMIUM_ARGS
from tests.servers.accessibility import axe_results

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow(10)]

PAGES = (
    *("today", "questions", "knowledge", "knowledge/new", "knowledge/import"),
    *("channels", "models", "keys", "keys/new", "law", "law/changes", "accounts", "audit", "own"),
    *("audit?account=nobody", "keys/none", "channels/letters", "channels/letters/12"),
)
SMALL = """() => [...document.querySelectorAll(
  "a, button, input:not([type=hidden]), select, textarea, summary")]
  .filter(one => one.getClientRects().length && !one.closest(".skip, label.choice"))
  .filter(one => getComputedStyle(one).display !== "inline")
  .filter(one => one.getBoundingClientRect().height < 43.9)
  .map(one => one.outerHTML.slice(0, 120))"""
UNFOLD = "() => document.querySelectorAll('details').forEach(one => { one.open = true; })"
WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  ["the page", ...[...document.querySelectorAll("main *, .rail *")]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 0.5)
    .map(one => one.outerHTML.slice(0, 120))]"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@contextmanager
def opened(chromium: Browser, desk: RunningDesk, *, scripts: bool = True) -> Iterator[Page]:
    """Open a page in a fresh profile; nothing may be wrong in its console but refused requests."""
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "the server responded" not in message.text:
            said.append(message.text)

    context = chromium.new_context(locale="fr-FR", base_url=desk.url, java_script_enabled=scripts)
    page = context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert not said


def sign_in(page: Page, desk: RunningDesk, role: Role) -> str:
    """Give the page an open session of a fresh account; return the account's name."""
    desk.number += 1
    added, _ = desk.call(desk.desk.accounts.add(HOST, f"browser-{desk.number}", role))
    session = desk.call(
        desk.desk.sessions.open(
            added.id, Stage.OPEN, "password", credentials_of(added.signs_in_with)
        )
    )
    page.context.add_cookies(
        [
            {
                "name": "__Host-console",
                "value": session.token,
                "url": desk.url.replace("http:", "https:"),
                "secure": True,
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )
    return str(added.name)


def wrong_on(page: Page) -> list[str]:
    """Return what axe finds on a page, and what `misplaced_on` does."""
    violations = axe_results(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in violations] + misplaced_on(page)


def misplaced_on(page: Page) -> list[str]:
    """Return targets that are too small, and what makes the page too wide."""
    small: list[str] = page.evaluate(SMALL)
    wide: list[str] = page.evaluate(WIDE)
    return small + [f"too wide: {one}" for one in wide]


def enter(page: Page, name: str, password: str) -> None:
    page.get_by_label("Nom").fill(name)
    page.get_by_label("Mot de passe").fill(password)
    page.keyboard.press("Enter")


def test_an_account_enrols_leaves_and_signs_in_with_both_factors(
    chromium: Browser, desk: RunningDesk
) -> None:
    _, password = desk.call(desk.desk.accounts.add(HOST, "zoe", Role.OWNER))
    wrong = []
    with opened(chromium, desk) as page:
        page.goto("/console/keys")
        wrong += wrong_on(page)
        enter(page, "zoe", "not this one")
        expect(page.get_by_role("alert")).to_contain_text("n’est pas le bon")
        wrong += wrong_on(page)
        enter(page, "zoe", password)
        expect(page.get_by_role("img", name="Code QR")).to_be_visible()
        page.get_by_text("Saisir la clé à la main").click()
        secret = page.locator(".secret code").inner_text().replace(" ", "")
        wrong += wrong_on(page)
        page.get_by_label("Code affiché").fill(pyotp.TOTP(secret).now())
        page.keyboard.press("Enter")
        expect(page.locator(".codes code")).to_have_count(10)
        wrong += wrong_on(page)
        page.get_by_role("button", name="Se déconnecter").click()
        expect(page.get_by_role("status")).to_have_text("Vous êtes déconnecté.")
        wrong += wrong_on(page)
        enter(page, "zoe", password)
        expect(page.get_by_role("heading", level=1)).to_have_text("Second facteur")
        wrong += wrong_on(page)
        # The code of now confirmed the enrolment, and counts once.
        page.get_by_label("Code").fill(pyotp.TOTP(secret).at(int(time.time()) + STEP_S))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).not_to_have_text("Second facteur")
        expect(page.get_by_role("navigation")).to_be_visible()
    assert not wrong


def test_an_owner_makes_a_key_revokes_it_and_finds_both_in_the_audit_log(
    chromium: Browser, desk: RunningDesk
) -> None:
    with opened(chromium, desk) as page:
        name = sign_in(page, desk, Role.OWNER)
        page.goto("/console/keys/new")
        page.get_by_label("Nom").fill("Journée d’essai")
        page.get_by_label("Origines web").fill("https://www.mairie.example")
        page.get_by_role("button", name="Créer la clé").click()
        expect(page.locator("#secret")).to_contain_text("cdt_live_")
        assert not wrong_on(page)
        page.get_by_text("Révoquer…").click()
        page.get_by_role("button", name="Révoquer définitivement").click()
        expect(page.get_by_role("status")).to_have_text("La clé est révoquée.")
        page.get_by_role("navigation").get_by_role("link", name="Journal").click()
        rows = page.locator("tbody tr").filter(has_text=name)
        expect(rows.nth(0)).to_contain_text("Clé révoquée")
        expect(rows.nth(1)).to_contain_text("Clé créée")
        expect(rows.nth(1)).to_contain_text("https://www.mairie.example")


def test_every_page_is_accessible_at_every_width_in_light_and_dark(
    chromium: Browser, desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.desk.channels, "look", busy_channels)
    monkeypatch.setattr(desk.desk.channels, "mail", BusyMailbox())
    with opened(chromium, desk) as page:
        sign_in(page, desk, Role.OWNER)
        wrong = []
        for width, scheme, paths, look in (
            (1280, "light", PAGES, wrong_on),
            (768, "dark", PAGES[2:8:2], wrong_on),
            (768, "dark", PAGES, misplaced_on),
            (360, "light", PAGES, misplaced_on),
        ):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for path in paths:
                page.goto(f"/console/{path}")
                page.evaluate(
                    "() => document.querySelectorAll('details').forEach(o => o.open = true)"
                )
                wrong += [f"{path} {width} {scheme}: {one}" for one in look(page)]
    assert not wrong


def test_a_reader_sees_their_screens_and_no_action(chromium: Browser, desk: RunningDesk) -> None:
    with opened(chromium, desk) as page:
        sign_in(page, desk, Role.READER)
        page.goto("/console")
        expect(page.get_by_role("heading", level=1)).to_have_text("Aujourd’hui")
        sections = page.get_by_role("navigation").get_by_role("link").all_inner_texts()
        assert "Modèles" in sections
        assert not {"Clés d’accès", "Comptes", "Journal"} & set(sections)
        for path in ("models", "law", "channels"):
            page.goto(f"/console/{path}")
            assert page.locator("main form").count() == 0
        assert not wrong_on(page)  # neither the bot nor the mailbox is connected
        page.goto("/console/keys")
        expect(page.get_by_role("alert")).to_have_text("Votre rôle ne permet pas cette action.")
        assert not wrong_on(page)


def test_the_desk_is_used_by_keyboard_alone_and_in_english(
    chromium: Browser, desk: RunningDesk
) -> None:
    with opened(chromium, desk) as page:
        sign_in(page, desk, Role.EDITOR)
        page.goto("/console/own")
        page.keyboard.press("Tab")
        expect(page.get_by_text("Aller au contenu")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.get_by_label("Langue de la console").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("The language is saved")
        page.get_by_role("link", name="Law in service").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Law in service")


def test_an_update_is_followed_as_it_goes_on(chromium: Browser, desk: RunningDesk) -> None:
    updates = desk.desk.law_updates
    now = desk.desk.clock.now()
    with opened(chromium, desk) as page:
        sign_in(page, desk, Role.READER)
        updates.latest = LawUpdate("zoe", now)
        page.goto("/console/law")
        expect(page.locator("#progress-sentence")).to_have_text("Mise à jour en cours…")
        assert not wrong_on(page)
        updates.latest.lines.append("importing: articles")
        expect(page.locator("#progress-lines")).to_contain_text("importing: articles")
        updates.latest.state = "succeeded"
        expect(page.locator("#progress-sentence")).to_have_text("Mise à jour terminée.")
        expect(page.locator("#progress")).to_have_attribute("data-state", "succeeded")
        updates.latest = None


def test_without_scripts_everything_is_done_too(chromium: Browser, desk: RunningDesk) -> None:
    with opened(chromium, desk, scripts=False) as page:
        sign_in(page, desk, Role.OWNER)
        page.goto("/console/accounts")
        page.get_by_label("Nom").fill("sans-script")
        page.locator("main").get_by_role("button", name="Ajouter un compte").click()
        expect(page.locator("#secret")).to_be_visible()
        page.get_by_text("Désactiver le compte…").click()
        page.get_by_role("button", name="Désactiver", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Le compte est désactivé")
