"""`./neo images [--update]`: whether each official image is the one its tag names today.

Compose files and Dockerfiles name an image by tag and digest: the tag for people, the digest for
Docker, which then takes exactly those bytes (OCI Distribution Specification, "Pulling manifests").
Docker itself asks the registry (`docker buildx imagetools inspect`). `--update` writes today's
digests; the tags are changed by hand, after reading what is new.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60.0
NAMED = re.compile(
    r"\b(?P<variable>\w+_IMAGE)(?::-|=)(?P<name>(?:[a-z]+/)?[a-z-]+):(?P<tag>[\w.-]+)"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_OURS = "neo-"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class RegistryUnreachable(Exception):
    """The digest of an image cannot be asked for."""


@dataclass(frozen=True, slots=True)
class Pin:
    """An image as a file of ours names it; `digest` is empty when the file has the tag alone."""

    name: str
    tag: str
    digest: str

    @property
    def tagged(self) -> str:
        """NAME:TAG."""
        return f"{self.name}:{self.tag}"

    @property
    def reference(self) -> str:
        """NAME:TAG@DIGEST, or NAME:TAG."""
        return f"{self.tagged}@{self.digest}" if self.digest else self.tagged


def main() -> int:
    """Print each image; return 1 when a digest is missing or no longer the tag's."""
    parser = argparse.ArgumentParser(prog="./neo images", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write today's digests")
    parser.add_argument("--docker", default="docker", help="the command that asks the registry")
    options = parser.parse_args()
    try:
        today = {pin: current_digest(pin.tagged, options.docker) for pin in image_pins(ROOT)}
    except RegistryUnreachable as error:
        sys.stderr.write(f"neo: {error}\n")
        return 2
    stale = {pin: digest for pin, digest in today.items() if digest != pin.digest}
    for pin in today:
        state = "ok" if pin not in stale else ("no digest" if not pin.digest else "newer build")
        sys.stdout.write(f"{pin.tagged:<44} {state}\n")
    if options.update:
        workflows = sorted(ROOT.glob(".github/workflows/*.yml"))  # name the same images again
        for path in (*pinning_files(ROOT), *workflows):
            rewrite(path, stale)
        return 0
    return int(bool(stale))


def pinning_files(root: Path) -> list[Path]:
    """Return the files that name official images."""
    return sorted([*root.glob("docker-compose.*.yml"), *root.glob("deploy/images/*.Dockerfile")])


def image_pins(root: Path) -> list[Pin]:
    """Return the official images our files name, each once."""
    found = {pin for path in pinning_files(root) for pin in pins_in(path.read_text("utf-8"))}
    return sorted(found, key=lambda pin: pin.reference)


def pins_in(text: str) -> Iterator[Pin]:
    """Yield the official images that a file names."""
    for named in NAMED.finditer(text):
        if not named["name"].startswith(_OURS):
            yield Pin(named["name"], named["tag"], named["digest"] or "")


def current_digest(tagged: str, docker: str) -> str:
    """Ask the registry for the digest of NAME:TAG. Raises RegistryUnreachable."""
    command = [
        docker,
        "buildx",
        "imagetools",
        "inspect",
        tagged,
        "--format",
        "{{.Manifest.Digest}}",
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistryUnreachable(f"{docker} with buildx is needed to ask for {tagged}") from error
    digest = done.stdout.strip().strip("'")
    if done.returncode or not _DIGEST.fullmatch(digest):
        raise RegistryUnreachable(f"no digest of {tagged}: {done.stderr.strip()[:200]}")
    return digest


def rewrite(path: Path, digests: dict[Pin, str]) -> None:
    """Write the new digests into a file."""
    text = path.read_text(encoding="utf-8")
    for pin, digest in digests.items():
        end = r"(?![\w.@-])" if not pin.digest else ""
        text = re.sub(re.escape(pin.reference) + end, f"{pin.tagged}@{digest}", text)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
