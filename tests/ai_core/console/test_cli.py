"""Accounts of the desk from the command line of the host."""

import argparse
import asyncio
import re

import pytest

from ai_core.console import cli
from ai_core.console.roles import Role
from ai_core.errors import RecordsOff
from ai_core.settings import Settings
from tests.ai_core.console.conftest import RunningDesk

pytestmark = pytest.mark.slow


def command(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(["account", *words])


async def run(
    desk: RunningDesk, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Run a command as `python -m ai_core console account …` does."""
    settings = desk.desk.settings
    status = await asyncio.to_thread(lambda: cli.run(command(*words), settings))
    said = capsys.readouterr()
    return status, said.out, said.err


def test_without_postgres_the_command_says_what_is_missing() -> None:
    with pytest.raises(RecordsOff, match="AI_CORE_POSTGRES__URL"):
        cli.run(command("list"), Settings())


async def test_the_first_owner_is_made_and_brought_back_on_the_host(
    desk: RunningDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = await run(desk, capsys, "add", "Hostmaster", "--role", "owner")
    assert status == 0, err
    name, role, password = out.splitlines()[-1].split()
    assert (name, role) == ("hostmaster", "owner")
    assert re.fullmatch(r"(?:[a-z2-9]{5}-){3}[a-z2-9]{5}", password)
    account = await desk.on(desk.desk.accounts.accounts.by_name("hostmaster"))
    assert await desk.on(desk.desk.sign_in.passwords.matches(account.password_hash, password))
    browser = await desk.session_of(account)
    assert (await browser.get("/console/own")).status_code == 200

    status, out, _ = await run(desk, capsys, "reset", "hostmaster")
    assert status == 0
    assert out.splitlines()[-1].startswith("hostmaster")
    assert (await browser.get("/console/own")).status_code == 303
    await desk.account(Role.OWNER)
    for action, told in (("disable", "disabled"), ("enable", "active")):
        assert (await run(desk, capsys, action, "hostmaster"))[0] == 0
        listed = (await run(desk, capsys, "list"))[1]
        assert re.search(rf"^hostmaster\s+owner\s+{told}", listed, re.MULTILINE)
    for words, problem in (
        (("add", "hostmaster", "--role", "reader"), "already"),
        (("add", "-", "--role", "reader"), "letters"),
        (("disable", "nobody-here"), "no account"),
    ):
        status, _, err = await run(desk, capsys, *words)
        assert (status, problem in err) == (1, True)
    rows = await desk.rows(account="host")
    assert [row.action for row in rows if row.object == "hostmaster"] == [
        *("accounts.enable", "accounts.disable", "accounts.reset", "accounts.add"),
    ]
