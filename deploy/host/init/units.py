"""systemd units for a host without Docker, one per program, from deploy/host/systemd/unit.template.

systemd.exec(5) documents each line; docs/decisions/0072-systemd-units.md lists those left out.
"""

from pathlib import Path
from string import Template

from deploy.host.init.plan import Service

TEMPLATE = "unit.template"


def write_units(root: Path, service: Service, python: Path) -> list[Path]:
    """Write the units of a service to deploy/host/systemd/units/; return their paths."""
    template = Template(
        (root / "deploy" / "host" / "systemd" / TEMPLATE).read_text(encoding="utf-8")
    )
    folder = root / "deploy" / "host" / "systemd" / "units"
    folder.mkdir(exist_ok=True)
    written = []
    for program in service.programs:
        path = folder / f"neo-{service.name}-{program}.service"
        path.write_text(_unit(template, root, service, program, python), encoding="utf-8")
        written.append(path)
    return written


def _unit(template: Template, root: Path, service: Service, program: str, python: Path) -> str:
    secrets = root / "deploy" / "secrets" / service.env
    credentials = [f"LoadCredential={name}:{secrets / name}" for name in service.credentials]
    if service.vault:
        credentials.append(f"Environment={service.vault_variable}=%d/{service.vault}")
    return template.substitute(
        title=f"Code du Travail Neo: {service.package} {program}",
        documentation=root / "docs" / "operating.md",
        command=f"{python} -m {service.package} {program}",
        environment=root / "deploy" / "env" / f"{service.env}.env",
        credentials="\n".join(credentials),
        state=service.package,
        memory=service.memory,
        # Model libraries generate code at run time.
        executable="no" if service.name == "ai" else "yes",
    )
