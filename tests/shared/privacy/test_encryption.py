from pathlib import Path

import pytest

from shared.privacy.encryption import DecryptionFailed, Encryption, new_key_file
from shared.settings import WrongSettings


def vault_from(folder: Path, content: str) -> Encryption:
    path = folder / "vault"
    path.write_text(content)
    return Encryption.read(path)


def test_what_was_sealed_opens_again(tmp_path: Path) -> None:
    vault = vault_from(tmp_path, new_key_file())
    sealed = vault.seal_text("mon licenciement", "mail text")
    assert vault.open_text(sealed, "mail text") == "mon licenciement"
    assert b"licenciement" not in sealed


def test_the_same_text_is_sealed_differently_each_time(tmp_path: Path) -> None:
    vault = vault_from(tmp_path, new_key_file())
    assert vault.seal(b"a", "x") != vault.seal(b"a", "x")


def test_a_sealed_text_opens_only_for_its_purpose(tmp_path: Path) -> None:
    vault = vault_from(tmp_path, new_key_file())
    with pytest.raises(DecryptionFailed):
        vault.open(vault.seal(b"a", "mail text"), "reply")


@pytest.mark.parametrize("position", [0, 5, 20])
def test_an_altered_text_does_not_open(tmp_path: Path, position: int) -> None:
    vault = vault_from(tmp_path, new_key_file())
    sealed = bytearray(vault.seal(b"bonjour", "mail text"))
    sealed[position] ^= 1
    with pytest.raises(DecryptionFailed):
        vault.open(bytes(sealed), "mail text")


@pytest.mark.parametrize("garbage", [b"", b"abc", b"x" * 15])
def test_garbage_does_not_open(tmp_path: Path, garbage: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        vault_from(tmp_path, new_key_file()).open(garbage, "mail text")


def test_after_rotation_old_texts_open_and_new_ones_use_the_new_key(tmp_path: Path) -> None:
    first = new_key_file()
    before, after = vault_from(tmp_path, first), vault_from(tmp_path, new_key_file(first))
    old = before.seal(b"ancien", "mail text")
    assert after.open(old, "mail text") == b"ancien"
    assert not old.startswith(after.newest_id)
    new = after.seal(b"nouveau", "mail text")
    assert new.startswith(after.newest_id)
    with pytest.raises(DecryptionFailed):
        before.open(new, "mail text")


def test_a_fingerprint_survives_rotation_and_depends_on_its_purpose(tmp_path: Path) -> None:
    first = new_key_file()
    before, after = vault_from(tmp_path, first), vault_from(tmp_path, new_key_file(first))
    assert before.fingerprint("a@b.fr", "address") == after.fingerprint("a@b.fr", "address")
    assert before.fingerprint("a@b.fr", "address") != before.fingerprint("a@b.fr", "chat")


@pytest.mark.parametrize(
    "content", ["", "seal short\n", "seal YWJj\nfingerprint YWJj\n", "nonsense", "seal\n"]
)
def test_a_wrong_key_file_refuses_to_start(tmp_path: Path, content: str) -> None:
    with pytest.raises(WrongSettings):
        vault_from(tmp_path, content)


def test_a_missing_key_file_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings):
        Encryption.read(tmp_path / "absent")
