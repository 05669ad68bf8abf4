"""Every way a relay can answer, and the state that follows."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mail_service.ledger.store import File, Store
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.house import House, house
from tests.mail_service.letters import US, raw_letter


def says(answer: str) -> Callable[[int], str]:
    return lambda number: answer if number == 0 else "250 2.0.0 ok"


@pytest.mark.parametrize(
    ("ways", "state", "answer", "stored"),
    [
        ({"answer": says("250 2.0.0 ok")}, "sent", "250 2.0.0", 1),
        ({"answer": says("451 4.3.0 later")}, "deferred", "451 4.3.0", 0),
        ({"answer": says("452 4.2.2 full")}, "deferred", "452 4.2.2", 0),
        ({"answer": says("550 5.1.1 who")}, "failed", "550 5.1.1", 0),
        ({"answer": says("554 5.6.0 no")}, "failed", "554 5.6.0", 0),
        ({"answer": says("535 5.7.8 login")}, "deferred", "535 5.7.8", 0),
        ({"answer": says("cut")}, "unknown", "SMTPServerDisconnected", 1),
        ({"answer": says("slow")}, "unknown", "SMTPReadTimeoutError", 1),
        ({"refuse": "550 5.1.1 nobody"}, "failed", "550 5.1.1", 0),
        ({"refuse": "450 4.2.1 greylisted"}, "deferred", "450 4.2.1", 0),
    ],
)
async def test_what_the_relay_says_decides_the_state(
    store: Store,
    vault: Encryption,
    clock: StoppedClock,
    ways: dict[str, object],
    state: str,
    answer: str,
    stored: int,
) -> None:
    async with house(store, vault, clock, None, **ways) as neo:
        file = await neo.answer(raw_letter())
        assert (file.sent[0].state, file.sent[0].last_answer) == (state, answer)
        assert len(neo.relay.received) == stored


async def later(neo: House, minutes: float) -> File:
    neo.clock.set(neo.clock.now() + timedelta(minutes=minutes))
    await neo.send()
    return await neo.store.file(1)


async def test_a_deferred_letter_is_tried_again_with_growing_pauses(
    store: Store, vault: Encryption, clock: StoppedClock
) -> None:
    async with house(
        store, vault, clock, None, answer=lambda n: "451 later" if n < 2 else "250 ok"
    ) as neo:
        await neo.answer(raw_letter())
        assert (await later(neo, 0.9)).sent[0].attempts == 1
        assert (await later(neo, 0.2)).sent[0].attempts == 2
        assert (await later(neo, 4)).sent[0].attempts == 2
        assert (await later(neo, 1.1)).sent[0].state == "sent"


async def test_a_relay_that_is_away_is_tried_again(
    store: Store, vault: Encryption, clock: StoppedClock
) -> None:
    async with house(store, vault, clock) as neo:
        neo.outbox._relays = {"main": neo.smtp.model_copy(update={"port": 9})}
        file = await neo.answer(raw_letter())
        assert file.sent[0].state == "deferred"


@pytest.mark.parametrize("answer", ["cut", "slow"])
async def test_a_letter_in_doubt_is_never_sent_again_by_itself(
    store: Store, vault: Encryption, clock: StoppedClock, answer: str
) -> None:
    async with house(store, vault, clock, None, answer=says(answer)) as neo:
        await neo.answer(raw_letter())
        file = await later(neo, 60 * 24)
        assert file.sent[0].state == "unknown"
        assert len(neo.relay.received) == 1
        await neo.review.retry(1)
        file = await later(neo, 0)
        assert file.sent[0].state == "sent"
        ids = {received.mail["Message-ID"] for received in neo.relay.received}
        assert len(ids) == 1


@pytest.mark.parametrize(("handed_over", "state"), [(False, "sent"), (True, "unknown")])
async def test_a_worker_that_dies_leaves_doubt_only_once_the_letter_was_leaving(
    store: Store, vault: Encryption, clock: StoppedClock, handed_over: bool, state: str
) -> None:
    async with house(store, vault, clock) as neo:
        await neo.receive(raw_letter())
        await neo.work()
        delivery = await store.take_outgoing(60)
        assert delivery is not None
        if handed_over:
            await store.handing_over(delivery)
        assert (await later(neo, 2)).sent[0].state == state


def bounce(token: str, message_id: str) -> bytes:
    return (
        f"From: MAILER-DAEMON@relay.example\nTo: bounces+{token}@neo.example\nReturn-Path: <>\n"
        f"Subject: Undelivered\nMessage-ID: <b@relay.example>\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nSorry\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"
        "Final-Recipient: rfc822; camille@personne.example\nAction: failed\nStatus: 5.1.1\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: {message_id}\nSubject: x\n\nx\n--b--\n"
    ).encode()


async def test_a_bounce_is_matched_with_our_letter(
    store: Store, vault: Encryption, clock: StoppedClock
) -> None:
    async with house(store, vault, clock) as neo:
        file = await neo.answer(raw_letter())
        assert (await neo.answer(bounce("0" * 20, file.sent[0].message_id))).entry.state == "silent"
        file = await store.file(file.entry.id)
        assert file.sent[0].state == "failed"
        assert file.sent[0].bounced_at is not None


async def test_a_forged_bounce_changes_nothing(
    store: Store, vault: Encryption, clock: StoppedClock
) -> None:
    async with house(store, vault, clock) as neo:
        file = await neo.answer(raw_letter())
        forged = f"<r-0000000000000000.1.reply@{US.partition('@')[2]}>"
        await neo.answer(bounce("0" * 20, forged))
        assert (await store.file(file.entry.id)).sent[0].state == "sent"


async def test_two_hard_bounces_end_the_letters_to_an_address(
    store: Store, vault: Encryption, clock: StoppedClock
) -> None:
    async with house(store, vault, clock) as neo:
        for number in range(3):
            file = await neo.answer(
                raw_letter(
                    f"Question {number} sur le préavis ?", message_id=f"<{number}@p.example>"
                )
            )
            if file.sent:
                raw = bounce("0" * 20, file.sent[0].message_id)
                await neo.answer(raw.replace(b"<b@", f"<b{number}@".encode()))
        assert file.entry.reason == "dead_address:bounced"
