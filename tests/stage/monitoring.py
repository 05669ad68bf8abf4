"""Step 10 of docs/operating.md on a machine that runs: Prometheus measures its service, and a fault
is told in a letter.

Grafana, which Debian does not have, is left out of the machine's compose file. The relay that takes
the letter is in Alertmanager's own network, for a password is given without TLS on loopback alone.
"""

import json
import re
import urllib.parse
import urllib.request

import yaml

from tests.stage.container_engine import StageFailed
from tests.stage.documented_commands import blocks
from tests.stage.images import BASE
from tests.stage.simulated_host import PROMETHEUS_PORT, SimulatedHost
from tests.stage.stack_checks import until

COMPOSE = "docker-compose.watch.yml"
UNPACKAGED = frozenset({"grafana", "loki", "fluent-bit"})
"""Services of the compose file whose programs Debian has no package of."""
RELAY = "relay"
RELAY_PORT = 2_525
OPERATOR = "operators@example.org"
TOLD_LINES = (
    f"ALERTS_MAIL__TO={OPERATOR}",
    "ALERTS_MAIL__SENDER=alerts@example.org",
    f"ALERTS_MAIL__RELAY=127.0.0.1:{RELAY_PORT}",
    "ALERTS_MAIL__USER=alerts@example.org",
    "ALERTS_MAIL__TLS=false",
)
"""Who is told, and where the relay is."""
PASSWORD = "the relay takes it"  # noqa: S105 - the page's own
ASK_TIMEOUT_S = 5.0
TAKE = """
import base64, json, socketserver, sys
known = base64.b64encode("\\0".join(["", *sys.argv[2:4]]).encode()).decode()

class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\\r\\n")

    def hear(self):
        return self.rfile.readline().decode().rstrip("\\r\\n")

    def handle(self):
        welcome, to = False, []
        self.say("220 relay")
        while line := self.hear():
            word = line.split()[0].upper()
            if word == "EHLO":
                self.say("250-relay")
                self.say("250 AUTH PLAIN")
            elif word == "AUTH":
                welcome = line.split()[2] == known
                self.say("235 welcome" if welcome else "535 who is that?")
            elif word == "QUIT":
                return self.say("221 bye")
            elif not welcome:
                self.say("530 not without a password")
            elif word == "DATA":
                self.say("354 go on")
                letter = list(iter(self.hear, "."))
                print(json.dumps({"to": to, "letter": letter}), flush=True)
                self.say("250 taken")
            else:
                to += [line.partition(":")[2]] if word == "RCPT" else []
                self.say("250 ok")

socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Session).serve_forever()
"""
"""An SMTP server (RFC 5321, AUTH PLAIN of RFC 4954) that prints what one user gives it."""


def watch(machine: SimulatedHost, project: str, service: str) -> float:
    """Type step 10; return the seconds from the service's stop to the letter that tells of it.

    Raises StageFailed.
    """
    leave_unpackaged_out(machine)
    block = blocks("### 10.")[0]
    settings, init, keys_and_start = re.split(r"^(\./neo init .*\n)", block, flags=re.MULTILINE)
    machine.type_in(settings, typed="\n".join(TOLD_LINES))
    machine.type_in(by_image(machine.type_in(init)))
    without_tunnel = re.sub(r"^ssh .*\n", "", keys_and_start, flags=re.MULTILINE)
    machine.type_in(without_tunnel, {"acme,backup,watch": "backup,watch"})
    begin_relay(machine, f"{project}_alertmanager_1")
    until(lambda: up("ai_core") == up("alertmanager") == 1, "ai_core measured with the key typed")
    machine.engine.podman("stop", f"{project}_{service}_1")
    waited_s = until(
        lambda: told(machine, "ServiceDown ai_core"), "a letter about the lost service"
    )
    machine.type_in("docker compose up -d")
    until(lambda: up("ai_core") == 1, "ai_core measured again")
    machine.engine.podman("rm", "--force", RELAY)
    return waited_s


def leave_unpackaged_out(machine: SimulatedHost) -> None:
    """Take what has no stand-in out of the machine's compose file."""
    path = machine.tree / COMPOSE
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    for service in UNPACKAGED:
        del whole["services"][service]
    path.write_text(yaml.safe_dump(whole), encoding="utf-8")


def by_image(told: str) -> str:
    """Return the command that `./neo init` says, to configure Alertmanager by an image.

    Raises StageFailed when it says none: what is shown then is not what a fresh Debian does.
    """
    found = re.search(r"^ *(docker run .*)$", told, re.MULTILINE)
    if not found:
        raise StageFailed(f"./neo init does not say how Alertmanager is configured: {told}")
    return found[1]


def begin_relay(machine: SimulatedHost, beside: str) -> None:
    """Start the relay in a container's network, for the user and the password of the page."""
    network = f"ns:/proc/{machine.engine.pid(beside)}/ns/net"
    machine.engine.podman(
        "run", "--detach", "--name", RELAY, "--network", network, BASE,
        "python3", "-c", TAKE, str(RELAY_PORT), "alerts@example.org", PASSWORD,
    )  # fmt: skip


def told(machine: SimulatedHost, subject: str) -> bool:
    """Return whether the operator has had a letter with this subject."""
    letters = [json.loads(line) for line in machine.engine.podman("logs", RELAY).splitlines()]
    return any(
        each["to"] == [f"<{OPERATOR}>"] and f"Subject: [FIRING] {subject}" in each["letter"]
        for each in letters
    )


def up(job: str) -> float:
    """Return whether Prometheus gets measures from a job (1), or not. Raises OSError."""
    query = urllib.parse.urlencode({"query": f'min(up{{job="{job}"}})'})
    where = f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/query?{query}"
    with urllib.request.urlopen(where, timeout=ASK_TIMEOUT_S) as reply:
        found = json.load(reply)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0
