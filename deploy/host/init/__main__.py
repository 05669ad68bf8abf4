"""`./neo init`: writes the settings and secrets of a production host, and prints the steps left."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.host.init.monitoring_files import write_watch
from deploy.host.init.plan import SERVICES, Service
from deploy.host.init.units import write_units
from deploy.host.init.writing import (
    FOLDERS,
    GROUP,
    CannotInit,
    Host,
    unfilled,
    write_backup,
    write_compose,
    write_folders,
    write_nginx,
    write_service,
)

ROOT = Path(__file__).resolve().parents[3]


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the files; return an exit status."""
    options = _parser().parse_args(arguments)
    services = list(SERVICES.values()) if options.service == "all" else [SERVICES[options.service]]
    try:
        host = Host(
            root=root,
            domain=options.domain,
            compose=not options.systemd,
            force=options.force,
            chosen=_chosen(options.set, services),
        )
        for service in services:
            write_service(host, service)
        write_nginx(host, services)
        if options.systemd:
            units = [path for each in services for path in write_units(root, each, options.python)]
            steps = _systemd_steps(root, units)
        else:
            write_folders(host)
            write_backup(host)
            write_compose(host, options.service)
            steps = [*_compose_steps(root), *write_watch(host, _image(root, services[0]))]
    except (CannotInit, OSError) as reason:
        sys.stderr.write(f"neo: {reason}\n")
        return 1
    sys.stdout.write(_report(host, services, steps))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./neo init", description=__doc__)
    parser.add_argument("--service", choices=[*SERVICES, "all"], default="all")
    parser.add_argument(
        "--domain",
        default="cryptomaltese.com",
        help="the services answer at ai-api., telegram. and mail. in front of it",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting, known already"
    )
    parser.add_argument("--systemd", action="store_true", help="for systemd instead of compose")
    parser.add_argument(
        "--python",
        type=Path,
        default=Path("/opt/neo/bin/python"),
        help="with --systemd: where the services are installed (default /opt/neo/bin/python)",
    )
    parser.add_argument(
        "--force", action="store_true", help="write settings over; secrets are always kept"
    )
    return parser


def _chosen(pairs: Sequence[str], services: Sequence[Service]) -> dict[str, str]:
    """Return the settings given with --set. Raises CannotInit for one of no service."""
    chosen = dict(pair.partition("=")[::2] for pair in pairs)
    prefixes = tuple(service.prefix for service in services)
    for name in chosen:
        if not name.startswith(prefixes):
            raise CannotInit(f"--set {name}: a setting begins with {' or '.join(prefixes)}")
    return chosen


def _compose_steps(root: Path) -> list[str]:
    steps = []
    if os.geteuid() != 0:
        steps.append(f"sudo chown -R root:{GROUP} {root / 'deploy' / 'secrets'}")
        folders = root / "deploy"
        steps += [f"sudo chown {user}:{GROUP} {folders / name}" for name, user in FOLDERS.items()]
    return [*steps, "docker compose up -d --build"]


def _image(root: Path, service: Service) -> str:
    """Return the image of a service on this host."""
    full = "AI_VARIANT=full" in (root / ".env").read_text(encoding="utf-8").splitlines()
    return service.image.replace(":light", ":full") if full else service.image


def _systemd_steps(root: Path, units: Sequence[Path]) -> list[str]:
    names = " ".join(path.stem for path in units)
    return [
        f"install -m 644 {root / 'deploy' / 'systemd' / 'units'}/*.service /etc/systemd/system/",
        f"systemctl daemon-reload && systemctl enable --now {names}",
    ]


def _report(host: Host, services: Sequence[Service], steps: Sequence[str]) -> str:
    """Print what was written, what is left to fill in, and the next steps."""
    lines = [f"written: {path.relative_to(host.root)}" for path in host.made]
    lines += [f"kept: {path.relative_to(host.root)}" for path in host.kept]
    left = unfilled(host, services)
    if left:
        lines.append("\nfill in (a service refuses to start until then):")
        for path, names in left.items():
            names_text = f": {', '.join(names)}" if names else ""
            lines.append(f"  {path.relative_to(host.root)}{names_text}")
    lines += ["\nthen (docs/operating.md has every step):", *(f"  {step}" for step in steps)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
