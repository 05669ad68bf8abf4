"""`./neo release ACTION`, on a host that runs the compose files: new images, with a way back.

    canary --percent 10 <images.env    the new ai_core beside the old one, for a share of requests
    promote <images.env                the new images for everybody, without a 503 of ai_core
    back                               the images of before

`images.env` is what `./neo publish` wrote: one `NAME_IMAGE=REGISTRY/NAME@sha256:…` a line. The
canary is a container of its own, and nginx gives it a share by the `weight` of its upstream's
servers. Only the standard library: a host has no more.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS, BEFORE = ".env", ".env.before"
CANARY = "ai-api-canary"
SERVICE = "ai-api"
LIMITS = "max_fails=1 fail_timeout=2s"
IMAGE = re.compile(r"(?P<name>[A-Z]+_IMAGE)=(?P<image>[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64})")
RENDER = (
    "/docker-entrypoint.d/20-envsubst-on-templates.sh && nginx -t -q -p /tmp/neo"
    " -c /tmp/neo/nginx.conf && nginx -p /tmp/neo -c /tmp/neo/nginx.conf -s reload"
)
HEALTHY_S = 120.0
TIMEOUT_S = 900.0


class ReleaseFailed(Exception):
    """A step failed; what served before serves still."""


class Host:
    """The compose project of `folder`; `docker` is the command that runs its containers."""

    def __init__(self, folder: Path, docker: str, look_every_s: float = 1.0) -> None:
        self._folder = folder
        self._docker = docker
        self._look_every_s = look_every_s

    def canary(self, images: dict[str, str], percent: int) -> None:
        """Start the new ai_core beside the old one, for `percent` of requests.

        Raises ReleaseFailed; the old one then has all of them.
        """
        image = {"AI_IMAGE": images["AI_IMAGE"]}
        self._run(["pull", image["AI_IMAGE"]])
        self._remove_canary()
        try:
            self._compose(
                "run", "--detach", "--no-deps", "--pull", "never", "--name", CANARY, SERVICE,
                variables=image,
            )  # fmt: skip
            self._wait_until_healthy()
            self._send({SERVICE: 100 - percent, CANARY: percent})
        except ReleaseFailed:
            self._remove_canary()
            raise

    def promote(self, images: dict[str, str]) -> None:
        """Write the new images in `.env` and start them.

        The canary, where there is one, serves alone while ai_core is replaced. Raises
        ReleaseFailed; `back` undoes it.
        """
        settings = self._folder / SETTINGS
        text = settings.read_text(encoding="utf-8")
        write_closed(self._folder / BEFORE, text)
        write_closed(settings, with_images(text, images))
        self._compose("pull", "--quiet", "--policy", "missing")
        self._replace()

    def back(self) -> None:
        """Return to the images of before the last `promote`, or stop the canary."""
        before = self._folder / BEFORE
        if before.exists():
            write_closed(self._folder / SETTINGS, before.read_text(encoding="utf-8"))
            before.unlink()
            self._replace()
        elif self._has_canary():
            self._send({SERVICE: 100})
            self._remove_canary()

    def _replace(self) -> None:
        """Start what `.env` names; requests go to the canary meanwhile, where there is one."""
        canary = self._has_canary()
        if canary:
            self._send({CANARY: 100})
        self._compose("up", "--detach", "--wait", "--no-build")
        if canary:
            self._send({SERVICE: 100})
            self._remove_canary()

    def _send(self, shares: dict[str, int]) -> None:
        """Have nginx give each server its share of 100 requests."""
        servers = " ".join(
            f"server {name}:8000 weight={share} {LIMITS};"
            for name, share in shares.items()
            if share
        )
        self._compose(
            "exec", "-T", "-e", f"NGINX_AI_SERVERS={servers}", "nginx", "sh", "-c", RENDER
        )

    def _wait_until_healthy(self) -> None:
        """Wait for the canary's own health check. Raises ReleaseFailed."""
        give_up_s = time.monotonic() + HEALTHY_S
        state = ""
        while time.monotonic() < give_up_s:
            state = self._run(["inspect", "--format", "{{.State.Health.Status}}", CANARY]).strip()
            if state == "healthy":
                return
            if state == "unhealthy":
                break
            time.sleep(self._look_every_s)
        raise ReleaseFailed(f"{CANARY} is {state or 'unknown'}: docker logs {CANARY} says why")

    def _has_canary(self) -> bool:
        names = self._run(["ps", "--all", "--filter", f"name=^{CANARY}$", "--format", "{{.Names}}"])
        return CANARY in names.split()

    def _remove_canary(self) -> None:
        if self._has_canary():
            self._run(["stop", "--time", "40", CANARY])
            self._run(["rm", CANARY])

    def _compose(self, *words: str, variables: dict[str, str] | None = None) -> None:
        self._run(["compose", *words], variables)

    def _run(self, words: list[str], variables: dict[str, str] | None = None) -> str:
        """Run one command of Docker; return what it printed. Raises ReleaseFailed."""
        told = f"docker {' '.join(words[:2])}"
        try:
            done = subprocess.run(
                [self._docker, *words], cwd=self._folder, env={**os.environ, **(variables or {})},
                capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ReleaseFailed(f"{told}: {error}") from error
        if done.returncode:
            raise ReleaseFailed(f"{told} failed: {done.stderr.strip()[-500:]}")
        return done.stdout


def read_images(text: str) -> dict[str, str]:
    """Return the images of an `images.env`. Raises ReleaseFailed: each has a digest."""
    images = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        found = IMAGE.fullmatch(line)
        if found is None:
            raise ReleaseFailed("images.env wants NAME_IMAGE=REGISTRY/NAME@sha256:… in each line")
        images[found["name"]] = found["image"]
    if "AI_IMAGE" not in images:
        raise ReleaseFailed("images.env names no AI_IMAGE")
    return images


def with_images(settings: str, images: dict[str, str]) -> str:
    """Return the text of `.env` with these images in the place of those it names."""
    kept = [line for line in settings.splitlines() if line.partition("=")[0] not in images]
    return "\n".join([*kept, *(f"{name}={image}" for name, image in sorted(images.items())), ""])


def write_closed(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    fresh = path.with_name(f"{path.name}.fresh")
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def main(arguments: list[str] | None = None, folder: Path = ROOT) -> int:
    """Run one action; return 1 when it failed."""
    parser = argparse.ArgumentParser(prog="./neo release", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=("canary", "promote", "back"))
    parser.add_argument("--percent", type=int, choices=range(1, 51), default=10, metavar="1…50")
    parser.add_argument("--docker", default="docker", help="the command that runs containers")
    options = parser.parse_args(arguments)
    host = Host(folder, options.docker)
    try:
        if options.action == "back":
            host.back()
        elif options.action == "promote":
            host.promote(read_images(sys.stdin.read()))
        else:
            host.canary(read_images(sys.stdin.read()), options.percent)
    except ReleaseFailed as failure:
        sys.stderr.write(f"neo: {failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
