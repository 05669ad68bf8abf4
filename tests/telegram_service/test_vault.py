"""The vault's fingerprints of Telegram's ids."""

import os

from telegram_service.vault import Vault

SEAL, FINGERPRINT = os.urandom(32), os.urandom(32)
ZOE = 53_180_087_719


def test_a_name_tells_the_kind_of_chat_and_nothing_else() -> None:
    vault = Vault([SEAL], FINGERPRINT)
    names = [vault.name(telegram_id) for telegram_id in (ZOE, -4_711, -1_001_234_567_890)]
    assert [name[0] for name in names] == ["p", "g", "s"]
    assert {len(name) for name in names} == {23}
    assert str(ZOE) not in names[0]


def test_fingerprints_outlive_a_rotation_and_need_the_key_file() -> None:
    vault, rotated = Vault([SEAL], FINGERPRINT), Vault([os.urandom(32), SEAL], FINGERPRINT)
    other = Vault([SEAL], os.urandom(32))
    assert (rotated.name(ZOE), rotated.number(ZOE)) == (vault.name(ZOE), vault.number(ZOE))
    assert other.name(ZOE) != vault.name(ZOE)
    assert other.number(ZOE) != vault.number(ZOE)


def test_a_number_fits_a_bigint() -> None:
    vault = Vault([SEAL], FINGERPRINT)
    numbers = {vault.number(telegram_id) for telegram_id in range(-500, 500)}
    assert len(numbers) == 1_000
    assert min(numbers) >= 0
    assert max(numbers) < 2**63
