"""`docker compose …` as docs/operating.md has it, said to podman-compose: the stage's `docker`.

`docker run …` is podman's as it is.

What podman-compose 1.6 over podman 4.3 does otherwise, and what is done about it:

* it takes COMPOSE_FILE from the environment alone: it is read from .env;
* a service that is named does not bring its profile along: the profile is switched on;
* it takes a terminal for granted in `exec` and `run`: `-T` is said where there is none;
* `build` would look for base images in a registry: they are those of the stage, and our builds are
  told what the stage's own are;
* it would pull an image by its digest: the stand-ins take the official names, without one;
* `up` looks at the compose file alone: containers of an image that was built again are made again;
* `up` and `down` do not see more instances than the file has: those are taken away;
* `down --volumes` leaves the volumes that podman made while it made a container: those go, too.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.stage.container_engine import build_options
from tests.stage.images import standin_variables

OURS = ("PYTHONPATH", "PYTHONSAFEPATH")
"""Variables this program was started with, which are not podman-compose's."""


@dataclass(frozen=True)
class Project:
    """The compose files of a folder's .env: their name, each service's profiles, the stand-ins."""

    files: str
    name: str
    profiles: Mapping[str, Sequence[str]]
    standins: Mapping[str, str]


def main(words: list[str]) -> int:
    """Say it; return podman-compose's exit status."""
    if words[:1] == ["run"]:
        return subprocess.run(["podman", *words], check=False).returncode
    if words[:1] != ["compose"]:
        sys.stderr.write("docker: nothing but `docker compose` and `docker run` is known here\n")
        return 2
    command, *rest = words[1:]
    project = read_project(Path.cwd())
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment["COMPOSE_FILE"] = project.files
    environment |= project.standins
    tool = Path(sys.executable).with_name("podman-compose")
    if command in {"up", "down"}:
        take_away(surplus(instances(project.name), wanted(command, rest)))
    for line in lines(command, rest, project, terminal=sys.stdin.isatty()):
        if command == "up" and "up" in line and made_of_older_images(project.name):
            line.append("--force-recreate")
        status = subprocess.run([tool, *line], env=environment, check=False).returncode
        if status:
            return status
    if command == "down" and "--volumes" in rest:
        every = podman("volume", "ls", "--format", "{{.Name}}").split()
        take_away([name for name in every if name.startswith(f"{project.name}_")], kind="volume")
    return 0


def read_project(folder: Path) -> Project:
    """Read the compose files that a folder's .env names."""
    settings = (folder / ".env").read_text(encoding="utf-8")
    listed = re.search(r"^COMPOSE_FILE=(.*)$", settings, re.MULTILINE)
    if not listed:
        raise SystemExit("docker: .env names no COMPOSE_FILE")
    files = [yaml.safe_load((folder / name).read_bytes()) for name in listed[1].split(":")]
    services = {name: each for file in files for name, each in file["services"].items()}
    profiles = {name: each.get("profiles", []) for name, each in services.items()}
    return Project(listed[1], files[0]["name"], profiles, standin_variables(folder))


def lines(
    command: str, rest: Sequence[str], project: Project, *, terminal: bool
) -> list[list[str]]:
    """Return what podman-compose is told, one command line after the other."""
    named = [profile for word in rest for profile in project.profiles.get(word, ())]
    options = [word for profile in named for word in ("--profile", profile)]
    standins = [f"--build-arg={name}={image}" for name, image in project.standins.items()]
    options.append(f"--podman-build-args={shlex.join([*build_options(), *standins])}")
    if command in {"exec", "run"} and not terminal and "-T" not in rest:
        rest = ["-T", *rest]
    if command == "up" and "--build" in rest:
        unbuilt = [word for word in rest if word != "--build"]
        return [[*options, "build"], [*options, "up", *unbuilt]]
    return [[*options, command, *rest]]


def wanted(command: str, rest: Sequence[str]) -> dict[str, int]:
    """Return how many instances of each service stay: as `--scale` says, one of any other."""
    pairs = [word.partition("=") for word in rest if re.fullmatch(r"[\w-]+=\d+", word)]
    return {name: int(number) for name, _, number in pairs} if command == "up" else {}


def surplus(names: Sequence[str], stay: Mapping[str, int]) -> list[str]:
    """Return the containers, of those named PROJECT_SERVICE_NUMBER, that are one too many."""
    found = []
    for name in names:
        numbered = re.fullmatch(r"[^_]+_(.+)_(\d+)", name)
        if numbered and int(numbered[2]) > stay.get(numbered[1], 1):
            found.append(name)
    return found


def take_away(names: Sequence[str], kind: str = "container") -> None:
    """Remove containers, which are stopped first, or volumes."""
    if names:
        podman(kind, "rm", "--force", *names)


def instances(project: str) -> list[str]:
    """Return the containers of a project."""
    of_it = f"label=io.podman.compose.project={project}"
    return podman("ps", "--all", "--filter", of_it, "--format", "{{.Names}}").split()


def made_of_older_images(project: str) -> bool:
    """Return whether an image was built again after a container of the project was made."""
    for container in instances(project):
        used, name = podman("inspect", "--format", "{{.Image}} {{.ImageName}}", container).split()
        if podman("image", "inspect", "--format", "{{.Id}}", name).strip() != used:
            return True
    return False


def podman(*words: str) -> str:
    """Run podman; return what it wrote."""
    done = subprocess.run(["podman", *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
