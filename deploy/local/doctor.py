"""`./neo doctor`: everything that must be there, looked at once."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from deploy.local import preflight
from deploy.local.command_line import Parser
from deploy.local.errors import Stop
from deploy.local.extras import SERVICES, listed_models
from deploy.local.installing import fingerprint, installed
from deploy.local.layout import KEYS, LAW, NEO, PYTHON
from deploy.local.ports import PORTS
from deploy.local.reachability import index_address, need_servers, registry_address
from deploy.local.running import running
from deploy.local.status import health_of

OTHERS = 0o077
"""The permissions of everybody but the owner."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is ("ok", "note", "wrong"), and the way out of what is wrong."""

    name: str
    state: str
    told: str


def doctor(rest: list[str]) -> int:
    """Look at everything that ./neo needs here; 1 when something is wrong, else 0."""
    parser = Parser(prog="./neo doctor", description=doctor.__doc__)
    parser.add_argument("--json", action="store_true", help="as a JSON array, for programs")
    options = parser.parse_args(rest)
    with ThreadPoolExecutor() as pool:
        findings = list(pool.map(lambda check: check(), CHECKS))
    if options.json:
        sys.stdout.write(json.dumps([asdict(one) for one in findings], ensure_ascii=False) + "\n")
    else:
        for one in findings:
            sys.stdout.write(f"{one.state:<6} {one.name:<10} {one.told}\n")
    return 1 if any(one.state == "wrong" for one in findings) else 0


def looked(name: str, check: Callable[[], object], told: str, *, needed: bool = True) -> Finding:
    """Return the finding of a check that raises Stop; "note" where it is not `needed` now."""
    try:
        check()
    except Stop as reason:
        return Finding(name, "wrong" if needed else "note", str(reason))
    return Finding(name, "ok", told)


def python() -> Finding:
    """The Python that runs; `neo` itself refused another one."""
    return Finding("python", "ok", sys.version.split()[0])


def packages() -> Finding:
    """Whether the packages of all services are installed as they are locked."""
    if not PYTHON.exists():
        return Finding("packages", "note", "not installed yet: ./neo run does it")
    if installed(("embedded", *SERVICES), fingerprint()):
        return Finding("packages", "ok", "as locked in constraints.txt")
    return Finding("packages", "note", "not those of constraints.txt: the next command renews them")


def disk() -> Finding:
    """Whether there is room for what is not there yet."""
    size_bytes = 10**8 if PYTHON.exists() else 10**9
    size_bytes += 0 if LAW.exists() else preflight.LAW_BYTES * 10**6
    return looked("disk", lambda: preflight.need_space(size_bytes), "there is room")


def npm() -> Finding:
    """Whether npm is there; only the first fetch of the law and updates need it."""
    return looked("npm", preflight.need_npm_program, "there", needed=not LAW.exists())


def compiler() -> Finding:
    """Whether a GGUF model could be used."""
    return looked("compiler", preflight.need_compiler, "there, for GGUF models", needed=False)


def index() -> Finding:
    """Whether Python's package index can be reached."""
    address = index_address()
    if not address:
        return Finding("index", "ok", "pip asks none on the network")
    return looked("index", lambda: need_servers([address]), address, needed=not PYTHON.exists())


def registry() -> Finding:
    """Whether npm's registry can be reached."""
    address = registry_address()
    return looked("registry", lambda: need_servers([address]), address, needed=not LAW.exists())


def ports() -> Finding:
    """Whether the services run here, or could."""
    if running():
        return Finding("ports", "ok", "taken by the services that run")

    def free() -> None:
        for name, port in PORTS.items():
            preflight.need_port(port, name)

    return looked("ports", free, ", ".join(map(str, PORTS.values())) + " are free")


def law() -> Finding:
    """Whether the law is there."""
    if LAW.exists():
        return Finding("law", "ok", f"version {LAW.read_text(encoding='utf-8').strip()}")
    return Finding("law", "note", "not fetched yet: ./neo run does it")


def models() -> Finding:
    """Whether models.toml can be read."""
    try:
        names = ["extractive", *(str(model.get("name")) for model in listed_models())]
    except Stop as reason:
        return Finding("models", "wrong", str(reason))
    return Finding("models", "ok", ", ".join(names))


def keys() -> Finding:
    """Whether keys and settings are for their owner alone."""
    files = [*KEYS.glob("*"), *NEO.glob("environment.json"), *NEO.glob("*/environment.json")]
    files += [*NEO.glob("*password"), *NEO.glob("*/password")]
    open_ones = [file for file in files if file.is_file() and file.stat().st_mode & OTHERS]
    if open_ones:
        names = " ".join(map(str, open_ones))
        return Finding("secrets", "wrong", f"others may read them: chmod 600 {names}")
    return Finding("secrets", "ok", f"{len(files)} files, for their owner alone")


def services() -> Finding:
    """How the services are that run."""
    found = running()
    if found is None:
        return Finding("services", "note", "nothing runs here: ./neo run starts them")
    silent = [name for name, one in health_of(found).items() if not one["answers"]]
    if silent:
        return Finding("services", "wrong", f"no answer from {', '.join(silent)}: see ./neo logs")
    return Finding("services", "ok", f"{', '.join(found.addresses)} answer")


CHECKS = (
    python, packages, disk, npm, compiler, index, registry, ports, law, models, keys, services,
)  # fmt: skip
