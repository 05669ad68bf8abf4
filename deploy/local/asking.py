"""`./neo ask "…"`: one question to the ai_core that runs here, or to another one."""

import json
import sys
import textwrap
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from deploy.local.command_line import Parser
from deploy.local.errors import Stop
from deploy.local.layout import KEYS, shown
from deploy.local.ports import PORTS
from deploy.local.running import running
from deploy.local.terminal import progress

URL = f"http://127.0.0.1:{PORTS['ai']}"
TIMEOUT_S = 300.0
WIDTH = 100
SLOW_S = 2.0


def ask(rest: list[str]) -> int:
    """Ask a question and show its answer with the sources."""
    parser = Parser(prog="./neo ask", description=ask.__doc__)
    parser.add_argument("question", nargs="+", help="in quotes or not; French, English, Thai …")
    parser.add_argument("--model", help="the model that answers (./neo model list)")
    parser.add_argument("--agreement", metavar="IDCC", help="a collective agreement, as 1486")
    parser.add_argument("--url", help=f"of another ai_core (default {URL}, or where ours runs)")
    parser.add_argument("--key-file", type=Path, default=KEYS / "inference")
    parser.add_argument("--json", action="store_true", help="the whole reply, for programs")
    options = parser.parse_args(rest)
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": " ".join(options.question)}],
        "store": False,
    }
    given = {"model": options.model, "agreement": options.agreement}
    body |= {name: value for name, value in given.items() if value}
    found = running()
    url = options.url or (found and found.addresses.get("ai")) or URL
    reply = asked(url.rstrip("/"), key(options.key_file), body)
    sys.stdout.write(json.dumps(reply, ensure_ascii=False) + "\n" if options.json else text(reply))
    return 0


def key(file: Path) -> str:
    """Return the API key in a file. Raises Stop."""
    try:
        return file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise Stop(
            f"there is no key in {shown(file)}: ./neo run makes one, --key-file names another"
        ) from None


def asked(url: str, api_key: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to a question. Raises Stop with the service's own words for an error."""
    if not url.startswith(("http://", "https://")):
        raise Stop(f"{url} is no address: it begins with http:// or https://")
    request = urllib.request.Request(  # noqa: S310 - checked above
        f"{url}/api/v1/chat",
        data=json.dumps(body).encode(),
        headers={"X-API-Key": api_key, "Content-Type": "application/json"},
    )
    try:
        with (
            progress("asking", after_s=SLOW_S),
            urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply,  # noqa: S310
        ):
            found: dict[str, Any] = json.loads(reply.read())
    except urllib.error.HTTPError as error:
        raise Stop(f"{url} answers {error.code}: {_detail(error.read())}") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise Stop(f"{url} does not answer ({reason}): ./neo run starts the services") from None
    return found


def _detail(body: bytes) -> str:
    """Return the sentence in a problem document (RFC 9457)."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def text(reply: dict[str, Any]) -> str:
    """Return an answer for a terminal: its text, its sources, and that it is no advice."""
    paragraphs = [reply["response"]]
    if reply.get("clarification"):
        paragraphs.append(str(reply["clarification"].get("question", "")))
    sources = [
        f"[{number}] {source['title']}: {source['url']}"
        for number, source in enumerate(reply.get("citations") or (), 1)
    ]
    paragraphs += ["\n".join(sources), reply.get("notice") or ""]
    lines = [wrapped(line) for part in filter(None, paragraphs) for line in [*part.split("\n"), ""]]
    return "\n".join(lines).rstrip() + "\n"


def wrapped(line: str) -> str:
    """Return a line broken at WIDTH, addresses left whole."""
    return textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)
