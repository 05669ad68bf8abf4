"""Honest senders are proven, however their servers and ours write."""

import pytest

from mail_service.sender_checks.authentication import authenticate_now
from mail_service.sender_checks.authentication_results import MethodResult, read_results
from tests.mail_service.sender_checks.honest_mails import HONEST_MAILS, HonestMail


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("mail", HONEST_MAILS, ids=[what for what, *_ in HONEST_MAILS])
def test_an_honest_sender_is_proven(mail: HonestMail) -> None:
    _, settings, sender, raw = mail
    result = authenticate_now(raw, settings)
    assert result.proves(sender), result
    assert result.domain
    assert result.method in ("dmarc", "dkim", "spf")
    assert not result.proves(f"x{sender}")
    assert not result.proves("")


@pytest.mark.parametrize(
    ("value", "server", "results"),
    [
        ("example.org 1; none", "example.org", []),
        (
            "example.com;\r\n dkim=pass reason=\"good signature\" header.i=@mail.example.com;"
            "\r\n dkim=fail reason=\"bad (signature)\" header.i=@lists.example.com",
            "example.com",
            [
                ("dkim", "pass", {"reason": "good signature", "header.i": "@mail.example.com"}),
                ("dkim", "fail", {"reason": "bad (signature)", "header.i": "@lists.example.com"}),
            ],
        ),
        (
            "foo.example.net (foobar) 1 (baz);\r\n dkim (because) / 1 (yay) = (wait) fail"
            "\r\n policy (a dot) . (here) expired\r\n (so) = (that) 1362471462",
            "foo.example.net",
            [("dkim", "fail", {"policy.expired": "1362471462"})],
        ),
        (
            "mx.example;spf=pass(a\\)b (c))smtp.mailfrom=SRS0=a=b=c.example=u@d.example;;",
            "mx.example",
            None,
        ),
        (
            "mx.example;spf=pass(a\\)b (c)) smtp.mailfrom=SRS0=a=b=c.example=u@d.example;;",
            "mx.example",
            [("spf", "pass", {"smtp.mailfrom": "SRS0=a=b=c.example=u@d.example"})],
        ),
    ],
)  # fmt: skip
def test_results_are_read_as_rfc_8601_writes_them(
    value: str, server: str, results: list[tuple[str, str, dict[str, str]]] | None
) -> None:
    unfolded = value.replace("\r\n", "").encode()
    if results is None:
        with pytest.raises(ValueError, match="touches"):
            read_results(unfolded)
        return
    found = read_results(unfolded)
    assert found.authserv_id == server
    assert list(found.results) == [
        MethodResult(method, result, tuple((key, text.encode()) for key, text in said.items()))
        for method, result, said in results
    ]
