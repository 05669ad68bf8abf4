"""`python -m deploy.host.edge --to /etc/nginx`: write nginx's configuration, without Docker."""

import argparse
import os
import sys
from pathlib import Path

from deploy.host.edge.rendering import EXAMPLE, HOSTS, MissingVariable, read_variables, render


def main(arguments: list[str]) -> int:
    """Write the configuration; return an exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.host.edge", description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="folder of nginx.conf")
    parser.add_argument("--env", type=Path, help="file of NGINX_… variables over the defaults")
    parser.add_argument("--hosts", default=",".join(HOSTS), help=f"of {', '.join(HOSTS)}")
    parser.add_argument("--systemd", action="store_true", help="log to systemd's journal")
    options = parser.parse_args(arguments)
    chosen = options.hosts.split(",")
    if not set(chosen) <= set(HOSTS):
        parser.error(f"--hosts takes {', '.join(HOSTS)}")
    variables = read_variables(EXAMPLE)
    if options.env:
        variables |= read_variables(options.env)
    variables |= {name: value for name, value in os.environ.items() if name.startswith("NGINX_")}
    try:
        render(options.to, variables, chosen, journal=options.systemd)
    except (MissingVariable, OSError) as reason:
        sys.stderr.write(f"neo: {reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
