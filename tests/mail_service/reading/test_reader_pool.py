"""The processes that parse mail, and mails that kill them."""

import asyncio
import io
import time
import zipfile
from email.message import EmailMessage

import pytest

from mail_service.errors import Unreadable
from mail_service.reading.reader_pool import ReaderPool
from tests.mail_service.mails import mail_message, raw_mail


async def test_a_mail_is_read_in_a_child() -> None:
    async with ReaderPool(1, time_s=10, memory_mib=512) as pool:
        mail = await pool.read(raw_mail())
    assert mail.subject == "Préavis de démission"


async def test_a_child_that_takes_too_long_is_replaced() -> None:
    async with ReaderPool(1, time_s=10, memory_mib=512) as pool:
        await pool.read(raw_mail())
        pool._sandbox.timeout_s = 0.05
        with pytest.raises(Unreadable, match="time"):
            await pool.read(b"Subject: x\n\n" + b"<div>" * 5_000_000)
        pool._sandbox.timeout_s = 10
        assert (await pool.read(raw_mail())).message_id


async def test_a_child_without_memory_is_replaced() -> None:
    async with ReaderPool(1, time_s=20, memory_mib=200) as pool:
        with pytest.raises(Unreadable, match="crash"):
            await pool.read(b"Content-Type: text/html\n\n" + b"a" * 90_000_000)
        assert (await pool.read(raw_mail())).message_id


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<a>" + "x" * 200_000_000 + "</a>")
    return out.getvalue()


@pytest.mark.slow
async def test_a_zip_bomb_is_named_and_nothing_else_suffers() -> None:
    mail: EmailMessage = mail_message()
    data = await asyncio.to_thread(bomb)
    mail.add_attachment(data, "application", "zip", filename="contrat.docx")
    async with ReaderPool(1, time_s=10, memory_mib=512) as pool:
        started = time.monotonic()
        read = await pool.read(mail.as_bytes())
        assert time.monotonic() - started < 5
    assert read.attachments[0].state == "too_large"


@pytest.mark.slow
async def test_the_event_loop_is_not_held_up_by_a_large_mail() -> None:
    lags = [0.0]

    async def watch() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - started - 0.005)

    async with ReaderPool(1, time_s=20, memory_mib=512) as pool:
        await pool.read(raw_mail())
        watching = asyncio.create_task(watch())
        await pool.read(b"Subject: x\n\n" + b"ligne de texte\n" * 1_000_000)
        watching.cancel()
    assert max(lags) < 0.5
