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

from deploy.containers.certificate import run_certificate
from deploy.containers.drill import Drill, Loss, drill
from deploy.containers.engine import Engine, StageFailed, need_tools
from deploy.containers.full import run_full
from deploy.containers.images import (
    OURS,
    Built,
    build_backup,
    build_full,
    build_ours,
    make_base,
    make_standins,
)
from deploy.containers.mailbox import AI, mail_up, run_mail
from deploy.containers.one_host import run_one_host
from deploy.containers.stacks import (
    OUTSIDE_THE_BOT,
    Figures,
    House,
    ai_up,
    answered,
    bot_up,
    make_house,
    run_ai,
    run_telegram,
)

ROOT = Path(__file__).resolve().parents[2]
SMALL = frozenset({"redis", "files"})
WHOLE = SMALL | {"postgres", "wal"}
"""Kinds of backups of a service without Postgres, and with it."""
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
            figures, drills = run_chosen(engine, options)
        finally:
            engine.clear()
        check_sizes(built)
    except StageFailed as reason:
        say(f"FAILED: {reason}")
        return 1
    report(built, figures, drills, time.monotonic() - started, as_json=options.json)
    return 0


def run_chosen(engine: Engine, options: argparse.Namespace) -> tuple[list[Figures], list[Drill]]:
    """Bring every stack up, and what else was asked for."""
    house = make_house(engine, ROOT)
    figures, drills = run_all(house)
    if options.certificate:
        say("a first certificate …")
        engine.clear()
        house.init("ai")
        figures[0].certificate_s = run_certificate(house)
    if options.full:
        say("ai with models of its own …")
        engine.clear()
        figures.append(run_full(house, ROOT))
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


def run_all(house: House) -> tuple[list[Figures], list[Drill]]:
    """Bring every stack up, and back from its backup; ai_core stays, for the others to ask."""
    say("stack ai …")
    ai, key = run_ai(house)
    drills = [drill(house, Loss("ai", "ai-api", SMALL, ai_up, lambda: answered(house, key)))]
    say("stack telegram …")
    telegram, chat = run_telegram(house, key)
    loss = Loss("telegram", "telegram-bot", WHOLE, bot_up, chat.answered, OUTSIDE_THE_BOT)
    drills.append(drill(house, loss))
    say("stack mail …")
    mail, letters = run_mail(house, key)
    loss = Loss(
        "mail", "mail-service", WHOLE, mail_up,
        lambda: letters.kept() and letters.answered(), (AI,),
    )  # fmt: skip
    drills.append(drill(house, loss))
    say("the three on one host …")
    return [ai, telegram, mail, run_one_host(house)], drills


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
        sys.stdout.write(f"stack {each.stack}: first answer after {each.ready_s:.1f} s\n")
        if each.certificate_s:
            sys.stdout.write(f"  first certificate in force after {each.certificate_s:.1f} s\n")
        for told, waits in (
            ("answers again after a kill of", each.back_s),
            ("first answer of a model added", each.models_s),
        ):
            if waits:
                listed = ", ".join(f"{name} {waited:.1f} s" for name, waited in waits.items())
                sys.stdout.write(f"  {told}: {listed}\n")
    for done in drills:
        sys.stdout.write(
            f"drill {done.stack}: {done.rows_kept} of {done.rows} rows and {done.keys_kept} of "
            f"{done.keys} keys back; from the empty disk to the next answer {done.back_s:.1f} s\n"
        )
    sys.stdout.write(f"{len(figures)} stacks passed, 0 failed ({seconds:.0f} s)\n")


def say(line: str) -> None:
    """Show progress."""
    sys.stderr.write(f"neo: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
