"""What `./neo run` says once it answers."""

import json
import sys

from deploy.local.layout import KEYS
from deploy.local.listening import host_names
from deploy.local.terminal import say

GREETING = """
Code du Travail Neo answers.
  page  {url}/
  desk  {url}/console   (first: ./neo console account add NAME --role owner)
{keys}  try   ./neo ask "{question}"
  curl  curl -s {url}/api/v1/chat -H "X-API-Key: $(cat .neo/keys/inference)" \\
          -H "Content-Type: application/json" -d '{body}'
  see   ./neo status, ./neo logs -f
  stop  Ctrl-C, or ./neo stop
"""
QUESTION = "Quelle est la durée du préavis en cas de démission ?"


def greet(url: str, host: str, made: list[str]) -> None:
    """Print the addresses; show the new keys, once. `host` is where ai_core listens."""
    body = {"messages": [{"role": "user", "content": QUESTION}]}
    keys = [f"  key   {name}: {(KEYS / name).read_text().strip()}" for name in made]
    keys.append("  keys  kept in .neo/keys, for you alone (0600)\n")
    sys.stdout.write(
        GREETING.format(
            url=url,
            keys="\n".join(keys),
            question=QUESTION,
            body=json.dumps(body, ensure_ascii=False),
        )
    )
    sys.stdout.flush()
    if names := host_names(host):
        say(
            f"open to every machine that reaches {', '.join(names)}, without encryption: for other "
            "people put nginx before it (docs/edge.md)"
        )
