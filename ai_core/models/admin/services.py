"""A model of another service with OpenAI's API: its address, its key, its name there."""

import os
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from ai_core.engines.remote.upstreams import base_url
from ai_core.errors import ModelUnusable

TIMEOUT_S = 10.0
SHOWN = 12
"""How many models of a service a refusal names."""


def is_address(source: str) -> bool:
    """Whether the source of a model is the address of a service."""
    return source.startswith(("http://", "https://"))


def read_key(file: str) -> str:
    """Return the key in a file, "" without one. Raises ModelUnusable."""
    if not file:
        return ""
    try:
        key = Path(file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ModelUnusable(f"the key file {file} cannot be read: {reason}") from error
    if not key:
        raise ModelUnusable(f"the key file {file} is empty: put the service's key into it")
    return key


def upstream_model(name: str, address: str, wanted: str, key: str) -> str:
    """Return the name of the model at the service: `wanted`, or the one that its list leaves no
    doubt about. Raises ModelUnusable when the service refuses the key or has no such model.
    """
    if not urlsplit(address).hostname:
        raise ModelUnusable(f"{address} names no host: https://HOST/v1")
    known = models_at(base_url(address), key)
    if wanted and (wanted in known or not known):
        return wanted
    if not wanted and (name in known or len(known) == 1):
        return name if name in known else known[0]
    names = ", ".join(known[:SHOWN]) + (" …" if len(known) > SHOWN else "")
    if wanted:
        raise ModelUnusable(f"{address} has no model {wanted}: it has {names}")
    raise ModelUnusable(f"which model of {address}? --model NAME, of: {names or 'its own list'}")


def models_at(url: str, key: str) -> list[str]:
    """Return the names of the models that a service lists. Raises ModelUnusable."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        reply = httpx2.get(f"{url}/models", headers=headers, timeout=TIMEOUT_S)
    except httpx2.RequestError as error:
        reason = str(error) or type(error).__name__
        raise ModelUnusable(f"{url} cannot be reached ({reason}): look at the address") from error
    if reply.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        with_key = "the key in the file of --key-file" if key else "a request without key"
        raise ModelUnusable(f"{url} refuses {with_key} ({reply.status_code}): give a valid one")
    if not reply.is_success:
        raise ModelUnusable(
            f"{url}/models answers {reply.status_code}: give the address that ends before /models"
        )
    try:
        listed = reply.json()["data"]
        # Google names its models models/NAME there, and takes NAME.
        return [str(one["id"]).removeprefix("models/") for one in listed if one]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelUnusable(f"{url} is no OpenAI-compatible service: no list of models") from error


def private_place(file: str) -> str:
    """Return where the service finds the key; a file that others may read is closed to them."""
    if not file:
        return ""
    path = Path(file).absolute()
    if path.stat().st_mode & 0o077 and path.stat().st_uid == os.geteuid():
        path.chmod(0o600)
    return str(path)
