"""Prometheus metrics of HTTP requests, by route, method and status."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import Scope

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 30, 60)


class HttpMetrics:
    """Counts and durations of requests by route, never by caller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "http_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "From the request's first byte to the answer's last.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.open = Gauge(
            "http_requests_open",
            "Requests being answered now.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def record(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request; the labels' children are cached, as a look-up costs more."""
        children = self._children.get((route, method, status))
        if children is None:
            counted = self.requests.labels(route, method, str(status))
            children = self._children[route, method, status] = counted, self.seconds.labels(route)
        children[0].inc()
        children[1].observe(seconds)


def route_template(scope: Scope) -> str:
    """Return the route that answered a request, "unmatched" for none.

    FastAPI names its routes in the scope, Starlette only their endpoints: a route without
    parameters is its own path.
    """
    route = getattr(scope.get("route"), "path", None)
    if route is None and scope.get("endpoint") and not scope.get("path_params"):
        route = scope["path"]
    return route or "unmatched"
