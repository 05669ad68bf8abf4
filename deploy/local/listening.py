"""The address on which ai_core listens, and the names under which it is reached there."""

import ipaddress
import socket

from deploy.local.errors import Stop

LOOPBACK = "127.0.0.1"
ELSEWHERE = "192.0.2.1"
"""An address for documentation (RFC 5737): a socket "connected" to it sends nothing, and has the
address of ours that faces other networks."""


def need_address(host: str) -> None:
    """Raise Stop when `host` is no address that this machine can listen on."""
    try:
        ipaddress.ip_address(host)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except (ValueError, OSError):
        raise Stop(
            f"--host {host} is no address of this machine: 0.0.0.0 listens on all of them "
            f"({LOOPBACK}, {', '.join(own_names())})"
        ) from None


def address(host: str, port: int) -> str:
    """Return where programs on this machine reach what listens on `host` ("" for loopback)."""
    if not host or ipaddress.ip_address(host).is_unspecified:
        host = LOOPBACK
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def host_names(host: str) -> list[str]:
    """Return the names under which other machines reach `host`, none for loopback."""
    listening = ipaddress.ip_address(host)
    if listening.is_loopback:
        return []
    return own_names() if listening.is_unspecified else [host]


def own_names() -> list[str]:
    """Return this machine's name and its address on the network, where it has one."""
    names = [socket.gethostname().lower()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE, 9))
        except OSError:
            return names
        names.append(probe.getsockname()[0])
    return names
