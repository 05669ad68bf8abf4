"""`python -m deploy.monitoring.grafana`: write the dashboards' JSON files."""

import json
from pathlib import Path

from deploy.monitoring.grafana.dashboards import ALL

FOLDER = Path(__file__).parent / "json"


def files() -> dict[Path, str]:
    """Return every dashboard's file and its text."""
    return {
        FOLDER / f"{dashboard.uid}.json": json.dumps(dashboard.document(), indent=1) + "\n"
        for dashboard in ALL
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
