"""Where a spam score comes from."""

import httpx2
import pytest

from mail_service.errors import SpamFilterLost
from mail_service.reading.message import read_mail
from mail_service.sender_checks.spam_score import SpamFilter, builtin_score
from mail_service.settings import SpamSettings
from tests.mail_service.mails import raw_mail

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def test_our_builtin_score_knows_the_plainest_tricks() -> None:
    assert builtin_score(read_mail(raw_mail())) == 0
    assert builtin_score(read_mail(raw_mail(GTUBE))) >= 5
    assert builtin_score(read_mail(raw_mail("You have won the lottery, click here! viagra"))) >= 5


async def scored(settings: SpamSettings, reply: httpx2.Response, raw: bytes) -> float:
    spam = SpamFilter(settings, httpx2.MockTransport(lambda _request: reply))
    try:
        return await spam.score(read_mail(raw), raw)
    finally:
        await spam.close()


async def test_rspamd_is_asked_when_it_is_configured() -> None:
    settings = SpamSettings(rspamd_url="http://rspamd.example")
    assert await scored(settings, httpx2.Response(200, json={"score": 15.2}), raw_mail()) == 15.2


@pytest.mark.parametrize("reply", [httpx2.Response(500), httpx2.Response(200, text="no")])
async def test_a_failing_rspamd_is_reported_as_lost(reply: httpx2.Response) -> None:
    with pytest.raises(SpamFilterLost):
        await scored(SpamSettings(rspamd_url="http://rspamd.example"), reply, raw_mail())


async def test_the_header_of_a_trusted_upstream_is_used() -> None:
    settings = SpamSettings(header="X-Spam-Status")
    raw = raw_mail(X_Spam_Status="Yes, score=7.5 required=5.0")
    assert await scored(settings, httpx2.Response(500), raw) == 7.5


async def test_a_lower_score_that_the_sender_wrote_does_not_count() -> None:
    settings = SpamSettings(header="X-Spam-Score")
    raw = b"X-Spam-Score: 9.5\nX-Spam-Score: -9.0\n" + raw_mail()
    turned = b"X-Spam-Score: -9.0\nX-Spam-Score: 9.5\n" + raw_mail()
    for each in (raw, turned):
        assert await scored(settings, httpx2.Response(500), each) == 9.5


def test_who_works_in_a_casino_may_ask() -> None:
    body = (
        "Bonjour, je suis croupier dans un casino. Mon employeur refuse de payer mes heures"
        " supplémentaires et parle de licenciement. Que prévoit mon contrat ? Cliquez ici pour voir"
        " mon planning. Mon patron joue au casino en ligne avec des bitcoins."
    )
    assert builtin_score(read_mail(raw_mail(body))) < SpamSettings().score
    advert = "CASINO en ligne : cliquez ici, bitcoin offert, vous avez gagné !"
    assert builtin_score(read_mail(raw_mail(advert))) >= SpamSettings().score
