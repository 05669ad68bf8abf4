"""Flags: who has one, what it changes, what is recorded of it, what a broken file does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog

from ai_core.access.keys import Scope
from ai_core.answering.flags import Flags, draw
from ai_core.answering.prompts import Prompts
from ai_core.engines.scripted import ScriptedEngine
from ai_core.settings import PASSAGE_TOKENS, PostgresSettings
from shared.privacy.encryption import new_key_file
from shared.settings import WrongSettings
from tests.ai_core.conftest import OpenApp, RunningApp

BASE = Prompts.read()
KEY = ("key-id", "page")
QUESTION = "Quelle est la durée du préavis en cas de démission ?"


def flags(folder: Path, text: str) -> Flags:
    (folder / "flags.toml").write_text(text)
    return Flags(folder / "flags.toml", BASE, passage_tokens=PASSAGE_TOKENS)


def prompts(folder: Path, name: str, **files: str) -> None:
    place = folder / "prompts" / name
    place.mkdir(parents=True)
    for file, text in files.items():
        (place / f"{file.replace('_', '.')}.md").write_text(text)


def test_a_share_of_conversations_has_a_flag_and_each_keeps_it(tmp_path: Path) -> None:
    found = flags(tmp_path, "[shorter]\npercent = 30\npassage_tokens = 600\n")
    units = [f"conversation {number}" for number in range(4_000)]
    sides = [found.variant(KEY, conversation=unit).sides for unit in units]
    assert set(sides) == {("shorter=on",), ("shorter=off",)}
    assert sides.count(("shorter=on",)) == pytest.approx(1_200, abs=120)
    assert sides == [found.variant(KEY, "other", unit).sides for unit in units]


def test_one_flag_s_draw_says_nothing_of_another_s() -> None:
    units = [str(number) for number in range(4_000)]
    both = sum(draw("one", unit) < 50 and draw("two", unit) < 50 for unit in units)
    assert both == pytest.approx(1_000, abs=110)


def test_a_visitor_keeps_a_side_and_answers_to_a_shared_key_are_drawn_one_by_one(
    tmp_path: Path,
) -> None:
    found = flags(tmp_path, "[half]\npercent = 50\nquotes_lead = true\n")
    assert len({found.variant(KEY, "key-id:visitor") for _ in range(40)}) == 1
    assert len({found.variant(KEY, "key-id") for _ in range(40)}) == 2


def test_a_flag_for_some_keys_leaves_others_alone(tmp_path: Path) -> None:
    found = flags(tmp_path, '[lead]\nkeys = ["page"]\nquotes_lead = false\n')
    assert found.variant(KEY).quotes_lead is False
    assert found.variant(("key-id-2", "telegram")).quotes_lead is None
    assert found.variant(("key-id-2", "telegram")).changes == ()
    assert found.variant(KEY).sides == ()  # for all of them: nothing is compared


def test_prompts_of_a_folder_stand_in_for_ours(tmp_path: Path) -> None:
    prompts(tmp_path, "shorter", rules_fr="Sois bref.")
    found = flags(tmp_path, '[shorter]\nprompts = "shorter"\n').variant(KEY)
    assert found.prompts.version != BASE.version
    assert found.changes == (found.prompts.version,)
    assert found.prompts._rules("rules", "fr").content == "Sois bref."
    assert found.prompts._rules("rules", "en") == BASE._rules("rules", "en")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[a]\npercent = 101", "a.percent: Input should be less than or equal to 100"),
        ("[a]\npercentage = 10", "a.percentage: Extra inputs are not permitted"),
        ("['A b']\npercent = 10", "String should match pattern"),
        ("[a", "Expected"),
        ('[a]\nprompts = "none"', "none has no prompts: question.en.md"),
        ('[a]\nprompts = "../secrets"', "String should match pattern"),
    ],
)
def test_a_wrong_file_is_refused_at_the_start_in_one_sentence(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(WrongSettings) as refused:
        flags(tmp_path, text)
    assert why in str(refused.value)
    assert "flags.toml" in str(refused.value) or "prompts" in str(refused.value)


async def test_a_change_is_read_and_a_broken_one_leaves_the_flags_as_they_were(
    tmp_path: Path,
) -> None:
    found = await asyncio.to_thread(flags, tmp_path, "")
    assert found.variant(KEY).quotes_lead is None
    file = tmp_path / "flags.toml"
    await asyncio.to_thread(file.write_text, "[lead]\nquotes_lead = true\n")
    await found.refresh()
    assert found.variant(KEY).quotes_lead is True
    await asyncio.to_thread(file.write_text, "[lead]\nquotes = 7\n")
    with structlog.testing.capture_logs() as lines:
        await found.refresh()
        await found.refresh()
    assert found.variant(KEY).quotes_lead is True
    assert [line["event"] for line in lines] == ["flags not read"]
    await asyncio.to_thread(file.unlink)
    await found.refresh()
    assert found.variant(KEY).quotes_lead is None


async def ask(app: RunningApp, **more: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": QUESTION}], **more}
    reply = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


async def test_a_flag_for_a_key_changes_what_a_model_reads_and_not_the_cache_of_others(
    running_app: OpenApp, tmp_path: Path
) -> None:
    prompts(tmp_path, "shorter", rules_fr="Sois bref.")
    (tmp_path / "flags.toml").write_text('[shorter]\nkeys = ["inference"]\nprompts = "shorter"\n')
    engine = ScriptedEngine("Un mois, selon [1].")
    async with running_app(engine) as app:
        await ask(app)
        admin = app.key_header(Scope.ADMIN)
        body = {"messages": [{"role": "user", "content": QUESTION}]}
        other = await app.client.post("/api/v1/chat", json=body, headers=admin)
    rules = [prompt.messages[0].content for prompt in engine.prompts]
    assert other.status_code == 200
    assert rules[0] == "Sois bref."
    assert rules[-1] != "Sois bref."


async def test_the_side_of_an_answer_is_recorded_and_stays_through_a_conversation(
    running_app: OpenApp, tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "flags.toml").write_text("[half]\npercent = 50\nquotes_lead = true\n")
    (tmp_path / "vault").write_text(new_key_file())
    values = {"url": database_url, "key_file": tmp_path / "vault"}
    async with running_app(postgres=PostgresSettings.model_validate(values)) as app:
        async with asyncio.timeout(60):
            await app.state["records"].wait_until_up()
        for _ in range(6):
            first = await ask(app)
            await ask(app, conversation_id=first["conversation_id"])
        await app.state["event_writer"].written()
        async with app.state["records"].transaction() as db:
            rows = await db.fetch("SELECT variants FROM events ORDER BY at, answer_id")
    sides = [row["variants"] for row in rows]
    assert len(sides) == 12
    assert {side for one in sides for side in one} <= {"half=on", "half=off"}
    assert all(len(one) == 1 for one in sides)
    assert sides.count(["half=on"]) % 2 == 0
