"""The tables that answers are made with, read once when a service starts."""

from typing import NamedTuple

from ai_core.answering.calculation.version import calculation_version
from ai_core.answering.calculation.writing import questions_of_inputs
from ai_core.answering.missing_law import MissingLaws
from ai_core.answering.public_services import PublicService, read_public_services
from ai_core.answering.understanding.clarifications import Clarifications


class Tables(NamedTuple):
    """What answers read of files that no setting names."""

    services: dict[str, PublicService]
    missing_laws: MissingLaws
    clarifications: Clarifications
    calculation_version: str


def read_tables() -> Tables:
    """Read the tables."""
    services = read_public_services()
    clarifications = Clarifications.read(of_inputs=questions_of_inputs())
    return Tables(services, MissingLaws.read(services), clarifications, calculation_version())
