"""What must be there before anything is installed or started; each check takes under two seconds.

What is missing raises Stop with one sentence that names the way out. `./neo doctor` makes them all.
"""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploy.local.errors import Stop
from deploy.local.layout import LAW, NEO, VENV
from deploy.local.ports import in_use, listener
from deploy.local.reachability import index_address, need_servers, registry_address

GB = 10**9
INSTALL_BYTES = {"ai": 600, "telegram": 200, "mail": 200, "torch": 2_500, "gguf": 400, "onnx": 400}
"""Disk space that the packages of an extra take, in MB, rounded up."""
LAW_BYTES = 1_500
"""What the law, its archives and its indexes take, in MB, while a new version is made."""


def need_to_install(extras: Iterable[str]) -> None:
    """Check what an installation of `extras` needs. Raises Stop."""
    wanted = set(extras)
    if "gguf" in wanted and not _compiled("llama_cpp"):
        need_compiler()
    need_space(sum(INSTALL_BYTES.get(extra, 100) for extra in wanted) * 10**6)
    need_servers(filter(None, [index_address()]))


def need_to_run(services: Iterable[str], ports: Mapping[str, int]) -> None:
    """Check what `./neo run` needs besides its packages: its ports, and npm for the law."""
    chosen = set(services)
    for name in sorted(chosen):
        need_port(ports[name], name)
    if "ai" in chosen and not LAW.exists():
        need_npm()
        need_space(LAW_BYTES * 10**6)


def need_port(port: int, service: str) -> None:
    """Raise Stop when something listens on the port of a service already."""
    if not in_use(port):
        return
    option = "--port" if service == "ai" else f"--{service}-port"
    by = listener(port)
    raise Stop(
        f"port {port} is in use{f' by {by}' if by else ''}: stop that program, or give {service} "
        f"another port, as in ./neo run {option} {port + 80}"
    )


def need_npm() -> None:
    """Raise Stop unless npm is there to fetch the law, and its registry can be reached."""
    need_npm_program()
    need_servers([registry_address()])


def need_npm_program() -> None:
    """Raise Stop unless npm is there."""
    if shutil.which("npm") is None:
        raise Stop(
            "npm is needed to fetch the Code du travail: on Debian apt-get install -y npm, or "
            "bring the files yourself with ./neo corpus update --from DIRECTORY"
        )


def need_compiler() -> None:
    """Raise Stop unless llama-cpp-python can be compiled; pip keeps what was compiled once."""
    if shutil.which("g++") is None or shutil.which("gcc") is None:
        raise Stop("GGUF models need a compiler: on Debian apt-get install -y g++ python3-dev")


def need_space(size_bytes: int) -> None:
    """Raise Stop when the disk of `.neo` has less space than that."""
    folder = next(path for path in (NEO, *NEO.parents) if path.exists())
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < size_bytes:
        raise Stop(
            f"{size_bytes / GB:.1f} GB of disk space are needed and {folder} has "
            f"{free_bytes / GB:.1f} GB left: free some, or move the checkout to a larger disk"
        )


def need_venv_module() -> None:
    """Raise Stop unless virtual environments can be made (Debian splits that off)."""
    try:
        import ensurepip  # noqa: F401 - Debian's python3-venv brings it
    except ImportError:
        raise Stop(
            "python3 -m venv does not work here: on Debian apt-get install -y python3-venv"
        ) from None


def need_model(path: Path) -> str:
    """Return the format of a model's file or folder. Raises Stop for a wrong, empty or cut one."""
    # seconds are saved by every other command
    from ai_core.errors import ModelUnusable
    from ai_core.models.files import guess_format, read_metadata

    if path.is_file() and not path.stat().st_size:
        raise Stop(f"{path} is empty: fetch the model again (a .gguf file, or a folder)")
    try:
        format = guess_format(path)
        read_metadata(path, format)
    except ModelUnusable as error:
        raise Stop(f"{error}; docs/models.md says which files serve") from None
    return format


def _compiled(package: str) -> bool:
    """Whether a package is in the virtual environment already."""
    return any(VENV.glob(f"lib/python3*/site-packages/{package}"))
