"""API keys: create, rotate, revoke, what each is used for. A secret is shown once."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network

from starlette.responses import Response

from ai_core.access.keys import ORIGIN, Key, Permission, Scope
from ai_core.access.rate_limits import RateLimits
from ai_core.api.console.routing import ROOT, Screens
from ai_core.api.console.visit import Visit
from ai_core.console.roles import Action
from ai_core.errors import ConsoleRefusal, UnknownKey

screens = Screens()
KEYS = f"{ROOT}/keys"
SECRET = "key"  # noqa: S105 - the name under which it is left in the session
USAGE_DAYS = 30
LINES = 50
MAX_DAYS = 3_650
OVERLAPS_H = (0, 1, 24, 168)
NAME_CHARACTERS = 64


@screens.page("/keys", Action.KEYS_READ)
async def show_keys(visit: Visit) -> Response:
    """List the keys, the active ones first, with their use of a week."""
    desk, now = visit.desk, visit.desk.clock.now()
    keys = sorted(await desk.ring.list(), key=lambda key: (key.state(now) != "active", key.name))
    usage = await desk.usage.of_keys(7)
    rows = [(key, key.state(now), usage.get(key.id, [])) for key in keys]
    return visit.page("keys.html", rows=rows)


@screens.page("/keys/new", Action.KEYS_CHANGE)
async def show_new_key(visit: Visit) -> Response:
    """Ask what a new key may do."""
    models = [card.id for card in visit.pool.cards()]
    return visit.page(
        "new_key.html", scopes=list(Scope), permissions=list(Permission), models=models
    )


@screens.form("/keys/new", Action.KEYS_CHANGE, back=show_new_key)
async def create_key(visit: Visit) -> Response:
    """Create a key."""
    name, scope = visit.text("name", NAME_CHARACTERS), _scope(visit)
    if not name:
        raise ConsoleRefusal("key_name")
    if any(key.name == name for key in await _active(visit)):
        raise ConsoleRefusal("key_name_taken")
    limits = RateLimits(**{name: visit.whole(name) for name in RateLimits.model_fields})
    networks, origins = _networks(visit), _origins(visit)
    permissions = [one for one in Permission if one in visit.texts("permission")]
    allowed = [card.id for card in visit.pool.cards() if card.id in visit.texts("model")]
    days = visit.whole("days")
    if days is not None and days > MAX_DAYS:
        raise ConsoleRefusal("key_days", limit=MAX_DAYS)
    detail = {"scope": scope, "origins": origins, "networks": [str(one) for one in networks]}
    detail |= limits.model_dump(exclude_none=True)
    async with visit.desk.audit.recording(visit.actor, "keys.create", name, **detail):
        made = await visit.desk.ring.create(
            name,
            scope,
            limits=limits,
            allowed_networks=networks,
            allowed_origins=origins,
            permissions=permissions if scope is Scope.PUBLISHABLE else (),
            allowed_models=allowed if scope is Scope.PUBLISHABLE else (),
            lifetime=timedelta(days=days) if days else None,
        )
    await visit.desk.sessions.leave(visit.session, SECRET, made.secret)
    return visit.to(f"{KEYS}/{made.key.id}", "key_created")


@screens.page("/keys/{id}", Action.KEYS_READ)
async def show_key(visit: Visit) -> Response:
    """Show a key, its use by day, and its secret while it waits."""
    key = await _key(visit)
    secret = None
    if visit.may(Action.KEYS_CHANGE) and visit.query("done"):
        secret = await visit.desk.sessions.take(visit.session, SECRET)
    usage = (await visit.desk.usage.of_keys(USAGE_DAYS)).get(key.id, [])
    return visit.page(
        "key.html",
        key=key,
        state=key.state(visit.desk.clock.now()),
        secret=secret,
        usage=usage,
        most=max((day.requests for day in usage), default=0),
        overlaps=OVERLAPS_H,
    )


@screens.form("/keys/{id}/rotate", Action.KEYS_CHANGE, back=show_key)
async def rotate(visit: Visit) -> Response:
    """Give a key a new secret; the old one works a while longer."""
    key = await _key(visit)
    hours = visit.text("overlap", 4)
    if hours not in map(str, OVERLAPS_H):
        raise ConsoleRefusal("field_number")
    async with visit.desk.audit.recording(
        visit.actor, "keys.rotate", key.name, id=key.id, overlap_h=int(hours)
    ):
        made = await visit.desk.ring.rotate(key.id, timedelta(hours=int(hours)))
    await visit.desk.sessions.leave(visit.session, SECRET, made.secret)
    return visit.to(f"{KEYS}/{key.id}", "key_rotated")


@screens.form("/keys/{id}/revoke", Action.KEYS_CHANGE, back=show_key)
async def revoke(visit: Visit) -> Response:
    """Refuse a key from the next request on."""
    key = await _key(visit)
    async with visit.desk.audit.recording(visit.actor, "keys.revoke", key.name, id=key.id):
        await visit.desk.ring.revoke(key.id)
    return visit.to(f"{KEYS}/{key.id}", "key_revoked")


async def _key(visit: Visit) -> Key:
    wanted = str(visit.request.path_params["id"])
    for key in await visit.desk.ring.list():
        if key.id == wanted:
            return key
    raise UnknownKey(f"no key has the id {wanted[:32]}")


async def _active(visit: Visit) -> list[Key]:
    now = visit.desk.clock.now()
    return [key for key in await visit.desk.ring.list() if key.state(now) == "active"]


def _scope(visit: Visit) -> Scope:
    try:
        return Scope(visit.text("scope"))
    except ValueError:
        raise ConsoleRefusal("key_scope") from None


def _lines(visit: Visit, name: str) -> list[str]:
    lines = visit.text(name, 8_000).replace(",", " ").split()
    if len(lines) > LINES:
        raise ConsoleRefusal("too_many_lines", limit=LINES)
    return lines


def _origins(visit: Visit) -> list[str]:
    origins = [line.rstrip("/").lower() for line in _lines(visit, "origins")]
    wrong = next((origin for origin in origins if not ORIGIN.fullmatch(origin)), None)
    if wrong is not None:
        raise ConsoleRefusal("key_origin")
    return list(dict.fromkeys(origins))


def _networks(visit: Visit) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(line) for line in _lines(visit, "networks")]
    except ValueError:
        raise ConsoleRefusal("key_network") from None
