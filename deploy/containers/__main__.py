"""`./neo test --containers`: build each image, bring each stack up, ask, kill, ask again.

Prints what each image weighs and how long each step took. Ends with status 1 when something does
not work or an image is over its limit. The storage stays, so that the next run builds little.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from deploy.containers.drill import Drill, drill
from deploy.containers.engine import Engine, StageFailed, need_tools
from deploy.containers.images import (
    OURS,
    Built,
    build_backup,
    build_full,
    build_ours,
    make_base,
    make_standins,
)
from deploy.containers.one_host import run_one_host
from deploy.containers.stacks import (
    Figures,
    House,
    make_house,
    new_key,
    run_ai,
    run_mail,
    run_telegram,
)

ROOT = Path(__file__).resolve().parents[2]
LIMITS_BYTES = {"ai": 600_000_000, "telegram": 300_000_000, "mail": 300_000_000}


def main(arguments: list[str]) -> int:
    """Run the stage; return an exit status."""
    parser = argparse.ArgumentParser(prog="./neo test --containers", description=__doc__)
    parser.add_argument(
        "--full", action="store_true", help="also build ai_core with model libraries"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--storage", type=Path, default=ROOT / ".neo" / "containers", help="where images are kept"
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        need_tools()
        engine = Engine(options.storage.resolve())
        built = build_all(engine, full=options.full)
        engine.clear()
        try:
            figures, drilled = run_all(make_house(engine, ROOT))
        finally:
            engine.clear()
        check_sizes(built)
    except StageFailed as reason:
        say(f"FAILED: {reason}")
        return 1
    report(built, figures, drilled, time.monotonic() - started, as_json=options.json)
    return 0


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


def run_all(house: House) -> tuple[list[Figures], Drill]:
    """Bring every stack up, and one back from its backup; ai_core stays, for the others to ask."""
    say("stack ai …")
    figures = [run_ai(house)]
    key = new_key(house)
    say("stack telegram …")
    told, chat = run_telegram(house, key)
    say("the bot's stores lost and restored …")
    drilled = drill(house, chat)
    say("stack mail …")
    figures += [told, run_mail(house, key)]
    say("the three on one host …")
    return [*figures, run_one_host(house)], drilled


def check_sizes(built: dict[str, Built]) -> None:
    """Raise StageFailed when an image is over its limit."""
    for service, limit in LIMITS_BYTES.items():
        if built[service].size_bytes > limit:
            mb = built[service].size_bytes / 1e6
            raise StageFailed(f"the image of {service} weighs {mb:.0f} MB, over {limit / 1e6:.0f}")


def report(
    built: dict[str, Built],
    figures: list[Figures],
    drilled: Drill,
    seconds: float,
    *,
    as_json: bool,
) -> None:
    """Print the figures."""
    if as_json:
        whole = {
            "images": {name: asdict(image) for name, image in built.items()},
            "stacks": [asdict(each) for each in figures],
            "drill": asdict(drilled),
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
        back = ", ".join(f"{part} {waited:.1f} s" for part, waited in each.back_s.items())
        sys.stdout.write(f"stack {each.stack}: first answer after {each.ready_s:.1f} s\n")
        sys.stdout.write(f"  answers again after a kill of: {back}\n")
    sys.stdout.write(
        f"drill: {drilled.rows_kept} of {drilled.rows} rows back; from the empty disk to the next "
        f"answer {drilled.back_s:.1f} s\n"
    )
    sys.stdout.write(f"{len(figures)} stacks passed, 0 failed ({seconds:.0f} s)\n")


def say(line: str) -> None:
    """Show progress."""
    sys.stderr.write(f"neo: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
