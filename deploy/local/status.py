"""`./neo status`: what runs here, and how it is."""

import json
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.local.command_line import Parser
from deploy.local.running import Running, running

TIMEOUT_S = 1.5
HEALTH = {"ai": "/api/v1/health"}
NOT_RUNNING = "nothing runs here: ./neo run starts the services"


def status(rest: list[str]) -> int:
    """Show the services that ./neo run keeps here; 0 when all of them answer, else 1."""
    parser = Parser(prog="./neo status", description=status.__doc__)
    parser.add_argument("--json", action="store_true", help="as a JSON object, for programs")
    options = parser.parse_args(rest)
    found = running()
    services = health_of(found) if found else {}
    if options.json:
        sys.stdout.write(json.dumps(as_json(found, services), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(lines(found, services)) + "\n")
    answering = [service for service in services.values() if service["answers"]]
    return 0 if services and len(answering) == len(services) else 1


def health_of(found: Running) -> dict[str, dict[str, Any]]:
    """Return the address, whether it answers and the health of each service, asked at once."""
    with ThreadPoolExecutor() as pool:
        asked = {
            name: pool.submit(health, name, address) for name, address in found.addresses.items()
        }
    return {
        name: {
            "address": found.addresses[name],
            "answers": bool(health.result()),
            "health": health.result(),
        }
        for name, health in asked.items()
    }


def health(name: str, address: str) -> dict[str, Any]:
    """Return what a service says of its health, {} when it does not answer within TIMEOUT_S."""
    try:
        url = f"{address}{HEALTH.get(name, '/health')}"
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:  # noqa: S310 - ours
            found: dict[str, Any] = json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return _json(error.read())
    except (OSError, ValueError):
        return {}
    return found


def _json(body: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(body)
    except ValueError:
        return {}
    return found


def as_json(found: Running | None, services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the state for programs."""
    return {
        "running": found is not None,
        "process": found.process if found else None,
        "since": found.since if found else None,
        "services": services,
    }


def lines(found: Running | None, services: dict[str, dict[str, Any]]) -> list[str]:
    """Return the state for people."""
    if found is None:
        return [NOT_RUNNING]
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.since))
    told = [f"running since {since}, process {found.process} (./neo stop ends it)"]
    for name, service in services.items():
        told.append(f"  {name:<9} {service['address']:<28} {described(service)}")
    return told


def described(service: dict[str, Any]) -> str:
    """Return how a service is, in a few words."""
    if not service["answers"]:
        return "does not answer: ./neo logs tells why, if it is not just starting"
    health = service["health"]
    words = [str(health.get("status", "answers"))]
    if corpus := health.get("corpus"):
        words.append(f"law of {corpus['law_date']}")
    if models := health.get("models"):
        words.append(f"models: {', '.join(models)}")
    failed = health.get("failed_models") or {}
    words += [f"{name} failed ({code})" for name, code in failed.items()]
    return ", ".join(words)
