"""The tracing a process begins with, as its operator asks for it.

Off, what traces is not even imported. On, spans go to a collector by OTLP over HTTP, joined by W3C
trace context (https://www.w3.org/TR/trace-context/) from nginx to the engine.
"""

from functools import lru_cache

from shared.settings import TracingSettings, WrongSettings
from shared.web.tracing import Tracing


@lru_cache
def tracing_of(service: str, settings: TracingSettings) -> Tracing:
    """Return the tracing of a service in this process: one, however often it is asked for.

    Raises WrongSettings when traces are wanted and their packages are missing.
    """
    if not settings.url:
        return Tracing()
    try:
        from shared.web.open_telemetry import OpenTelemetry  # only here: its packages may be absent
    except ModuleNotFoundError as missing:
        raise WrongSettings(
            f"traces need the extra [tracing]: {missing.name} is missing"
        ) from missing
    return OpenTelemetry(service, settings)
