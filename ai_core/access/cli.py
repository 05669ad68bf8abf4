"""`keys create | list | rotate | widget | revoke`: API keys from the command line.

A secret is shown once, or written to a file only its owner can read.
"""

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from pydantic import ValidationError
from redis.exceptions import RedisError

from ai_core.access.keys import ORIGIN, Key, KeyRing, NewKey, Permission, Scope
from ai_core.access.rate_limits import RateLimits
from ai_core.access.widgets import WidgetLook, read_logo
from ai_core.errors import KeysUnreadable, NameTaken
from ai_core.redis_keys import TAG
from shared.clock import Clock, SystemClock
from shared.languages import LANGUAGES
from shared.settings import WrongSettings
from shared.stores.redis_connection import RedisConnection

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
REDIS_WAIT_S = 10.0
"""Redis may have been started a moment ago and still be loading its data."""


def duration(text: str) -> timedelta:
    """Parse "30m", "24h" or "90d"; "0" is a zero duration."""
    if text == "0":
        return timedelta()
    match = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if not match:
        raise argparse.ArgumentTypeError("a number and m, h or d: 30m, 24h, 90d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def web_origin(text: str) -> str:
    """Return a web origin as browsers send it (RFC 6454): scheme, host, port, nothing else."""
    if not ORIGIN.fullmatch(text):
        raise argparse.ArgumentTypeError("an origin in lower case: https://www.example.fr")
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `keys` and their options."""
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a key and show it once")
    create.add_argument("--scope", type=Scope, choices=list(Scope), required=True)
    create.add_argument("--name", required=True, help="who or what uses it; not a person's name")
    create.add_argument("--requests-per-minute", type=int, metavar="N")
    create.add_argument("--tokens-per-minute", type=int, metavar="N")
    create.add_argument("--tokens-per-day", type=int, metavar="N")
    create.add_argument("--concurrent", type=int, metavar="N", help="requests at the same time")
    create.add_argument(
        "--allow", type=ip_network, action="append", default=[], metavar="CIDR",
        help="only from these addresses; may be repeated",
    )  # fmt: skip
    create.add_argument(
        "--origin", type=web_origin, action="append", default=[], metavar="https://HOST",
        help="web origins that may use a publishable key, besides our own page",
    )  # fmt: skip
    create.add_argument(
        "--permit", type=Permission, choices=list(Permission), action="append", default=[],
        help="what a publishable key allows besides questions answered from the law",
    )  # fmt: skip
    create.add_argument(
        "--model", action="append", default=[], metavar="NAME",
        help="models a publishable key may choose, besides the default one; may be repeated",
    )  # fmt: skip
    add_widget_arguments(create)
    create.add_argument("--expires", type=duration, metavar="90d")
    create.add_argument("--write", type=Path, metavar="FILE", help="write it there, mode 0600")
    listing = actions.add_parser("list", help="show every key, never its secret")
    listing.add_argument("--json", action="store_true", help="as a JSON array, for scripts")
    rotate = actions.add_parser("rotate", help="give a key a new secret")
    rotate.add_argument("id")
    rotate.add_argument(
        "--overlap", type=duration, default="24h", help="how long the old secret still works"
    )
    rotate.add_argument("--write", type=Path, metavar="FILE", help="write it there, mode 0600")
    widget = actions.add_parser("widget", help="give the widget of a key another look")
    widget.add_argument("id")
    add_widget_arguments(widget)
    revoke = actions.add_parser("revoke", help="refuse a key from the next request on")
    revoke.add_argument("id")


def add_widget_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a widget's look."""
    parser.add_argument("--widget-colour", metavar="#RRGGBB", help="of its button and header")
    parser.add_argument("--widget-title", metavar="TEXT", help="at most 40 characters")
    parser.add_argument(
        "--widget-greeting", type=greeting, action="append", metavar="LANGUAGE=TEXT",
        help="fr=…, en=…, th=… or zh=…, at most 280 characters; may be repeated",
    )  # fmt: skip
    parser.add_argument("--widget-position", choices=("right", "left"))
    parser.add_argument("--widget-logo", type=logo, metavar="FILE", help="PNG or WebP, 16 KiB")


def greeting(text: str) -> tuple[str, str]:
    """Return the language and the words of "fr=Bonjour"."""
    language, separator, words = text.partition("=")
    if language not in LANGUAGES or not separator:
        raise argparse.ArgumentTypeError("a language and the words: fr=Bonjour")
    return language, words


def logo(path: str) -> str:
    """Return the file of a logo in base64."""
    try:
        return read_logo(Path(path))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path}: {error}") from error


