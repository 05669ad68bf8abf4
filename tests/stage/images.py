"""The images of the stage: a base made here, stand-ins under the official names, then ours.

The official images cannot be had without their registry. A stand-in has the same name, user,
folders and variables, and Debian's version of the program: the stage shows that our files are
right, not that the official image is.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from deploy.images.pins import NAMED, image_pins, pinning_files
from tests.stage.container_engine import Engine, StageFailed, call

BASE = "localhost/neo-base"
PACKAGES = ("python3", "python3-venv", "ca-certificates", "usr-is-merged")
STANDINS = Path(__file__).parent / "standins"
OURS = {
    "ai": ("ai_core", "neo-ai_core:light"),
    "telegram": ("telegram", "neo-telegram:latest"),
    "mail": ("mail", "neo-mail:latest"),
}
"""Service: its Dockerfile and its image in the compose files."""
BACKUP = ("backup", "neo-backup:latest")
FULL = "neo-ai_core:full"
BASE_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Built:
    """An image, what it weighs with its base, and without, and how long it took."""

    image: str
    size_bytes: int
    ours_bytes: int
    seconds: float


def make_base(engine: Engine) -> None:
    """Make the base system from Debian's packages, once for the same list of packages."""
    mark = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]
    archive = engine.folder / f"base-{mark}.tar"
    if not archive.exists():
        draft = archive.with_suffix(".draft.tar")
        excluded = [
            f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")
        ]
        call(
            [
                "mmdebstrap", "--variant=minbase", '--aptopt=APT::Install-Recommends "false"',
                "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
                f"--include={','.join(PACKAGES)}", *excluded, "bookworm", str(draft),
            ],
            timeout_s=BASE_TIMEOUT_S,
        )  # fmt: skip
        draft.replace(archive)
    tag = f"{BASE}:{mark}"
    if not engine.has(tag):
        engine.podman("import", str(archive), tag, timeout_s=BASE_TIMEOUT_S)
    engine.podman("tag", tag, f"{BASE}:latest")


def official_names(root: Path) -> dict[str, str]:
    """Return the official images our files name: program → [OWNER/]NAME:TAG, without its digest.

    Raises StageFailed when two files want different images of one.
    """
    names: dict[str, str] = {}
    for name in {pin.tagged for pin in image_pins(root)}:
        program = name.partition(":")[0].rpartition("/")[2]
        if names.setdefault(program, name) != name:
            raise StageFailed(f"a file wants {name}, another one {names[program]}")
    return names


def standin_variables(root: Path) -> dict[str, str]:
    """Return the variables that make our files take the stand-ins: a digest is the registry's."""
    texts = [path.read_text(encoding="utf-8") for path in pinning_files(root)]
    named = [found for text in texts for found in NAMED.finditer(text)]
    return {each["variable"]: f"{each['name']}:{each['tag']}" for each in named if official(each)}


def official(named: re.Match[str]) -> bool:
    """Whether an image that a file names is not one of ours."""
    return not named["name"].startswith("neo-")


def official_image(root: Path, program: str) -> str:
    """Return the whole name of an official image."""
    name = official_names(root)[program]
    return f"docker.io/{name}" if "/" in name else f"docker.io/library/{name}"


def make_standins(engine: Engine, root: Path) -> None:
    """Build what stands in for each official image."""
    for dockerfile in sorted(STANDINS.glob("*.Dockerfile")):
        image = official_image(root, dockerfile.stem)
        engine.build(image, dockerfile, STANDINS, {}, trusting=False)


def build_ours(engine: Engine, root: Path, service: str) -> Built:
    """Build the image of a service, as its compose file does."""
    dockerfile, image = OURS[service]
    return _build(engine, root, dockerfile, image, {})


def build_backup(engine: Engine, root: Path) -> Built:
    """Build the image that makes backups, from the stores' own."""
    dockerfile, image = BACKUP
    return _build(engine, root, dockerfile, image, {}, over="postgres")


def build_full(engine: Engine, root: Path) -> Built:
    """Build ai_core with the model libraries; the wheels at hand are used where there are any."""
    arguments = {"VARIANT": "full"}
    if wheels := os.environ.get("PIP_FIND_LINKS"):
        arguments["PIP_FIND_LINKS"] = wheels
    return _build(engine, root, "ai_core", FULL, arguments)


def _build(
    engine: Engine,
    root: Path,
    dockerfile: str,
    image: str,
    arguments: dict[str, str],
    *,
    over: str = "python",
) -> Built:
    place = root / "deploy" / "images" / f"{dockerfile}.Dockerfile"
    arguments = standin_variables(root) | arguments
    seconds = engine.build(f"localhost/{image}", place, root, arguments)
    size = engine.size_bytes(f"localhost/{image}")
    base = engine.size_bytes(official_image(root, over))
    return Built(image, size, size - base, seconds)
