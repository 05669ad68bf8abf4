"""buildah and podman with a storage of their own, and what they are told on every call.

Their networks need root, iptables and forwarding; nothing else of the machine is changed, and
`clear` takes away what runs.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TOOLS = {  # how it is found: Debian package
    "buildah": "buildah",
    "podman": "podman",
    "runc": "runc",
    "catatonit": "catatonit",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "git": "git",
    "curl": "curl",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
}
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""
# runc, because Debian's crun refuses a machine with both versions of control groups.
CONTAINERS = """\
[containers]
default_ulimits = []
# podman's DNS leaves a question unanswered now and then (5 s each), and passes those for IPv6 on.
dns_options = ["timeout:1", "no-aaaa"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
init_path = "{init}"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
INIT = "/usr/bin/catatonit"
CERTIFICATES = Path("/etc/ssl/certs")
BUILD_TIMEOUT_S = 3_600
CALL_TIMEOUT_S = 300


class StageFailed(Exception):
    """What went wrong in the stage, in one sentence and the end of what was said."""


def need_tools() -> None:
    """Install the stage's tools when this is root on a Debian. Raises StageFailed listing them."""
    missing = [package for found, package in TOOLS.items() if shutil.which(found) is None]
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise StageFailed(f"the container stage needs root, and {', '.join(TOOLS.values())}")
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise StageFailed(f"the container stage needs {', '.join(missing)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for step in (["apt-get", "update", "-qq"], command):
        call(step, quiet)


def call(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
    timeout_s: float = CALL_TIMEOUT_S,
    record: Path | None = None,
) -> str:
    """Run a command; return what it wrote, and add all of it to the file `record`.

    Raises StageFailed with the end of what it said.
    """
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StageFailed(f"{command[0]}: {error}") from None
    if record:
        with record.open("a", encoding="utf-8") as file:
            file.write(f"\n$ {command[-1]}\n{done.stdout}{done.stderr}")
    if done.returncode:
        said = (done.stdout + done.stderr)[-3_000:]
        raise StageFailed(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}")
    return done.stdout


def build_options(*, trusting: bool = True) -> list[str]:
    """Return what every build is told; Engine.build says what `trusting` is."""
    options = ["--format", "docker", "--layers", "--pull-never", "--isolation", "chroot"]
    options += ["--network", "host"]
    if trusting and CERTIFICATES.exists():
        options += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    return options


class Engine:
    """Builds images and runs containers out of `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "networks").mkdir(exist_ok=True)
        for name, text in (("storage.conf", STORAGE), ("containers.conf", CONTAINERS)):
            (folder / name).write_text(text.format(folder=folder, init=INIT), encoding="utf-8")
        self.environment = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "PYTHONUNBUFFERED": "1",
        }

    def podman(self, *arguments: str, timeout_s: float = CALL_TIMEOUT_S) -> str:
        """Run podman; return what it wrote."""
        return call(["podman", *arguments], self.environment, timeout_s=timeout_s)

    def has(self, image: str) -> bool:
        """Return whether an image is there."""
        return image in self.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split()

    def build(
        self,
        image: str,
        dockerfile: Path,
        context: Path,
        arguments: Mapping[str, str],
        *,
        trusting: bool = True,
    ) -> float:
        """Build an image from a Dockerfile as it is; return the seconds it took.

        `trusting` lends it the certificates this machine trusts, read-only: a proxy of packages may
        need them, and a Debian package that writes there (ssl-cert) cannot be installed then.
        """
        started = time.monotonic()
        command: list[str | Path] = ["buildah", "bud", *build_options(trusting=trusting)]
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
            if name == "PIP_FIND_LINKS":
                command += ["--volume", f"{value}:{value}:ro"]
        command += ["--tag", image, "--file", dockerfile, context]
        call(command, self.environment, timeout_s=BUILD_TIMEOUT_S)
        return time.monotonic() - started

    def size_bytes(self, image: str) -> int:
        """Return the size of an image unpacked, its base included."""
        return int(self.podman("image", "inspect", "--format", "{{.Size}}", image))

    def pid(self, container: str) -> int:
        """Return process 1 of a running container, or 0."""
        return int(self.podman("inspect", "--format", "{{.State.Pid}}", container))

    def program(self, container: str) -> int:
        """Return the process of a running container's program: the child of its init, if any."""
        pid = self.pid(container)
        if self.podman("inspect", "--format", "{{.HostConfig.Init}}", container).strip() != "true":
            return pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return int(children[0])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing of an earlier run is left before, nothing of this one after; one run at a time.

        Raises StageFailed when another one is at work: each would take the other's containers away.
        """
        with (self.folder / "in-use").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StageFailed(f"another run of the stage is at work in {self.folder}") from None
            self.clear()
            try:
                yield
            finally:
                self.clear()

    def clear(self) -> None:
        """Stop and remove every container, pod, volume and network of this storage."""
        self.podman("pod", "rm", "--all", "--force")
        self.podman("rm", "--all", "--force")
        self.podman("volume", "prune", "--force")
        self.podman("network", "prune", "--force")