def look_of(arguments: argparse.Namespace) -> WidgetLook:
    """Return the look that the options tell. Raises WrongSettings."""
    told = {
        "colour": arguments.widget_colour and arguments.widget_colour.lower(),
        "title": arguments.widget_title,
        "greetings": arguments.widget_greeting and dict(arguments.widget_greeting),
        "position": arguments.widget_position,
        "logo": arguments.widget_logo,
    }
    given = {name: value for name, value in told.items() if value is not None}
    try:
        return WidgetLook.model_validate(given)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise WrongSettings(f"--widget-{field}: {error.errors()[0]['msg']}") from error


def run(arguments: argparse.Namespace, redis_url: str, clock: Clock | None = None) -> None:
    """Run the action and print its result.

    Raises KeysUnreadable when Redis does not answer, UnknownKey when no key has the id, NameTaken.
    """
    clock = clock or SystemClock()
    result = asyncio.run(_run(arguments, redis_url, clock))
    if isinstance(result, NewKey):
        _deliver(result, arguments.write)
    elif arguments.action == "list" and arguments.json:
        _print(json.dumps([_record(key, clock) for key in result], ensure_ascii=False))
    else:
        for key in result:
            _print(_line(key, clock))


async def _run(arguments: argparse.Namespace, redis_url: str, clock: Clock) -> NewKey | list[Key]:
    connection = RedisConnection(redis_url, TAG)
    await connection.open()
    try:
        await asyncio.wait_for(connection.found.wait(), REDIS_WAIT_S)
        return await ACTIONS[arguments.action](arguments, KeyRing(connection, clock))
    except TimeoutError as error:
        raise KeysUnreadable(f"Redis was not found within {REDIS_WAIT_S:g} s") from error
    except RedisError as error:
        raise KeysUnreadable(f"Redis does not answer: {error}") from error
    finally:
        await connection.close()


async def _create(arguments: argparse.Namespace, ring: KeyRing) -> NewKey:
    await _need_name(arguments.name, ring)
    return await ring.create(
        arguments.name,
        arguments.scope,
        limits=RateLimits(
            requests_per_minute=arguments.requests_per_minute,
            tokens_per_minute=arguments.tokens_per_minute,
            tokens_per_day=arguments.tokens_per_day,
            concurrent=arguments.concurrent,
        ),
        allowed_networks=arguments.allow,
        allowed_origins=arguments.origin,
        permissions=arguments.permit,
        allowed_models=arguments.model,
        widget=look_of(arguments),
        lifetime=arguments.expires,
    )


async def _need_name(name: str, ring: KeyRing) -> None:
    """Raise NameTaken when a key in use has the name: two could not be told apart."""
    for key in await ring.list():
        if key.name == name and key.state(SystemClock().now()) == "active":
            raise NameTaken(
                f"the key {key.id} is called {name} already: choose another name, give it a new "
                f"secret (keys rotate {key.id}) or revoke it first"
            )


async def _list(_arguments: argparse.Namespace, ring: KeyRing) -> list[Key]:
    return await ring.list()


async def _rotate(arguments: argparse.Namespace, ring: KeyRing) -> NewKey:
    return await ring.rotate(arguments.id, arguments.overlap)


async def _widget(arguments: argparse.Namespace, ring: KeyRing) -> list[Key]:
    return [await ring.change_widget(arguments.id, look_of(arguments))]


async def _revoke(arguments: argparse.Namespace, ring: KeyRing) -> list[Key]:
    return [await ring.revoke(arguments.id)]


Action = Callable[[argparse.Namespace, KeyRing], Awaitable[NewKey | list[Key]]]
ACTIONS: dict[str, Action] = {
    "create": _create,
    "list": _list,
    "rotate": _rotate,
    "widget": _widget,
    "revoke": _revoke,
}


def _record(key: Key, clock: Clock) -> dict[str, object]:
    record = key.model_dump(mode="json", exclude={"secrets": True, "widget": {"logo"}})
    return {"state": key.state(clock.now()), **record}


def _line(key: Key, clock: Clock) -> str:
    limits = key.limits.model_dump(exclude_none=True)
    columns = [key.id, f"{key.scope:<11}", f"{key.state(clock.now()):<7}", key.name]
    columns += [f"{name.replace('_', '-')}={number}" for name, number in limits.items()]
    columns += [f"from={network}" for network in key.allowed_networks]
    columns += [f"origin={origin}" for origin in key.allowed_origins]
    columns += [f"permit={permission}" for permission in key.permissions]
    columns += [f"model={name}" for name in key.allowed_models]
    if key.expires_at:
        columns.append(f"expires={key.expires_at:%Y-%m-%d}")
    return "  ".join(columns)


def _deliver(made: NewKey, path: Path | None) -> None:
    if path is None:
        _print(f"{made.key.id}  {made.secret}")
        return
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        file.write(made.secret + "\n")
    _print(made.key.id)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
