"""Encryption at rest of user content, with keys from a secret file that can be rotated.

The file holds one key per line, `seal KEY` (the newest first encrypts, all of them decrypt) and one
`fingerprint KEY`, which is never rotated: keyed fingerprints find a row by an address that is not
stored in plain text. AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce, so one key may
encrypt 2**32 texts. This does not protect against a reader of the key file or of the process's
memory.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import AppError
from shared.settings import WrongSettings

KEY_BYTES = 32
KEY_ID_BYTES = 4
NONCE_BYTES = 12


class DecryptionFailed(AppError):
    """An encrypted text was altered, or its key is no longer in the key file."""

    code = "cannot_unseal"


class Encryption:
    """Encrypts (seals) and decrypts (opens) texts; safe to share between threads."""

    def __init__(self, seal_keys: Sequence[bytes], fingerprint_key: bytes) -> None:
        if not seal_keys or any(len(key) != KEY_BYTES for key in (*seal_keys, fingerprint_key)):
            raise WrongSettings(f"encryption needs keys of {KEY_BYTES} bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in seal_keys}
        self._newest = _key_id(seal_keys[0])
        self._fingerprint_key = fingerprint_key

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the key file. Raises WrongSettings when it is missing or not in the format."""
        try:
            lines = path.read_text(encoding="ascii").splitlines()
            words = [line.split() for line in lines if line.strip() and not line.startswith("#")]
            keys = [(use, base64.b64decode(key, validate=True)) for use, key in words]
        except (OSError, ValueError) as error:
            raise WrongSettings(f"{path} is not a vault key file: {error}") from None
        seals = [key for use, key in keys if use == "seal"]
        fingerprints = [key for use, key in keys if use == "fingerprint"]
        if len(fingerprints) != 1 or len(seals) + 1 != len(keys):
            raise WrongSettings(f"{path} needs `seal KEY` lines and one `fingerprint KEY` line")
        return cls(seals, fingerprints[0])

    @property
    def newest_id(self) -> bytes:
        """Return the prefix of every ciphertext of the newest key."""
        return self._newest

    @property
    def older_ids(self) -> list[bytes]:
        """Return the prefixes of the ciphertexts of every other key of the file."""
        return [name for name in self._ciphers if name != self._newest]

    def seal(self, clear: bytes, purpose: str) -> bytes:
        """Encrypt `clear`; `open` needs the same `purpose` (associated data)."""
        nonce = os.urandom(NONCE_BYTES)
        cipher = self._ciphers[self._newest]
        return self._newest + nonce + cipher.encrypt(nonce, clear, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt what `seal` made. Raises DecryptionFailed."""
        cipher = self._ciphers.get(sealed[:KEY_ID_BYTES])
        nonce, text = sealed[KEY_ID_BYTES:][:NONCE_BYTES], sealed[KEY_ID_BYTES + NONCE_BYTES :]
        if cipher is None or len(nonce) < NONCE_BYTES:
            raise DecryptionFailed
        try:
            return cipher.decrypt(nonce, text, purpose.encode())
        except InvalidTag:
            raise DecryptionFailed from None

    def seal_text(self, clear: str, purpose: str) -> bytes:
        """Encrypt a string; lone surrogates become question marks."""
        return self.seal(clear.encode("utf-8", "replace"), purpose)

    def open_text(self, sealed: bytes, purpose: str) -> str:
        """Decrypt what `seal_text` made. Raises DecryptionFailed."""
        return self.open(sealed, purpose).decode()

    def fingerprint(self, text: str, purpose: str) -> bytes:
        """Return a keyed hash of 32 bytes (HMAC), the same for the same text and purpose."""
        message = purpose.encode() + b"\0" + text.encode("utf-8", "replace")
        return hmac.digest(self._fingerprint_key, message, "sha256")

    def fingerprints(self, *texts: tuple[str, str]) -> list[bytes]:
        """Return the fingerprint of each (text, purpose)."""
        return [self.fingerprint(text, purpose) for text, purpose in texts]


class DerivedKey:
    """Encrypts what only somebody who holds `secret` may read: no key file, and no rotation.

    The key is derived from the secret (HKDF with SHA-256, RFC 5869) for one purpose. It is as hard
    to guess as the secret. Once every holder has forgotten the secret, nobody reads the text, in
    whatever copy of a disk it is left. docs/decisions/0118-sealed-before-it-is-written.md
    """

    def __init__(self, secret: bytes, purpose: str) -> None:
        derivation = HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose.encode())
        self._cipher = AESGCM(derivation.derive(secret))

    def seal(self, clear: bytes) -> bytes:
        """Encrypt with a random nonce: one key encrypts at most 2**32 texts."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, clear, None)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt what `seal` made. Raises DecryptionFailed."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            raise DecryptionFailed from None


def new_key_file(previous: str = "") -> str:
    """Return the content of a key file: a first one, or `previous` with a new encryption key."""
    lines = [f"seal {_new_key()}", *previous.splitlines()]
    if not previous:
        lines.append(f"fingerprint {_new_key()}")
    return "\n".join(lines) + "\n"


def _new_key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id\0" + key).digest()[:KEY_ID_BYTES]
