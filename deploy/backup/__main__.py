"""`./neo backup`, `./neo backup verify`, `./neo backup list`, `./neo restore [--to TIME]`.

With BACKUP_NAME set it serves one service of this container or host (see docs/backup.md); without,
the services of `./neo run`.
"""

import argparse
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from deploy.backup.backup_set import LOCAL_FILES, BackupSet, from_environment, local, needed
from deploy.backup.create import create_backup
from deploy.backup.errors import BackupFailed
from deploy.backup.local_stores import is_running, reachable
from deploy.backup.repository import Repository
from deploy.backup.restore import restore, verify
from deploy.local.private_files import write_private

NEO = Path(__file__).resolve().parents[2] / ".neo"
RETRY_S = 60.0


def main(arguments: list[str]) -> int:
    """Run the command; return an exit status."""
    options = parse_arguments(arguments)
    try:
        if options.action == "every":
            return run_periodically(options)
        return run_action(options)
    except BackupFailed as reason:
        print_line(f"neo: {reason}")
        return 1
    except KeyboardInterrupt:  # the stop signal of Postgres's image, on which ours is based
        return 130


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="./neo backup", description=__doc__)
    parser.add_argument(
        "action", nargs="?", default="make", choices=["make", "verify", "list", "restore", "every"]
    )
    parser.add_argument("--only", default=",".join(LOCAL_FILES), help="services, of ./neo run")
    parser.add_argument(
        "--repository", default="", help="where backups are kept, as restic says it"
    )
    parser.add_argument("--neo", type=Path, default=NEO, help=argparse.SUPPRESS)
    parser.add_argument(
        "--to", type=moment, help="restore: the moment, such as 2026-11-21T14:00:00Z"
    )
    parser.add_argument("--minutes", type=float, default=15, help="every: between two backups")
    return parser.parse_args(arguments)


def moment(text: str) -> datetime:
    """Parse a time; without a zone it is UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def run_action(options: argparse.Namespace) -> int:
    """Run the action once for each service."""
    repository, backup_sets = open_repository(options)
    if not backup_sets:
        raise BackupFailed("there is nothing to back up: ./neo run has kept nothing yet")
    for backup_set in backup_sets:
        ACTIONS[options.action](backup_set, repository, options)
    return 0


def run_periodically(options: argparse.Namespace) -> int:
    """Make backups until SIGINT; a failed one is reported and retried soon."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    while True:
        pause_s = options.minutes * 60
        try:
            run_action(argparse.Namespace(**{**vars(options), "action": "make"}))
        except BackupFailed as reason:
            print_line(f"neo: {reason}")
            pause_s = RETRY_S
        time.sleep(pause_s)


def open_repository(options: argparse.Namespace) -> tuple[Repository, list[BackupSet]]:
    """Return the repository, and the backup sets."""
    if "BACKUP_NAME" in os.environ:
        address = options.repository or needed(os.environ, "BACKUP_REPOSITORY")
        password = Path(needed(os.environ, "BACKUP_PASSWORD_FILE"))
        return Repository(address, password), [from_environment(os.environ)]
    folder = options.neo / "backup"
    password = folder / "password"
    if not password.exists() and options.action == "make":
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(password, secrets.token_hex(24))
        print_line(f"neo: {password} opens the backups: keep a copy of it on another machine")
    address = options.repository or str(folder / "repository")
    return Repository(address, password), local(options.neo, options.only.split(","))


@contextmanager
def with_addresses(backup_set: BackupSet) -> Iterator[BackupSet]:
    """Yield the backup_set with its stores' addresses."""
    if "BACKUP_NAME" in os.environ:
        yield backup_set
        return
    with reachable(backup_set) as found:
        yield found


def _make(backup_set: BackupSet, repository: Repository, _options: argparse.Namespace) -> None:
    with with_addresses(backup_set) as found:
        facts = create_backup(found, repository)
    counted = sum(facts.get("rows", {}).values())
    keys = facts.get("redis", {}).get("keys", 0)
    print_line(f"{backup_set.name}: {counted} rows, {keys} keys, {facts['seconds']} s")


def _verify(backup_set: BackupSet, repository: Repository, _options: argparse.Namespace) -> None:
    found = verify(backup_set, repository)
    print_line(
        f"{backup_set.name}: the backup of {found.snapshot.at:%Y-%m-%d %H:%M:%S %Z} starts: "
        f"{sum(found.rows.values())} rows, {found.keys or 0} keys, {found.seconds} s"
    )


def _list(backup_set: BackupSet, repository: Repository, _options: argparse.Namespace) -> None:
    for snapshot in repository.snapshots(backup_set.name):
        print_line(f"{backup_set.name} {snapshot.id[:8]} {snapshot.at:%Y-%m-%dT%H:%M:%SZ}")


def _restore(backup_set: BackupSet, repository: Repository, options: argparse.Namespace) -> None:
    if "BACKUP_NAME" not in os.environ and is_running(backup_set):
        raise BackupFailed(f"{backup_set.name} is running: stop ./neo run first")
    found = restore(backup_set, repository, options.to)
    print_line(
        f"{backup_set.name}: as of {options.to or found.snapshot.at:%Y-%m-%d %H:%M:%S %Z}: "
        f"{sum(found.rows.values())} rows, {found.keys or 0} keys, {found.seconds} s; "
        "what was there is kept beside it (.before-…)"
    )


ACTIONS = {"make": _make, "verify": _verify, "list": _list, "restore": _restore}


def print_line(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
