"""GET /api/v1/health, /live, /ready, and the metrics."""

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ai_core.api.dependencies import (
    API,
    GATE_PROBLEMS,
    KEY_SCHEMES,
    AdminAdmittedDep,
    HealthDep,
    VitalsDep,
    problems,
)
from shared.ai.contract import HealthReply, SignOfLife

router = APIRouter(tags=["health"])


@router.get("/live")
async def live() -> SignOfLife:
    """Tell that the process answers."""
    return SignOfLife(status="live")


@router.get("/ready", responses=problems(503))
async def ready(health: HealthDep) -> SignOfLife:
    """Tell that a question can be answered now; 503 says why not."""
    await health.require_ready()
    return SignOfLife(status="ready")


@router.get(f"{API}/health")
async def summary(health: HealthDep) -> HealthReply:
    """Say how the parts are, and how old the law is; open to everybody, hence without details."""
    return await health.summary()


@router.get(f"{API}/metrics", dependencies=KEY_SCHEMES, responses=problems(*GATE_PROBLEMS))
@router.get("/metrics", dependencies=KEY_SCHEMES, responses=problems(*GATE_PROBLEMS))
async def metrics(vitals: VitalsDep, health: HealthDep, _caller: AdminAdmittedDep) -> Response:
    """Return the measures, in Prometheus's text format."""
    found = await health.summary()
    vitals.parts.labels("redis").set(found.redis == "up")
    vitals.parts.labels("corpus").set(found.corpus is not None)
    return Response(await vitals.text(), media_type=CONTENT_TYPE_LATEST)
