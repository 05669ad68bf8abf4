"""`./neo test --containers`: build each image, type docs/operating.md, ask, kill, ask again.

Prints what each image weighs and how long each step took. Ends with status 1 when something does
not work or an image is over its limit. The storage stays, so that the next run builds little.
"""

import argparse
import json
import sys
import time
from collections.abc import Set
from dataclasses import asdict
from pathlib import Path

from tests.stage.bare_debian import run_bare
from tests.stage.certificate import run_certificate
from tests.stage.container_engine import Engine, StageFailed, need_tools
from tests.stage.full_image import run_full
from tests.stage.images import (
    OURS,
    Built,
    build_backup,
    build_full,
    build_ours,
    make_base,
    make_standins,
)
from tests.stage.one_host import run_one_host
from tests.stage.operating import Drill, begin_ai, walk_ai, walk_mail, walk_telegram
from tests.stage.simulated_host import SimulatedHost, make_simulated_host
from tests.stage.stack_checks import Figures

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ai", "telegram", "mail", "all")
PARTS = ("bare", *SERVICES, "certificate", "full")
FIRST = {"certificate": "certificate in force", "bare": "settings, behind the firewall,"}
"""What came first, where it was not an answer."""
LIMITS_BYTES = {"ai": 600_000_000, "telegram": 300_000_000, "mail": 300_000_000}


def main(arguments: list[str]) -> int:
    """Run the stage; return an exit status."""
    parser = argparse.ArgumentParser(prog="./neo test --containers", description=__doc__)
    parser.add_argument(
        "--full", action="store_true", help="also build ai_core with model libraries"
    )
    parser.add_argument(
        "--certificate", action="store_true", help="also have ai_core's host issued one by ACME"
    )
    parser.add_argument(
        "--only", metavar="NAME,…", help=f"of {', '.join(PARTS)}; without, the first five"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--storage", type=Path, default=ROOT / ".neo" / "containers", help="where images are kept"
    )
    options = parser.parse_args(arguments)
    chosen = set(options.only.split(",") if options.only else PARTS[:5])
    chosen |= {name for name in PARTS[5:] if getattr(options, name)}
    if chosen - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}")
    started = time.monotonic()
    try:
        need_tools()
        engine = Engine(options.storage.resolve())
        with engine.alone():
            built = build_all(engine, full="full" in chosen)
            figures, drills = run_chosen(engine, chosen)
        check_sizes(built)
    except StageFailed as reason:
        say(f"FAILED: {reason}")
        return 1
    report(built, figures, drills, time.monotonic() - started, as_json=options.json)
    return 0


def run_chosen(engine: Engine, chosen: Set[str]) -> tuple[list[Figures], list[Drill]]:
    """Run the parts that are asked for, each of the last two alone."""
    host = make_simulated_host(engine)
    figures = []
    if "bare" in chosen:
        say("the first steps in a bare Debian …")
        figures.append(run_bare(host))
    shown, drills = run_services(host, chosen)
    figures += shown
    if "certificate" in chosen:
        say("a first certificate …")
        engine.clear()
        figures.append(run_certificate(host))
    if "full" in chosen:
        say("ai with models of its own …")
        engine.clear()
        figures.append(run_full(host, ROOT))
    return figures, drills


def build_all(engine: Engine, *, full: bool) -> dict[str, Built]:
    """Build the base, the stand-ins and our images."""
    say("base system and stand-ins for the official images …")
    make_base(engine)
    make_standins(engine, ROOT)
    built = {}
    for service in OURS:
        say(f"image of {service} …")
        built[service] = build_ours(engine, ROOT, service)
    say("image of the backup …")
    built["backup"] = build_backup(engine, ROOT)
    if full:
        say("image of ai with model libraries …")
        built["ai full"] = build_full(engine, ROOT)
    return built


def run_services(host: SimulatedHost, chosen: Set[str]) -> tuple[list[Figures], list[Drill]]:
    """Type the page for each service; an ai_core stays up, for the others to ask."""
    figures, drills, key = [], [], ""
    if "ai" in chosen:
        say("ai, as docs/operating.md says …")
        shown, drill, key = walk_ai(host)
        figures.append(shown)
        drills.append(drill)
    elif chosen & set(SERVICES):
        say("ai, for the others to ask …")
        key = begin_ai(host)
    for name, walk in (("telegram", walk_telegram), ("mail", walk_mail)):
        if name in chosen:
            say(f"{name} …")
            shown, drill = walk(host, key)
            figures.append(shown)
            drills.append(drill)
    if "all" in chosen:
        say("the three on one host …")
        figures.append(run_one_host(host))
    return figures, drills


def check_sizes(built: dict[str, Built]) -> None:
    """Raise StageFailed when an image is over its limit."""
    for service, limit in LIMITS_BYTES.items():
        if built[service].size_bytes > limit:
            mb = built[service].size_bytes / 1e6
            raise StageFailed(f"the image of {service} weighs {mb:.0f} MB, over {limit / 1e6:.0f}")


def report(
    built: dict[str, Built],
    figures: list[Figures],
    drills: list[Drill],
    seconds: float,
    *,
    as_json: bool,
) -> None:
    """Print the figures."""
    if as_json:
        whole = {
            "images": {name: asdict(image) for name, image in built.items()},
            "stacks": [asdict(each) for each in figures],
            "drills": [asdict(each) for each in drills],
            "seconds": seconds,
        }
        sys.stdout.write(json.dumps(whole, indent=2) + "\n")
        return
    for name, image in built.items():
        sys.stdout.write(
            f"image {name}: {image.size_bytes / 1e6:.0f} MB ({image.ours_bytes / 1e6:.0f} without "
            f"the base), built in {image.seconds:.0f} s\n"
        )
    for each in figures:
        first = FIRST.get(each.stack, "answer")
        sys.stdout.write(f"stack {each.stack}: first {first} after {each.ready_s:.1f} s\n")
        if each.told_s:
            sys.stdout.write(f"  a lost service told in a letter: {each.told_s:.1f} s\n")
        for told, waits in (
            ("answers again after a kill of", each.back_s),
            ("stopped while it started", each.stopped_s),
            ("first answer of a model added", each.models_s),
        ):
            if waits:
                listed = ", ".join(f"{name} {waited:.1f} s" for name, waited in waits.items())
                sys.stdout.write(f"  {told}: {listed}\n")
    for done in drills:
        sys.stdout.write(
            f"drill {done.stack}: {done.rows_kept} of {done.rows} rows and {done.keys_kept} of "
            f"{done.keys} keys back; from an empty machine to the next answer {done.back_s:.1f} s\n"
        )
    sys.stdout.write(f"{len(figures)} stacks passed, 0 failed ({seconds:.0f} s)\n")


def say(line: str) -> None:
    """Show progress."""
    sys.stderr.write(f"neo: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
