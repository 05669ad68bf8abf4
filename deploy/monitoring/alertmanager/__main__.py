"""`python -m deploy.monitoring.alertmanager FILE`: write its configuration, for its owner alone."""

import sys
from pathlib import Path

from deploy.local.private_files import write_private
from deploy.monitoring.alertmanager.rendering import AlertSettings, configuration
from shared.settings import WrongSettings, read_settings


def main(arguments: list[str]) -> int:
    """Write it; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m deploy.monitoring.alertmanager FILE\n")
        return 2
    try:
        write_private(Path(arguments[0]), configuration(read_settings(AlertSettings)))
    except (WrongSettings, OSError) as error:
        sys.stderr.write(f"alertmanager: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
