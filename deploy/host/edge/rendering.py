"""Renders nginx's configuration, as the official image does. Standard library only."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3] / "nginx"
EXAMPLE = SOURCE.parent / "deploy" / "env" / "nginx.env.example"
HOSTS = ("ai-api", "telegram", "mail")
"""The templates of host names; `default` is always there."""
LOG = "access_log /dev/stdout edge buffer=64k flush=1s;"
JOURNAL = "access_log syslog:server=unix:/dev/log,nohostname,tag=nginx edge;"
"""Where the log goes in a container, and under systemd: standard output is a socket there, which
nginx cannot open (ENXIO), and the journal reads /dev/log."""
VARIABLE = re.compile(r"\$\{(NGINX_[A-Z_]+)\}")


class MissingVariable(Exception):
    """A template uses a variable that is not set."""


def render(
    target: Path,
    variables: Mapping[str, str],
    hosts: Sequence[str] = HOSTS,
    *,
    journal: bool = False,
) -> None:
    """Write nginx.conf, snippets and the chosen hosts' conf.d into `target`.

    With `journal`, requests are logged to systemd's. Raises MissingVariable when a template names
    what `variables` lacks, and changes nothing then.
    """
    written = {
        name: fill((SOURCE / "templates" / f"{name}.conf.template").read_text("utf-8"), variables)
        for name in ("default", *hosts)
    }
    for folder in ("conf.d", "run", "certificates"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    main = (SOURCE / "nginx.conf").read_text(encoding="utf-8")
    main = main.replace(LOG, JOURNAL) if journal else main
    (target / "nginx.conf").write_text(main, encoding="utf-8")
    shutil.copytree(SOURCE / "snippets", target / "snippets", dirs_exist_ok=True)
    for name, text in written.items():
        (target / "conf.d" / f"{name}.conf").write_text(text, encoding="utf-8")


def fill(template: str, variables: Mapping[str, str]) -> str:
    """Return the template with each ${NGINX_…} replaced. Raises MissingVariable."""
    missing = set(VARIABLE.findall(template)) - set(variables)
    if missing:
        raise MissingVariable(f"not set: {', '.join(sorted(missing))}")
    return VARIABLE.sub(lambda match: variables[match[1]], template)


def read_variables(file: Path = EXAMPLE) -> dict[str, str]:
    """Return the variables of an environment file, quotes removed."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value.strip("\"'") for name, value in pairs}
