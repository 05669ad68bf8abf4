"""One-time codes and recovery codes."""

from datetime import UTC, datetime, timedelta

import pyotp

from ai_core.console.second_factor import (
    enrolment_picture,
    enrolment_uri,
    new_recovery_codes,
    new_secret,
    recovery_digest,
    step_of,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_code_of_rfc_6238_counts_in_its_step_and_the_steps_beside() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # noqa: S105 - the secret of RFC 6238, appendix B
    for second, code in (
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (2_000_000_000, "279037"),
    ):
        moment = datetime.fromtimestamp(second, UTC)
        step = second // 30
        for late_s, found in ((0, step), (30, step), (-30, step), (60, None), (-60, None)):
            assert step_of(secret, code, moment + timedelta(seconds=late_s)) == found
    moment = datetime.fromtimestamp(2_000_000_000, UTC)
    assert step_of(secret, " 279 037 ", moment)
    for wrong in ("", "27903", "2790377", "abcdef", "²79037", "279037\n1"):
        assert step_of(secret, wrong, moment) is None


def test_the_picture_holds_what_the_app_needs_and_no_style() -> None:
    secret = new_secret()
    assert len(secret) == 32
    parsed = pyotp.parse_uri(enrolment_uri(secret, "ada@example.org"))
    assert (parsed.secret, parsed.name) == (secret, "ada@example.org")
    picture = enrolment_picture(secret, "ada@example.org")
    assert picture.startswith("<svg")
    assert "style" not in picture
    assert secret not in picture


def test_recovery_codes_are_many_and_only_their_hashes_are_kept() -> None:
    codes = new_recovery_codes() + new_recovery_codes()
    assert len(set(codes)) == 20
    digests = {recovery_digest(1, code) for code in codes}
    assert len(digests) == 20
    assert recovery_digest(2, codes[0]) not in digests
    assert recovery_digest(1, codes[0].upper()) == recovery_digest(1, codes[0])
    for wrong in ("", "123456", "aaaaa-bbbbb", f"{codes[0]}-aaaaa"):
        assert recovery_digest(1, wrong) is None
