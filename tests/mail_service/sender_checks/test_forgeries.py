"""No forged mail passes for its victim's, whichever sources are asked."""

from collections.abc import Callable, Iterator

import pytest

from mail_service.sender_checks.authentication import authenticate_now
from mail_service.settings import AuthenticationSettings
from tests.mail_service.mails import SERVER
from tests.mail_service.sender_checks.forged_letters import Forgery
from tests.mail_service.sender_checks.forgeries import KINDS
from tests.mail_service.sender_checks.senders_zone import VICTIM

SOURCES = {
    "what our server says": AuthenticationSettings(server=SERVER),
    "our own checks": AuthenticationSettings(received_by=SERVER, dns=True),
    "both": AuthenticationSettings(server=SERVER, received_by=SERVER, dns=True),
}


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("settings", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_a_forged_mail_proves_nothing_about_its_victim(
    kind: Callable[[], Iterator[Forgery]], settings: AuthenticationSettings
) -> None:
    results = {what: authenticate_now(raw, settings) for what, raw in kind()}
    assert len(results) >= 15
    assert {what: found for what, found in results.items() if found.proves(VICTIM)} == {}
    forger = "@evil.example"
    passed = {what: found for what, found in results.items() if found.passed}
    assert all(found.address.endswith(forger) for found in passed.values()), passed
