"""GET /api/v1/health, /live, /ready, and the metrics."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse

from ai_core.api.dependencies import API, AdminAdmittedDep, HealthDep, HostMetricsDep
from ai_core.api.openapi import KEY_ERRORS, METRICS_TEXT
from ai_core.errors import CorpusMissing, EngineStarting, ModelUnusable, NoMemory
from shared.ai.contract import HealthReply, ProbeReply
from shared.errors import Unavailable
from shared.web.openapi import KEY_SCHEMES, errors

router = APIRouter(tags=["health"])
METRICS: dict[str, Any] = {
    "summary": "Prometheus metrics",
    "dependencies": KEY_SCHEMES,
    "response_class": PlainTextResponse,
    "responses": METRICS_TEXT | errors(*KEY_ERRORS),
}
"""How the metrics are documented at either address."""


@router.get("/live", summary="Liveness probe", responses=errors())
async def live() -> ProbeReply:
    """Answers 200 while the process lives."""
    return ProbeReply(status="live")


@router.get(
    "/ready",
    summary="Readiness probe",
    responses=errors(CorpusMissing, EngineStarting, ModelUnusable, NoMemory, Unavailable),
)
async def ready(health: HealthDep) -> ProbeReply:
    """Answers 200 when a question can be answered, 503 otherwise.

    The law must be there, the keys must have been read, no model may be restarting, and the default
    model must not have failed to load.
    """
    await health.require_ready()
    return ProbeReply(status="ready")


@router.get(f"{API}/health", summary="Health summary", responses=errors())
async def summary(health: HealthDep) -> HealthReply:
    """State of the parts, age of the law, queue of each model. No key is needed."""
    return await health.summary()


@router.get(f"{API}/metrics", **METRICS)
@router.get("/metrics", **METRICS)
async def metrics(
    host_metrics: HostMetricsDep, health: HealthDep, _caller: AdminAdmittedDep
) -> Response:
    """Metrics in Prometheus's text format. Key: admin, on every address."""
    found = await health.summary()
    host_metrics.parts.labels("redis").set(found.redis == "up")
    if found.postgres != "off":
        host_metrics.parts.labels("postgres").set(found.postgres == "up")
    host_metrics.parts.labels("corpus").set(found.corpus is not None)
    return Response(await host_metrics.text(), media_type=CONTENT_TYPE_LATEST)
