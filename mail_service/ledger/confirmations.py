"""Confirmations: one-time tokens by which a person confirms a request about their data.

A token is 128 random bits in base32, sent to the address that the request came from and kept as a
keyed fingerprint. It counts once, for one action, from that address, until it expires.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import timedelta

from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.records import ConfirmedAction
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
TOKEN_BYTES = 16
VALID_FOR = timedelta(days=2)
MAX_REQUESTS_DAY = 3
"""Letters with a token to one address within a day."""


def new_token() -> str:
    """Return a token of 128 random bits: 26 letters and digits."""
    return base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=").lower()


class Confirmations:
    """Makes and redeems the tokens."""

    def __init__(self, backend: LedgerBackend) -> None:
        self._backend = backend

    async def ask(
        self, mail_id: int, mailbox: str, address: str, action: ConfirmedAction
    ) -> str | None:
        """Return a new token for a request made by mail; None when the address had enough letters.

        A request that is processed again gets another token in the place of its first.
        """
        token, now = new_token(), self._backend.clock.now()
        address_print = self._backend.address_fingerprint(address)
        async with self._backend.postgres.transaction() as db:
            await SQL.execute(db, "lock_address", address=address_print)
            since = now - timedelta(days=1)
            recent = await SQL.fetch_value(
                db, "count_recent", address=address_print, since=since, mail_id=mail_id
            )
            if recent >= MAX_REQUESTS_DAY:
                return None
            await SQL.execute(db, "replace_request", mail_id=mail_id)
            await SQL.execute(
                db,
                "insert_request",
                token=self._print(token),
                address=address_print,
                mailbox=mailbox,
                action=action,
                mail_id=mail_id,
                now=now,
                expires_at=now + VALID_FOR,
            )
        return token

    async def redeem(
        self, mail_id: int, mailbox: str, address: str, tokens: Sequence[str]
    ) -> ConfirmedAction | None:
        """Use up the token that a mail from `address` carries; return what it confirms.

        None when none of `tokens` is valid for this address and mailbox. The mail that used a token
        may come again: its processing can be repeated.
        """
        async with self._backend.postgres.connection() as db:
            action = await SQL.fetch_value(
                db,
                "redeem",
                mail_id=mail_id,
                mailbox=mailbox,
                address=self._backend.address_fingerprint(address),
                tokens=[self._print(token) for token in tokens],
                now=self._backend.clock.now(),
            )
        return ConfirmedAction(action) if action else None

    def _print(self, token: str) -> bytes:
        return self._backend.fingerprint(token, "confirmation token")
