"""`./neo publish REGISTRY VERSION`: push the built images, sign them, write `images.env`.

Docker pushes; cosign signs each digest without a key of ours (the pipeline's own identity, from
its OpenID Connect token) and attests the list of what the image is made of (CycloneDX).
`./neo publish --verify` checks both for an `images.env`, before anything is deployed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BUILT = {
    "AI_IMAGE": "neo-ai_core:light",
    "TELEGRAM_IMAGE": "neo-telegram:latest",
    "MAIL_IMAGE": "neo-mail:latest",
    "BACKUP_IMAGE": "neo-backup:latest",
}
"""The compose files' variable of each image: the tag that `docker build` gave it."""
WITHOUT_SBOM = {"BACKUP_IMAGE"}
SBOM = "/opt/neo/sbom.cdx.json"
ISSUER = "https://token.actions.githubusercontent.com"
TIMEOUT_S = 1200.0
_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64})")


class NotPublished(Exception):
    """An image could not be pushed, signed or verified."""


def publish(registry: str, version: str, docker: str, cosign: str) -> str:
    """Push and sign every image; return the text of `images.env`. Raises NotPublished."""
    lines = []
    for variable, built in BUILT.items():
        name = f"{registry}/{built.partition(':')[0]}"
        run([docker, "tag", built, f"{name}:{version}"])
        pushed = _PUSHED.search(run([docker, "push", f"{name}:{version}"]))
        if pushed is None:
            raise NotPublished(f"docker push named no digest of {name}:{version}")
        reference = f"{name}@{pushed[1]}"
        run([cosign, "sign", "--yes", reference])
        if variable not in WITHOUT_SBOM:
            attest(reference, built, docker, cosign)
        lines.append(f"{variable}={reference}\n")
    return "".join(lines)


def attest(reference: str, built: str, docker: str, cosign: str) -> None:
    """Attest what an image is made of, by the list it carries. Raises NotPublished."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "sbom.cdx.json"
        listed.write_text(run([docker, "run", "--rm", "--entrypoint", "cat", built, SBOM]))
        kind = ["--type", "cyclonedx", "--predicate", str(listed)]
        run([cosign, "attest", "--yes", *kind, reference])


def verify(images: str, identity: str, cosign: str) -> None:
    """Check that `identity`, a regular expression, signed every image. Raises NotPublished."""
    signer = ["--certificate-identity-regexp", identity, "--certificate-oidc-issuer", ISSUER]
    references = [line.partition("=")[2] for line in images.splitlines() if line]
    if len(references) != len(BUILT):
        raise NotPublished(f"images.env names {len(references)} images, not {len(BUILT)}")
    for reference in references:
        run([cosign, "verify", *signer, reference])


def run(command: list[str]) -> str:
    """Run a command; return what it printed. Raises NotPublished."""
    told = " ".join(command[:2])
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotPublished(f"{told}: {error}") from error
    if done.returncode:
        raise NotPublished(f"{told} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    """Publish, or verify; return 1 when that failed."""
    parser = argparse.ArgumentParser(prog="./neo publish", description=__doc__)
    parser.add_argument("registry", nargs="?", help="such as ghcr.io/owner/name")
    parser.add_argument("version", nargs="?", help="the tag of the images")
    parser.add_argument("--images", type=Path, default=Path("images.env"), help="the file")
    parser.add_argument("--verify", metavar="IDENTITY", help="who must have signed (a pattern)")
    parser.add_argument("--docker", default="docker", help="the command that pushes")
    parser.add_argument("--cosign", default="cosign", help="the command that signs")
    options = parser.parse_args(arguments)
    try:
        if options.verify:
            verify(options.images.read_text(encoding="utf-8"), options.verify, options.cosign)
        elif options.registry and options.version:
            text = publish(options.registry, options.version, options.docker, options.cosign)
            options.images.write_text(text, encoding="utf-8")
        else:
            parser.error("REGISTRY and VERSION, or --verify IDENTITY")
    except NotPublished as failure:
        sys.stderr.write(f"neo: {failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
