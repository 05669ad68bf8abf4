"""No forged mail passes for its victim's, whichever sources are asked."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from mail_service.sender_checks.authentication import authenticate_now
from mail_service.settings import AuthenticationSettings
from tests.mail_service.mails import SERVER
from tests.mail_service.sender_checks.forged_letters import Forgery, arrived, letter
from tests.mail_service.sender_checks.forgeries import KINDS
from tests.mail_service.sender_checks.senders_zone import VICTIM

SOURCES = {
    "what our server says": AuthenticationSettings(server=SERVER),
    "our own checks": AuthenticationSettings(received_by=SERVER, dns=True),
    "both": AuthenticationSettings(server=SERVER, received_by=SERVER, dns=True),
}


@cache
def forgeries_of(kind: Callable[[], Iterator[Forgery]]) -> dict[str, bytes]:
    """Write the letters of a kind once for all sources: each is signed anew."""
    return dict(kind())


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("settings", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_a_forged_mail_proves_nothing_about_its_victim(
    kind: Callable[[], Iterator[Forgery]], settings: AuthenticationSettings
) -> None:
    results = {what: authenticate_now(raw, settings) for what, raw in forgeries_of(kind).items()}
    assert len(results) >= 15
    assert {what: found for what, found in results.items() if found.proves(VICTIM)} == {}
    forger = "@evil.example"
    passed = {what: found for what, found in results.items() if found.passed}
    assert all(found.address.endswith(forger) for found in passed.values()), passed


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("settings", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize(
    "ours", ["none", "spf=fail smtp.mailfrom=evil.example", "dkim=none", "spf=none; dkim=fail"]
)
@pytest.mark.parametrize(
    "theirs",
    [
        "dmarc=pass header.from=victime.example",
        "spf=pass smtp.mailfrom=victime@victime.example",
        "dkim=pass header.d=victime.example",
    ],
)
def test_where_our_server_wrote_above_its_line_nothing_below_is_its_own(
    settings: AuthenticationSettings, ours: str, theirs: str
) -> None:
    forged = f"Authentication-Results: {SERVER}; {theirs}\r\n".encode() + letter()
    raw = arrived(forged, above=f"Authentication-Results: {SERVER}; {ours}\r\n")
    assert not authenticate_now(raw, settings).proves(VICTIM)
