"""`./neo audit [--images]`: known vulnerabilities of the locked packages, or of the images.

Packages: pip-audit over constraints.txt; a package it cannot look up is a failure, not a silence.
Images: Trivy, in a container of its own, over every image our files name and those built from them.
Both end with 1 when something of severity high or critical has a fix.
"""

import argparse
import subprocess
import sys

from deploy.images.pins import ROOT, image_pins
from deploy.local.locked_packages import CONSTRAINTS

TRIVY = (
    "aquasec/trivy:0.74.0@sha256:62b1e65e8869bc4b4c6aa4fa2b21595256c7c2f6018a9d9ad61caf87187c1969"
)
BUILT = ("neo-ai_core:light", "neo-telegram:latest", "neo-mail:latest", "neo-backup:latest")
TIMEOUT_S = 1800.0


def main() -> int:
    """Look the vulnerabilities up; return 1 when there are any, 2 when they cannot be looked up."""
    parser = argparse.ArgumentParser(prog="./neo audit", description=__doc__)
    parser.add_argument("--images", action="store_true", help="the images instead of the packages")
    parser.add_argument("--docker", default="docker", help="the command that runs containers")
    options = parser.parse_args()
    commands = image_commands(options.docker) if options.images else [package_command()]
    try:
        codes = [
            subprocess.run(command, cwd=ROOT, timeout=TIMEOUT_S, check=False).returncode
            for command in commands
        ]
    except FileNotFoundError as error:
        sys.stderr.write(f"neo: {error.filename} is needed to look at images\n")
        return 2
    return max(codes)


def package_command() -> list[str]:
    """Return the command that looks the locked packages up."""
    return [
        sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps",
        "--disable-pip", "--strict", "--progress-spinner", "off",
    ]  # fmt: skip


def image_commands(docker: str) -> list[list[str]]:
    """Return the commands that scan the images, one each."""
    named = sorted({pin.reference for pin in image_pins(ROOT)})
    return [
        [
            docker, "run", "--rm", "--volume", "/var/run/docker.sock:/var/run/docker.sock:ro",
            "--volume", "neo-trivy:/root/.cache", TRIVY, "image", "--quiet", "--scanners", "vuln",
            "--severity", "HIGH,CRITICAL", "--ignore-unfixed", "--exit-code", "1", image,
        ]
        for image in (*named, *BUILT)
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
