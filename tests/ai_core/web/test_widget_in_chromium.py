"""The widget on a page of another origin, in a real Chromium, under a strict policy of the site."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Frame,
    Page,
    Playwright,
    Response,
    expect,
    sync_playwright,
)

from ai_core.access.widgets import WidgetLook
from ai_core.engines.scripted import ScriptedEngine
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import build_sample
from deploy.local.redis_server import RedisServer
from tests.ai_core.conftest import SampleLibrary
from tests.ai_core.web.widget_stage import Stage, stage
from tests.servers.accessibility import axe_results

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow(40)]

BUDGET_BYTES = 30_000
QUESTION = "Que dit le texte sur le mariage ?"
WORDS = " ".join(f"mot{number}" for number in range(150))
PHONE, DESKTOP = (360, 740), (1280, 800)
ARGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]


@pytest.fixture(scope="module")
def scene(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("widget")
    corpus = Corpus(build_sample(folder))
    library = SampleLibrary(corpus, planted=list(corpus.passages())[:1])
    greetings = {"fr": "Bonjour <b>à vous</b>", "th": "สวัสดี"}
    look = WidgetLook.model_validate(
        {"colour": "#ffd800", "title": "Mairie", "greetings": greetings, "position": "left"}
    )
    engine = ScriptedEngine(WORDS, pause_s=0.01)
    with stage(redis.url, library, folder, engine, widget=look) as running:
        yield running


@pytest.fixture(scope="module")
def player() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def chromium(player: Playwright) -> Iterator[Browser]:
    browser = player.chromium.launch(executable_path=chromium_path(), args=ARGS)
    yield browser
    browser.close()


@pytest.fixture
def profile(player: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    """A browser that lets frames of other sites store, which Debian and private windows do not."""
    (tmp_path / "Default").mkdir()
    allowed = {"profile": {"block_third_party_cookies": False, "cookie_controls_mode": 0}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(allowed), encoding="utf-8")
    context = player.chromium.launch_persistent_context(
        tmp_path,
        executable_path=chromium_path(),
        args=ARGS,
        viewport={"width": PHONE[0], "height": PHONE[1]},
        has_touch=True,
    )
    yield context
    context.close()


def chromium_path() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Visit:
    """A person on the other site, and what went wrong in their console."""

    page: Page
    size: tuple[int, int]
    faults: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)

    @property
    def button(self) -> tuple[int, int]:
        """The middle of the button: it stands on the left, in a closed shadow root."""
        return (16 + 28, self.size[1] - 16 - 28)

    def open(self) -> Frame:
        """Press the button with a pointer; return the frame."""
        self.page.mouse.click(*self.button)
        return self.frame()

    def frame(self) -> Frame:
        """Return the frame of the conversation once it answers."""
        self.page.frame_locator("iframe").locator("html[data-ready]").wait_for(state="attached")
        return next(one for one in self.page.frames if "/widget/frame" in one.url)


def visit(browser: Browser, scene: Stage, size: tuple[int, int] = DESKTOP, **options: Any) -> Visit:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    return visit_in(context, scene, size)


def visit_in(
    context: BrowserContext, scene: Stage, size: tuple[int, int], language: str = "fr"
) -> Visit:
    context.add_init_script(SHADOWS)
    page = context.new_page()
    made = Visit(page, size)
    page.on("console", lambda told: made.faults.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: made.faults.append(str(error)))
    page.on("response", lambda one: made.responses.append(one))
    page.goto(scene.embed(language))
    page.locator("neo-assistant button").wait_for()
    return made


SHADOWS = """
const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) {
  window.asked = options.mode;
  return attach.call(this, { mode: "open" });
};
"""
"""The shadow root is closed to the page; a test looks into it, and checks that it was asked for."""


def ask(frame: Frame, question: str = QUESTION) -> None:
    frame.locator("#question").fill(question)
    frame.locator("#question").press("Enter")


def told(frame: Frame) -> str:
    return frame.locator(".turn").last.inner_text()


def test_a_strict_site_embeds_it_and_a_first_opening_costs_little(
    chromium: Browser, scene: Stage
) -> None:
    made = visit(chromium, scene)
    page, frame = made.page, made.open()

    assert page.evaluate("window.asked") == "closed"
    expect(frame.locator("#greeting")).to_have_text("Bonjour <b>à vous</b>")
    expect(frame.locator("h1")).to_have_text("Mairie")
    expect(frame.locator("#question")).to_be_focused()
    opened = [one for one in made.responses if one.url.startswith(scene.service)]
    sizes = {one.url.partition("?")[0]: int(one.headers["content-length"]) for one in opened}
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes
    assert {one.headers.get("content-encoding") for one in opened} == {"gzip"}
    # The site's styles (everything red, 40 px, rotated, hidden) stop at the shadow root.
    button = page.locator("neo-assistant button")
    box = button.bounding_box()
    assert box
    assert (box["width"], box["height"], box["x"]) == (56, 56, 16)
    assert button.evaluate("one => getComputedStyle(one).color") == "rgb(0, 0, 0)"  # on yellow
    assert made.faults == []


def test_the_conversation_is_in_a_frame_that_was_never_hidden(
    chromium: Browser, scene: Stage
) -> None:
    """One frame for the look and the conversation stayed blank in one of 25 openings."""
    made = visit(chromium, scene, PHONE)
    made.page.locator("neo-assistant iframe").evaluate("one => { one.dataset.hid = 'yes'; }")
    frame = made.open()
    shown = made.page.locator("neo-assistant iframe")
    expect(shown).to_have_count(1)
    assert shown.get_attribute("data-hid") is None
    assert shown.get_attribute("title") == "Mairie"
    expect(frame.locator("#question")).to_be_visible()
    assert made.faults == []


def test_a_conversation_in_thai_survives_a_cut_and_a_reload(
    profile: BrowserContext, scene: Stage
) -> None:
    before = len(scene.engine.prompts)
    made = visit_in(profile, scene, PHONE, "th")
    page, frame = made.page, made.open()
    expect(frame.locator("#greeting")).to_have_text("สวัสดี")
    expect(frame.locator("html")).to_have_attribute("lang", "th")
    sent: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda one: sent.append(one)))
    ask(frame, "การแต่งงานได้หยุดกี่วัน")
    expect(frame.locator(".turn").last).to_contain_text("mot5 ")
    assert json.loads(sent[0])["channel"] == "widget"
    scene.cut()
    expect(frame.locator(".turn").last).to_contain_text("mot149", timeout=30_000)
    expect(frame.locator("#send")).to_be_visible()
    whole = told(frame)
    assert [whole.count(f"mot{number} ") for number in range(20, 140)] == [1] * 120

    ask(frame, "แล้วการลาป่วยล่ะ")
    expect(frame.locator(".turn").last).to_contain_text("mot5 ")
    page.reload()  # in the middle of the second answer
    frame = made.frame()
    expect(frame.locator(".turn")).to_have_count(2)
    expect(frame.locator(".turn").last).to_contain_text("mot149", timeout=30_000)
    expect(frame.locator("#send")).to_be_visible()
    assert "mot149" in frame.locator(".turn").first.inner_text()
    assert len(scene.engine.prompts) - before == 2
    frame.locator("#fresh").click()
    expect(frame.locator(".turn")).to_have_count(0)
    page.reload()
    expect(made.frame().locator(".turn")).to_have_count(0)
    assert made.faults == []


def test_the_keyboard_stays_inside_and_escape_gives_the_focus_back(
    chromium: Browser, scene: Stage
) -> None:
    made = visit(chromium, scene)
    page = made.page
    page.locator("a").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    frame = made.frame()
    expect(frame.locator("#question")).to_be_focused()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(frame.evaluate("document.activeElement.id"))
    assert reached == ["send", "close", "question", "send"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(frame.locator("#close")).to_be_focused()
    page.keyboard.press("Escape")
    dialog = page.get_by_role("dialog", name="Mairie", include_hidden=True)
    expect(dialog).to_be_hidden()
    button = page.get_by_role("button", name="Poser une question sur le droit du travail")
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(frame.locator("#question")).to_be_focused()
    assert made.faults == []


@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone", "dark"]
)
def test_nothing_is_wrong_for_axe_and_targets_are_large(
    chromium: Browser, scene: Stage, size: tuple[int, int], scheme: str
) -> None:
    made = visit(chromium, scene, size, color_scheme=scheme, has_touch=size == PHONE)
    frame = made.open()
    ask(frame)
    expect(frame.locator("#send")).to_be_visible(timeout=30_000)
    expect(frame.locator(".turn").last).to_contain_text("mot149", timeout=30_000)

    found = axe_results(made.page)
    own = [one for one in found.response["violations"] if "neo-assistant" in str(one["nodes"])]
    assert own == [], found.generate_report()
    inside = axe_results(frame)
    assert inside.response["violations"] == [], inside.generate_report()
    small = frame.evaluate(
        """() => [...document.querySelectorAll('button, summary, textarea')]
          .filter((one) => one.checkVisibility())
          .map((one) => [one.textContent.trim(), one.getBoundingClientRect().height])
          .filter(([, height]) => height < 44)"""
    )
    assert small == []
    width = frame.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    if size == PHONE:
        panel = made.page.get_by_role("dialog").bounding_box()
        assert panel == {"x": 0, "y": 0, "width": 360, "height": 740}


def test_another_site_with_the_key_gets_no_button_and_no_frame(
    chromium: Browser, scene: Stage
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    # The same server by another name is another origin, which the key does not name.
    address = scene.embed().replace("127.0.0.1", "localhost")
    refused: list[str] = []
    page.on("console", lambda told: refused.append(told.text))
    with page.expect_console_message(lambda told: "frame-ancestors" in told.text, timeout=30_000):
        page.goto(address)
    assert page.locator("neo-assistant button").count() == 0
    page.goto(scene.embed(key="cdt_live_unknown"))
    page.wait_for_load_state("networkidle")
    assert page.locator("neo-assistant button").count() == 0
    context.close()
