"""The first steps of docs/operating.md in a bare Debian: a container of the stage's base system,
whose packets another container sends.

`systemctl` is a stand-in there that runs what the unit would; the rest of step 1 is as written. The
container has a network of its own, which it may filter.
"""

import json
import re
import time
from dataclasses import dataclass

from tests.stage.container_engine import CERTIFICATES, StageFailed, call
from tests.stage.documented_commands import blocks
from tests.stage.images import BASE
from tests.stage.simulated_host import DOMAIN, RECORD, TYPING_TIMEOUT_S, SimulatedHost
from tests.stage.stack_checks import Figures, until

NETWORK = "bare"
HOST, OUTSIDE = "bare", "outside"
OPEN = [22, 80, 443]
CLOSED = [3000, 5432, 6379, 8000]
CONNECT_TIMEOUT_S = 2.0
CERTIFICATE = CERTIFICATES / "ca-certificates.crt"
SYSTEMCTL = """\
cat >/usr/local/sbin/systemctl <<'STANDIN'
#!/bin/sh
set -eu
unit=/lib/systemd/system/$2.service
test -e "$unit"
if [ "$1" = restart ]; then $(sed -n 's/^ExecStart=//p' "$unit"); fi
STANDIN
chmod +x /usr/local/sbin/systemctl
"""
LISTEN = """
import json, selectors, socket, sys
waiting = selectors.DefaultSelector()
for port in json.loads(sys.argv[1]):
    waiting.register(socket.create_server(("::", port), family=socket.AF_INET6,
                     dualstack_ipv6=True), selectors.EVENT_READ)
while True:
    for key, _ in waiting.select():
        line, _ = key.fileobj.accept()
        line.sendall(b"here")
        line.close()
"""
"""Says "here" to whoever connects to one of the ports, by IPv4 or IPv6."""
CONNECT = """
import json, socket, sys
addresses, ports, timeout_s = json.loads(sys.argv[1])
heard = []
for address in addresses:
    for port in ports:
        try:
            with socket.create_connection((address, port), timeout_s) as line:
                heard.append([address, port, line.recv(9).decode()])
        except OSError:
            pass
print(json.dumps(heard))
"""


@dataclass(frozen=True)
class BareDebian:
    """A container that is a host of the page, and another one outside, on one network."""

    host: SimulatedHost

    def begin(self) -> None:
        """Make both, and the network; something listens on each port of either."""
        engine = self.host.engine
        engine.podman("network", "create", "--ipv6", NETWORK)
        common = ("run", "--detach", "--network", NETWORK)
        engine.podman(
            *common, "--name", HOST, "--cap-add", "NET_ADMIN",
            "--volume", f"{self.host.source}:/source:ro",
            "--volume", f"{CERTIFICATE}:/believed.pem:ro", "--env", "PIP_CERT=/believed.pem",
            BASE, "sleep", "infinity",
        )  # fmt: skip
        engine.podman(*common, "--name", OUTSIDE, BASE, "sleep", "infinity")
        for name in (HOST, OUTSIDE):
            ports = json.dumps(OPEN + CLOSED)
            engine.podman("exec", "--detach", name, "python3", "-c", LISTEN, ports)

    def type_in(self, commands: str) -> str:
        """Run commands on the host in one shell; return what was written.

        Raises StageFailed at the first one that fails.
        """
        return call(
            ["podman", "exec", HOST, "bash", "-euo", "pipefail", "-c", commands],
            self.host.engine.environment,
            timeout_s=TYPING_TIMEOUT_S,
            record=self.host.engine.folder / RECORD,
        )

    def addresses(self, name: str) -> list[str]:
        """Return a container's IPv4 and IPv6 address."""
        where = f'{{{{with index .NetworkSettings.Networks "{NETWORK}"}}}}'
        told = f"{where}{{{{.IPAddress}}}} {{{{.GlobalIPv6Address}}}}{{{{end}}}}"
        return self.host.engine.podman("inspect", "--format", told, name).split()

    def heard(self, by: str, of: str) -> list[int]:
        """Return the ports of a container at which another one hears something.

        Raises StageFailed when they are not the same by IPv4 and by IPv6.
        """
        asked = json.dumps([self.addresses(of), OPEN + CLOSED, CONNECT_TIMEOUT_S])
        told = json.loads(self.host.engine.podman("exec", by, "python3", "-c", CONNECT, asked))
        first, second = (
            sorted(port for at, port, said in told if at == address and said == "here")
            for address in self.addresses(of)
        )
        if first != second:
            raise StageFailed(f"by IPv4 the ports {first} of {of} are open, by IPv6 {second}")
        return first


def run_bare(host: SimulatedHost) -> Figures:
    """Steps 1, 3 and 4: the ports that the page opens are open and no other, what the host asks for
    comes, and the page's packages are all that `./neo init` and `./neo dns` need.

    Raises StageFailed.
    """
    bare = BareDebian(host)
    bare.begin()
    started = time.monotonic()
    until(lambda: bare.heard(OUTSIDE, HOST) == OPEN + CLOSED, "every port open without a firewall")
    bare.type_in(SYSTEMCTL)
    bare.type_in(blocks("### 1.")[0])
    if (heard := bare.heard(OUTSIDE, HOST)) != OPEN:
        raise StageFailed(f"with the firewall the ports {heard} are open, not {OPEN}")
    if (heard := bare.heard(HOST, OUTSIDE)) != OPEN + CLOSED:
        raise StageFailed(f"behind the firewall, only the ports {heard} of others answer")
    bare.type_in(blocks("### 3.")[0].replace("<this repository>", "/source"))
    names, _check = blocks("### 4.")[0].splitlines()
    told = bare.type_in(f"cd /opt/neo\n{names}")
    if not re.search(rf"^ai-api\.{DOMAIN}\.\s+3600\s+IN\s+A\s+203\.0\.113\.7$", told, re.MULTILINE):
        raise StageFailed(f"{names} says {told}")
    took_s = time.monotonic() - started
    host.engine.podman("rm", "--force", "--time", "0", HOST, OUTSIDE)
    return Figures("bare", took_s)
