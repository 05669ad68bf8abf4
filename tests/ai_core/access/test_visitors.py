"""Pseudonyms of visitors: they group addresses, and nobody who reads Redis finds one."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from ai_core.access.visitors import Visitors, read_visitor_secret
from shared.settings import WrongSettings

SECRET = b"one secret of an installation, 32 bytes"


def pseudonym(address: str, secret: bytes = SECRET) -> str:
    return Visitors(secret).pseudonym(ip_address(address))


def test_an_address_has_one_pseudonym_and_others_have_theirs() -> None:
    assert pseudonym("203.0.113.77") == pseudonym("203.0.113.77")
    assert pseudonym("203.0.113.77") != pseudonym("203.0.113.78")


def test_an_ipv6_home_is_one_visitor() -> None:
    assert pseudonym("2001:db8:0:1::1") == pseudonym("2001:db8:0:1:ffff::9")
    assert pseudonym("2001:db8:0:1::1") != pseudonym("2001:db8:0:2::1")


def test_another_installations_secret_makes_other_pseudonyms() -> None:
    assert pseudonym("203.0.113.77") != pseudonym("203.0.113.77", b"another" * 8)


def test_a_missing_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "visitor_secret"

    made = read_visitor_secret(file)

    assert len(made) >= 32
    assert read_visitor_secret(file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_short_secret_refuses_to_start(tmp_path: Path) -> None:
    file = tmp_path / "visitor_secret"
    file.write_bytes(b"short")

    with pytest.raises(WrongSettings, match="VISITOR_SECRET_FILE"):
        read_visitor_secret(file)


def test_a_secret_that_cannot_be_made_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(WrongSettings, match="VISITOR_SECRET_FILE"):
        read_visitor_secret(tmp_path / "file" / "visitor_secret")
