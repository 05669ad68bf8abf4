"""`./neo drill`: the monthly restore and the quarterly promotions, with a report.

`restore` starts what the latest backups hold and counts it (as `./neo backup verify` does);
`postgres` and `redis` promote a standby of their own servers while a service runs and something
writes. Nothing of a running installation is touched.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from deploy.backup.__main__ import open_repository, parse_arguments
from deploy.backup.errors import BackupFailed
from deploy.backup.restore import verify
from deploy.drill import postgres_promotion, redis_promotion
from deploy.drill.outcome import Outcome
from deploy.drill.writer import DrillFailed
from deploy.local.server import ServerNotStarted

NEO = Path(__file__).resolve().parents[2] / ".neo"
RTO_S = 3_600
FAILURES = (BackupFailed, DrillFailed, ServerNotStarted)


def main(arguments: list[str]) -> int:
    """Run the parts asked for, write the report; return 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(prog="./neo drill", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; none: all")
    parser.add_argument("--report", type=Path, help="where it is written, too")
    parser.add_argument("--neo", type=Path, default=NEO, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {unknown.pop()}: {', '.join(PARTS)}")
    outcomes: list[Outcome] = []
    for name in options.parts or PARTS:
        outcomes += run_part(name, options.neo)
    written = report(outcomes, datetime.now(UTC))
    sys.stdout.write(written)
    place = options.report or options.neo / "drills" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(written, encoding="utf-8")
    sys.stdout.write(f"\nneo: the report is in {place}\n")
    return int(not all(outcome.kept for outcome in outcomes))


def run_part(name: str, neo: Path) -> list[Outcome]:
    """Run one part; one that does not come to its end has not kept its promise."""
    try:
        return PARTS[name](neo)
    except FAILURES as error:
        return [Outcome(name, str(error), kept=False)]


def restore(neo: Path) -> list[Outcome]:
    """Start the latest backup of each service in a scratch folder, and count."""
    repository, backup_sets = open_repository(parse_arguments(["verify", "--neo", str(neo)]))
    if not backup_sets:
        raise BackupFailed("nothing was backed up yet: ./neo backup")
    outcomes = []
    for backup_set in backup_sets:
        found = verify(backup_set, repository)
        told = (
            f"the backup of {found.snapshot.at:%Y-%m-%d %H:%M:%S %Z} starts: "
            f"{sum(found.rows.values())} rows, {found.keys or 0} keys, {found.seconds} s"
        )
        outcomes.append(Outcome(f"restore of {backup_set.name}", told, found.seconds < RTO_S))
    return outcomes


def postgres(_neo: Path) -> list[Outcome]:
    """Promote a Postgres twice: followed synchronously, and not."""
    outcomes = []
    for synchronous in (True, False):
        with tempfile.TemporaryDirectory(prefix="neo-drill-") as folder:
            found = postgres_promotion.drill(Path(folder), synchronous=synchronous)
            outcomes.append(found.outcome)
    return outcomes


def redis(_neo: Path) -> list[Outcome]:
    """Let a Sentinel promote a Redis twice: with writes that wait for the replica, and without."""
    outcomes = []
    for waits in (True, False):
        with tempfile.TemporaryDirectory(prefix="neo-drill-") as folder:
            outcomes.append(redis_promotion.drill(Path(folder), waits=waits).outcome)
    return outcomes


PARTS: dict[str, Callable[[Path], list[Outcome]]] = {
    "restore": restore,
    "postgres": postgres,
    "redis": redis,
}


def report(outcomes: list[Outcome], now: datetime) -> str:
    """Return the report, as Markdown."""
    rows = [
        f"| {each.name} | {each.told} | {'kept' if each.kept else '**NOT KEPT**'} |"
        for each in outcomes
    ]
    head = ["| what | measured | promise |", "|---|---|---|"]
    return "\n".join([f"# Drill of {now:%Y-%m-%d %H:%M} UTC", "", *head, *rows, ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
